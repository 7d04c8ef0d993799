"The default adaptation as a user runs it: the same rows twice, its system read back, wrong input refused in one line."
import pandas as pd, pytest, torch

from afgsbir.episodes import tasks
from afgsbir.evaluate import evaluate
from afgsbir.nested import load_system
from afgsbir.pairs import load_collection
from afgsbir.shift import shifted
from afgsbir.whiten import grid_features, outputs
from test_runs import run



@pytest.fixture(scope='module')
def done(tmp_path_factory):
    out = tmp_path_factory.mktemp('default')
    for name in ('a', 'b'):
        p = run('42_default', out, run=f'default/{name}', seeds=[0, 1])
        assert p.returncode == 0, p.stderr
    return out/'default'


def test_same_rows_twice(done):
    a, b = ((done/n/'rows.csv').read_text().replace(f'default/{n}', 'run') for n in 'ab')
    assert a == b and 'ours-default' in a and 'none+csls' in a and 'foreign' in a


def test_saved_system_gives_its_rows(done):
    "A system that is loaded in another process ranks as the run did"
    system, facts = load_system(done/'a'/'system-0.safetensors')
    collection = load_collection(facts['collection'])
    pool = tasks(collection, 'test')[:3]
    z = outputs(system.params, grid_features(collection, **facts['features']), pool)
    with torch.no_grad(): rows = evaluate(shifted(system.shift, system.bank), z, pool, (5,), 2, 0, ('disjoint',), ('with',))
    kept = pd.read_csv(done/'a'/'rows.csv').query('method == "ours-default" and k == 5 and seed == 0 and gallery == "with"').set_index('task')
    for r in rows: assert abs(kept.loc[r['task'], 'acc@1'] - r['acc@1']) < 1e-6


@pytest.mark.parametrize('given, message', [
    (dict(features=dict(sizze=3)), "'sizze' is no option of grid_features"), (dict(candidates=['csls', 'csls+gallery', 'magic']), "'magic' is none of"),
    (dict(tests=[dict(dataset='emoji')]), 'must name dataset and ks'), (dict(candidates=['centre']), 'the systems to beat'), (dict(leave='nobody'), "no category 'nobody' to leave out"), (dict(trained_on='nowhere'), 'run data_prep/')])
def test_wrong_parameters(tmp_path, given, message):
    p = run('42_default', tmp_path, run='default/x', **given)
    assert p.returncode == 2 and message in p.stderr and len(p.stderr.strip().splitlines()) == 1
    assert not (tmp_path/'default/x/rows.csv').exists()
