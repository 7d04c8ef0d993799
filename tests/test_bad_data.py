"Bad input over pictures, folders, names, manifests, collections and arrays: one line that names the file and the cure."
import errno, json, os, shutil, signal, struct, subprocess, sys, unicodedata, zlib
from functools import partial
from pathlib import Path

import numpy as np, pandas as pd, pytest
from hypothesis import assume, given, settings, strategies as st
from PIL import Image

from afgsbir import pairs
from afgsbir.core import InputError, command, repo_root
from afgsbir.pairs import (check_manifest, load_collection, parse_sketch, read_picture, scan, verify_collection,
                           write_collection)
from scripts import script

ROOT = repo_root()
SQUARE = np.uint8([[0, 85], [170, 255]])
settings.register_profile('same', derandomize=True, deadline=None, max_examples=150, database=None)
settings.load_profile('same')


@pytest.fixture(autouse=True)
def no_hang():
    "Whatever waits for ever is stopped"
    def stop(*_): raise TimeoutError('hangs')
    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


SKETCHY, SHOE, QMUL, EMOJI = map(script, ('sketchy', 'shoe304', 'qmul_v1', 'emoji'))


def one_line(error, *words):
    said = str(error)
    assert len(said.splitlines()) == 1 and all(w in said for w in words), said


def refused(call, *words):
    with pytest.raises(InputError) as e: call()
    one_line(e.value, *words)


def told(capsys, main, argv, *words):
    "Run a program: exit 2 and one line on stderr"
    with pytest.raises(SystemExit) as e: command(lambda: main([str(a) for a in argv]))
    err = capsys.readouterr().err
    assert e.value.code == 2 and err.startswith('error: ') and err.endswith('\n'), err
    one_line(err[:-1], *words)


def listing(root): return {p.relative_to(root).as_posix(): p.lstat().st_size for p in sorted(root.rglob('*'))}


# ---- pictures that are read

def chunk(kind, data): return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind+data))


def png(file, bits, kind, samples, clear=b'', size=(1, 1)):
    "A PNG by hand: one row of samples as they stand in the file"
    head = struct.pack('>IIBBBBB', *size, bits, kind, 0, 0, 0)
    data = chunk(b'IHDR', head) + (chunk(b'tRNS', clear) if clear else b'')
    data += chunk(b'IDAT', zlib.compress(b'\0'+samples)) if samples else b''
    file.write_bytes(b'\x89PNG\r\n\x1a\n' + data + chunk(b'IEND', b''))


def saved(im, name='x.png', **how):
    def make(folder): im.save(folder/name, **how); return folder/name
    return make


def by_hand(*args):
    def make(folder): png(folder/'x.png', *args); return folder/'x.png'
    return make


def image(mode, colour, size=(2, 2)): return Image.new(mode, size, colour)


def exif(turn):
    e = Image.Exif()
    e[274] = turn
    return e


def palette():
    im = image('P', 0)
    im.putpalette([0, 0, 0, 200, 100, 50])
    return im


def moving(name, **how):
    return saved(image('RGB', 'red'), name, save_all=True, append_images=[image('RGB', 'blue')], **how)


def named_as(name, make):
    def made(folder): return make(folder).rename(folder/name)
    return made


READ = {   # what is made, its mode, the pixel in the corner
    'grey 16': (saved(Image.fromarray(np.full((2, 2), 32768, np.uint16))), 'L', 128),
    'grey 16 to RGB': (saved(Image.fromarray(np.full((2, 2), 257*7, np.uint16))), 'RGB', (7, 7, 7)),
    'grey 16, dark': (saved(Image.fromarray(np.full((2, 2), 300, np.uint16))), 'L', 1),
    'grey 16, white': (saved(Image.fromarray(np.full((2, 2), 65535, np.uint16))), 'L', 255),
    'grey 16, transparent': (by_hand(16, 0, b'\1\2', b'\1\2'), 'L', 255),
    'grey 16, other transparent': (by_hand(16, 0, b'\1\2', b'\1\3'), 'L', 1),
    'grey 1, transparent': (by_hand(1, 0, b'\0', b'\0\0'), 'L', 255),
    'grey 2, transparent': (by_hand(2, 0, b'\x40', b'\0\1'), 'L', 255),
    'grey 2, other transparent': (by_hand(2, 0, b'\x40', b'\0\2'), 'L', 85),
    'grey 4, transparent': (by_hand(4, 0, b'\x50', b'\0\5'), 'L', 255),
    'grey 8, transparent': (by_hand(8, 0, b'\x50', b'\0\x50'), 'RGB', (255, 255, 255)),
    'RGB 8, transparent': (by_hand(8, 2, b'\1\2\3', b'\0\1\0\2\0\3'), 'RGB', (255, 255, 255)),
    'RGB 8, other transparent': (by_hand(8, 2, b'\1\2\3', b'\0\1\0\2\0\4'), 'RGB', (1, 2, 3)),
    'RGB 16': (by_hand(16, 2, b'\x80\0\x40\0\x20\0'), 'RGB', (128, 64, 32)),
    'RGB 16, transparent': (by_hand(16, 2, b'\x80\0\x40\0\x20\0', b'\x80\0\x40\0\x20\0'), 'RGB', (255, 255, 255)),
    'RGBA 16': (by_hand(16, 6, b'\x80\0'*3 + b'\0\0'), 'RGB', (255, 255, 255)),
    'LA': (saved(image('LA', (0, 0))), 'L', 255),
    'LA, half': (saved(image('LA', (0, 128))), 'L', 127),
    'RGBA': (saved(image('RGBA', (9, 9, 9, 0))), 'RGB', (255, 255, 255)),
    'RGBA webp': (saved(image('RGBA', (9, 9, 9, 0)), 'x.webp', lossless=True), 'RGB', (255, 255, 255)),
    'P': (saved(palette()), 'RGB', (0, 0, 0)),
    'P, transparent': (saved(palette(), transparency=0), 'RGB', (255, 255, 255)),
    'P, half': (saved(palette(), transparency=b'\x80'), 'L', 127),
    'black and white': (saved(image('1', 1)), 'L', 255),
    'CMYK': (saved(image('CMYK', (0, 0, 0, 255)), 'x.jpg'), 'RGB', (0, 0, 0)),
    'bmp': (saved(image('RGB', (1, 2, 3)), 'x.bmp'), 'RGB', (1, 2, 3)),
    'png named jpg': (named_as('y.jpg', saved(image('RGB', (1, 2, 3)))), 'RGB', (1, 2, 3)),
    'moving png': (moving('x.png'), 'RGB', (255, 0, 0)),
    'moving webp': (moving('x.webp', lossless=True), 'RGB', (255, 0, 0)),
    'gif': (saved(palette(), 'x.gif'), 'RGB', (0, 0, 0)),
    'gif, transparent': (saved(palette(), 'x.gif', transparency=0), 'RGB', (255, 255, 255)),
    'gif named png': (named_as('x.png', saved(image('L', 7), 'y.gif')), 'L', 7),
    'moving gif': (moving('x.gif'), 'RGB', (255, 0, 0)),
    'tiff': (saved(image('RGB', (1, 2, 3)), 'x.tif'), 'RGB', (1, 2, 3)),
    'tiff, grey 16': (saved(Image.fromarray(np.full((2, 2), 32768, np.uint16)), 'x.tiff'), 'L', 128),
    'tiff, CMYK': (saved(image('CMYK', (0, 0, 0, 255)), 'x.tif'), 'RGB', (0, 0, 0)),
    'tiff named jpg': (named_as('x.jpg', saved(image('RGB', (1, 2, 3)), 'y.tif')), 'RGB', (1, 2, 3)),
    'moving tiff': (moving('x.tif'), 'RGB', (255, 0, 0)),
    'several in a jpeg': (named_as('x.jpg', moving('x.mpo', quality=100)), 'RGB', (254, 0, 0)),
}


