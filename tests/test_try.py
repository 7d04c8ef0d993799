"The page that adapts in a browser: the numbers of Python, and a person who draws, gives examples, adapts and undoes."
import base64, functools, gzip, http.server, io, json, math, re, shutil, subprocess, sys, threading

import numpy as np, pandas as pd, pytest, torch
from PIL import Image

from afgsbir.asking import compare_views
from afgsbir.base import projections
from afgsbir.baselines import rule_of
from afgsbir.core import InputError, repo_root
from afgsbir.drawings import FILL, INK, LARGEST, LINE, PAPER, as_photo, as_sketch
from afgsbir.pairs import load_collection
from afgsbir.retriever import Retriever, _nobody
from afgsbir.tasks import Support, tasks_of

ROOT = repo_root()
sys.path.insert(0, str(ROOT/'.ci'))
NODE, CHROMIUM = shutil.which('node'), shutil.which('chromium') or shutil.which('chromium-browser')
needs_node = pytest.mark.skipif(not NODE, reason='no node on this machine: JavaScript is not run')


def node(*args, **options): return subprocess.run([NODE, *args], capture_output=True, text=True, timeout=120, **options)


@needs_node
def test_units():
    done = node('--test', *map(str, (ROOT/'tests/try').glob('*.test.mjs')))
    assert done.returncode == 0, done.stdout


@needs_node
def test_types():
    "The types in the comments of the page's JavaScript hold"
    from page import from_npm
    try: compiler = from_npm('typescript@5.9.3', ['lib/*tsc.js', 'lib/lib.*.d.ts', 'package.json'])
    except InputError as e: pytest.skip(f'no TypeScript: {e}')
    done = node(str(compiler/'tsc.js'), '-p', str(ROOT/'tests/try/tsconfig.json'))
    assert done.returncode == 0, done.stdout


def test_a_folder_of_somebody_stays(tmp_path):
    from page import build
    (tmp_path/'mine').write_text('x')
    for to in (tmp_path, tmp_path/'mine'):
        with pytest.raises(InputError, match='holds something else'): build(to)
    assert (tmp_path/'mine').read_text() == 'x'


SAME = """
import { readFileSync } from 'node:fs'
const { drawn, photoOf, sketchOf } = await import(process.argv[1])
const { ways, strokes, pictures } = JSON.parse(readFileSync(0))
const made = [...strokes.map(s => drawn(s.strokes, ways, s.line)), ...pictures.map(p => {
  const im = { ...p, data: Buffer.from(p.data, 'base64') }
  return p.kind === 'photo' ? photoOf(im, ways) : sketchOf(im, { ...ways, placement: p.kind })
})]
console.log(JSON.stringify(made.map(m => [...m])))
"""


def pictures(chance):
    "Drawings and photos on white, transparent, shaded and dark paper"
    white = np.full((300, 200, 4), 255, np.uint8); white[100:150, 50:120, :3] = 20
    clear = np.zeros((200, 260, 4), np.uint8); clear[50:60, 40:200] = 255
    dark = clear.copy(); dark[90:96, 40:200] = 0, 0, 0, 200
    shaded = np.full((240, 320, 3), [200, 190, 170])+chance.normal(0, 2, (240, 320, 3))
    shaded = shaded+np.linspace(-20, 20, 320)[:, None]; shaded[100:108, 60:250] = 40, 30, 90
    board = np.full((320, 1300, 3), 30.)+chance.normal(0, 1, (320, 1300, 3)); board[150:180, 200:1000] = 230
    tall = np.full((220, 200, 3), 255); tall[30:180, 60:97] = 0  # an odd rest
    every = white, clear, dark, shaded, board, tall, tall.swapaxes(0, 1)
    return [Image.fromarray(a.clip(0, 255).astype(np.uint8)) for a in every]


