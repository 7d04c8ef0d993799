"A user's own pictures: every layout comes in, and whatever is wrong is one line that names the file and the cure."
import os, unicodedata

import numpy as np, pytest
from PIL import Image, ImageDraw

from afgsbir.core import InputError, command
from afgsbir.own import bring, main
from afgsbir.pairs import SPLITS, load_collection, read_picture


def drawn(file, spot=(6, 4, 20, 12), size=(30, 20)):
    "A box on white, wider than it is high"
    im = Image.new('RGB' if 'photo' in str(file) else 'L', size, 'white')
    ImageDraw.Draw(im).rectangle(spot, fill=0)
    file.parent.mkdir(parents=True, exist_ok=True)
    im.save(file)


def tree(root, *names):
    for i, n in enumerate(names): drawn(root/n, (i % 9, 4, 20, 12))
    return root


def sorted_tree(root, photo='photo', sketch='sketch'):
    "Three categories of four photos, two sketches each"
    names = [(c, i) for c in 'abc' for i in range(4)]
    return tree(root, *[f'{photo}/{c}/p{i}.jpg' for c, i in names],
                *[f'{sketch}/{c}/p{i}-{e}.png' for c, i in names for e in ('1', '2-ann')])


def flat_tree(root, n=8):
    return tree(root, *[f'photo/p{i}.jpg' for i in range(n)], *[f'sketch/p{i}-1.png' for i in range(n)])


def table(root, *lines, head='sketch,photo', encoding='utf-8'):
    (root/'pairs.csv').write_text('\n'.join([head, *lines]), encoding)
    return root/'pairs.csv'


def listing(root): return {p.relative_to(root).as_posix(): p.lstat().st_mtime_ns for p in root.rglob('*')}


def brought(tmp_path, source, name='mine', **how):
    "The collection, from a source that is as it was"
    before = listing(tmp_path/'src')
    bring(name, source, tmp_path/'out', 8, **how)
    assert listing(tmp_path/'src') == before and [p.name for p in (tmp_path/'out').iterdir()] == [name]
    return load_collection(name, tmp_path/'out')


def refused(tmp_path, source, *words, **how):
    "One line on what is wrong; nothing is written and nothing is touched"
    before = listing(tmp_path)
    with pytest.raises(InputError) as e: bring('mine', source, tmp_path/'out', **dict(size=8) | how)
    said = str(e.value)
    assert len(said.splitlines()) == 1 and all(w in said for w in words), said
    assert listing(tmp_path) == before


def splits(c): return tuple(c.card['splits'][k]['photos'] for k in SPLITS)


# ---- folders

@pytest.mark.parametrize('photo', ['photo', 'photos'])
@pytest.mark.parametrize('sketch', ['sketch', 'sketches'])
def test_sorted(tmp_path, capsys, photo, sketch):
    c = brought(tmp_path, sorted_tree(tmp_path/'src', photo, sketch), val=['a'], test=['b'])
    assert (len(c.photos), len(c.sketches), splits(c)) == (12, 24, (4, 4, 4))
    assert c.sketches.set_index('sketch').loc['a/p0-2-ann', ['photo', 'sketcher']].tolist() == ['a/p0', 'ann']
    assert capsys.readouterr().out.startswith('split by category: 4 train, 4 val, 4 test\n')


def test_flat(tmp_path, capsys):
    c = brought(tmp_path, flat_tree(tmp_path/'src', 20))
    assert set(c.photos.category) == {'mine'} and splits(c) == (12, 3, 5) and c.card['split_by'] == 'photo'
    assert 'split by photo: 12 train, 3 val, 5 test' in capsys.readouterr().out.splitlines()
    assert (c.card['licence'], c.card['source']) == ('', 'mine: src')


def test_several_categories_without_names(tmp_path):
    "No list, no column: split by photo"
    c = brought(tmp_path, sorted_tree(tmp_path/'src'))
    assert c.card['split_by'] == 'photo' and splits(c) == (7, 2, 3)


def test_further_photos(tmp_path):
    source = tree(flat_tree(tmp_path/'src'), 'photo/more.png')
    assert len(brought(tmp_path, source).photos) == 9


