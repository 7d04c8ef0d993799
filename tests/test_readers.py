"ShoeV2 and ChairV2, the drawings of a game, handbags: counts, splits and strokes; and what is refused, in one line."
import os, pickle, re, shutil

import numpy as np, pandas as pd, pytest
from PIL import Image
from scipy.io import savemat

from afgsbir.core import InputError, command, repo_root, source_root
from afgsbir.drawings import as_sketch, strokes_of
from afgsbir.pairs import load_collection, open_collection, verify_collection
from afgsbir.tasks import tasks_of, with_pairs
from scripts import script

ROOT = repo_root()


V1, V2, GAME = map(script, ('qmul_v1', 'qmul_v2', 'communication'))


def bring(module, *argv): return module.main([str(a) for a in argv])


def told(capsys, module, argv, *words):
    "Exit 2, one line on stderr, nothing written"
    with pytest.raises(SystemExit) as e: command(lambda: bring(module, *argv))
    err = capsys.readouterr().err
    assert e.value.code == 2 and err.startswith('error: ') and err.count('\n') == 1, err
    for w in words: assert w in err, (w, err)


def picture(file, shade=0, size=(20, 30)):
    file.parent.mkdir(parents=True, exist_ok=True)
    im = Image.new('RGB', size, 'white')
    im.paste((shade % 200, 40, 90), (4, 5, 16, 20))
    im.save(file)


def cross(n=0): return np.array([[0., 0, 0], [9+n, 9, 1], [9+n, 0, 0], [0, 9, 1]])


# ---- ShoeV2 and ChairV2

def chairs(train=10, test=4, each=2, start=cross):
    "A coordinate file's dict"
    return {f'/{part}/{part[1]}{i}_v1_{n+1}': start(i) for part, m in (('train', train), ('test', test))
            for i in range(m) for n in range(each)}


def coordinates(folder, found=None, kind='ChairV2', photos=True, dump=pickle.dumps):
    "A source of strokes, with a photo of each"
    found = chairs() if found is None else found
    folder.mkdir(parents=True, exist_ok=True)
    (folder/f'{kind}_Coordinate').write_bytes(found if isinstance(found, bytes) else dump(found))
    names = {re.sub(r'.*/|_\d+$', '', k) for k in (chairs() if isinstance(found, bytes) else found)}
    for i, name in enumerate(sorted(names) if photos else []): picture(folder/'photo'/f'{name}.png', i)
    return folder


def argv_of(tmp_path, *more): return ['--source', tmp_path/'src', '--root', tmp_path/'out', '--size', 16, *more]


def test_strokes(tmp_path, capsys):
    "The authors' split, validation from training, strokes beside the pictures that they give"
    coordinates(tmp_path/'src')
    bring(V2, *argv_of(tmp_path))
    c = load_collection('chairv2', tmp_path/'out')
    assert c.photos.groupby('split').photo.count().to_dict() == dict(train=8, val=2, test=4)
    assert all((split == 'test') == name.startswith('e') for name, split in zip(c.photos.photo, c.photos.split))
    for s in c.sketches.itertuples():
        i = int(s.photo.split('_')[0][1:])
        assert np.array_equal(strokes_of(s), cross(i))
        assert np.array_equal(c.sketch_pixels[s.row], as_sketch(cross(i), 16))
    counts = dict(train=dict(photos=10, sketches=20), test=dict(photos=4, sketches=8))
    assert c.card['counts'] == counts and c.card['version'].startswith('20 / 8, which is none of 964 / 311, 951 / 324')
    assert 'photos 10 / 4, sketches 20 / 8, which is none' in capsys.readouterr().out
    verify_collection('chairv2', tmp_path/'out')
    bring(V2, *argv_of(tmp_path))
    assert 'already there' in capsys.readouterr().out
    bring(V2, *argv_of(tmp_path, '--line', .2))                           # drawn anew, wider
    wide = load_collection('chairv2', tmp_path/'out')
    assert wide.card['hash'] != c.card['hash'] and wide.sketch_pixels.mean() < c.sketch_pixels.mean()
    told(capsys, V2, argv_of(tmp_path, '--line', 2), 'line 2.0: not a share')