@needs_node
def test_same_bytes():
    "Strokes and pictures become the very bytes that Python makes of them"
    from afgsbir.browser import WIDTHS, _stamp
    chance = np.random.default_rng(0)
    ways = dict(side=128, fill=FILL, line=LINE, ink=INK, paper=PAPER, largest=LARGEST)
    ways |= dict(stamps={w: _stamp(w) for w in WIDTHS})
    def scribble(i):
        walk = lambda: (chance.random((chance.integers(1, 30), 2)).cumsum(0)*10).tolist()
        zigzag = lambda: chance.integers(0, 320, (chance.integers(1, 9), 2)).tolist()
        return [(walk if i % 2 else zigzag)() for _ in range(chance.integers(1, 6))]
    strokes = [dict(strokes=scribble(i), line=LINE*[1, .7, 1.6, 2.4][i % 4]) for i in range(24)]
    wanted, told = [as_sketch(s['strokes'], 128, line=s['line']) for s in strokes], []
    for im in pictures(chance):
        for kind in ('asis', 'centred', 'photo'):
            data = base64.b64encode(im.convert('RGBA').tobytes()).decode()
            told.append(dict(kind=kind, width=im.width, height=im.height, data=data))
            wanted.append(as_photo(im, 128) if kind == 'photo' else as_sketch(im, 128, kind))
    given = json.dumps(dict(ways=ways, strokes=strokes, pictures=told))
    done = node('--input-type=module', '-e', SAME, str(ROOT/'nbs/try/drawing.js'), input=given)
    assert done.returncode == 0, done.stderr
    for i, (found, w) in enumerate(zip(json.loads(done.stdout), wanted, strict=True)):
        assert (np.array(found) == w.ravel()).all(), i


@pytest.fixture(scope='module')
def address(tmp_path_factory):
    "The page under a sub-path of Python's own server"
    if not CHROMIUM: pytest.skip('no Chromium on this machine: the page is not opened')
    pytest.importorskip('playwright', reason='playwright is not installed: the page is not opened')
    from page import build
    place = tmp_path_factory.mktemp('site')
    try: build(place/'some/where/try')
    except InputError as e: pytest.skip(f'the page was not built: {e}')
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_): pass
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=place))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}/some/where/try/index.html'
    server.shutdown()


@pytest.fixture(scope='module')
def chromium():
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        yield browser
        browser.close()


def opened(chromium, address, ready=True, before='', **options):
    "A page, and what went wrong on it: errors, and requests to another host"
    page, wrong = chromium.new_page(**options), []
    page.on('console', lambda m: wrong.append(m.text) if m.type in ('error', 'warning') else None)
    page.on('pageerror', lambda e: wrong.append(str(e)))
    home = address.split('/some')[0]
    page.on('request', lambda r: None if re.match(rf'{home}|data:|blob:', r.url) else wrong.append(r.url))
    if before: page.add_init_script(before)
    page.goto(address)
    if ready: page.wait_for_selector('#main:not([inert])', timeout=120_000)
    return page, wrong


FACE = [[(.5+.3*math.cos(a/10*math.pi), .55+.25*math.sin(a/10*math.pi)) for a in range(21)],
        [(.3, .35), (.25, .15), (.42, .32)], [(.7, .35), (.75, .15), (.58, .32)]]


def draw(page, strokes=FACE, touch=None):
    "Draw with the mouse, or with a finger where a session of Chromium's protocol is given"
    page.locator('#sheet').scroll_into_view_if_needed()
    box = page.locator('#sheet').bounding_box()
    for stroke in strokes:
        at = [(box['x']+x*box['width'], box['y']+y*box['height']) for x, y in stroke]
        if touch:
            points = [('touchStart', at[:1]), *(('touchMove', [p]) for p in at[1:]), ('touchEnd', [])]
            for kind, some in points:
                told = dict(type=kind, touchPoints=[dict(x=x, y=y) for x, y in some])
                touch.send('Input.dispatchTouchEvent', told)
        else:
            page.mouse.move(*at[0]); page.mouse.down()
            for x, y in at[1:]: page.mouse.move(x, y, steps=3)
            page.mouse.up()


def names(page, which='before'): return page.locator(f'#{which} .tile').all_inner_texts()


def answered(page, was):
    "Wait until another ranking is there"
    page.wait_for_selector('#before .tile', timeout=60_000)
    for _ in range(300):
        if (now := names(page)) != was: return now
        page.wait_for_timeout(100)
    raise AssertionError('no other ranking in 30 s')


