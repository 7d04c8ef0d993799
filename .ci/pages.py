"Pages made from files: every run, how to reproduce, where data come from, what was read, what changed."
import html, json, re, subprocess
from pathlib import Path

import yaml

from afgsbir import __version__
from afgsbir.core import SETTING, load_rows, outputs_root

ROOT = Path(__file__).resolve().parents[1]
CODE, HOME = 'https://github.com/afgsbir/afgsbir', 'https://afgsbir.github.io/afgsbir'


def front(title, description, more=''): return f'---\ntitle: "{title}"\ndescription: "{description}"\n{more}---\n\n'


def raw(told): return f'```{{=html}}\n{told}\n```\n'


def manifests(root=None):
    "run -> what its `params.yaml` says"
    root = Path(root or outputs_root())
    files = [f for f in sorted(root.rglob('params.yaml')) if not {'demo', 'smoke'} & set(f.relative_to(root).parts)]
    return {f.parent.relative_to(root).as_posix(): yaml.load(f.read_text(), yaml.CSafeLoader) for f in files}


def asks(run): return run.startswith(('test/', 'door/'))      # other runs' rows are of other kinds


def scores(run, root=None):
    "Acc@1 of a run in percent by method, k = 5 (or the nearest k), in the paper's setting where it has it"
    if not asks(run): return {}
    rows = load_rows(run, root=root)
    if not len(rows): return {}
    k = min(rows.k.unique(), key=lambda k: abs(k-5))
    rows = rows[(rows.k == k) & rows.protocol.eq('disjoint') & rows.gallery.eq('with')]
    for name, value in SETTING.items():
        if rows[name].eq(value).any(): rows = rows[rows[name] == value]
    return (100*rows.groupby('method', sort=False)['acc@1'].mean()).to_dict()


def seeds(run):
    given = run['parameters']
    return given.get('seeds', [given['seed']] if 'seed' in given else [])


def short(params):
    "The parameters that tell runs apart"
    wanted = ('base', 'dataset', 'trained_on', 'collection', 'split', 'by', 'fold', 'leave', 'system')
    return ', '.join(f'{n} {params[n]}' for n in wanted
                     if isinstance(params.get(n), (str, int)) and params[n] not in ('', -1))


RUNS = """{} runs stand in `outputs/`, each with its parameters, the commit it was run at (`+`: with changes that were
not committed) and what it took. A name leads to all of it, and to the notebook as executed where one was kept.
A score is Acc@1 in percent, its mean over tasks and seeds: five pairs are shown (or the nearest number), other photos
are asked, in the paper's setting where the run has it. What may be concluded from differences stands in
[Results](nbs/50_results.ipynb) alone. A click on a heading sorts.

"""


def line(name, run, found):
    "A run as a row of the listing"
    best = sorted(found.items(), key=lambda f: -f[1])
    told = ', '.join(f'{m} {v:.1f}' for m, v in best[:2])
    seconds = run.get('wall_seconds')
    cells = [(f'<a href="runs/{name}.html">{html.escape(name)}</a>', name), (run['notebook'][:2], run['notebook'][:2]),
             (html.escape(short(run['parameters'])), ''), (html.escape(told), f'{best[0][1]:.2f}' if best else '-1'),
             (', '.join(map(str, seeds(run))), len(seeds(run))), (f'{seconds:,.0f}' if seconds else '', seconds or 0),
             (html.escape(str(run.get('commit', ''))), '')]
    return '<tr>' + ''.join(f'<td data-sort="{html.escape(str(key))}">{cell}</td>' for cell, key in cells) + '</tr>'


def runs_page(runs, found):
    heads = ('run', 'notebook', 'parameters', 'best two of Acc@1', 'seeds', 'seconds', 'commit')
    table = '<table class="sortable"><caption>Every run under <code>outputs/</code></caption><thead><tr>'
    table += ''.join(f'<th scope="col">{h}</th>' for h in heads)
    table += '</tr></thead><tbody>' + '\n'.join(line(n, r, found[n]) for n, r in runs.items()) + '</tbody></table>'
    return front('Runs', 'Every run: its parameters, scores, seeds, seconds and commit.',
                 'page-layout: full\ntoc: false\n') + RUNS.format(len(runs)) + raw(table)