@pytest.mark.parametrize('forms', [('NFC', 'NFD'), ('NFD', 'NFC')])
def test_accents_pair(tmp_path, forms):
    photo, sketch = (unicodedata.normalize(f, 'café') for f in forms)
    source = tree(tmp_path/'src', f'photo/{photo}/{photo}.jpg', f'sketch/{sketch}/{sketch}-1.png')
    c = brought(tmp_path, source, split='test')
    assert c.sketches.photo.tolist() == c.photos.photo.tolist() == ['café/café']


FOLDERS = {   # pictures; what must be said
    'no photos': (['sketch/x-1.png'], 'holds no photo/ and sketch/; name'),
    'both names': (['photo/x.jpg', 'photos/x.jpg', 'sketch/x-1.png'], 'photo/ stands beside it'),
    'sorted sketches': (['photo/x.jpg', 'sketch/a/x-1.png'], 'holds folders of categories, photo/ holds none'),
    'sorted photos': (['photo/a/x.jpg', 'sketch/x-1.png'], 'sketch: holds no category folders'),
    'twice': (['photo/x.jpg', 'photo/x.png', 'sketch/x-1.png'], "photo id 'x' stands twice; rename"),
    'no sketches': (['photo/x.jpg', 'sketch/x.ppm'], 'sketch: an empty category; add'),
}


@pytest.mark.parametrize('case', FOLDERS)
def test_folders(tmp_path, case):
    names, *words = FOLDERS[case]
    refused(tmp_path, tree(tmp_path/'src', *names), *words)


def test_no_source(tmp_path):
    os.mkfifo(tmp_path/'pipe')
    for name in ('none', 'pipe'): refused(tmp_path, tmp_path/name, f'{name}: no such folder or CSV', '--source')


def test_places(tmp_path):
    "The target is never the source, nor around it, nor within it"
    source = flat_tree(tmp_path/'mine')
    for root in (tmp_path, source, source/'photo'):
        with pytest.raises(InputError, match='are read from there'): bring('mine', source, root, 8)
    refused(tmp_path, source, 'size 0', size=0)


# ---- orphans

def test_orphans(tmp_path, capsys):
    source = tree(flat_tree(tmp_path/'src'), 'sketch/q-1.png', 'sketch/q-2.png')
    refused(tmp_path, source, "src: 2 of 10 sketches have no photo, such as 'q-1' (no photo 'q')", '--orphans drop')
    c = brought(tmp_path, source, orphans='drop')
    assert len(c.sketches) == 8 and not c.sketches.sketch.str.startswith('q').any()
    assert "2 of 10 sketches have no photo, such as 'q-1' (no photo 'q'); dropped" in capsys.readouterr().out


def test_only_orphans(tmp_path):
    source = tree(tmp_path/'src', 'photo/x.jpg', 'sketch/q-1.png')
    refused(tmp_path, source, 'src: holds no sketches; add some', orphans='drop')


def test_a_category_without_photos(tmp_path):
    source = tree(sorted_tree(tmp_path/'src'), 'sketch/d/p0-1.png')
    refused(tmp_path, source, "'d/p0-1' (no photo 'd/p0')")
    assert len(brought(tmp_path, source, orphans='drop').sketches) == 24


# ---- a CSV of pairs

def test_table(tmp_path):
    src = tree(tmp_path/'src', 'in/x.jpg', 'in/y.jpg', 'in/z.jpg', 'pen/one.png', 'pen/two.png', 'pen/three.png')
    lines = ['pen/one.png,in/x.jpg,cup,ann,train', 'pen/two.png,./in/x.jpg,cup,bo,train',
             'pen/three.png,in/y.jpg,jug,,test', ',in/z.jpg,jug,,test']
    c = brought(tmp_path, table(src, *lines, head='sketch,photo,category,sketcher,split'))
    assert c.sketches.photo.tolist() == ['in/x', 'in/x', 'in/y'] and c.sketches.sketcher.tolist() == ['ann', 'bo', '']
    assert splits(c) == (1, 0, 2) and c.card['split_by'] == 'category'
    x = c.photos.set_index('photo').row['in/y']
    assert np.array_equal(c.photo_pixels[x], read_picture(src/'in/y.jpg', 8, 'RGB', 'pad'))


def test_given_by_photo(tmp_path, capsys):
    src = flat_tree(tmp_path/'src', 3)
    lines = [f'sketch/p{i}-1.png,photo/p{i}.jpg,{s}' for i, s in enumerate(SPLITS)]
    c = brought(tmp_path, table(src, *lines, head='sketch,photo,split'))
    assert c.card['split_by'] == 'photo' and splits(c) == (1, 1, 1)
    assert 'split by photo: 1 train, 1 val, 1 test' in capsys.readouterr().out