def ranked(page, when):
    "What a list must show, from the scores that the page holds"
    rows, scores = page.evaluate(f'(({{ told }}) => [told.rows, [...told.{when}.scores]])(tryIt.state())')
    labels = page.evaluate('tryIt.facts().kinds.flatMap(k => k.photos)')
    best = np.argsort(-np.array(scores), kind='stable')[:10]
    return [f'{n+1} {re.sub("[_-]+", " ", labels[rows[b]])}' for n, b in enumerate(best)], [rows[b] for b in best]


def settled(page):
    "Wait until the last stroke is answered, not only those before it"
    page.wait_for_timeout(50)
    while not page.evaluate('tryIt.idle()'): page.wait_for_timeout(50)


def fit_for_all(page):
    "axe-core finds nothing serious"
    from page import from_npm
    page.evaluate((from_npm('axe-core@4.14.1', ['axe.min.js'])/'axe.min.js').read_text())
    told = 'v => [v.impact, v.id, v.nodes.map(n => n.html).slice(0, 3)]'
    found = page.evaluate(f'axe.run().then(r => r.violations.map({told}))')
    assert not [v for v in found if v[0] in ('serious', 'critical')], found


class Reference:
    "What Python answers to 50 fixed sketches among all unseen photos: before, after five pairs, after one"
    def __init__(self):
        shop, emoji = Retriever.from_pretrained('emoji', device='cpu'), load_collection('emoji')
        tasks, self.system, hands = tasks_of(emoji, 'test'), shop.eye.system, sorted(emoji.sketches.sketcher.unique())
        z = projections(self.system.params, self.system.features(emoji, tasks, shop.eye.views), tasks)
        rows, row_of = torch.cat([t.gallery for t in tasks]), emoji.sketches.set_index(['photo_row', 'sketcher']).row
        places = [(k, i) for k, t in enumerate(tasks) for i in range(len(t.gallery))]
        self.own = list(range(0, 440, 95))                                     # photos of the pairs
        asked = [(at, hands[n % 4]) for n, at in enumerate(range(3, 451, 9))]
        shown = [(at, 'openmoji') for at in self.own]
        self.asked, self.shown = ([(*places[at], hand) for at, hand in some] for some in (asked, shown))
        self.rows = [row_of[int(rows[at]), hand] for at, hand in asked+shown]  # of the pairs' sketches last
        self.pixels, self.gallery = emoji.sketch_pixels[self.rows], z.photos[rows]
        self.z, self.photos, self.shop = z.sketches[torch.tensor(self.rows)], emoji.photo_pixels[rows], shop
        nobody = _nobody(*self.gallery.shape[1:])._replace(gallery=self.gallery)
        self.cases = [(shop.before, nobody, 50), (shop.step, self.support(5), 50), (shop.step, self.support(1), 1),
                      (shop.step, self.support(2), 1)]

    def support(self, k):
        own = torch.tensor(self.own[:k])
        return Support(self.z[None, 50:50+k], self.gallery[own][None], own[None], self.gallery)

    def agrees(self, embedded, scores, case):
        "Embeddings within 1e-3, the same ten photos, in order but for ties"
        step, given, n = self.cases[case]
        with torch.no_grad():
            adapted = rule_of(self.system, step)(given)
            queries, photos = adapted.queries(self.z[:n]), adapted.photos(self.gallery)
            wanted = compare_views(queries, photos)[0]
        queries = queries[0, ..., :self.gallery.shape[-1]]
        assert (torch.as_tensor(embedded).view_as(queries)-queries).abs().max() < 1e-3
        best, theirs = (s.view(n, -1).argsort(descending=True, stable=True)[:, :10] for s in (scores, wanted))
        assert (best.sort().values == theirs.sort().values).all(1).sum() >= max(1, n-1)     # one may end in a tie
        assert (wanted.gather(1, best)-wanted.gather(1, theirs)).abs().max() < 2e-4


    def step_of(self, case):
        "What the step did to hubs, and how far it moved"
        from afgsbir.browser import Shown
        step, given, _ = self.cases[case]
        pairs = (given.sketch[0], given.photo[0]) if case else (self.z[:1], self.gallery[:1])
        with torch.no_grad():
            bank = [t for t in self.system.bank if t is not None]
            return Shown(rule_of(self.system, step).func, bool(case))(self.gallery, *pairs, bank)[1:]

    def reason(self, case, at):
        "Which cells speak for one photo in the first sketch, and which of the photo for it"
        from afgsbir.browser import Look, Why
        look, (step, given, _) = Look(self.shop.eye).eval(), self.cases[case]
        pixels = np.repeat(self.pixels[:1, ..., None], 3, -1), self.photos[at:at+1]
        with torch.no_grad():
            adapted = rule_of(self.system, step)(given)
            query, photos = adapted.queries(self.z[:1])[0], adapted.photos(self.gallery)[0]
            d, cells = self.gallery.shape[-1], [look(torch.from_numpy(p))[2] for p in pixels]
            return Why()(*cells, query[..., :d], photos[..., :d], self.system.bank[0], torch.tensor([at]))


