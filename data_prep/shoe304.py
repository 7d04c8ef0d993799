# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---
# %% [markdown]
# # 304 shoes by three hands
#
# `photo/NNN.jpg` and `sketch/NNN-U.png`: sketchers 1, 2 and 3 drew every shoe, in visibly different styles. One
# category, so the split is by photo: a shoe of the test is not seen in training in anybody's drawing.

# %%
import argparse, os
from functools import partial
from pathlib import Path

import pandas as pd

from afgsbir.core import InputError, command, data_root, source_root
from afgsbir.pairs import (check_size, inherit_split, list_pictures, parse_sketch, read_picture, split_by_photo,
                           write_collection)

# %%
def tables(source):
    "photos and sketches of the flat folders"
    photos, sketches = (pictures(source/kind) for kind in ('photo', 'sketch'))
    known, lines = {name for name, _ in photos}, []
    for name, f in sketches:
        photo, who = parse_sketch(name, known, sketcher_last=True)
        lines.append(dict(sketch=name, photo=photo, category='shoe', sketcher=who, path=f))
    return pd.DataFrame([dict(photo=name, category='shoe', path=f) for name, f in photos]), pd.DataFrame(lines)

def pictures(folder):
    "Name and file of each picture of a folder, one at least"
    if not os.path.isdir(folder):
        raise InputError(f'{folder}: no such folder; name the one that holds photo/ and sketch/ with --source')
    if found := list_pictures(folder): return found
    raise InputError(f'{folder}: an empty category; add pictures')

# %%
def main(argv=None):
    p = argparse.ArgumentParser(description='Bring the 304 shoes into a collection')
    p.add_argument('--source', type=Path, help='folder with photo/ and sketch/ (default: <sources>/shoe304)')
    p.add_argument('--root', default=data_root(), type=Path, help='folder of prepared collections')
    p.add_argument('--size', default=256, type=int, help='side of the stored pictures in pixels')
    p.add_argument('--skip-unreadable', action='store_true', help='skip and count unreadable pictures')
    a = p.parse_args(argv)
    check_size(a.size)
    source = a.source or source_root()/'shoe304'
    photos, sketches = tables(source)
    photos['split'] = split_by_photo(photos)
    sketches['split'] = inherit_split(sketches, photos)
    card, read = dict(source='shoe304', licence='research use'), partial(read_picture, size=a.size, fit='pad')
    write_collection(a.root, 'shoe304', photos, sketches, card, a.size, source=source, split_by='photo',
                     read_photo=read, skip_unreadable=a.skip_unreadable)

if __name__ == '__main__': command(main)
