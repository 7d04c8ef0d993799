"""Store fresh outputs in the chapters that show something: run it when a chapter or the rows have changed.

Cells marked `#| eval: false` stay unrun.
"""
import re, subprocess, sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT/'nbs').glob('*.ipynb'))
SHOW = [f.stem for f in NOTEBOOKS if f.stem[0] != '4']      # runs have pages of their own
WIDGET = 'application/vnd.jupyter.widget-view+json'      # needs Python behind it; a picture of it may stay

def kept(output):
    "Whether a page can show an output, once it holds no widget"
    told = output.get('data', {})
    return output.get('name') != 'stderr' and (told.pop(WIDGET, None) is None or any(t != 'text/plain' for t in told))

for name in sys.argv[1:] or SHOW:
    file = ROOT/'nbs'/f'{name}.ipynb'
    book = nbformat.read(file, 4)
    code = [c for c in book.cells if c.cell_type == 'code']
    skipped = {c['id']: c.source for c in code if re.search(r'^#\|\s*eval:\s*false', c.source, re.M)}
    for c in book.cells: c.source = '' if c['id'] in skipped else c.source
    where = dict(metadata=dict(path=str(ROOT/'nbs')))
    NotebookClient(book, kernel_name='python3', resources=where, store_widget_state=False).execute()
    for c in book.cells:
        c.source = skipped.get(c['id'], c.source)
        if c.cell_type == 'code': c.outputs = [o for o in c.outputs if kept(o)]
    nbformat.write(book, file)
    subprocess.run([ROOT/'.venv/bin/nbdev_clean', '--fname', str(file)], check=True)
    print(name)
subprocess.run([sys.executable, str(ROOT/'.ci/readme.py')], check=True)
