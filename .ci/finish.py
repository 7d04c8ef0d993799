"""What is done to rendered pages, whoever rendered them: formulas set, tables and code that scroll, an index to search.

Every page then stands by itself: it asks no other host for anything.
"""
import copy, gc, html, json, os, re, shutil, subprocess
from pathlib import Path

from bs4 import BeautifulSoup

from afgsbir import __version__
from afgsbir.core import InputError
from page import NPM, from_npm

KATEX = 'katex@0.19.1'
NPM[KATEX] = 'jG8uKntjSEcm2EpQOh0XturpPuuC9r3Sq5HLHdsFdWZT27E672SF19QEi+of0/YeOy15lDgRhKvr5614uRrEfA=='
MATHS = re.compile(r'<span class="math (inline|display)">(.*?)</span>', re.S)
SET = """
const katex = require(process.argv[1]), tex = JSON.parse(require('fs').readFileSync(0))
const set = ([s, display]) => {
  try { return { ok: katex.renderToString(s, { displayMode: display, throwOnError: true, strict: 'ignore' }) } }
  catch (e) { return { error: `${s}: ${e.message}` } }
}
console.log(JSON.stringify(tex.map(set)))
"""


def katex():
    "The folder with KaTeX; None where there is no Node to run it or no npm to fetch it with"
    if not shutil.which('node'): return None
    try: return from_npm(KATEX, ('dist/katex.min.js', 'dist/katex.min.css', 'dist/fonts/*.woff2'))
    except InputError as e: print(e)


def formula(m):
    "(TeX, whether it stands on a line of its own) of a formula as the renderers write it"
    return re.sub(r'^\\[(\[](.*)\\[)\]]$', r'\1', html.unescape(m[2]).strip(), flags=re.S).strip(), m[1] == 'display'


def set_formulas(told, place):
    "HTML of every (TeX, display); what cannot be set stops the build"
    if place is None:
        from latex2mathml.converter import convert
        tagless = lambda s: re.sub(r'\\tag\{(\d+)\}', r'\\qquad(\1)', s)
        return [convert(tagless(s), display='block' if d else 'inline') for s, d in told]
    done = subprocess.run(['node', '-e', SET, str(place/'katex.min.js')], input=json.dumps(told), capture_output=True,
                          text=True)
    if done.returncode: raise InputError(f'KaTeX: {done.stderr.strip()[-300:]}')
    found = json.loads(done.stdout)
    if wrong := [f['error'] for f in found if 'error' in f]:
        raise InputError(f'{len(wrong)} formulas cannot be set, the first: {wrong[0]}')
    return [f['ok'].replace('class="katex-display"', 'class="katex-display" tabindex="0"') for f in found]


def maths(site):
    "Every formula of the site set when it is built"
    pages = {f: f.read_text() for f in site.rglob('*.html')}
    told = [formula(m) for t in pages.values() for m in MATHS.finditer(t)]
    place, distinct = katex(), list(dict.fromkeys(told))
    done = dict(zip(distinct, set_formulas(distinct, place), strict=True))
    for f, t in pages.items():
        if MATHS.search(t): f.write_text(MATHS.sub(lambda m: f'<span class="maths">{done[formula(m)]}</span>', t))
    if place is None:
        if distinct: print('no Node or no network: formulas are MathML, which browsers set less well than KaTeX')
        return
    (site/'katex'/'fonts').mkdir(parents=True)
    shutil.copy(place/'katex.min.css', site/'katex')
    for f in place.glob('*.woff2'): shutil.copy(f, site/'katex'/'fonts')
    css = site/'katex'/'katex.min.css'      # woff2 is enough for every browser that runs these pages
    css.write_text(re.sub(r',url\(fonts/[^)]*\.(?:woff|ttf)\) format\("[^"]*"\)', '', css.read_text()))