@pytest.fixture(scope='module')
def reference(): return Reference()


def test_graphs(reference):
    "The graphs in ONNX Runtime, without a browser"
    ort = pytest.importorskip('onnxruntime', reason='onnxruntime is not installed: the graphs are not run')
    pytest.importorskip('onnxscript', reason='onnxscript is not installed: nothing is traced')
    from afgsbir.browser import page_files
    opened = lambda name: ort.InferenceSession(gzip.decompress((page_files()/f'{name}.onnx.gz').read_bytes()))
    def run(graph, **given):
        session = opened(graph)
        names = [o.name for o in session.get_outputs()]
        return dict(zip(names, session.run(None, {i.name: given[i.name] for i in session.get_inputs()})))
    look, known = opened('look'), run('known', on=np.zeros(1, np.float32))
    seen = lambda gray: look.run(['sketch'], dict(pixels=np.repeat(gray[None, ..., None], 3, -1)))[0]
    z = np.concatenate([seen(p) for p in reference.pixels])
    photos = known['gallery'][reference.own]
    for case, (name, k, n) in enumerate((('before', 0, 50), ('several', 5, 50), ('one', 1, 1))):
        given = known | dict(query=z[:n], sketch=z[50:50+k], photo=photos[:k])
        shown = run(f'{name}-shown', **given)
        found = run(f'{name}-asked', **given, photos=shown['photos'])
        reference.agrees(found['queries'], torch.from_numpy(found['scores']), case)
        firsts, moved = reference.step_of(case)
        assert (shown['firsts'] != firsts.numpy()).sum() <= 4 and abs(shown['moved']-moved.item()) < 1e-3


def test_numbers(chromium, address, reference):
    "The same in the page, with the drawings that it stores"
    page, wrong = opened(chromium, address)
    told = page.evaluate("""async ([asked, shown, own]) => {
      const look = async ([kind, i, hand]) => (await tryIt.work('stored', { kind, i, hand })).id
      const ids = [], pairs = [], scope = tryIt.scope()
      for (const d of asked) ids.push(await look(d))
      for (const [n, s] of shown.entries()) pairs.push([await look(s), own[n]])
      const plain = t => ({ embedded: [...t.embedded], scores: [...t.scores], moved: t.moved, firsts: t.firsts })
      const { before, after } = await tryIt.work('ask', { ids, scope, pairs })
      const few = []
      for (const k of [1, 2]) {
        few.push(await tryIt.work('ask', { ids: ids.slice(0, 1), scope, pairs: pairs.slice(0, k) }))
      }
      const { drawn, shown: photo } = await tryIt.work('why', { n: few[1].n, row: own[2], at: own[2] })
      const stale = await tryIt.work('why', { n: few[0].n, row: own[2], at: own[2] })
      return [[before, after, ...few.map(t => t.after)].map(plain), [[...drawn], [...photo]], stale]
    }""", [reference.asked, reference.shown, reference.own])
    told, said, stale = told
    for ours, theirs in zip(said, reference.reason(3, reference.own[2])):
        assert (torch.tensor(ours)-theirs.flatten()).abs().max() < .02*theirs.abs().max()
    assert stale is None                                       # two pairs were asked since
    for case, t in enumerate(told): reference.agrees(torch.tensor(t['embedded']), torch.tensor(t['scores']), case)
    assert told[0]['moved'] == 0 and told[1]['moved'] > .01
    assert sum(told[1]['firsts']) == len(reference.system.bank.sketch) and not wrong
    page.close()


