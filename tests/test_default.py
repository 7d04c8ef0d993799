"A closed-form system as a user fits and tests it: the same rows twice, its file read back, wrong input refused."
from functools import partial

import pandas as pd, pytest, yaml

from afgsbir.asking import evaluate
from afgsbir.base import projections
from afgsbir.baselines import load_system, rule_of
from afgsbir.core import load_rows
from afgsbir.pairs import load_collection
from afgsbir.tasks import mixed, tasks_of, with_pairs
from test_runs import KILLS, SMOKE, killed, moments, run

PARTS = 'foreign shuffled sketches photos unlabelled'.split()
EXTRAS = ['centre+mirror+gallery', *(f'centre:{part}' for part in PARTS)]


@pytest.fixture(scope='module')
def done(tmp_path_factory):
    out = tmp_path_factory.mktemp('whitened')
    for p in (run('42_fit', out, run='fit/a', seeds=[0, 1]),
              *(run('41_test', out, run=f'test/{name}', systems=['fit/a'], extras=EXTRAS) for name in 'ab')):
        assert p.returncode == 0, p.stderr
    return out


def test_same_rows_twice(done):
    a, b = ((done/'test'/n/'rows.csv').read_text().replace(f'test/{n}', 'run') for n in 'ab')
    rows = pd.read_csv(done/'test/a/rows.csv')
    assert a == b and set(rows.base) == {'whitened'} and set(rows.seed) == {0, 1}
    assert set(rows.step) == {'nothing', 'csls', 'csls+gallery', 'centre', *EXTRAS}
    assert (rows.groupby('method').step.nunique() == 1).all() and rows.method.nunique() == rows.step.nunique()


def test_killed_while_fitting(done, tmp_path):
    "kill -9 at moments that a seed picks: in the end the same systems, byte for byte"
    seconds = yaml.safe_load((done/'fit/a/params.yaml').read_text())['wall_seconds']
    killed(tmp_path, '42_fit', moments('fit', KILLS, seconds), run='fit/a', seeds=[0, 1])
    assert run('42_fit', tmp_path, run='fit/a', seeds=[0, 1]).returncode == 0
    for f in (done/'fit/a').glob('system-*'): assert (tmp_path/'fit/a'/f.name).read_bytes() == f.read_bytes()
    assert not [f for f in tmp_path.rglob('*') if f.name.startswith('.')]


def test_saved_system_gives_its_rows(done):
    "A system that is loaded in another process ranks as the run did"
    system = load_system(done/'fit'/'a'/'system-0.safetensors')
    collection = load_collection(system.facts['collection'])
    tasks = tasks_of(collection)[:3]
    z = projections(system.params, system.features(collection, tasks, 2), tasks)
    rows = evaluate(rule_of(system, 'centre'), z, tasks, (5,), 2, protocols=('disjoint',), galleries=('with',))
    kept = pd.read_csv(done/'test/a/rows.csv').query('step == "centre" and k == 5 and seed == 0 and gallery == "with"')
    kept = kept.set_index('task')
    for r in rows: assert abs(kept.loc[r['task'], 'acc@1'] - r['acc@1']) < 1e-6


def test_a_trained_base_under_learned_steps(done, tmp_path):
    "The cells of the grid that are neither: CSLS and the centre on a trained base, learned on its validation tasks"
    for p in (run('40_train', done, run='fit/t', base='triplet', options=SMOKE | dict(steps=4)),
              run('42_fit', done, run='fit/t+', base='fit/t'),
              run('41_test', done, run='test/t', systems=['fit/t+'], ks=[5])):
        assert p.returncode == 0, p.stderr
    rows = pd.read_csv(done/'test/t/rows.csv')
    assert set(rows.base) == {'triplet'} and set(rows.step) == {
        'nothing', 'finetune', 'prolip', 'csls', 'csls+gallery', 'centre'}
    assert set(rows.method) == {'none', 'finetune', 'prolip', 'triplet+csls', 'triplet+csls+gallery', 'triplet+centre'}
    p = run('41_test', done, run='test/u', systems=['fit/t'], steps=['csls'])
    assert p.returncode == 2 and 'csls: no step of this triplet system' in p.stderr
    p = run('41_test', done, run='test/u', systems=['fit/t+'], steps=['finetune:photos'])
    assert p.returncode == 2 and 'finetune:photos: a step that takes pairs' in p.stderr
    assert not (done/'test/u/rows.csv').exists()


BOTH = 'centre+mirror+gallery+belonging+doubt'