def localise(site):
    "No page and no stylesheet asks another host, nor for a script that sets formulas: they are set"
    for f in site.rglob('*.html'):
        t = f.read_text()
        t = re.sub(r'<script[^>]*src="https?://[^"]*"[^>]*>\s*</script>', '', t)
        t = re.sub(r'<link[^>]*href="https?://[^"]*"[^>]*>', lambda m: m[0] if 'canonical' in m[0] else '', t)
        t = re.sub(r'<script[^>]*src="[^"]*katex/[^"]*"[^>]*>\s*</script>', '', t)
        t = re.sub(r'<link[^>]*href="[^"]*katex/[^"]*"[^>]*>', '', t)
        f.write_text(t)
    for f in site.rglob('*.css'):
        t = f.read_text()
        f.write_text(re.sub(r'@import\s*(url\((["\']?)https?://.*?\2\)|(["\'])https?://.*?\3)\s*;', '', t))


def boxed(soup, name, **attrs):
    box = soup.new_tag(name)
    for k, v in attrs.items(): box[k.rstrip('_').replace('_', '-')] = v
    return box


def one_head(table):
    "The two lines of headings that pandas writes for a named index as one"
    rows = table.select('thead > tr')
    if len(rows) != 2: return
    (top, low), = [[r.find_all(['th', 'td'], recursive=False) for r in rows]]
    if len(top) != len(low) or any(a.get_text(strip=True) and b.get_text(strip=True) for a, b in zip(top, low)): return
    for a, b in zip(top, low):
        if not a.get_text(strip=True) and b.get_text(strip=True): a.replace_with(b)
    rows[1].decompose()


PHONE, CARDS = 56, 140                 # letters across a phone; cells that may stand one below the other
PROSE, MANY = 60, 60                   # a long text; more lines than this are no cards, however long
NUMBER = re.compile(r'[-+−<[(]?\d')


def said(cell): return cell.get_text(' ', strip=True)


def cells_of(row): return row.find_all(['th', 'td'], recursive=False)


def whole(table):
    "Every line of a body with all its cells: one that reaches down stands, unseen, in the lines it reaches too"
    lines, down = [], {}
    for row in table.select('tbody > tr'):
        line, own = [], cells_of(row)
        while own or len(line) in down:
            if len(line) in down:
                cell, left = down.pop(len(line))
                again = copy.copy(cell)
                again['class'] = [*again.get('class', []), 'again']
            else: cell, again = own.pop(0), None
            left = left-1 if again else int(cell.get('rowspan', 1))-1
            if left: down[len(line)] = cell, left
            line.append(again or cell)
        for cell in line:
            if 'again' in cell.get('class', []): del cell['rowspan']
            row.append(cell.extract())
        lines.append(line)
    return lines


def headings(table, lines):
    "A name for every column: all that stands above it; above names of lines only the last, which is theirs"
    above = [[] for _ in max(lines, key=len)]
    for row in table.select('thead > tr'):
        spread = [said(c) for c in cells_of(row) for _ in range(int(c.get('colspan', 1)))]
        for names, name in zip(above, spread):
            if name and name not in names: names.append(name)
    names_lines = [c.name == 'th' for c in max(lines, key=len)]
    return [' '.join(names[-1:] if own else names) for names, own in zip(above, names_lines)]


def key_column(texts):
    "Of the columns of words on the left the one that tells lines apart, and whether it says what stands before it"
    words = [sum(map(bool, map(NUMBER.match, column))) < len(column)/2 for column in texts]
    kinds = [len(set(column)) for column in texts[:words.index(False)]] if False in words else []
    if not kinds: return 0, False                # words alone: a list, told apart by its first column
    key = max(range(len(kinds)), key=lambda i: (kinds[i], i))
    return key, kinds[key] == len({*zip(*texts[:key+1])})


def breaks(words):
    "Where a name may go on in the next line"
    told = re.sub(r'([+_/])(?=\w)', r'\1<wbr/>', html.escape(str(words), quote=False))
    words.replace_with(BeautifulSoup(told, 'html.parser'))


