"Collections from their sources: the messages of bad input, and the research data where they are."
import os, random, subprocess, sys, time
from pathlib import Path

import numpy as np, pandas as pd, pytest
from PIL import Image

from afgsbir.core import repo_root, source_root
from afgsbir.pairs import load_collection

ROOT = repo_root()


def prep(script, *args):
    done = [sys.executable, f'data_prep/{script}.py', *map(str, args)]
    return subprocess.run(done, cwd=ROOT, capture_output=True, text=True)


def tree(root, *names):
    for n in names:
        (root/n).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (20, 20), 'white').save(root/n)
    return root


def refused(done, *words):
    lines = [l for l in done.stderr.splitlines() if l.startswith('error:')]
    assert done.returncode == 2 and len(lines) == 1 and all(w in lines[0] for w in words), done.stderr


def test_own_pictures(tmp_path):
    src = source_tree(tmp_path/'src', photos=8, ending='-1-ann')
    done = prep('sketchy', '--name', 'mine', '--source', src, '--root', tmp_path, '--size', 16)
    assert done.returncode == 0, done.stderr
    c = load_collection('mine', tmp_path)
    assert len(c.photos) == 16 and set(c.sketches.sketcher) == {'ann'} and c.card['split_by'] == 'photo'
    before = (tmp_path/'mine/card.json').stat().st_mtime_ns
    again = prep('sketchy', '--name', 'mine', '--source', src, '--root', tmp_path, '--size', 16)
    assert 'already there' in again.stdout
    assert (tmp_path/'mine/card.json').stat().st_mtime_ns == before


def test_authors_layout(tmp_path):
    src = tree(tmp_path/'src', '256x256/photo/tx_000100000000/cat/n1_2.jpg',
               *[f'256x256/sketch/tx_000{i}00000000/cat/n1_2-1.png' for i in (1, 0)])
    what = ['--name', 's', '--source', src, '--root', tmp_path]
    assert prep('sketchy', *what, '--size', 8, '--split', 'test').returncode == 0
    refused(prep('sketchy', *what, '--photo-tx', 'tx_9'), 'tx_9', 'no such rendering')


def test_bad_sources(tmp_path):
    out = ['--root', tmp_path/'out', '--size', 8]
    refused(prep('sketchy', '--source', tmp_path/'none', *out), 'none', '--source')
    orphan = tree(tmp_path/'o', 'photo/a/x.jpg', 'sketch/a/y-1.png')
    refused(prep('sketchy', '--name', 'o', '--source', orphan, *out), 'a/y-1', 'has no photo')
    twice = tree(tmp_path/'t', 'photo/a/x.jpg', 'photo/a/x.png', 'sketch/a/x-1.png')
    refused(prep('sketchy', '--name', 't', '--source', twice, *out), 'a/x', 'stands twice')
    empty = tree(tmp_path/'e', 'photo/a/x.jpg', 'sketch/a/x-1.png'); (empty/'photo/b').mkdir()
    refused(prep('sketchy', '--name', 'e', '--source', empty, *out), 'an empty category')
    broken = tree(tmp_path/'b', 'photo/a/x.jpg', 'photo/a/z.jpg', 'sketch/a/x-1.png')
    (broken/'photo/a/z.jpg').write_bytes(b'no')
    refused(prep('sketchy', '--name', 'b', '--source', broken, *out), 'z.jpg', '--skip-unreadable')
    done = prep('sketchy', '--name', 'b', '--source', broken, *out, '--skip-unreadable')
    assert done.returncode == 0 and '1 unreadable pictures skipped' in done.stdout
    assert sorted(p.name for p in (tmp_path/'out').iterdir()) == ['b']                  # nothing half-written


def source_tree(root, photos=4, ending='-1'):
    "Two categories, four sketches each"
    return tree(root, *[f'photo/{c}/p{i}.jpg' for c in 'ab' for i in range(photos)],
                *[f'sketch/{c}/p{i}{ending}.png' for c in 'ab' for i in range(4)])


def shoe_tree(root):
    "Nine shoes, drawn once each"
    return tree(root, *[f'photo/{i}.jpg' for i in range(9)], *[f'sketch/{i}-1.png' for i in range(9)])


def listing(root): return {p.relative_to(root): p.read_bytes() for p in sorted(root.rglob('*')) if p.is_file()}


