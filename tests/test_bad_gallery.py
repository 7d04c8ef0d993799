"Bad input to galleries, indices and shards: one line that names the file and the cure, and nothing else changes."
import errno, json, os, shutil, subprocess, sys, tempfile
from functools import partial
from pathlib import Path

import faiss, numpy as np, pytest, torch
import torch.nn.functional as F
from PIL import Image

from afgsbir.adapt import adapt
from afgsbir.core import InputError
from afgsbir.gallery import (Embedder, Gallery, append, build_shortlist, create_gallery, delete, exact,
                             extend_shortlist, load_shortlist, projections_of, read_rows, save_shortlist, search,
                             verify_gallery)
from afgsbir.losses import support_loss
from afgsbir.shards import Server, encode_shard, exact_shard, index_shard, plan, skipped

NAN = float('nan')


def mean_colour(pictures): return torch.from_numpy(pictures).float().mean((1, 2))/255


class Room:
    "Galleries, an index, an adapted M and two shards, as a user has them"
    def __init__(self, folder):
        chance = torch.Generator().manual_seed(0)
        draw = lambda *shape: F.normalize(torch.randn(*shape, generator=chance), dim=-1)
        self.folder, self.x, self.query = Path(folder), draw(4000, 48), draw(3, 16)
        self.params = dict(weight=draw(16, 48), bias=torch.zeros(1, 16))
        self.other = dict(weight=draw(16, 48), bias=torch.zeros(1, 16))
        rate = dict(weight=torch.tensor(3.), bias=torch.tensor(.1))
        loss = partial(support_loss, ids=torch.arange(5)[None], margin=.5)
        self.before = Embedder(self.params)
        self.after = Embedder(adapt(self.params, draw(1, 5, 48), draw(1, 5, 48), loss, rate))

    def make(self):
        "Write it all, once"
        names = [f'p{i}' for i in range(4000)]
        g = append(create_gallery(self.folder/'g', 48, encoder='F'), self.x[:2000], names[:2000])
        g = delete(append(g, self.x[2000:], names[2000:]), ['p3', 'p5'])
        save_shortlist(build_shortlist(g, self.before), g.folder/'index.faiss')
        projections_of(g, self.params)
        append(create_gallery(self.folder/'bytes', 48, 'int8'), self.x[:2000], names[:2000])
        (self.folder/'pictures').mkdir()
        for i in range(6): Image.new('RGB', (8, 8), (40*i, 9, 9)).save(self.folder/'pictures'/f'{i}.png')
        for w in self.work: index_shard(encode_shard(w, self.folder/'s', mean_colour, 8), self.small, 'Flat')

    @property
    def work(self): return plan(list('abcdef'), sorted((self.folder/'pictures').glob('*.png')), 3)

    @property
    def shards(self): return [self.folder/'s'/w['shard'] for w in self.work]

    @property
    def g(self): return Gallery(self.folder/'g')

    @property
    def small(self): return Embedder(dict(weight=torch.eye(3)[:2], bias=torch.zeros(1, 2)))

    def file(self, part, kind='.npy', gallery='g'):
        return self.folder/gallery/f'{self.card(gallery)["segments"][part]["name"]}{kind}'

    def card(self, gallery='g', **changes):
        "The card of a gallery, written with changes where there are any"
        file = self.folder/gallery/'card.json'
        card = json.loads(file.read_text()) | changes
        if changes: file.write_text(json.dumps(card))
        return card

    def kept(self): return max(self.folder.glob('g/outputs-*/*.npy'))


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    "The room as it was made; each test gets a copy"
    room = Room(tmp_path_factory.mktemp('made')/'room')
    room.make()
    return room.folder


@pytest.fixture
def room(made, tmp_path):
    shutil.copytree(made, tmp_path/'room')
    return Room(tmp_path/'room')


def state(folder): return {str(f): f.read_bytes() if f.is_file() else None for f in Path(folder).rglob('*')}


def refuses(room, ask, says):
    "`ask` fails in one line that holds `says`, and leaves the disk as it was"
    before = state(room.folder)
    with pytest.raises(InputError) as e: ask(room)
    message = str(e.value)
    assert says in message and len(message.splitlines()) == 1 and '--' not in message, message
    assert state(room.folder) == before