@pytest.mark.parametrize('kind, counts', [(k, n) for k, found in V2.VERSIONS.items() for n in found])
def test_versions(kind, counts):
    assert V2.version_of(kind, counts) == f'{counts[0]} / {counts[1]}'
    assert 'none of' in V2.version_of(kind, (counts[0]+1, counts[1]))


@pytest.mark.parametrize('counts', [(5982, 666), (6051, 679)])
def test_counts_of_both_shoes(tmp_path, counts):
    "The whole of either version, as empty files: they are counted before any is read"
    for split, n, photos in (('train', counts[0], 1800), ('test', counts[1], 200)):
        for i in range(n):
            name = f'{split}{i % photos}'
            for letter, file in (('A', f'{name}_{i//photos+1}.png'), ('B', f'{name}.png')):
                folder = tmp_path/'src/ShoeV2'/f'{split}{letter}'
                folder.mkdir(parents=True, exist_ok=True)
                (folder/file).touch()
    photos, sketches = V2.tables(tmp_path/'src/ShoeV2', 'ShoeV2')
    found = dict(train=dict(photos=1800, sketches=counts[0]), test=dict(photos=200, sketches=counts[1]))
    assert V2.counted(photos, sketches) == found
    assert V2.with_validation(photos).value_counts().to_dict() == dict(train=1440, val=360, test=200)


def tree(folder, layout):
    "Nine photos with two sketches each, six for training"
    for i in range(9):
        split = 'train' if i < 6 else 'test'
        at = dict(photo=f'{split}B', sketch=f'{split}A') if layout == 'AB' else dict(photo='photo', sketch='sketch')
        if layout == 'named': at = dict(photo='ShoeV2_photo', sketch='ShoeV2_sketch')
        picture(folder/at['photo']/f'1{i}.5.png', i)
        for n in (1, 2): picture(folder/at['sketch']/f'1{i}.5_{n}.png', i)
    if layout != 'AB':
        for split, some in (('train', range(6)), ('test', range(6, 9))):
            (folder/f'photo_{split}.txt').write_text(''.join(f'photo/1{i}.5.png\n' for i in some))
    return folder


@pytest.mark.parametrize('layout', ['AB', 'flat', 'named'])
def test_pictures(tmp_path, capsys, layout):
    tree(tmp_path/'src', layout)
    bring(V2, *argv_of(tmp_path, '--kind', 'ShoeV2'))
    c = load_collection('shoev2', tmp_path/'out')
    assert set(c.photos.photo[c.photos.split == 'test']) == {'16.5', '17.5', '18.5'} and c.card['drawn_from'] == 'PNG'
    assert (c.photos.split == 'val').sum() == 1 and len(c.sketches) == 18 and 'strokes' not in c.sketches
    assert c.card['counts']['test'] == dict(photos=3, sketches=6) and set(c.photos.category) == {'shoe'}


def test_png_or_strokes(tmp_path):
    "Strokes where they are there, PNG where they are asked for"
    coordinates(tmp_path/'src')
    for k in chairs(): picture(tmp_path/'src/sketch'/f'{k.split("/")[-1]}.png')
    bring(V2, *argv_of(tmp_path))
    assert load_collection('chairv2', tmp_path/'out').card['drawn_from'] == 'strokes'
    for split in ('train', 'test'):
        names = {k.split('/')[-1][:-2] for k in chairs() if f'/{split}/' in k}
        (tmp_path/'src'/f'photo_{split}.txt').write_text('\n'.join(sorted(names)))
    bring(V2, *argv_of(tmp_path, '--png'))
    assert load_collection('chairv2', tmp_path/'out').card['drawn_from'] == 'PNG'


