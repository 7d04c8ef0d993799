"The published book: a build that never removes a good site, and every page in a browser."
import functools, http.server, importlib.util, json, os, re, shutil, stat, sys, threading
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from afgsbir.core import InputError, repo_root, save_rows

ROOT = repo_root()
sys.path.insert(0, str(ROOT/'.ci'))
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
needs_node = pytest.mark.skipif(not shutil.which('node'), reason='no node on this machine: KaTeX is not run')


def program(name):
    "A module of .ci/ (one of them has the name of a module of Python)"
    spec = importlib.util.spec_from_file_location(f'book_{name}', ROOT/'.ci'/f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


site = program('site')

PAGE = """<!DOCTYPE html><html lang="en"><head><title>T</title>
<script src="https://cdn.example/jquery.js"></script><script src="katex/katex.min.js"></script>
<link href="https://fonts.example/css" rel="stylesheet"></head><body><main id="quarto-document-content"><h1>T</h1>
<p><span class="math inline">\\(\\big\\lVert x\\big\\rVert\\)</span></p>
<table><thead><tr><th></th><th>a</th></tr></thead><tbody><tr><th>x</th><td>1</td></tr></tbody></table>
<pre><code>1</code></pre></main></body></html>"""


class Refused:
    "In place of the process that builds the page that adapts"
    def __init__(self, folder): pass
    def into(self, to): raise InputError('no page here')
    def stop(self): pass


def beside(tmp_path, monkeypatch, script):
    "A process that builds as the script says"
    (tmp_path/'.ci').mkdir(parents=True)
    (tmp_path/'.ci'/'page.py').write_text(f'import pathlib, sys, time\nto = pathlib.Path(sys.argv[1])\n{script}')
    monkeypatch.setattr(site, 'ROOT', tmp_path)
    return site.Beside(tmp_path/'try')


def test_the_page_that_adapts_is_built_beside(tmp_path, monkeypatch):
    "What it lacks is a line, what breaks it an error; a build that fails takes it along"
    made = beside(tmp_path/'a', monkeypatch, "to.mkdir(); (to/'index.html').touch()")
    made.into(tmp_path/'b')
    assert os.listdir(tmp_path/'b') == ['index.html']
    for code, kind, said in ((2, InputError, '^error: gone$'), (1, RuntimeError, 'gone')):
        script = f"print('error: gone', file=sys.stderr); sys.exit({code})"
        with pytest.raises(kind, match=said): beside(tmp_path/str(code), monkeypatch, script).into(tmp_path/'c')
    slow = beside(tmp_path/'d', monkeypatch, 'time.sleep(600)')
    slow.stop()
    assert slow.process.returncode and not (tmp_path/'c').exists()


@pytest.fixture
def old(tmp_path, monkeypatch):
    "A good site, three pages staged, and whatever quarto is told to do"
    good = tmp_path/'_site'
    good.mkdir()
    (good/'index.html').write_text('good')
    def staged(to, quarto):
        (to/'nbs').mkdir(parents=True)
        for name in ('index.ipynb', 'nbs/a.ipynb', 'runs.md'): (to/name).write_text('{}')
        return 3
    monkeypatch.setattr(site, 'stage', staged)
    monkeypatch.setattr(site, 'manifests', dict)
    monkeypatch.setattr(site, 'Beside', Refused)
    (tmp_path/'bin').mkdir()
    (tmp_path/'page.html').write_text(PAGE)
    monkeypatch.setenv('PATH', f'{tmp_path/"bin"}{os.pathsep}{os.environ["PATH"]}')
    def quarto(script):
        file = tmp_path/'bin'/'quarto'
        file.write_text(f'#!/bin/sh\nset -e\nsite="$2/_site"; page={tmp_path/"page.html"}\n{script}\n')
        file.chmod(file.stat().st_mode | stat.S_IEXEC)
        return site.build(good, tmp_path/'_stage')
    return good, quarto


RENDER = 'mkdir -p "$site/nbs"; for p in index nbs/a runs; do cp "$page" "$site/$p.html"; done'
def with_more(html): return f"""{RENDER}; echo '{html}' >> "$site/runs.html\""""
WORSE = {   # what quarto does, and what is said
    'nothing': ('true', '0 pages'), 'an empty site': ('mkdir -p "$site"', '0 pages'),
    'a page less': (f'{RENDER}; rm "$site/nbs/a.html"', '2 pages'),
    'a warning': (f'{RENDER}; echo WARN: odd', 'warnings'), 'a failure': (f'{RENDER}; exit 3', 'warnings'),
    'a broken link': (with_more('<a href="gone.html">x</a>'), 'runs.html: gone.html'),
    'a broken anchor': (with_more('<a href="index.html#gone">x</a>'), 'runs.html: index.html#gone'),
    'a broken address': (with_more(f'<a href="{site.HOME}/gone.html">x</a>'), 'runs.html: gone.html'),
    'a picture without words': (with_more('<img src="index.html">'), 'without words')}


@pytest.mark.parametrize('script, said', WORSE.values(), ids=WORSE)
def test_a_worse_site_replaces_none(old, script, said):
    good, quarto = old
    with pytest.raises(InputError, match=re.escape(said)): quarto(script)
    assert (good/'index.html').read_text() == 'good' and len(list(good.iterdir())) == 1


@needs_node
def test_a_better_one_does(old):
    "Nothing is fetched, formulas are set, what is wide scrolls and is reached by a key"
    good, quarto = old
    (good/'gone.html').write_text('of an earlier build')
    assert quarto(RENDER) == 3
    assert not (good/'gone.html').exists() and not good.with_name('_site.old').exists()
    page = BeautifulSoup((good/'nbs/a.html').read_text(), 'html.parser')
    assert not page.select('[src^=http], link[href^=http], [src^=katex]') and page.select_one('.katex .delimsizing')
    assert not [t for t in page.select('th') if not t.get_text(strip=True)]
    assert page.select_one('div.wide[tabindex="0"] > table') and page.select_one('pre')['tabindex'] == '0'
    assert page.select_one('link[href="../katex/katex.min.css"]') and (good/'katex/katex.min.css').is_file()


@needs_node
def test_formulas():
    from finish import katex, set_formulas
    place = katex()
    if place is None: pytest.skip('KaTeX cannot be fetched')
    told = [(r'\Big\|x\Big\|', True), (r'\big\lVert x\big\rVert', False), (r'\underbrace{x}_{\text{same}}', True)]
    big, norm, brace = set_formulas(told, place)
    assert 'delimsizing' in big and '∥' in norm and 'stretchy' in brace
    with pytest.raises(InputError, match='1 formulas cannot be set'): set_formulas([(r'\frobnicate x', False)], place)


def notebook(folder, name, *cells):
    made = [dict(cell_type='raw', metadata={}, source=f'---\ntitle: {name}\n---')]
    made += [dict(cell_type=kind, metadata={}, source=source, outputs=[]) for kind, source in cells]
    (folder/f'{name}.ipynb').write_text(json.dumps(dict(cells=made, nbformat=4, nbformat_minor=5, metadata={})))


def test_references(tmp_path):
    "Numbers a page, links to where they stand, code as it is; what is not there is told"
    from stage import Book
    figure, equation = '#| label: fig-one\n#| fig-cap: "First: of all"\n1', '$$x$$ {#eq-x}\n\n`@fig-one`'
    notebook(tmp_path, '10_a', ('code', figure), ('markdown', equation))
    notebook(tmp_path, '11_b', ('markdown', 'See @fig-one, @eq-x and [@work].\n\n@fig-none'))
    book = Book(tmp_path, dict(work=dict(short='Who 2020')))
    a, b = book.pages
    for page in book.pages: book.finish(page)
    assert '\\tag{1}' in a.cells[2]['source'] and '`@fig-one`' in a.cells[2]['source']
    assert '[Figure 1](10_a.ipynb#figure-one) of *10_a*' in b.cells[1]['source']
    assert '([Who 2020](../bibliography.md#work))' in b.cells[1]['source']
    assert book.missing == ['11_b: @fig-none']


def test_names():
    "A name leads to the page of all names where it is one module's alone; else it is code"
    from stage import HOME, Book, Page
    book, page = Book.__new__(Book), Page.__new__(Page)
    book.public, book.chapters = dict(adapt=['adapt'], main=['door', 'tables']), dict(adapt='20_adapt')
    page.folder, page.name = 'nbs/', '10_a'
    said = f'[`adapt`]({HOME}/adapt.html#adapt) and [`main`]({HOME}/tables.html#main)'
    assert book.names(page, said) == '[`adapt`](63_api.ipynb#adapt.adapt) and `main`'
    page.name = '63_api'
    assert book.names(page, said) == '[`adapt`](20_adapt.ipynb) and `main`'


def test_titles():
    "nbdev drops what follows the promise in the cell of the title"
    from stage import crowded_title
    assert not [f.name for f in (ROOT/'nbs').glob('*.ipynb') if crowded_title(f)]
    titles = [re.search(r'"# (.*?)(?:\\n)?"', f.read_text())[1] for f in (ROOT/'nbs').glob('*.ipynb')]
    assert not [t for t in titles if titles.count(t) > 1]           # a search and a sidebar that cannot be told apart


def test_scores(tmp_path):
    "A run's score: five pairs, other photos asked, support in the gallery, the paper's setting; the mean of all lines"
    from pages import scores
    row = dict(run='test/a', trained_on='x', dataset='x', method='m', seed=0, draws=1, task='t', n_query=4, n_gallery=9)
    row |= {'acc@1': .5, 'acc@5': 1, 'acc@10': 1, 'fold': 'split', 'base': 'b', 'step': 's', 'k': 5}
    row |= dict(protocol='disjoint', gallery='with', placement='drawn', gallery_of='category')
    others = (dict(k=1), dict(protocol='overlap'), dict(gallery='without'), dict(placement='centred'),
              dict(gallery_of='any'))
    rows = [row, row | {'acc@1': .7, 'task': 'u'}, *(row | o | {'acc@1': 0} for o in others)]
    save_rows(rows, tmp_path/'test/a/rows.csv')
    assert scores('test/a', tmp_path) == {'m': pytest.approx(60)} and scores('fit/a', tmp_path) == {}


def test_one_head():
    from finish import tables
    rows = '<tr><th></th><th>x</th></tr><tr><th>name</th><th></th></tr>'
    table = f'<table><thead>{rows}</thead><tbody><tr><th>a</th><td>1</td></tr></tbody></table>'
    page = BeautifulSoup(f'<main>{table}</main>', 'html.parser')
    tables(page)
    assert [th.text for th in page.select('thead th')] == ['name', 'x']
    assert page.select_one('tbody th')['scope'] == 'row'


def tabled(*rows, heads):
    "A page with one table, after all that is done to tables"
    from finish import tables
    told = ''.join(f'<tr>{r}</tr>' for r in rows)
    head = ''.join(f'<tr>{h}</tr>' for h in heads)
    page = BeautifulSoup(f'<main><table><thead>{head}</thead><tbody>{told}</tbody></table></main>', 'html.parser')
    tables(page)
    return page


def test_cards():
    "Few lines that are too wide for a phone: every cell says what it is, also one that reaches down"
    heads = ('<th>step</th><th>k</th><th colspan="2">gain</th>', '<th></th><th></th><th>with</th><th>without</th>')
    wide = f'<td>{"w"*30}</td><td>**not met** `x` in none</td>'
    lines = f'<th rowspan="2">centre</th><th>1</th>{wide}', f'<th>5</th><td>{"w"*30}</td><td>NaN</td>'
    page = tabled(*lines, heads=heads)
    rows = [[(c.get('data-label'), c.text) for c in r.find_all(['th', 'td'])] for r in page.select('.cards tbody tr')]
    assert rows[0][2:] == [('gain with', 'w'*30), ('gain without', 'not met x in none')] and rows[1][3][1] == ''
    assert [r[0] for r in rows] == [('step', 'centre')]*2 and [r[1] for r in rows] == [('k', '1'), ('k', '5')]
    assert [c.text for c in page.select('.again')] == ['centre'] and page.select('strong') and page.select('td code')
    assert {e.name: e['role'] for e in page.select('[role]')} | {'div': '', 'th': ''} == \
        dict(div='', table='table', thead='rowgroup', tbody='rowgroup', tr='row', th='', td='cell')


def test_markdown_that_was_not_set_is_refused(tmp_path):
    "A name in a link keeps the writer's link, and not the one that nbdev puts around it"
    from finish import read_through
    from stage import HOME, Book
    read_through(BeautifulSoup('<main><p>a <code>x](y)</code>, f](2 + 3)</p></main>', 'html.parser'))
    with pytest.raises(InputError, match='Title.*was not made a link'):
        said = '<main><h1>Title</h1><p>[<code>f</code>](01_a.ipynb) reads</p></main>'
        read_through(BeautifulSoup(said, 'html.parser'))
    notebook(tmp_path, '10_a', ('markdown', 'x'))
    book = Book(tmp_path, {})
    known = f'[`f`]({HOME}/a.html#f)'
    assert book.names(book.pages[0], f'{known}; [{known}](01_a.ipynb)') == '`f`; [`f`](01_a.ipynb)'


def test_keyed():
    "Many lines: the column that tells them apart stays, and k beside it; narrow tables are left alone"
    rows = [f'<td>base</td><td>method-{i//3}</td><td>{i}</td>' + '<td>+1.0 [-0.1, +2.0]</td>'*4 for i in range(30)]
    page = tabled(*rows, heads=[''.join(f'<th>{h}</th>' for h in ('base', 'method', 'k', *'abcd'))])
    assert {c.text for c in page.select('.before')} == {'base'}        # the method says it
    assert {c.text for c in page.select('.key:not(.after)')} == {'method', *(f'method-{i}' for i in range(10))}
    assert len(page.select('.key.after')) == 31 and not page.select('.cards')
    rows = [f'<td>bug {i}</td><td>nbs/chapter_{i}.ipynb</td><td>{"what it would change "*9}{i}</td>' for i in range(70)]
    page = tabled(*rows, heads=['<th>bug</th><th>file</th><th>changes</th>'])         # words alone
    assert {c.text for c in page.select('.key')} == {'bug', *(f'bug {i}' for i in range(70))}
    assert not page.select('.before')
    formula = tabled('<td style="x: y"><span style="top: 1em">2</span></td>', heads=['<th>x</th>'])
    assert [e.name for e in formula.select('[style]')] == ['span']      # what a formula stands by
    small = tabled('<td>a</td><td>1</td><td>2</td>', heads=['<th>x</th><th>y</th><th>z</th>'])
    assert not small.select('.cards, .keyed')


def test_captions(tmp_path):
    "A number above a table, a letter where a cell shows several; what a figure says of itself is its alternative text"
    from stage import Book
    one, many = ('#| label: tbl-one\n#| tbl-cap: "All of `it`"\n1',
                 '#| label: tbl-two\n#| tbl-cap: "Both"\n#| tbl-subcap: ["left", "right"]\n1')
    picture = '#| label: fig-x\n#| fig-cap: "A line"\n1'
    notebook(tmp_path, '10_a', ('code', one), ('code', many), ('code', picture), ('markdown', '@tbl-two'))
    book = Book(tmp_path, {})
    a = book.pages[0]
    shown = lambda **data: dict(output_type='display_data', data={k.replace('_', '/'): v for k, v in data.items()})
    a.cells[0]['outputs'] = [shown(text_html='<table class="x"><tbody></tbody></table>')]
    a.cells[1]['outputs'] = [shown(text_html='<table></table>'), shown(text_markdown='| a |\n|---|\n| 1 |\n')]
    a.cells[2]['outputs'] = [{'data': {'image/png': '', 'text/plain': 'a rises to 3'}}]
    book.finish(a)
    first, left, right = (o['data'] for c in a.cells[1:3] for o in c['outputs'])
    assert first['text/html'].startswith('<table class="x"><caption>Table 1: All of <code>it</code></caption>')
    assert '<caption>Table 2a: Both: left</caption>' in left['text/html']
    assert right['text/markdown'].endswith('| 1 |\n\n: Table 2b: Both: right\n\n')
    assert 'fig-alt: a rises to 3' in a.cells[3]['source'] and '[Table 2](10_a.ipynb#table-two)' in a.cells[4]['source']
    notebook(tmp_path, '10_a', ('code', '#| label: tbl-one\n1'))
    with pytest.raises(InputError, match='tbl-one has no caption'): (b := Book(tmp_path, {})).finish(b.pages[0])


def test_pdf(tmp_path, monkeypatch):
    "One line where Quarto lacks or is old; else the sidebar as a book, and its PDF"
    import pdf
    (tmp_path/'bin').mkdir()
    monkeypatch.setenv('PATH', f'{tmp_path/"bin"}{os.pathsep}/usr/bin{os.pathsep}/bin')
    monkeypatch.setattr(shutil, 'which', lambda name: str(f) if (f := tmp_path/'bin'/name).exists() else None)
    with pytest.raises(InputError, match='^no PDF: quarto is not here; install Quarto 1.9.18 or later'): pdf.build()
    def quarto(version):
        file = tmp_path/'bin'/'quarto'
        file.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo {version} && exit\n'
                        'mkdir "$2/_book"; echo it > "$2/_book/b.pdf"')
        file.chmod(0o755)
    quarto('1.8.26')
    with pytest.raises(InputError, match='1.8.26 is too old'): pdf.build()
    quarto('1.9.38')
    def staged(to, quarto):
        (to/'nbs').mkdir(parents=True)
        (to/'nbs'/'a.ipynb').write_text(json.dumps('x\\tag{3}'))
        shutil.copy(ROOT/'_quarto.yml', to)
    monkeypatch.setattr(pdf, 'stage', staged)
    assert pdf.build(tmp_path/'to'/'b.pdf', tmp_path/'work').read_text() == 'it\n'
    assert json.loads((tmp_path/'work/nbs/a.ipynb').read_text()) == 'x\\qquad(3)'
    book = (tmp_path/'work/_quarto.yml').read_text()
    assert 'type: book' in book and 'runs.md' not in book and '://' not in book
    listed = re.findall(r'nbs/\w+\.ipynb', book)
    assert sorted(listed) == sorted(f'nbs/{f.name}' for f in (ROOT/'nbs').glob('[0-9]*.ipynb'))


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    "The site, built once, without the page that has tests of its own; under a sub-path of a server"
    place = tmp_path_factory.mktemp('site')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, 'Beside', Refused)
        site.build(place/'some'/'where', place/'_stage')
    shutil.rmtree(place/'_stage')
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_): pass
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=place))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield place/'some'/'where', f'http://127.0.0.1:{server.server_port}/some/where/'
    server.shutdown()


