"""Plausible bugs that would change a published number in silence, put in one at a time: a test must fail for each.

    python .ci/mutants.py [-j 2] [--out FILE] [name ...]     # names: only these; rows of others stay
    python .ci/mutants.py --check     # whether every bug still applies; runs none

`tests/mutants.yaml` lists them. A bug is put into a copy of the project, into a chapter's cell or into a module of the
package, and its test is run there: a chapter, whose cells define what they test, or a pytest node.
"""
import argparse, ast, csv, json, multiprocessing, os, re, shutil, signal, sys, time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest, yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from afgsbir.core import InputError, atomic, command, data_root

PARTS = ('afgsbir', 'nbs', 'tests', '.ci', 'data_prep', 'settings.ini', 'pyproject.toml', 'README.md', 'Snakefile')
COLUMNS = 'mutant,file,what it would change,test,killed,seconds'.split(',')
BROKEN = r'(SyntaxError|IndentationError|NameError|UnboundLocalError|ImportError|ModuleNotFoundError|AttributeError)'
LIMIT = 1200    # seconds that one test may take
HEAVY = ('accelerate faiss matplotlib.pyplot nbdev.test nbformat numpy pandas papermill pyarrow.parquet pytest '
         'safetensors.torch scipy.stats seaborn timm torch torchvision').split()
PROCESSES = multiprocessing.get_context('forkserver')    # what is slow to import is imported once


class Mutant(NamedTuple):
    name: str
    file: str     # a chapter, a module of the package, or a script of the page
    find: str     # stands once in its source
    replace: str
    test: str     # a chapter, or a pytest node
    changes: str  # which number the bug would falsify


class Ran(NamedTuple):
    "A test that was run: whether it `passed`, `failed`, was `skipped`, or is `broken`"
    how: str
    said: str
    seconds: float


def mutants(file):
    "The list, every name once"
    found = [Mutant(**m) for m in yaml.safe_load(file.read_text())]
    twice = {m.name for m in found if [n.name for n in found].count(m.name) > 1}
    if twice: raise InputError(f'{file}: {min(twice)} stands twice; rename one')
    return found


def sources(file):
    "What may be changed of a file, the source of every code cell or all of it; and what makes a file of it again"
    if file.suffix != '.ipynb': return [file.read_text()], lambda texts: texts[0]
    book = json.loads(file.read_text())
    cells = [c for c in book['cells'] if c['cell_type'] == 'code']
    def written(texts):
        for cell, text in zip(cells, texts): cell['source'] = text
        return json.dumps(book, indent=1, ensure_ascii=False)+'\n'
    return [''.join(c['source']) for c in cells], written


def mutated(root, m):
    "The file's text with the bug in it"
    texts, written = sources(root/m.file)
    n = sum(t.count(m.find) for t in texts)
    if n != 1 or m.find == m.replace:
        raise InputError(f'{m.name}: no longer applies, {m.file} has {n} times {m.find[:60]!r}; mend the list')
    texts = [t.replace(m.find, m.replace) for t in texts]
    try: m.file.endswith('.js') or ast.parse(next(t for t in texts if m.replace in t))
    except SyntaxError as e: raise InputError(f'{m.name}: is no Python ({e.msg}); mend tests/mutants.yaml') from e
    return written(texts)


def apply_all(found):
    "Tell every mutant that no longer applies"
    faults = []
    for m in found:
        try: mutated(ROOT, m)
        except (InputError, OSError) as e: faults.append(str(e))
    if faults: raise InputError('; '.join(faults))


def copied(folder, caches):
    "A copy of the project; collections, and what sound copies cached of them, are linked: it writes beside them"
    for part in PARTS:
        if (ROOT/part).is_dir(): shutil.copytree(ROOT/part, folder/part, ignore=shutil.ignore_patterns('__pycache__'))
        else: shutil.copy(ROOT/part, folder/part)
    linked(folder/'prepared', data_root())
    linked(folder/'prepared/.cache', caches)
    return folder


