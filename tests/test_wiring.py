"Wiring that only its consequences show: each test here fails for one bug that would change numbers in silence."

import numpy as np, pandas as pd, pytest, torch, torch.nn.functional as F, yaml

from afgsbir import train
from afgsbir.adapt import embed_fast
from afgsbir.asking import evaluate, permutation_test
from afgsbir.base import PHOTO, SKETCH, project, unmoved
from afgsbir.core import rng
from afgsbir.meta import Adapter, Match, stepped
from afgsbir.pairs import load_collection, write_collection
from afgsbir.regularisers import SCALE, Regularisers
from afgsbir.tasks import Episodes, Features, make_task
from afgsbir.train import batch_at, load_tensors, settings, validate
from afgsbir.views import Maps
from test_runs import SMOKE, run
from test_systems import went


def test_both_kinds_fool_the_judge():
    "L_D reverses the gradient of photos as of sketches, and leaves the judge's own as it is"
    chance = torch.Generator().manual_seed(0)
    x = [torch.randn(n, 5, generator=chance).requires_grad_() for n in (3, 4)]
    terms = Regularisers(5, 2, domain=1.)
    labels = [torch.zeros(len(t), dtype=torch.long) for t in x]
    truth = torch.tensor([1.]*3+[0.]*4)
    plain = F.binary_cross_entropy_with_logits(terms.domain.judge(torch.cat(x)*SCALE).squeeze(1), truth)
    judge = list(terms.parameters())
    want, found = (torch.autograd.grad(loss, [*x, *judge]) for loss in (plain, terms(*x, *labels)['domain']))
    for sign, a, b in zip([-1, -1, 1, 1, 1, 1], want, found):
        assert a.abs().max() > 0 and torch.allclose(sign*a, b)


def episodes(t=2, k=3, q=4, m=9, dim=6):
    "Features and episodes: queries ask for new photos; two of the support show one photo; a photo is padding"
    chance = torch.Generator().manual_seed(1)
    own = torch.stack([torch.randperm(m-1, generator=chance)[:k+q] for _ in range(t)])
    own[:, 1] = own[:, 0]
    rows = torch.zeros(t, m, dtype=torch.long)
    valid = torch.arange(m) < torch.tensor([[m-1], [m]])
    e = Episodes(torch.zeros(t, k+q, dtype=torch.long), rows, own, valid, torch.arange(t), k)
    unit = lambda *shape: F.normalize(torch.randn(*shape, generator=chance), dim=-1)
    return unit(t, k+q, dim).requires_grad_(), unit(t, m, dim).requires_grad_(), e


def asked(adapter, xs, xp, e, support, query):
    "The outer triplet loss (margin .2) of one task at a time, by hand: adapted on some sketches, asked others"
    losses = []
    for x, p, own, valid in zip(xs, xp, e.own, e.valid):
        p = p[:valid.sum()]
        fast = adapter(x[None, support], p[None, own[support]], own[None, support])
        z, y = embed_fast(fast, x[None, query], SKETCH)[0], embed_fast(fast, p[None], PHOTO)[0]
        gaps = [(z[i]-y[j]).norm() - (z[i]-y[n]).norm()
                for i, j in enumerate(own[query]) for n in range(len(p)) if n != j]
        losses.append(F.relu(torch.stack(gaps)+.2).mean())
    return torch.stack(losses)


