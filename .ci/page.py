"""Build the page that adapts in a browser: its sources, what `afgsbir.browser` writes, and ONNX Runtime Web from npm.

    python .ci/page.py _site/try
"""
import base64, fnmatch, gzip, hashlib, json, shutil, subprocess, sys, tarfile, tempfile
from pathlib import Path

from afgsbir.core import InputError, cached, command, data_root, load_rows

ROOT = Path(__file__).resolve().parents[1]
NPM = {   # package -> what npm says of it
    'onnxruntime-web@1.30.0':
        'q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==',
    'axe-core@4.14.1': 'FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==',
    'typescript@5.9.3': 'jl1vZzPDinLr9eUt3J/t7V6FgNEw9QjvBPdysz9KfQDD41fQrC2Y4vKQdiaUpFT4bXlb1RHhLpp8wtm6M5TgSw=='}


def from_npm(package, wanted):
    "The folder with some files of an npm package (a pattern, or several), fetched once"
    def fetch(folder):
        if not shutil.which('npm'): raise InputError('npm: is not installed; install Node.js 20 or later')
        try: done = subprocess.run(['npm', 'pack', package, '--silent'], cwd=folder, capture_output=True, timeout=300)
        except subprocess.TimeoutExpired: done = None
        if done is None or done.returncode: raise InputError(f'{package}: npm cannot fetch it; look at the network')
        archive = next(folder.glob('*.tgz'))
        if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != NPM[package]:
            raise InputError(f'{package}: is not the package it was; look at what changed')
        with tarfile.open(archive) as tar:
            for member in tar.getmembers():
                if any(fnmatch.fnmatch(member.name, f'package/{name}') for name in wanted):
                    (folder/Path(member.name).name).write_bytes(tar.extractfile(member).read())
        archive.unlink()
    return cached(data_root()/'.cache'/package.replace('@', '-'), fetch)


def measured(rows, before, step, k=5):
    "Acc@1 in per cent without and with k examples, mean over unseen categories: drawings as they stand, and centred"
    if not len(rows): return {}
    rates = 100*rows.query("gallery == 'with' and k == @k").groupby(['gallery_of', 'placement', 'step'])['acc@1'].mean()
    return {of: [[rates[of, placed, s] for s in (before, step)] for placed in ('asis', 'centred')]
            for of in ('category', 'mixed', 'any')}


def build(to):
    "The page in a folder of its own; InputError says what is missing"
    to = Path(to)
    if to.exists() and (not to.is_dir() or any(to.iterdir()) and not (to/'page.json').is_file()):
        raise InputError(f'{to}: holds something else than the page; name another folder')
    try: import onnx, onnxscript
    except ImportError as e: raise InputError(f"{e.name}: not installed; pip install 'afgsbir[page]'") from None
    from afgsbir.browser import page_files
    runtime = from_npm('onnxruntime-web@1.30.0',
                       ('dist/ort.wasm.bundle.min.mjs', 'dist/ort-wasm-simd-threaded.wasm', 'package.json'))
    files = page_files()
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix='.') as folder:      # whole, or not at all
        new = Path(folder)/'try'
        shutil.copytree(ROOT/'nbs/try', new)
        for file in files.iterdir():
            if not file.name.startswith('.'): shutil.copy(file, new)
        (new/'ort').mkdir()
        shutil.copy(runtime/'ort.wasm.bundle.min.mjs', new/'ort')
        wasm = gzip.compress((runtime/'ort-wasm-simd-threaded.wasm').read_bytes(), 9, mtime=0)
        (new/'ort.wasm.gz').write_bytes(wasm)
        page = json.loads((new/'page.json').read_text())
        page['bytes']['ort.wasm.gz'] = len(wasm)
        page['bytes'] |= {str(f.relative_to(new)): f.stat().st_size for f in new.rglob('*.*js')}
        page['measured'] = measured(load_rows('door/emoji'), page['before'], page['step'])
        (new/'page.json').write_text(json.dumps(page))
        shutil.rmtree(to, ignore_errors=True)
        new.rename(to)
    return to


if __name__ == '__main__': command(lambda: print(build(*sys.argv[1:2] or ['_site/try'])))
