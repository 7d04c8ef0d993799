"""Write README.md from nbs/index.ipynb as it stands; with --check only compare.

Hidden cells and directives go, figures are written to outputs/readme/ and links to chapters point at their notebooks.
"""
import base64, re, sys
from pathlib import Path

import nbformat

from stage import seen_in, works

ROOT = Path(__file__).resolve().parents[1]


def plain(text):
    "Markdown as a repository page shows it: no divs, citations by name"
    bib = works(ROOT/'nbs/references.bib')
    text = re.sub(r'^:::.*\n?', '', text, flags=re.M).strip()
    return re.sub(r'\[@([\w:-]+)\]', lambda m: f'({bib[m[1]]["short"]})', text)


def render():
    "README text and its pictures by path"
    lines, pictures = [], {}
    for c in nbformat.read(ROOT/'nbs/index.ipynb', 4).cells:
        if c.cell_type == 'markdown': lines.append(plain(c.source)); continue
        hidden = re.search(r'#\|\s*(hide|echo: false)', c.source)
        if not hidden: lines.append('```python\n' + re.sub(r'^#\|.*\n', '', c.source, flags=re.M).strip() + '\n```')
        for o in c.get('outputs', []):
            data = o.get('data', {})
            if 'image/svg+xml' in data:
                name, alt = f'outputs/readme/{len(pictures)}.svg', ''.join(data.get('text/plain', ''))
                pictures[name] = ''.join(data['image/svg+xml']).encode()
                lines.append(f'![{alt}]({name})')
            elif 'image/png' in data:
                name = f'outputs/readme/{len(pictures)}.png'
                pictures[name] = base64.b64decode(data['image/png'])
                lines.append(f'![{seen_in(data)}]({name})')
            elif 'text/markdown' in data: lines.append(data['text/markdown'])
            elif o.get('name') == 'stdout': lines.append('```text\n' + o['text'].rstrip() + '\n```')
    return '\n\n'.join(lines) + '\n', pictures


if __name__ == '__main__':
    text, pictures = render()
    if '--check' in sys.argv:
        same = (ROOT/'README.md').read_text() == text and all((ROOT/f).read_bytes() == b for f, b in pictures.items())
        raise SystemExit(0 if same else 'error: README.md is behind nbs/index.ipynb; run .ci/readme.py')
    (ROOT/'README.md').write_text(text)
    for f, b in pictures.items(): (ROOT/f).parent.mkdir(parents=True, exist_ok=True); (ROOT/f).write_bytes(b)