def test_twins(built):
    "Every page has its text as Markdown, and llms.txt names them; the index knows no code"
    home, _ = built
    pages = [f for f in home.rglob('*.html') if not {'try', 'runs'} & set(f.relative_to(home).parts[:-1])]
    told = (home/'llms.txt').read_text()
    for f in pages: assert f.with_suffix('.llms.md').is_file() and f.stem in told, f
    index = json.loads((home/'search.json').read_text())
    assert {e['href'].split('#')[0] for e in index} == {f.relative_to(home).as_posix() for f in pages}
    assert not [e for e in index if 'import ' in e['text'] and ' as np' in e['text']]


@pytest.fixture(scope='module')
def window(built):
    if not CHROMIUM: pytest.skip('no Chromium on this machine: pages are not opened')
    pytest.importorskip('playwright', reason='playwright is not installed: pages are not opened')
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        yield browser.new_context(viewport=dict(width=1400, height=900), color_scheme='light')
        browser.close()


def axe():
    from page import from_npm
    return (from_npm('axe-core@4.14.1', ['axe.min.js'])/'axe.min.js').read_text()


SEEN = """() => ({
  wide: document.documentElement.scrollWidth - innerWidth,
  dead: [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src.slice(0, 80)),
  past: [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 &&
    !e.closest('.wide, pre, .katex-display, .katex-mathml, svg')).slice(0, 3).map(e => e.outerHTML.slice(0, 90)) })"""