def flip(at): return lambda f: f.write_bytes((b := f.read_bytes())[:at] + bytes([b[at] ^ 1]) + b[at+1:])
def swap(a, b):
    x, y = a.read_bytes(), b.read_bytes()
    a.write_bytes(y); b.write_bytes(x)
def cut(f): f.write_bytes(f.read_bytes()[:-7])
def longer(f): f.write_bytes(f.read_bytes()+b'\0'*96)


def add(names, x=None, **options):
    return lambda r: append(r.g, r.x[:len(names)] if x is None else x(r.x[:len(names)]), names, **options)


# What is asked of a whole gallery: (what, ask, what the line says)
ASKED = [
    ('name with a line feed', add(['a\nb']), "the name 'a\\nb' holds a line break or a zero; rename"),
    ('name with a carriage return', add(['ok', 'a\r']), "the name 'a\\r' holds"),
    ('name with a zero', add(['a\0b']), 'holds a line break or a zero'),
    ('name with a line separator', add(['a\u2028b']), 'holds a line break'),
    ('name with a next line', add(['a\x85']), 'holds a line break'),
    ('name with a form feed', add(['a\x0cb']), 'holds a line break'),
    ('number for a name', add(['a', 7]), 'the name 7 is no string'),
    ('none for a name', add([None]), 'the name None is no string'),
    ('bytes for a name', add([b'a']), "the name b'a' is no string"),
    ('one string for all names', add('abc'), 'the names are one string; give a list'),
    ('name that is there', add(['p9']), "two photos 'p9'; append(..., replace=True)"),
    ('name twice', add(['new', 'new']), "two photos 'new'"),
    ('name twice, replaced', add(['p9', 'p9'], replace=True), "two photos 'p9'"),
    ('fewer names than features', lambda r: append(r.g, r.x[:3], ['a', 'b']), '2 names for features (3, 48)'),
    ('features of another width', add(['a'], lambda x: x[:, :7]), 'the gallery holds features of 48'),
    ('features without a row', add(['a'], lambda x: x[0]), '1 names for features (48,)'),
    ('features as an array', add(['a'], lambda x: x.numpy()), 'the features are no tensor'),
    ('NaN in a feature', add(['a', 'b'], lambda x: torch.cat([x[:1], x[1:]*NAN])), "the feature of 'b' is not finite"),
    ('feature past half precision', add(['a'], lambda x: x*1e6), 'scale the features'),
    ('features of another encoder', add(['a'], encoder='F2'), "holds features of 'F', not of 'F2'"),
    ('delete what is not there', lambda r: delete(r.g, ['p1', 'nobody']), "holds no photo 'nobody' to delete"),
    ('delete what was deleted', lambda r: delete(r.g, ['p3']), "holds no photo 'p3'"),
    ('delete one string', lambda r: delete(r.g, 'p1'), 'the names are one string'),
    ('delete a number', lambda r: delete(r.g, [3]), 'the name 3 is no string'),
    ('create where one is', lambda r: create_gallery(r.folder/'g', 48), 'g: not empty; open the gallery'),
    ('create in a file', lambda r: create_gallery(r.folder/'pictures'/'0.png', 48), '0.png: '),
    ('create with no numbers', lambda r: create_gallery(r.folder/'n', 0), 'dim=0: choose'),
    ('create with half a number', lambda r: create_gallery(r.folder/'n', 2.5), 'dim=2.5: choose'),
    ('create of another type', lambda r: create_gallery(r.folder/'n', 4, 'float64'), 'choose float16, int8 or float32'),
    ('open nothing', lambda r: Gallery(r.folder/'nowhere'), 'nowhere: no gallery; make one with create_gallery'),
    ('open a file', lambda r: Gallery(r.folder/'pictures'/'0.png'), '0.png: no gallery'),
    ('row past the end', lambda r: read_rows(r.g, [4000]), 'has rows 0 to 3999 only'),
    ('row before the start', lambda r: read_rows(r.g, [-1]), 'has rows 0 to 3999 only'),
    ('NaN in a query', lambda r: exact(r.g, r.query*NAN, r.after), 'a query: holds NaN or infinity'),
    ('query as an array', lambda r: exact(r.g, r.query.numpy(), r.after), 'the queries are no tensor'),
    ('query without a row', lambda r: exact(r.g, r.query[0], r.after), 'the queries are no tensor'),
    ('query of another width', lambda r: exact(r.g, r.query[:, :9], r.after), 'queries of 9 under an M of (16, 48)'),
    ('M of another width', lambda r: exact(r.g, r.query[:, :2], r.small),
     'features of 48, queries of 2 under an M of (2, 3)'),
    ('nobody asked for', lambda r: exact(r.g, r.query, r.after, 0), 'n=0: ask for one photo or more'),
    ('half a photo asked for', lambda r: exact(r.g, r.query, r.after, 2.5), 'n=2.5'),
    ('M that is not finite', lambda r: exact(r.g, r.query, Embedder({n: p*NAN for n, p in r.params.items()})),
     'is NaN or infinite; look at M'),
    ('features of another encoder asked', lambda r: exact(r.g, r.query, Embedder(r.params, encoder='F2')),
     "not of 'F2'"),
    ('projections under another M',
     lambda r: exact(r.g, r.query, Embedder(r.other), projections=projections_of(r.g, r.params)),
     'the projections are under another M'),
    ('projections by M that is not finite', lambda r: projections_of(r.g, {n: p+NAN for n, p in r.params.items()}),
     'holds NaN or infinity'),
    ('projections by M for others', lambda r: projections_of(r.g, r.small.params), 'features of 48'),
    ('index of nothing FAISS knows', lambda r: build_shortlist(r.g, r.before, 'magic'), "factory='magic'"),
    ('index that needs more photos', lambda r: build_shortlist(r.g, r.before, 'IVF9999,Flat'),
     "factory='IVF9999,Flat'"),
    ('index by M that is not finite', lambda r: build_shortlist(r.g, Embedder({n: p*NAN for n, p in r.params.items()})),
     'an embedding: holds NaN'),
]