@pytest.mark.parametrize('case', READ)
def test_read(tmp_path, case):
    make, mode, corner = READ[case]
    found = read_picture(make(tmp_path), 2, mode)
    assert found.dtype == np.uint8 and found.shape == ((2, 2, 3) if mode == 'RGB' else (2, 2))
    assert np.array_equal(found[0, 0], corner), found


TURNED = {1: SQUARE, 2: SQUARE[:, ::-1], 3: SQUARE[::-1, ::-1], 4: SQUARE[::-1], 5: SQUARE.T, 6: np.rot90(SQUARE, -1),
          7: np.rot90(SQUARE, 2).T, 8: np.rot90(SQUARE), 9: SQUARE}


@pytest.mark.parametrize('turn', TURNED)
def test_upright(tmp_path, turn):
    for name in ('x.png', 'x.webp'):
        Image.fromarray(SQUARE).convert('RGB').save(tmp_path/name, exif=exif(turn), lossless=True)
        assert np.array_equal(read_picture(tmp_path/name, 2, 'L'), TURNED[turn])
    Image.fromarray(SQUARE.repeat(16, 0).repeat(16, 1)).save(tmp_path/'x.jpg', exif=exif(turn), quality=100)
    assert np.abs(read_picture(tmp_path/'x.jpg', 32, 'L')[8::16, 8::16].astype(int) - TURNED[turn]).max() < 3


def test_broken_exif(tmp_path):
    "A note that cannot be read turns nothing, and hides nothing"
    Image.fromarray(SQUARE).save(tmp_path/'x.png', exif=b'Exif\0\0MM\0*\0\0\0\x08\xff\xff')
    assert np.array_equal(read_picture(tmp_path/'x.png', 2, 'L'), SQUARE)


# ---- pictures that are refused

def written(name, data):
    def make(folder): (folder/name).write_bytes(data); return folder/name
    return make


def cut(name, share, **how):
    "The first bytes of a good picture"
    def make(folder):
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder/name, **how)
        data = (folder/name).read_bytes()
        (folder/name).write_bytes(data[:int(len(data)*share)])
        return folder/name
    return make


def at(name, call):
    def make(folder): call(folder/name); return folder/name
    return make


EPS = b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) print\nshowpage\n'
REFUSED = {
    'text': (written('x.jpg', b'no picture'), 'no JPEG, PNG, WEBP, BMP, GIF or TIFF'),
    'nothing in it': (written('x.png', b''), 'no JPEG, PNG, WEBP, BMP, GIF or TIFF'),
    'postscript named jpg': (written('x.jpg', EPS), 'no JPEG, PNG, WEBP, BMP, GIF or TIFF'),
    'svg named png': (written('x.png', b'<svg xmlns="http://www.w3.org/2000/svg"/>'), 'no JPEG, PNG'),
    'float tiff': (saved(image('F', .5), 'x.tif'), 'floats, save it with 8 bits'),
    'tiff of 32 bits': (saved(image('I', 9), 'x.tif'), '32 bits a colour, save it with 8 bits'),
    'pdf': (named_as('x.jpg', saved(image('RGB', 0), 'y.pdf')), 'no JPEG, PNG'),
    'ico': (named_as('x.png', saved(image('RGB', 0, (16, 16)), 'y.ico')), 'no JPEG, PNG'),
    'bomb': (by_hand(8, 0, bytes(9), b'', (60000, 60000)), 'not a readable image ('),
    'bomb, just': (by_hand(8, 0, bytes(9), b'', (13378, 13378)), 'not a readable image ('),
    'bmp of absurd size': (written('x.bmp', b'BM' + struct.pack('<IHHIIiiHHIIiiII', 54, 0, 0, 54, 40, 2**30, 2**30,
                                                               1, 24, 0, 0, 0, 0, 0, 0)), 'not a readable image ('),
    'no width': (by_hand(8, 0, b'', b'', (0, 4)), 'not a readable image ('),
    'cut jpeg': (cut('x.jpg', .5), 'truncated'),
    'cut png': (cut('x.png', .5), 'truncated'),
    'cut webp': (cut('x.webp', .5), 'not a readable image ('),
    'cut bmp': (cut('x.bmp', .5), 'truncated'),
    'head of a jpeg': (cut('x.jpg', .02), 'not a readable image ('),
    'png without pixels': (by_hand(8, 0, b''), 'not a readable image ('),
    'pipe': (at('x.jpg', os.mkfifo), 'not a regular file'),
    'device': (at('x.jpg', lambda f: f.symlink_to('/dev/zero')), 'not a regular file'),
    'folder': (at('x.jpg', Path.mkdir), 'not a regular file'),
    'loose link': (at('x.jpg', lambda f: f.symlink_to('nowhere')), 'No such file'),
    'link to itself': (at('x.jpg', lambda f: f.symlink_to(f)), 'symbolic links'),
    'not there': (lambda folder: folder/'x.jpg', 'No such file'),
    'two lines': (written('x\n.jpg', b'no'), r'x\n.jpg'),
    'below a file': (lambda folder: written('x', b'')(folder)/'y.jpg', 'Not a directory'),
}


@pytest.mark.parametrize('case', REFUSED)
def test_refused(tmp_path, case):
    make, word = REFUSED[case]
    file = make(tmp_path)
    for size, mode, fit in ((8, 'RGB', 'stretch'), (8, 'L', 'pad')):
        cure = '; replace it or pass --skip-unreadable'
        refused(lambda: read_picture(file, size, mode, fit), file.suffix, word, cure)
    refused(lambda: read_picture(str(file), 8), word)


ASKED = [(dict(size=0), 'size 0'), (dict(size=-1), 'size -1'), (dict(size=4097), 'size 4097'),
         (dict(size=2.), 'size 2.0'), (dict(size=8, mode='F'), "'F'"), (dict(size=8, mode='RGBA'), "'RGBA'"),
         (dict(size=8, fit='cut'), "'cut'")]


@pytest.mark.parametrize('how, word', ASKED)
def test_wrong_request(tmp_path, how, word):
    refused(lambda: read_picture(saved(image('L', 0))(tmp_path), **how), word, 'take ')


