"""What the benchmark races against and on: other libraries' inner loops, training steps by everyone, made-up galleries.

`nbs/44_bench.ipynb` times these, `tests/test_fast.py` shows that they compute the same as the package.
"""
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np, torch, torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor, nn

from afgsbir.adapt import adapt_copies, embed_fast
from afgsbir.backbone import Encoder, load_backbone
from afgsbir.base import PHOTO, SKETCH, embed
from afgsbir.core import rng
from afgsbir.gallery import Embedder, Gallery, append, create_gallery, search
from afgsbir.losses import distances, support_loss, triplets
from afgsbir.meta import Adapter, Learner, Match, compiled, negatives
from afgsbir.regularisers import Regularisers
from afgsbir.retriever import features_of_pictures, project
from afgsbir.tasks import Episodes, draw, sample_episodes, tasks_of, with_pairs
from afgsbir.train import descend
from afgsbir.views import LiveMaps, at_size, encode


# The work: one outer step over eight tasks of 5 support pairs and 10 queries; M from 1280 to 64; triplets inside
# a task.

class Given(nn.Module):
    "An encoder that has done its work: features in, features out"
    def forward(self, x): return x


def some_tasks(t=8, k=5, q=10, dim=1280, seed=0):
    "Random unit-length features (t*(k+q), dim) of sketches and of photos, and their episodes"
    torch.manual_seed(seed)
    x = F.normalize(torch.randn(2, t*(k+q), dim), dim=-1)
    own = torch.arange(k+q).expand(t, -1)
    return x[0], x[1], Episodes(own, own, own, torch.ones(t, k+q, dtype=torch.bool), torch.arange(t), k)


def by_task(x, e):
    "Features (t*n, dim) as (t, n, dim)"
    return x.unflatten(0, e.own.shape)


def learner_for(dim=1280, d=64, adapts=True, encoder=None, margin='fixed'):
    "Our `Learner` without regularisers: meta-learning, or the plain triplet step on the same pairs"
    torch.manual_seed(0)
    adapter = Adapter(dim, d, rate=1., rates='fixed', margin=margin, soft=.1)
    return Learner(encoder or Given(), Match(adapter, adapts, swap=False), Regularisers(dim, 1), scale=1.)


# The peers: all compute the mean query loss after one step on the support loss, differentiated through.

def inner_loss(
    f,           # features (n, dim) to projections (n, d)
    xs, xp,      # sketches and photos (t, k+q, dim)
    e:Episodes,
    t:int,       # which task
):
    "Support loss of one task under `f`"
    sketch, photo = f(torch.cat([xs[t, :e.k], xp[t, :e.k]])).chunk(2)
    return support_loss(sketch[None], photo[None], e.own[t:t+1, :e.k], .3, .1).sum()


def outer_loss(f, xs, xp, e, t):
    "Query loss of one task under `f`"
    n, own = xs.shape[1]-e.k, e.own[t:t+1, e.k:]
    z = F.normalize(f(torch.cat([xs[t, e.k:], xp[t]])), dim=-1)[None]
    return triplets(distances(z[:, :n], z[:, n:]), own, negatives(own, e.valid[t:t+1]), .2).sum()


class Head(nn.Module):
    "M as the libraries want it: a plain layer that holds our very parameters"
    def __init__(self, params):
        super().__init__()
        self.weight, self.bias = params['weight'], params['bias']

    def forward(self, x): return F.linear(x, self.weight, self.bias[0])


def by_higher(params, xs, xp, e):
    "`higher` wraps the module and replays its parameters: a functional copy per task"
    import higher
    head, total = Head(params), 0.
    for t in range(len(xs)):
        opt = torch.optim.SGD(head.parameters(), 1.)
        with higher.innerloop_ctx(head, opt, copy_initial_weights=False) as (fast, opt):
            opt.step(inner_loss(fast, xs, xp, e, t))
            total = total + outer_loss(fast, xs, xp, e, t)
    return total/len(xs)


def by_torchopt(params, xs, xp, e):
    "`torchopt` steps a differentiable optimiser and puts the start back after each task"
    import torchopt
    head, total = Head(params), 0.
    opt = torchopt.MetaSGD(head, lr=1.)
    first = [torchopt.extract_state_dict(m, by='reference') for m in (head, opt)]
    for t in range(len(xs)):
        opt.step(inner_loss(head, xs, xp, e, t))
        total = total + outer_loss(head, xs, xp, e, t)
        for m, state in zip((head, opt), first): torchopt.recover_state_dict(m, state)
    return total/len(xs)