def more(embedder): return Embedder({n: p+1 for n, p in embedder.params.items()})
def indexed(r): return load_shortlist(r.folder/'g'/'index.faiss', r.g)


ASKED += [
    ('index under another M', lambda r: search(r.g, indexed(r), r.query, Embedder(r.other)), 'built under another M'),
    ('index of sketches', lambda r: search(r.g, indexed(r), r.query, Embedder(r.params, 0)), 'built under another M'),
    ('index extended under another M', lambda r: extend_shortlist(indexed(r), r.g, Embedder(r.other)),
     'another M; build'),
    ('index of another gallery', lambda r: search(Gallery(r.folder/'bytes'), indexed(r), r.query, r.after),
     'bytes: the index belongs to another gallery; build it again'),
    ('index loaded for another gallery',
     lambda r: load_shortlist(r.folder/'g'/'index.faiss', Gallery(r.folder/'bytes')),
     'the index belongs to another gallery'),
    ('index that is not there', lambda r: load_shortlist(r.folder/'g'/'no.faiss', r.g),
     'no.faiss: not an index of ours'),
    ('index that is a card', lambda r: load_shortlist(r.folder/'g'/'card.json', r.g), 'not an index of ours'),
    ('search by NaN before the step', lambda r: search(r.g, indexed(r), r.query, r.after, r.query*NAN),
     'a query: holds NaN'),
    ('search by fewer before the step', lambda r: search(r.g, indexed(r), r.query, r.after, r.query[:1]),
     'queries (3, 16) and (1, 16) for an index of 16'),
    ('search by others of any M', lambda r: search(r.g, indexed(r), r.query[:, :4], lambda x: x[:, :4]),
     'for an index of 16'),
    ('shortlist of none', lambda r: search(r.g, indexed(r), r.query, r.after, short=0), 'short=0'),
    ('shard plan with a name twice', lambda r: plan(['a', 'a'], [1, 2]), "two photos 'a'"),
    ('shard plan with a number', lambda r: plan([1], [1]), 'the name 1 is no string'),
    ('shards of nothing', lambda r: plan(['a'], [1], 0), 'size=0: a shard holds one photo'),
    ('work of no plan', lambda r: encode_shard(dict(shard='../x', names=['a'], files=['b']), r.folder, None),
     'not a shard of a'),
    ('work of another plan', lambda r: encode_shard(r.work[0] | dict(names=list('xyz')), r.folder/'s', None),
     'shard-000000: holds other photos than the plan; delete it'),
    ('an error mode nobody knows', lambda r: encode_shard(r.work[0], r.folder/'s', None, on_error='hope'),
     'choose stop or skip'),
    ('pictures of no size', lambda r: encode_shard(r.work[0], r.folder/'s', None, 0), 'size=0'),
    ('shard that is not there', lambda r: exact_shard(r.folder/'s'/'x', r.query, r.small), 'x: no gallery'),
    ('shard asked under another M', lambda r: Server(r.shards).ask(r.query[:, :2], more(r.small)),
     'another M'),
    ('shard indexed under another M', lambda r: index_shard(r.shards[0], more(r.small)),
     'index.faiss: was built under another M; delete it'),
]