def reproduce():
    "What each target of the Makefile does, from its comments"
    lines = [l for l in (ROOT/'Makefile').read_text().split('\n') if not re.match(r'^(?:[a-z]+: )?[A-Z_]+ *[:?]?=', l)]
    told = []
    for i, l in enumerate(lines):
        target = re.match(r'^([a-z][\w-]*):(?!=)', l)
        if not target or target[1] in ('setup', 'clean', 'cards'): continue
        about = lines[i-1][2:] if lines[i-1].startswith('# ') else ''
        if target[1] == 'test': about = 'set up, run every chapter and pass the tests'
        if target[1] == 'run': about = 'set up, train and adapt on open pictures, print the table, build the site'
        if target[1] == 'data': about = 'draw the open collection, `emoji`'
        if target[1] == 'site': about = 'build these pages'
        told.append(f'| `make {target[1]}` | {about.replace("|", "")} |')
    return front('Reproduce', 'Which command makes which number of this book again.') + f"""
Python 3.11 and two cores are enough; a GPU is used where there is one. Clone [the repository]({CODE}), then:

| command | what it does |
|---|---|
{chr(10).join(told)}

`make runs` and `make primary` make what the tables are read from. A run that is there already is not run again, so
remove its folder under `outputs/` first. Research collections are not part of this project; `make data-research`
reads them from where `AFGSBIR_DATA` points ([Data preparation](data.md)).

One run by hand, with the parameters that its `params.yaml` names, into a folder of another name:

```sh
afgsbir run nbs/41_test.ipynb -f nbs/settings/emoji-test.yaml -p run test/mine
```

The same seed gives the same rows on the same machine with as many threads. Which runs are older than a change, and what
the change touched, stands in [How we know](nbs/60_how_we_know.ipynb).
Page by page, without running anything anew: `make site` builds these pages from the committed outputs.
`make pdf` sets them as one PDF where Quarto is installed. Nobody has run it yet; where Quarto is missing it says so.
"""


def data():
    "What each script of data_prep/ says of its collection"
    told = []
    for file in sorted((ROOT/'data_prep').glob('*.py')):
        found = re.search(r'^# %% \[markdown\]\n((?:#.*\n)+)', file.read_text(), re.M)
        if not found: continue
        text = '\n'.join(l[2:] for l in found[1].rstrip().split('\n'))
        text = re.sub(r'^# ', '## ', text, 1)
        told.append(f'{text}\n\nScript: [`data_prep/{file.name}`]({CODE}/blob/main/data_prep/{file.name}).')
    return front('Data preparation', 'How each collection becomes photos, sketches and pairs.') + """
Each script reads pictures as their authors ship them and writes one collection of the same form: photos, sketches,
which sketch depicts which photo, and the split
([Photos and their sketches](nbs/01_pairs.ipynb)). Only `emoji` comes with the
project; pictures of research collections never do. Folders of your own are brought by
[`afgsbir data`](nbs/07_own.ipynb).

""" + '\n\n'.join(told) + '\n'


def bibliography(bib):
    def links(w):
        known = dict(doi=('https://doi.org/', 'doi:'), eprint=('https://arxiv.org/abs/', 'arXiv:'))
        return ''.join(f' [{name}{w[k]}]({at}{w[k]}).' for k, (at, name) in known.items() if k in w)
    def entry(key, w):
        venue = w.get('booktitle') or w.get('journal') or w.get('publisher', '')
        place = ', '.join(filter(None, (w.get('volume'), w.get('pages', '').replace('--', '–'), w['year'])))
        authors = w['author'].replace(' and ', '; ')
        return f'[]{{#{key}}}\n\n**{w["short"]}.** {w["title"]}. {authors}. *{venue}*, {place}.{links(w)}'
    told = '\n\n'.join(entry(k, w) for k, w in sorted(bib.items(), key=lambda b: b[1]['short']))
    return front('Bibliography', 'What this book cites.') + told + '\n'


