"""Measure the page through the page: accuracies on unseen emoji against the rows of Python, times, download.

    python .ci/through_page.py      # writes outputs/bench/page.csv; needs Chromium, playwright and npm
"""
import functools, http.server, json, shutil, statistics, tempfile, threading
from pathlib import Path

from playwright.sync_api import sync_playwright

from afgsbir.core import command, load_rows, outputs_root
from afgsbir.pairs import load_collection
from afgsbir.race import row, save_bench
from afgsbir.retriever import Retriever
from afgsbir.tasks import draws_of, tasks_of, with_pairs
from page import build

KS, DRAWS, LOSS = (1, 5, 10), 20, .25

ASK = """async ([kind, first, sketches, draws]) => {
  const ids = []
  for (const [i, hand] of sketches) ids.push((await tryIt.work('stored', { kind, i, hand })).id)
  const scope = tryIt.facts().kinds[kind].photos.map((_, i) => first+i), m = scope.length
  const rank = (scores, n, own) => { let ahead = 0
    for (let j = 0; j < m; j++) if (scores[n*m+j] >= scores[n*m+own]) ahead++
    return ahead }
  const ranks = []
  for (const { support, query } of draws) {
    const pairs = support.map(s => [ids[s], first+sketches[s][0]])
    const { before, after } = await tryIt.work('ask', { ids: query.map(q => ids[q]), scope, pairs })
    ranks.push([before, after].map(t => query.map((q, n) => rank(t.scores, n, sketches[q][0]))))
  }
  await tryIt.work('keep', { ids: [], until: Math.max(...ids) })
  return ranks
}"""

TIME = """async () => {
  const stroke = () => [...Array(40).keys()].map(i => [9*i*Math.random(), 300*Math.random()])
  const { drew, keep, adapt, suggest } = tryIt.does, took = { before: [], after: [] }
  const times = async when => { for (let i = 0; i < 12; i++) {
    const start = performance.now()
    await drew([stroke()])
    if (i > 2) took[when].push(performance.now()-start)
  } }
  await times('before')
  for (let i = 0; i < 5; i++) { suggest(); await drew([stroke()]); keep() }
  const start = performance.now()
  await adapt()
  const first = performance.now()-start
  await times('after')
  return { ...took, adapt: first }
}"""


def accuracies(page, collection, tasks):
    "Rows of task, k, step and acc@1, 5, 10, as `evaluate` has them"
    hands, first, rows = collection.sketches.set_index('row').sketcher, 0, []
    for kind, task in enumerate(tasks):
        sketches = [(own, hands[s]) for s, own in zip(task.sketches.tolist(), task.own.tolist())]
        draws = [dict(support=s.tolist(), query=q[v].tolist())
                 for k in KS for s, q, v in zip(*draws_of(task, k, DRAWS))]
        ranks = page.evaluate(ASK, [kind, first, sketches, draws])
        for n, k in enumerate(KS):
            for i, step in enumerate(('before', 'after')):
                some = [both[i] for both in ranks[n*DRAWS:(n+1)*DRAWS]]
                share = lambda q: statistics.mean(statistics.mean(r <= q for r in one) for one in some)
                rows.append(dict(task=task.name, k=k, step=step) | {f'acc@{q}': share(q) for q in (1, 5, 10)})
        first += len(task.gallery)
        print(task.name, rows[-1], flush=True)
    return rows


def compared(found):
    "Lines of a benchmark: each mean over tasks beside the row of Python, and the largest difference of a task"
    shop, door = Retriever.from_pretrained('emoji'), load_rows('door/emoji')
    door = door[(door.placement == 'asis') & (door.gallery_of == 'category') & (door.gallery == 'with')]
    for k in KS:
        for when, step in (('before', shop.before), ('after', shop.step)):
            there = door[(door.k == k) & (door.step == step)].set_index('task')
            here = {r['task']: r for r in found if (r['k'], r['step']) == (k, when)}
            for q in ('acc@1', 'acc@10'):
                ours, theirs = (statistics.mean(t) for t in ([here[t][q] for t in here], [there[q][t] for t in here]))
                most = max(abs(here[t][q]-there[q][t]) for t in here)
                case = f'unseen emoji, k = {k}, {when} adapting'
                yield row('page', case, 'page', q, 100*ours, '%')
                yield row('page', case, 'Python', q, 100*theirs, '%', ratio=ours/theirs)
                what, told = f'largest difference of a category, {q}', dict(ratio=LOSS/(100*most), target=1)
                yield row('page', case, f'limit: {LOSS} points', what, 100*most, 'points', **told)


def measured(folder):
    "All lines of the page"
    build(folder)
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_): pass
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as p:
        page = p.chromium.launch(executable_path=shutil.which('chromium'), args=['--no-sandbox']).new_page()
        page.goto(f'http://127.0.0.1:{server.server_port}/index.html')
        page.wait_for_selector('#main:not([inert])', timeout=300_000)
        took = page.evaluate(TIME)
        for when in ('before', 'after'):
            t = statistics.median(took[when])
            what = f"stroke's end to ten tiles, {when} adapting"
            told = dict(ratio=300/t, repeats=9, target=1)
            yield row('page', '451 photos, one thread', 'limit: 300 ms', what, t, 'ms', **told)
        yield row('page', '451 photos, one thread', 'page', 'five pairs to first answer', took['adapt'], 'ms')
        sizes = json.loads((Path(folder)/'page.json').read_text())['bytes']
        ours = sum(n for f, n in sizes.items() if not f.startswith(('drawn', 'ort')))/1e6
        runtime = sum(n for f, n in sizes.items() if f.startswith('ort'))/1e6
        for parts, size in (('network, M, rule, gallery, photos, scripts', ours),
                            ('all, with ONNX Runtime Web', ours+runtime)):
            yield row('page', parts, 'limit: 8 MB', 'download', size, 'MB', ratio=8/size, target=1)
        collection = load_collection('emoji')
        yield from compared(accuracies(page, collection, with_pairs(tasks_of(collection, 'test'), max(KS))))


def main():
    with tempfile.TemporaryDirectory() as folder: rows = list(measured(folder))
    save_bench(rows, outputs_root()/'bench'/'page.csv')
    for r in rows: print(f'{r["case"]:45s} {r["peer"]:35s} {r["metric"]:40s} {r["value"]:.4g} {r["unit"]}')


if __name__ == '__main__': command(main)
