"The book as a whole: notebooks small, README in step, pages without outside requests."
import subprocess, sys
from pathlib import Path

import nbformat, pytest

from afgsbir.core import repo_root

ROOT = repo_root()
NOTEBOOKS = sorted((ROOT/'nbs').glob('*.ipynb'))


def test_sizes():
    for f in NOTEBOOKS: assert f.stat().st_size < 2**20, f
    kept = subprocess.run(['git', 'ls-files', 'outputs'], cwd=ROOT, capture_output=True, text=True).stdout.split('\n')
    assert sum((ROOT/f).stat().st_size for f in kept if f and (ROOT/f).exists()) < 20*2**20


@pytest.mark.parametrize('file', [f for f in NOTEBOOKS if f.name[0].isdigit()], ids=lambda f: f.stem)
def test_opening(file):
    "Chapters open with a title and a one-line promise"
    heads = [c.source for c in nbformat.read(file, 4).cells[:2] if c.cell_type == 'markdown']
    assert heads and heads[0].startswith('# ') and '\n> ' in heads[0]


def test_readme_is_the_index(tmp_path):
    done = subprocess.run([sys.executable, '.ci/readme.py', '--check'], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