SERIOUS = """async ([exclude, only]) => {
  const found = await axe.run({ exclude }, { resultTypes: ['violations'], preload: false, ...only })
  return found.violations.filter(v => ['serious', 'critical'].includes(v.impact))
    .map(v => [v.id, v.nodes.map(n => n.html.slice(0, 200)).slice(0, 3)]) }"""
FULL = ('index.html', 'nbs/20_adapt.html', 'nbs/50_results.html', 'runs.html')
SAME = ['pre code', 'tbody tr:nth-child(n+4)', '#quarto-sidebar', '#TOC', '#quarto-header', 'footer', '.katex', 'svg *']


def test_every_page(built, window):
    "Wide and narrow, light and dark: no error, no request to others, no dead picture, no overflow, nothing serious"
    home, address = built
    source = axe()
    page, wrong, faults = window.new_page(), [], {}
    page.on('console', lambda m: wrong.append(m.text) if m.type in ('error', 'warning') else None)
    page.on('pageerror', lambda e: wrong.append(str(e)))
    page.on('request', lambda r: None if r.url.startswith((address, 'data:', 'blob:')) else wrong.append(r.url))
    files = sorted(f for f in home.rglob('*.html') if not {'try', 'runs'} & set(f.relative_to(home).parts[:-1]))
    files += sorted((home/'runs').rglob('*.html'))[::60]
    # axe-core on every other page, in the light or in the dark; both where all is looked at
    for n, f in enumerate(files):
        name = f.relative_to(home).as_posix()
        everything, serious = name in FULL, []
        page.set_viewport_size(dict(width=1400, height=900))
        page.emulate_media(color_scheme='light')
        page.goto(address+name)
        page.evaluate(source)
        found = [page.evaluate(SEEN)]
        if everything or n % 4 == 1: serious += page.evaluate(SERIOUS, [[] if everything else SAME, {}])
        page.set_viewport_size(dict(width=390, height=844))
        page.emulate_media(color_scheme='dark')
        page.wait_for_function('document.documentElement.classList.contains("quarto-dark")')
        found.append(page.evaluate(SEEN))
        if everything or n % 4 == 3: serious += page.evaluate(SERIOUS, [[] if everything else SAME, {}])
        bad = [s for s in found if s['wide'] > 0 or s['dead'] or s['past']]
        if bad or serious or wrong: faults[name] = [*bad, *serious, *wrong]
        wrong.clear()
    page.close()
    assert not faults, json.dumps(faults, indent=1)


