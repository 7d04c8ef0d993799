"What a run must refuse: one line that says what and how to mend it, and nothing left behind."
import json, os, signal, subprocess, sys, time
from dataclasses import asdict

import nbformat, numpy as np, psutil, pytest, torch, yaml
from safetensors.torch import save_file

from afgsbir import train as training
from afgsbir.asking import ranks, raw, evaluate
from afgsbir.base import fit_base, projections
from afgsbir.baselines import load_system, system_files
from afgsbir.core import InputError, command, load_rows, repo_root
from afgsbir.paper import check_runs, read_plan, runs_of
from afgsbir.runs import WORDS, RANGES, check_parameters, execute_page, main, parameters, run_notebook
from afgsbir.tasks import Features, make_task
from afgsbir.train import descend, load_tensors, save_tensors, settings
from afgsbir.views import features_of

ROOT = repo_root()
NAN, INF = float('nan'), float('inf')
RUNS = '40_train 41_test 42_fit 43_anatomy 44_bench 45_places 46_hubs 47_heads 48_through 49_gates'
NB = {name[:2]: ROOT/f'nbs/{name}.ipynb' for name in RUNS.split()} | dict(bounds=ROOT/'nbs/47_bounds.ipynb')


def one_line(capsys, call, code=2):
    "The single line on stderr that a command ends with"
    with pytest.raises(SystemExit) as stopped: command(call)
    said = capsys.readouterr().err
    assert stopped.value.code == code and len(said.splitlines()) == 1 and 'Traceback' not in said, said
    return said


# name = value of which run | what stands in the line
PARAMETERS = [
    ('41', 'run', '', 'under outputs/'), ('41', 'run', '../x', 'under outputs/'),
    ('41', 'run', '/tmp/x', 'under outputs/'),
    ('41', 'run', 'a/../../x', 'under outputs/'), ('41', 'run', '.x', 'under outputs/'),
    ('41', 'run', 'a/.git', 'under outputs/'),
    ('41', 'run', 'a\0b', 'under outputs/'), ('41', 'run', 'a\nb', 'under outputs/'),
    ('41', 'run', 'x'*300, 'under outputs/'),
    ('41', 'dataset', '../emoji', 'must be a name'), ('41', 'dataset', '/data/emoji', 'must be a name'),
    ('41', 'dataset', '', 'must be a name'),
    ('40', 'trained_on', 'a/b', 'must be a name'), ('42', 'trained_on', '..', 'must be a name'),
    ('43', 'diverse', '.cache', 'must be a name'),
    ('44', 'collection', '../x', 'must be a name'), ('41', 'systems', ['fit/a', '../../b'], 'under outputs/'),
    ('41', 'systems', ['fit/a', 'fit/a'], 'stands twice'), ('41', 'systems', [3], 'under outputs/'),
    ('42', 'base', '/etc', 'under outputs/'),
    ('42', 'choose_ks', [], 'must not be empty'), ('46', 'tau', 0., 'tau=0'), ('46', 'beta', 0., 'beta=0'),
    ('41', 'ks', [], 'must not be empty'), ('41', 'ks', [0], 'ks=0'), ('41', 'ks', [5, 1000], 'ks=1000'),
    ('41', 'ks', [5, 5], 'stands twice'),
    ('41', 'ks', ['5'], "ks='5'"), ('41', 'ks', [2.5], 'whole number'), ('41', 'ks', [True], 'whole number'),
    ('41', 'ks', 5, 'type list'),
    ('41', 'n_draws', 0, 'n_draws=0'), ('41', 'eval_seed', -1, 'eval_seed=-1'), ('41', 'show_k', -1, 'from 0 to 500'),
    ('41', 'protocols', [], 'must not be empty'),
    ('41', 'protocols', ['both'], 'choose among disjoint, aside, overlap'),
    ('41', 'galleries', ['none'], 'choose among with, without'),
    ('41', 'split', 'tset', 'choose among train, val, test'),
    ('41', 'by', 'colour', 'choose among category'), ('41', 'steps', [1], 'must be a text'),
    ('41', 'flips', 1, 'type bool'),
    ('41', 'options', dict(size=7), 'size=7'), ('41', 'extras', 'csls', 'type list'),
    ('40', 'options', dict(lr=NAN), 'lr=nan'), ('40', 'options', dict(lr=INF), 'lr=inf'),
    ('40', 'options', dict(steps=0), 'steps=0'),
    ('40', 'options', dict(k=0), 'k=0'),
    ('40', 'options', dict(d=99999), 'd=99999 must be a whole number from 1 to 16384'),
    ('40', 'options', dict(steps='many'), "steps='many'"), ('40', 'options', dict(cut=99), 'cut=99'),
    ('40', 'options', [], 'type dict'),
    ('40', 'fold', -2, 'fold=-2'), ('40', 'fold', 1000, 'fold=1000'), ('40', 'folds', 1, 'folds=1'),
    ('40', 'seed', -1, 'seed=-1'),
    ('40', 'seed', 2**40, 'seed='), ('40', 'save_every', 0, 'save_every=0'), ('40', 'processes', 0, 'processes=0'),
    ('40', 'mixed_precision', 'fp8', 'choose among no, bf16, fp16'), ('40', 'exclude', ['dog', 'dog'], 'stands twice'),
    ('40', 'exclude', [3], 'must be a text'),
    ('42', 'seeds', [], 'must not be empty'), ('42', 'seeds', [0, 0], 'stands twice'), ('42', 'cross', 1, 'cross=1'),
    ('42', 'closed', dict(shrink=-5), 'shrink=-5'),
    ('42', 'closed', dict(shrink=NAN), 'shrink=nan'), ('42', 'features', dict(grid=0), 'grid=0'),
    ('42', 'learning', dict(ks=[0]), 'ks=0'),
    ('42', 'learning', dict(lr=-1.), 'lr=-1'), ('43', 'covers', [0], 'covers=0'), ('43', 'k', 0, 'k=0'),
    ('47', 'dim', 0, 'dim=0'), ('47', 'seeds', [], 'must not be empty'), ('47', 'bases', [], 'must not be empty'),
    ('44', 'rounds', 0, 'rounds=0'), ('44', 'people', -1, 'people=-1'),
    ('40', 'stpes', 3, "no parameter 'stpes'"), ('40', 1, 3, 'no parameter 1'), ('40', 'seed', None, 'type int'),
    ('40', 'seed', '0', 'type int')]


