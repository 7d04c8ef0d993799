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
import argparse
from functools import partial
from pathlib import Path

from afgsbir.core import command, data_root, source_root
from afgsbir.own import scan_flat
from afgsbir.pairs import check_size, inherit_split, read_picture, split_by_photo, write_collection

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
    photos, sketches = scan_flat(source/'photo', source/'sketch', 'shoe', sketcher_last=True)
    photos['split'] = split_by_photo(photos)
    sketches['split'] = inherit_split(sketches, photos)
    card, read = dict(source='shoe304', licence='research use'), partial(read_picture, size=a.size, fit='pad')
    write_collection(a.root, 'shoe304', photos, sketches, card, a.size, source=source, split_by='photo',
                     read_photo=read, skip_unreadable=a.skip_unreadable)

if __name__ == '__main__': command(main)
