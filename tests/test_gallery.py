"A gallery that is killed while it grows, or changed by several at once, holds whole changes and loses none."
import os, random, signal, subprocess, sys, time

import pytest, torch

from afgsbir import gallery
from afgsbir.core import InputError
from afgsbir.gallery import (Embedder, Gallery, append, build_shortlist, create_gallery, delete, exact, load_shortlist,
                             read_rows, save_shortlist, search, verify_gallery)

KILLS = int(os.environ.get('AFGSBIR_KILLS', 3))      # moments at which each kind of work is killed

APPEND = '''
import sys, torch
from afgsbir.gallery import Gallery, append, delete
g, who = Gallery(sys.argv[1]), sys.argv[2]
print('ready', flush=True); sys.stdin.readline()
for i in range(int(sys.argv[3])):
    g = append(g, torch.full((50, 8), float(len(g.rows))), [f'{who}{i}-{j}' for j in range(50)])
    if 'd' in who: g = delete(g, [f'{who}{i}-0'])
    print(i, flush=True)
'''
INDEX = '''
import sys, torch
from afgsbir.base import init_params
from afgsbir.gallery import Embedder, Gallery, build_shortlist, projections_of, save_shortlist
params = dict(weight=torch.eye(8), bias=torch.zeros(1, 8))
g = Gallery(sys.argv[1])
index = build_shortlist(g, Embedder(params), 'Flat')
print('ready', flush=True); sys.stdin.readline()
for i in range(10**6):
    save_shortlist(index, g.folder/'index.faiss')
    params['bias'] += 1
    projections_of(g, params)
    print(i, flush=True)
'''


def started(program, *argv):
    "A process that is ready and waits for a line"
    argv = [sys.executable, '-c', program, *map(str, argv)]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def go(*processes):
    "Let them work, all at once"
    for p in processes: assert p.stdout.readline() == 'ready\n'
    for p in processes: p.stdin.write('\n'); p.stdin.flush()


def killed(p, seed):
    "Let it work, kill it at a moment that the seed picks, and return how often it said that it was done"
    go(p)
    chance = random.Random(seed)
    for _ in range(chance.randrange(1, 6)): assert p.stdout.readline()
    time.sleep(chance.random()*.02)
    p.send_signal(signal.SIGKILL)
    said = p.stdout.read().split()
    p.wait()
    return said


def leftovers(folder):
    "Files that no card names"
    card = Gallery(folder).card
    return {f.name for f in folder.iterdir() if f.is_file()} - set(card['checks']) - {'card.json', '.card.json.lock'}


