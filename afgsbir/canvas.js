// A sheet to draw on with a mouse, a pen or a finger. What is on it is `strokes`: lists of [x, y] from 0 to 320.
const SIDE = 320   // of the sheet in units of `strokes`; the model's `side` is how large it is on the screen

// One stroke as a line; its first point stands twice, so that a tap is a dot
function trace(line, stroke) {
  line.setAttribute('points', [stroke[0], ...stroke].join(' '))
  return line
}
const shape = name => document.createElementNS('http://www.w3.org/2000/svg', name)

function render({ model, el }) {
  const sheet = shape('svg'), facts = { viewBox: `0 0 ${SIDE} ${SIDE}`, width: model.get('side'), role: 'img' }
  for (const [name, value] of Object.entries(facts)) sheet.setAttribute(name, value)
  let pen = null, stroke = [], live = null       // while something is being drawn

  const keep = strokes => { model.set('strokes', strokes); model.save_changes() }
  const draw = () => {
    const strokes = model.get('strokes')
    sheet.replaceChildren(...strokes.map(stroke => trace(shape('polyline'), stroke)), ...(live ? [live] : []))
    sheet.setAttribute('aria-label', `a sheet to draw on; strokes: ${strokes.length}`)
  }
  const at = event => {
    const box = sheet.getBoundingClientRect()
    const place = x => Math.round(10 * SIDE * Math.min(1, Math.max(0, x / box.width))) / 10
    return [place(event.clientX - box.left), place(event.clientY - box.top)]
  }
  sheet.addEventListener('pointerdown', event => {
    if (pen !== null || event.button) return     // a second finger, or another button of the mouse
    event.preventDefault()
    sheet.setPointerCapture(pen = event.pointerId)
    stroke = [at(event)]
    sheet.append(live = trace(shape('polyline'), stroke))
  })
  sheet.addEventListener('pointermove', event => {
    if (event.pointerId !== pen) return
    const passed = event.getCoalescedEvents?.() ?? []      // a quick hand moves more than once a frame
    stroke.push(...(passed.length ? passed : [event]).map(at))
    trace(live, stroke)
  })
  sheet.addEventListener('lostpointercapture', event => {  // lifted, or taken away
    if (event.pointerId !== pen) return
    pen = live = null
    keep([...model.get('strokes'), stroke])
  })

  const buttons = document.createElement('div')
  buttons.dataset.lmSuppressShortcuts = 'true'   // Enter presses a button; JupyterLab would go back to the cell
  const press = (textContent, onclick) =>
    buttons.append(Object.assign(document.createElement('button'), { type: 'button', textContent, onclick }))
  press('Undo', () => keep(model.get('strokes').slice(0, -1)))
  press('Clear', () => keep([]))
  el.classList.add('afgsbir-canvas')
  el.append(sheet, buttons)
  model.on('change:strokes', draw)
  draw()
  return () => model.off('change:strokes', draw)
}

export default { render }
