"Two processes share the tasks of every step and end where one process ends."
import json, os, subprocess, sys

import pandas as pd, torch
from safetensors.torch import load_file

from afgsbir.core import repo_root

SMOKE = '{"size": 64, "views": 2, "d": 16, "steps": 4, "cooldown": 2, "val_every": 2, "val_draws": 1, "n_tasks": 4}'
PROGRAM = '''
import sys, pandas as pd
from afgsbir.baselines import trained_as
from afgsbir.pairs import load_collection
from afgsbir.train import settings, train
smoke = SMOKE
s = settings(**trained_as('meta-predicted', words=False) | smoke)
train(load_collection('emoji'), sys.argv[1], s, 'cpu', bar=False)
'''.replace('SMOKE', SMOKE)


def share(folder, program, out, processes):
    "Run a program by itself or on several gloo processes; what came of it"
    (folder/'p.py').write_text(program)
    launch = ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', str(processes)] if processes else []
    env = os.environ | dict(OMP_NUM_THREADS='1', ACCELERATE_USE_CPU='true')
    command = [sys.executable, *launch, str(folder/'p.py'), str(out)]
    return subprocess.run(command, cwd=repo_root(), env=env, capture_output=True, text=True)


def test_two_processes(tmp_path):
    "One by itself, two as the run notebook launches them"
    done = share(tmp_path, PROGRAM, tmp_path/'one', 0)
    assert done.returncode == 0, done.stderr[-2000:]
    command = '-m afgsbir.runs nbs/40_train.ipynb -p run two -p processes 2 -p device cpu -p options'.split() + [SMOKE]
    env = os.environ | dict(OMP_NUM_THREADS='1', ACCELERATE_USE_CPU='true', AFGSBIR_OUTPUTS=str(tmp_path))
    done = subprocess.run([sys.executable, *command], cwd=repo_root(), env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert torch.load(tmp_path/'two/state/state.pt', weights_only=True)['about']['processes'] == 2
    assert pd.read_parquet(tmp_path/'two/history.parquet').step.tolist() == [2, 4, 6]
    a, b = (load_file(tmp_path/n/'system-0.safetensors') for n in ('one', 'two'))
    for name in a:
        # float32 sums in another order; AdamW turns tiny differences of tiny gradients into steps of up to lr
        torch.testing.assert_close(a[name], b[name], rtol=1e-3, atol=2e-3, msg=lambda m: f'{name}: {m}')


LINEAR = '''
import json, sys, torch
from accelerate import Accelerator
acc = Accelerator(cpu=True)
tasks = torch.tensor([1., 2., 4., 8.])[acc.process_index::acc.num_processes]   # as `batch_at` shares them out
model = torch.nn.Linear(1, 1, bias=False)
with torch.no_grad(): model.weight.fill_(3.)
wrapped = acc.prepare(model)
loss = wrapped(tasks[:, None]).mean()                              # mean over this process's tasks of w x
acc.backward(loss)
open(f'{sys.argv[1]}/{acc.process_index}', 'w').write(json.dumps([loss.item(), model.weight.grad.item()]))
'''


def test_gradients_of_a_linear_case(tmp_path):
    "d/dw of the mean of w x over tasks 1, 2, 4, 8 is 3.75, their mean, on every rank; those of the ranks are 2.5 and 5"
    for n, losses in ((1, [3*3.75]), (2, [3*2.5, 3*5.])):
        (out := tmp_path/str(n)).mkdir()
        done = share(tmp_path, LINEAR, out, n)
        assert done.returncode == 0, done.stderr[-2000:]
        assert [json.loads((out/str(i)).read_text()) for i in range(n)] == [[l, 3.75] for l in losses]


def test_tasks_that_cannot_be_shared_are_refused(tmp_path):
    done = share(tmp_path, PROGRAM.replace('"n_tasks": 4', '"n_tasks": 3'), tmp_path/'two', 2)
    assert done.returncode != 0 and 'cannot be shared evenly by 2 processes' in done.stderr
    assert not (tmp_path/'two').exists()
