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
from functools import partial

from afgsbir.core import command, source_root
from afgsbir.own import reading_parser, scan_flat
from afgsbir.pairs import check_size, inherit_split, read_picture, split_by_photo, write_collection

# %%
def main(argv=None):
    p = reading_parser('Bring the 304 shoes into a collection', 'folder with photo/ and sketch/', 'shoe304')
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
