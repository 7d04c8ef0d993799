"""Put together what Quarto or smalldocs renders: notebooks as nbdev shows them, pages made from runs and files.

Figures, tables and equations are numbered and cited here, for both renderers alike:
`#| label: fig-x` with `#| fig-cap:`, `#| label: tbl-x` with `#| tbl-cap:` (and `#| tbl-subcap:` where a cell shows
several), `: words {#tbl-x}` below a table of Markdown, `$$...$$ {#eq-x}`, `@fig-x`, `[@key]`.
"""
import ast, hashlib, json, os, re, shutil, subprocess
from pathlib import Path

import yaml

from afgsbir.core import InputError, atomic

ROOT = Path(__file__).resolve().parents[1]
HOME = 'https://afgsbir.github.io/afgsbir'                    # what nbdev thinks the site's address is
CODE = 'https://github.com/afgsbir/afgsbir'
COLAB = 'https://colab.research.google.com/github/afgsbir/afgsbir/blob/main'
BINDER = 'https://mybinder.org/v2/gh/afgsbir/afgsbir/main'
QUARTO_ONLY = 'html-math-method',
WORDS = dict(fig='Figure', tbl='Table', eq='Equation')
FENCES = re.compile(r'(^```.*?^```[^\n]*$|`[^`\n]+`)', re.M | re.S)


def git(*args): return subprocess.run(['git', *args], cwd=ROOT, capture_output=True, text=True).stdout.strip()


def digest(*files): return hashlib.sha256(b''.join(f.name.encode()+f.read_bytes() for f in files)).hexdigest()


def crowded_title(file):
    "Whether the cell of the title says more than title and promise"
    heads = [text(c['source']) for c in json.loads(file.read_text())['cells'] if c['cell_type'] == 'markdown']
    title = next((h for h in heads if h.startswith('# ')), '')
    return bool(re.sub(r'\A# .*\n+(>.*\n?)*', '', title.strip()+'\n').strip())


def processed():
    "A folder with the notebooks as nbdev shows them; each made anew when it or any module differs"
    import nbdev
    home = ROOT/'_proc'
    home.mkdir(exist_ok=True)
    known, package = home/'.made-of', digest(*sorted((ROOT/'afgsbir').glob('*.py')), ROOT/'settings.ini')
    was = json.loads(known.read_text()) if known.is_file() else {}
    now = {f.name: digest(f)+package+nbdev.__version__ for f in sorted((ROOT/'nbs').glob('*.ipynb'))}
    stale = [n for n in now if now[n] != was.get(n) or not (home/n).is_file()]
    for gone in {f.name for f in home.glob('*.ipynb')} - set(now): (home/gone).unlink()
    if mixed := [f.name for f in (ROOT/'nbs').glob('*.ipynb') if crowded_title(f)]:
        raise InputError(f'{", ".join(mixed)}: nbdev drops what follows the promise in its cell; part the two')
    if stale:
        from nbdev.processors import FilterDefaults
        from nbdev.serve_drv import main
        os.chdir(ROOT)
    for n in stale: main((Path('nbs')/n, home/n, FilterDefaults))
    with atomic(known) as tmp: tmp.write_text(json.dumps(now))
    return home


def text(value): return ''.join(value)


def options(source):
    "The `#|` lines of a cell as a dict, and the rest"
    lines = source.split('\n')
    n = next((i for i, l in enumerate(lines) if not l.startswith('#|')), len(lines))
    given = yaml.safe_load('\n'.join(l[2:].strip() for l in lines[:n] if ':' in l)) or {}
    return given, '\n'.join(lines[n:])


def with_options(given, code):
    told = yaml.safe_dump(given, width=10**6, sort_keys=False, allow_unicode=True).strip() if given else ''
    return ''.join(f'#| {line}\n' for line in told.split('\n') if line) + code


def prose(change, source):
    "Change a text, but not its code"
    return ''.join(part if i % 2 else change(part) for i, part in enumerate(FENCES.split(source)))