def test_without_photos(tmp_path, capsys):
    "Sketches alone make no pairs; photos may lie elsewhere; in `make data-research` a set without them is passed over"
    coordinates(tmp_path/'src', photos=False)
    told(capsys, V2, argv_of(tmp_path), 'no photos to pair with the sketches of ChairV2', '--photos FOLDER')
    bring(V2, *argv_of(tmp_path, '--where-there'))
    assert 'no photos of ChairV2; passed over' in capsys.readouterr().out and not (tmp_path/'out').exists()
    bring(V2, '--source', tmp_path/'none', '--root', tmp_path/'out', '--where-there')
    coordinates(tmp_path/'other')
    told(capsys, V2, argv_of(tmp_path, '--photos', tmp_path/'none'), 'none: no such folder', '--photos')
    (tmp_path/'other/photo/e3_v1.png').rename(tmp_path/'other/photo/nobody.png')
    argv = argv_of(tmp_path, '--photos', tmp_path/'other/photo')
    told(capsys, V2, argv, '2 of 28 sketches have no photo', '--orphans drop')
    bring(V2, *argv, '--orphans', 'drop')
    assert "1 undrawn photos of no split, such as 'nobody'; left out" in capsys.readouterr().out
    assert len(load_collection('chairv2', tmp_path/'out').sketches) == 26


class Bomb:
    def __init__(self, call, *args): self.call, self.args = call, args
    def __reduce__(self): return self.call, self.args


def bomb(call, *args): return pickle.dumps(dict(chairs(), **{'/train/x_1': Bomb(call, *args)}))


def python2(found):
    "As Python 2 and numpy 1 wrote it: the second protocol, the old name, bytes as text"
    return pickle.dumps(found, 2).replace(b'numpy._core.multiarray', b'numpy.core.multiarray')


@pytest.mark.parametrize('dump', [pickle.dumps, python2, *(lambda x, p=p: pickle.dumps(x, p) for p in range(6))])
def test_pickles(tmp_path, dump):
    "Every protocol, both spellings of numpy, and other kinds of numbers"
    (tmp_path/'ChairV2_Coordinate').write_bytes(dump(chairs()))
    found = V2.read_coordinates(tmp_path/'ChairV2_Coordinate')
    assert len(found) == 28 and np.array_equal(found['test', 'e3_v1', '2'], cross(3))
    kinds = cross().astype('>f4'), np.asfortranarray(cross()), cross().astype(np.int16), cross()[::-1][::-1]
    for i, x in enumerate(kinds):
        (tmp_path/f'{i}').write_bytes(dump({'/train/a_1': x}))
        assert np.array_equal(V2.read_coordinates(tmp_path/f'{i}')['train', 'a', '1'], cross())


def test_bytes_as_python2_text(tmp_path):
    "A state of five with its bytes as a plain string, as only Python 2 leaves it"
    data = repr(np.array([[1., -.1, 1]]).tobytes())[1:].encode()
    text = (b"(dp0\nS'/train/a_1'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\nS'b'\n"
            b"p5\ntp6\nRp7\n(I1\n(I1\nI3\ntp8\ncnumpy\ndtype\np9\n(S'f8'\np10\nI0\nI1\ntp11\nRp12\n(I3\nS'<'\np13\nNNN"
            b"I-1\nI-1\nI0\ntp14\nbI00\nS" + data + b"\np15\ntp16\nbs.")
    (tmp_path/'x').write_bytes(text)
    assert V2.read_coordinates(tmp_path/'x')['train', 'a', '1'].tolist() == [[1, -.1, 1]]


def holding(x, name='/train/a_1', protocol=None): return lambda mark: pickle.dumps({name: x}, protocol)


def raw(data): return lambda mark: data