@pytest.mark.parametrize('seed', range(KILLS))
def test_killed_while_appending(tmp_path, seed):
    folder = create_gallery(tmp_path/'g', 8).folder
    p = started(APPEND, folder, 'a', 10**6)
    go(p)
    chance, said = random.Random(seed), 0
    for _ in range(chance.randrange(1, 6)): said = int(p.stdout.readline())+1
    time.sleep(chance.random()*.02)
    p.send_signal(signal.SIGKILL)
    said = max([said, *(int(line)+1 for line in p.stdout.read().split())]); p.wait()
    g = verify_gallery(folder)
    assert said*50 <= len(g) <= (said+1)*50 and len(g) % 50 == 0               # what was acknowledged is there, whole
    assert read_rows(g, range(len(g)))[:, 0].tolist() == [float(i) for i in range(len(g)//50) for _ in range(50)]
    g = append(g, torch.zeros(1, 8), ['last'])
    assert g.names[-1] == ['last'] and len(Gallery(folder)) == len(g) and not leftovers(folder)


@pytest.mark.parametrize('seed', range(KILLS))
def test_killed_while_indexing(tmp_path, seed):
    g = append(create_gallery(tmp_path/'g', 8), torch.eye(8).repeat(500, 1), [str(i) for i in range(4000)])
    killed(started(INDEX, g.folder), seed)
    embedder, file = Embedder(dict(weight=torch.eye(8), bias=torch.zeros(1, 8))), g.folder/'index.faiss'
    try: index = load_shortlist(file, g)
    except InputError as e:                                             # killed between an index and its card
        assert str(e).endswith('build it again')
        save_shortlist(build_shortlist(g, embedder, 'Flat'), file)
        index = load_shortlist(file, g)
    assert torch.equal(search(g, index, torch.eye(8), embedder)[0], exact(g, torch.eye(8), embedder)[0])
    verify_gallery(g.folder)


def test_two_writers(tmp_path):
    "All that was acknowledged is there, under its own name, with its own features"
    g = create_gallery(tmp_path/'g', 8)
    two = [started(APPEND, g.folder, who, 25) for who in 'ab']
    go(*two)
    said = [p.communicate(timeout=60)[0].split() for p in two]
    assert [len(s) for s in said] == [25, 25] and not any(p.returncode for p in two)
    now = verify_gallery(g.folder)
    assert (len(now), now.total, len(now.rows)) == (2500, 2500, 50) and not leftovers(g.folder)
    assert set(now.row_of) == {f'{who}{i}-{j}' for who in 'ab' for i in range(25) for j in range(50)}
    batch = [{name.split('-')[0] for name in names} for names in now.names]
    assert all(len(b) == 1 for b in batch) and len(set.union(*batch)) == 50
    assert now.row_of == {n: r for r, n in enumerate(n for part in now.names for n in part)}
    for part, rows in enumerate(now.rows): assert len(set(rows.ravel().tolist())) == 1, part


def test_appends_race_deletes_and_readers(tmp_path):
    g = append(create_gallery(tmp_path/'g', 8), torch.ones(1, 8), ['first'])
    two = [started(APPEND, g.folder, who, 15) for who in ('a', 'd')]
    go(*two)
    seen = [1]
    while any(p.poll() is None for p in two): seen.append(len(Gallery(g.folder))); time.sleep(.005)
    assert not any(p.returncode for p in two)
    assert all(now >= before-1 for before, now in zip(seen, seen[1:]))         # no append of 50 was ever lost
    now = verify_gallery(g.folder)
    assert set(now.row_of) == {'first'} | {f'{w}{i}-{j}' for w in 'ad' for i in range(15) for j in range(w == 'd', 50)}
    assert len(list(g.folder.glob('deleted-*'))) == 1 and not leftovers(g.folder)


def test_old_handles_lose_nothing(tmp_path):
    old = append(create_gallery(tmp_path/'g', 2), torch.ones(3, 2), ['a', 'b', 'c'])
    other = delete(append(Gallery(old.folder), torch.zeros(1, 2), ['d']), ['a'])
    assert old.stale and not other.stale and len(old) == 3
    assert torch.equal(read_rows(old, [0, 2]), torch.ones(2, 2))              # what it knows can be read
    mine = append(old, torch.full((1, 2), 2.), ['e'])
    assert list(mine.row_of) == ['b', 'c', 'd', 'e'] and mine.row_of == Gallery(old.folder).row_of
    assert read_rows(mine, [mine.row_of['e']]).tolist() == [[2, 2]]
    assert list(delete(old, ['b']).row_of) == ['c', 'd', 'e']
    with pytest.raises(InputError, match="holds no photo 'a' to delete; another process deleted it"): delete(old, ['a'])
    with pytest.raises(InputError, match="two photos 'd'"): append(old, torch.ones(1, 2), ['d'])
    assert append(old, torch.ones(1, 2), ['a']).row_of['a'] == 5              # free again


def test_a_reader_meets_a_writer(tmp_path, monkeypatch):
    "The card that it read is no longer true once it opens the files"
    g = append(create_gallery(tmp_path/'g', 2), torch.ones(3, 2), ['a', 'b', 'c'])
    early = delete(g, ['a']).card
    delete(g, ['b'])
    read, cards = gallery._read_card, [early]
    monkeypatch.setattr(gallery, '_read_card', lambda folder: cards.pop() if cards else read(folder))
    assert list(Gallery(g.folder).row_of) == ['c']


def test_space_is_made_before_it_is_used(tmp_path, monkeypatch):
    g, seen = create_gallery(tmp_path/'g', 2), []
    (g.folder/'segment-00000-0a0a0a0a.npy').write_text('left by a killed writer')
    fill = gallery.fill
    monkeypatch.setattr(gallery, 'fill', lambda *a: (seen.append(sorted(g.folder.glob('*.npy'))), fill(*a)))
    append(g, torch.ones(1, 2), ['a'])
    assert seen == [[]]


def test_old_galleries_open(tmp_path):
    "Written before the card kept checksums, with names that were taken then"
    import json
    g = append(create_gallery(tmp_path/'g', 2), torch.ones(2, 2), ['a', 'b'])
    card, name = g.card, g.card['segments'][0]['name']
    for kind in ('npy', 'txt'): (g.folder/f'{name}.{kind}').rename(g.folder/f'segment-00000.{kind}')
    (g.folder/'segment-00000.txt').write_bytes(b'a\rb\n b')
    for key in ('checks', 'encoder'): del card[key]
    (g.folder/'card.json').write_text(json.dumps(card | dict(segments=[dict(name='segment-00000', count=2)])))
    g = delete(append(verify_gallery(g.folder), torch.zeros(1, 2), ['c']), [' b'])
    assert list(verify_gallery(g.folder).row_of) == ['a\rb', 'c']
    (g.folder/'segment-00000.npy').write_bytes((g.folder/'segment-00000.npy').read_bytes()[:-1])
    with pytest.raises(InputError, match='segment-00000.npy: missing or damaged'): Gallery(g.folder)