@pytest.mark.parametrize('script, name', [('sketchy', 'mine'), ('shoe304', 'shoe304')])
def test_sources_survive(tmp_path, script, name):
    "The README's layout: sources in data/, nothing set; and every way to aim the collection at them"
    src = (source_tree if script == 'sketchy' else shoe_tree)(tmp_path/'data'/name)
    (tmp_path/'settings.ini').write_text('lib_name = afgsbir')
    before, named = listing(tmp_path/'data'), ['--name', name] if script == 'sketchy' else []
    env = {k: v for k, v in os.environ.items() if not k.startswith('AFGSBIR')}
    def prepare(*args):
        program = [sys.executable, ROOT/f'data_prep/{script}.py', '--size', '8', *named, *map(str, args)]
        return subprocess.run(program, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert prepare().returncode == 0 and listing(src) == {k.relative_to(name): v for k, v in before.items()}
    assert len(load_collection(name, tmp_path/'data'/'prepared').photos) in (8, 9)
    for root in (tmp_path/'data', src, src/'photo', tmp_path/'data'/name/'..'):
        refused(prepare('--root', root), 'are read from there', '--root')
    if script == 'sketchy':
        for bad in ('.', '..', '../mine', str(src), '.mine', 'a b'):
            refused(prepare('--name', bad, '--source', src, '--root', tmp_path/'out'), 'not a name')
    (tmp_path/'theirs'/name).mkdir(parents=True); (tmp_path/'theirs'/name/'a.txt').write_text('mine')
    refused(prepare('--root', tmp_path/'theirs'), 'no collection of ours')
    (tmp_path/'data/prepared'/name/'notes.txt').write_text('mine')
    refused(prepare('--size', 16), 'notes.txt')
    kept = listing(tmp_path/'data')
    assert {k: v for k, v in kept.items() if k.parts[0] == name} == before and not (tmp_path/'out').exists()
    assert (tmp_path/'theirs'/name/'a.txt').exists() and (tmp_path/'data/prepared'/name/'notes.txt').exists()


def test_bad_mat(tmp_path):
    from scipy.io import savemat
    for kind in ('edge', 'sketch'): savemat(tmp_path/f'chairs_{kind}_db_train.mat', dict(stuff=np.zeros(3)))
    done = prep('qmul_v1', '--source', tmp_path, '--root', tmp_path/'out')
    refused(done, 'chairs_edge_db_train.mat', 'no array `data`')


def test_emoji():
    c = load_collection('emoji')
    n = c.photos[c.photos.split == 'test'].category.value_counts()
    assert n.min() >= 12 and set(c.sketches.sketcher) == {'openmoji', 'noto-300', 'noto-500', 'noto-700'}
    shares = c.photos.groupby('split').category.nunique()/c.photos.category.nunique()
    assert abs(shares['train']-.6) < .05 and abs(shares['test']-.25) < .05


@pytest.mark.parametrize('script, name, photos, sketches', [
    ('sketchy', 'sketchy_mini', 3125, 3125), ('sketchy', 'sketchy_plus', 271, 1887),
    ('shoe304', 'shoe304', 304, 912), ('qmul_v1', 'qmul_chairs', 297, 297)])
def test_research_data(tmp_path, script, name, photos, sketches):
    where = source_root()/('qmul_v1' if script == 'qmul_v1' else name)
    raw = (where/'photo').is_dir() or any(where.glob('*.mat'))
    if not raw: pytest.skip(f'{where}: the research data are not here; set AFGSBIR_DATA')
    done = prep(script, '--root', tmp_path, '--size', 32, *(['--name', name] if script == 'sketchy' else []))
    assert done.returncode == 0, done.stderr
    c = load_collection(name, tmp_path)
    assert (len(c.photos), len(c.sketches)) == (photos, sketches)
    if name == 'sketchy_mini':
        split = c.photos.groupby('split').category.nunique().to_dict()
        assert split == dict(train=84, val=20, test=21) and len(c.words) == 125
    if name == 'shoe304': assert c.sketches.groupby('photo').split.nunique().max() == 1


@pytest.mark.parametrize('seed', range(int(os.environ.get('AFGSBIR_KILLS', 3))))
def test_killed_while_preparing(tmp_path, seed):
    "kill -9 at a moment that the seed picks: the next preparation gives the same collection, and nothing else is left"
    pictures = [name for i in range(300) for name in (f'photo/a/p{i}.png', f'sketch/a/p{i}-1.png')]
    src = tree(tmp_path/'src', *pictures)
    args = ['--name', 'mine', '--source', src, '--size', '128', '--root']
    command = [sys.executable, 'data_prep/sketchy.py', *map(str, args), str(tmp_path/'out')]
    p = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while p.poll() is None and not list((tmp_path/'out').glob('.mine.*')): time.sleep(.005)
    time.sleep(random.Random(seed).random()*.4)
    p.kill(); p.wait()
    assert prep('sketchy', *args, tmp_path/'out').returncode == prep('sketchy', *args, tmp_path/'whole').returncode == 0
    hashes = [load_collection('mine', tmp_path/n).card['hash'] for n in ('out', 'whole')]
    assert hashes[0] == hashes[1] and sorted(f.name for f in (tmp_path/'out').iterdir()) == ['mine']
    assert len(list(src.rglob('*.png'))) == 600
