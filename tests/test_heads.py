"Methods of others from a run to rows: trained, opened as any system is, refused where they lack something."
import pandas as pd, pytest
from test_runs import run

SMALL = dict(d=8, steps=4, cooldown=2, val_every=4, val_draws=1, n_tasks=2)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp('heads')
    done = run('47_heads', out, run='fit/heads', bases=['cc-dg', 'distill', 'triplet-sn'], seeds=[0, 1], options=SMALL)
    assert done.returncode == 0, done.stderr
    return out


def test_rows(trained):
    "A row for every method and seed, beside those of every other system"
    done = run('41_test', trained, run='test/heads', systems=['fit/heads'], ks=[1], packed=True)
    assert done.returncode == 0, done.stderr
    rows = pd.read_parquet(trained/'test/heads/rows.parquet')
    assert set(zip(rows.method, rows.seed)) == {(m, s) for m in ('cc-dg', 'distill', 'triplet-sn') for s in (0, 1)}
    assert set(rows.step) == {'nothing'} and (rows.base == rows.method).all() and set(rows.fold) == {'split'}
    history = pd.read_parquet(trained/'fit/heads/history.parquet')
    assert set(history.base) == {'cc-dg', 'distill', 'triplet-sn'}
    assert {'acc1', 'acc5', 'triplet', 'traits', 'elder'} <= set(history)


@pytest.mark.parametrize('given, message', [(dict(bases=['cc-gd']), "bases='cc-gd': choose among"),
    (dict(bases=['sem-pcyc']), 'has no word vectors, which sem-pcyc needs'), (dict(dim=4), 'd=16: heads see dim=4')])
def test_refused(tmp_path, given, message):
    done = run('47_heads', tmp_path, run='fit/x', **given)
    assert done.returncode == 2 and message in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
