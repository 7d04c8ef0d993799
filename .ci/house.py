"""The house, measured: how long, how wide and how many things the exported cells are, and whether imports run downhill.

    python .ci/house.py [--check] [folder]    # --check: exit 1 where a rule is broken
"""
import argparse, ast, re, statistics, sys
from pathlib import Path
from typing import NamedTuple

import nbformat

WIDE, MANY = 120, 7  # columns; positional arguments of one call


class Cell(NamedTuple):
    chapter: str    # 31_gallery
    module: str     # gallery, '' where the chapter exports nothing
    exported: bool
    lines: list     # neither blank nor a directive
    tree: ast.Module


def parsed(source):
    try: return ast.parse(re.sub(r'^[%!].*$', '', source, flags=re.M))
    except SyntaxError: return ast.Module([], [])


def code_cells(file):
    "The code cells of one chapter, in order"
    cells = [c.source for c in nbformat.read(file, 4).cells if c.cell_type == 'code']
    module = re.search(r'^#\|\s*default_exp +(\w+)', '\n'.join(cells), re.M)
    for source in cells:
        lines = [l for l in source.split('\n') if l.strip() and not l.startswith('#|')]
        exported = bool(re.search(r'^#\|\s*exports?:?\s*$', source, re.M))
        yield Cell(file.stem, module[1] if module else '', exported, lines, parsed(source))


def is_imports(cell): return all(isinstance(s, (ast.Import, ast.ImportFrom)) for s in cell.tree.body)


def definitions(cells):
    "Name of every exported top-level function and class, with the code cells that follow it"
    for i, cell in enumerate(cells):
        for d in cell.tree.body if cell.exported else ():
            if isinstance(d, (ast.FunctionDef, ast.ClassDef)): yield d.name, cells[i+1:i+4]


def exercised(name, after, shown):
    "Whether a later cell says the name; `shown`: a cell that is not exported"
    return any(re.search(rf'\b{name}\b', '\n'.join(c.lines)) for c in after if not (shown and c.exported))


def imported(tree):
    "Modules of the package that a tree imports, inside functions too"
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
        if isinstance(node, ast.Import): yield from (n.split('.')[1] for n in names if n.startswith('afgsbir.'))
        elif isinstance(node, ast.ImportFrom) and node.module == 'afgsbir': yield from names
        elif isinstance(node, ast.ImportFrom) and str(node.module).startswith('afgsbir.'):
            yield node.module.split('.')[1]


def uphill(chapters):
    "Imports of a chapter's module from one that does not stand lower"
    number = {cells[0].module: int(name[:2]) for name, cells in chapters.items() if cells[0].module}
    for name, cells in chapters.items():
        for module in sorted({m for c in cells if c.exported for m in imported(c.tree)}):
            if number.get(module, -1) >= int(name[:2]): yield f'{name} imports {module}, chapter {number[module]}'


def crowded(tree):
    "Calls with many positional arguments"
    return [ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call) and len(n.args) >= MANY]


def unseeded(cells):
    "Whether cells draw from torch's own stream, which other chapters tested before it in one process have moved"
    text = '\n'.join(l for c in cells if not c.exported for l in c.lines)
    draws = re.search(r'torch\.(randn|rand|randint|randperm)(_like)?\((?!.*generator=)', text)
    return draws and not re.search(r'^(torch\.manual_seed|seed_torch)\(', text, re.M)


def wide(lines): return [l for l in lines if len(l) > WIDE]


def public_names(root):
    "Sum of `__all__`, and of functions and classes in it"
    names, defs = 0, 0
    for file in (root/'afgsbir').glob('*.py'):
        tree = ast.parse(file.read_text())
        every = [s.value for s in tree.body if isinstance(s, ast.Assign) and ast.unparse(s.targets[0]) == '__all__']
        listed = set(ast.literal_eval(every[0])) if every else set()
        names += len(listed)
        defs += len(listed & {d.name for d in tree.body if isinstance(d, (ast.FunctionDef, ast.ClassDef))})
    return names, defs


def percent(hits): return f'{100*statistics.mean(hits):3.0f} %' if hits else '    –'


def scripts(root):
    "Our Python files outside the package"
    return sorted(f for folder in ('.ci', 'data_prep', 'tests') for f in (root/folder).glob('*.py'))