def test_thin(tmp_path):
    "A line that is padded would vanish"
    file = saved(image('L', 0, (1, 4000)))(tmp_path)
    refused(lambda: read_picture(file, 8, 'L', 'pad'), 'x.png', '1 x 4000 pixels, too thin to pad')
    assert read_picture(file, 8, 'L').max() == 0


def test_may_not_be_read(tmp_path, monkeypatch):
    def no(*a, **k): raise PermissionError(errno.EACCES, 'Permission denied')
    file = saved(image('L', 0))(tmp_path)
    monkeypatch.setattr(pairs.Image, 'open', no)
    refused(lambda: read_picture(file, 8), 'x.png', 'Permission denied')


KINDS = {'x.png': {}, 'x.jpg': {}, 'x.webp': dict(lossless=True), 'x.bmp': {}, 'x.gif': {}, 'x.tif': {}}


@given(st.sampled_from(sorted(KINDS)), st.lists(st.tuples(st.floats(0, .999), st.integers(0, 255)), max_size=6),
       st.floats(.05, 1), st.sampled_from(['stretch', 'pad']))
def test_damaged_pictures(tmp_path_factory, kind, flips, share, fit):
    "Bytes changed and cut anywhere: a picture of the size asked for, or one line"
    file = tmp_path_factory.mktemp('p')/kind
    Image.fromarray(SQUARE.repeat(4, 0).repeat(4, 1)).convert('RGB').save(file, exif=exif(6), **KINDS[kind])
    data = bytearray(file.read_bytes())
    for place, value in flips: data[int(place*len(data))] = value
    file.write_bytes(data[:int(share*len(data))+1])
    try: found = read_picture(file, 8, 'L', fit)
    except InputError as e: one_line(e, kind)
    else: assert found.dtype == np.uint8 and found.shape == (8, 8)


# ---- folders and names

def tree(root, *names):
    for n in names:
        (root/n).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (20, 20), 'white').save(root/n)
    return root


def paired(*categories): return [f'{k}/{c}/p{i}{n}' for c in categories for i in range(3)
                                 for k, n in (('photo', '.jpg'), ('sketch', '-1.png'))]


def good(root): return tree(root, *paired('a', 'b'))


def source(*changes):
    "A good source with changes: {'path': bytes, None to remove, or a function of the path}"
    def make(root):
        good(root)
        for path, what in changes:
            file = root/path
            if callable(what): what(file); continue
            if what is None: shutil.rmtree(file) if file.is_dir() else file.unlink(); continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(what)
        return root
    return make


def picture(file): tree(file.parent, file.name)


def vectors(**arrays):
    def make(file): np.savez(file, **arrays)
    return make


NFD = unicodedata.normalize('NFD', 'café')
TWO, EYE, WORDS = np.array(['a', 'b']), np.eye(2), 'word_vectors.npz'
ALL = [(name, b'no') for name in paired('a', 'b')]
HIDDEN = [('photo/a', None), ('photo/b', None), ('photo/.c/x.jpg', b'')]
PREPARED = {   # changes of a good source; options; what must be said
    'name empty': ([], ['--name', ''], "'': not a name"),
    'name climbs': ([], ['--name', '../x'], 'not a name'),
    'name absolute': ([], ['--name', '/x'], 'not a name'),
    'name hidden': ([], ['--name', '.x'], 'not a name'),
    'name of two lines': ([], ['--name', 'x\ny'], r'x\ny'),
    'name accented': ([], ['--name', 'é'], 'not a name'),
    'name too long': ([], ['--name', 'x'*101], 'up to 100 letters'),
    'size 0': ([], ['--size', 0], 'size 0', '--size 1 to 4096'),
    'size negative': ([], ['--size', -8], 'size -8'),
    'size absurd': ([], ['--size', 10**9], 'size 1000000000'),
    'val unknown': ([], ['--val', 'a', 'dog', '--test', 'b'], '--val dog: no such category', "'a', 'b'"),
    'test unknown': ([], ['--test', 'dog'], '--test dog: no such category'),
    'val is test': ([], ['--val', 'a', '--test', 'a'], 'a: stands in --val and in --test'),
    'photo and val': ([], ['--split', 'photo', '--val', 'a'], '--split photo: knows no --val'),
    'test and test': ([], ['--split', 'test', '--test', 'a'], '--split test: knows no --val'),
    'category unnamed': ([], ['--split', 'category'], 'name yours with --val and --test'),
    'no source': ([('photo', None), ('sketch', None)], [], 'holds no photo/ and sketch/', '--source'),
    'photo is a file': ([('photo', None), ('photo', b'')], [], 'holds no photo/ and sketch/'),
    'no categories': ([('photo/a', None), ('photo/b', None)], [], 'photo: holds no category folders'),
    'hidden category only': (HIDDEN, [], 'no category folders'),
    'empty category': ([('photo/c', Path.mkdir)], [], 'photo/c: an empty category'),
    'category of other files': ([('photo/c/x.psd', b'')], [], 'photo/c: an empty category'),
    'category of noise': ([('photo/c/._x.jpg', b''), ('photo/c/Thumbs.db', b'')], [], 'photo/c: an empty category'),
    'sketch without photo': ([('sketch/a/q-1.png', picture)], [], "sketch 'a/q-1' has no photo 'a/q' (1 such)"),
    'sketch of another category': ([('sketch/c/p0-1.png', picture)], [], "has no photo 'c/p0'"),
    'photo twice': ([('photo/a/p0.PNG', picture)], [], "photo id 'a/p0' stands twice"),
    'accent twice': ([('photo/a/café.jpg', picture), (f'photo/a/{NFD}.jpg', picture)], [], 'stands twice'),
    'category twice': ([('photo/café/x.jpg', picture), (f'photo/{NFD}/y.jpg', picture)], [], 'a second folder'),
    'photo of two lines': ([('photo/a/x\ny.jpg', picture)], [], r'x\ny.jpg', 'rename it'),
    'sketch with a return': ([('sketch/a/p0\r-2.png', picture)], [], r'p0\r-2.png', 'rename it'),
    'name that is no text': ([(os.fsdecode(b'photo/a/\xff.jpg'), picture)], [], r'\udcff.jpg', 'rename it'),
    'category with a tab': ([('photo/c\t/x.jpg', picture)], [], r'c\t', 'rename it'),
    'broken photo': ([('photo/a/p1.jpg', b'no')], [], 'p1.jpg: not a readable image', '--skip-unreadable'),
    'broken sketch': ([('sketch/b/p2-1.png', b'')], [], 'p2-1.png: not a readable image'),
    'pipe': ([('photo/a/x.jpg', os.mkfifo)], [], 'x.jpg: not a readable image (not a regular file)'),
    'folder named as a picture': ([('photo/a/x.jpg', Path.mkdir)], [], 'x.jpg: not a readable image (not a regular'),
    'all unreadable': (ALL, ['--skip-unreadable'], 'none of 6 photos can be read'),
    'all sketches unreadable': ([c for c in ALL if 'sketch' in c[0]], ['--skip-unreadable'], 'none of 6 sketches can'),
    'no sketch of a readable photo': ([c for c in ALL if 'photo' in c[0]][:5] + [('sketch/b/p2-1.png', None)],
                                      ['--skip-unreadable'], 'none of 0 sketches can be read'),
    'vectors not an archive': ([(WORDS, b'no')], [], 'word_vectors.npz: not readable word vectors'),
    'vectors pickled': ([(WORDS, vectors(names=TWO.astype(object), word2vec=EYE))], [], 'not readable word'),
    'vectors of another kind': ([(WORDS, vectors(names=TWO, glove=EYE))], [], "no vectors 'word2vec'", 'glove'),
    'vectors unnamed': ([(WORDS, vectors(word2vec=EYE))], [], 'finite numbers for each of `names`'),
    'vectors not a number': ([(WORDS, vectors(names=TWO, word2vec=EYE*np.nan))], [], 'finite numbers'),
    'vectors too few': ([(WORDS, vectors(names=TWO, word2vec=EYE[:1]))], [], 'finite numbers'),
    'vectors of one category': ([(WORDS, vectors(names=TWO[:1], word2vec=EYE[:1]))], [], "category 'b'"),
    'no such rendering': ([('photo/tx_1/a/x.jpg', picture)], [], 'no such rendering', '--photo-tx'),
}