BOMBS = {   # what is written, the words of the one line
    'os.system': (lambda mark: bomb(os.system, f'touch {mark}'), 'asks for posix.system'),
    'eval': (lambda mark: bomb(eval, f'open({str(mark)!r}, "w")'), 'asks for builtins.eval'),
    'in an array': (lambda mark: holding(np.array([[Bomb(os.system, f'touch {mark}')]*3], object))(mark), 'asks for'),
    'getattr': (raw(b'cbuiltins\ngetattr\n.'), 'asks for builtins.getattr'),
    'numpy that runs': (raw(b'cnumpy.testing._private.utils\nrunstring\n(S"x"\n}tR.'), 'asks for numpy.testing'),
    'numpy that loads': (raw(b'cnumpy\nload\n(S"x"\ntR.'), 'asks for numpy.load'),
    'a dotted name': (raw(b'\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93.'), 'asks for numpy.ndarray.__class__'),
    'a codec': (raw(b'c_codecs\nencode\n(Vx\nVzlib\ntR.'), "asks for the encoding 'zlib'"),
    'fields': (holding(np.zeros(3, 'f8,f8')), 'asks for other things'),
    'a class changed': (raw(b'cnumpy\nndarray\nN(S"x"\nNtb.'), 'not a whole pickle'),
    'bytes changed': (raw(b'c_codecs\nencode\n(N(dS"x"\nNstb.'), 'not a whole pickle'),
    'room': (raw(b'\x80\x04}r\xff\xff\xff\xff.'), 'asks for room'),
    'a persistent name': (raw(b'Px\n.'), 'not a whole pickle'),
    'registered': (raw(b'\x80\x02\x82\x01.'), 'not a whole pickle'),
    'half': (lambda mark: pickle.dumps(chairs())[:900], 'not a whole pickle'),
    'cut at the end': (lambda mark: pickle.dumps(chairs())[:-1], 'not a whole pickle'),
    'empty': (raw(b''), 'not a whole pickle'),
    'text': (raw(b'hello'), 'not a whole pickle'),
    'a page of the web': (raw(b'<html>sign in</html>'), 'not a whole pickle'),
    'a list': (lambda mark: pickle.dumps([cross()]), 'is no dict of sketches'),
    'nothing': (lambda mark: pickle.dumps({}), 'is no dict of sketches'),
    'a number for a name': (holding(cross(), 3), "'int' does not name a sketch"),
    'a name of no split': (holding(cross(), '/val/a_1'), "'/val/a_1' does not name a sketch"),
    'a name of no number': (holding(cross(), '/train/a'), "'/train/a' does not name a sketch"),
    'a name that climbs': (holding(cross(), '/train/../a_1'), 'does not name a sketch'),
    'no array': (holding(cross().tolist()), "'/train/a_1' is no array"),
    'an array never filled': (raw(b'(dV/train/a_1\ncnumpy\nndarray\n)Rs.'), 'is no array'),
    'two columns': (holding(cross()[:, :2]), 'is (4, 2), not (points, 3)'),
    'flat': (holding(cross().ravel()), 'is (12,), not (points, 3)'),
    'no points': (holding(cross()[:0]), 'is (0, 3), not (points, 3)'),
    'NaN': (holding(cross()*np.nan), 'holds a number that is none'),
    'infinity': (holding(cross()+np.inf), 'holds a number that is none'),
    'a pen of 2': (holding(cross()+[0, 0, 1]), 'a pen that is neither 0 nor 1'),
    'a shape of more': (raw(pickle.dumps({'/train/a_1': cross()}, 2).replace(b'K\4K\3', b'K\5K\3')), 'not a whole'),
    'both splits': (raw(pickle.dumps({f'/{p}/a_1': cross() for p in ('train', 'test')})), 'is in train and in test'),
}


@pytest.mark.parametrize('case', BOMBS)
def test_bad_pickles(tmp_path, capsys, case):
    make, words = BOMBS[case]
    mark = tmp_path/'mark'
    coordinates(tmp_path/'src', make(mark))
    told(capsys, V2, argv_of(tmp_path), words)
    assert not mark.exists() and not (tmp_path/'out').exists()


def test_the_bomb_is_one(tmp_path):
    "The same bytes run where they are loaded as any pickle is"
    pickle.loads(bomb(os.system, f'touch {tmp_path}/mark'))
    assert (tmp_path/'mark').exists()


V2_BAD = {   # what is done to a source of flat pictures, the words
    'no list': (lambda s: (s/'photo_test.txt').unlink(), 'nothing tells whether photo', 'photo_test.txt'),
    'in both lists': (lambda s: (s/'photo_test.txt').write_text('10.5.png\n'), "'10.5' stands in photo_train.txt too"),
    'a list of bytes': (lambda s: (s/'photo_test.txt').write_bytes(b'\xff'), 'photo_test.txt: cannot be read'),
    'a sketch without a number': (lambda s: picture(s/'sketch/10.5.png'), '10.5.png: not named as a sketch'),
    'an orphan': (lambda s: picture(s/'sketch/99_1.png'), "1 of 19 sketches have no photo, such as '99_1'"),
    'no sketches': (lambda s: shutil.rmtree(s/'sketch'), 'no sketches of ShoeV2'),
    'no photos': (lambda s: shutil.rmtree(s/'photo'), 'no photos to pair'),
    'a photo twice': (lambda s: picture(s/'photo/10.5.jpg'), "photo id '10.5' stands twice"),
    'broken': (lambda s: (s/'photo/10.5.png').write_bytes(b''), '10.5.png: not a readable image'),
    'a folder of strokes': (lambda s: (s/'ShoeV2_Coordinate').mkdir(), 'ShoeV2_Coordinate: not a file'),
}