class Page:
    "A notebook on its way to the site"
    def __init__(self, file):
        self.name, self.book = file.stem, json.loads(file.read_text())
        self.folder = '' if self.name == 'index' else 'nbs/'
        self.labels = {}
        self.front = self._front()
        for c in self.cells: c['source'] = text(c['source'])
        counts = dict.fromkeys(WORDS, 0)
        for c in self.cells:
            for kind, label in self._labelled(c):
                counts[kind] += 1
                self.labels[f'{kind}-{label}'] = f'{WORDS[kind]} {counts[kind]}'

    @property
    def cells(self): return self.book['cells']

    @property
    def path(self): return f'{self.folder}{self.name}.ipynb'

    def _front(self):
        first = self.cells[0]
        if first['cell_type'] == 'raw':
            found = yaml.safe_load(text(first['source']).strip().strip('-')) or {}
            del self.cells[0]
        else: found = {}
        return {k: v for k, v in found.items() if k != 'output-file'}

    def _labelled(self, cell):
        "(kind, label) of whatever a cell numbers"
        if cell['cell_type'] == 'code':
            found = re.match(r'(fig|tbl)-([\w-]+)$', str(options(cell['source'])[0].get('label', '')))
            return [found.groups()] if found else []
        return re.findall(r'\{#(eq|tbl)-([\w-]+)\}', cell['source']) if cell['cell_type'] == 'markdown' else []

    def link(self, other, anchor=''):
        return os.path.relpath(other, self.folder or '.') + (f'#{anchor}' if anchor else '')


def seen_in(data):
    "What a figure says of itself beside its picture"
    told = text(data.get('text/plain', '')).strip()
    return '' if re.match(r'<|\w+\(', told) else told.strip('\'"')


def anchor(label): return '{}-{}'.format(WORDS[label.split('-')[0]].lower(), label.split('-', 1)[1])


