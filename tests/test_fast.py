"Compiled and low-rank forms say what the slow ones say, on the sizes that are raced; the benchmark's own parts work."
import shutil

import numpy as np, pandas as pd, pytest, torch, torch.nn.functional as F

from afgsbir.core import outputs_root
from afgsbir.backbone import Encoder, load_backbone
from afgsbir.gallery import Embedder, build_shortlist, exact, read_rows, search
from afgsbir.meta import compiled
from afgsbir.pairs import load_collection
from afgsbir.race import COLUMNS
from peers import (PEERS, Drawing, adapt_to, by_copies, by_task, draw_gallery, first_answer, head_steps, learner_for,
                   one_product, person, read_once, recall, some_tasks, train_head, whole_steps)


def gradients(loss, parameters):
    loss.backward()
    return [loss.detach(), *(p.grad for p in parameters)]


def assert_same(a, b):
    for x, y in zip(a, b, strict=True): torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('name', PEERS)
@pytest.mark.parametrize('sizes, d', [((8, 5, 10, 1280), 64), ((3, 4, 5, 40), 6)])
def test_peers_compute_the_same(name, sizes, d):
    if name in ('higher', 'torchopt'):
        pytest.importorskip(name, reason=f"{name} is not installed; pip install 'afgsbir[bench]'")
    xs, xp, e = some_tasks(*sizes)
    ours, theirs = learner_for(sizes[-1], d), dict(learner_for(sizes[-1], d).adapter.params)
    a = gradients(ours.match(by_task(xs, e), by_task(xp, e), e).mean(), ours.adapter.params.values())
    b = gradients(PEERS[name](theirs, by_task(xs, e), by_task(xp, e), e), theirs.values())
    assert_same(a, b)


def test_match_is_a_term_of_the_learner():
    xs, xp, e = some_tasks(3, 4, 5, 40)
    learner = learner_for(40, 6)
    torch.testing.assert_close(learner(xs, xp, e)['match'], learner.match(by_task(xs, e), by_task(xp, e), e).mean())


@pytest.mark.skipif(not (shutil.which('g++') or shutil.which('clang++')), reason='torch.compile needs a C++ compiler')
@pytest.mark.parametrize('options', [dict(), dict(adapts=False), dict(margin='predicted')])
def test_compiled_computes_the_same(options):
    xs, xp, e = some_tasks(3)
    def told(learner):
        trained = [p for p in learner.adapter.parameters() if p.requires_grad]
        return gradients(learner.match(by_task(xs, e), by_task(xp, e), e).mean(), trained)
    assert_same(told(learner_for(**options)), told(compiled(learner_for(**options))))


def test_steps_run():
    given = head_steps(*some_tasks(2, 3, 4, 20), peers={'copies of M': by_copies})
    assert list(given) == ['ours', 'plain', 'copies of M']
    whole = whole_steps(torch.rand(20, 3, 32, 32), some_tasks(2, 2, 3, 4)[2], {'copies of M': by_copies})
    assert list(whole) == ['ours', 'plain', 'copies of M', 'bare forward + backward']
    for step in [*given.values(), *whole.values()]: step()


@pytest.fixture(scope='module')
def real():
    torch.manual_seed(0)
    return F.normalize(torch.randn(300, 8)@torch.randn(8, 24) + 3*torch.randn(24), dim=1)


def test_drawn_features_are_spread_like_real_ones(real):
    many = Drawing(real)(5000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(many.mean(0), real.mean(0), atol=.02, rtol=0)
    axes = torch.linalg.svd(real-real.mean(0), full_matrices=False)[2]
    ratio = ((many-many.mean(0))@axes.T).std(0)[:8]/((real-real.mean(0))@axes.T).std(0)[:8]
    assert ((ratio > .9) & (ratio < 1.1)).all(), ratio             # in every direction that matters


def test_drawn_gallery_begins_with_the_real_photos(real, tmp_path):
    g = draw_gallery(tmp_path/'g', real, 700, segment=256)
    assert (len(g), len(g.rows)) == (700, 3)
    torch.testing.assert_close(read_rows(g, range(300)), real, atol=1e-3, rtol=0)
    read_once(g)
    one_product(500, torch.randn(8, 24), 128)()


def test_a_person_is_answered(tmp_path):
    emoji = load_collection('emoji')
    encoder = Encoder(load_backbone(), cut=0, depth=8, pool='grid2').requires_grad_(False)
    have = train_head(emoji, encoder, size=32, steps=3, d=16)
    assert have.photos.shape[1] == encoder.dim and len(have.sketches) == len(emoji.sketches)
    who = person(have, 0)
    assert who.sketch.shape == (1, 5, encoder.dim) and who.query.shape == (5, encoder.dim)
    g = draw_gallery(tmp_path/'g', have.photos, 1500)
    index = build_shortlist(g, Embedder(have.adapter.params))
    query, after, before = adapt_to(have.adapter, who)
    true = exact(g, query, after)[1]
    assert recall(search(g, index, query, after, before, short=1500)[1], true) == 1
    assert torch.equal(first_answer(have, who, g, index, short=1500), true[:1])
    other = exact(g, *adapt_to(have.adapter, who, times=50.)[:2])[1]                 # a longer step, other answers
    assert not torch.equal(other, true)


def test_recall_counts_what_both_hold():
    assert recall(torch.tensor([[1, 2, 3, 4]]), torch.tensor([[4, 3, 9, 8]])) == .5


def test_reference_rows():
    "What `make bench` wrote has the columns that are promised, and a measured target wherever one was set"
    file = outputs_root()/'bench'/'rows.csv'
    if not file.is_file(): pytest.skip(f'{file}: not there; run make bench')
    rows = pd.read_csv(file)
    assert list(rows) == COLUMNS and COLUMNS[:7] == 'group,case,peer,metric,value,unit,ratio'.split(',')
    assert set(rows.group) == {'meta-training', 'data path', 'memory', 'adaptation', 'gallery', 'door'}
    assert np.isfinite(rows.value).all() and (rows.value >= 0).all() and (rows.ratio > 0).all()
    aims = rows[rows.target.notna()]
    assert len(aims) > 15 and ((aims.ratio >= aims.target) == (aims.met.astype(str) == 'True')).all()
