"Odd and bad pictures and drawings at the one door: each reads right, or gives one line that names it and a cure."
import os, struct, sys, time, unicodedata, zlib

import numpy as np, pytest
from PIL import Image, ImageCms

from afgsbir.core import InputError
from afgsbir.drawings import FILL, INK, LINE, as_photo, as_sketch, ink_on_white
from afgsbir.pairs import list_pictures, read_picture

NS = 'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"'
# a black frame of four pixels, a gap at its left: no turn or mirror leaves it as it is
BOX = np.full((64, 64), 255, np.uint8)
BOX[16:48, 12:52] = 0
BOX[20:44, 16:48] = 255
BOX[22:30, 12:16] = 255
COVER = 255-BOX


def refused(call, *words):
    with pytest.raises(InputError) as e: call()
    said = str(e.value)
    assert len(said.splitlines()) == 1 and said.isprintable() and '; ' in said and len(said) < 1500, said
    assert all(w in said for w in words), said


def like(found, true=BOX, most=8):
    off = np.abs(found.astype(int)-true).max()
    assert off <= most, off


def coloured(paper, ink):
    "The box in an ink on a paper"
    share = COVER[..., None]/255
    return Image.fromarray(np.uint8(np.rint((1-share)*np.array(paper) + share*np.array(ink))*np.ones(3)))


def covering(colour, mode='RGBA'):
    "The box in an ink on nothing"
    return Image.merge('RGBA', [*Image.new('RGB', (64, 64), colour).split(), Image.fromarray(COVER)]).convert(mode)