@pytest.mark.parametrize('case', V2_BAD)
def test_bad_v2(tmp_path, capsys, case):
    change, *words = V2_BAD[case]
    change(tree(tmp_path/'src', 'flat'))
    told(capsys, V2, argv_of(tmp_path, '--kind', 'ShoeV2'), *words)
    assert not list((tmp_path/'out').glob('*'))


def test_which_set(tmp_path, capsys):
    told(capsys, V2, argv_of(tmp_path), 'no ShoeV2 or ChairV2', '--source', '--kind')
    for kind in V2.KINDS: coordinates(tmp_path/'src'/kind, kind=kind)
    told(capsys, V2, argv_of(tmp_path, '--photos', tmp_path), 'of which set?', '--kind')
    told(capsys, V2, ['--source', tmp_path/'src', '--root', tmp_path, '--size', 0], 'size 0')
    told(capsys, V2, ['--source', tmp_path/'src', '--root', tmp_path/'src/ChairV2'], 'are read from there')
    bring(V2, *argv_of(tmp_path))
    assert sorted(f.name for f in (tmp_path/'out').iterdir()) == ['chairv2', 'shoev2']


# ---- the game

def game(folder, sketchers=6, objects=4, lines=None, **changed):
    "Two categories; everybody draws everything"
    trials = []
    for c in ('bird', 'car'):
        for i in range(objects):
            picture(folder/f'photo/{c}/{c}{i}.jpg', 20*i)
            for who in range(sketchers):
                name = f'{c}{i}-{i+10}-{who:02d}'
                picture(folder/f'sketch/{c}/{name}.png', who)
                trials.append(dict(sketch=f'{c}/{name}', sketcher=f'{who:02d}', category=c, photo=f'{c}{i}', trial=i+10,
                                   context=('close', 'far')[i % 2], valid=1))
    trials = pd.DataFrame(trials)
    for column, change in changed.items(): trials[column] = change(trials)
    (lines or (lambda t: t))(trials).to_csv(folder/'trials.csv', index=False)
    return folder


def test_game(tmp_path, capsys):
    "Invalid drawings are left out and counted, a person without any is told; what is kept says its context"
    game(tmp_path/'src', valid=lambda t: ((t.sketcher != '03') & (t.sketch != 'car/car1-11-00')).astype(int))
    bring(GAME, *argv_of(tmp_path))
    out, c = capsys.readouterr().out, load_collection('communication', tmp_path/'out')
    assert '9 of 48 trials are invalid; left out' in out and "sketcher '03' has no valid drawing and is left out" in out
    assert len(c.sketches) == 39 and c.card['invalid'] == 9 and '03' not in c.card['sketchers'] and len(c.photos) == 8
    assert set(c.photos.split) == {'test'} and set(c.sketches.valid) == {1}
    assert (c.sketches.context == 'far').equals(c.sketches.photo.str[-1].astype(int) % 2 == 1)
    assert [len(t.gallery) for t in tasks_of(c, 'test', 'sketcher')] == [8]*5
    bring(GAME, *argv_of(tmp_path, '--keep-invalid'))
    c = load_collection('communication', tmp_path/'out')
    assert len(c.sketches) == 48 and (c.sketches.valid == 0).sum() == 9 == c.card['invalid']