def linked(folder, source):
    "A folder of links to all that `source` holds"
    folder.mkdir()
    for made in source.glob('[!.]*'): (folder/made.name).symlink_to(made.resolve())


def environment(folder):
    "The copy stands first on the path, before a package that is installed"
    places = dict(PYTHONPATH='', AFGSBIR_COLLECTIONS='prepared', AFGSBIR_OUTPUTS='outputs', TMPDIR='tmp')
    return {name: str(folder/place) for name, place in places.items()} | dict(PYTHONDONTWRITEBYTECODE='1')


def test_here(folder, test):
    "Run a chapter or a pytest node in this process, which has imported nothing of the package"
    os.setsid()
    log = os.open(folder/'log', os.O_CREAT | os.O_WRONLY)
    for stream in (1, 2): os.dup2(log, stream)
    for name in [n for n in sys.modules if n.partition('.')[0] == 'afgsbir']: del sys.modules[name]
    os.environ.update(environment(folder))
    os.chdir(folder)
    sys.path[:] = [str(folder), *(p for p in sys.path if Path(p or '.').resolve() not in (ROOT, ROOT/'.ci'))]
    sys.dont_write_bytecode = True
    if test.endswith('.ipynb'):
        from nbdev.test import nbdev_test
        sys.exit(nbdev_test(test, n_workers=0, do_print=True))
    sys.exit(int(pytest.main(['-n0', '-x', '-p', 'no:cacheprovider', test])))


def tested(folder, test):
    "Run a chapter or a pytest node in a copy, in a process of its own"
    (folder/'tmp').mkdir(exist_ok=True)
    begin, child = time.time(), PROCESSES.Process(target=test_here, args=(folder, test))
    child.start(); child.join(LIMIT)
    if child.exitcode is None: os.killpg(child.pid, signal.SIGKILL); child.join()
    said = (folder/'log').read_text(errors='replace') if (folder/'log').exists() else ''
    (folder/'log').unlink(missing_ok=True)
    return Ran(outcome(test, child.exitcode, said), said, time.time()-begin)


def outcome(test, code, said):
    "How a test ended; one that did not come to ask anything is broken"
    if code == 0: return 'skipped' if re.search(r'^\d+ skipped|^SKIPPED', said, re.M) else 'passed'
    if re.search(rf'^(E +)?{BROKEN}\b|stopped: {BROKEN}\b', said, re.M): return 'broken'
    if test.endswith('.ipynb'): return 'failed' if re.search(r'^\w*(Error|Exception)\b', said, re.M) else 'broken'
    return 'failed' if code == 1 and re.search(r'^FAILED ', said, re.M) else 'broken'


def in_copy(work, caches):
    "`work(folder)` in a fresh copy"
    with TemporaryDirectory(prefix='mutant-') as folder: return work(copied(Path(folder), caches))


def unharmed(test, caches):
    "Run a test where nothing is wrong, and keep what it cached"
    def work(folder):
        ran = tested(folder, test)
        for made in (folder/'prepared/.cache').glob('[!.]*'):
            if not made.is_symlink() and not (caches/made.name).exists(): shutil.move(made, caches/made.name)
        return ran
    return in_copy(work, caches)


def looked_at(caches):
    "Fail unless tests run in a copy see the copy's package: a syntax error there is an error for both kinds of test"
    def work(folder):
        (folder/'afgsbir/core.py').write_text('def\n')
        return [tested(folder, test) for test in ('nbs/02_tasks.ipynb', 'tests/test_wiring.py')]
    for ran in in_copy(work, caches):
        if 'SyntaxError' in ran.said and ran.how == 'broken': continue
        raise InputError('a copy tests another package than its own; look at PYTHONPATH')


def killed(m, caches):
    "Run a mutant's test on its copy"
    def work(folder):
        text = mutated(folder, m)
        (folder/m.file).write_text(text)
        return tested(folder, m.test)
    return in_copy(work, caches)


def last_line(ran):
    "What a test said in the end that tells why"
    lines = [l for l in ran.said.splitlines() if re.match(r'(E  |\w*(Error|Exception)\b)', l)] or ran.said.splitlines()
    return (lines or [''])[0].strip()[:150]