def by_clones(params, xs, xp, e):
    "learn2learn's MAML, whose package does not build on Python 3.11, from its documentation: clone, adapt the clone"
    def layer(p): return lambda x: F.linear(x, p['weight'], p['bias'][0])
    total = 0.
    for t in range(len(xs)):
        fast = {n: p.clone() for n, p in params.items()}
        grads = torch.autograd.grad(inner_loss(layer(fast), xs, xp, e, t), list(fast.values()), create_graph=True)
        total = total + outer_loss(layer({n: p-g for (n, p), g in zip(fast.items(), grads)}), xs, xp, e, t)
    return total/len(xs)


def by_copies(params, xs, xp, e):
    "A copy of M per task, all tasks at once (chapter 20)"
    k, own = e.k, e.own[:, e.k:]
    loss = partial(support_loss, ids=e.own[:, :k], margin=.3, soft=.1)
    rate = dict(weight=torch.tensor(1.), bias=torch.tensor(1.))
    fast = adapt_copies(params, xs[:, :k], xp[:, :k], loss, rate)
    z = [F.normalize(x@fast['weight'].mT + fast['bias'], dim=-1) for x in (xs[:, k:], xp)]
    return triplets(distances(*z), own, negatives(own, e.valid), .2).mean()


PEERS = {'higher': by_higher, 'torchopt': by_torchopt, 'clone and adapt loop': by_clones, 'copies of M': by_copies}


# Steps to race: clear the gradients, loss, backward, optimiser; everyone has its own parameters and its own optimiser.

def stepper(
    parameters,
    loss,          # a function without arguments
    lr:float=1e-5,
):
    "One training step as a function without arguments"
    opt = torch.optim.AdamW(parameters, lr, fused=True)
    def step():
        opt.zero_grad()
        loss().backward()
        opt.step()
    return step


def our_step(xs, xp, e, adapts, wrap=lambda learner: learner):
    "Our step on given features (t, k+q, dim)"
    learner = wrap(learner_for(xs.shape[-1], adapts=adapts))
    return stepper([*learner.adapter.params.values()], lambda: learner.match(xs, xp, e).mean())


def peer_step(peer, xs, xp, e):
    "A peer's step on given features (t, k+q, dim)"
    params = dict(learner_for(xs.shape[-1]).adapter.params)
    return stepper([*params.values()], lambda: peer(params, xs, xp, e))


def head_steps(
    xs, xp, e,          # from `some_tasks`
    peers=PEERS,
    compile:bool=False, # our own two contestants also with `torch.compile`
)->dict:                # name -> step
    "Outer steps on given features by everyone: 'ours', 'plain' and the peers"
    given, steps = (by_task(xs, e), by_task(xp, e), e), {}
    for name, adapts in (('ours', True), ('plain', False)):
        steps[name] = our_step(*given, adapts)
        if compile: steps[f'{name}, compiled'] = our_step(*given, adapts, compiled)
    return steps | {name: peer_step(peer, *given) for name, peer in peers.items()}


# End to end: everyone trains its own copy of one backbone on the same pixels; nobody can avoid its bare pass.

def make_backbone():
    "The default backbone, trained whole, with 1280 features: a 2 x 2 grid of its last stage"
    encoder = Encoder(load_backbone(), cut=0, depth=8, pool='grid2')
    return encoder.to(memory_format=torch.channels_last).train()


def bare_pass(encoder, x):
    "Forward and backward of the backbone with a given gradient, as a function without arguments"
    def step():
        for p in encoder.parameters(): p.grad = None
        f = encoder(encoder.maps(x))
        f.backward(torch.full_like(f, 1e-3))
    return step


def our_whole_step(x, e, adapts):
    "Our step from pixels (2n, 3, h, w)"
    learner = learner_for(adapts=adapts, encoder=make_backbone())
    trained = [p for p in learner.parameters() if p.requires_grad]
    return stepper(trained, lambda: learner(*learner.encoder.maps(x).chunk(2), e)['match'])


def peer_whole_step(peer, x, e):
    "A peer's step from pixels (2n, 3, h, w)"
    encoder, params = make_backbone(), dict(learner_for().adapter.params)
    trained = [*params.values(), *(w for w in encoder.parameters() if w.requires_grad)]
    def features(): return (by_task(f, e) for f in encoder(encoder.maps(x)).chunk(2))
    return stepper(trained, lambda: peer(params, *features(), e))


