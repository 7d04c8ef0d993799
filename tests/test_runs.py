"A run as a user starts it: killed and resumed, misspelt, and its parameters recorded."
import os, random, shutil, subprocess, sys, time
from pathlib import Path

import pandas as pd, psutil, pytest, yaml

from afgsbir.core import COLUMNS, repo_root
from afgsbir.runs import parameters

ROOT = repo_root()
SMOKE = dict(size=64, views=2, d=16, steps=60, cooldown=2, val_every=20, val_draws=1, n_tasks=2)


def command(notebook, outputs, **given):
    text = lambda v: yaml.safe_dump(v, default_flow_style=True).replace('\n...', '').strip()
    args = [a for k, v in given.items() for a in ('-p', k, text(v))]
    env = os.environ | dict(AFGSBIR_OUTPUTS=str(outputs))
    how = dict(cwd=ROOT, env=env, capture_output=True, text=True)
    return [sys.executable, '-m', 'afgsbir.runs', f'nbs/{notebook}.ipynb', *args], how


def run(notebook, outputs, **given):
    args, how = command(notebook, outputs, **given)
    return subprocess.run(args, **how)


def both(outputs):
    "Train and test; the bytes of rows.csv"
    done = run('40_train', outputs, run='fit/t', options=SMOKE, save_every=1)
    assert done.returncode == 0, done.stderr
    done = run('41_test', outputs, run='test/t', systems=['fit/t'])
    assert done.returncode == 0, done.stderr
    return (outputs/'test/t/rows.csv').read_bytes()


KILLS = int(os.environ.get('AFGSBIR_KILLS', 2))


def killed(outputs, notebook, moments, **given):
    "Start a run and `kill -9` it, once a moment (seconds, or a function that waits); none or all of it is there"
    args, how = command(notebook, outputs, **given)
    for moment in moments:
        p = subprocess.Popen(args, cwd=ROOT, env=how['env'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moment(p) if callable(moment) else moment)
        children = psutil.Process(p.pid).children(recursive=True) if p.poll() is None else []
        for process in [*children, p]:
            try: process.kill()
            except psutil.NoSuchProcess: pass
        p.wait(); psutil.wait_procs(children, timeout=10)
        there = {f.name for f in (outputs/given['run']).glob('*')}
        assert there <= {'state'} or 'params.yaml' in there and list((outputs/given['run']).glob('system-*')), there


def moments(key, n, seconds): return [random.Random(f'{key} {i}').uniform(0, seconds) for i in range(n)]


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp('whole')
    return out, both(out)


def test_rows_and_record(whole):
    out, _ = whole
    rows = pd.read_csv(out/'test/t/rows.csv')
    assert list(rows) == COLUMNS and set(rows.method) == {'ours-predicted'} and set(rows.k) == {1, 5}
    assert rows['acc@1'].between(0, 1).all() and (rows['acc@1'] <= rows['acc@5']).all()
    record = yaml.safe_load((out/'fit/t/params.yaml').read_text())
    given = record['parameters']
    assert given['options'] == SMOKE and given['save_every'] == 1       # the requested ones, not the defaults
    assert record['settings']['steps'] == 60 and record['card_hash'] and record['commit'] and record['wall_seconds'] > 0


def test_killed_while_training(whole, tmp_path):
    "kill -9 at moments that a seed picks, the first of them after a saved state: the rows are the same, byte for byte"
    state = tmp_path/'fit/t/state/state.pt'
    def begun(p):
        while p.poll() is None and not state.exists(): time.sleep(.02)
        return .1
    seconds = yaml.safe_load((whole[0]/'fit/t/params.yaml').read_text())['wall_seconds']
    killed(tmp_path, '40_train', [begun, *moments('train', KILLS-1, seconds)], run='fit/t', options=SMOKE, save_every=1)
    assert state.exists() and both(tmp_path) == whole[1]
    assert not [f for f in tmp_path.rglob('*') if f.name.startswith('.')]        # what the killed ones left is cleared


def test_goes_on_only_with_its_own(whole, tmp_path):
    "A state of other tasks or settings is refused, and stays"
    shutil.copytree(whole[0]/'fit/t/state', tmp_path/'fit/t/state')
    before = (tmp_path/'fit/t/state/state.pt').read_bytes()
    for given, why in ((dict(fold=1), 'other tasks'), (dict(seed=1), 'other settings')):
        done = run('40_train', tmp_path, run='fit/t', options=SMOKE, **given)
        assert done.returncode == 2 and why in done.stderr and len(done.stderr.strip().splitlines()) == 1
        assert (tmp_path/'fit/t/state/state.pt').read_bytes() == before


def test_the_grid_writes_where_the_user_wants(tmp_path):
    "Snakemake's rules make files under AFGSBIR_OUTPUTS, unless `out` says otherwise"
    for env, config, out in ((dict(AFGSBIR_OUTPUTS=str(tmp_path)), [], tmp_path),
        ({}, ['--config', f'out={tmp_path}/o', '--'], tmp_path/'o')):
        args = ['snakemake', '-n', '--nolock', *config, f'{out}/test/emoji-untrained/rows.csv']
        how = dict(cwd=ROOT, env=os.environ | env, capture_output=True, text=True)
        done = subprocess.run([sys.executable, '-m', *args], **how)
        assert done.returncode == 0 and 'untrained' in done.stdout+done.stderr, done.stderr


@pytest.mark.parametrize('given, message', [
    (dict(stpes=3), "no parameter 'stpes'"), (dict(seed='one'), 'must be of type int'),
    (dict(base='magic'), 'not a base that is trained'),
    (dict(options=dict(stpes=3)), "no parameter 'stpes'"), (dict(options=dict(d=16_000)), 'choose as many or fewer'),
    (dict(trained_on='nowhere'), 'run data_prep/')])
def test_wrong_parameters(tmp_path, given, message):
    done = run('40_train', tmp_path, run='fit/x', **given)
    assert done.returncode == 2 and message in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path/'fit/x/params.yaml').exists()


def test_wrong_parameter_straight_to_papermill(tmp_path):
    args = ['nbs/40_train.ipynb', str(tmp_path/'o.ipynb'), '-k', 'python3', '-p', 'stpes', '3']
    done = subprocess.run([sys.executable, '-m', 'papermill', *args], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "no parameter 'stpes'" in done.stderr


@pytest.mark.parametrize('notebook, names', [
    ('40_train', 'run fold folds base seed'), ('41_test', 'run systems steps dataset'),
    ('42_fit', 'run fold folds base seeds')])
def test_one_parameters_cell(notebook, names):
    assert set(names.split()) <= set(parameters(ROOT/f'nbs/{notebook}.ipynb'))