def test_six_settings(done):
    "Steps learned where people draw: the base is the same, each setting is asked, the paper's gives the rows it gave"
    every = dict(placements=['centred', 'drawn'], gallery_of=['category', 'mixed', 'any'])
    p = run('42_fit', done, run='fit/people', candidates=['csls', 'csls+gallery', BOTH], **every)
    assert p.returncode == 0, p.stderr
    asked = dict(systems=['fit/people'], steps=['nothing', BOTH], packed=True, ks=[5], **every)
    p = run('41_test', done, run='test/people', **asked)
    assert p.returncode == 0, p.stderr
    one, people = (load_system(done/f'fit/{n}/system-0.safetensors') for n in ('a', 'people'))
    assert all((people.params[n] == t).all() for n, t in one.params.items()) and people.bank.kinds is not None
    assert people.facts['placements'] == every['placements'] and one.bank.kinds is None
    rows = load_rows('test/people', root=done)
    plain = rows[rows.step == 'nothing'].groupby(['gallery_of', 'placement'])['acc@1'].apply(list)
    assert len(plain) == 6 and len({tuple(v) for v in plain}) == 6
    sizes = rows.groupby('gallery_of').n_gallery.mean()
    assert sizes['mixed'] > 5*sizes['category'] and (rows.groupby(['gallery_of', 'placement']).size().nunique() == 1)
    p = run('46_hubs', done, run='hubs', systems=['fit/people'], step=BOTH, n_draws=2, placements=['drawn'],
            gallery_of=['mixed'])
    assert p.returncode == 0, p.stderr
    league = load_rows('hubs', root=done)
    where = ['gallery_of', 'placement', 'task']
    assert league.groupby(['method', 'step']).size().tolist() == [len(league)//10]*10
    one, own = (r.set_index(where)['acc@1'] for r in (league.query('method == "nothing" and step == "nothing"'),
                                                      rows.query('step == "nothing" and k == 5 and gallery == "with"')))
    pd.testing.assert_series_equal(one, own[one.index], check_exact=False)
    def accuracy(method, step): return league.query('method == @method and step == @step')['acc@10'].to_numpy()
    assert (accuracy('QB-Norm', BOTH) != accuracy('inverted softmax', BOTH)).any()
    p = run('49_gates', done, run='gates', systems=['fit/people'], step=BOTH, n_draws=2, placements=['centred'])
    assert p.returncode == 0, p.stderr
    judged, let = load_rows('gates', root=done), load_rows('gates', name='gates', root=done)
    def asked(r, step, q='acc@1'): return r[r.step.eq(step) & r.k.eq(5) & r.gallery.eq('with')].set_index(where)[q]
    for step in ('nothing', BOTH):
        ours = asked(judged, step)
        pd.testing.assert_series_equal(ours, asked(rows, step)[ours.index], check_exact=False)
    assert asked(judged, f'{BOTH}:open', 'acc@10').tolist() != asked(judged, BOTH, 'acc@10').tolist()
    once = judged[judged.step.eq(BOTH)].set_index(where)['acc@1']
    by_draw = let.groupby(where)['gated acc@1'].mean()
    pd.testing.assert_series_equal(once, by_draw[once.index], check_names=False, atol=1e-4)
    assert let[['agreed', 'heard', 'mixed']].stack().between(0, 1).all()
    assert let.left_out.abs().max() <= 1 and let.left_out.any()
    assert let[let.gallery_of.eq('mixed')].agreed.mean() > let[let.gallery_of.eq('any')].agreed.mean()
    tasks, rule = with_pairs(tasks_of(load_collection('emoji')), 5), people.rules[BOTH]
    z = projections(people.params, people.features(load_collection('emoji'), tasks, 2), tasks)
    rule.hub.data.zero_()                                       # the league's step with no correction is the rule's own
    once = dict(protocols=('disjoint',), galleries=('with',))
    own = evaluate(partial(rule, bank=people.bank), z, mixed(tasks), (5,), 2, **once)
    told = league.query('method == "nothing" and step == @BOTH and gallery_of == "mixed" and placement == "drawn"')
    assert told['acc@10'].tolist() == pytest.approx([r['acc@10'] for r in own], abs=1e-5)
    p = run('41_test', done, run='test/paper', systems=['fit/a'], steps=['nothing'], ks=[5])
    assert p.returncode == 0, p.stderr
    paper = pd.read_csv(done/'test/paper/rows.csv').query('seed == 0')
    assert paper['acc@1'].tolist() == plain['category', 'drawn']


@pytest.mark.parametrize('given, message', [
    (dict(features=dict(sizze=3)), "features: no parameter 'sizze'"),
    (dict(candidates=['csls', 'csls+gallery', 'magic']), "'magic' is none of"),
    (dict(candidates=['centre-alone']), 'the systems to beat'),
    (dict(closed=dict(d=16_000)), 'choose as many or fewer'), (dict(cross=99), 'tasks to learn from'),
    (dict(learning=dict(ks=[400])), 'no held-out task'),
    (dict(leave='nobody'), "no category 'nobody' to leave out"),
    (dict(placements=['left']), 'choose among drawn, centred'), (dict(gallery_of=[]), 'must not be empty'),
    (dict(trained_on='nowhere'), 'run data_prep/'),
    (dict(base='fit/nothing'), 'no system there')])
def test_wrong_parameters(tmp_path, given, message):
    p = run('42_fit', tmp_path, run='fit/x', **given)
    assert p.returncode == 2 and message in p.stderr and len(p.stderr.strip().splitlines()) == 1
    assert not list((tmp_path/'fit/x').glob('system*'))