def whole_steps(
    x:Tensor,    # pixels (2n, 3, h, w): the sketches of all tasks, then their photos
    e:Episodes,
    peers=PEERS,
)->dict:         # name -> step
    "Outer steps from pixels by everyone, and the backbone's bare pass"
    ours = {name: our_whole_step(x, e, adapts) for name, adapts in (('ours', True), ('plain', False))}
    theirs = {name: peer_whole_step(peer, x, e) for name, peer in peers.items()}
    return ours | theirs | {'bare forward + backward': bare_pass(make_backbone(), x)}


# A gallery of any size: real photos first, the others drawn from their distribution.

class Drawing:
    """Draws features like given ones.

    In the real photos' first principal directions a drawn photo stands near a real one, with their variances.
    What is left of it, at right angles to those directions, is that of another real photo."""
    def __init__(self, real:Tensor, near:float=.7, directions:int=256):
        centre = real-real.mean(0)
        self.mean, self.real, self.near = real.mean(0), real, near
        self.axes = torch.svd_lowrank(centre, q=min(directions, *real.shape), niter=2)[2]
        self.at = centre@self.axes
        self.rest, self.spread = centre-self.at@self.axes.T, self.at.std(0)

    def __call__(self, n, chance:torch.Generator):
        "n features (n, dim) of unit length"
        i, j = torch.randint(len(self.real), (2, n), generator=chance)
        noise = self.spread*torch.randn(n, len(self.spread), generator=chance)
        at = self.near*self.at[i] + (1-self.near**2)**.5*noise
        return F.normalize(self.mean + at@self.axes.T + self.rest[j], dim=1)


def draw_gallery(
    folder:Path,
    real:Tensor,         # (n, dim) features of the planted photos, which come first
    total:int,           # photos in all
    dtype:str='float16', seed:int=0, segment:int=65536, encoder:str='',
)->Gallery:
    "A gallery of `total` photos on disk, written segment by segment"
    gallery, drawing = create_gallery(folder, real.shape[1], dtype, encoder), Drawing(real)
    chance = torch.Generator().manual_seed(seed)
    gallery = append(gallery, real[:total], [f'real {i}' for i in range(min(total, len(real)))])
    while gallery.total < total:
        n = min(segment, total-gallery.total)
        gallery = append(gallery, drawing(n, chance), [f'drawn {gallery.total+i}' for i in range(n)])
    return gallery


# Who searches it: a head meta-trained on the training categories' features, and people with pairs of unseen ones.

class Trained(NamedTuple):
    "A collection's features and a head that learned to adapt on its training tasks"
    sketches: Tensor  # (n, dim)
    photos: Tensor
    adapter: Adapter
    unseen: list      # test tasks


def train_head(
    collection, encoder,
    size:int=128,        # side of the pictures
    steps:int=200, k:int=5, d:int=64, lr:float=1e-3, seed:int=0,
)->Trained:
    "Encode a collection with a frozen encoder and meta-train M on what comes out"
    maps = LiveMaps(at_size(collection, size), encoder.eval())
    x = {kind: encode(encoder, maps, kind, np.arange(len(maps.pixels[kind]))) for kind in ('sketches', 'photos')}
    seen, unseen = (with_pairs(tasks_of(collection, split), k) for split in ('train', 'test'))
    adapter = Adapter(encoder.dim, d, rate=1., rates='layer', margin='learned', soft=.1)
    match = Match(adapter)
    adapter.begin(torch.cat([*x.values()])[:4000])
    def loss(step):
        e = sample_episodes(seen, 8, k, 6, 12, rng('bench', seed, step))
        return match(x['sketches'][e.sketch], x['photos'][e.photo], e).mean()
    descend(loss, torch.optim.AdamW(adapter.parameters(), lr), range(steps))
    return Trained(x['sketches'], x['photos'], adapter.requires_grad_(False), unseen)


class Person(NamedTuple):
    "Five pairs of an unseen category, and sketches to search with"
    sketch: Tensor # (1, k, dim)
    photo: Tensor  # (1, k, dim)
    ids: Tensor    # (1, k)
    query: Tensor  # (q, dim)


def person(
    have:Trained,
    i:int,         # whose unseen task
    k:int=5, n_query:int=5, seed:int=0,
)->Person:
    "Draw support and queries of one unseen task"
    task = have.unseen[i % len(have.unseen)]
    support, query = draw(task, k, rng('asked', seed, i))
    own = task.photos[support]
    def pick(rows): return have.sketches[task.sketches[rows]]
    return Person(pick(support)[None], have.photos[own][None], own[None], pick(query[:n_query]))