@pytest.mark.parametrize('ask, says', [c[1:] for c in ASKED], ids=[c[0] for c in ASKED])
def test_asked(room, ask, says): refuses(room, ask, says)


def opened(r): return r.g
def verified(r): return verify_gallery(r.folder/'g')
def loaded(r): return indexed(r)
def kept(r): return projections_of(r.g, r.params)
def in_bytes(r): return Gallery(r.folder/'bytes')
def in_shards(r): return Server(r.shards)


def retype(r): np.save(r.file(0), np.load(r.file(0)).astype(np.float32))
def reshape(r): np.save(r.file(0), np.load(r.file(0)).reshape(-1, 24))
def columns(r): np.save(r.file(0), np.asfortranarray(np.load(r.file(0))))
def objects(r): np.save(r.file(0), np.array([{}], object), allow_pickle=True)
def gone_rows(r): return r.folder/'g'/r.card()['deleted']
def unknown_rows(r):
    np.save(gone_rows(r), np.array([3, 4001]))
    r.card(checks={})
def feature_nan(r):
    rows = np.load(r.file(0), mmap_mode='r+')
    rows[7] = NAN
    rows.flush()
    r.card(checks={})


# What is wrong on the disk: (what, harm, ask, what the line says)
HARMED = [
    ('rows missing', lambda r: r.file(1).unlink(), opened, '.npy: missing or damaged; restore it from a copy'),
    ('rows cut short', lambda r: cut(r.file(1)), opened, '.npy: missing or damaged'),
    ('rows too long', lambda r: longer(r.file(1)), opened, '.npy: missing or damaged'),
    ('rows empty', lambda r: r.file(1).write_bytes(b''), opened, '.npy: missing or damaged'),
    ('rows a folder', lambda r: (r.file(1).unlink(), r.file(1).mkdir()), opened, '.npy: missing or damaged'),
    ('rows of another type', retype, opened, 'holds float32 (2000, 48), not what the card says'),
    ('rows of another shape', reshape, opened, 'holds float16 (4000, 24), not what the card says'),
    ('rows column first', columns, opened, 'missing or damaged'),
    ('rows a pickle', objects, opened, 'holds object'),
    ('header flipped', lambda r: flip(3)(r.file(0)), opened, 'missing or damaged'),
    ('first numbers flipped', lambda r: flip(130)(r.file(0)), opened, 'its bytes changed; restore it from a copy'),
    ('last numbers flipped', lambda r: flip(-2 % r.file(0).stat().st_size)(r.file(0)), opened, 'its bytes changed'),
    ('numbers flipped between the pieces', lambda r: flip(9000)(r.file(0)), verified, 'its bytes changed'),
    ('segments exchanged', lambda r: swap(r.file(0), r.file(1)), opened, 'its bytes changed'),
    ('names exchanged', lambda r: swap(r.file(0, '.txt'), r.file(1, '.txt')), opened, '.txt: its bytes changed'),
    ('names missing', lambda r: r.file(0, '.txt').unlink(), opened, '.txt: missing or damaged'),
    ('names cut short', lambda r: cut(r.file(0, '.txt')), opened, '.txt: its bytes changed'),
    ('letter of a name flipped', lambda r: flip(4444)(r.file(0, '.txt')), opened, '.txt: its bytes changed'),
    ('names that are no text', lambda r: r.file(0, '.txt').write_bytes(b'\xff\xfe'), opened, 'missing or damaged'),
    ('names fewer, no checksums', lambda r: (r.card(checks={}), r.file(0, '.txt').write_text('a')), opened,
     '1 names for 2000'),
    ('scales missing', lambda r: r.file(0, '.scale.npy', 'bytes').unlink(), in_bytes, '.scale.npy: missing or damaged'),
    ('scales flipped', lambda r: flip(300)(r.file(0, '.scale.npy', 'bytes')), in_bytes,
     '.scale.npy: its bytes changed'),
    ('bytes exchanged between galleries', lambda r: swap(r.file(0), r.file(0, '.npy', 'bytes')), in_bytes,
     'holds float16'),
    ('deleted rows missing', lambda r: gone_rows(r).unlink(), opened, 'missing or damaged'),
    ('deleted rows flipped', lambda r: flip(128)(gone_rows(r)), opened, 'its bytes changed'),
    ('deleted rows unknown', unknown_rows, opened, 'names rows that are not there'),
    ('feature NaN, no checksums: asked', feature_nan, lambda r: exact(r.g, r.query, r.after),
     "the score of 'p7' is NaN"),
    ('feature NaN, no checksums: verified', feature_nan, verified, 'a feature in rows 0 to'),
    ('card missing', lambda r: (r.folder/'g'/'card.json').unlink(), opened,
     'its card.json is missing; restore it from a copy'),
    ('card empty', lambda r: (r.folder/'g'/'card.json').write_text(''), opened,
     'card.json: not the card of a gallery of ours'),
    ('card half', lambda r: cut(r.folder/'g'/'card.json'), opened, 'card.json: not the card'),
    ('card a list', lambda r: (r.folder/'g'/'card.json').write_text('[1]'), opened, 'card.json: not the card'),
    ('card a folder', lambda r: ((r.folder/'g'/'card.json').unlink(), (r.folder/'g'/'card.json').mkdir()), opened,
     'card.json: not'),
    ('card of another kind', lambda r: r.card(kind='afgsbir gallery 99'), opened, 'card.json: not the card'),
    ('card without numbers', lambda r: r.card(dim=-3), opened, 'card.json: not the card'),
    ('card that leaves the folder', lambda r: r.card(segments=[dict(name='../x', count=1)]), opened,
     'card.json: not the card'),
    ('card with more photos', lambda r: r.card(segments=[s | dict(count=3000) for s in r.card()['segments']]), opened,
     'not what the card says'),
    ('append to a damaged gallery', lambda r: r.file(0).unlink(), lambda r: add(['a'])(r), 'missing or damaged'),
    ('projections missing in part', lambda r: cut(r.kept()), kept, 'missing or damaged; delete'),
    ('projections flipped', lambda r: flip(200)(r.kept()), kept, 'it is made again'),
    ('projections flipped between the pieces', lambda r: flip(9000)(r.kept()), verified, 'its bytes changed; delete'),
    ('card of the projections garbled', lambda r: r.kept().with_name('card.json').write_text('{'), kept,
     'it is made again'),
    ('index cut short', lambda r: cut(r.folder/'g'/'index.faiss'), loaded,
     'index.faiss: differs from its card; build it again'),
    ('index flipped', lambda r: flip(20000)(r.folder/'g'/'index.faiss'), loaded, 'index.faiss: differs from its card'),
    ('index flipped: verified', lambda r: flip(20000)(r.folder/'g'/'index.faiss'), verified,
     'its bytes changed; build it again'),
    ('index without a card', lambda r: (r.folder/'g'/'index.faiss.json').unlink(), loaded,
     'not an index of ours; build it'),
    ('index with a card of nothing', lambda r: (r.folder/'g'/'index.faiss.json').write_text('[]'), loaded,
     'not an index of ours'),
    ('indices exchanged', lambda r: swap(*(s/'index.faiss' for s in r.shards)), in_shards, 'differs from its card'),
    ('indices exchanged with their cards', lambda r: [swap(*(s/f for s in r.shards)) for f in ('index.faiss',
     'index.faiss.json')],
     in_shards, 'shard-000000: the index belongs to another gallery'),
    ('shard without an index', lambda r: (r.shards[1]/'index.faiss').unlink(), in_shards,
     'not an index of ours; build it again'),
    ('shard damaged', lambda r: flip(129)(r.file(0, '.npy', 's/shard-000001')),
     lambda r: encode_shard(r.work[1], r.folder/'s', None), 'its bytes changed; restore it from a copy or build'),
    ('shard without a card', lambda r: (r.shards[0]/'card.json').unlink(),
     lambda r: encode_shard(r.work[0], r.folder/'s', None),
     'shard-000000: its card.json is missing'),
    ('shard of another encoder', lambda r: r.card('s/shard-000000', encoder='G at 8 px'),
     lambda r: encode_shard(r.work[0], r.folder/'s', Named()), "encoded by 'G at 8 px', not by 'F at 128 px'"),
]