@pytest.mark.parametrize('case', PREPARED)
def test_prepared(tmp_path, capsys, case):
    changes, options, *words = PREPARED[case]
    src = source(*changes)(tmp_path/'src')
    before = listing(src)
    argv = ['--name', 'mine', '--source', src, '--root', tmp_path/'out', '--size', 8, *options]
    told(capsys, SKETCHY.main, argv, *words)
    assert listing(src) == before and not list((tmp_path/'out').glob('*')) and not list((tmp_path/'out').glob('.*'))


PLACES = {   # what lies where the collection is to go
    'root is a file': (lambda root: (root.parent.mkdir(), root.write_text('mine')), 'cannot be written'),
    'root below a file': (lambda root: root.parent.write_text('mine'), 'cannot be written'),
    'their folder': (lambda root: tree(root, 'mine/x.jpg'), 'no collection of ours'),
    'their file': (lambda root: (root.mkdir(parents=True), (root/'mine').write_text('')), 'no collection of ours'),
    'a link': (lambda root: (root.mkdir(parents=True), (root/'mine').symlink_to('x')), 'no collection of ours'),
    'another card': (lambda root: (tree(root, 'mine/x.jpg'), (root/'mine/card.json').write_text('{}')),
                     'x.jpg: not a file of a collection'),
    'a card that is none': (lambda root: ((root/'mine').mkdir(parents=True), (root/'mine/card.json').write_text('{')),
                            'no collection of ours'),
}


@pytest.mark.parametrize('case', PLACES)
def test_places(tmp_path, capsys, case):
    make, word = PLACES[case]
    make(tmp_path/'at'/'root')
    src, before = good(tmp_path/'src'), listing(tmp_path/'at')
    told(capsys, SKETCHY.main, ['--name', 'mine', '--source', src, '--root', tmp_path/'at'/'root', '--size', 8], word)
    assert listing(tmp_path/'at') == before


def prepare(tmp_path, src, *options, name='mine'):
    SKETCHY.main([str(a) for a in ('--name', name, '--source', src, '--root', tmp_path/'out', '--size', 8, *options)])
    return load_collection(name, tmp_path/'out')


def splits(c): return {k: n['photos'] for k, n in c.card['splits'].items()}


NOISE = ('photo/a/._p0.jpg photo/__MACOSX/a/x.jpg photo/.DS_Store sketch/a/Thumbs.db sketch/.ipynb_checkpoints/x.png '
         'photo/a/desktop.ini').split()
WELCOME = {   # changes; options; photos; their splits; what is said
    'noise': ([(n, b'') for n in NOISE], ['--test', 'a'], 6, (3, 0, 3), ''),
    'two forms of an accent': ([(f'photo/{NFD}/{NFD}.jpg', picture), ('sketch/café/café-1.png', picture)],
                               ['--test', NFD, '--val', 'a'], 7, (3, 3, 1), ''),
    'an empty --val': ([], ['--val', '--test', 'b'], 6, (3, 0, 3), 'no sketches in val'),
    'test alone': ([], ['--split', 'test'], 6, (0, 0, 6), 'no sketches in train and val'),
    'other files': ([('photo/a/x.psd', b''), ('photo/a/y.pdf', b'')], ['--test', 'b'], 6, (3, 0, 3),
                    "'x.psd' is no picture"),
    'a loose picture': ([('photo/x.jpg', picture)], ['--test', 'b'], 6, (3, 0, 3),
                        'x.jpg: stands outside of a category'),
    'skipped': ([('photo/a/p1.jpg', b'no'), ('photo/b/x.jpg', os.mkfifo), ('photo/b/y.png', Path.mkdir)],
                ['--skip-unreadable', '--test', 'b'], 5, (2, 0, 3), '3 unreadable pictures skipped'),
    'a distractor': ([('photo/a/more.jpg', picture)], ['--test', 'a'], 7, (3, 0, 4), ''),
}


@pytest.mark.parametrize('case', WELCOME)
def test_welcome(tmp_path, capsys, case):
    changes, options, n, where, said = WELCOME[case]
    c = prepare(tmp_path, source(*changes)(tmp_path/'src'), *options)
    assert len(c.photos) == n and splits(c) == dict(zip(pairs.SPLITS, where)) and said in capsys.readouterr().out
    assert all(unicodedata.is_normalized('NFC', t) for t in [*c.photos.photo, *c.sketches.photo, *c.photos.category])


def test_name_decides_nothing_asked(tmp_path):
    "sketchy_plus is all test, unless a split is asked for"
    assert splits(prepare(tmp_path, good(tmp_path/'src'), name='sketchy_plus')) == dict(train=0, val=0, test=6)
    assert splits(prepare(tmp_path, tmp_path/'src', '--test', 'b', name='sketchy_plus')) == dict(train=3, val=0, test=3)


def test_licence(tmp_path):
    "Only Sketchy's pictures are under its licence"
    assert prepare(tmp_path, good(tmp_path/'src')).card['licence'] == 'not told'
    assert SKETCHY.licence({*SKETCHY.UNSEEN, 'ape'}) == SKETCHY.licence({*SKETCHY.PLUS}) == SKETCHY.LICENCE


@pytest.mark.parametrize('name', ['sketchy', 'shoe304', 'qmul_v1', 'emoji'])
@pytest.mark.parametrize('size', [0, -3, 4097])
def test_sizes(tmp_path, capsys, name, size):
    "Before a source is looked for"
    told(capsys, script(name).main, ['--root', tmp_path/'out', '--size', size], f'size {size}', 'take --size 1 to 4096')
    assert not (tmp_path/'out').exists()


