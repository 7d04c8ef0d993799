# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---
# %% [markdown]
# # ShoeV2 and ChairV2
#
# Sketches come as PNG named `<photo>_<n>.png` (`trainA/`, `testA/`, or `sketch/`), or as strokes in one file,
# `ChairV2_Coordinate`; photos lie in `trainB/` and `testB/`, or in `photo/`. Strokes are kept with the collection
# (`drawings.strokes_of`), and its pictures are drawn from them. Sketches alone make no pairs: without photos a set is
# refused. The authors' test photos are our test; a fifth of their training photos validates.

# %%
import functools, io, os, pickle, pickletools, re
from functools import partial
from pathlib import Path

import numpy as np, pandas as pd

from afgsbir.core import InputError, command, rng, source_root
from afgsbir.drawings import LINE, as_sketch
from afgsbir.own import ORPHANS, paired, reading_parser
from afgsbir.pairs import (check_size, inherit_split, list_pictures, read_picture, split_by_photo, target_folder,
                           write_collection)

# %% [markdown]
# ## Which version it is
#
# Sketches of the training and of the test photos. Papers quote the first two of either; the coordinate file of ChairV2
# that circulates is neither, though all three have 1275 in all.

# %%
KINDS = dict(ShoeV2='shoe', ChairV2='chair')
VERSIONS = dict(ShoeV2=[(5982, 666), (6051, 679)], ChairV2=[(964, 311), (951, 324), (952, 323)])

def version_of(kind, counts):
    "The version that has these (training, test) sketches, in words"
    told = ' / '.join(map(str, counts))
    if counts in VERSIONS[kind]: return told
    return f'{told}, which is none of {", ".join(f"{a} / {b}" for a, b in VERSIONS[kind])}'

# %% [markdown]
# ## Strokes, without running what a pickle asks for
#
# A pickle is a program: it may name any function of any module, and loading it calls that function. So no name leads to
# numpy or to anything else of this machine. The few that an array of numbers needs, under the names of numpy 1 and 2,
# lead to small classes that take a shape, a kind of number and bytes. Every other name is refused.

# %%
class Refused(Exception):
    "A pickle asks for more than numbers"

class Latin1(bytes):
    "Bytes that Python 3 wrote as text for Python 2"
    def __new__(cls, text, encoding):
        if encoding not in ('latin1', 'latin-1'): raise Refused(f'the encoding {str(encoding)[:40]!r}')
        return text.encode('latin1')

    def __setstate__(self, state): raise Refused('changed bytes')

class Kind:
    "A kind of number, such as '<f8'"
    def __init__(self, code, *_):
        code = code.decode() if isinstance(code, bytes) else code
        if not (isinstance(code, str) and re.fullmatch('[<>=|]?[biuf][1248]', code)): raise Refused('other things')
        self.dtype = np.dtype(code)

    def __setstate__(self, state):
        order = state[1].decode() if isinstance(state[1], bytes) else state[1]
        self.dtype = self.dtype.newbyteorder({'<': '<', '>': '>'}.get(order, '='))

class Numbers:
    "An array: its shape, its kind and its bytes"
    x = None
    def __init__(self, *_): pass

    def __setstate__(self, state):
        _, shape, kind, by_column, data = state
        if isinstance(data, str): data = data.encode('latin1')            # as Python 2 wrote them
        self.x = np.frombuffer(data, kind.dtype).reshape(shape, order='F' if by_column else 'C')

class Buffer:
    "An array as pickles of the fifth protocol have it"
    def __new__(cls, data, kind, shape, order, *_):
        found = Numbers()
        found.__setstate__((1, shape, kind, order == 'F', data))
        return found

    def __setstate__(self, state): raise Refused('a changed array')

NAMES = {('numpy', 'ndarray'): Numbers, ('numpy', 'dtype'): Kind, ('_codecs', 'encode'): Latin1}
for core in ('numpy.core', 'numpy._core'):
    NAMES |= {(f'{core}.multiarray', '_reconstruct'): Numbers, (f'{core}.numeric', '_frombuffer'): Buffer}

class Reader(pickle.Unpickler):
    "Reads dicts, texts and arrays of numbers, and calls nothing"
    def find_class(self, module, name):
        try: return NAMES[module, name]
        except KeyError: raise Refused(f'{module}.{name}'[:80]) from None

# %% [markdown]
# A file that asks for a memory of its own size and more is no file of strokes either.