def test_mouse(chromium, address, reference):
    "Draw, five examples, adapt, compare, undo, reload"
    page, wrong = opened(chromium, address, viewport=dict(width=1400, height=900), color_scheme='light')
    fit_for_all(page)
    draw(page)
    first = answered(page, [])
    assert len(first) == 10 and first[0].startswith('1 ')
    page.click('#undo')
    second = answered(page, first)
    page.select_option('#scope', label='animal, mammal (63)')
    answered(page, second)
    for i in range(5):
        page.click('#suggest')
        draw(page, [[(x+i/50, y) for x, y in stroke] for stroke in FACE[:1+i % 3]])
        settled(page)
        page.click('#keep')
        settled(page)
        assert page.locator('#pairs li').count() == i+1 and not names(page)              # the sheet is free again
    draw(page)
    answered(page, [])
    settled(page)
    shown, rows = ranked(page, 'before')
    assert names(page) == shown
    seen = Image.open(io.BytesIO(page.locator('#before .tile .pic').nth(3).screenshot())).convert('RGB')
    seen, some = np.asarray(seen.resize((128, 128)), float), [*rows, *range(0, 400, 40)]
    far = [np.abs(seen-reference.photos[r]).mean() for r in some]
    assert np.argmin(far) == 3 and far[3] < 8                    # the photo is the one that is named
    page.locator('#before .tile').nth(3).click()
    page.wait_for_selector('#reason:not([hidden])')
    was = names(page)
    page.click('#adapt')
    page.wait_for_selector('#did:not([hidden])', timeout=60_000)
    assert len(names(page, 'after')) == 10 and float(page.inner_text('#moved')) > 0
    settled(page)
    place, then = map(int, re.search(r'place (\d+), then (\d+) of 63', page.inner_text('#meant')).groups())
    assert place == 4 and page.locator('#before .tile[aria-pressed=true]').count() == 1
    assert names(page, 'after') == ranked(page, 'after')[0] and names(page) == was
    word = 'helped' if then < place else 'hurt' if then > place else 'left'
    assert page.inner_text('#verdict').startswith(f'Adapting {word} ')
    firsts = np.array(page.evaluate('(({ before, after }) => [before.firsts, after.firsts])(tryIt.state().told)'))
    told = [int(page.inner_text(f'#{which}')) for which in ('lost', 'gained')]
    assert told == [(firsts[1] < firsts[0]).sum(), (firsts[1] > firsts[0]).sum()]
    assert 'row' in page.get_attribute('#why-drawn', 'aria-label')
    fit_for_all(page)
    page.click('#forget')
    page.wait_for_selector('#later', state='hidden')
    assert page.is_hidden('#did') and names(page) == was
    assert page.evaluate("tryIt.work('keep', { ids: [], until: -1 })") <= 6      # five pairs' drawings and this one
    page.locator('#pairs button').first.press('Enter')                                   # the focus goes to the next
    assert page.locator('#pairs li').count() == 4 and page.evaluate("document.activeElement.matches('#pairs button')")
    page.select_option('#scope', label='drink (20)')
    settled(page)
    page.click('#teach')                                                                 # of what is asked now
    page.wait_for_selector('#did:not([hidden])', timeout=60_000)
    assert page.locator('#pairs li').count() == 10
    page.reload()
    page.wait_for_selector('#main:not([inert])', timeout=120_000)
    assert page.locator('#pairs li').count() == 0 and not page.context.cookies()
    assert page.evaluate('localStorage.length + sessionStorage.length') == 0
    assert not wrong
    page.close()