class Named:
    name = 'F'


@pytest.mark.parametrize('harm, ask, says', [c[1:] for c in HARMED], ids=[c[0] for c in HARMED])
def test_harmed(room, harm, ask, says):
    harm(room)
    refuses(room, ask, says)


# Encoders and pictures under `encode_shard`: (what, harm, what encodes, what the line says)
def spoil(r): (r.folder/'pictures'/'1.png').write_bytes(b'no picture')
def lose(r): (r.folder/'pictures'/'2.png').unlink()
def nothing(r): pass


PICTURES = [
    ('picture garbled', spoil, mean_colour,
     "; replace it, or leave such pictures out with on_error='skip'"),
    ('picture missing', lose, mean_colour, '2.png: '),
    ('encoder without rows', nothing, lambda x: mean_colour(x)[0], 'the encoder made (3,) of 3 pictures'),
    ('encoder of fewer rows', nothing, lambda x: mean_colour(x)[1:], 'the encoder made (2, 3) of 3 pictures'),
    ('encoder of arrays', nothing, lambda x: mean_colour(x).numpy(), 'it should be a tensor (n, dim)'),
    ('encoder that is not finite', nothing, lambda x: mean_colour(x)*NAN,
     "what the encoder made of 'a' to 'c': holds NaN"),
    ('encoder past half precision', nothing, lambda x: mean_colour(x)*1e9,
     "shard-000000: the feature of 'a' is not finite in half"),
]