# %%
MAX_BYTES = 2**30
AGAIN = 'fetch it again'

def check_memory(data):
    "Refuse a pickle that asks for room beyond its length, before it is given any"
    left = io.BytesIO(data)
    while (op := pickletools.code2op[left.read(1).decode('latin1')]).name != 'STOP':
        text = op.name == 'STRING'                                    # genops reads it as ASCII, Python 2 wrote bytes
        arg = left.readline() if text else op.arg.reader(left) if op.arg else None
        if 'PUT' in op.name and arg > len(data): raise Refused('room that it does not need')

def unpickled(file):
    "What a pickle of arrays holds"
    if not os.path.isfile(file): raise InputError(f'{file}: not a file; name the folder that holds it with --source')
    if (n := os.path.getsize(file)) > MAX_BYTES: raise InputError(f'{file}: {n} bytes, more than {MAX_BYTES}; {AGAIN}')
    try:
        check_memory(data := Path(file).read_bytes())
        return Reader(io.BytesIO(data), encoding='latin1').load()
    except Refused as e:
        raise InputError(f'{file}: asks for {e}, strokes are numbers; it may be harmful, {AGAIN}') from None
    except Exception as e:
        raise InputError(f'{file}: not a whole pickle of strokes ({type(e).__name__}); {AGAIN}') from e

# %%
KEY = re.compile(r'/(train|test)/([^/]+)_(\d+)')

def points(file, name, found):
    "(n, 3) x, y, pen of one sketch, checked"
    wrong = partial('{}: sketch {!r} {}; {}'.format, file, name)
    x = found.x if isinstance(found, Numbers) else None
    if x is None: raise InputError(wrong('is no array of numbers', AGAIN))
    if x.ndim != 2 or x.shape[1] != 3 or not len(x): raise InputError(wrong(f'is {x.shape}, not (points, 3)', AGAIN))
    if not np.isfinite(x).all(): raise InputError(wrong('holds a number that is none', AGAIN))
    if not np.isin(x[:, 2], (0, 1)).all(): raise InputError(wrong('has a pen that is neither 0 nor 1', AGAIN))
    return x.astype(float)

@functools.cache
def read_coordinates(file):
    "(split, photo, number) -> (n, 3) x, y, pen of every sketch, in order"
    found = unpickled(file)
    if not isinstance(found, dict) or not found: raise InputError(f'{file}: is no dict of sketches; {AGAIN}')
    keys = {k: isinstance(k, str) and KEY.fullmatch(k) for k in found}
    for k in (k for k, m in keys.items() if not m):
        shown = k[:80] if isinstance(k, str) else type(k).__name__
        raise InputError(f'{file}: {shown!r} does not name a sketch as /train/<photo>_<n> does; {AGAIN}')
    return {keys[k].groups(): points(file, k[:80], found[k]) for k in sorted(found)}

# %% [markdown]
# ## Where the pictures are

# %%
def places(home, kind, folders, flat):
    "(split or '', folder) of the folders that are there"
    named = [*zip(('train', 'test'), folders), ('', flat), ('', f'{kind}_{flat}')]
    found = [(split, home/f) for split, f in named]
    return [(split, f) for split, f in found if f.is_dir()]

def pictures(folders):
    "Name, split and file of the pictures of some folders"
    return [dict(name=n, split=split, path=f) for split, folder in folders for n, f in list_pictures(folder)]

def photos_of(home, kind, folder=None):
    "The photos of a set, with the split that their folder tells"
    if folder is None: return pictures(places(home, kind, ('trainB', 'testB'), 'photo'))
    if os.path.isdir(folder): return pictures([('', folder)])
    raise InputError(f'{folder}: no such folder; name that of the photos with --photos')

def drawn(home, kind):
    "The sketches of a set that come as pictures"
    found = pictures(places(home, kind, ('trainA', 'testA'), 'sketch'))
    for line in found:
        m = re.fullmatch(r'(.+)_(\d+)', line['name'])
        if not m: raise InputError(f'{line["path"]}: not named as a sketch, <photo>_<n>; rename it')
        line |= dict(photo=m[1], n=m[2])
    return found

def with_strokes(file):
    "The sketches of a coordinate file"
    return [dict(photo=photo, n=n, split=split, path=(file, f'/{split}/{photo}_{n}'),
                 strokes=x.ravel().tolist()) for (split, photo, n), x in read_coordinates(file).items()]