@pytest.mark.parametrize('notebook, name, value, message', PARAMETERS)
def test_parameters(notebook, name, value, message):
    with pytest.raises(InputError) as e: check_parameters({name: value}, parameters(NB[notebook]), NB[notebook].name)
    said = str(e.value)
    assert message in said and said.startswith(NB[notebook].name) and len(said.splitlines()) == 1


def test_what_is_documented_is_allowed():
    "Defaults, every settings file, and `-p leave 1`"
    for file in NB.values(): check_parameters(parameters(file), parameters(file))
    kinds = dict(train='40', test='41', fit='42', release='42', anatomy='43')
    kinds |= dict(bench='44', places='45', hubs='46', heads='47', fine='47', bounds='bounds')
    kinds |= dict(through='48', gates='49')
    for f in sorted((ROOT/'nbs/settings').glob('*.yaml')):
        if f.stem.startswith('paper-'): check_runs(plan := read_plan(f), runs_of(plan)); continue
        check_parameters(yaml.safe_load(f.read_text()), parameters(NB[kinds[f.stem.rsplit('-', 1)[-1]]]))
    for leave in (1, '1', 'anna'):
        assert check_parameters(dict(leave=leave), parameters(NB['42']))['leave'] == str(leave)
    settings(**{n: v for n, v in asdict(settings()).items()})
    assert not set(RANGES) & set(WORDS)


SETTINGS = [(dict(lr=NAN), 'lr=nan'), (dict(rate=0.), 'rate=0.0'), (dict(weight_decay=-.1), 'weight_decay=-0.1'),
    (dict(clip=0.), 'clip'),
            (dict(margin_start=1.), 'margin_start'), (dict(soft=-1.), 'soft'), (dict(outer_margin=INF), 'outer_margin'),
            (dict(val_every=0), 'val_every'),
            (dict(val_draws=0), 'val_draws'), (dict(views=0), 'views'), (dict(depth=0), 'depth'),
            (dict(n_tasks=0), 'n_tasks'), (dict(pool='grid0'), "pool='grid0'"),
            (dict(pool='grid999'), 'pool='), (dict(k=20), 'n_photo=12'), (dict(size=10**6), 'size='),
            (dict(by='x'), 'choose among'), (dict(swap=1), 'type bool')]