def test_tables_on_a_phone(built, window):
    "Cards say each cell; of long tables the names stay where the rest goes by; nothing of either on a wide screen"
    page = window.new_page()
    page.set_viewport_size(dict(width=390, height=844))
    page.goto(built[1]+'nbs/72_differs.html')
    cell = page.locator('.cards tbody tr td[data-label]').first
    label = cell.evaluate("e => [getComputedStyle(e, '::before').content, e.dataset.label]")
    assert label[0] == f'"{label[1]}: "' and cell.evaluate('e => getComputedStyle(e).display') == 'block'
    assert page.locator('.cards').evaluate_all('t => t.every(e => e.scrollWidth <= e.parentElement.clientWidth + 1)')
    page.goto(built[1]+'nbs/50_results.html')
    number = page.locator('.keyed td:not(.key):not(.before):not(:empty)').first.bounding_box()
    assert number['x'] < 300, number                    # what the table is about is seen before it is moved
    left = page.locator('.keyed').first.evaluate("""t => { t.parentElement.scrollLeft = 400
      return ['.key', '.key.after'].map(s => t.querySelector('tbody ' + s).getBoundingClientRect().left) }""")
    assert left[0] < 20 and 115 < left[1] < 150, left
    page.set_viewport_size(dict(width=1400, height=900))
    assert page.locator('.again').first.evaluate('e => getComputedStyle(e).display') == 'none'
    page.close()