def on_phones(table):
    "What does not fit across: few or long lines become cards; of many the names stay while the rest goes by"
    lines = whole(table)
    if not lines or len({len(l) for l in lines}) > 1 or len(lines[0]) < 3: return
    names, texts = headings(table, lines), [[said(l[i]) for l in lines] for i in range(len(lines[0]))]
    longest = [max(map(len, column)) for column in texts]
    if sum(min(n, 28)+2 for n in longest) <= PHONE: return
    if len(lines)*len(names) <= CARDS or max(longest) > PROSE and len(lines) <= MANY:
        table['class'] = [*table.get('class', []), 'cards']
        for cell, name in ((c, n) for l in lines for c, n in zip(l, names)):
            if name: cell['data-label'] = name
        roles = dict(table='table', thead='rowgroup', tbody='rowgroup', tr='row', td='cell')
        for e in [table, *table.find_all([*roles, 'th'])]:
            e['role'] = roles.get(e.name) or f'{"column" if e.find_parent("thead") else "row"}header'
    else:
        table['class'] = [*table.get('class', []), 'keyed']
        key, told = key_column(texts)
        for row in [*table.select('thead > tr'), *table.select('tbody > tr')]:
            cells = cells_of(row)
            if len(cells) != len(names): continue
            for cell in cells[:key*told]: cell['class'] = [*cell.get('class', []), 'before']
            cells[key]['class'] = [*cells[key].get('class', []), 'key']
            for words in list(cells[key].find_all(string=re.compile(r'[+_/]\w'))): breaks(words)
            if names[key+1] == 'k': cells[key+1]['class'] = [*cells[key+1].get('class', []), 'key', 'after']


def marked(cell):
    "Markdown in the cells of a table that is HTML: bold, code; and a number that is not there is no word"
    if re.fullmatch(r'NaN|nan|None', said(cell)): cell.string = ''
    for words in cell.find_all(string=re.compile(r'\*\*|`')):
        if words.find_parent('code'): continue
        told = re.sub(r'`([^`]+)`', r'<code>\1</code>', html.escape(str(words), quote=False))
        told = re.sub(r'\*\*([^*]+)\*\*', r'<strong>\1</strong>', told)
        words.replace_with(BeautifulSoup(told, 'html.parser'))


def tables(soup):
    "Tables scroll in boxes that a key reaches; a cell without a word is no heading; captions are headings' names"
    for table in soup.select('main table'):
        one_head(table)
        for cell in table.find_all(['td', 'th']): marked(cell)
        for empty in table.find_all('th'):
            if not empty.get_text(strip=True): empty.name = 'td'
            elif not empty.get('scope'): empty['scope'] = 'col' if empty.find_parent('thead') else 'row'
        for cell in table.find_all('td'):
            words = cell.get_text(strip=True)
            if len(words) < 32: cell['class'] = ['short', 'number'] if NUMBER.match(words) else ['short']
        for old in ('border', 'style'): table.attrs.pop(old, None)
        for cell in table.find_all(['th', 'td', 'tr'], style=True): del cell['style']     # a formula needs its own
        if 'dataframe' in table.get('class', []): table['class'] = [*table['class'], 'table']
        caption = table.find('caption')
        if caption and not caption.select('span.told'):      # it stays in sight where the table scrolls
            told = boxed(soup, 'span', class_='told')
            told.extend(list(caption.contents))
            caption.append(told)
        near = table.find_previous(['h1', 'h2', 'h3', 'h4'])
        label = caption or near
        words = said(label) if label else ''
        name = words if words.startswith('Table') else f'Table: {words}' if words else 'Table'
        on_phones(table)
        table.wrap(boxed(soup, 'div', class_='wide', tabindex='0', role='region', aria_label=name))
    for style in soup.select('main style'): style.decompose()


def code(soup):
    "Code scrolls too; its copy button says what it does"
    for pre in soup.select('main pre'): pre['tabindex'] = '0'
    for button in soup.select('button.code-copy-button'): button['aria-label'] = 'Copy'


def pictures(soup):
    "Pictures drawn as SVG are one picture to who hears them; names inside are theirs alone"
    for svg in soup.select('main .cell-output svg'):
        if svg.parent.name == 'p': svg.parent.name = 'div'
        alt = svg.get('aria-label') or svg.get('alt')
        svg['role'] = 'img'
        width = float((svg.get('viewbox') or svg.get('viewBox') or '0 0 0 0').split()[2])
        if width > 440:      # smaller it could not be read: it scrolls
            svg['style'] = f'min-width: {min(width, 560):.0f}px'
            name = f'Figure: {(alt or "")[:60]}'
            svg.wrap(boxed(soup, 'div', class_='wide', tabindex='0', role='region', aria_label=name))
        if alt: svg['aria-label'] = alt
        del svg['alt']