def tell_chapters(chapters):
    "A line for every chapter that exports something"
    print('chapter            lines  cells  longest  widest   >120  exercised')
    for name, cells in chapters.items():
        own = [c for c in cells if c.exported]
        if not own: continue
        lines, hits = [l for c in own for l in c.lines], [exercised(*d, False) for d in definitions(cells)]
        some = len(lines), sum(not is_imports(c) for c in own), max(len(c.lines) for c in own), max(map(len, lines))
        print('{:18s} {:5d}  {:5d}  {:7d}  {:6d}'.format(name, *some) + f'  {len(wide(lines)):5d}  {percent(hits):>9s}')


def tell_cells(exported):
    "How large the cells are that do more than import"
    every = [c for c in exported if not is_imports(c)]
    lines, chars = [l for c in every for l in c.lines], [sum(map(len, c.lines)) for c in every]
    length = sorted(len(c.lines) for c in every)
    shape = ' / '.join(f'{n:g}' for n in (statistics.median(length), length[int(.9*len(length))], length[-1]))
    total = sum(len(c.lines) for c in exported)
    print(f'\nexported lines       {total}, of which {len(lines)} in cells that do more than import')
    print(f'exported cells       {len(every)}: lines {shape} (median / p90 / max),'
          f' characters {statistics.median(chars):g} (median)')
    print(f'width                {max(map(len, lines))} at most; over {WIDE}: {len(wide(lines))} lines,'
          f' {100*len(wide(lines))/len(lines):.1f} %')


def tell_definitions(root, chapters):
    "How many there are, and how many are used where they stand"
    names, public = public_names(root)
    print(f'public names         {public} functions and classes, {names} with constants')
    defs = [d for cells in chapters.values() for d in definitions(cells)]
    for what, keep in (('all definitions', defs), ('public ones', [d for d in defs if d[0][0] != '_'])):
        said, shown = ([exercised(*d, s) for d in keep] for s in (False, True))
        print(f'exercised            {what}: {percent(said)} in one of the next three code cells,'
              f' {percent(shown)} in one of them that is not exported')


def tell_others(root, chapters):
    "What stands outside the exported cells"
    for file in scripts(root):
        over = wide(file.read_text().split('\n'))
        if over: print(f'over {WIDE} columns     {file.relative_to(root)}: {len(over)}, widest {max(map(len, over))}')
    shown = [(name, c) for name, cells in chapters.items() for c in cells if not c.exported]
    calls = [f'{name}:{call}' for name, c in shown for call in crowded(c.tree)]
    print(f'{MANY}+ positional       {len(calls)} in cells not exported: {", ".join(calls)}')


def broken(root, chapters):
    "Every rule that is broken, a line each"
    exported = [(name, c) for name, cells in chapters.items() for c in cells if c.exported]
    texts = [(f.relative_to(root), f.read_text().split('\n')) for f in scripts(root)]
    for name, lines in [(name, c.lines) for name, c in exported] + texts:
        yield from (f'{name}: {len(l)} columns: {l.strip()[:60]}' for l in wide(lines))
    for name, c in exported:
        yield from (f'{name}: {MANY} or more positional arguments: {call}' for call in crowded(c.tree))
    yield from (f'uphill: {u}' for u in uphill(chapters))
    yield from (f'{name}: draws from torch without torch.manual_seed' for name, cells in chapters.items()
                if unseeded(cells))


def main():
    p = argparse.ArgumentParser(description='Measure the house')
    p.add_argument('folder', nargs='?', type=Path, default=Path(__file__).resolve().parents[1])
    p.add_argument('--check', action='store_true', help='exit 1 where a rule is broken')
    a = p.parse_args()
    chapters = {f.stem: list(code_cells(f)) for f in sorted((a.folder/'nbs').glob('[0-9]*.ipynb'))}
    if not a.check:
        tell_chapters(chapters)
        tell_cells([c for cells in chapters.values() for c in cells if c.exported])
        tell_definitions(a.folder, chapters)
        tell_others(a.folder, chapters)
    faults = list(broken(a.folder, chapters))
    print('\n'.join([*faults, f'house: {len(faults)} rules broken' if faults else 'house: in order']))
    if a.check and faults: sys.exit(1)


if __name__ == '__main__': main()