def test_search(built, window):
    "Titles before texts, from another page too"
    page = window.new_page()
    page.goto(built[1]+'nbs/24_centre.html')
    def first(q, n=3):
        page.fill('#quarto-search input', '')
        page.fill('#quarto-search input', q)
        page.wait_for_selector('.smalldocs-search-results.show a')
        return page.locator('.smalldocs-search-results a').evaluate_all(f'a => a.slice(0, {n}).map(e => e.innerText)')
    assert any('Your own pictures' in t for t in first('own photos'))
    assert 'A margin for every task' in first('margin')[0]
    assert 'Glossary' in ''.join(first('glossary')) and first('CSLS')
    with page.expect_navigation(): page.keyboard.press('Enter')
    assert not page.url.endswith('24_centre.html')
    page.close()


def test_theme_stays(built, window):
    page = window.new_page()
    dark = lambda: page.evaluate('document.documentElement.classList.contains("quarto-dark")')
    page.goto(built[1]+'index.html')
    assert not dark()
    page.click('.quarto-color-scheme-toggle')
    page.wait_for_function('document.documentElement.classList.contains("quarto-dark")')
    page.goto(built[1]+'nbs/20_adapt.html')
    assert dark() and page.evaluate('getComputedStyle(document.body).backgroundColor') == 'rgb(18, 22, 28)'
    page.evaluate('localStorage.clear()')
    page.close()


def test_runs_are_sorted(built, window):
    page = window.new_page()
    page.goto(built[1]+'runs.html')
    def column(n): return page.locator(f'table.sortable tbody tr td:nth-child({n})').all_inner_texts()
    runs = column(1)
    for _ in range(2): page.click('th button:has-text("seconds")')
    seconds = [float(s.replace(',', '')) for s in column(6) if s]
    assert seconds == sorted(seconds, reverse=True) and sorted(column(1)) == sorted(runs) and len(runs) > 50
    page.click('table.sortable tbody a')
    page.wait_for_selector('#parameters')
    page.close()
