// A sheet of paper: strokes by mouse, pen, finger or keys.

const SIDE = 320   // of the sheet, in the unit of its strokes

export class Sheet {
  /** @param {HTMLCanvasElement} canvas
   * @param {{ drew: (strokes: number[][][]) => void, began: () => void, line: () => number }} told what to do with strokes, and when one begins; width of a line */
  constructor(canvas, told) {
    this.canvas = canvas
    this.told = told
    /** @type {number[][][]} */
    this.strokes = []
    /** @type {number[][] | null} */
    this.now = null
    /** @type {CanvasImageSource | null} */
    this.under = null
    this.pen = [SIDE / 2, SIDE / 2]
    this.keyed = false
    this.pointed = false                    // by pointer last, not by keys
    /** @type {number | null} */
    this.pointer = null
    canvas.addEventListener('pointerdown', e => this.down(e))
    canvas.addEventListener('pointermove', e => this.move(e))
    for (const end of ['pointerup', 'pointercancel', 'lostpointercapture'])
      canvas.addEventListener(end, e => { if (/** @type {PointerEvent} */ (e).pointerId === this.pointer) this.lift() })
    canvas.addEventListener('keydown', e => this.key(e))
    canvas.addEventListener('blur', () => { if (this.keyed) this.lift(); this.redraw() })
    canvas.addEventListener('focus', () => this.redraw())
    this.redraw()
  }

  /** @param {{ clientX: number, clientY: number }} e */
  place(e) {
    const box = this.canvas.getBoundingClientRect(), near = (/** @type {number} */ x) => Math.min(SIDE, Math.max(0, x))
    return [near((e.clientX - box.left) / box.width * SIDE), near((e.clientY - box.top) / box.height * SIDE)]
  }

  /** @param {PointerEvent} e */
  down(e) {
    if (e.button || this.pointer !== null) return
    if (this.keyed) this.lift()
    this.pointer = e.pointerId
    this.pointed = true
    this.canvas.setPointerCapture(e.pointerId)
    this.begin(this.place(e))
  }

  /** @param {PointerEvent} e */
  move(e) {
    if (e.pointerId !== this.pointer || !this.now) return
    const every = e.getCoalescedEvents?.() ?? []
    for (const one of every.length ? every : [e]) this.now.push(this.place(one))
    this.redraw()
  }

  /** @param {number[]} at */
  begin(at) {
    this.under = null                       // a first stroke on a laid picture is a drawing of one's own
    this.now = [at]
    this.pen = at
    this.told.began()
    this.redraw()
  }

  lift() {
    const made = this.now
    if (made) this.strokes.push(made)
    this.now = null
    this.pointer = null
    this.keyed = false
    this.redraw()
    if (made) this.told.drew(this.strokes)
  }

  /** @param {KeyboardEvent} e */
  key(e) {
    if (e.ctrlKey || e.altKey || e.metaKey || (e.key === ' ' && e.repeat)) return
    const step = e.shiftKey ? 24 : 8
    this.pointed = false
    const way = /** @type {Record<string, number[]>} */ ({ ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] })[e.key]
    if (way) {
      this.pen = this.pen.map((x, i) => Math.min(SIDE, Math.max(0, x + way[i])))
      if (this.now) this.now.push(this.pen)
      this.redraw()
    } else if (e.key === ' ') {
      if (this.now) this.lift(); else { this.begin(this.pen); this.keyed = true }
    } else if (e.key === 'Backspace') this.undo()
    else return
    e.preventDefault()
  }

  undo() {
    if (!this.strokes.pop()) return
    this.redraw()
    this.told.drew(this.strokes)
  }

  clear() { this.strokes = []; this.now = null; this.redraw(); this.told.drew([]) }

  /** A picture in place of strokes, or none. @param {CanvasImageSource | null} picture */
  show(picture) { this.strokes = []; this.now = null; this.under = picture; this.redraw() }

  redraw() {
    const pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext('2d')), scale = this.canvas.width / SIDE
    pen.fillStyle = '#fff'
    pen.fillRect(0, 0, this.canvas.width, this.canvas.height)
    if (this.under) pen.drawImage(this.under, 0, 0, this.canvas.width, this.canvas.height)
    pen.strokeStyle = pen.fillStyle = '#000'
    pen.lineCap = pen.lineJoin = 'round'
    pen.lineWidth = this.told.line() * this.canvas.width / 85
    for (const stroke of this.now ? [...this.strokes, this.now] : this.strokes) {
      pen.beginPath()
      for (const [x, y] of [stroke[0], ...stroke]) pen.lineTo(x * scale, y * scale)
      pen.stroke()
    }
    if (document.activeElement === this.canvas && !this.pointed) this.cross(pen, scale)
  }

  /** Where the pen of the keyboard is. @param {CanvasRenderingContext2D} pen @param {number} scale */
  cross(pen, scale) {
    const [x, y] = this.pen.map(v => v * scale)
    pen.strokeStyle = this.now ? '#c2410c' : '#0b5cad'
    pen.lineWidth = 3
    pen.beginPath()
    for (const [dx, dy] of [[14, 0], [0, 14]]) { pen.moveTo(x - dx, y - dy); pen.lineTo(x + dx, y + dy) }
    pen.stroke()
  }
}
