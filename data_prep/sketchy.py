# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---
# %% [markdown]
# # Sketchy, and any folder laid out like it
#
# Reads the full Sketchy database as its authors ship it (`256x256/photo|sketch/tx_*/<category>/...`), the same
# pictures in a flat tree (`photo/<category>/x.jpg`, `sketch/<category>/x-<n>.png`), and your own pictures in that
# shape (`x-<n>-<sketcher>.png` where the hand matters); `python -m afgsbir.own` reads other shapes too.

# %%
import os, re, unicodedata

import numpy as np

from afgsbir.core import InputError, command, source_root
from afgsbir.own import choose_split, find_tree, reading_parser
from afgsbir.pairs import check_size, inherit_split, scan, target_folder, write_collection

# %% [markdown]
# ## Fixed lists
#
# The 21 unseen categories of the paper; and 20 of the other 104 that only ever validate.

# %%
UNSEEN = ('bat cabin cow dolphin door giraffe helicopter mouse pear raccoon rhinoceros saw scissors seagull skyscraper '
          'songbird sword tree wheelchair windmill window').split()
VAL = ('ape axe bee butterfly camel chair couch deer hermit_crab kangaroo lobster mushroom piano pistol rocket '
       'sailboat seal spider teapot tiger').split()
PLUS = 'dog giraffe horse'.split()
LICENCE = 'Sketchy database: research use; photos from ImageNet'

# %% [markdown]
# ## Where the folders are

# %%
def find_folders(source, photo_tx='tx_000100000000', sketch_tx='tx_000100000000'):
    "The photo and sketch folders of a flat tree, or of the authors' release with one of its renderings each"
    photo, sketch = find_tree(source, source/'256x256')
    if not any(photo.glob('tx_*')): return photo, sketch
    for folder in (photo/photo_tx, sketch/sketch_tx):
        if not os.path.isdir(folder):
            raise InputError(f'{folder}: no such rendering; name one with --photo-tx / --sketch-tx')
    return photo/photo_tx, sketch/sketch_tx

def licence(names):
    "Sketchy's for its own categories; of other pictures only their owner knows"
    return LICENCE if set(UNSEEN) <= names or names == set(PLUS) else 'not told'

def read_words(source, names, kind):
    "Category -> word vector, where the source brings them"
    file = source/'word_vectors.npz'
    if not os.path.isfile(file): return {}
    try:
        with np.load(file) as z: vectors = {k: z[k] for k in z.files}
    except Exception as e: raise InputError(f'{file}: not readable word vectors; replace it or pass --words ""') from e
    kinds = sorted(set(vectors)-{'names'})
    if kind not in kinds: raise InputError(f'{file}: has no vectors {kind!r}; pass one of {kinds} as --words')
    found, table = [str(n) for n in vectors.get('names', [])], vectors[kind]
    if table.ndim != 2 or len(table) != len(found) or table.dtype.kind != 'f' or not np.isfinite(table).all():
        raise InputError(f'{file}: {kind!r} is not a vector of finite numbers for each of `names`; mend it')
    found = {unicodedata.normalize('NFC', n): v for n, v in zip(found, table)}
    missing = sorted(set(names)-set(found))
    if missing: raise InputError(f'{file}: no vector for category {missing[0]!r}; add it or pass --words ""')
    return {n: found[n] for n in sorted(names)}

# %% [markdown]
# The authors' release brings no word vectors. GloVe and word2vec come as text, a word and its numbers a line; a
# category of several words is their mean.

# %%
def words_in(name): return [w for w in re.split(r'[\W_]+', name.lower()) if w]

def text_vectors(file, names):
    "Category -> the mean vector of its words, from a text file of vectors"
    wanted, found = {w for n in names for w in words_in(n)}, {}
    if not os.path.isfile(file): raise InputError(f'{file}: no such file of word vectors; name GloVe as text, or none')
    with open(file, encoding='utf-8', errors='replace') as lines:
        for line in lines:
            word, _, numbers = line.partition(' ')
            if word not in wanted: continue
            try: found[word] = np.array(numbers.split(), np.float32)
            except ValueError as e: raise InputError(f'{file}: {word!r} has no numbers; fetch the file again') from e
    missing = sorted(wanted-set(found))
    if missing: raise InputError(f'{file}: no vector for {missing[0]!r}; name another file or pass --words ""')
    return {n: np.mean([found[w] for w in words_in(n)], 0) for n in sorted(names)}

# %% [markdown]
# ## Bringing it in

# %%
def main(argv=None):
    what = 'Bring Sketchy, or your own pictures in its layout, into a collection'
    p = reading_parser(what, 'folder with photo/ and sketch/', '<name>')
    p.add_argument('--name', default='sketchy_mini', help='name of the collection')
    p.add_argument('--photo-tx', default='tx_000100000000', help="rendering of the photos in the authors' release")
    p.add_argument('--sketch-tx', default='tx_000100000000', help="rendering of the sketches in the authors' release")
    p.add_argument('--split', choices=['auto', 'category', 'photo', 'test'], default='auto',
                   help="auto: the fixed lists where the names are Sketchy's; photo: 60/15/25 %% of the photos; "
                        "test: everything unseen")
    p.add_argument('--val', nargs='*', help='validation categories')
    p.add_argument('--test', nargs='*', help='unseen categories')
    p.add_argument('--words', default='word2vec', help='which word vectors of word_vectors.npz to keep; "" for none')
    p.add_argument('--vectors', help='text file of word vectors (GloVe, word2vec), in place of word_vectors.npz')
    a = p.parse_args(argv)
    source = a.source or source_root()/a.name
    check_size(a.size)                                # before thousands of files are listed
    target_folder(a.root, a.name, source=source)
    photos, sketches = scan(*find_folders(source, a.photo_tx, a.sketch_tx))
    whole = a.name == 'sketchy_plus' and a.split == 'auto' and a.val is None and a.test is None
    photos['split'], split_by = choose_split(photos, 'test' if whole else a.split, a.val, a.test, (VAL, UNSEEN))
    sketches['split'] = inherit_split(sketches, photos)
    names = set(photos.category)
    words = text_vectors(a.vectors, names) if a.vectors else read_words(source, names, a.words) if a.words else {}
    told = os.path.basename(a.vectors) if a.vectors else a.words
    card = dict(source=f'{a.name}: {source.name}', licence=licence(names), words=told if words else '')
    write_collection(a.root, a.name, photos, sketches, card, a.size, source=source, split_by=split_by,
                     skip_unreadable=a.skip_unreadable, words=words)

if __name__ == '__main__': command(main)
