"Every snippet of the README runs exactly as it is printed, and prints what it says."
import os, re, subprocess, sys
from pathlib import Path

import pytest

from afgsbir.core import repo_root

README = (repo_root()/'README.md').read_text()


def blocks(kind): return re.findall(rf'^```{kind}\n(.*?)^```$', README, re.M | re.S)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    "Where the first page runs"
    place = tmp_path_factory.mktemp('readme')
    sys.path.insert(0, str(repo_root()/'.ci'))
    from ask import lay_out
    lay_out(place)
    return place


def test_python(folder):
    "The snippets of Python, with their output"
    outputs = blocks('text')
    assert len(blocks('python')) == 1 and outputs
    done = subprocess.run([sys.executable, '-c', blocks('python')[0]], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == '\n'.join(o.strip() for o in outputs)


def test_shell(folder):
    "The command lines; `make` has its own gates"
    lines = [l for b in blocks('sh') for l in b.splitlines() if l.strip() and not l.startswith('make ')]
    assert len(lines) >= 4 and all(l.startswith('afgsbir ') for l in lines)
    env = os.environ | dict(PATH=f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}')
    for line in lines:
        done = subprocess.run(line, shell=True, cwd=folder, capture_output=True, text=True, env=env)
        assert done.returncode == 0, f'{line}: {done.stderr}'
    assert (folder/'answer.html').is_file()


def test_length():
    "Under 900 words of prose"
    prose = re.sub(r'^```.*?^```$|^\|.*$|!?\[.*?\]\(.*?\)', ' ', README, flags=re.M | re.S)
    assert len(re.findall(r"[\w']+", prose)) < 900