def test_emoji_not_installed(tmp_path, capsys, monkeypatch):
    def no(name): raise ModuleNotFoundError(name)
    monkeypatch.setattr('importlib.resources.files', no)
    told(capsys, EMOJI.main, ['--root', tmp_path/'out'], 'not installed; pip install')


def test_folder_that_may_not_be_listed(tmp_path, capsys, monkeypatch):
    src, listed = good(tmp_path/'src'), Path.iterdir
    def iterdir(self):
        if self.name == 'b': raise PermissionError(errno.EACCES, 'Permission denied')
        return listed(self)
    monkeypatch.setattr(Path, 'iterdir', iterdir)
    argv = ['--name', 'm', '--source', src, '--root', tmp_path/'out']
    told(capsys, SKETCHY.main, argv, 'photo/b', 'Permission denied')
    assert not (tmp_path/'out').exists()


SHOES = {
    'no folder': ([('photo', None)], 'photo: no such folder', '--source'),
    'no photos': ([('photo/1.jpg', None), ('photo/2.jpg', None)], 'photo: an empty category'),
    'noise only': ([('sketch/1-1.png', None), ('sketch/2-1.png', None), ('sketch/._1-1.png', b'')], 'sketch: an empty'),
    'orphan': ([('sketch/9-1.png', picture)], "sketch '9-1' has no photo '9'"),
    'broken': ([('photo/2.jpg', b'')], '2.jpg: not a readable image'),
    'a return in a name': ([('photo/3\r.jpg', picture)], r'3\r.jpg'),
}


@pytest.mark.parametrize('case', SHOES)
def test_shoes(tmp_path, capsys, case):
    changes, *words = SHOES[case]
    src = tree(tmp_path/'src', 'photo/1.jpg', 'photo/2.jpg', 'sketch/1-1.png', 'sketch/2-1.png')
    for path, what in changes:
        if callable(what): what(src/path)
        elif what is not None: (src/path).write_bytes(what)
        else: shutil.rmtree(src/path) if (src/path).is_dir() else (src/path).unlink()
    told(capsys, SHOE.main, ['--source', src, '--root', tmp_path/'out', '--size', 8], *words)
    assert not list((tmp_path/'out').glob('*'))


LETTER = st.characters(codec='utf-8', exclude_categories=('C', 'Z'), exclude_characters='/.\\-')
WORD = st.text(LETTER, min_size=1, max_size=8)
STEM = st.lists(WORD, min_size=1, max_size=3).map('-'.join)


@given(st.text(max_size=12), st.sets(st.text(max_size=5), max_size=5), st.booleans())
def test_any_stem_is_read(stem, known, last):
    photo, who = parse_sketch(stem, known, last)
    assert stem.startswith(photo) and (who == '' or stem.endswith(who))
    assert photo in known or who == ''


@given(STEM, st.integers(0, 999), WORD, st.sets(STEM, max_size=5))
def test_a_sketch_finds_its_photo(photo, n, who, others):
    assert parse_sketch(f'{photo}-{n}', others | {photo}) == (photo, '')
    assert parse_sketch(f'{photo}-{who}', others | {photo}, sketcher_last=True) == (photo, who)
    assume(not who.isdigit() and f'{photo}-{n}' not in others)
    assert parse_sketch(f'{photo}-{n}-{who}', others | {photo}) == (photo, who)


@settings(max_examples=60)
@given(st.dictionaries(WORD, st.sets(STEM, min_size=1, max_size=4), min_size=1, max_size=3),
       st.sampled_from(['NFC', 'NFD']))
def test_any_names_pair(tmp_path_factory, names, form):
    "Sketches in one form of Unicode, photos in the other: every photo has its one sketch"
    root, same = tmp_path_factory.mktemp('t'), partial(unicodedata.normalize, 'NFC')
    names = {c: {same(p) for p in ps} for c, ps in names.items()}
    noise = {'thumbs', 'desktop', '__macosx', '@eadir'}
    assume(len({same(c) for c in names}) == len(names) and not noise & {c.lower() for c in names})
    for c, ps in names.items():
        for kind, f, ending in (('photo', same, '.jpg'), ('sketch', partial(unicodedata.normalize, form), '-1.png')):
            (root/kind/f(c)).mkdir(parents=True, exist_ok=True)
            for p in ps: (root/kind/f(c)/f'{f(p)}{ending}').touch()
    photos, sketches = scan(root/'photo', root/'sketch')
    assert set(photos.photo) == set(sketches.photo) == {f'{same(c)}/{p}' for c, ps in names.items() for p in ps}
    assert len(photos) == len(sketches)


# ---- manifests

PHOTOS = pd.DataFrame(dict(photo=['cat/a', 'cat/b', 'cow/c'], category=['cat', 'cat', 'cow'],
                           split=['train', 'train', 'test']))
SKETCHES = pd.DataFrame(dict(sketch=['cat/a-1', 'cow/c-1'], photo=['cat/a', 'cow/c'], category=['cat', 'cow'],
                             sketcher=['', ''], split=['train', 'test']))
MANIFESTS = {
    'no photos': (lambda p, s: (p[:0], s), 'holds no photos'),
    'no sketches': (lambda p, s: (p, s[:0]), 'holds no sketches'),
    'no category': (lambda p, s: (p.drop(columns='category'), s), "photos lacks the column 'category'"),
    'no sketcher': (lambda p, s: (p, s.drop(columns='sketcher')), "sketches lacks the column 'sketcher'"),
    'photo id is a number': (lambda p, s: (p.assign(photo=[1, 2, 3]), s), 'photo 1 is not a name'),
    'photo id is missing': (lambda p, s: (p.assign(photo=['cat/a', None, 'cow/c']), s), 'photo', 'is not a name'),
    'photo id is empty': (lambda p, s: (p.assign(photo=['cat/a', '', 'cow/c']), s), "photo '' is not a name"),
    'category is missing': (lambda p, s: (p.assign(category=['cat', np.nan, 'cow']), s), 'category nan'),
    'sketcher is missing': (lambda p, s: (p, s.assign(sketcher=['', None])), 'sketcher'),
    'id of two lines': (lambda p, s: (p.assign(photo=['cat/a', 'cat/\nb', 'cow/c']), s), r"'cat/\nb' is not a name"),
    'photo twice': (lambda p, s: (pd.concat([p, p[:1]]), s), "'cat/a' stands twice"),
    'sketch twice': (lambda p, s: (p, pd.concat([s, s[:1]])), "'cat/a-1' stands twice"),
    'orphan': (lambda p, s: (p[:2], s), "'cow/c-1' has no photo 'cow/c' (1 such)"),
    'category of its own': (lambda p, s: (p, s.assign(category='cat')), "'cow/c-1' is of 'cat'"),
    'sketch elsewhere': (lambda p, s: (p, s.assign(split='train')), 'never by sketch'),
    'split of its own': (lambda p, s: (p.assign(split='dev'), s.assign(split='dev')), "in split 'dev'; take one"),
    'split is missing': (lambda p, s: (p.assign(split=['train', None, 'test']), s), "'cat/b' is in split"),
    'category in two': (lambda p, s: (p.assign(split=['train', 'val', 'test']), s), "'cat' stands in several splits"),
}


