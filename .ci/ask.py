"""Lay out a folder of photos with a sketch and pairs, of unseen emoji; as a script, search it and name the page.

    python .ci/ask.py outputs/demo/photos
"""
import sys
from pathlib import Path

from PIL import Image

from afgsbir.core import command
from afgsbir.pairs import load_collection


def lay_out(folder):
    "An unseen category of emoji as somebody's photos, a sketch of one, eight pairs of its hand; that photo's name"
    emoji, short = load_collection('emoji'), lambda photo: photo.split('/')[1]
    photos, sketches = (t[t.category == 'animal-mammal'] for t in (emoji.photos, emoji.sketches))
    hand = sketches[sketches.sketcher == 'openmoji']
    for name in ('photos', 'drawn'): (folder/name).mkdir(parents=True, exist_ok=True)
    for p in photos.itertuples():
        Image.fromarray(emoji.photo_pixels[p.row]).resize((192, 192)).save(folder/f'photos/{short(p.photo)}.png')
    for s in hand.itertuples():
        Image.fromarray(emoji.sketch_pixels[s.row]).save(folder/f'drawn/{short(s.photo)}.png')
    pairs = [f'drawn/{short(s.photo)}.png,photos/{short(s.photo)}.png' for s in hand.iloc[1:9].itertuples()]
    (folder/'pairs.csv').write_text('\n'.join(['sketch,photo', *pairs, '']))
    Image.fromarray(emoji.sketch_pixels[hand.row.iloc[0]]).save(folder/'sketch.png')
    return f'{short(hand.photo.iloc[0])}.png'


def main():
    from afgsbir.cli import app
    folder = Path(sys.argv[1])
    lay_out(folder)
    index, mine = ('--in', folder/'my.index'), folder/'mine.safetensors'
    for words in (['index', folder/'photos', '--to', folder/'my.index', '--system', 'emoji'],
                  ['adapt', folder/'pairs.csv', *index, '--to', mine],
                  ['search', folder/'sketch.png', *index, '-n', 3, '--with', mine, '--html', folder/'answer.html']):
        print('$ afgsbir', *words)
        app(list(map(str, words)), standalone_mode=False)


if __name__ == '__main__': command(main)
