"The compiled and the low-rank forms say what the slow ones say, on the sizes that are raced."
import shutil

import numpy as np, pandas as pd, pytest, torch

from afgsbir.bench import COLUMNS, PEERS, head_steps, learner_for, race_rows, row, some_tasks
from afgsbir.core import outputs_root
from afgsbir.meta import compiled


def gradients(loss, parameters):
    loss.backward()
    return [loss.detach(), *(p.grad for p in parameters)]


def split(x, e): return x.unflatten(0, e.own.shape)


@pytest.mark.parametrize('name', PEERS)
def test_peers_compute_the_same(name):
    pytest.importorskip(name, reason=f"{name} is not installed; pip install 'afgsbir[bench]'") if name in ('higher', 'torchopt') else None
    xs, xp, e = some_tasks()
    ours, theirs = learner_for(), dict(learner_for().adapter.params)
    a = gradients(ours.match(split(xs, e), split(xp, e), e).mean(), ours.adapter.params.values())
    b = gradients(PEERS[name](theirs, split(xs, e), split(xp, e), e), theirs.values())
    for x, y in zip(a, b): torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(not (shutil.which('g++') or shutil.which('clang++')), reason='torch.compile needs a C++ compiler')
def test_compiled_computes_the_same():
    xs, xp, e = some_tasks(3)
    for options in (dict(), dict(adapts=False), dict(margin='predicted')):
        plain, fast = learner_for(**options), compiled(learner_for(**options))
        a, b = (gradients(l.match(split(xs, e), split(xp, e), e).mean(), [p for p in l.adapter.parameters() if p.requires_grad]) for l in (plain, fast))
        for x, y in zip(a, b): torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-6)


def test_reference_rows():
    "What `make bench` wrote: the columns that the issue fixed, and a measured target wherever one was set"
    file = outputs_root()/'bench'/'rows.csv'
    if not file.is_file(): pytest.skip(f'{file}: not there; run make bench')
    rows = pd.read_csv(file)
    assert list(rows) == COLUMNS and COLUMNS[:7] == 'group,case,peer,metric,value,unit,ratio'.split(',')
    assert set(rows.group) == {'meta-training', 'data path', 'memory', 'adaptation', 'gallery'}
    assert np.isfinite(rows.value).all() and (rows.value >= 0).all() and (rows.ratio > 0).all()
    aims = rows[rows.target.notna()]
    assert len(aims) > 15 and ((aims.ratio >= aims.target) == (aims.met.astype(str) == 'True')).all()