@pytest.mark.parametrize('case', MANIFESTS)
def test_manifests(tmp_path, case):
    change, *words = MANIFESTS[case]
    photos, sketches = change(PHOTOS, SKETCHES)
    refused(lambda: check_manifest(photos, sketches, name='mine'), 'mine: ', *words)
    p, s = (t.assign(path=[Path('x.jpg')]*len(t)) for t in (photos, sketches))
    refused(lambda: write_collection(tmp_path/'out', 'mine', p, s, {}, 8), *words)
    assert not (tmp_path/'out').exists()


SOME = st.sampled_from(['a', 'b', 'c'])
SPLIT = st.sampled_from(['train', 'val', 'test', 'train', 'exam', None])
ODD = st.one_of(SOME, SOME, SOME, st.none(), st.integers(), st.floats(), st.text(max_size=3))
LINES = st.lists(st.tuples(ODD, SOME, SPLIT), max_size=3), st.lists(st.tuples(ODD, SOME, SOME, ODD, SPLIT), max_size=3)


def invariants(p, s, split_by):
    assert p.photo.is_unique and s.sketch.is_unique and len(p) and len(s)
    home = s.merge(p, on='photo', how='left', suffixes=('', '_home'))
    assert (home.split == home.split_home).all() and (home.category == home.category_home).all()
    assert set(p.split) <= {'train', 'val', 'test'}
    assert split_by == 'photo' or (p.groupby('category').split.nunique() == 1).all()
    assert all(isinstance(t, str) for c in (p.photo, p.category, s.sketch, s.sketcher) for t in c)


@settings(max_examples=400)
@given(*LINES, st.sampled_from(['category', 'photo']), st.booleans())
def test_any_manifest(photos, sketches, split_by, mend):
    "It passes and is right, or is refused with one line"
    p = pd.DataFrame(photos, columns=['photo', 'category', 'split'], dtype=object)
    s = pd.DataFrame(sketches, columns=['sketch', 'photo', 'category', 'sketcher', 'split'], dtype=object)
    if mend and len(p):                       # near enough that some pass
        p = p.assign(photo=list('abc')[:len(p)])
        s = s.assign(split=s.photo.map(p.set_index('photo').split), category=s.photo.map(p.set_index('photo').category))
    try: check_manifest(p, s, split_by)
    except InputError as e: one_line(e, 'manifest: ')
    else: invariants(p, s, split_by)


# ---- collections on disk

@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
    "A source and the collection made of it, with words"
    root = tmp_path_factory.mktemp('prepared')
    good(root/'src')
    np.savez(root/'src'/'word_vectors.npz', names=TWO, word2vec=EYE)
    again(root)
    return root


def again(root): SKETCHY.main(['--name', 'mine', '--source', str(root/'src'), '--root', str(root/'out'), '--size', '8'])


def flip(file, at):
    def change(folder):
        data = bytearray((folder/file).read_bytes())
        data[at] ^= 1
        (folder/file).write_bytes(data)
    return change


def resized(file, by):
    def change(folder):
        data = (folder/file).read_bytes()
        (folder/file).write_bytes(data[:by] if by < 0 else data + bytes(by))
    return change


def array(file, x):
    def change(folder): np.save(folder/file, x)
    return change


def table(kind, to):
    def change(folder): to(pd.read_parquet(folder/f'{kind}.parquet')).to_parquet(folder/f'{kind}.parquet')
    return change


def fact(**facts):
    def change(folder):
        card = json.loads((folder/'card.json').read_text()) | facts
        (folder/'card.json').write_text(json.dumps({k: v for k, v in card.items() if v is not None}))
    return change


def text(file, said):
    def change(folder): (folder/file).write_text(said)
    return change


def swap(folder): os.replace(folder/'sketches.npy', folder/'photos.npy')


N, P = np.zeros, 'photos.npy'
DAMAGED = {   # what is done to it; also seen where the card is an older one; what must be said
    'first byte': (flip(P, 0), True, 'photos.npy: cannot be read'),
    'header': (flip(P, 20), True, 'photos.npy: '),
    'a pixel': (flip(P, -1), False, 'photos.npy: its content is not what was written'),
    'a sketch': (flip('sketches.npy', 200), False, 'sketches.npy: its content'),
    'a table': (flip('photos.parquet', 60), False, 'photos.parquet: '),
    'cut': (resized(P, -1), True, 'photos.npy: '),
    'cut to the header': (resized('sketches.npy', -6*64), True, 'sketches.npy: '),
    'empty': (text(P, ''), True, 'photos.npy: cannot be read'),
    'longer': (resized(P, 1), True, 'photos.npy: is longer'),
    'no photos': (lambda f: (f/P).unlink(), True, 'photos.npy: is missing'),
    'no sketches table': (lambda f: (f/'sketches.parquet').unlink(), True, 'sketches.parquet: is missing'),
    'no words': (lambda f: (f/'words.npz').unlink(), True, 'words.npz: is missing'),
    'sketches as photos': (swap, True, 'photos.npy: '),
    'floats': (array(P, N((6, 8, 8, 3))), True, 'photos.npy: holds float64', 'the card says uint8'),
    'signed': (array(P, N((6, 8, 8, 3), np.int8)), True, 'holds int8'),
    'another size': (array(P, N((6, 9, 9, 3), np.uint8)), True, 'holds uint8 (6, 9, 9, 3)'),
    'too few': (array(P, N((5, 8, 8, 3), np.uint8)), True, 'holds 5 pictures, the table asks for 6'),
    'columns first': (array(P, np.asfortranarray(N((6, 8, 8, 3), np.uint8))), True, 'in another order'),
    'objects': (array(P, N(6, object)), True, 'photos.npy: cannot be read'),
    'other pictures': (array(P, N((6, 8, 8, 3), np.uint8)), False, 'photos.npy: its content'),
    'table is none': (text('photos.parquet', 'no'), True, 'photos.parquet: cannot be read'),
    'sketches table as photos': (lambda f: shutil.copy(f/'sketches.parquet', f/'photos.parquet'), False,
                                 'photos.parquet: its content'),
    'a line less': (table('photos', lambda t: t[:5]), True, 'photos.parquet: has 5 lines, the card says 6'),
    'no rows': (table('sketches', lambda t: t.drop(columns='row')), True, 'sketches.parquet: its column `row`'),
    'a row twice': (table('photos', lambda t: t.assign(row=0)), True, 'photos.parquet: its column `row`'),
    'a row too high': (table('photos', lambda t: t.assign(row=t.row+1)), True, 'photos.npy: holds 6 pictures'),
    'rows that are text': (table('photos', lambda t: t.assign(row='x')), True, 'its column `row`'),
    'another split': (table('photos', lambda t: t.assign(split='test')), True, 'is in split'),
    'no split': (table('photos', lambda t: t.drop(columns='split')), True, "lacks the column 'split'"),
    'splits of the card': (fact(splits={}), True, 'its splits are not those of the card'),
    'words are none': (text('words.npz', 'no'), True, 'words.npz: cannot be read'),
    'words not numbers': (lambda f: np.savez(f/'words.npz', names=TWO, vectors=EYE*np.nan), True, 'words.npz: holds a'),
    'words too few': (lambda f: np.savez(f/'words.npz', names=TWO, vectors=EYE[:1]), True, 'words.npz: cannot be read'),
    'card cut': (resized('card.json', -9), False, 'card.json: cannot be read', 'remove'),
    'card not text': (lambda f: (f/'card.json').write_bytes(b'\xff\xfe'), False, 'card.json: cannot be read'),
    'card far too deep': (text('card.json', '['*100_000), False, 'card.json: cannot be read'),
    'card a list': (text('card.json', '[]'), False, 'card.json: does not say', 'remove'),
    'card without hash': (fact(hash=None), True, "card.json: does not say 'hash'"),
    'card without size': (fact(size=None), True, "card.json: does not say 'size'"),
    'card of another size': (fact(size=16), True, 'the card says uint8 (n, *(16, 16, 3))'),
    'card with a size that is text': (fact(size='8'), True, "does not say 'size'"),
    'card of other counts': (fact(photos=7), True, 'has 6 lines, the card says 7'),
    'card of other files': (fact(sample={'/etc/passwd': 'x'}), False, "an odd 'sample'"),
    'no card': (lambda f: (f/'card.json').unlink(), True, 'no prepared collection'),
}