# %% [markdown]
# ## The authors' split
#
# A folder or a key tells it; `photo_train.txt` and `photo_test.txt` tell it for flat folders, one photo a line.

# %%
def listed(home):
    "Photo -> 'train' or 'test', where lists tell"
    found = {}
    for split in ('train', 'test'):
        file = home/f'photo_{split}.txt'
        if not file.is_file(): continue
        try: lines = file.read_text('utf-8-sig').splitlines()
        except (OSError, ValueError) as e: raise InputError(f'{file}: cannot be read; {AGAIN}') from e
        for line in filter(None, map(str.strip, lines)):
            name = re.sub(r'\.(png|jpe?g)$', '', line.split('/')[-1], flags=re.I)
            if found.setdefault(name, split) == split: continue
            raise InputError(f'{file}: {name!r} stands in photo_train.txt too; keep one')
    return found

def official(home, *tables):
    "Photo -> 'train' or 'test'; a photo in both is refused"
    found = listed(home)
    for line in (line for table in tables for line in table):
        name, split = line.get('photo', line.get('name')), line['split']
        if not split or found.setdefault(name, split) == split: continue
        raise InputError(f'{home}: photo {name!r} is in train and in test; keep one')
    return found

# %% [markdown]
# ## Who drew it
#
# The release does not say. A table of `sketch,sketcher` may (`--sketchers FILE`): then a sixth of the sketchers is
# unseen. They draw the test photos alone, and everybody else the others. Or the number of a sketch stands for a hand
# (`--sketchers number`): the first sketch of each photo, the second, and so on. Those are no people, but each is one
# sketch a photo.

# %%
def hands_of(file):
    "Sketch -> sketcher, from a table; 'number' tells nothing here"
    if file in ('', 'number'): return {}
    try: found = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as e:
        raise InputError(f'--sketchers {file}: no table; name a CSV of sketch,sketcher, or `number`') from e
    if not {'sketch', 'sketcher'} <= set(found): raise InputError(f'{file}: no columns sketch and sketcher; add them')
    return {re.sub(r'\.(png|jpe?g)$', '', s, flags=re.I): hand for s, hand in zip(found.sketch, found.sketcher)}

def with_hands(sketches, told, home):
    "The lines of sketches, each with its sketcher"
    hands = hands_of(told)
    for line in sketches:
        line |= dict(sketch=f'{line["photo"]}_{line["n"]}', sketcher=line['n'] if told == 'number' else '')
        if hands: line['sketcher'] = hands.get(line['sketch'], '')
        if hands and not line['sketcher']:
            raise InputError(f'{home}: --sketchers {told} names nobody for sketch {line["sketch"]!r}; add it')
    return sketches