@pytest.mark.parametrize('options, message', SETTINGS)
def test_settings(options, message):
    with pytest.raises(InputError) as e: settings(**options)
    assert message in str(e.value)


# bytes of a settings file | what stands in the line
FILES = [(b'seed: [1', 'not YAML'), (b'- a\n- b', 'must hold lines'), (b'5', 'must hold lines'),
    (b'run: a\nrun: b', 'run stands twice'),
         (b'options: {d: 1, d: 2}', 'd stands twice'), (b'options:\n\td: 1', 'line 2'),
         (b'options: {lr: .nan}', 'lr=nan'), (b'options: {lr: .inf}', 'lr=inf'),
         (b'run: 2020-01-01', 'type str'), (b'options: {when: 2020-01-01}', 'must be a number, a text'),
         (b'run: 2020-99-99', 'not YAML'),
         (b'\xff\xfe\x00\x01', 'not text'), (b'\0\0\0', 'not YAML'), (b'a: &a [*a]', 'alias'), (b'['*800, 'not YAML'),
         (b'!!python/name:os.x', 'not YAML'),
         (b'? [a]\n: 1', 'not YAML'), (b'run: *x', 'not YAML'), (b'a: 1\n---\nb: 2', 'not YAML'),
         (b'run: ../x', 'under outputs/'), (b'seed: !!int x', 'not YAML')]


@pytest.mark.parametrize('content, message', FILES)
def test_settings_files(tmp_path, capsys, monkeypatch, content, message):
    monkeypatch.setenv('AFGSBIR_OUTPUTS', str(tmp_path/'outputs'))
    (tmp_path/'s.yaml').write_bytes(content)
    assert message in one_line(capsys, lambda: main([str(NB['40']), '-f', str(tmp_path/'s.yaml')]))
    assert not (tmp_path/'outputs').exists()


# arguments | what stands in the line
ARGUMENTS = [(['nbs/99.ipynb'], 'no such notebook'), (['nbs'], 'no such notebook'), (['README.md'], 'not a notebook'),
    (['nbs/00_core.ipynb'], '0 cells are tagged'),
             (['{nb}', '-f', 'no.yaml'], 'no such settings file'), (['{nb}', '-f', 'nbs'], 'no such settings file'),
             (['{nb}', '-f', 'nbs/index.ipynb'], "no parameter 'cells'"),
             (['{nb}', '-p', 'options', '{'], '-p options {: not YAML'), (['{nb}', '-p', 'run', ''], 'type str'),
             (['{nb}', '-p', 'run', '/x'], 'under outputs/'),
             (['{nb}', '-p', 'seed', 'one'], 'must be of type int'),
             (['nbs/99.ipynb', '-o', 'x.ipynb'], 'no such notebook')]


@pytest.mark.parametrize('argv, message', ARGUMENTS)
def test_arguments(tmp_path, capsys, monkeypatch, argv, message):
    monkeypatch.setenv('AFGSBIR_OUTPUTS', str(tmp_path/'outputs'))
    monkeypatch.chdir(ROOT)
    assert message in one_line(capsys, lambda: main([a.replace('{nb}', str(NB['40'])) for a in argv]))
    assert not (tmp_path/'outputs').exists() and not (ROOT/'x.ipynb').exists()


@pytest.mark.parametrize('content, message', [
    ('', 'not a notebook'), ('{}', 'not a notebook'), ('[]', 'not a notebook'), ('{"cells": []}', '0 cells are tagged'),
    (nbformat.v4.new_notebook(), '0 cells are tagged'),
    (nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell('x = ', metadata=dict(tags=['parameters']))]),
    'cannot be read'),
    (nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell('x = 1', metadata=dict(tags=['parameters']))]),
    'has no parameter `run`')])