@pytest.mark.parametrize('case', DAMAGED)
def test_damaged(tmp_path, prepared, capsys, case):
    "Seen when it is opened; an older card sees all but flipped bytes; prepared again it is what it was"
    change, old, *words = DAMAGED[case]
    shutil.copytree(prepared, tmp_path/'p', dirs_exist_ok=True)
    folder, was = tmp_path/'p/out/mine', load_collection('mine', prepared/'out').card['hash']
    def older():
        shutil.rmtree(folder); shutil.copytree(prepared/'out/mine', folder)
        fact(sample=None, files=None, kind=None)(folder)
    for start in (older, None) if old else (None,):
        if start: start()
        else: shutil.rmtree(folder); shutil.copytree(prepared/'out/mine', folder)
        change(folder)
        refused(lambda: load_collection('mine', tmp_path/'p/out'), *words)
        told(capsys, pairs.main, ['mine', '--root', tmp_path/'p/out', '--verify'], *words)
    if 'card' in words[0] or case in ('splits of the card', 'no card'): return
    again(tmp_path/'p')
    assert 'made anew' in capsys.readouterr().out
    assert verify_collection('mine', tmp_path/'p/out')['hash'] == was


def test_whole_is_read(tmp_path):
    "A byte between the samples is seen where all is read, and by whoever prepares again"
    src = tree(tmp_path/'src', *paired('a'))
    SKETCHY.main(['--name', 'mine', '--source', str(src), '--root', str(tmp_path/'out'), '--size', '128'])
    flip('photos.npy', 6000)(tmp_path/'out/mine')
    load_collection('mine', tmp_path/'out')
    verify = partial(verify_collection, 'mine', tmp_path/'out')
    refused(verify, 'photos.npy: its content', 'prepare the collection again')
    fact(files=None)(tmp_path/'out/mine')
    refused(verify, 'mine: the content is not what the hash')


def test_may_not_be_opened(prepared, monkeypatch):
    def no(*a, **k): raise PermissionError(errno.EACCES, 'Permission denied')
    for where, file in (('pathlib.Path.read_text', 'card.json'), ('pandas.read_parquet', 'photos.parquet'),
                        ('numpy.load', 'photos.npy')):
        with monkeypatch.context() as m:
            m.setattr(where, no)
            refused(lambda: load_collection('mine', prepared/'out'), f'{file}: may not be read; change its permissions')


def test_from_a_shell(prepared):
    shell = lambda *a: subprocess.run([sys.executable, '-m', 'afgsbir.pairs', *a, '--root', prepared/'out'], cwd=ROOT,
                                      capture_output=True, text=True)
    done = shell('mine', '--verify')
    assert done.returncode == 0 and 'every byte is as it was written' in done.stdout, done.stderr
    done = shell('../mine', '--verify')
    assert done.returncode == 2 and done.stderr.startswith("error: '../mine': not a name")
    one_line(done.stderr)


@pytest.mark.parametrize('name', ['../out/mine', '/tmp', '.', '', '.cache', 'a/b', 'x'*300])
def test_names_of_collections(prepared, name): refused(lambda: load_collection(name, prepared/'out'), 'not a name')


# ---- what decides the result, and what interrupts it

def sources(tmp_path):
    photos, sketches = scan(good(tmp_path/'src')/'photo', tmp_path/'src'/'sketch')
    return photos.assign(split='test'), sketches.assign(split='test')


def reader(mode, fit='stretch'): return lambda f: read_picture(f, 8, mode, fit)