def test_finger(chromium, address):
    "A narrow, dark screen that is touched; a stored hand is adapted to"
    page, wrong = opened(chromium, address, viewport=dict(width=390, height=844), color_scheme='dark', has_touch=True)
    draw(page, touch=page.context.new_cdp_session(page))
    answered(page, [])
    settled(page)
    assert len(page.evaluate('tryIt.state().drawing.grey')) == 128*128
    # a tap after strokes that the protocol sends arrives, but headless Chromium often makes no click of it
    page.click('#take'); page.wait_for_selector('#reason:not([hidden])', timeout=60_000)
    page.click('#teach'); page.wait_for_selector('#did:not([hidden])', timeout=60_000)
    rows = page.evaluate('(({ meant, pairs }) => [meant, ...pairs.map(p => p.row)])(tryIt.state())')
    ends = np.cumsum(page.evaluate('tryIt.facts().kinds.map(k => k.photos.length)'))
    assert len({*np.searchsorted(ends, rows, 'right')}) == 1 and len({*rows}) == 11      # of one kind, each once
    emoji, hand = load_collection('emoji'), page.input_value('#hand')
    of = torch.cat([t.gallery for t in tasks_of(emoji, 'test')])
    pixels = emoji.sketches.set_index(['photo_row', 'sketcher']).row
    for row, grey in zip(rows[1:], page.evaluate('tryIt.state().pairs.map(p => [...p.grey])')):
        assert grey == emoji.sketch_pixels[pixels[int(of[row]), hand]].ravel().tolist()
    first, last = page.evaluate('tryIt.facts().hands.slice(0, 2)')
    held = []
    page.route(f'**/drawn-*-{first}.webp', lambda r: held.append(r))
    page.select_option('#scope', label='drink (20)')
    for other in (first, last): page.select_option('#hand', other); page.click('#teach')
    page.wait_for_selector(f'#count:has-text("by {last}")', timeout=60_000)
    for r in held: r.continue_()
    settled(page)
    hands = page.evaluate('tryIt.state().pairs.map(p => p.hand)')
    assert {*hands} == {last}                                    # the hand that was asked for last
    assert page.locator('#pairs li').count() == 10 and page.evaluate('document.documentElement.scrollWidth') == 390
    fit_for_all(page)
    assert not wrong
    page.close()


def test_keys(chromium, address):
    "Everything by keys alone"
    page, wrong = opened(chromium, address)
    key = page.keyboard.press
    def reach(wanted):
        for _ in range(60):
            key('Tab')
            if page.evaluate(f"document.activeElement?.matches('{wanted}')"): return
        raise AssertionError(f'{wanted}: no key leads there')
    reach('#sheet')
    corner = *['ArrowRight']*6, *['ArrowDown']*6
    for way in ('Space', *corner, 'Space', 'ArrowLeft', 'Space', *['ArrowUp']*4, 'Space'): key(way)
    first = answered(page, [])
    key('Backspace')
    answered(page, first)
    reach('#before .tile'); key('Enter')
    page.wait_for_selector('#reason:not([hidden])')
    assert page.evaluate("document.activeElement.matches('#before .tile[aria-pressed=true]')")    # the focus stays
    reach('#keep'); key('Enter')
    page.wait_for_selector('#pairs li')
    assert page.evaluate('document.activeElement.id') == 'sheet'                          # ready for the next
    for way in ('Space', *corner, 'Space'): key(way)
    answered(page, [])
    settled(page)
    reach('#before .tile'); key('Enter')
    reach('#adapt'); key('Enter')
    page.wait_for_selector('#did:not([hidden])', timeout=60_000)
    assert page.locator('#pairs li').count() == 1
    assert page.inner_text('#spoken').startswith('Nearest: 1 ')
    reached = {page.evaluate('document.activeElement.id') for _ in range(60) if key('Tab') is None}
    assert reached >= {*'sheet clear width suggest open scope add adapt forget hand teach take'.split()}
    reach('#forget'); key('Enter')
    page.wait_for_selector('#did', state='hidden')
    assert not wrong
    page.close()