def test_notebooks(tmp_path, content, message):
    (tmp_path/'n.ipynb').write_text(content if type(content) is str else json.dumps(content))
    with pytest.raises(InputError) as e: run_notebook(tmp_path/'n.ipynb', {})
    assert message in str(e.value) and os.listdir(tmp_path) == ['n.ipynb']


@pytest.fixture(scope='module')
def system(tmp_path_factory):
    "A small trained system: its tensors and facts"
    s = settings(pretrained=False, size=32, views=2, pool='grid2', d=8, semantic=0.)
    return training.trained_state(training.make_learner(s, 3)), dict(base='triplet', settings=asdict(s))


def without(d, name): return {n: v for n, v in d.items() if n != name}
def other(facts, **settings): return facts | dict(settings=facts['settings'] | settings)

BIAS = 'match.adapter.params.bias'
SYSTEMS = {   # what is done to a system | what stands in the line
    'nothing said': (lambda t, f: (t, {}), 'not a system of ours'),
    'facts are a list': (lambda t, f: (t, [1]), 'not a system of ours'),
    'a tensor is missing': (lambda t, f: (without(t, BIAS), f), 'does not fit its own settings'),
    'a tensor too many': (lambda t, f: (t | dict(x=torch.ones(1)), f), 'does not fit its own settings'),
    'another shape': (lambda t, f: (t | {BIAS: torch.ones(1, 9)}, f), 'not a system of ours'),
    'nan': (lambda t, f: (t | {BIAS: torch.full((1, 8), NAN)}, f), f'{BIAS}: holds NaN'),
    'infinity': (lambda t, f: (t | {BIAS: torch.full((1, 8), -INF)}, f), 'holds NaN or infinity'),
    'an unknown setting': (lambda t, f: (t, other(f, more=1)), "no parameter 'more'"),
    'a setting out of range': (lambda t, f: (t, other(f, size=-1)), 'size=-1'),
    'a setting of another type': (lambda t, f: (t, other(f, d='8')), 'must be of type int'),
    'another cut': (lambda t, f: (t, other(f, cut=99)), 'cut=99'),
    'a hub': (lambda t, f: (t, other(f, backbone='hf_hub:timm/x')), 'may ask the network'),
    'a folder': (lambda t, f: (t, other(f, backbone='local-dir:/x')), 'may ask the network'),
    'weights to fetch': (lambda t, f: (t, other(f, backbone='resnet50', pretrained=True)), 'allow_download=True'),
    'features to fetch': (lambda t, f: (t, dict(base='whitened', features=dict(backbone='vgg16'))), 'allow_download'),
    'unknown features': (lambda t, f: (t, dict(base='whitened', features=dict(x=1))), 'not a system of ours'),
    'no base': (lambda t, f: (t, without(f, 'base')), 'not a system of ours'),
    'no such rule': (lambda t, f: (t, f | dict(chosen='x', rules={})), 'not a system of ours')}


@pytest.mark.parametrize('case', SYSTEMS)
def test_systems(tmp_path, system, case):
    change, message = SYSTEMS[case]
    tensors, facts = change(*system)
    save_file(tensors, str(tmp_path/'s.safetensors'), dict(facts=json.dumps(facts)))
    with pytest.raises(InputError) as e: load_system(tmp_path/'s.safetensors')
    said = str(e.value)
    assert message in said and said.startswith(f'{tmp_path}/s.safetensors: ') and len(said.splitlines()) == 1


def test_damaged_systems(tmp_path, system):
    file = tmp_path/'system-0.safetensors'
    save_tensors(system[0], file, **system[1])
    assert load_system(file).base == 'triplet'
    whole = file.read_bytes()
    for content in (b'', b'x', whole[:9], whole[:-5], b'\xff'*8+whole[8:]):
        file.write_bytes(content)
        with pytest.raises(InputError, match='not a system of ours'): load_tensors(file)
    for name in (tmp_path/'no', tmp_path/'no.safetensors'):
        with pytest.raises(InputError, match='no system there'): system_files(name)
    with pytest.raises(InputError, match='not a system of ours'): load_system(tmp_path)