def test_a_swapped_episode_asks_what_it_did_not_adapt_to():
    "Match with `swap`: adapted on the support and asked the queries, then the other way round; its gradients too"
    torch.manual_seed(0)
    xs, xp, e = episodes()
    adapter = Adapter(6, 4, rate=2., margin='predicted', soft=.1)
    torch.nn.init.normal_(adapter.margin.head[2].weight)
    there = asked(adapter, xs, xp, e, torch.arange(3), torch.arange(3, 7))
    back = asked(adapter, xs, xp, e, torch.arange(3, 6), torch.arange(3))
    itself = asked(adapter, xs, xp, e, torch.arange(3, 6), torch.arange(3, 6))
    assert (back-itself).abs().min() > 1e-3                       # so that the bug would be seen
    assert torch.allclose(Match(adapter, swap=False)(xs, xp, e), there, atol=1e-5)
    assert torch.allclose(both := Match(adapter)(xs, xp, e), (there+back)/2, atol=1e-5)
    learned = [xs, xp, adapter.log_rate, *adapter.params.values(), *adapter.margin.parameters()]
    for a, b in zip(*(torch.autograd.grad(loss.sum(), learned) for loss in (both, (there+back)/2))):
        assert a.abs().max() > 0 and torch.allclose(a, b, atol=1e-5)
    few = e._replace(own=e.own[:, :5], sketch=e.sketch[:, :5])     # fewer queries than pairs: no other way round
    assert torch.equal(*(Match(adapter, swap=swap)(xs[:, :5], xp, few) for swap in (True, False)))


def test_the_margin_does_not_see_lengths():
    "The predicted margin reads M's outputs at unit length: ten times the same M predicts the same"
    torch.manual_seed(0)
    xs, xp, e = episodes()
    adapter = Adapter(6, 4, margin='predicted')
    torch.nn.init.normal_(adapter.margin.head[2].weight)
    seen = []
    adapter.margin.register_forward_hook(lambda module, given, mu: seen.append(mu.detach()))
    pairs = xs[:, :3], xp.gather(1, e.own[:, :3, None].expand(-1, -1, 6)), e.own[:, :3]
    adapter(*pairs)
    for p in adapter.params.values(): p.data *= 10
    adapter(*pairs)
    assert torch.allclose(*seen, atol=1e-6) and (seen[0]-.3).abs().min() > 1e-3
    z = [F.normalize(project(adapter.params, x, side), dim=-1) for x, side in zip(pairs, (SKETCH, PHOTO))]
    assert torch.allclose(adapter.margin(*z, e.own[:, :3]), seen[0], atol=1e-6)


def test_permutation_test_has_two_sides():
    a = np.linspace(-.5, 1, 12)
    zero = np.zeros(12)
    better, worse = permutation_test(a, zero), permutation_test(zero, a)
    exact = [(signs*a).mean() for signs in np.array(np.meshgrid(*[[-1, 1]]*12)).reshape(12, -1).T]
    both = np.mean(np.abs(exact) >= a.mean()-1e-12)
    assert .05 < both < .3 and better == worse == pytest.approx(both, abs=.015)


SMALL = ['time', 'sport', 'food-prepared', 'game', 'animal-bird', 'place-building', 'book-paper']


def small(root, noise):
    "Some categories of the emoji collection, drawn by two; noise stands for pictures of the test, or what a hand drew"
    c, chance = load_collection('emoji'), rng('noise')
    def reader(table, pixels):
        hidden = table.split == 'test' if noise == 'test' else table.get('sketcher', table.split) == noise
        gone = set(table.row[hidden]) if noise else set()
        def read(row):
            picture = pixels[row]
            return chance.integers(0, 256, picture.shape, np.uint8) if row in gone else picture
        return read
    tables = [t[t.category.isin(SMALL)].assign(path=t.row).drop(columns='row') for t in (c.photos, c.sketches)]
    sketches = tables[1][tables[1].sketcher.isin(['openmoji', 'noto-500'])].drop(columns='photo_row')
    readers = dict(read_photo=reader(c.photos, c.photo_pixels), read_sketch=reader(c.sketches, c.sketch_pixels))
    return write_collection(root, 'emoji', tables[0], sketches, {}, c.card['size'], **readers)