def test_spreadsheets(tmp_path, capsys):
    "A byte-order mark, semicolons, tabs, quotes, lines of nothing, capitals"
    src, line = flat_tree(tmp_path/'src', 3), ['sketch/p{0}-1.png', 'photo/p{0}.jpg']
    for sign, told in ((',', ''), (';', "parted by ';'"), ('\t', r"parted by '\t'")):
        lines = [sign.join(line).format(i) for i in range(3)] + ['', sign]
        c = brought(tmp_path, table(src, *lines, head=sign.join(['Sketch ', '"photo"']), encoding='utf-8-sig'))
        said = [l for l in capsys.readouterr().out.splitlines() if 'parted' in l]
        assert len(c.sketches) == 3 and len(said) == bool(told) and told in ''.join(said)


@pytest.mark.parametrize('forms', [('NFC', 'NFD'), ('NFD', 'NFC')])
def test_accents_in_a_table(tmp_path, forms):
    "The disk says it in one form, the table in the other"
    disk, text = (unicodedata.normalize(f, 'café') for f in forms)
    src = tree(tmp_path/'src', f'photo/{disk}.jpg', f'sketch/{disk}.png', f'sketch/{disk}-2.png')
    lines = [f'sketch/{text}.png,photo/{text}.jpg', f'sketch/{disk}-2.png,photo/{disk}.jpg']
    c = brought(tmp_path, table(src, *lines), split='test')
    assert c.photos.photo.tolist() == ['photo/café'] and len(c.sketches) == 2


GOOD = 'sketch/p0-1.png,photo/p0.jpg'
TABLES = {   # head, lines; what must be said
    'empty': ('', [], "lacks the column 'sketch'", 'its first line names sketch,photo'),
    'head alone': ('sketch,photo', [], 'holds no photos; add some'),
    'no column of photos': ('sketch,picture', [GOOD], "lacks the column 'photo'"),
    'two columns': ('sketch,photo,photo', [], "two columns 'photo'"),
    'missing photo': ('sketch,photo', [GOOD, 'sketch/p1-1.png,q.jpg'], "line 3: no file 'q.jpg'", 'mend it'),
    'missing sketch': ('sketch,photo', ['q.png,photo/p0.jpg'], "line 2: no file 'q.png'", '--skip-unreadable'),
    'a folder': ('sketch,photo', ['sketch,photo/p0.jpg'], "no file 'sketch'"),
    'duplicate sketch': ('sketch,photo', [GOOD, GOOD], "line 3: sketch 'sketch/p0-1' stands in line 2 too"),
    'two splits': ('sketch,photo,split', [f'{GOOD},train', ',photo/p0.jpg,test'],
                   "line 3: photo 'photo/p0' has the split 'test', in line 2 'train'; give it one"),
    'two categories': ('sketch,photo,category', [f'{GOOD},a', ',photo/p0.jpg,b'], "has the category 'b'"),
    'split unknown': ('sketch,photo,split', [f'{GOOD},exam'], "in split 'exam'; take one of train, val, test"),
    'split empty': ('sketch,photo,split', [f'{GOOD},'], "in split ''; take one"),
    'category empty': ('sketch,photo,category', [f'{GOOD},'], "category '' is not a name"),
    'orphan': ('sketch,photo', [GOOD, 'sketch/p1-1.png,'], "1 of 2 sketches have no photo, such as 'sketch/p1-1';"),
    'too many cells': ('sketch,photo', [f'{GOOD},x'], 'line 2: has more cells than columns'),
    'quote without end': ('sketch,photo', [f'"{GOOD}'], f"line 2: no file '{GOOD}'"),
    'line in a cell': ('sketch,photo', ['sketch/p0-1.png,"photo/\np0.jpg"'], r"'photo/\np0.jpg'"),
}


@pytest.mark.parametrize('case', TABLES)
def test_tables(tmp_path, case):
    head, lines, *words = TABLES[case]
    refused(tmp_path, table(flat_tree(tmp_path/'src', 3), *lines, head=head), 'pairs.csv: ', *words)


