"The gate on the house names what is broken, and passes what is not."
import subprocess, sys

import nbformat.v4 as nb

from afgsbir.core import repo_root

GOOD = '#| export\ndef low(x): return max(1, 2, 3, 4, 5, 6)'
BAD = ('#| export\ndef high():\n    from afgsbir.high import peak\n'
       f'    wide = {"1+"*60}1\n    return max(1, 2, 3, 4, 5, 6, 7)')
HIGH = '#| export\nfrom afgsbir.low import low\ndef peak(): low(1)'


def house(folder, *cells):
    "Write one chapter with these cells beside a higher one; (exit code, lines) of the check"
    (folder/'nbs').mkdir(parents=True)
    for name, sources in (('10_low', cells), ('20_high', [HIGH])):
        chapter = nb.new_notebook(cells=[nb.new_code_cell(s) for s in (f'#| default_exp {name[3:]}', *sources)])
        (folder/'nbs'/f'{name}.ipynb').write_text(nb.writes(chapter))
    command = [sys.executable, repo_root()/'.ci/house.py', '--check', folder]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout.splitlines()


def test_in_order(tmp_path):
    assert house(tmp_path, GOOD, f'wide = {"1+"*60}1') == (0, ['house: in order'])       # a cell for show may be wide


def test_broken(tmp_path):
    (tmp_path/'tests').mkdir()
    (tmp_path/'tests'/'test_x.py').write_text('#'*121)
    code, lines = house(tmp_path, GOOD, BAD)
    assert code == 1 and lines[-1] == 'house: 4 rules broken'
    told = '10_low: 132 columns', 'test_x.py: 121 columns', 'arguments: max', 'uphill: 10_low imports high, chapter 20'
    for word in told:
        assert any(word in l for l in lines), (word, lines)
