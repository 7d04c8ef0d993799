"""Store fresh outputs in the chapters that show something: run it when a chapter or the rows have changed.

Cells marked `#| eval: false` stay unrun.
"""
import re, subprocess, sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
SHOW = [f.stem for f in sorted((ROOT/'nbs').glob('*.ipynb')) if f.stem[0] != '4']      # runs have pages of their own

for name in sys.argv[1:] or SHOW:
    file = ROOT/'nbs'/f'{name}.ipynb'
    book = nbformat.read(file, 4)
    code = [c for c in book.cells if c.cell_type == 'code']
    skipped = {c['id']: c.source for c in code if re.search(r'^#\|\s*eval:\s*false', c.source, re.M)}
    for c in book.cells: c.source = '' if c['id'] in skipped else c.source
    NotebookClient(book, kernel_name='python3', resources=dict(metadata=dict(path=str(ROOT/'nbs')))).execute()
    for c in book.cells:
        c.source = skipped.get(c['id'], c.source)
        if c.cell_type == 'code': c.outputs = [o for o in c.outputs if o.get('name') != 'stderr']
    nbformat.write(book, file)
    subprocess.run([ROOT/'.venv/bin/nbdev_clean', '--fname', str(file)], check=True)
    print(name)
subprocess.run([sys.executable, str(ROOT/'.ci/readme.py')], check=True)