def test_absolute(tmp_path):
    src = flat_tree(tmp_path/'src', 1)
    source = table(src, f'sketch/p0-1.png,{src}/photo/p0.jpg')
    refused(tmp_path, source, 'line 2: ', 'is an absolute path; write it relative to the CSV')


def test_bytes(tmp_path):
    (tmp_path/'pairs.csv').write_bytes(b'\x89PNG\r\n\x1a\n\xff')
    refused(tmp_path, tmp_path/'pairs.csv', 'pairs.csv: not a CSV in UTF-8; save it as one')


def test_missing_but_skipped(tmp_path, capsys):
    src = flat_tree(tmp_path/'src', 3)
    lines = [f'sketch/p{i}-1.png,photo/p{i}.jpg' for i in range(3)] + ['gone.png,photo/p0.jpg']
    c = brought(tmp_path, table(src, *lines), skip_unreadable=True, split='test')
    assert (len(c.photos), len(c.sketches)) == (3, 3) and '1 unreadable pictures skipped' in capsys.readouterr().out


# ---- splits and options

SPLIT = [(dict(split='test'), (0, 0, 12)), (dict(split='photo'), (7, 2, 3)), (dict(test=['c']), (8, 0, 4)),
         (dict(split='category', val=['a'], test=['b', 'c']), (0, 4, 8)), (dict(test=[]), (12, 0, 0))]


@pytest.mark.parametrize('how, found', SPLIT)
def test_splits(tmp_path, capsys, how, found):
    "Said in one line; a split without sketches is warned of"
    assert splits(brought(tmp_path, sorted_tree(tmp_path/'src'), **how)) == found
    said, by = capsys.readouterr().out, 'photo' if how.get('split') == 'photo' else 'category'
    assert f'split by {by}: {found[0]} train, {found[1]} val, {found[2]} test\n' in said
    for name, n in zip(SPLITS, found): assert (f'warning: no sketches in {name}: nothing to' in said) == (not n)


WRONG = [(dict(split='given'), 'no column `split`; add it'), (dict(split='odd'), '--split odd: no such choice'),
         (dict(split='category'), 'name yours with --val'), (dict(split='photo', val=['a']), 'knows no --val'),
         (dict(val=['dog']), '--val dog: no such category'), (dict(orphans='keep'), '--orphans keep'),
         (dict(val=['a'], test=['a']), 'stands in --val and in --test'),
         (dict(fit='cut'), '--fit cut: no such choice; take one of pad, stretch')]


@pytest.mark.parametrize('how, word', WRONG)
def test_wrong_options(tmp_path, how, word): refused(tmp_path, sorted_tree(tmp_path/'src'), word, **how)


def test_fit(tmp_path):
    "Padded unless told otherwise: a photo that is wider than high has white above"
    source = flat_tree(tmp_path/'src')
    padded, stretched = (bring(n, source, tmp_path/'out', 30, fit=n)['fit'] for n in ('pad', 'stretch'))
    top = {n: load_collection(n, tmp_path/'out').photo_pixels[0, 6:9].min() for n in (padded, stretched)}
    assert top['pad'] > 200 > top['stretch']


def test_unreadable(tmp_path):
    source = flat_tree(tmp_path/'src')
    (source/'photo/p3.jpg').write_bytes(b'no')
    with pytest.raises(InputError, match='p3.jpg: not a readable image'): bring('mine', source, tmp_path/'out', 8)
    assert not list((tmp_path/'out').iterdir())
    assert len(brought(tmp_path, source, skip_unreadable=True).sketches) == 7


def test_again(tmp_path, capsys):
    source = flat_tree(tmp_path/'src')
    first = brought(tmp_path, source).card
    assert brought(tmp_path, source).card == first and 'already there' in capsys.readouterr().out
    assert brought(tmp_path, source, licence='CC0').card['licence'] == 'CC0'


def test_program(tmp_path, capsys):
    where = ['--source', str(flat_tree(tmp_path/'src')), '--root', str(tmp_path/'out'), '--size', '8']
    main(['mine', *where, '--licence', 'CC0', '--fit', 'stretch'])
    assert load_collection('mine', tmp_path/'out').card['licence'] == 'CC0'
    with pytest.raises(SystemExit) as e: command(lambda: main(['.x', *where]))
    assert e.value.code == 2 and capsys.readouterr().err.startswith("error: '.x': not a name")