@torch.no_grad()
def adapt_to(
    adapter:Adapter, who:Person,
    times:float=1., # the step, so many times as long
)->tuple:           # (queries (q, d), what embeds photos, queries before the step)
    "Adapt to the pairs and embed the queries"
    fast = adapter(who.sketch, who.photo, who.ids)
    if times != 1: fast = fast._replace(weight=times*fast.weight, bias=times*fast.bias)
    return embed_fast(fast, who.query[None], SKETCH)[0], Embedder(fast), embed(adapter.params, who.query, SKETCH)


def first_answer(have, who, gallery, shortlist, short=500):
    "From features of five pairs and a sketch to the ten best photos"
    query, after, before = adapt_to(have.adapter, who._replace(query=who.query[:1]))
    return search(gallery, shortlist, query, after, before, short=short)[1]


def recall(found, true):
    "Share of the exact answers that the fast path found, (q, n) each"
    return float(np.mean([len(set(f) & set(t))/len(t) for f, t in zip(found.tolist(), true.tolist())]))


# What the exact path is held against: reading the features once, and one product of them with M.

def read_once(gallery, size=4096):
    "Copy every feature of the gallery through a buffer"
    buffer = np.empty((size, gallery.dim), gallery.dtype)
    for rows in gallery.rows:
        for i in range(0, len(rows), size):
            part = rows[i:i+size]
            buffer[:len(part)] = part


def one_product(total:int, weight:Tensor, size=4096):
    "The product of `total` features with M, in memory, as a function without arguments"
    x = torch.randn(min(size, total), weight.shape[1])
    def product():
        for i in range(0, total, size): x[:min(size, total-i)]@weight.T
    return product


# The door: pictures to be indexed, and what it is held against.

def draw_pictures(
    folder:Path, n:int,
    sides=(256, 1024),  # pixels, drawn for each side
    seed:int=0,
)->list:                # of files
    "JPEG files: smooth fields of colour with shapes on them"
    folder.mkdir(parents=True)
    chance, files = np.random.default_rng(seed), [folder/f'{i:05d}.jpg' for i in range(n)]
    for file in files:
        size = chance.integers(sides[0], sides[1]+1, 2)
        field = chance.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        picture = Image.fromarray(field).resize(tuple(map(int, size)), Image.BICUBIC)
        pen = ImageDraw.Draw(picture)
        for shape in (pen.ellipse, pen.rectangle)*3:
            box, colour = np.sort(chance.uniform(0, 1, (2, 2)), 0)*size, chance.integers(0, 256, 3)
            shape(box.flatten().tolist(), fill=tuple(colour.tolist()))
        picture.save(file, quality=90)
    return files


def draw_pairs(folder:Path, collection, n:int):
    "The first n sketches of a collection and their photos as files, (sketch, photo) each"
    folder.mkdir(parents=True)
    pairs = [(folder/f'{i}-sketch.png', folder/f'{i}.jpg') for i in range(n)]
    for (sketch, photo), s in zip(pairs, collection.sketches.itertuples()):
        Image.fromarray(collection.sketch_pixels[s.row]).save(sketch)
        Image.fromarray(collection.photo_pixels[s.photo_row]).save(photo, quality=95)
    return pairs


def bare_looks(eye, n:int, batch:int=8):
    "F alone on n pictures in all their views, tensors that are ready, as a function without arguments"
    encoder, side = eye.system.encoder, eye.system.size
    x = torch.rand(eye.views*min(batch, n), 3, side, side).contiguous(memory_format=torch.channels_last)
    @torch.no_grad()
    def look():
        for _ in range(0, n, batch): encoder(encoder.maps(x))
    return look


@torch.no_grad()
def look_one_by_one(eye, files:list):
    "The loop that people write: open, resize, look, the next one"
    encoder, side, found = eye.system.encoder, eye.system.size, []
    for file in files:
        picture = Image.open(file).convert('RGB').resize((side, side), Image.BICUBIC)
        x = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float()/255
        features = encoder(encoder.maps(torch.cat([x, x.flip(-1)][:eye.views])))
        found.append(project(eye.system.params, features, PHOTO))
    return torch.stack(found)


def without_index(shop):
    "The same retriever, which looks at all embeddings"
    what = f'still {shop.step}'
    card, (parts, _) = shop.known[what]
    return shop._with(known=shop.known | {what: (card, (parts, None))})


def kept_rows(shop, pixels, batch:int=8):
    "What an index keeps of photos, (n, views*d)"
    def one(x):
        features = features_of_pictures(shop.eye, x)
        return (features if shop.kept == 'features' else project(shop.eye.system.params, features, PHOTO)).flatten(1)
    return torch.cat([one(pixels[i:i+batch]) for i in range(0, len(pixels), batch)])