def test_folds_of_a_game(tmp_path):
    "A run names a fold by one number; every valid drawing is asked for once, of all photos, by a system new to both"
    game(tmp_path/'src', valid=lambda t: ((t.sketcher != '03') & (t.sketch != 'car/car1-11-00')).astype(int))
    bring(GAME, *argv_of(tmp_path))
    with pytest.raises(InputError, match='take folds=20'): open_collection('communication', 3, root=tmp_path/'out')
    asked = []
    for fold in range(20):
        c = open_collection('communication', fold, 20, root=tmp_path/'out')
        for column in ('photo', 'sketcher'): assert c.sketches.groupby(column).split.nunique().max() == 1
        tests = tasks_of(c, 'test', 'sketcher')
        assert len(tests) == 1 and [len(t.gallery) for t in tests] == [8]
        assert not {len(t.gallery) for t in tasks_of(c, 'train', 'sketcher')} - {4}
        asked += c.sketches.sketch[c.sketches.split == 'test'].tolist()
    assert sorted(asked) == sorted(load_collection('communication', tmp_path/'out').sketches.sketch)


GAMES = {   # what is done, the words
    'no trials.csv': (lambda s: (game(s)/'trials.csv').unlink(), 'trials.csv: no such file', '--source'),
    **{f'no {c}': (lambda s, c=c: game(s, lines=lambda t: t.drop(columns=c)), f'lacks the column {c!r}')
       for c in ('sketch', 'sketcher', 'trial', 'context', 'valid')},
    'no lines': (lambda s: game(s, lines=lambda t: t[:0]), 'holds no trials'),
    'bytes': (lambda s: (game(s)/'trials.csv').write_bytes(b'\xff\xfe\0'), 'not a CSV in UTF-8'),
    'empty': (lambda s: (game(s)/'trials.csv').write_text(''), 'not a CSV in UTF-8'),
    'a context': (lambda s: game(s, context=lambda t: 'near'), "line 2: context is 'near', not close or far"),
    'a validity': (lambda s: game(s, valid=lambda t: ['1']*47+['']), "line 49: valid is '', not 0 or 1"),
    'a person without a name': (lambda s: game(s, sketcher=lambda t: ' '), "line 2: sketcher is ' ', not a name"),
    'another person': (lambda s: game(s, sketcher=lambda t: '00'), "is by '00', its name says otherwise"),
    'twice': (lambda s: game(s, lines=lambda t: pd.concat([t, t[3:4]])), "stands twice"),
    'a drawing lost': (lambda s: (game(s)/'sketch/car/car1-11-00.png').unlink(), 'no such drawing (1 such)'),
    'a drawing more': (lambda s: game(s, lines=lambda t: t[:-2]), 'a drawing without a trial (2 such)'),
    'a photo lost': (lambda s: (game(s)/'photo/car/car1.jpg').unlink(), "has no photo"),
    'all invalid': (lambda s: game(s, valid=lambda t: 0), 'holds no sketches'),
    'no photos': (lambda s: shutil.rmtree(game(s)/'photo'), 'holds no photo/ and sketch/'),
    'broken': (lambda s: (game(s)/'photo/car/car1.jpg').write_bytes(b''), 'car1.jpg: not a readable image'),
}


@pytest.mark.parametrize('case', GAMES)
def test_bad_games(tmp_path, capsys, case):
    make, *words = GAMES[case]
    make(tmp_path/'src')
    told(capsys, GAME, argv_of(tmp_path), *words)
    assert not list((tmp_path/'out').glob('*'))


def test_too_small_a_game(tmp_path):
    "Folds that would leave a split without people or objects are refused where they are asked for"
    game(tmp_path/'src', sketchers=4)
    bring(GAME, *argv_of(tmp_path))
    with pytest.raises(InputError, match='has 4 sketchers'):
        open_collection('communication', 0, 20, root=tmp_path/'out')
    shutil.rmtree(tmp_path/'src'); game(tmp_path/'src', objects=3)
    bring(GAME, *argv_of(tmp_path))
    with pytest.raises(InputError, match="has 3 photos of '(bird|car)'"):
        open_collection('communication', 0, 20, root=tmp_path/'out')


# ---- handbags

def mats(folder, *kinds):
    folder.mkdir()
    for i, kind in enumerate(kinds):
        for j, what in enumerate(('edge', 'sketch')):
            for part, n in (('train', 5), ('test', 3)):
                rows = np.random.default_rng([i, j, n]).integers(0, 256, (n, 8, 8), dtype=np.uint8)
                savemat(folder/f'{kind}_{what}_db_{part}.mat', dict(data=rows))
    return folder


