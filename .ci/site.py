"""Build the site into _site/: staged notebooks, rendered by Quarto where it is installed, else by smalldocs.

A good site gives way to a complete good one only: pages are rendered into a folder of their own, counted and checked,
and then the folders change places. A warning, a broken link, an unresolved reference or a formula that cannot be set
fails the build.
"""
import os, re, shutil, subprocess, sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from afgsbir.core import InputError, command, outputs_root
from finish import broken, finish, outside_requests, run_pages, without_alt
from pages import manifests, run_told
from stage import HOME, stage

ROOT = Path(__file__).resolve().parents[1]
PAGE = f'{HOME}/try/'   # where README and chapters say that it is
STAGE, SITE = ROOT/'_stage', ROOT/'_site'


def render(folder, quarto):
    "The rendered site; anything that looks like a warning stops the build"
    smalldocs = [str(Path(sys.executable).with_name('smalldocs')), 'render', '--strict']
    cmd = [*([quarto, 'render'] if quarto else smalldocs), str(folder)]
    done = subprocess.run(cmd, capture_output=True, text=True)
    said = done.stdout + done.stderr
    if done.returncode or re.search(r'WARN|warning:|Unable to resolve|not found', said):
        raise InputError(f'the site has warnings\n{said}')
    return folder/'_site'


def counted(site, wanted):
    "As many pages as were staged"
    found = len(list(site.rglob('*.html'))) if site.is_dir() else 0
    if found != wanted: raise InputError(f'{found} pages were rendered, {wanted} were staged; the site stays as it was')


class Beside:
    "The page that adapts in the browser, built by a process of its own while the rest is made"
    def __init__(self, folder):
        cmd = [sys.executable, str(ROOT/'.ci/page.py'), str(folder)]
        quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.folder, self.process = folder, subprocess.Popen(cmd, **quiet)

    def into(self, to):
        "What was built, as a folder; InputError says what it lacks"
        said = self.process.communicate()[1].strip()
        if self.process.returncode == 2: raise InputError(said.split('\n')[-1])
        if self.process.returncode: raise RuntimeError(said)
        shutil.copytree(self.folder, to)

    def stop(self): self.process.terminate(); self.process.wait()


def try_it(site, page):
    "The page that adapts, and links that lead to it; without it they lead to the published one"
    try: page.into(site/'try')
    except InputError as e: return print(f'{e}; the site is built without try/')
    for f in site.rglob('*.html'):
        if PAGE in (told := f.read_text()):
            f.write_text(told.replace(PAGE, f'{os.path.relpath(site/"try", f.parent)}/index.html'))


def faults(site):
    "Whatever a reader would stumble over"
    known = [] if (site/'try').is_dir() else [PAGE]
    return [*outside_requests(site), *without_alt(site),
            *(b for b in broken(site, HOME) if not any(k.endswith(b[1].split('..')[-1].strip('/')+'/') for k in known))]


def swap(new, old):
    "The new site where the old one was: a moment without, never a half"
    gone = old.with_name(f'{old.name}.old')
    shutil.rmtree(gone, ignore_errors=True)
    if old.exists(): old.rename(gone)
    new.rename(old)
    shutil.rmtree(gone, ignore_errors=True)


def build(to=SITE, work=STAGE):
    "Stage, render, finish, check; then the site changes places with the old one"
    with TemporaryDirectory() as t:
        beside = Beside(Path(t)/'try')
        try: return _build(Path(to), work, beside)
        finally: beside.stop()


def _build(to, work, beside):
    quarto = shutil.which('quarto')
    wanted = stage(work, bool(quarto))
    new = render(work, quarto)
    counted(new, wanted)
    finish(new)
    run_pages(new, {name: partial(run_told, name, run, outputs_root()/name) for name, run in manifests().items()})
    try_it(new, beside)
    if bad := faults(new): raise InputError('; '.join(f'{page}: {what}' for page, what in bad[:10]))
    to.parent.mkdir(parents=True, exist_ok=True)
    swap(new, to)
    return wanted


if __name__ == '__main__': command(lambda: print(f'{SITE}/index.html: {build()} pages'))