class Book:
    "All pages, and what they may refer to"
    def __init__(self, folder, bib):
        self.pages = [Page(f) for f in sorted(folder.glob('*.ipynb'))]
        self.where = {label: page for page in self.pages for label in page.labels}
        twice = [l for l in self.where if sum(l in p.labels for p in self.pages) > 1]
        if twice: raise InputError(f'{", ".join(twice)}: labels that stand twice; rename one')
        self.works, self.public, self.chapters, self.missing = bib, public_names(), chapters(), []

    def resolve(self, page, source):
        "References, citations and names, as links"
        def reference(m):
            other = self.where.get(m[1])
            if other is None: return self._lost(page, m[0])
            of = '' if other is page else f' of *{other.front.get("title", other.name)}*'
            return f'[{other.labels[m[1]]}]({page.link(other.path, anchor(m[1]))}){of}'
        def citation(m):
            keys = re.findall(r'@([\w:-]+)', m[0])
            if lost := [k for k in keys if k not in self.works]: return self._lost(page, ', '.join(lost))
            told = '; '.join(f'[{self.works[k]["short"]}]({page.link("bibliography.md", k)})' for k in keys)
            return f'({told})'
        def change(part):
            part = re.sub(r'\[@[\w:-]+(?:; ?@[\w:-]+)*\]', citation, part)
            return re.sub(r'(?<![\w@/.])@((?:fig|tbl|eq)-[\w-]+)', reference, part)
        return prose(change, self.names(page, source))

    def _lost(self, page, what):
        self.missing.append(f'{page.name}: {what}')
        return what

    def names(self, page, source):
        "Names that nbdev links to pages of modules, linked to the page of all names; ambiguous ones only set as code"
        def one(m):
            name, module = m[1], m[2]
            entry = name.strip('`').split('.')[0]
            if self.public.get(entry, []) != [module]: return name
            if page.name == '63_api': return f'[{name}]({self.chapters[module]}.ipynb)'
            return f'[{name}]({page.link("nbs/63_api.ipynb", f"{module}.{entry}")})'
        known = rf'\[(`[^`\]]+`)\]\({HOME}/(\w+)\.html#[^)]*\)'
        source = re.sub(rf'\[{known}\](?=\()', r'[\1]', source)        # a link around it is meant
        return re.sub(known, one, source)

    def markdown(self, page, source):
        "A Markdown cell with its equations and tables numbered"
        def equation(m): return f'[]{{#equation-{m[2]}}}\n\n$${m[1].rstrip()}\\tag{{{number(f"eq-{m[2]}")}}}$$'
        def number(label): return page.labels[label].split()[-1]
        source = re.sub(r'\$\$((?:(?!\$\$).)+)\$\$\s*\{#eq-([\w-]+)\}', equation, source, flags=re.S)
        source = re.sub(r'^: (.*)\{#tbl-([\w-]+)\}',
                        lambda m: f': {page.labels[f"tbl-{m[2]}"]}: {m[1]}{{#table-{m[2]}}}', source, flags=re.M)
        return self.resolve(page, source)

    def code(self, page, cell, before):
        "A code cell with its caption numbered, its picture told in words, its output's references resolved"
        given, code = options(cell['source'])
        label, outputs = str(given.get('label', '')), cell.get('outputs', [])
        number = page.labels.get(label)
        if number and f'{label[:3]}-cap' not in given:
            raise InputError(f'{page.name}: {label} has no caption; write it')
        if number: given['label'] = anchor(label)
        results = '50' <= page.name[:2] <= '60'
        if results and given.get('echo') is not False: given.setdefault('code-fold', True)
        shown = [d for d in (o.get('data', {}) for o in outputs) if any(k.startswith('image/') for k in d)]
        if shown and given.get('include') is not False:
            told = re.sub(r'[*`$\\]', '', str(given.get('fig-cap') or before))
            given.setdefault('fig-alt', seen_in(shown[0]) or told)
            if number: given['fig-cap'] = f'{number}: {given["fig-cap"]}'
        self._captions(given, number if label.startswith('tbl') else None, outputs)
        for o in outputs:
            data = o.get('data', {})
            if 'text/markdown' in data: data['text/markdown'] = self.resolve(page, text(data['text/markdown']))
        cell['source'] = with_options(given, code)

    def _captions(self, given, number, outputs):
        "A caption for every table of a cell; where there are several, each has a letter, and words of its own if given"
        caption, subs = given.pop('tbl-cap', None), given.pop('tbl-subcap', None)
        if not caption: return
        counter = iter(range(10**6))
        def told(m=None):
            i = next(counter)
            own = f': {subs[i]}' if isinstance(subs, list) and i < len(subs) else ''
            place = f'{number}{chr(97+i)}: ' if number and subs else f'{number}: ' if number else ''
            return f'{place}{caption}{own}' if subs or not i else ''
        def above(m):
            words = re.sub(r'`([^`]+)`', r'<code>\1</code>', told())
            return f'{m[0]}<caption>{words}</caption>' if words else m[0]
        def below(m):
            words = told()
            return f'{m[0].rstrip()}\n\n: {words}\n\n' if words else m[0]
        for data in (o.get('data', {}) for o in outputs):
            if 'text/html' in data: data['text/html'] = re.sub(r'<table[^>]*>', above, text(data['text/html']))
            elif 'text/markdown' in data:
                data['text/markdown'] = re.sub(r'(?:^\|.*\n?)+', below, text(data['text/markdown']), flags=re.M)

    def finish(self, page):
        "Everything on one page"
        heading, said = page.front.get('title', page.name), ''
        for cell in page.cells:
            if cell['cell_type'] == 'markdown':
                for line in prose(lambda t: t, cell['source']).split('\n'):
                    if line.startswith('#'): heading, said = line.strip('# '), ''
                    elif re.match(r'[A-Z*`\[]', line): said = re.split(r'(?<=[.:]) ', line)[0]
                cell['source'] = self.markdown(page, cell['source'])
            elif cell['cell_type'] == 'code':
                before = re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', said).rstrip(':.')
                self.code(page, cell, f'Picture: {heading}' + (f'. {before}' if before else ''))
        self._head(page)

    def _head(self, page):
        "Front matter: links to run the page elsewhere"
        front, file = dict(page.front), f'nbs/{page.name}.ipynb'
        run = (('Open in Colab', 'play', f'{COLAB}/{file}'),
               ('Open in Binder', 'play-circle', f'{BINDER}?labpath={file}'),
               ('This notebook', 'journal-code', f'{CODE}/blob/main/{file}'))
        front['code-links'] = [dict(text=text, icon=icon, href=href) for text, icon, href in run]
        told = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
        page.cells.insert(0, dict(cell_type='raw', metadata={}, source=f'---\n{told}---\n'))