ABOUT = dict(settings=dict(d=8), collection='a', hash='1', tasks=[['x'], ['y']])


def state(**change): return dict.fromkeys(('run', 'learner', 'opt', 'scaler'), {}) | dict(about=ABOUT | change)

STATES = [(b'', 'cannot be read'), (b'\0'*50, 'cannot be read'), (torch.ones(2), 'not a state of this version'),
    ([], 'not a state of this version'),
          (dict(settings={}, run={}), 'not a state of this version'), (state(hash='2'), 'other hash'),
          (state(tasks=[['x'], ['z']]), 'other tasks'),
          (state(settings=dict(d=9)), 'other settings'), (state(collection='b'), 'other collection'),
          (print, 'cannot be read')]


@pytest.mark.parametrize('content, message', STATES)
def test_states(tmp_path, content, message):
    file = tmp_path/'state.pt'
    if type(content) is bytes: file.write_bytes(content)
    else: torch.save(content, file)
    with pytest.raises(InputError) as e: training._load_state(file, ABOUT)
    assert message in str(e.value) and str(file) in str(e.value) and file.exists()


@pytest.mark.parametrize('name, content, message', [
    ('rows.csv', b'', 'cannot be read'), ('rows.csv', b'a,b\n1,2\n', 'lacks the columns'),
    ('rows.csv', b'\xff\xfe', 'cannot be read'),
    ('photos.parquet', b'', 'cannot be read'), ('photos.parquet', b'PAR1', 'cannot be read')])
def test_rows(tmp_path, name, content, message):
    (tmp_path/'test/a').mkdir(parents=True)
    (tmp_path/'test/a'/name).write_bytes(content)
    with pytest.raises(InputError) as e: load_rows(name=name.split('.')[0], root=tmp_path)
    assert message in str(e.value) and name in str(e.value)


