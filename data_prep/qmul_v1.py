# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---
# %% [markdown]
# # QMUL chairs, shoes and handbags, version 1
#
# Four `.mat` files a set, key `data`, N x 256 x 256 bytes. Row i of the sketches pairs with row i of the edge
# maps, which stand in for the photos as in Sketch-me-that-Shoe. The authors' test rows are our test; a fifth of
# their training rows validates. Handbags came later, as four files of the same shape; they are brought where they are.

# %%
import argparse, functools, os
from functools import partial
from pathlib import Path

import numpy as np, pandas as pd
from PIL import Image

from afgsbir.core import InputError, command, data_root, source_root
from afgsbir.pairs import check_size, split_by_photo, write_collection

# %%
@functools.cache
def read_mat(file):
    "The array under `data`, (n, h, w) uint8"
    from scipy.io import loadmat
    if not os.path.isfile(file):
        raise InputError(f'{file}: no such file; name the folder of the .mat files with --source')
    try: data = loadmat(file).get('data')
    except Exception as e: raise InputError(f'{file}: not a readable .mat file; fetch it again') from e
    if data is None: raise InputError(f"{file}: has no array `data`; this is not one of the QMUL version 1 files")
    if data.ndim != 3 or not data.size:
        raise InputError(f'{file}: `data` is {data.shape}, expected (n, height, width); fetch it again')
    return as_bytes(data, file)

def as_bytes(data, file):
    "Whole numbers of 0 to 255 as bytes; fractions, truth values and other ranges are refused"
    if data.dtype.kind not in 'iu':
        raise InputError(f'{file}: `data` holds {data.dtype}, expected bytes of 0 to 255; convert it')
    low, high = int(data.min()), int(data.max())
    if low < 0 or not 1 < high <= 255:
        raise InputError(f'{file}: `data` holds {low} to {high}, expected bytes of 0 to 255; scale it')
    return data.astype(np.uint8, copy=False)

def picture(path, size, photo):
    "Row i of a file, given as (file, i), as a picture of the given size"
    im = Image.fromarray(read_mat(path[0])[path[1]]).convert('RGB' if photo else 'L')
    return np.asarray(im if im.size == (size, size) else im.resize((size, size), Image.LANCZOS))

# %%
def tables(source, kind):
    "photos (edge maps) and sketches of one set; row i pairs with row i"
    photos, sketches = [], []
    for part in ('train', 'test'):
        edge, sketch = (source/f'{kind}_{what}_db_{part}.mat' for what in ('edge', 'sketch'))
        n, m = len(read_mat(edge)), len(read_mat(sketch))
        if n != m:
            raise InputError(f'{sketch}: has {m} rows, {edge.name} has {n}; they must pair: fetch both again')
        for i in range(n):
            name = f'{part}-{i:03d}'
            photos.append(dict(photo=name, category=kind, part=part, path=(edge, i)))
            sketches.append(dict(sketch=f'{name}-1', photo=name, category=kind, sketcher='', path=(sketch, i)))
    photos = pd.DataFrame(photos)
    photos['split'] = split_by_photo(photos, (.8, .2, 0)).where(photos.part == 'train', 'test')
    sketches = pd.DataFrame(sketches).assign(split=photos.split)
    return photos.drop(columns='part'), sketches

def kinds(source):
    "Chairs and shoes, and handbags where one of their files is there"
    return ('chairs', 'shoes', *(['handbags'] if any(source.glob('handbags_*_db_*.mat')) else []))

# %%
def main(argv=None):
    p = argparse.ArgumentParser(description='Bring QMUL chairs, shoes and handbags into collections')
    p.add_argument('--source', type=Path, help='folder of the .mat files (default: <sources>/qmul_v1)')
    p.add_argument('--root', default=data_root(), type=Path, help='folder of prepared collections')
    p.add_argument('--size', default=256, type=int, help='side of the stored pictures in pixels')
    a = p.parse_args(argv)
    check_size(a.size)
    source = a.source or source_root()/'qmul_v1'
    sets = {kind: tables(source, kind) for kind in kinds(source)}     # all is looked at before any is written
    for kind, (photos, sketches) in sets.items():
        photo, sketch = (partial(picture, size=a.size, photo=p) for p in (True, False))
        card = dict(source='QMUL version 1', licence='research use')
        write_collection(a.root, f'qmul_{kind}', photos, sketches, card, a.size, source=source, split_by='photo',
                         read_photo=photo, read_sketch=sketch)

if __name__ == '__main__': command(main)