@pytest.mark.parametrize('harm, encode, says', [c[1:] for c in PICTURES], ids=[c[0] for c in PICTURES])
def test_pictures(room, harm, encode, says):
    work = room.work[0]
    harm(room); shutil.rmtree(room.folder/'s'/'shard-000000')
    refuses(room, lambda r: encode_shard(work, r.folder/'s', encode, 8), says)


def test_unreadable_pictures_are_left_out_and_counted(room):
    spoil(room); shutil.rmtree(room.folder/'s')
    shard = encode_shard(room.work[0], room.folder/'s', mean_colour, 8, on_error='skip')
    assert Gallery(shard).names == [['a', 'c']] and skipped(shard) == ['b']
    assert encode_shard(room.work[0], room.folder/'s', None, on_error='skip') == shard           # it is there
    refuses(room, lambda r: encode_shard(r.work[0], r.folder/'s', None), 'lacks 1 unreadable pictures')
    for i in range(6): (room.folder/'pictures'/f'{i}.png').write_bytes(b'')
    none = lambda r: encode_shard(r.work[1], r.folder/'s', mean_colour, 8, on_error='skip')
    refuses(room, none, 'none of its 3 pictures')


# Names that come back as they went in
NAMES = [' leading', 'trailing ', '', '\ttab', 'ünïcödé', 'e\u0301', '日本', '🦊', 'a\udcff', '\ud800', '../up',
         '/abs', 'a,b"c', '\ufeff', '\xa0', 'C:\\x', '\x1b[31m', 'x'*5000]


