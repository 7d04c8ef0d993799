"The sheet to draw on: from strokes to a sketch, from one kernel to another, and its script in a page of no browser."
import json, shutil, subprocess, sys
from importlib.resources import files

import numpy as np, pytest

from afgsbir.canvas import Canvas
from afgsbir.drawings import as_sketch

CROSS = [[[10, 10], [200, 200]], [[200, 10], [10, 200]]]
NODE = shutil.which('node')
needs_node = pytest.mark.skipif(not NODE, reason='no node on this machine: the script is not run')


def node(*args, text=None):
    return subprocess.run([NODE, *args], input=text, capture_output=True, text=True, timeout=120)


def test_strokes_give_the_sketch():
    sheet = Canvas(strokes=CROSS)
    assert sheet.sketch.shape == (256, 256) and sheet.sketch.dtype == np.uint8
    assert (sheet.sketch == as_sketch(CROSS, 256)).all()
    sheet.strokes = CROSS[:1]
    assert (sheet.sketch == as_sketch(CROSS[:1], 256)).all()


def test_state_goes_round():
    told = json.loads(json.dumps(Canvas(side=160, strokes=[np.array(s) for s in CROSS]).get_state(['side', 'strokes'])))
    other = Canvas()
    other.set_state(told)       # as a browser sends it
    assert other.strokes == CROSS and other.side == 160


@needs_node
def test_script_parses():
    done = node('--check', '--input-type=module', '-', text=(files('afgsbir')/'canvas.js').read_text())
    assert done.returncode == 0, done.stderr


PAGE = """
const made = name => ({
  name, told: {}, on: {}, all: [], dataset: {}, classList: { add() {} },
  setAttribute(k, v) { this.told[k] = v }, addEventListener(k, f) { this.on[k] = f }, setPointerCapture() {},
  append(...parts) { this.all.push(...parts) }, replaceChildren(...parts) { this.all = parts },
  getBoundingClientRect: () => ({ left: 100, top: 50, width: 160, height: 160 }),
})
globalThis.document = { createElementNS: (_, name) => made(name), createElement: made }
const state = { side: 160, strokes: [] }, told = [], seen = []
const model = {
  get: k => state[k], set: (k, v) => { state[k] = v },
  save_changes() { told.push(state.strokes); this.changed() },
  on(_, f) { this.changed = f }, off() { this.changed = null },
}
const el = made('div'), leave = render({ model, el }), [sheet, buttons] = el.all
const does = (kind, pointerId, x, y, button = 0) =>
  sheet.on[kind]({ pointerId, clientX: x, clientY: y, button, preventDefault() {} })
does('pointerdown', 7, 100, 50, 2)                                   // the right button draws nothing
does('pointerdown', 1, 100, 50); does('pointermove', 1, 180, 130)
does('pointerdown', 2, 110, 60); does('pointermove', 2, 111, 61)     // nor does a second finger
does('pointermove', 1, 999, 50); does('lostpointercapture', 2, 0, 0); does('lostpointercapture', 1, 0, 0)
seen.push(sheet.all.map(line => line.told.points))
does('pointerdown', 1, 260, 210); does('lostpointercapture', 1, 0, 0)
seen.push(sheet.all.map(line => line.told.points))
for (const button of buttons.all) { button.onclick(); seen.push(state.strokes.length) }
leave()
console.log(JSON.stringify({ told, seen, texts: buttons.all.map(b => b.textContent), off: model.changed === null }))
"""


@needs_node
def test_script_draws():
    script = (files('afgsbir')/'canvas.js').read_text().replace('export default', '//')
    done = node('--input-type=module', '-', text=script+PAGE)
    assert done.returncode == 0, done.stderr
    found, first, dot = json.loads(done.stdout), [[0, 0], [160, 160], [320, 0]], [[320, 320]]
    assert found['told'] == [[first], [first, dot], [first], []]
    assert found['seen'] == [['0,0 0,0 160,160 320,0'], ['0,0 0,0 160,160 320,0', '320,320 320,320'], 1, 0]
    assert found['texts'] == ['Undo', 'Clear'] and found['off']


def test_without_anywidget():
    code = ("import sys; sys.modules['anywidget'] = None; import afgsbir\n"
            "from afgsbir.core import InputError\n"
            "try: import afgsbir.canvas\n"
            "except InputError as e: print(e)")
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('\n') == 1 and "pip install 'afgsbir[lab]'" in done.stdout
