"""Store fresh outputs in the chapters that show something: run it when a chapter or the rows have changed.

Cells marked `#| eval: false` stay unrun.
"""
import re, subprocess, sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
SHOW = ['00_core', '01_pairs', '02_tasks', '03_runs', '04_asking', '10_backbone', '11_views',
        '20_adapt', '21_margin', '22_meta', '23_hubs', '24_shift', '33_gallery',
        '34_tables', '37_race', '38_shards', '50_results', '51_demo', '52_adapting', '53_protocol', '54_anatomy',
        '55_better', '56_where', '57_margins', '58_costs', '59_billion', 'index']

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