@pytest.mark.parametrize('dtype', ['float16', 'int8'])
def test_names_come_back(tmp_path, dtype):
    g = append(create_gallery(tmp_path/'g', 2, dtype), torch.ones(len(NAMES), 2), NAMES)
    assert Gallery(g.folder).names == [NAMES] and g.row_of == Gallery(g.folder).row_of
    for name in NAMES: g = append(g, torch.zeros(1, 2), [name], replace=True)
    assert list(verify_gallery(g.folder).row_of) == NAMES and len(g) == len(NAMES)
    assert len(delete(g, NAMES)) == 0 and [n for part in Gallery(g.folder).names for n in part] == NAMES*2


def test_fewer_photos_than_asked_for(room):
    "Neither deleted photos nor places without a photo are answered, on either path"
    keep = ['p1', 'p2', 'p4', 'p77']
    g = delete(room.g, [n for n in room.g.row_of if n not in keep])
    ask, kept = (room.query, room.after), projections_of(g, room.params)
    for got in (exact(g, *ask), exact(g, *ask, projections=kept), search(g, indexed(room), *ask, room.query),
                search(g, indexed(room), *ask, short=1)):
        assert got[0].shape == (3, 4) and got[0].isfinite().all()
        assert got[1].sort().values.tolist() == [[1, 2, 4, 77]]*3
    g = delete(g, keep)
    for got in (exact(g, room.query, room.after), search(g, indexed(room), room.query, room.after)):
        assert got[0].shape == got[1].shape == (3, 0)


def test_an_index_that_is_no_use_is_built_again(room):
    one, two = (s/'index.faiss' for s in room.shards)
    for harm in (cut, flip(30), Path.unlink, lambda f: f.with_name('index.faiss.json').unlink(),
                 lambda f: [swap(f.with_name(n), two.with_name(n)) for n in ('index.faiss', 'index.faiss.json')]):
        harm(one)
        for s in room.shards: index_shard(s, room.small, 'Flat')
        query = F.normalize(room.query[:, :2], dim=1)
        assert [len({name for _, name in q}) for q in Server(room.shards).ask(query, room.small)] == [6]*3


def test_an_old_handle_and_a_newer_index(room):
    old = room.g
    index = extend_shortlist(indexed(room), append(room.g, room.x[:1], ['new']), room.before)
    says = 'has photos that the gallery lacks; open the gallery again'
    refuses(room, lambda r: search(old, index, r.query, r.after), says)
    assert search(room.g, index, room.query, room.after)[1].shape == (3, 10)


def test_another_gallery_in_the_place_of_a_handle(room):
    old = room.g
    shutil.rmtree(old.folder)
    refuses(room, lambda r: append(old, r.x[:1], ['a']), 'g: no gallery')
    create_gallery(old.folder, 48)
    refuses(room, lambda r: append(old, r.x[:1], ['a']), 'holds another gallery by now; open it again')


# A disk that is full or closed: (what, where it strikes, ask)
def full(*_): raise OSError(errno.ENOSPC, 'No space left on device')


class FullAfter:
    "As the file system was, so many times, then full"
    def __init__(self, real, times): self.real, self.times = real, times

    def __call__(self, *args):
        self.times -= 1
        return full() if self.times < 0 else self.real(*args)


FULL = [
    ('rows', 'posix_fallocate', 0, add(['a', 'b'])), ('replacing', 'posix_fallocate', 1, add(['p9'], replace=True)),
    ('deleted rows', 'posix_fallocate', 0, lambda r: delete(r.g, ['p9'])), ('names', 'fsync', 0, add(['a', 'b'])),
    ('card', 'fsync', 2, add(['a', 'b'])),
    ('index', 'fsync', 0, lambda r: save_shortlist(indexed(r), r.folder/'g'/'index.faiss')),
    ('projections', 'posix_fallocate', 1, lambda r: projections_of(r.g, r.other)),
]