def trained(root, out, monkeypatch):
    "What training, fitting and fine-tuning leave: tensors, histories, choices and rates"
    monkeypatch.setenv('AFGSBIR_COLLECTIONS', str(root))
    short = SMOKE | dict(steps=3, val_every=1)
    for notebook, given in (('40_train', dict(run='fit/t', options=short)), ('42_fit', dict(run='fit/w')),
                            ('41_test', dict(run='test/t', systems=['fit/t'], steps=['finetune'], n_draws=2))):
        went(run(notebook, out, **given))
    tensors = {f'{r} {n}': t for r in 'tw' for n, t in load_tensors(out/f'fit/{r}/system-0.safetensors')[0].items()}
    record = yaml.safe_load((out/'test/t/params.yaml').read_text())
    return (tensors, pd.read_parquet(out/'fit/t/history.parquet'), pd.read_csv(out/'fit/w/choices.csv'),
            record['finetune_rate'], pd.read_csv(out/'test/t/rows.csv'))


def test_no_test_picture_is_looked_at_before_the_test(tmp_path, monkeypatch):
    "Every test picture is replaced by noise: what is trained, fitted and chosen is the same, bit for bit; rows are not"
    cards = [small(tmp_path/n, 'test' if n == 'noise' else '') for n in ('clean', 'noise')]
    assert cards[0]['hash'] != cards[1]['hash']
    (tensors, history, choices, rates, rows), other = (
        trained(tmp_path/n, tmp_path/f'out-{n}', monkeypatch) for n in ('clean', 'noise'))
    assert tensors.keys() == other[0].keys() and all(torch.equal(t, other[0][n]) for n, t in tensors.items())
    pd.testing.assert_frame_equal(history, other[1], check_exact=True)
    pd.testing.assert_frame_equal(choices, other[2], check_exact=True)
    assert rates == other[3] and len(rates) == 1
    assert not np.array_equal(rows['acc@1'], other[4]['acc@1'])


def test_a_hand_that_is_left_out_teaches_nothing(tmp_path, monkeypatch):
    "Whatever that hand drew: training, its history and the rate of fine-tuning are the same; rows are not"
    found = []
    for n, noise in (('clean', ''), ('noise', 'openmoji')):
        small(tmp_path/n, noise)
        monkeypatch.setenv('AFGSBIR_COLLECTIONS', str(tmp_path/n))
        short, out = SMOKE | dict(steps=3, val_every=1, by='sketcher', n_tasks=1), tmp_path/f'out-{n}'
        went(run('40_train', out, run='fit/t', base='meta-predicted', leave='openmoji', options=short))
        went(run('41_test', out, run='test/t', systems=['fit/t'], steps=['finetune', 'paper-predicted'], n_draws=2))
        went(run('47_heads', out, run='fit/h', bases=['none-frozen'], leave='openmoji', options=short | dict(views=2)))
        system, facts = load_tensors(out/'fit/t/system-0.safetensors')
        head, of_head = load_tensors(out/'fit/h/system-none-frozen-0.safetensors')
        system |= {f'head {n}': t for n, t in head.items()}
        assert of_head['tasks'] == facts['tasks'] and of_head['leave'] == 'openmoji' and of_head['by'] == 'sketcher'
        record = yaml.safe_load((out/'test/t/params.yaml').read_text())
        found.append((system, pd.read_parquet(out/'fit/t/history.parquet'), record['finetune_rate'],
                      pd.read_csv(out/'test/t/rows.csv')))
        assert facts['tasks'] == [['noto-500']]*2 and facts['leave'] == 'openmoji' and facts['by'] == 'sketcher'
        assert set(found[-1][3].task) == {'openmoji'} == set(found[-1][3].fold)
        assert facts['settings']['instance'] > 0 == facts['settings']['discriminative'] == facts['settings']['semantic']
    clean, noise = found
    assert all(torch.equal(t, noise[0][n]) for n, t in clean[0].items())
    pd.testing.assert_frame_equal(clean[1], noise[1], check_exact=True)
    assert clean[2] == noise[2] and len(clean[2]) == 1 and not np.array_equal(clean[3]['acc@1'], noise[3]['acc@1'])
    steps = ['paper-predicted', 'nothing']
    went(run('41_test', out, run='test/0', systems=['fit/t'], steps=steps, n_draws=2, n_steps=0))
    still = pd.read_csv(out/'test/0/rows.csv').pivot(index=['k', 'gallery'], columns='step', values='acc@10')
    moved = noise[3].pivot(index=['k', 'gallery'], columns='step', values='acc@10')['paper-predicted']
    assert (still['paper-predicted'] == still['nothing']).all()         # no step: nothing
    assert (moved != still['nothing']).any()
    refused = run('41_test', out, run='test/1', systems=['fit/t'], steps=['finetune'], n_steps=1)
    assert refused.returncode == 2 and 'n_steps=1: finetune takes steps of its own' in refused.stderr