TASK = make_task('t', range(12), np.arange(12)//2, range(6))


def features(bad, at):
    "Features of the task's pictures, one number of a photo or of a sketch replaced"
    x = Features(torch.randn(12, 2, 4), torch.randn(6, 2, 4))
    x[at][3, 1, 2] = bad
    return x


class Broken:
    "An encoder whose features are no numbers, and its maps"
    dim, training = 4, False
    def eval(self): return self
    def train(self, mode): return self
    def read(self, kind, rows, v): return torch.zeros(len(rows), 4)
    def __call__(self, maps): return maps/maps


NUMBERS = {   # what is asked | what the message begins with
    'scores': (lambda bad, at: ranks(torch.tensor([[1., bad]]), torch.tensor([at])), 'scores'),
    'rows': (lambda bad, at: evaluate(raw, features(bad, at), [TASK], (1,), 1), 'scores'),
    'closed form': (lambda bad, at: fit_base(features(bad, at), [TASK], d=3), 'features of the tasks to fit on'),
    'projections': (lambda bad,
    at: projections(dict(weight=torch.ones(3, 4), bias=torch.ones(2, 3)), features(bad, at), [TASK]),
    "M's projections of"),
    'features': (lambda bad, at: features_of(Broken(), Broken(), [TASK]), 'features of sketches'),
    'loss': (lambda bad, at: descend(lambda step: torch.tensor(bad), None, [at]), 'the loss of step'),
    'system': (lambda bad, at: save_tensors(dict(m=torch.tensor([0., bad])), 'nowhere/x.safetensors'),
    'nowhere/x.safetensors: m')}


@pytest.mark.parametrize('bad', [NAN, INF, -INF])
@pytest.mark.parametrize('case', NUMBERS)
def test_numbers_that_are_none(case, bad):
    call, message = NUMBERS[case]
    for at in (0, 1):
        with pytest.raises(InputError) as e: call(bad, at)
        assert str(e.value).startswith(message) and 'NaN or infinity' in str(e.value)


def page(folder, *sources, kernel='python3'):
    "A notebook with a parameter `run` and more cells"
    cells = [nbformat.v4.new_code_cell(s) for s in ("run = 'a'", *sources)]
    cells[0].metadata.tags = ['parameters']
    book = nbformat.v4.new_notebook(cells=cells,
        metadata=dict(kernelspec=dict(name=kernel, language='python', display_name=kernel)))
    nbformat.write(book, folder/'n.ipynb')
    return folder/'n.ipynb'


FOUND = ("import os; from pathlib import Path\n"
         "(Path(os.environ['AFGSBIR_RESULTS'])/'rows.csv').write_text('a')")


@pytest.mark.parametrize('last, message', [
    ('os.kill(os.getpid(), 9)', 'its kernel died'), ("raise SystemExit('over')", 'SystemExit: over'),
    ('raise KeyboardInterrupt', 'KeyboardInterrupt')])
def test_late_failures(tmp_path, capsys, monkeypatch, last, message):
    "Rows were written, then the run failed: they are not there"
    monkeypatch.setenv('AFGSBIR_OUTPUTS', str(tmp_path/'outputs'))
    assert message in one_line(capsys, lambda: main([str(page(tmp_path, FOUND, last)), '-p', 'run', 'test/a']))
    left = [str(f.relative_to(tmp_path/'outputs')) for f in (tmp_path/'outputs').rglob('*')]
    assert set(left) <= {'test', 'test/a', 'test/a/failed.ipynb'}


def test_no_kernel(tmp_path, monkeypatch):
    monkeypatch.setenv('AFGSBIR_OUTPUTS', str(tmp_path/'outputs'))
    with pytest.raises(InputError, match="no kernel 'nowhere'"): run_notebook(page(tmp_path), {}, 'nowhere')
    with pytest.raises(InputError, match="no kernel 'nowhere'"):
        execute_page(page(tmp_path), tmp_path/'o.ipynb', 'nowhere')
    left = {f.name for f in [*tmp_path.iterdir(), *(tmp_path/'outputs/a').iterdir()]}
    assert left <= {'n.ipynb', 'outputs', 'failed.ipynb', 'o.failed.ipynb'}


@pytest.mark.parametrize('sig, code, message', [('SIGINT', 130, 'interrupted'), ('SIGTERM', 143, '')])
def test_interrupted(tmp_path, sig, code, message):
    "Ctrl-C and SIGTERM while a cell works: at most one line; no kernel is left, and nothing half-written"
    out = tmp_path/'outputs'
    notebook = page(tmp_path, FOUND+f"\nPath('{tmp_path}/begun').touch()",
        'import subprocess; subprocess.run(["sleep", "300"])')
    args, env = [sys.executable, '-m', 'afgsbir.runs', str(notebook)], os.environ | dict(AFGSBIR_OUTPUTS=str(out))
    how = dict(cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    p = subprocess.Popen(args, **how)
    while not (tmp_path/'begun').exists() and p.poll() is None: time.sleep(.05)
    time.sleep(.3)
    children = psutil.Process(p.pid).children(recursive=True)
    assert len(children) >= 2 and list(out.glob('.a.*.tmp/rows.csv'))
    p.send_signal(getattr(signal, sig))
    said = p.communicate(timeout=30)[1]
    assert p.returncode == code and message in said and len(said.splitlines()) == bool(message)
    assert not psutil.wait_procs(children, timeout=5)[1] and not list(out.iterdir())


# further parameters of a test of untrained features | what stands in the line
LATE = [dict(ks=[500]), dict(show_k=400), dict(steps=['csls']), dict(extras=['nothing:magic']),
    dict(systems=['fit/none']), dict(dataset='nowhere')]
WHY = ['can give k=500', 'cannot give 400 pairs', 'csls: no step', 'no such control', 'no system there',
    'run data_prep/']


def test_checked_before_asking(tmp_path, monkeypatch):
    "What would stop late is refused before a picture is read: the first cells of the run, for every case"
    monkeypatch.setenv('AFGSBIR_OUTPUTS', str(tmp_path))
    code = [c.source for c in nbformat.read(NB['41'], 4).cells if c.cell_type == 'code']
    asking = next(i for i, source in enumerate(code) if 'def check(' in source)
    for given, why in zip(LATE, WHY):
        names = {'__name__': 'run'}
        for source in code[:2]: exec(source, names)
        names |= given
        with pytest.raises(InputError, match=why):
            for source in code[2:asking+1]: exec(source, names)
    assert not list(tmp_path.iterdir())
