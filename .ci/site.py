"""Build the site into _site/: nbdev's processed notebooks, rendered by Quarto where it is installed, else by smalldocs.

smalldocs takes maths and web fonts from other hosts; afterwards formulas become MathML and such links are removed,
so that no page asks another host for anything. A warning or a broken link fails the build.
"""
import html, os, re, shutil, subprocess, sys
from pathlib import Path

from afgsbir.core import InputError
from page import build

ROOT = Path(__file__).resolve().parents[1]
PAGE = 'https://afgsbir.github.io/afgsbir/try/'   # where README and chapters say that it is
STAGE, SITE = ROOT/'.site', ROOT/'_site'


def stage():
    "Processed notebooks and the project file in one folder"
    from nbdev.serve import proc_nbs
    os.chdir(ROOT)
    shutil.rmtree(ROOT/'_proc', ignore_errors=True)
    proc_nbs('nbs')
    shutil.rmtree(STAGE, ignore_errors=True)
    (STAGE/'nbs').mkdir(parents=True)
    for f in sorted((ROOT/'_proc').glob('*.ipynb')):
        page = re.sub(r'output-file: [^\\"]*\\n', '', f.read_text())      # pages keep the names of their notebooks
        (STAGE/('' if f.name == 'index.ipynb' else 'nbs')/f.name).write_text(page)
    demo = ROOT/'outputs'/'demo'/'51_demo.ipynb'                    # executed by `make run` on this machine
    if demo.exists(): shutil.copy(demo, STAGE/'nbs'/'51_demo.ipynb')
    shutil.copy(ROOT/'_quarto.yml', STAGE)
    shutil.copy(ROOT/'.ci'/'styles.css', STAGE)


def render():
    "Quarto or smalldocs; anything that looks like a warning stops the build"
    quarto = shutil.which('quarto')
    smalldocs = [str(Path(sys.executable).with_name('smalldocs')), 'render', '--strict']
    cmd = [*([quarto, 'render'] if quarto else smalldocs), str(STAGE)]
    done = subprocess.run(cmd, capture_output=True, text=True)
    said = done.stdout + done.stderr
    if done.returncode or re.search(r'WARN|warning:|Unable to resolve|not found', said):
        raise SystemExit(f'error: the site has warnings\n{said}')
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.move(str(STAGE/'_site'), SITE)
    return bool(quarto)


def to_mathml(page):
    "Formulas as MathML, which every current browser draws by itself"
    from latex2mathml.converter import convert
    def one(m):
        tex = html.unescape(m[2]).strip()
        tex = re.sub(r'^\\[(\[](.*)\\[)\]]$', r'\1', tex, flags=re.S)
        return convert(tex.strip(), display='block' if m[1] == 'display' else 'inline')
    return re.sub(r'<span class="math (inline|display)">(.*?)</span>', one, page, flags=re.S)


def localise():
    "No page and no stylesheet asks another host"
    for f in SITE.rglob('*.html'):
        t = to_mathml(f.read_text())
        t = re.sub(r'<script[^>]*src="https?://[^"]*"[^>]*>\s*</script>', '', t)
        t = re.sub(r'<link[^>]*href="https?://[^"]*"[^>]*>', lambda m: m[0] if 'canonical' in m[0] else '', t)
        f.write_text(t)
    for f in SITE.rglob('*.css'):
        t = f.read_text()
        f.write_text(re.sub(r'@import\s*(url\((["\']?)https?://.*?\2\)|(["\'])https?://.*?\3)\s*;', '', t))


def try_it():
    "The page that adapts in the browser, and links that lead to it; without it they lead to the published one"
    try: build(SITE/'try')
    except InputError as e: return print(f'{e}; the site is built without try/')
    for f in SITE.rglob('*.html'):
        f.write_text(f.read_text().replace(PAGE, f'{os.path.relpath(SITE/"try", f.parent)}/index.html'))


def outside_requests():
    "What pages and stylesheets would fetch from other hosts"
    asks = {'.html': [r'<(?:script|img|iframe|source|video)[^>]*\ssrc="(https?:)?//[^"]*"',
                      r'<link(?![^>]*canonical)[^>]*href="(?:https?:)?//[^"]*"'],
            '.css': [r'(?:@import|url\()\s*["\']?(?:https?:)?//[^)"\';]*']}
    return [(f.name, u) for f in SITE.rglob('*') for ask in asks.get(f.suffix, [])
            for u in re.findall(ask, f.read_text())]


def broken_links():
    "Links between our pages that lead nowhere"
    out = []
    for f in SITE.rglob('*.html'):
        for link in re.findall(r'<a [^>]*href="([^"#?]+)', f.read_text()):
            if re.match(r'[a-z]+:|//', link): continue
            if not (f.parent/html.unescape(link)).resolve().exists(): out.append((f.name, link))
    return out


if __name__ == '__main__':
    stage()
    if not render(): localise()
    try_it()
    bad = outside_requests() + broken_links()
    if bad: raise SystemExit('error: ' + '; '.join(f'{page}: {what}' for page, what in bad[:10]))
    print(f'{SITE}/index.html: {len(list(SITE.rglob("*.html")))} pages')
