# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---
# %% [markdown]
# # Eight drawings as a hand would give them
#
# The sheet of `afgsbir.canvas` gives strokes. Where nobody sits in front of it, *Your own pictures* takes the lines of
# OpenMoji (CC BY-SA 4.0, openmoji.org) on a sheet of 320 units. Of each of the first eight unseen categories it is the
# first emoji, by name, whose lines are plain shapes: nothing turned, nothing filled. Five are pairs, three are asked.

# %%
import argparse, json, math
from pathlib import Path
from xml.etree import ElementTree

from emoji import UNSEEN, tables
from afgsbir.core import InputError, atomic, command, repo_root

SIDE, PAIRS, ASKED = 320, 5, 3
SHAPES = 'path', 'line', 'polyline', 'polygon', 'rect', 'circle', 'ellipse'

# %%
def along(command, start, points, n=8):
    "Points of one step of a path"
    if command == 'curveTo':
        a, b, c = points
        for i in range(1, n+1):
            t = i/n
            w = (1-t)**3, 3*t*(1-t)**2, 3*t*t*(1-t), t**3
            yield tuple(sum(k*p[j] for k, p in zip(w, (start, a, b, c))) for j in (0, 1))
    elif command == 'lineTo': yield points[0]
    else: raise InputError(f'{command}: no step of a plain path')

def path_strokes(d):
    "Strokes of a path: each move begins one"
    from fontTools.pens.recordingPen import RecordingPen
    from fontTools.svgLib.path import parse_path
    parse_path(d, pen := RecordingPen())
    strokes = []
    for command, points in pen.value:
        if command == 'moveTo': strokes.append([points[0]])
        elif command == 'closePath': strokes[-1].append(strokes[-1][0])
        elif command != 'endPath': strokes[-1] += along(command, strokes[-1][-1], points)
    return strokes

# %%
def oval(x, y, rx, ry, n=32):
    return [(x + rx*math.cos(2*math.pi*i/n), y + ry*math.sin(2*math.pi*i/n)) for i in range(n+1)]

def shape_strokes(kind, told):
    "Strokes of one shape of an SVG"
    at = lambda *names: [float(told.get(name, 0)) for name in names]
    if kind == 'path': return path_strokes(told['d'])
    if kind == 'circle': return [oval(*at('cx', 'cy', 'r', 'r'))]
    if kind == 'ellipse': return [oval(*at('cx', 'cy', 'rx', 'ry'))]
    if kind == 'rect':
        x, y, w, h = at('x', 'y', 'width', 'height')
        return [[(x, y), (x+w, y), (x+w, y+h), (x, y+h), (x, y)]]
    if kind == 'line': numbers = at('x1', 'y1', 'x2', 'y2')
    else: numbers = [float(v) for v in told['points'].replace(',', ' ').split()]
    points = list(zip(numbers[::2], numbers[1::2]))
    return [points + points[:1] if kind == 'polygon' else points]

def strokes_of(file):
    "Strokes of OpenMoji's lines, or None where they are more than plain lines"
    root = ElementTree.parse(file).getroot()
    groups = [g for g in root if g.get('id') in ('line', 'line-supplement')]
    parts = [p for g in groups for p in g.iter()]
    if any(p.get('transform') for p in parts): return None
    shapes = [p for p in parts if p.tag.split('}')[1] in SHAPES]
    if not shapes or any(p.get('fill', '') != 'none' or not p.get('stroke') for p in shapes): return None
    scale = SIDE/float(root.get('viewBox').split()[2])
    found = [s for p in shapes for s in shape_strokes(p.tag.split('}')[1], p.attrib)]
    return [[[round(x*scale), round(y*scale)] for x, y in s] for s in found]

# %%
def chosen():
    "(file of its photo, strokes) of the first plain drawing of each of the first unseen categories"
    photos, sketches = tables()
    lines = sketches[sketches.sketcher == 'openmoji'].set_index('photo').path
    for category in UNSEEN[:PAIRS+ASKED]:
        drawn = ((p, strokes_of(lines[p][0])) for p in sorted(photos[photos.category == category].photo))
        yield next((f'{p}.png', strokes) for p, strokes in drawn if strokes)

def main(argv=None):
    p = argparse.ArgumentParser(description='Write the drawings that *Your own pictures* shows')
    p.add_argument('--to', default=repo_root()/'nbs/settings/strokes.json', type=Path)
    a = p.parse_args(argv)
    drawn = list(chosen())
    told = dict(licence='OpenMoji CC BY-SA 4.0 (openmoji.org)', pairs=dict(drawn[:PAIRS]), asked=dict(drawn[PAIRS:]))
    with atomic(a.to) as tmp: tmp.write_text(json.dumps(told, separators=(',', ':'))+'\n')

if __name__ == '__main__': command(main)
