"From a picture to an answer: what is wrong is told in one line, what was killed goes on, and the answers are those of the tables."
import json, os, shutil, signal, subprocess, sys, time
from pathlib import Path

import numpy as np, pytest
from PIL import Image

from afgsbir import cli
from afgsbir.asking import evaluate
from afgsbir.base import projections
from afgsbir.baselines import rule_of
from afgsbir.core import InputError, data_root
from afgsbir.gallery import Gallery, read_rows
from afgsbir.pairs import load_collection
from afgsbir.retriever import Retriever
from afgsbir.tasks import tasks_of, with_pairs


@pytest.fixture(scope='module')
def shop(tmp_path_factory):
    "A folder of photos, five sketches with their pairs, and an index"
    folder, emoji = tmp_path_factory.mktemp('shop'), load_collection('emoji')
    (folder/'photos').mkdir(); (folder/'mine').mkdir()
    some = emoji.photos[emoji.photos.split == 'test'].iloc[:40]
    for p in some.itertuples(): Image.fromarray(emoji.photo_pixels[p.row]).save(folder/f'photos/{p.row}.png')
    drawn = emoji.sketches[emoji.sketches.photo.isin(some.photo) & (emoji.sketches.sketcher == 'openmoji')].iloc[:5]
    for s in drawn.itertuples(): Image.fromarray(emoji.sketch_pixels[s.row]).save(folder/f'mine/{s.photo_row}.png')
    lines = ['sketch,photo', *(f'mine/{r}.png,photos/{r}.png' for r in drawn.photo_row)]
    (folder/'pairs.csv').write_text('\n'.join(lines))
    Retriever.from_pretrained('emoji')                                # what is slow to import
    assert run('index', folder/'photos', '--to', folder/'my.index', '--system', 'emoji') == 0
    return folder


def run(*args):
    "The exit code of a command, in this process"
    try: cli.main([str(a) for a in args])
    except SystemExit as e: return e.code or 0


def test_four_commands(shop, capsys):
    sketch = next((shop/'mine').iterdir())
    assert run('search', sketch, '--in', shop/'my.index', '--json') == 0
    before = json.loads(capsys.readouterr().out)
    assert run('adapt', shop/'pairs.csv', '--in', shop/'my.index', '--to', shop/'mine.safetensors') == 0
    said = capsys.readouterr().out
    assert '5 pairs, step centre' in said and 'too few to say' in said         # five can never prove it
    assert run('search', sketch, '--in', shop/'my.index', '--with', shop/'mine.safetensors', '--json') == 0
    after = json.loads(capsys.readouterr().out)
    assert len(before) == len(after) == 10 and [a['score'] for a in before] != [a['score'] for a in after]
    assert run('search', sketch, '--in', shop/'my.index', '--html', shop/'answer.html') == 0
    assert 'page: file://' in capsys.readouterr().out and (shop/'answer.html').read_text().count('data:image/jpeg') == 10
    photo = Path(before[0]['name'])
    os.rename(shop/'photos'/photo, shop/'gone.png')
    try: assert run('search', sketch, '--in', shop/'my.index', '--html', shop/'answer.html') == 0
    finally: os.rename(shop/'gone.png', shop/'photos'/photo)
    assert 'alt="missing"' in (shop/'answer.html').read_text()


