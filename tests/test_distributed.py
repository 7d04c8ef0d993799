"Two processes share the tasks of every step and end where one process ends."
import os, subprocess, sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from afgsbir.core import repo_root

PROGRAM = '''
import sys, pandas as pd
from afgsbir.baselines import trained_as
from afgsbir.pairs import load_collection
from afgsbir.train import settings, train
s = settings(**trained_as('ours-predicted', words=False) | dict(size=64, views=2, d=16, steps=4, val_every=2, val_draws=1, n_tasks=4))
train(load_collection('emoji'), sys.argv[1], s, 'cpu', bar=False)
'''


def test_two_processes(tmp_path):
    (tmp_path/'p.py').write_text(PROGRAM)
    env = os.environ | dict(OMP_NUM_THREADS='1', ACCELERATE_USE_CPU='true')
    one = [sys.executable, str(tmp_path/'p.py'), str(tmp_path/'one')]
    two = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2', str(tmp_path/'p.py'), str(tmp_path/'two')]
    for command in (one, two):
        done = subprocess.run(command, cwd=repo_root(), env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
    a, b = (load_file(tmp_path/n/'checkpoint.safetensors') for n in ('one', 'two'))
    for name in a:
        # float32 sums in another order; AdamW turns tiny differences of tiny gradients into steps of up to lr
        torch.testing.assert_close(a[name], b[name], rtol=1e-3, atol=2e-3, msg=lambda m: f'{name}: {m}')