def palette():
    im = Image.frombytes('P', (64, 64), (COVER//255).tobytes())
    im.putpalette([255, 255, 255, 0, 0, 0])
    return im


def saved(im, name='x.png', **how):
    def make(folder): im.save(folder/name, **how); return folder/name
    return make


def renamed(name, make): return lambda folder: make(folder).rename(folder/name)


def written(name, data):
    def make(folder): (folder/name).write_bytes(data); return folder/name
    return make


def at(name, call):
    def make(folder): call(folder/name); return folder/name
    return make


def given(thing): return lambda folder: thing


def exif(turn):
    e = Image.Exif()
    e[274] = turn
    return e


def turned(turn):
    "The pixels that a camera would store, to be turned back by its note"
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[turn]     # Pillow's numbers of the opposite turns
    return GREY if back is None else GREY.transpose(Image.Transpose(back))


GREY = Image.fromarray(BOX)
RGB = GREY.convert('RGB')
MANY = dict(save_all=True, append_images=[Image.new('RGB', (64, 64), 'red')]*2)
WHITE_IS_ZERO = {262: 0}
MINISWHITE = Image.fromarray((65535-BOX.astype(int)*257).astype(np.uint16))
PATH = 'M12 16H52V48H12V30H16V44H48V20H16V22H12z'
SVG = f'<svg {NS}><path d="{PATH}"/></svg>'
STROKES = [[(0, 0), (40, 0), (40, 20)], [(0, 10), (0, 20)]]

BOXES = {   # all of these are the box
    'grey': saved(GREY), 'RGB': saved(RGB), 'one bit': saved(GREY.convert('1')),
    'jpeg': saved(GREY, 'x.jpg', quality=100),
    'jfif': saved(GREY, 'x.jfif', format='JPEG', quality=100), 'bmp': saved(GREY, 'x.bmp'),
    'webp': saved(RGB, 'x.webp', lossless=True), 'gif': saved(GREY, 'x.gif'),
    'ending in capitals': saved(GREY, 'x.PNG'),
    '16 bits': saved(Image.fromarray(BOX.astype(np.uint16)*257)),
    'progressive': saved(GREY, 'x.jpg', quality=100, progressive=True),
    '16 bits tiff': saved(Image.fromarray(BOX.astype(np.uint16)*257), 'x.tif'),
    '16 bits tiff, white is zero': saved(MINISWHITE, 'x.tif', tiffinfo=WHITE_IS_ZERO),
    'fax': saved(GREY.convert('1'), 'x.tif', compression='group4'), 'lzw': saved(RGB, 'x.tif', compression='tiff_lzw'),
    'packed tiff': saved(GREY, 'x.tiff', compression='packbits'),
    'jpeg in tiff': saved(GREY, 'x.tif', compression='jpeg', quality=100),
    'deflated tiff': saved(GREY, 'x.tif', compression='tiff_adobe_deflate'),
    'CMYK': saved(RGB.convert('CMYK'), 'x.jpg', quality=100),
    'CMYK tiff': saved(RGB.convert('CMYK'), 'x.tif'), 'palette': saved(palette()),
    'palette gif': saved(palette(), 'x.gif'),
    'palette, transparent': saved(palette(), transparency=0),
    'gif, transparent': saved(palette(), 'x.gif', transparency=0),
    'palette of alphas': saved(palette(), transparency=b'\0\xff'), 'LA': saved(covering('black', 'LA')),
    'RGBA': saved(covering('black')), 'RGBA webp': saved(covering('black'), 'x.webp', lossless=True, exact=True),
    'RGBA tiff': saved(covering('black'), 'x.tif'), 'chalk on nothing': saved(covering('white')),
    'yellow on nothing': saved(covering((255, 255, 80))), 'chalk on nothing, LA': saved(covering('white', 'LA')),
    'moving gif': saved(GREY, 'x.gif', **MANY), 'moving webp': saved(RGB, 'x.webp', lossless=True, **MANY),
    'moving png': saved(RGB, 'x.png', **MANY), 'pages of tiff': saved(RGB, 'x.tif', **MANY),
    'tiff named png': renamed('y.png', saved(RGB, 'x.tif')),
    'gif without an ending': renamed('y', saved(GREY, 'x.gif')),
    'negative': saved(Image.fromarray(COVER)), 'coloured paper': saved(coloured((250, 215, 120), (30, 60, 160))),
    'grey paper': saved(coloured((128,)*3, (0,)*3)), 'chalk on slate': saved(coloured((50, 60, 55), (230, 230, 220))),
    'red on blue': saved(coloured((0, 0, 200), (220, 30, 0))),
    'two-tone jpeg': saved(coloured((250, 240, 210), (0,)*3), 'x.jpg', quality=100),
    'accent in one': saved(GREY, 'caf\u00e9.png'), 'accent in two': saved(GREY, 'cafe\u0301.png'),
    'name of two lines': saved(GREY, 'x\ny\x07.png'),
    'link': lambda f: at('y.png', lambda y: y.symlink_to(saved(GREY)(f)))(f),
    'text as path': lambda f: str(saved(GREY)(f)), 'PIL image': given(GREY), 'PIL image, palette': given(palette()),
    'PIL image, LA': given(covering('white', 'LA')), 'PIL image, La': given(covering('black', 'LA').convert('La')),
    'PIL image, RGBa': given(covering('black', 'RGBa')),
    'PIL image, open': lambda f: Image.open(saved(palette(), transparency=0)(f)),
    'array': given(BOX), 'array of colours': given(np.dstack([BOX]*3)), 'array of truth': given(BOX > 0),
    'array of floats': given(BOX/255),
    'array of half floats': given((BOX/255).astype(np.float16)),
    'array with alpha': given(np.asarray(covering('white'))),
    'array, strided': given(np.dstack([BOX]*6)[:, :, ::2]), 'SVG text': given(SVG),
    'SVG with a mark': given('\ufeff'+SVG),
    'SVG': written('x.svg', SVG.encode()), 'SVG in UTF-16': written('x.svg', SVG.encode('utf-16')),
    'SVG in capitals': written('x.SVG', SVG.encode()),
    'SVG with a heading': given('<?xml version="1.0" encoding="latin-1"?><!-- x -->\n<!DOCTYPE svg>'+SVG),
    'SVG in white': given(f'<svg {NS}><path fill="white" d="{PATH}"/></svg>'),
    'SVG used': given(f'<svg {NS}><defs><path id="a" d="{PATH}"/></defs><use href="#a"/></svg>'),
    'SVG styled': given(
        f'<svg {NS}><style>.a{{fill:#000;filter:url(#none)}}</style><path class="a" d="{PATH}"/></svg>'),
    'SVG with a script': given(f'<svg {NS} onload="x()"><script>x()</script><path d="{PATH}"/><foreignObject/></svg>'),
    'SVG with hidden parts': given(f'<svg {NS}><rect width="64" height="64" opacity="0"/><path d="{PATH}"/></svg>'),
    'SVG with a link': given(f'<svg {NS}><a href="http://x.org/"><path d="{PATH}"/></a></svg>'),
    'SVG without a name': given(f'<svg viewBox="0 0 64 64"><path d="{PATH}"/></svg>'),
}


@pytest.mark.parametrize('case', BOXES)
def test_box(tmp_path, case):
    most = [n for word, n in dict(jpeg=12, CMYK=12, SVG=32).items() if word in case]    # edges of an SVG are soft
    like(as_sketch(BOXES[case](tmp_path), 64), most=max([4, *most]))


@pytest.mark.parametrize('name', ['x.png', 'x.jpg', 'x.webp', 'x.tif'])
@pytest.mark.parametrize('turn', range(1, 9))
def test_turned(tmp_path, turn, name):
    "Files, and pictures that are open"
    turned(turn).convert('RGB').save(tmp_path/name, exif=exif(turn), quality=100, lossless=True)
    for thing in (tmp_path/name, Image.open(tmp_path/name)): like(as_sketch(thing, 64), most=16)


def chunk(kind, data): return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind+data))