WRONG = {
    'no photos': (lambda f: ['index', f/'none', '--to', f/'i'], 'no such folder of photos'),
    'an empty folder': (lambda f: ['index', made(f/'empty'), '--to', f/'i'], 'no photo that can be read; nothing is written'),
    'only text': (lambda f: ['index', made(f/'text', {'a.txt': b'x'}), '--to', f/'i'], 'no photo that can be read'),
    'a broken photo': (lambda f: ['index', made(f/'bad', {'a.png': b'x'}), '--to', f/'i'], 'a.png: not a readable'),
    'a broken one among good': (lambda f: ['index', made(f/'one', {'a.png': b'x', 'b.png': picture()}), '--to', f/'i'], 'a.png: not a readable'),
    'only broken ones, skipped': (lambda f: ['index', f/'bad', '--to', f/'i', '--skip'], 'no photo that can be read'),
    'two spellings of one name': (lambda f: ['index', made(f/'nfc', {'\u00e9.png': picture(), 'e\u0301.png': picture()}), '--to', f/'i'],
                                  'two photos of this name'),
    'an unknown system': (lambda f: ['index', f/'photos', '--to', f/'i', '--system', 'nobody'], 'nobody: no system; name one of'),
    'a system that is none': (lambda f: ['index', f/'photos', '--to', f/'i', '--system', made(f/'s', {'x': b'y'})/'x'], 'not a system of ours'),
    'an unknown step': (lambda f: ['index', f/'photos', '--to', f/'i', '--system', 'emoji', '--step', 'leap'], 'leap: no step of this'),
    'an unknown placement': (lambda f: ['search', sketch(f), '--in', index(f, placement='left')], 'left'),
    'an unknown fit': (lambda f: ['index', f/'photos', '--to', f/'i', '--system', 'emoji', '--fit', 'squeeze'], 'squeeze'),
    'an index over a file': (lambda f: ['index', f/'photos', '--to', made(f/'file', {'x': b''})/'x', '--system', 'emoji'], 'x'),
    'an index over other files': (lambda f: ['index', f/'photos', '--to', made(f/'full', {'x': b''}), '--system', 'emoji'], 'not empty'),
    'an index of another system': (lambda f: ['index', f/'photos', '--to', f/'my.index', '--system', 'photos'], 'another system made this index'),
    'no index': (lambda f: ['search', sketch(f), '--in', f/'none'], 'no index of photos; make one with'),
    'an index that is no longer one': (lambda f: ['search', sketch(f), '--in', index(f, broken=True)], 'card.json'),
    'no sketch': (lambda f: ['search', f/'none.png', '--in', f/'my.index'], 'none.png'),
    'a folder for a sketch': (lambda f: ['search', f/'photos', '--in', f/'my.index'], 'photos'),
    'an empty sketch': (lambda f: ['search', made(f/'white', {'a.png': picture()})/'a.png', '--in', f/'my.index'], 'a.png'),
    'no photos asked for': (lambda f: ['search', sketch(f), '--in', f/'my.index', '-n', 0], '-n'),
    'an adaptation that is none': (lambda f: ['search', sketch(f), '--in', f/'my.index', '--with', f/'pairs.csv'], 'not a system of ours'),
    'a system as adaptation': (lambda f: ['search', sketch(f), '--in', f/'my.index', '--with', released()], 'holds no adaptation'),
    'no pairs': (lambda f: ['adapt', f/'none.csv', '--in', f/'my.index', '--to', f/'x'], 'none.csv'),
    'pairs without a line': (lambda f: ['adapt', made(f/'p0', {'a.csv': b'sketch,photo\n'})/'a.csv', '--in', f/'my.index', '--to', f/'x'], 'no examples'),
    'pairs without their columns': (lambda f: ['adapt', made(f/'p1', {'a.csv': b'a,b\n1,2\n'})/'a.csv', '--in', f/'my.index', '--to', f/'x'],
                                    "lacks the column 'sketch'"),
    'a pair of an unknown photo': (lambda f: ['adapt', made(f/'p2', {'a.csv': b'sketch,photo\na.png,no.png\n', 'a.png': picture(0)})/'a.csv',
                                              '--in', f/'my.index', '--to', f/'x'], 'no.png: neither a photo of the index nor a file'),
    'check of sketches alone': (lambda f: ['check', f/'mine', '--in', f/'my.index'], 'check needs pairs'),
    'an unknown collection': (lambda f: ['eval', 'nobody', '--system', 'emoji'], 'no prepared collection'),
    'too many pairs': (lambda f: ['eval', 'emoji', '--system', 'emoji', '-k', 999], 'lower -k'),
    'an unknown command': (lambda f: ['serach'], 'No such command'),
    'an unknown option': (lambda f: ['search', sketch(f), '--in', f/'my.index', '--nope'], 'No such option'),
    'nothing asked': (lambda f: ['search'], 'Missing argument'),
}

def made(folder, files={}):
    folder.mkdir(exist_ok=True)
    for name, data in files.items(): (folder/name).write_bytes(data)
    return folder

def picture(ink=255):
    import io
    x = np.full((32, 32), 255, np.uint8); x[8:24, 8:24] = ink
    Image.fromarray(x).save(out := io.BytesIO(), 'PNG')
    return out.getvalue()

def sketch(folder): return next((folder/'mine').iterdir())