def test_files(chromium, address, tmp_path):
    "Somebody's own photo joins the gallery, their drawing is read as Python reads it, what is no picture is refused"
    photo, drawing, text = tmp_path/'my cat.png', tmp_path/'drawing.png', tmp_path/'notes.png'
    square = np.full((90, 140, 3), 240, np.uint8); square[20:70, 30:60] = 200, 40, 30
    Image.fromarray(square).save(photo)
    pictures(np.random.default_rng(0))[3].save(drawing)
    text.write_text('no picture')
    page, wrong = opened(chromium, address)
    page.set_input_files('#add', photo)
    page.wait_for_selector('#own:has-text("1 of yours")', timeout=60_000)
    page.set_input_files('#open', drawing)
    answered(page, [])
    grey = np.array(page.evaluate('tryIt.state().drawing.grey'))
    assert (grey == as_sketch(drawing, 128).ravel()).all()
    assert len(page.evaluate('tryIt.scope()')) == 452
    Image.new('L', (5700, 5700)).save(tmp_path/'huge.png')
    page.set_input_files('#open', tmp_path/'huge.png')
    page.wait_for_selector('#trouble:has-text("5700 x 5700")', timeout=60_000)
    dropped = """async ([place, bytes]) => {
      const given = new DataTransfer()
      const over = new DragEvent('drop', { dataTransfer: given, bubbles: true, cancelable: true })
      given.items.add(new File([Uint8Array.from(bytes)], 'a dog.png', { type: 'image/png' }))
      document.querySelector(place).dispatchEvent(over)
      return over.defaultPrevented
    }"""
    assert page.evaluate(dropped, ['footer', list(photo.read_bytes())])             # beside: the page stays as it is
    assert page.evaluate(dropped, ['#ranks', list(photo.read_bytes())])
    page.wait_for_selector('#own:has-text("2 of yours")', timeout=60_000)
    assert len(page.evaluate('tryIt.scope()')) == 453
    emoji = load_collection('emoji')
    Image.fromarray(emoji.photo_pixels[tasks_of(emoji, 'test')[0].gallery[5]]).save(tmp_path/'twin.png')
    page.set_input_files('#add', tmp_path/'twin.png')                               # one that is there already
    page.wait_for_selector('#own:has-text("3 of yours")', timeout=60_000)
    settled(page)
    scores = page.evaluate('Array.from(tryIt.state().told.before.scores)')
    assert len(scores) == 454 and abs(scores[453]-scores[5]) < 1e-3 < abs(scores[453]-scores[6])
    page.set_input_files('#open', text)
    page.wait_for_selector('#trouble:not([hidden])')
    assert 'notes.png' in page.inner_text('#trouble') and '\n' not in page.inner_text('#trouble')
    assert not wrong
    page.close()


def test_told():
    "The numbers that the page tells are means over categories of the rows it stands for"
    from page import measured
    usual, rates = dict(gallery='with', k=5), iter(range(1, 99))
    cases = [(of, placed, step) for of in ('any', 'mixed', 'category') for placed in ('asis', 'centred')
             for step in ('csls', 'centre') for _ in range(2)]
    rows = [usual | {'acc@1': next(rates)/100} | dict(zip(('gallery_of', 'placement', 'step'), case)) for case in cases]
    others = [rows[0] | o | {'acc@1': 9.} for o in (dict(gallery='without'), dict(k=1))]
    found = measured(pd.DataFrame(rows+others), 'csls', 'centre')
    assert {of: pytest.approx(np.array(told)) for of, told in found.items()} == dict(
        any=np.array([[1.5, 3.5], [5.5, 7.5]]), mixed=np.array([[9.5, 11.5], [13.5, 15.5]]),
        category=np.array([[17.5, 19.5], [21.5, 23.5]]))
    assert measured(pd.DataFrame(), 'csls', 'centre') == {}


def test_without_webassembly(chromium, address):
    page, wrong = opened(chromium, address, ready=False, before='delete globalThis.WebAssembly')
    page.wait_for_selector('#trouble:not([hidden])')
    said = page.inner_text('#trouble')
    assert 'WebAssembly' in said and '\n' not in said and not wrong
    page.close()