def chapters():
    "module -> the notebook that it is exported from"
    found = {f.stem: re.search(r'nbs/(\w+)\.ipynb', f.read_text()[:1000]) for f in (ROOT/'afgsbir').glob('*.py')}
    return {module: m[1] for module, m in found.items() if m}


def public_names():
    "name -> modules whose `__all__` has it"
    found = {}
    for file in sorted((ROOT/'afgsbir').glob('*.py')):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == '__all__':
                for name in ast.literal_eval(node.value): found.setdefault(name, []).append(file.stem)
    return found


def works(file):
    "Entries of a BibTeX file: key -> its fields, and a short name"
    found = {}
    for kind, key, body in re.findall(r'^@(\w+)\{([^,]+),(.*?)^\}', file.read_text(), re.M | re.S):
        fields = dict(re.findall(r'^\s*(\w+)\s*=\s*\{(.*?)\},?\s*$', body, re.M))
        authors = [a.split(',')[0] for a in fields['author'].split(' and ')]
        who = ' and '.join(authors) if len(authors) < 3 else f'{authors[0]} et al.'
        found[key] = fields | dict(kind=kind, short=f'{who} {fields["year"]}')
    return found


def settings(to, quarto):
    "The project file; smalldocs is not told what only Quarto knows"
    dated = git('log', '-1', '--format=%ad', '--date=short', '--', 'outputs') or 'unknown date'
    told = (ROOT/'_quarto.yml').read_text()
    told = told.replace('COMMIT', git('rev-parse', '--short', 'HEAD') or 'none').replace('ROWS', dated)
    given = yaml.safe_load(told)
    if not quarto:
        for key in QUARTO_ONLY: given['format']['html'].pop(key, None)
    (to/'_quarto.yml').write_text(yaml.safe_dump(given, sort_keys=False, allow_unicode=True))


def stage(to, quarto=False, demo=ROOT/'outputs'/'demo'/'51_demo.ipynb'):
    "Everything that is rendered, in the folder `to`; how many pages it should become"
    from pages import made
    to = Path(to)
    shutil.rmtree(to, ignore_errors=True)
    (to/'nbs').mkdir(parents=True)
    bib = works(ROOT/'nbs'/'references.bib')
    book = Book(processed(), bib)
    for page in book.pages:
        book.finish(page)
        (to/page.path).write_text(json.dumps(page.book))
    if demo.exists(): shutil.copy(demo, to/'nbs'/'51_demo.ipynb')          # executed by `make run` on this machine
    for name, told in made(bib).items(): (to/name).write_text(told)
    if book.missing: raise InputError(f'{"; ".join(book.missing[:10])}: nothing has these names; correct them')
    settings(to, quarto)
    for f in (ROOT/'.ci'/'book').glob('*.*'):
        if f.suffix in ('.css', '.js', '.svg', '.png'): shutil.copy(f, to)
    return len([*to.glob('*.md'), *to.rglob('*.ipynb')])