def changelog():
    told = (ROOT/'CHANGELOG.md').read_text()
    head = front('Changelog', 'What changed, and which numbers it changed.')
    return head + re.sub(r'^# .*\n', '', told, 1) + versions()


def versions():
    "Where the books of releases stand"
    tags = subprocess.run(['git', 'tag', '-l', 'v*', '--sort=-v:refname'], cwd=ROOT, capture_output=True, text=True)
    links = ''.join(f'- [{tag}]({HOME}/{tag}/)\n' for tag in tags.stdout.split())
    told = f'Each release keeps its book at an address of its own:\n\n{links}' if links else 'Nothing was released yet.'
    return f'\n## Versions {{#versions}}\n\nThis is the book of version {__version__}. {told}\n'


def made(bib):
    "File name -> text of every page that is made"
    runs = manifests()
    return {'runs.md': runs_page(runs, {n: scores(n) for n in runs}), 'reproduce.md': reproduce(), 'data.md': data(),
            'bibliography.md': bibliography(bib), 'changelog.md': changelog()}


def run_told(name, run, folder, up):
    "What stands on a run's own page"
    facts = {'notebook': f'<a href="{up}nbs/{Path(run["notebook"]).stem}.html">{run["notebook"]}</a>',
             'commit': html.escape(str(run.get('commit', ''))), 'seconds': run.get('wall_seconds', ''),
             'Python': run.get('python', ''), 'threads': run.get('threads', '')}
    facts |= {k: html.escape(str(v)) for k, v in run.get('versions', {}).items()}
    told = f'<header id="title-block-header"><h1 class="title">{name}</h1></header>'
    told += f'<p><a href="{up}runs.html">All runs</a></p>'
    params = html.escape(yaml.safe_dump(run['parameters'], sort_keys=False))
    told += '<h2 id="facts">Facts</h2>' + _pairs(facts)
    told += f'<h2 id="parameters">Parameters</h2><pre tabindex="0"><code>{params}</code></pre>'
    return told + _scores(name) + _executed(folder/'notebook.ipynb')


def _pairs(facts):
    lines = ''.join(f'<tr><th scope="row">{k}</th><td>{v}</td></tr>' for k, v in facts.items() if v != '')
    return _boxed(f'<table class="table"><caption>How it ran</caption><tbody>{lines}</tbody></table>', 'How it ran')


def _boxed(table, name): return f'<div class="wide" tabindex="0" role="region" aria-label="{name}">{table}</div>'


def _scores(name):
    "Means of a run's rows by method and k"
    rows = load_rows(name) if asks(name) else ()
    if not len(rows): return ''
    settings = ('placement', 'gallery_of', 'protocol', 'gallery', 'k')
    at = ['method', *(c for c in settings if rows[c].nunique() > 1)]
    means = 100*rows.groupby(at, sort=False)[['acc@1', 'acc@5']].mean()
    return '<h2 id="scores">Scores</h2><p>Means over tasks, draws and seeds, in percent.</p>' + \
        _boxed(means.round(1).reset_index().to_html(index=False, border=0, classes='sortable table'), 'Scores')


def _executed(file):
    "The cells and outputs of a run's notebook, as they were"
    if not file.is_file(): return ''
    told = ['<h2 id="notebook">The notebook as executed</h2>']
    for cell in json.loads(file.read_text())['cells']:
        source = html.escape(''.join(cell['source']).strip())
        if not source: continue
        if cell['cell_type'] != 'code': told.append(f'<p class="cell-text">{source}</p>'); continue
        told.append(f'<pre class="sourceCode" tabindex="0"><code>{source}</code></pre>')
        for out in cell.get('outputs', []):
            said = out.get('text') or out.get('data', {}).get('text/plain', '')
            shown = html.escape(''.join(said)[:4000])
            if said: told.append(f'<pre class="cell-output" tabindex="0"><code>{shown}</code></pre>')
    return ''.join(told)