def index(folder, placement='asis', broken=False):
    "A copy of the index, changed"
    there = folder/f'copy-{placement}-{broken}'
    shutil.copytree(folder/'my.index', there, dirs_exist_ok=True)
    (there/'about.json').write_text(json.dumps(json.loads((there/'about.json').read_text()) | dict(placement=placement)))
    if broken: (there/'card.json').write_text('{}')
    return there

def released():
    from afgsbir.retriever import find_system
    return find_system('emoji')


@pytest.mark.parametrize('case', WRONG)
def test_one_line(shop, case, capsys):
    make, why = WRONG[case]
    arguments = make(shop)
    if arguments[0] == 'index' and '--system' not in arguments: arguments += ['--system', 'emoji']
    there = sorted(p.name for p in shop.iterdir())
    assert run(*arguments) == 2
    said = capsys.readouterr()
    lines = [l for l in said.err.splitlines() if l.strip() and not l.startswith('photos:')]
    assert len(lines) <= 2 and lines[-1].startswith('error: ') and why in lines[-1], said
    assert sorted(p.name for p in shop.iterdir()) == there                     # nothing half-written


SLOW = '''
import sys, time
import afgsbir.retriever as r
from pathlib import Path
see = r.features_of_pictures
def slowly(*a): time.sleep(.05); return see(*a)
r.features_of_pictures = slowly
r._gathered.__defaults__ = (32, 30)
r._ahead.__defaults__ = (8, 2)
shop = r.Retriever.from_pretrained('emoji', device='cpu')
print(shop.index(Path(sys.argv[1]), sys.argv[2], bar=False))
'''

def test_killed_while_indexing(shop, tmp_path):
    "Killed again and again, an index ends as one that was never killed"
    go = lambda to: subprocess.Popen([sys.executable, '-c', SLOW, str(shop/'photos'), str(to)], stdout=subprocess.PIPE, text=True)
    whole, killed = go(tmp_path/'whole'), tmp_path/'killed'
    assert 'Indexed(new=40, unchanged=0' in whole.communicate()[0]
    process, rows = go(killed), 0
    while process.poll() is None and not list(killed.glob('segment-*.npy')): time.sleep(.01)
    process.send_signal(signal.SIGKILL); process.wait()
    assert process.returncode == -9
    said = go(killed).communicate()[0]
    a, b = Gallery(tmp_path/'whole'), Gallery(killed)
    assert a.row_of.keys() == b.row_of.keys() and a.mark_of == b.mark_of
    if 'new=40' not in said: assert 'unchanged=32' in said                     # what was there was not done again
    for name in a.row_of: assert np.array_equal(read_rows(a, [a.row_of[name]]), read_rows(b, [b.row_of[name]])), name


def through(name, system, step, tmp_path, n=3):
    "Rows of some tasks through the door, and as the tables ask them"
    collection = load_collection(name)
    tasks = with_pairs(tasks_of(collection, 'test'), 5)[:n]
    shop = Retriever.from_pretrained(system, step, device='cpu')
    x = shop.eye.system.features(collection, tasks, shop.eye.views)
    z = projections(shop.eye.system.params, x, tasks)
    for task in tasks:
        shop.index({f'{r}': collection.photo_pixels[r] for r in task.gallery.tolist()}, tmp_path/task.name, bar=False)
        pairs = [(collection.sketch_pixels[s], f'{p}') for s, p in zip(task.sketches.tolist(), task.photos.tolist())]
        rows = shop.evaluate(pairs, (1, 5), 4)
        for s in dict.fromkeys((shop.before, shop.step)):
            given = x if s.startswith('paper') else z
            there = evaluate(rule_of(shop.eye.system, s), given, [task], (1, 5), 4, protocols=('disjoint',))
            numbers = lambda rows: [[r[f'acc@{q}'] for q in (1, 5, 10)] for r in rows]
            yield numbers(r for r in rows if r['step'] == s), numbers(there)


def test_the_door_answers_as_the_tables(tmp_path):
    for ours, theirs in through('emoji', 'emoji', '', tmp_path): assert ours == theirs


@pytest.mark.skipif(not (data_root()/'sketchy_mini/card.json').is_file(), reason='sketchy_mini is not prepared (make data-research)')
def test_the_door_answers_as_the_tables_on_photos(tmp_path):
    for ours, theirs in through('sketchy_mini', 'photos', '', tmp_path, 2): assert ours == theirs
