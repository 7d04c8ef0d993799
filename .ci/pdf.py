"""The book as one PDF: the pages of the sidebar, staged as for the site, set by Typst, which Quarto brings.

Quarto makes books of Typst since 1.9.18. Runs, whose listing is a table of a browser, stay on the site.
"""
import re, shutil, subprocess
from pathlib import Path

import yaml

from afgsbir.core import InputError, command
from stage import ROOT, stage

PDF, WORK, SINCE = ROOT/'_pdf'/'afgsbir.pdf', ROOT/'_stage_pdf', (1, 9, 18)
CURE = f'install Quarto {".".join(map(str, SINCE))} or later (https://quarto.org), which brings Typst'


def found():
    "Quarto, of a version that makes books of Typst"
    quarto = shutil.which('quarto')
    if not quarto: raise InputError(f'no PDF: quarto is not here; {CURE}')
    said = subprocess.run([quarto, '--version'], capture_output=True, text=True).stdout.strip()
    if tuple(map(int, re.findall(r'\d+', said)[:3])) < SINCE:
        raise InputError(f'no PDF: quarto {said} is too old; {CURE}')
    return quarto


def chapters(contents, above=''):
    "The sidebar as parts and chapters of a book; what is elsewhere, and the listing of runs, are left out"
    def path(entry): return entry if isinstance(entry, str) else entry.get('href', '')
    parts, plain = [], [p for e in contents if (p := path(e)) and '://' not in p and p != 'runs.md']
    for entry in contents:
        if not isinstance(entry, dict) or 'section' not in entry: continue
        name = f'{above}: {entry["section"]}' if above else entry['section']
        below = chapters(entry['contents'], name)
        own = [c for c in below if isinstance(c, str)]
        parts += [dict(part=name, chapters=own)]*bool(own) + [c for c in below if not isinstance(c, str)]
    return plain[:1] + parts + plain[1:] if not above else plain + parts


def as_book(work):
    "The project file of the site, as that of a book; numbers of equations as Typst can set them"
    file = work/'_quarto.yml'
    site = yaml.safe_load(file.read_text())
    website = site['website']
    book = dict(title=website['title'], subtitle=website['description'],
                chapters=chapters(website['sidebar']['contents']))
    typst = dict(toc=True, papersize='a4', **{'toc-depth': 2, 'number-sections': False})
    project = {'type': 'book', 'output-dir': '_book'}
    file.write_text(yaml.safe_dump(dict(project=project, book=book, format=dict(typst=typst)), sort_keys=False))
    for page in [*work.glob('*.ipynb'), *work.glob('nbs/*.ipynb')]:
        page.write_text(re.sub(r'\\\\tag\{(\d+)\}', r'\\\\qquad(\1)', page.read_text()))
    return book


def build(to=PDF, work=WORK):
    "Stage, set, and put the PDF where the old one was"
    quarto = found()
    stage(work, quarto=True)
    as_book(work)
    done = subprocess.run([quarto, 'render', str(work), '--to', 'typst'], capture_output=True, text=True)
    made = sorted((work/'_book').glob('*.pdf'))
    if done.returncode or not made: raise InputError(f'no PDF: {(done.stderr or done.stdout).strip()[-2000:]}')
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(made[0], to)
    return to


if __name__ == '__main__': command(lambda: print(build()))