def mended(soup):
    "Roles that the fallback's furniture gives and browsers do not take"
    for link in soup.select('a[role=navigation], a[role=link]'): link['role'] = 'button'
    for link in soup.select('a.sidebar-link[role=button], a.sidebar-item-toggle, a.nav-link.dropdown-toggle'):
        if not link.get('href'): link['href'] = '#'
    for toggle in soup.select('a.quarto-color-scheme-toggle'):
        toggle['href'], toggle['role'], toggle['aria-label'] = '#', 'button', 'Dark or light'
    for icon in soup.select('i.bi[role=img]'): del icon['role']; icon['aria-hidden'] = 'true'
    for n, nav in enumerate(soup.select('nav')):
        if not nav.get('aria-label') and not nav.get('aria-labelledby'):
            kinds = {'navbar': 'Site', 'page-navigation': 'Previous and next', 'quarto-secondary-nav': 'Section'}
            nav['aria-label'] = next((v for k, v in kinds.items() if k in nav.get('class', [])), 'On this page')
    for link in soup.select('a[target=_blank]'): link['rel'] = 'noopener'
    if soup.head and not soup.select('a.skip'):
        skip = boxed(soup, 'a', class_='skip', href='#quarto-document-content')
        skip.string = 'To the text'
        soup.body.insert(0, skip)


def own_files(soup, up, has_katex):
    "The stylesheet and the script of every page"
    if has_katex and soup.select_one('.maths'):
        soup.head.append(boxed(soup, 'link', rel='stylesheet', href=f'{up}katex/katex.min.css'))
    soup.head.append(boxed(soup, 'script', src=f'{up}book.js', defer='', data_up=up))


def version(soup, up):
    "Which book this is, and where the others are"
    for place in soup.select('footer .nav-footer-right')[:1]:
        link = boxed(soup, 'a', href=f'{up}changelog.html#versions')
        link.string = f'Version {__version__}'
        (place.find('p') or place).extend([' · ', link])


def sections(soup):
    "(anchor, heading, words) of a page's sections: prose, lists and captions, no code and no numbers of tables"
    main = soup.select_one('main')
    if main is None: return
    promise = main.select_one('.description')
    at, heading, said = '', '', [promise.get_text(' ', strip=True)] if promise else []
    for e in main.find_all(['h1', 'h2', 'h3', 'h4', 'p', 'li', 'dt', 'dd', 'caption', 'figcaption', 'td']):
        if e.find_parent(['nav', 'pre', 'table']) and e.name not in ('caption', 'td'): continue
        if e.name == 'td' and re.fullmatch(r'[-+\d.,;\[\] %<>/a-z]{0,40}', e.get_text(strip=True)): continue
        words = re.sub(r'\s+', ' ', e.get_text(' ', strip=True))
        if e.name[0] == 'h' and e.name[1:].isdigit():
            if e.name == 'h1': continue
            yield at, heading, ' '.join(said)
            holder = e if e.get('id') else e.find_parent('section')
            at, heading, said = (holder or e).get('id', ''), words, []
        elif words: said.append(words)
    yield at, heading, ' '.join(said)


def page_title(soup):
    h1 = soup.select_one('main h1')
    return h1.get_text(' ', strip=True) if h1 else soup.title.get_text() if soup.title else ''


def read_through(soup):
    "Refuse Markdown that nobody set: a link that stands in the text as it was written"
    raw = re.compile(r'\]\([\w./#:-]+\)')
    for words in (w for main in soup.select('main') for w in main.find_all(string=raw)):
        if not words.find_parent(['code', 'pre', 'script', 'style']):
            raise InputError(f'{page_title(soup)}: {str(words).strip()[:60]!r} was not made a link; mend its Markdown')


def finish_page(f, site, has_katex):
    "One page, and its entries of the index"
    soup, up = BeautifulSoup(f.read_text(), 'html.parser'), os.path.relpath(site, f.parent)+'/'
    up = '' if up == './' else up
    for step in (tables, code, pictures, mended, read_through): step(soup)
    own_files(soup, up, has_katex)
    if (site/'changelog.html').is_file(): version(soup, up)
    path, title = f.relative_to(site).as_posix(), page_title(soup)
    entries = [dict(href=path + (f'#{at}' if at else ''), title=title, section=heading, text=words)
               for at, heading, words in sections(soup)]
    f.write_text(str(soup))
    soup.decompose()
    return entries