def unseen_hands(sketches):
    "A sixth of the sketchers"
    names = sorted(set(sketches.sketcher))
    return set(rng('sketchers').permutation(names)[:max(1, len(names)//6)])

def apart(sketches):
    "Without the sketches of test photos by hands that train, and of other photos by hands that do not"
    return sketches[(sketches.split == 'test') == sketches.sketcher.isin(unseen_hands(sketches))]

# %%
def as_table(lines, kind, part, **columns):
    "Pictures as a table, with the authors' split as `part`"
    table = pd.DataFrame(lines).rename(columns=columns).assign(category=KINDS[kind])
    return table.assign(part=table.photo.map(part)).drop(columns=['split', 'n', 'name'], errors='ignore')

def tables(home, kind, photo_folder=None, png=False, sketchers=''):
    "photos and sketches of a set"
    file = home/f'{kind}_Coordinate'
    sketches = with_strokes(file) if file.exists() and not png else drawn(home, kind)
    photos = photos_of(home, kind, photo_folder)
    if not sketches: raise InputError(f'{home}: no sketches of {kind} (trainA/, sketch/ or {file.name}); fetch them')
    if not photos: raise InputError(f'{home}: no photos to pair with the sketches of {kind}; pass --photos FOLDER')
    part = official(home, sketches, photos)
    sketches = as_table(with_hands(sketches, sketchers, home), kind, part)
    photos = as_table(photos, kind, part, name='photo')
    return with_known_split(photos, sketches, home), sketches

def with_known_split(photos, sketches, home):
    "The photos whose split is known; others are left out and told, or refused where they were drawn"
    lost = photos[photos.part.isna()]
    asked = lost.photo[lost.photo.isin(sketches.photo)].tolist()
    if asked:
        raise InputError(f'{home}: nothing tells whether photo {asked[0]!r} is for training; add photo_train.txt and '
                         'photo_test.txt')
    if len(lost): print(f'{home}: {len(lost)} undrawn photos of no split, such as {lost.photo.iloc[0]!r}; left out')
    return photos.drop(lost.index)

def with_validation(photos):
    "The split of every photo: a fifth of the training photos validates"
    ours = photos[photos.part == 'train'].sort_values('photo')
    return split_by_photo(ours, (.8, .2, 0)).reindex(photos.index).fillna('test')

# %% [markdown]
# ## Bringing it in

# %%
def render(path, size, line):
    "A sketch as black lines on white: drawn from its strokes, or read"
    if not isinstance(path, tuple): return read_picture(path, size, 'L', 'pad')
    return as_sketch(read_coordinates(path[0])[KEY.fullmatch(path[1]).groups()], size, line=line)

def counted(photos, sketches):
    "Photos and sketches of the authors' training and test"
    return {part: dict(photos=int((photos.part == part).sum()), sketches=int((sketches.part == part).sum()))
            for part in ('train', 'test')}

def bring(home, kind, a):
    "One set as a collection"
    target_folder(a.root, kind.lower(), source=home)
    photos, sketches = tables(home, kind, a.photos, a.png, a.sketchers)
    counts = counted(photos, sketches)
    version = version_of(kind, (counts['train']['sketches'], counts['test']['sketches']))
    n = ' / '.join(str(c['photos']) for c in counts.values())
    print(f'{kind}: training / test photos {n}, sketches {version}')
    sketches = paired(photos, sketches, a.orphans, str(home)).drop(columns='part')
    photos = photos.assign(split=with_validation(photos)).drop(columns='part')
    sketches = sketches.assign(split=inherit_split(sketches, photos))
    if a.sketchers not in ('', 'number'): sketches = apart(sketches)
    card = dict(source=f'QMUL {kind}', licence='research use', version=version, counts=counts,
                drawn_from='strokes' if 'strokes' in sketches else 'PNG')
    readers = dict(read_photo=partial(read_picture, size=a.size, fit='pad'),
                   read_sketch=partial(render, size=a.size, line=a.line))
    write_collection(a.root, kind.lower(), photos, sketches, card, a.size, source=home, split_by='photo',
                     skip_unreadable=a.skip_unreadable, **readers)

# %%
def homes(source, kind=None):
    "(folder, kind) of the sets that are there: each in a folder of its name, or told by its file names, or by --kind"
    found = []
    for k in [kind] if kind else KINDS:
        if (source/k).is_dir(): found.append((source/k, k))
        elif any(source.glob(f'{k}_*')) or source.name == k or kind and source.is_dir(): found.append((source, k))
    return found

def has_photos(home, kind, folder=None):
    "Whether a set can be paired; told where it cannot"
    if photos_of(home, kind, folder): return True
    print(f'{home}: no photos of {kind}; passed over')

# %%
def main(argv=None):
    where = 'folder of ShoeV2/ and ChairV2/, or of one'
    p = reading_parser('Bring ShoeV2 and ChairV2 into collections', where, 'qmul_v2')
    p.add_argument('--kind', choices=KINDS, help='bring this one alone')
    p.add_argument('--photos', type=Path, help='folder of <photo>.png, where they lie elsewhere; with --kind')
    p.add_argument('--line', default=LINE, type=float, help='width of a line of strokes, in sides of the picture')
    p.add_argument('--png', action='store_true', help='read sketches from PNG where there are strokes too')
    p.add_argument('--sketchers', default='', help='who drew: a CSV of sketch,sketcher, or `number`; see above')
    p.add_argument('--orphans', choices=ORPHANS, default='refuse', help='what to do with sketches without a photo')
    p.add_argument('--where-there', action='store_true', help='pass over a set that has no photos here')
    a = p.parse_args(argv)
    check_size(a.size)
    source = a.source or source_root()/'qmul_v2'
    sets = homes(source, a.kind)
    if a.where_there: sets = [s for s in sets if has_photos(*s, a.photos)]
    elif not sets: raise InputError(f'{source}: no ShoeV2 or ChairV2; name a folder with --source, its set with --kind')
    if a.photos and len(sets) > 1: raise InputError(f'--photos {a.photos}: of which set? Name it with --kind')
    for home, kind in sets: bring(home, kind, a)

if __name__ == '__main__': command(main)