def test_handbags(tmp_path, capsys):
    "Brought where they are; half of them is refused, and nothing is written"
    src = mats(tmp_path/'src', 'chairs', 'shoes', 'handbags')
    bring(V1, *argv_of(tmp_path))
    c = load_collection('qmul_handbags', tmp_path/'out')
    assert c.photos.groupby('split').photo.count().to_dict() == dict(train=3, val=2, test=3)
    rows = np.random.default_rng([2, 1, 3]).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    s = c.sketches.set_index('sketch').loc['test-001-1']
    assert s.category == 'handbags' and c.card['split_by'] == 'photo'
    assert np.array_equal(c.sketch_pixels[s.row], np.asarray(Image.fromarray(rows[1]).resize((16, 16), Image.LANCZOS)))
    shutil.rmtree(tmp_path/'out'); (src/'handbags_edge_db_test.mat').unlink(); V1.read_mat.cache_clear()
    told(capsys, V1, argv_of(tmp_path), 'handbags_edge_db_test.mat: no such file')
    assert not (tmp_path/'out').exists()
    for f in src.glob('handbags*'): f.unlink()
    bring(V1, *argv_of(tmp_path))
    assert sorted(f.name for f in (tmp_path/'out').iterdir()) == ['qmul_chairs', 'qmul_shoes']


# ---- the real files, where they are

def real(*parts):
    place = source_root().joinpath(*parts)
    if not place.exists(): place = (ROOT/'../shared/data').joinpath(*parts)
    if not place.exists(): pytest.skip(f'{place}: the research data are not here; set AFGSBIR_DATA')
    return place


def test_real_chairs(tmp_path, capsys):
    "The coordinate file, with photos that this test draws: 1275 sketches of 400 chairs, a version of its own"
    file = real('qmul_v2', 'ChairV2_Coordinate')
    found = V2.read_coordinates(file)
    assert len(found) == 1275 and sum(map(len, found.values())) == 143_830
    names = sorted({photo for _, photo, _ in found})
    for i, name in enumerate(names): picture(tmp_path/'photos'/f'{name}.png', i, (8, 8))
    bring(V2, '--source', file.parent, '--root', tmp_path/'out', '--size', 16, '--photos', tmp_path/'photos')
    out, c = capsys.readouterr().out, load_collection('chairv2', tmp_path/'out')
    assert 'ChairV2: training / test photos 300 / 100, sketches 952 / 323\n' in out and c.card['version'] == '952 / 323'
    assert {k: v['photos'] for k, v in c.card['splits'].items()} == dict(train=240, val=60, test=100)
    s = c.sketches[c.sketches.sketch == '9910-02-carbon_1'].iloc[0]
    assert s.split == 'test' and np.array_equal(strokes_of(s), found['test', '9910-02-carbon', '1'])
    assert c.sketch_pixels[s.row].min() < 128 < as_sketch(strokes_of(s), 128).max()


def test_real_game(tmp_path, capsys):
    "70 people, 32 objects, 107 invalid drawings; 14 people a test, who have two objects of each category to ask for"
    bring(GAME, '--source', real('communication'), '--root', tmp_path, '--size', 16)
    c = load_collection('communication', tmp_path)
    assert '107 of 2240 trials are invalid; left out' in capsys.readouterr().out
    assert len(c.photos) == 32 and len(c.sketches) == 2133 and c.sketches.sketcher.nunique() == 70
    asked = 0
    for fold in range(0, 20, 3):
        c = open_collection('communication', fold, 20, root=tmp_path)
        tasks = tasks_of(c, 'test', 'sketcher')
        assert len(tasks) == 14 and {len(t.gallery) for t in tasks} == {32}
        assert len(with_pairs(tasks, 1)) >= 13 and len(with_pairs(tasks, 5)) >= 11
        assert c.photos[c.photos.split == 'test'].category.value_counts().tolist() == [2]*4
        asked += sum(len(t.sketches) for t in tasks)
    assert 600 < asked <= 7*14*8