@pytest.mark.parametrize('what, times, ask', [c[1:] for c in FULL], ids=[c[0] for c in FULL])
def test_full_disk(room, monkeypatch, what, times, ask):
    monkeypatch.setattr(os, what, FullAfter(getattr(os, what), times))
    before = state(room.folder/'g')
    says = '(?i): no space left on device; nothing was changed; free some space$'
    with pytest.raises(InputError, match=says): ask(room)
    left = {k: v for k, v in state(room.folder/'g').items() if 'outputs-' not in k}
    assert left == {k: v for k, v in before.items() if 'outputs-' not in k}
    monkeypatch.undo()
    ask(room); verify_gallery(room.folder/'g')


LIMITED = '''
import resource, sys, torch
from afgsbir.core import command
from afgsbir.gallery import Gallery, append
g = Gallery(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
command(lambda: append(g, torch.ones(3000, 48), [str(i) for i in range(3000)]))
'''


def test_full_disk_in_earnest(room):
    before = state(room.folder)
    done = subprocess.run([sys.executable, '-c', LIMITED, room.folder/'g'], capture_output=True, text=True)
    assert done.returncode == 2 and 'g: File too large; nothing was changed; free some space' in done.stderr
    assert len(done.stderr.splitlines()) == 1 and state(room.folder) == before


def as_nobody(f):
    "The message of the InputError that `f` ends with in a process that may not write everywhere"
    r, w = os.pipe()
    if not (child := os.fork()):
        said = 'no error'
        try:
            faiss.omp_set_num_threads(1); torch.set_num_threads(1)       # a fork has no threads to wait for
            if os.getuid() == 0: os.setuid(65534)
            f()
        except InputError as e: said = str(e)
        except BaseException as e: said = f'not refused: {e!r}'
        os.write(w, said.encode()); os._exit(0)
    os.close(w); os.waitpid(child, 0)
    with open(r) as pipe: return pipe.read()


CLOSED = [
    ('append', lambda r: add(['a'])(r)), ('delete', lambda r: delete(r.g, ['p9'])),
    ('create', lambda r: create_gallery(r.folder/'new', 48)), ('projections', lambda r: projections_of(r.g, r.other)),
    ('index', lambda r: save_shortlist(indexed(r), r.folder/'g'/'index.faiss')),
    ('encode', lambda r: encode_shard(r.work[0], r.folder/'new', mean_colour, 8)),
]


@pytest.fixture
def closed(made):
    "A room that everyone may read and nobody write to"
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        room = Room(shutil.copytree(made, Path(folder)/'room'))
        for f in (room.folder, *room.folder.rglob('*')): f.chmod(0o555)
        yield room
        for f in (room.folder, *room.folder.rglob('*')): f.chmod(0o755)


@pytest.mark.parametrize('ask', [c[1] for c in CLOSED], ids=[c[0] for c in CLOSED])
def test_read_only(closed, ask):
    before = state(closed.folder)
    said = as_nobody(lambda: ask(closed))
    assert said.endswith('Permission denied; nothing was changed; choose a folder that you may write to'), said
    assert state(closed.folder) == before
    look = lambda: (search(closed.g, indexed(closed), closed.query, closed.after), kept(closed))
    assert as_nobody(look) == 'no error'


def test_what_may_not_be_read(closed):
    (closed.folder/'g'/'card.json').chmod(0)
    assert as_nobody(lambda: closed.g).endswith('card.json: may not be read; ask for the right to')


def test_leftovers_are_cleared_by_the_next_writer(room):
    "Those of killed writers, and nothing of the user's"
    g, mine = room.folder/'g', ['segment-notes.txt', 'deleted.npy', 'photos.txt', '.segment-x.tmp', 'segment-1.npy']
    for name in mine: (g/name).write_text('mine')
    for name in ('segment-00002.npy', 'segment-00002-0123abcd.txt', 'segment-00002-0123abcd.scale.npy',
                 'deleted-000000003.npy', '.segment-00002.txt.77.tmp', '.card.json.0a0a0a0a-77-0a0a0a0a.tmp',
                 '.deleted-000000004-0a0a0a0a.npy.9.tmp'):
        (g/name).write_text('left')
    before = {f for f in state(g) if Path(f).is_file() and Path(f).read_bytes() != b'left'}
    after = state(append(room.g, room.x[:1], ['a']).folder)
    assert b'left' not in after.values() and before <= after.keys() and {str(g/m) for m in mine} <= after.keys()
    verify_gallery(g)