class Numbers:
    "Maps that are the rows and views asked for"
    views = 4
    def held(self, kind, rows, v): return torch.as_tensor(np.stack([rows, v], 1)),
    def seen(self, held, device): return held[0]


def test_a_batch_depends_on_seed_and_step():
    "Other seeds and other steps draw other episodes and other views; half of the tasks are mirrored"
    tasks = [make_task(str(i), range(12), np.arange(12)//2, range(9)) for i in range(6)]
    batch = lambda seed, step: batch_at(step, tasks, Numbers(), settings(n_tasks=4, k=3, seed=seed))
    for other in (batch(1, 7), batch(0, 8)):
        for column in (0, 1): assert not torch.equal(batch(0, 7)[0][:, column], other[0][:, column])
        assert not torch.equal(batch(0, 7)[2].label, other[2].label)
    mirrored = torch.cat([batch(0, step)[1][:, 1] % 2 for step in range(20)])
    assert .3 < mirrored.double().mean() < .7


def test_validation_asks_what_was_trained():
    "The checkpoint of a learner that adapts is chosen by what it does after its step"
    torch.manual_seed(0)
    x = Features(*F.normalize(torch.randn(2, 24, 1, 8), dim=-1))
    tasks = [make_task('a', range(24), range(24), range(24))]
    adapter = Adapter(8, 8, rate=20., two_biases=True)
    learner = torch.nn.Module()
    learner.encoder, learner.adapter, learner.match = None, adapter, Match(adapter)
    found = validate(learner, Maps(x.photos.numpy(), x.sketches.numpy()), tasks, settings(val_draws=8))
    once = dict(protocols=('disjoint',), galleries=('with',))
    rules = stepped(adapter), unmoved(adapter.params)
    after, before = (evaluate(rule, x, tasks, (5,), 8, **once)[0] for rule in rules)
    assert found == pytest.approx([after['acc@1'], after['acc@5']]) and after['acc@5'] != before['acc@5']


def test_validation_tasks_choose(monkeypatch):
    "What chooses a checkpoint is the accuracy of validation tasks; some training tasks are told beside them"
    monkeypatch.setattr(train, 'validate', lambda learner, maps, tasks, s, device: (len(tasks), len(tasks)+.5))
    told = train._watch(None, None, range(30), range(3), None, 'cpu')()
    assert (told['acc1'], told['acc5']) == (3, 3.5) and told['train5'] == told['train1']+.5 > 4


def test_every_seed_is_asked_the_same(tmp_path, monkeypatch):
    "Two seeds of learned steps share their base: a step in which no seed enters gives the same rows, draw by draw"
    small(tmp_path/'emoji', '')
    monkeypatch.setenv('AFGSBIR_COLLECTIONS', str(tmp_path/'emoji'))
    went(run('42_fit', tmp_path, run='fit/w', seeds=[0, 1]))
    went(run('41_test', tmp_path, run='test/w', systems=['fit/w'], steps=['nothing']))
    rows = pd.read_csv(tmp_path/'test/w/rows.csv')
    by_seed = rows.pivot(index=['task', 'k', 'gallery'], columns='seed', values='acc@1')
    assert list(by_seed) == [0, 1] and (by_seed[0] == by_seed[1]).all()
