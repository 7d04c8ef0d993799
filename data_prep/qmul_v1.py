# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---
# %% [markdown]
# # QMUL chairs and shoes, version 1
#
# Four `.mat` files a set, key `data`, N x 256 x 256 bytes. Row i of the sketches pairs with row i of the edge
# maps, which stand in for the photos as in Sketch-me-that-Shoe. The authors' test rows are our test; a fifth of
# their training rows validates.

# %%
import argparse, functools
from functools import partial
from pathlib import Path

import numpy as np, pandas as pd
from PIL import Image

from afgsbir.core import InputError, command, data_root, source_root
from afgsbir.pairs import split_by_photo, write_collection

# %%
@functools.cache
def read_mat(file):
    "The array under `data`, (n, h, w) uint8"
    from scipy.io import loadmat
    if not file.is_file(): raise InputError(f'{file}: no such file; name the folder of the .mat files with --source')
    try: data = loadmat(file).get('data')
    except Exception as e: raise InputError(f'{file}: not a readable .mat file; fetch it again') from e
    if data is None: raise InputError(f"{file}: has no array `data`; this is not one of the QMUL version 1 files")
    if data.ndim != 3: raise InputError(f'{file}: `data` is {data.shape}, expected (n, height, width)')
    return data

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
        if n != m: raise InputError(f'{source}: {kind} {part} has {m} sketches and {n} edge maps; they must pair')
        for i in range(n):
            name = f'{part}-{i:03d}'
            photos.append(dict(photo=name, category=kind, part=part, path=(edge, i)))
            sketches.append(dict(sketch=f'{name}-1', photo=name, category=kind, sketcher='', path=(sketch, i)))
    photos = pd.DataFrame(photos)
    photos['split'] = split_by_photo(photos, (.8, .2, 0)).where(photos.part == 'train', 'test')
    sketches = pd.DataFrame(sketches).assign(split=photos.split)
    return photos.drop(columns='part'), sketches

# %%
def main(argv=None):
    p = argparse.ArgumentParser(description='Bring QMUL chairs and shoes into collections')
    p.add_argument('--source', type=Path, help='folder of the .mat files (default: <sources>/qmul_v1)')
    p.add_argument('--root', default=data_root(), type=Path, help='folder of prepared collections')
    p.add_argument('--size', default=256, type=int, help='side of the stored pictures in pixels')
    a = p.parse_args(argv)
    source = a.source or source_root()/'qmul_v1'
    for kind in ('chairs', 'shoes'):
        photos, sketches = tables(source, kind)
        photo, sketch = (partial(picture, size=a.size, photo=p) for p in (True, False))
        card = dict(source='QMUL version 1', licence='research use')
        write_collection(a.root, f'qmul_{kind}', photos, sketches, card, a.size, source=source, split_by='photo',
                         read_photo=photo, read_sketch=sketch)

if __name__ == '__main__': command(main)