def png(width, height):
    head = chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0))
    return b'\x89PNG\r\n\x1a\n' + head + chunk(b'IDAT', zlib.compress(bytes(9))) + chunk(b'IEND', b'')


def cut(name, share=.5, **how):
    def make(folder):
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder/name, **how)
        data = (folder/name).read_bytes()
        return written(name, data[:int(len(data)*share)])(folder)
    return make


def closed():
    im = Image.new('L', (9, 9))
    im.close()
    return im


LEVELS = ''.join(f'<g id="g{i+1}">' + f'<use href="#g{i}"/>'*10 + '</g>' for i in range(30))
HELD = f'<svg {NS}><g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g></svg>'
CHAIN = ''.join(f'<use id="u{i+1}" href="#u{i}"/>' for i in range(5000))
LAUGHS = '<!DOCTYPE svg [<!ENTITY a "aaaaaaaa">' + ''.join(
    f'<!ENTITY {y} "{f"&{x};"*9}">' for x, y in zip('abcdefg', 'bcdefgh')) + ']>'


def svg(inside, before=''): return given(f'{before}<svg {NS}>{inside}</svg>')


BAD = {   # of pictures: what is made, what is said of it
    'nothing in it': (written('x.png', b''), 'x.png', 'no JPEG, PNG, WEBP, BMP, GIF or TIFF'),
    'text': (written('x.png', b'no picture'), 'x.png', 'no JPEG'),
    'html': (written('x.jpg', b'<html>'), 'x.jpg', 'no JPEG'),
    'SVG named png': (written('x.png', SVG.encode()), 'x.png', 'no JPEG'),
    'pdf': (saved(RGB, 'x.pdf'), 'x.pdf', 'no JPEG'),
    'icon': (saved(RGB, 'x.ico'), 'x.ico', 'no JPEG'),
    'postscript': (written('x.png', b'%!PS-Adobe-3.0 EPSF-3.0\n'), 'no JPEG'),
    'cut png': (cut('x.png'), 'x.png', 'truncated'), 'cut jpeg': (cut('x.jpg'), 'x.jpg', 'truncated'),
    'cut gif': (cut('x.gif'), 'x.gif', 'truncated'),
    'cut webp': (cut('x.webp'), 'x.webp'), 'cut bmp': (cut('x.bmp'), 'x.bmp', 'truncated'),
    'cut tiff': (cut('x.tif'), 'x.tif'),
    'cut lzw': (cut('x.tif', compression='tiff_lzw'), 'x.tif'), 'head of a gif': (cut('x.gif', .001), 'x.gif'),
    'folder': (at('x.png', lambda f: f.mkdir()), 'x.png', 'not a regular file'),
    'pipe': (at('x.png', os.mkfifo), 'x.png', 'not a regular file'),
    'device': (at('x.png', lambda f: f.symlink_to('/dev/zero')), 'x.png', 'not a regular file'),
    'loose link': (at('x.png', lambda f: f.symlink_to('gone')), 'x.png', 'No such file'),
    'link to itself': (at('x.png', lambda f: f.symlink_to(f)), 'x.png', 'symbolic links'),
    'not there': (lambda f: f/'x.png', 'x.png', 'No such file'), 'no name': (given(''), 'No such file'),
    'null in its name': (given('x\0.png'), r'x\x00.png', 'null'),
    'name too long': (given('x'*5000), '...xxx', 'too long'),
    'bad name of two lines': (written('x\n\x1b[31m.png', b'no'), r'x\n\x1b[31m.png', 'no JPEG'),
    'bad name that is no text': (lambda f: os.fsdecode(os.fsencode(f)+b'/\xff.png'), r'\udcff.png', 'No such file'),
    'no width': (written('x.png', png(0, 9)), 'x.png'),
    'bomb': (written('x.png', png(60000, 60000)), 'x.png', '178956970'),
    'bomb, just': (written('x.png', png(13378, 13378)), 'x.png', '178956970'),
    'short of pixels': (written('x.png', png(900, 900)), 'x.png'),
    'tiff of floats': (saved(Image.new('F', (9, 9), .5), 'x.tif'), 'x.tif', 'floats, save it with 8 bits'),
    'tiff of 32 bits': (saved(Image.new('I', (9, 9), 9), 'x.tif'), 'x.tif', '32 bits a colour'),
    'tiff in Lab': (saved(Image.new('LAB', (9, 9)), 'x.tif'), 'x.tif', 'Lab colours'),
    'PIL image without pixels': (given(Image.new('L', (0, 9))), '0 x 9 pixels'),
    'PIL image of floats': (given(Image.new('F', (9, 9))), 'floats'),
    'PIL image, closed': (given(closed()), 'closed'), 'array of nothing': (given(np.zeros((0, 9))), '9 x 0 pixels'),
    'not a number': (given(np.full((9, 9), np.nan)), 'floats beyond 0 to 1'),
    'infinite': (given(np.full((9, 9), np.inf)), 'floats beyond'),
    'floats of 255': (given(BOX/1), 'floats beyond 0 to 1'), 'whole numbers': (given(BOX.astype(int)), 'int64'),
    'uint16': (given(BOX.astype(np.uint16)), 'uint16'), 'complex': (given(BOX*1j), 'complex128'),
    'objects': (given(BOX.astype(object)), 'object'),
    'array of texts': (given(np.array([['a']*9]*9)), '<U1'), 'one dimension': (given(BOX[0]), '(64,)'),
    'a point': (given(np.zeros(())), '()'),
    'two channels': (given(np.dstack([BOX]*2)), '(64, 64, 2)'),
    'batch': (given(BOX[None, :, :, None]), '(1, 64, 64, 1)'),
    'channels first': (given(np.stack([BOX]*3)), '(3, 64, 64)'),
    'too large': (given(np.broadcast_to(np.uint8(0), (20000, 20000))), '178956970'),
    'number': (given(3), 'not int'), 'nothing': (given(None), 'not NoneType'), 'bytes': (given(b'x'), 'No such file'),
}
DRAWN = {   # of drawings
    'blank': (saved(Image.new('L', (9, 9), 255)), 'x.png: blank', 'draw something'),
    'black': (saved(Image.new('L', (9, 9))), 'x.png: blank'),
    'too faint': (given(BOX//16+240), 'the drawing: blank', 'darker pen'),
    'all clear': (saved(Image.new('RGBA', (9, 9))), 'x.png: blank'),
    'grain': (given(np.random.default_rng(0).integers(190, 200, (64, 64), dtype=np.uint8)), 'the drawing: blank'),
    'all ink': (given(np.pad(np.zeros((56, 56), np.uint8), 4, constant_values=255)),
                'the drawing: all ink', 'finer pen'),
    'too thin': (given(np.pad(np.zeros((1, 5000), np.uint8), 1, constant_values=255)), 'too thin to pad'),
    'no strokes': (given([]), 'the drawing', 'no points'),
    'empty strokes': (given([[], np.zeros((0, 2))]), 'no points'),
    'no lines': (given(np.zeros((0, 3))), 'no points'),
    'stroke not a number': (given([[(0, np.nan)]]), 'stroke 1 holds a number that is none'),
    'stroke infinite': (given([[(0, 1)], [(0, -np.inf)]]), 'stroke 2 holds'),
    'stroke of points in space': (given([[(0, 1, 2)]]), 'stroke 1 is (1, 3)'),
    'stroke of one number': (given([3]), 'stroke 1 is ()'),
    'flat stroke': (given([(0, 1), (2, 3)]), 'stroke 1 is (2,), not (points, 2)'),
    'ragged stroke': (given([[(0, 1), (2,)]]), 'stroke 1 is no list'),
    'stroke of words': (given([[('a', 'b')]]), 'stroke 1 is no list'),
    'stroke of nothing': (given([None]), 'stroke 1 is'),
    'odd pen': (given(np.full((4, 3), 2.)), 'a pen that is neither 0 nor 1'),
    'pen not a number': (given(np.full((4, 3), np.nan)), 'a pen'),
    'a million points': (given([np.zeros((10**6, 2))]), 'more than 200000'),
    'SVG without end': (given('<svg'), 'unclosed token'),
    'SVG of nothing': (written('x.svg', b''), 'x.svg', 'no element'),
    'SVG that is none': (written('x.svg', b'\xff\xfe\xff'), 'x.svg'),
    'SVG of html': (written('x.svg', b'<html/>'), 'x.svg', 'no <svg>'),
    'SVG folder': (at('x.svg', lambda f: f.mkdir()), 'x.svg', 'not a regular file'),
    'SVG pipe': (at('x.svg', os.mkfifo), 'x.svg', 'not a regular'),
    'SVG not there': (lambda f: f/'x.svg', 'x.svg', 'No such file'),
    'SVG without size': (given('<svg width="0" height="5"/>'), 'invalid size'),
    'SVG that is empty': (svg(''), 'the drawing: blank'),
    'SVG of text': (svg('<text y="30">a</text>'), 'the drawing: blank'),
    'SVG beside its frame': (svg('<path d="M99 99H200V200"/>'), 'blank'),
    'SVG of ten megabytes': (svg(' '*10**7), 'characters of SVG'),
    'SVG file of ten megabytes': (written('x.svg', b' '*10**7), 'x.svg', 'bytes of SVG'),
    'SVG laughs': (svg('&h;', LAUGHS), 'entities'),
    'SVG with a file as entity': (svg('&x;', '<!DOCTYPE svg [<!ENTITY x SYSTEM "/etc/passwd">]>'), 'entities'),
    'SVG that doubles': (svg('<path id="g0" d="M0 0"/>'+LEVELS), 'repeat each other without end'),
    'SVG that holds itself': (given(HELD), 'hold themselves'),
    'SVG that uses itself': (svg('<g id="a"><use href="#a"/></g>'), 'hold themselves'),
    'SVG chain': (svg('<path id="u0"/>'+CHAIN), 'parts that'),
    'SVG deep': (svg('<g>'*5000 + '</g>'*5000), 'more than 100 deep'),
    'SVG crowd': (svg('<path d="M0 0"/>'*30000), 'repeat each other'),
    'SVG with a picture by its path': (svg('<image href="/etc/x.png" width="9" height="9"/>'),
                                       'a picture inside of it'),
    'SVG with a picture of the net': (
        svg('<image xmlns:l="http://www.w3.org/1999/xlink" l:href="http://x.org/a.png"/>'), 'a picture inside'),
    'SVG with a picture in it': (svg('<image href="data:image/png;base64,AAAA"/>'), 'a picture inside of it'),
    'SVG with a part elsewhere': (svg('<use href="other.svg#a"/>'), 'a part that lies elsewhere'),
    'SVG that breaks the renderer': (svg('<path d="M0 0H1e38V-1e38L5 5z" stroke="red" stroke-width="1e30"/>'),
                                     'the drawing'),
    'generator': (given(p for p in STROKES), 'not generator'),
}


@pytest.mark.parametrize('case', BAD | DRAWN)
def test_no_sketch(tmp_path, case):
    make, *words = (BAD | DRAWN)[case]
    thing, start = make(tmp_path), time.time()
    refused(lambda: as_sketch(thing, 64), *words)
    assert time.time()-start < 5


@pytest.mark.parametrize('case', BAD)
def test_no_photo(tmp_path, case):
    make, *words = BAD[case]
    thing = make(tmp_path)
    refused(lambda: as_photo(thing, 64), *words)
    refused(lambda: read_picture(thing, 64), *words)


@pytest.mark.skipif(os.getuid() == 0, reason='root may read everything')
@pytest.mark.parametrize('name', ['x.png', 'x.svg'])
def test_may_not_be_read(tmp_path, name):
    file = written(name, SVG.encode())(tmp_path)
    file.chmod(0)
    refused(lambda: as_sketch(file, 64), name, 'Permission denied')


ASKED = [(dict(size=0), 'size 0'), (dict(size=5000), 'size 5000'), (dict(size=8.), 'size 8.0'),
         (dict(placement='left'), "'left'"), (dict(fit='fill'), "'fill'"), (dict(share=0), 'share 0'),
         (dict(share=2), 'share 2'), (dict(share='x'), "share 'x'")]


@pytest.mark.parametrize('how, word', ASKED)
def test_wrong_request(how, word): refused(lambda: as_sketch(BOX, **dict(size=8) | how), word, 'take ')


# ---- what is read, and how

def box_of(sketch): return [np.flatnonzero((sketch < INK).any(axis))[[0, -1]] for axis in (0, 1)]


@pytest.mark.parametrize('unit', [1, 1e-9, 1e9, 1e300, 5e-320])
def test_units(unit):
    "Strokes have no unit and no place"
    found = as_sketch([np.array(s, float)*unit for s in STROKES], 64)
    like(found, as_sketch(STROKES, 64), most=16 if unit < 1e-300 else 0)


def test_places_of_strokes():
    true = as_sketch(STROKES, 64)
    for by in (-1000, 1000): like(as_sketch([np.add(s, by) for s in STROKES], 64), true)
    for same in ([np.array(s, np.int16) for s in STROKES], tuple(STROKES), [np.array(s, object) for s in STROKES]):
        assert np.array_equal(as_sketch(same, 64), true)
    lines = np.concatenate([np.c_[s, np.arange(len(s)) == len(s)-1] for s in STROKES])
    assert np.array_equal(as_sketch(lines, 64), true) and np.array_equal(as_sketch(lines.astype(np.int16), 64), true)
    assert np.array_equal(as_sketch(STROKES, 64, 'centred'), true)


@pytest.mark.parametrize('size', [16, 64, 256, 1000])
def test_strokes_fill_the_frame(size):
    found = as_sketch(STROKES, size)
    (left, right), (top, bottom) = box_of(found)
    assert abs((right-left+1)/size - FILL) <= 2/size and abs(left+right+1-size) <= 2 and abs(top+bottom+1-size) <= 2
    column = 1 - found[:, size//2 + 2].astype(float)/255            # across the upper line
    assert abs(column.sum() - max(1, size*LINE)) < .6


@pytest.mark.parametrize('points', [[(5, 5)], [(5, 5)]*9, [(0, 0)], [(1e300, -1e300)], [(7, 1e-12), (7, 0)]])
def test_a_point_is_a_dot(points):
    found = as_sketch([points], 256)
    assert found.min() < 64 and all(abs(a+b+1-256) <= 2 and b-a < 5 for a, b in box_of(found))


def test_nothing_is_changed():
    "What is given stays as it was"
    im = GREY.copy()
    im.getexif()[274] = 6
    x, strokes = BOX.copy(), [np.array(s, float) for s in STROKES]
    for thing in (im, x, strokes): as_sketch(thing, 64)
    assert im.getexif()[274] == 6 and np.array_equal(im, BOX) and np.array_equal(x, BOX)
    assert all(np.array_equal(a, b) for a, b in zip(strokes, STROKES))


@pytest.mark.parametrize('placed', ['asis', 'centred'])
def test_centred(placed):
    "A drawing in the corner of a sheet, on any paper"
    for paper, ink in ((255, 0), (0, 255), (200, 60)):
        sheet = np.full((300, 300), paper, np.uint8)
        sheet[40:60, 40:80] = ink
        (left, right), (top, bottom) = box_of(as_sketch(sheet, 100, placed))
        if placed == 'asis': assert (left, right, top, bottom) == (13, 26, 13, 19)
        else: assert abs(right-left+1-100*FILL) <= 2 and abs(left+right-99) <= 2 and abs(top+bottom-99) <= 2


def test_white_paper_is_untouched():
    "Pale lines, a frame at the edge, a large blot: what the training reader reads, bit for bit"
    pale, framed, blot = BOX//4+191, BOX.copy(), np.pad(np.zeros((45, 45), np.uint8), 10, constant_values=255)
    framed[[0, -1]] = framed[:, [0, -1]] = 0
    red = np.dstack([np.full_like(BOX, 255), BOX, BOX])
    for picture in (pale, framed, blot, red, BOX//2+127, np.maximum(BOX, 9)[:40]):
        for fit in ('pad', 'stretch', 'crop'):
            assert np.array_equal(as_sketch(picture, 48, fit=fit), read_picture(picture, 48, mode='L', fit=fit))


@pytest.mark.parametrize('corner', range(4))
def test_shadow(corner):
    "Photographed paper, darker toward one corner, with grain, as a JPEG would have it"
    dark = np.rot90(np.add.outer(np.linspace(0, 1, 256), np.linspace(0, 1, 256)), corner)[..., None]
    true = np.asarray(GREY.resize((256, 256), Image.NEAREST))
    x = np.where(true[..., None] > 0, (235, 230, 220), (60, 60, 75))*(1-.15*dark)
    x = np.uint8((x+np.random.default_rng(0).normal(0, 3, x.shape)).clip(0, 255))
    found = ink_on_white(x)
    assert (found[true == 255] == 255).mean() > .99 and (found[true == 0] < 64).mean() > .98


def test_photos(tmp_path):
    "Colours, the square in the middle, and white beside"
    wide = np.zeros((20, 40, 3), np.uint8)
    wide[:, 10:30] = 200, 100, 50
    Image.fromarray(wide).save(tmp_path/'x.tif')
    for thing in (wide, Image.fromarray(wide), tmp_path/'x.tif', wide/255):
        assert (as_photo(thing, 20, 'crop') == (200, 100, 50)).all()
        assert (as_photo(thing, 40)[[0, -1]] == 255).all() and as_photo(thing, 8, 'stretch').shape == (8, 8, 3)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    Image.fromarray(wide).save(tmp_path/'y.png', icc_profile=profile)
    assert np.array_equal(as_photo(tmp_path/'y.png', 20), as_photo(wide, 20))


def test_names_of_a_folder(tmp_path, capsys):
    names = 'a.GIF', 'b.tif', 'c.tiff', 'd.jfif', 'cafe\u0301.png', '._a.gif', '.e.png', 'f.psd'
    for name in names: (tmp_path/name).touch()
    assert {n for n, _ in list_pictures(tmp_path)} == {'a', 'b', 'c', 'd', unicodedata.normalize('NFC', 'caf\u00e9')}
    assert "'f.psd' is no picture that is read (1 such" in capsys.readouterr().out


def test_no_file_is_read_through_an_svg(tmp_path):
    "resvg itself follows a path; this door does not"
    GREY.save(secret := tmp_path/'secret.png')
    effect = f'<filter id="f"><feImage href="{secret}"/></filter><rect width="64" height="64" filter="url(#f)"/>'
    for inside in (f'<image href="{secret}" width="64" height="64"/>', f'<use href="{secret}#a"/>', effect):
        for text in (inside, f'<g><symbol id="s">{inside}</symbol></g><use href="#s"/>'):
            try: found = as_sketch(f'<svg {NS}>{text}<path d="M9 9H20V20z"/></svg>', 64)
            except InputError as e: assert any(w in str(e) for w in ('picture inside', 'lies elsewhere', ': blank'))
            else: assert 'feImage' in text and not np.array_equal(found, BOX)


def test_quick():
    "A photo of twelve million pixels does not wait for long"
    x, start = np.full((3000, 4000), 128, np.uint8), time.time()
    x[1000:2000, 1000:1050] = 20
    assert (as_sketch(x, 256) < 64).any() and time.time()-start < 10