def each(work, items, jobs):
    "(item, result) as they come in order"
    with ThreadPoolExecutor(jobs) as pool: yield from zip(items, pool.map(work, items))


def sound(tests, caches, jobs):
    "The tests that pass where nothing is wrong; those that are skipped are told, and any that fails is an error"
    good, faults, begin = set(), [], time.time()
    for test, ran in each(partial(unharmed, caches=caches), tests, jobs):
        if ran.how in ('failed', 'broken'): faults.append(f'{test} ({last_line(ran)})')
        print(f'{ran.how:8s} {ran.seconds:6.1f} s  {test}', flush=True)
        if ran.how == 'passed': good.add(test)
    if faults: raise InputError(f'without any bug these fail: {"; ".join(faults)}')
    print(f'{len(good)} of {len(tests)} tests pass where nothing is wrong, {time.time()-begin:.0f} s\n', flush=True)
    return good


def rows_of(chosen, caches, jobs):
    "A row for every mutant whose test can be run here"
    says = dict(failed='yes', passed='no', skipped='no', broken='broken')
    word = dict(yes='killed', no='SURVIVES', broken='BROKEN')
    for m, ran in each(partial(killed, caches=caches), chosen, jobs):
        told = says[ran.how]
        why = '' if told == 'yes' else f': {m.test}: {last_line(ran)}'
        print(f'{word[told]:8s} {ran.seconds:6.1f} s  {m.name}{why}', flush=True)
        yield dict(zip(COLUMNS, (m.name, m.file, m.changes, m.test, told, f'{ran.seconds:.0f}')))


def save(rows, file, found):
    "Write the rows whole, in the order of the list; those of mutants that were not run, and are as they were, stay"
    if file.is_file():
        was = {m.name: (m.file, m.changes, m.test) for m in found if m.name not in {r['mutant'] for r in rows}}
        kept = csv.DictReader(file.read_text().splitlines())
        rows += [r for r in kept if was.get(r['mutant']) == tuple(r[c] for c in COLUMNS[1:4])]
    order = [m.name for m in found]
    rows.sort(key=lambda r: order.index(r['mutant']))
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic(file) as tmp, open(tmp, 'w', newline='') as f:
        writer = csv.DictWriter(f, COLUMNS, lineterminator='\n')
        writer.writeheader(); writer.writerows(rows)


def main():
    p = argparse.ArgumentParser(description='Put plausible bugs in, one at a time: a test must fail for each')
    p.add_argument('names', nargs='*', help='only these; rows of others stay')
    p.add_argument('-j', '--jobs', type=int, default=1)
    p.add_argument('--check', action='store_true', help='only tell whether every bug still applies')
    p.add_argument('--out', type=Path, default=ROOT/'outputs/mutants/rows.csv')
    a = p.parse_args()
    found = mutants(ROOT/'tests/mutants.yaml')
    unknown = set(a.names) - {m.name for m in found}
    if unknown: raise InputError(f'{min(unknown)}: no such mutant; they are in tests/mutants.yaml')
    apply_all(found)
    if a.check: return print(f'mutants: {len(found)} apply')
    os.environ['OMP_NUM_THREADS'] = '1'
    PROCESSES.set_forkserver_preload(HEAVY)
    chosen, begin = [m for m in found if not a.names or m.name in a.names], time.time()
    with TemporaryDirectory(prefix='caches-') as caches:
        looked_at(Path(caches))
        good = sound(list(dict.fromkeys(m.test for m in chosen)), Path(caches), a.jobs)
        rows = list(rows_of([m for m in chosen if m.test in good], Path(caches), a.jobs))
    save(list(rows), a.out, found)
    dead, left = sum(r['killed'] == 'yes' for r in rows), len(chosen)-len(rows)
    print(f'\n{dead} of {len(rows)} mutants killed, {left} not run for want of data, {time.time()-begin:.0f} s')
    if dead < len(rows): raise SystemExit(1)


if __name__ == '__main__': command(main)
