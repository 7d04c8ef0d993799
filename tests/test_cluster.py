"A local Ray cluster with two workers, one killed while it works, answers as one process does."
import os, signal, threading, time
from functools import partial

import numpy as np, pytest, torch
from PIL import Image

from afgsbir.core import InputError, rng
from afgsbir.base import SKETCH
from afgsbir.gallery import Embedder, Gallery, read_rows
from afgsbir.meta import Adapter
from afgsbir.shards import Server, encode_shard, exact_shard, index_shard, merge, plan, skipped
from afgsbir.shards import encode_with_ray, exact_with_ray, serve_with_ray

ray = pytest.importorskip('ray', reason="ray is not installed; pip install 'afgsbir[cluster]'")


@pytest.fixture(scope='module')
def cluster():
    os.environ['RAY_USAGE_STATS_ENABLED'] = '0'
    ray.init(num_cpus=2, object_store_memory=200 << 20, include_dashboard=False, log_to_driver=False,
             logging_level='ERROR')
    yield
    ray.shutdown()


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    folder, chance = tmp_path_factory.mktemp('pictures'), rng('cluster')
    for i in range(60): Image.fromarray(chance.integers(0, 255, (16, 16, 3), np.uint8)).save(folder/f'{i:03d}.png')
    files = sorted(folder.glob('*.png'))
    return plan([f.stem for f in files], files, size=5)


def slow_encoder(log=None, wait=0.):
    "Eight rows of the picture; leaves its process number where the test can read it"
    def make():
        def encode(x):
            if log: open(f'{log}/{os.getpid()}', 'a').write('x')
            time.sleep(wait)
            return torch.from_numpy(x[:, :8, :, 0].copy()).float().flatten(1)/255
        return encode
    return make


def kill_first(log):
    "Once two are at work, kill one as it begins its next piece; returns a list that will hold its process number"
    killed = []
    def wait():
        until = time.time()+120
        while len(at_work := sorted(int(p) for p in os.listdir(log))) < 2 and time.time() < until: time.sleep(.02)
        begun = lambda: {p: (log/str(p)).stat().st_size for p in at_work}
        before = begun()
        while not (next_one := [p for p, n in begun().items() if n > before[p]]) and time.time() < until:
            time.sleep(.01)
        os.kill(next_one[0], signal.SIGKILL); killed.append(next_one[0])
    threading.Thread(target=wait, daemon=True).start()
    return killed


def test_encoding_survives_a_killed_worker(cluster, pictures, tmp_path):
    make = slow_encoder()
    alone = [encode_shard(w, tmp_path/'alone', make(), 16) for w in pictures]
    (tmp_path/'log').mkdir()
    killed = kill_first(tmp_path/'log')
    shards = encode_with_ray(pictures, tmp_path/'many', slow_encoder(str(tmp_path/'log'), .3), workers=2, size=16)
    assert killed and len(os.listdir(tmp_path/'log')) > 2                # one died, and another came in its place
    assert len(shards) == len(alone) == 12
    for a, b in zip(alone, shards):
        assert Gallery(a).names == Gallery(b).names
        assert torch.equal(read_rows(Gallery(a), range(5)), read_rows(Gallery(b), range(5)))
    assert not list((tmp_path/'many').glob('.*'))                               # nothing half-written is left


def test_search_survives_a_killed_worker(cluster, pictures, tmp_path):
    make = slow_encoder()
    shards = [encode_shard(w, tmp_path/'s', make(), 16) for w in pictures]
    x = torch.rand(11, 128, generator=torch.Generator().manual_seed(0))
    fast = Adapter(128, 6, 3., soft=.1)(x[None, :4], x[None, 4:8], torch.arange(4)[None])
    embedder, query = Embedder(fast), Embedder(fast, SKETCH)(x[8:])
    (log := tmp_path/'log').mkdir()
    def calls(): return sum(f.stat().st_size for f in log.iterdir())
    def slow_embed(x, seconds=.3):
        with open(f'{log}/{os.getpid()}', 'a') as f: f.write('x')
        time.sleep(seconds)
        return embedder(x)
    alone = merge([exact_shard(s, query, partial(slow_embed, seconds=0)) for s in shards])
    once = calls()
    (log/str(os.getpid())).unlink()
    killed = kill_first(log)
    assert exact_with_ray(shards, query, slow_embed) == alone
    assert killed and calls() > once                            # what the dead one had begun was begun again

    for s in shards: index_shard(s, Embedder(fast.params), 'Flat')
    ask = serve_with_ray(shards, workers=2)
    one = Server(shards).ask(query, embedder, short=5)
    assert ask(query, embedder, short=5) == one == alone                 # a shortlist of everything is exact


def test_what_a_worker_cannot_do_is_told_in_one_line(cluster, pictures, tmp_path):
    (broken := tmp_path/'broken.png').write_bytes(b'no picture')
    work = pictures[:2] + [pictures[2] | dict(files=[str(broken), *pictures[2]['files'][1:]])]
    def refused(says, f, *args, **options):
        with pytest.raises(InputError) as e: f(*args, **options)
        assert says in str(e.value) and len(str(e.value).splitlines()) == 1, e.value
    refused("broken.png: ", encode_with_ray, work, tmp_path/'s', slow_encoder(), size=16)
    assert sorted(os.listdir(tmp_path/'s')) == ['shard-000000', 'shard-000001']          # the others are there, whole
    shards = encode_with_ray(work, tmp_path/'s', slow_encoder(), size=16, on_error='skip')
    assert [len(skipped(s)) for s in shards] == [0, 0, 1] and len(Gallery(shards[2])) == 4
    query, embedder = torch.ones(1, 2), Embedder(dict(weight=torch.ones(2, 128), bias=torch.zeros(1, 2)))
    refused('nowhere: no gallery', exact_with_ray, [tmp_path/'nowhere'], query, embedder)
    refused('holds NaN', exact_with_ray, shards, query*torch.nan, embedder)
    refused('no shards to ask', exact_with_ray, [], query, embedder)
    refused('not an index of ours; build it again', serve_with_ray(shards, workers=1), query, embedder)
    for s in shards: index_shard(s, embedder, 'Flat')
    refused('queries of 1', serve_with_ray(shards, workers=1), query[:, :1], embedder)
