# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---
# %% [markdown]
# # Seventy people, the same 32 objects
#
# In a game by Fan, Hawkins, Wu and Goodman (2020), one person drew an object so that another would find it among four:
# of the same category (`close`) or of others (`far`). Drawings are `sketch/<category>/<object>-<trial>-<sketcher>.png`,
# renders of the objects `photo/<category>/<object>.jpg`, and `trials.csv` tells of each drawing its context and whether
# the authors count it as valid.
#
# Everybody drew everything, so folds of sketchers are crossed with folds of objects (`pairs.crossed_fold`), and a run
# names one of 20. Without a fold all is test: what was fitted elsewhere meets 70 new people and 32 new objects.

# %%
import os
from functools import partial

import pandas as pd

from afgsbir.core import InputError, command, source_root
from afgsbir.own import find_tree, reading_parser
from afgsbir.pairs import check_size, read_picture, scan, target_folder, write_collection

# %%
COLUMNS = dict(sketch=None, sketcher=None, trial=None, context=('close', 'far'), valid=('0', '1'))
CROSSED = 5, 4      # folds of sketchers, folds of objects
LICENCE = 'drawings: MIT; the licences of the 3D models behind the photos are not known'

def read_trials(file):
    "sketch, sketcher, trial, context and valid of every drawing, as texts"
    if not os.path.isfile(file): raise InputError(f'{file}: no such file; name the folder that holds it with --source')
    try: trials = pd.read_csv(file, dtype=str, keep_default_na=False, encoding='utf-8-sig')
    except (OSError, ValueError) as e: raise InputError(f'{file}: not a CSV in UTF-8; fetch it again') from e
    for column, choices in COLUMNS.items():
        if column not in trials: raise InputError(f'{file}: lacks the column {column!r}; fetch it again')
        wrong = trials[~trials[column].isin(choices) if choices else trials[column].str.strip() == '']
        for line in wrong.itertuples():
            said = f'is {getattr(line, column)!r}, not {" or ".join(choices or ["a name"])}'
            raise InputError(f'{file}: line {line.Index+2}: {column} {said}; mend it')
    if not len(trials): raise InputError(f'{file}: holds no trials; fetch it again')
    twice = trials.sketch[trials.sketch.duplicated()].tolist()
    if twice: raise InputError(f'{file}: {twice[0]!r} stands twice; keep one line')
    return trials[list(COLUMNS)]

# %%
def with_trials(photos, sketches, trials, file):
    "The drawings with what their trials tell"
    lost = sketches.sketch[~sketches.photo.isin(photos.photo)].tolist()
    if lost: raise InputError(f'{file}: {lost[0]!r} has no photo ({len(lost)} such); fetch the source again')
    for names, others, what in ((trials, sketches, 'no such drawing'), (sketches, trials, 'a drawing without a trial')):
        lost = names.sketch[~names.sketch.isin(others.sketch)].tolist()
        if lost: raise InputError(f'{file}: {lost[0]!r}: {what} ({len(lost)} such); fetch the source again')
    both = sketches.merge(trials, on='sketch', suffixes=('', '_told'))
    for line in both[both.sketcher != both.sketcher_told].itertuples():
        raise InputError(f'{file}: {line.sketch!r} is by {line.sketcher_told!r}, its name says otherwise; mend one')
    return both.drop(columns='sketcher_told').astype(dict(valid=int))

def kept(sketches, invalid=False):
    "The drawings to keep, and a word about others and about people who are left without any"
    keep = sketches if invalid else sketches[sketches.valid == 1]
    n = (sketches.valid == 0).sum()
    print(f'communication: {n} of {len(sketches)} trials are invalid; {"kept" if invalid else "left out"}')
    for who in sorted(set(sketches.sketcher)-set(keep.sketcher)):
        print(f'communication: sketcher {who!r} has no valid drawing and is left out')
    return keep

# %%
def main(argv=None):
    p = reading_parser('Bring the drawings of a game into a collection', 'folder with trials.csv', 'communication')
    p.add_argument('--keep-invalid', action='store_true', help='keep the trials that the authors count as invalid')
    a = p.parse_args(argv)
    check_size(a.size)
    source = a.source or source_root()/'communication'
    target_folder(a.root, 'communication', source=source)
    trials = read_trials(source/'trials.csv')
    photos, sketches = scan(*find_tree(source))
    sketches = with_trials(photos, sketches, trials, source/'trials.csv')
    invalid = int((sketches.valid == 0).sum())
    sketches = kept(sketches, a.keep_invalid)
    card = dict(source='Fan, Hawkins, Wu and Goodman 2020', licence=LICENCE, invalid=invalid, crossed=CROSSED)
    write_collection(a.root, 'communication', photos.assign(split='test'), sketches.assign(split='test'), card, a.size,
                     source=source, read_photo=partial(read_picture, size=a.size, fit='pad'), split_by='photo',
                     skip_unreadable=a.skip_unreadable)

if __name__ == '__main__': command(main)