def finish(site):
    "All pages, and one index: as JSON for the renderer's own search, as a script for pages opened from a disk"
    maths(site)
    localise(site)
    index, has_katex = [], (site/'katex').is_dir()
    gc.disable()                                          # trees of many small nodes: a third of the time
    try:
        for f in sorted(site.rglob('*.html')): index += finish_page(f, site, has_katex)
    finally: gc.enable()
    (site/'search.json').write_text(json.dumps([dict(objectID=e['href'], **e) for e in index], ensure_ascii=False))
    (site/'search.js').write_text(f'window.bookIndex = {json.dumps(index, ensure_ascii=False)}')


def run_pages(site, runs):
    "A page for every run, in the frame of the listing: its parameters, scores, and the notebook as executed"
    shell = BeautifulSoup((site/'runs.html').read_text(), 'html.parser')
    theirs = ('#quarto-sidebar, #quarto-sidebar-glass, #quarto-margin-sidebar, nav.quarto-secondary-nav, main > nav, '
              '.quarto-code-links, meta[name=description]')
    for gone in shell.select(theirs): gone.decompose()
    main = shell.select_one('main')
    main.clear()
    main.append('RUN')
    frame = str(shell).replace('<title>Runs', '<title>RUN-NAME')
    for name, told in runs.items():
        to = site/'runs'/f'{name}.html'
        to.parent.mkdir(parents=True, exist_ok=True)
        up = '../'*len(Path(name).parts)
        page = re.sub(r'((?:href|src|data-up)=")(?![a-z]+:|#|/|data:)(?:\./)?([^"]*)"', rf'\1{up}\2"', frame)
        page = re.sub(r'(name="(?:smalldocs|quarto):offset" content=")[^"]*', rf'\1{up}', page)
        page = re.sub(r'(content=")[^"]*(" name="(?:smalldocs|quarto):offset")', rf'\1{up}\2', page)
        to.write_text(page.replace('RUN-NAME', name).replace('>RUN<', f'>{told(up)}<', 1))


def outside_requests(site):
    "What pages and stylesheets would fetch from other hosts"
    asks = {'.html': [r'<(?:script|img|iframe|source|video)[^>]*\ssrc="(https?:)?//[^"]*"',
                      r'<link(?![^>]*canonical)[^>]*href="(?:https?:)?//[^"]*"'],
            '.css': [r'(?:@import|url\()\s*["\']?(?:https?:)?//[^)"\';]*']}
    return [(f.name, u) for f in site.rglob('*') for ask in asks.get(f.suffix, [])
            for u in re.findall(ask, f.read_text())]


def broken(site, home):
    "Links and pictures that lead nowhere, anchors and absolute addresses of our own included"
    pages = {f.resolve(): f.read_text() for f in site.rglob('*.html')}
    ids = {f: set(re.findall(r'\s(?:id|name)="([^"]+)"', t)) for f, t in pages.items()}
    out = []
    for f, t in pages.items():
        for link in re.findall(r'<a\s[^>]*?href="([^"]*)"', t) + re.findall(r'<img\s[^>]*?src="([^"]*)"', t):
            link = html.unescape(link)
            if re.match(rf'{re.escape(home)}/v\d', link): continue       # a released book, beside this one
            if link.startswith(home): link = os.path.relpath(site/link[len(home):].lstrip('/'), f.parent)
            if re.match(r'[a-z]+:|//', link): continue
            path, _, at = link.partition('#')
            to = (f.parent/path.partition('?')[0]).resolve() if path else f
            if to.is_dir(): to = to/'index.html'
            if not to.exists() or at and to in ids and at not in ids[to] and at != 'top': out.append((f.name, link))
    return out


def without_alt(site):
    "Pictures that say nothing to who cannot see them"
    out = []
    for f in site.rglob('*.html'):
        if 'try' in f.relative_to(site).parts: continue
        t = f.read_text()
        out += [(f.name, 'a picture without words: write `#| fig-cap:` or `#| fig-alt:`')
                for img in re.findall(r'<img\b[^>]*>', t) if not re.search(r'\salt="', img)]
    return out