OPTIONS = {
    'size': dict(size=9), 'split_by': dict(split_by='photo'), 'skip': dict(skip_unreadable=True),
    'licence': dict(card=dict(licence='MIT')), 'words': dict(words=dict(a=EYE[0], b=EYE[1])),
    'fit': dict(read_photo=partial(read_picture, size=8, fit='pad')),
    'fit of sketches': dict(read_sketch=partial(read_picture, size=8, mode='L')),
    'a function': dict(read_photo=reader('RGB')), 'its surroundings': dict(read_photo=reader('RGB', 'pad')),
    'a constant': dict(read_photo=lambda f: read_picture(f, 8)//2),
    'another constant': dict(read_photo=lambda f: read_picture(f, 8)//3),
    'words again': dict(words=dict(a=EYE[0], b=EYE[0])),
}


def test_options_decide(tmp_path, capsys):
    "Each changed option makes the collection anew, and the same one does not"
    p, s = sources(tmp_path)
    for what, option in dict(nothing={}, **OPTIONS).items():
        given = dict(card={}, size=8) | option
        for said in ('6 photos', 'already there'):
            write_collection(tmp_path/'out', 'mine', p, s, **given)
            assert said in capsys.readouterr().out, what


def test_same_in_every_process(tmp_path):
    "The order of a set differs between processes, what is made from it does not"
    code = ('from functools import partial; import pandas as pd; from afgsbir.pairs import fingerprint, read_picture;'
            't = pd.DataFrame(dict(path=["x"])); f = lambda x: x in {"a", "b", "c", "d"};'
            'print(fingerprint(t, t, readers=(f, partial(read_picture, size=8)), names={"x", "y", "z"}))')
    runs = [subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True,
                           env=os.environ | dict(PYTHONHASHSEED=seed)).stdout for seed in '12']
    assert runs[0] == runs[1] and len(runs[0]) == 17


def failing(error):
    def fail(*a, **k): raise error
    return fail


FULL = OSError(errno.ENOSPC, 'No space left on device')
INTERRUPTED = {   # where, what happens; one line, or the interrupt itself
    'full while pictures are written': ('afgsbir.pairs.fill', FULL, 'No space left'),
    'full while tables are written': ('pandas.DataFrame.to_parquet', FULL, 'No space left'),
    'full while words are written': ('numpy.savez', FULL, 'No space left'),
    'full while the card is written': ('afgsbir.pairs._card', FULL, 'No space left'),
    'quota': ('afgsbir.pairs.fill', OSError(errno.EDQUOT, 'Disk quota exceeded'), 'Disk quota'),
    'read-only': ('os.rename', OSError(errno.EROFS, 'Read-only file system'), 'Read-only'),
    'may not write': ('pathlib.Path.mkdir', PermissionError(errno.EACCES, 'Permission denied'), 'Permission denied'),
    'Ctrl-C': ('afgsbir.pairs.fill', KeyboardInterrupt(), None),
    'Ctrl-C late': ('afgsbir.pairs._card', KeyboardInterrupt(), None),
}


@pytest.mark.parametrize('case', INTERRUPTED)
@pytest.mark.parametrize('before', [False, True], ids=['new', 'again'])
def test_interrupted(tmp_path, monkeypatch, before, case):
    "Nothing is left of it, and what was there stays"
    where, error, word = INTERRUPTED[case]
    p, s = sources(tmp_path)
    words = dict(a=EYE[0], b=EYE[1])
    (tmp_path/'out').mkdir()
    if before: write_collection(tmp_path/'out', 'mine', p, s, {}, 8, words=words)
    was = listing(tmp_path/'out')
    with monkeypatch.context() as m:
        m.setattr(where, failing(error))
        if case == 'read-only' and not before: m.setattr('os.replace', failing(error))
        call = lambda: write_collection(tmp_path/'out', 'mine', p, s, dict(licence='new'), 8, words=words)
        if word: refused(call, str(tmp_path/'out/mine'), word, '; make room')
        else: pytest.raises(KeyboardInterrupt, call)
    assert listing(tmp_path/'out') == was
    if before: assert 'licence' not in verify_collection('mine', tmp_path/'out')


def test_signal_while_pictures_are_read(tmp_path):
    p, s = sources(tmp_path)
    def stop(f): os.kill(os.getpid(), signal.SIGINT); return read_picture(f, 8, 'L')
    with pytest.raises(KeyboardInterrupt): write_collection(tmp_path/'out', 'mine', p, s, {}, 8, read_sketch=stop)
    assert not list((tmp_path/'out').iterdir())


SHAPES = {'floats': (lambda f: np.zeros((8, 8, 3)), 'float64 (8, 8, 3), not uint8 (8, 8, 3)'),
          'one pixel': (lambda f: np.zeros((1, 1, 3), np.uint8), 'uint8 (1, 1, 3), not'),
          'grey': (lambda f: np.zeros((8, 8), np.uint8), 'uint8 (8, 8), not')}


@pytest.mark.parametrize('case', SHAPES)
def test_readers_of_another_shape(tmp_path, case):
    "numpy would spread one pixel over the picture"
    read, word = SHAPES[case]
    p, s = sources(tmp_path)
    refused(lambda: write_collection(tmp_path/'out', 'mine', p, s, {}, 8, read_photo=read), 'p0.jpg', word)
    assert not list((tmp_path/'out').iterdir())


# ---- QMUL's arrays

def mats(folder, **changed):
    "Four good files a set, some of them changed"
    from scipy.io import savemat
    folder.mkdir()
    rows = np.random.default_rng(0).integers(0, 256, (5, 8, 8), dtype=np.uint8)
    for kind in ('chairs', 'shoes'):
        for what in ('edge', 'sketch'):
            for part in ('train', 'test'):
                name = f'{kind}_{what}_db_{part}'
                found = changed.get(name, rows)
                if callable(found): found(folder/f'{name}.mat')
                elif not isinstance(found, dict): savemat(folder/f'{name}.mat', dict(data=found))
                else: savemat(folder/f'{name}.mat', found)
    return folder


G = np.random.default_rng(1).integers(0, 256, (5, 8, 8))
E, S = 'chairs_edge_db_train', 'shoes_sketch_db_test'
MATS = {
    'floats': ({E: G/1.}, E, 'holds float64', 'convert it'),
    'fractions': ({E: G/255}, E, 'holds float64'),
    'not a number': ({S: G*np.nan}, S, 'holds float64'),
    'truth values': ({E: G > 9}, E, 'expected bytes of 0 to 255'),
    'zeros and ones': ({E: (G > 9).astype(np.uint8)}, E, 'holds 0 to 1', 'scale it'),
    'too high': ({S: G*2}, S, 'expected bytes of 0 to 255', 'scale it'),
    'negative': ({E: G-200}, E, 'expected bytes of 0 to 255'),
    '16 bits': ({E: (G*256).astype(np.uint16)}, E, 'expected bytes'),
    'complex': ({E: G+1j}, E, 'holds complex128'),
    'text': ({E: dict(data='no')}, E, '`data`'),
    'cells': ({E: dict(data=np.array([[G, 1]], object))}, E, '`data`'),
    'flat': ({E: G.reshape(5, 64)}, E, '`data` is (5, 64), expected (n, height, width)'),
    'in colour': ({E: np.stack([G]*3, -1)}, E, '`data` is (5, 8, 8, 3)'),
    'no rows': ({E: G[:0]}, E, 'expected (n, height, width)'),
    'another key': ({E: dict(images=G)}, E, 'no array `data`'),
    'a row less': ({S: G[:4]}, S, 'has 4 rows, shoes_edge_db_test.mat has 5'),
    'not a file of matlab': ({E: lambda f: f.write_text('no')}, E, 'not a readable .mat file'),
    'empty': ({S: lambda f: f.touch()}, S, 'not a readable .mat file'),
    'missing': ({S: lambda f: None}, S, 'no such file', '--source'),
    'a folder': ({E: Path.mkdir}, E, 'no such file'),
    'a pipe': ({E: os.mkfifo}, E, 'no such file'),
}


@pytest.mark.parametrize('case', MATS)
def test_mats(tmp_path, capsys, case):
    changed, *words = MATS[case]
    argv = ['--source', mats(tmp_path/'src', **changed), '--root', tmp_path/'out', '--size', 8]
    told(capsys, QMUL.main, argv, *words)
    assert not (tmp_path/'out').exists()                                    # the good set is not written either


def test_whole_numbers_in_range(tmp_path):
    "Bytes kept as other whole numbers are bytes"
    src = mats(tmp_path/'src', **{E: G.astype(np.int16)})
    QMUL.main(['--source', str(src), '--root', str(tmp_path/'out'), '--size', '8'])
    c = load_collection('qmul_chairs', tmp_path/'out')
    first = c.photos.set_index('photo').row['train-000']
    assert np.array_equal(c.photo_pixels[first], np.stack([G[0]]*3, -1))
    assert len(load_collection('qmul_shoes', tmp_path/'out').photos) == 10
