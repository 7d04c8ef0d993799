// From strokes and pictures to the pixels that F looks at: what `afgsbir.drawings` does, step by step, with Pillow's
// own arithmetic, so that the same drawing gives the same bytes.

/** @typedef {{ width: number, height: number, data: Uint8Array | Uint8ClampedArray }} Picture RGBA */
/** @typedef {{ side: number, fill: number, line: number, ink: number, paper: number, largest: number,
 *    stamps: Record<string, number[][]> }} Ways */

/** Whole number nearest to x, halves to the even one, as Python rounds. @param {number} x */
export const rint = x => {
  const low = Math.floor(x), over = x - low
  return over < .5 || (over === .5 && low % 2 === 0) ? low : low + 1
}
const f32 = Math.fround
/** @param {number} x */
const up = x => x >= 0 ? Math.floor(f32(x + .5)) : -Math.floor(f32(Math.abs(x) + .5))
/** @param {number} x */
const down = x => x >= 0 ? Math.ceil(f32(x - .5)) : -Math.ceil(f32(Math.abs(x) - .5))
/** Halves away from zero. @param {number} x */
const round = x => Math.sign(x) * Math.floor(Math.abs(x) + .5)

/** @typedef {{ x0: number, y0: number, ymin: number, ymax: number, dx: number, xmin: number, xmax: number }} Edge */
/** @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 @returns {Edge} */
const edge = (x0, y0, x1, y1) => ({ x0, y0, ymin: Math.min(y0, y1), ymax: Math.max(y0, y1), xmin: Math.min(x0, x1),
  xmax: Math.max(x0, x1), dx: y0 === y1 ? 0 : f32(f32(x1 - x0) / (y1 - y0)) })
/** @param {Edge} e @param {number} y */
const at = (e, y) => f32(f32((y - e.y0) * e.dx) + e.x0)

/** Where an edge meets a line at a corner, pulled in so that corners stay joined.
 * @param {number} x @param {number} y @param {Edge} e @param {Edge[]} others those before it */
function corner(x, y, e, others) {
  for (const o of others) {
    if ((y !== o.ymin && y !== o.ymax) || o.dx === 0 || round(x) !== round(at(o, y))) continue
    const next = y + (y === e.ymax ? -1 : 1)
    if (next < o.ymin || next > o.ymax) continue
    const a = at(e, next), b = at(o, next)
    if (x > f32(a + 1) && x > f32(b + 1)) return f32(round(Math.max(a, b)) + 1)
    if (x < f32(a - 1) && x < f32(b - 1)) return f32(round(Math.min(a, b)) - 1)
    return x
  }
  return x
}

/** A straight line of some width, ends not round. @param {Uint8Array} sheet @param {number} side
 * @param {number[]} from @param {number[]} to @param {number} width */
function segment(sheet, side, from, to, width) {
  const [x0, y0] = from, [x1, y1] = to, dx = x1 - x0, dy = y1 - y0, half = (width - 1) / 2
  const most = up(half) / Math.hypot(dx, dy), least = down(half) / Math.hypot(dx, dy)
  const a = down64(least * dy), b = down64(most * dy), c = down64(least * dx), d = down64(most * dx)
  const v = [[x0 - a, y0 + d], [x1 - a, y1 + d], [x1 + b, y1 - c], [x0 + b, y0 - c]]
  const edges = v.map(([x, y], i) => edge(x, y, v[(i + 1) % 4][0], v[(i + 1) % 4][1]))
  for (const e of edges) if (e.ymin === e.ymax) span(sheet, side, e.ymin, e.xmin, e.xmax)
  const slanted = edges.filter(e => e.ymin !== e.ymax)
  const first = Math.max(0, Math.min(...edges.map(e => e.ymin))), last = Math.min(side, Math.max(...edges.map(e => e.ymax)))
  for (let y = first; y <= last; y++) {
    /** @type {number[]} */
    const meets = []
    slanted.forEach((e, i) => {
      if (y < e.ymin || y > e.ymax) return
      const x = at(e, y)
      if (y === e.ymax && y < last) meets.push(x, x)
      else meets.push((y === e.ymin || y === e.ymax) && e.dx !== 0 ? corner(x, y, e, slanted.slice(0, i)) : x)
    })
    meets.sort((p, q) => p - q)
    for (let i = 1; i < meets.length; i += 2) span(sheet, side, y, up(meets[i - 1]), down(meets[i]))
  }
}
/** @param {number} x */
const down64 = x => x >= 0 ? Math.ceil(x - .5) : -Math.ceil(Math.abs(x) - .5)

/** Ink from one pixel to another of a line. @param {Uint8Array} sheet @param {number} side
 * @param {number} y @param {number} from @param {number} to */
function span(sheet, side, y, from, to) {
  if (y < 0 || y >= side) return
  const a = Math.max(0, from), b = Math.min(side - 1, to)
  if (a <= b) sheet.fill(0, y * side + a, y * side + b + 1)
}

/** Strokes in the middle of a frame, black on white, with lines of one width. @param {number[][][]} strokes
 * @param {Ways} ways @param {number} [line] width of a line, in sides of the frame @returns {Uint8Array} grey */
export function drawn(strokes, ways, line = ways.line) {
  const fine = 4, side = ways.side * fine, width = Math.max(fine, rint(side * line)), stamp = ways.stamps[width]
  const largest = strokes.flat(2).reduce((most, x) => Math.max(most, Math.abs(x)), 0) || 1
  const all = strokes.filter(s => s.length).map(s => s.map(([x, y]) => [x / largest, y / largest])), every = all.flat()
  const low = [0, 1].map(i => every.reduce((least, p) => Math.min(least, p[i]), Infinity))
  const high = [0, 1].map(i => every.reduce((most, p) => Math.max(most, p[i]), -Infinity))
  const extent = Math.max(high[0] - low[0], high[1] - low[1])
  const scale = extent > 1e-9 ? Math.max(ways.fill * side - width, 0) / extent : 0
  const sheet = new Uint8Array(side * side).fill(255)
  for (const stroke of all) {
    const points = stroke.map(p => [0, 1].map(i => rint((p[i] - (low[i] + high[i]) / 2) * scale + side / 2)))
      .filter(([x, y], i, every) => !i || x !== every[i - 1][0] || y !== every[i - 1][1])
    for (let i = 1; i < points.length; i++) segment(sheet, side, points[i - 1], points[i], width)
    const half = width >> 1
    for (const [x, y] of points)
      stamp.forEach(([a, b], i) => span(sheet, side, y - half + i, x - half + a, x - half + b))
  }
  return reduced(sheet, side, fine)
}

/** Means of blocks. @param {Uint8Array} sheet @param {number} side @param {number} n */
function reduced(sheet, side, n) {
  const small = side / n, out = new Uint8Array(small * small)
  for (let y = 0; y < small; y++) for (let x = 0; x < small; x++) {
    let sum = n * n / 2
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) sum += sheet[(y * n + i) * side + x * n + j]
    out[y * small + x] = Math.floor(sum / (n * n))
  }
  return out
}

/** @typedef {{ width: number, height: number, bands: number, data: Uint8Array }} Bytes */
/** @param {number} width @param {number} height @param {number} bands @returns {Bytes} */
const white = (width, height, bands) => ({ width, height, bands, data: new Uint8Array(width * height * bands).fill(255) })

/** Weights of Lanczos' filter for one axis, in 22 bits. @param {number} size @param {number} wanted */
function lanczos(size, wanted) {
  const scale = size / wanted, wide = Math.max(scale, 1), reach = 3 * wide
  const sinc = (/** @type {number} */ x) => x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI)
  const weight = (/** @type {number} */ x) => x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0
  return Array.from({ length: wanted }, (_, i) => {
    const middle = (i + .5) * scale, from = Math.max(0, Math.trunc(middle - reach + .5))
    const to = Math.min(size, Math.trunc(middle + reach + .5))
    const k = Array.from({ length: to - from }, (_, j) => weight((j + from - middle + .5) / wide))
    const sum = k.reduce((a, b) => a + b, 0)
    return { from, k: k.map(w => { const n = w / sum * 2 ** 22; return Math.trunc(n < 0 ? n - .5 : n + .5) }) }
  })
}

/** A picture in another size, as Pillow's Lanczos gives it. @param {Bytes} im @param {number} width @param {number} height
 * @returns {Bytes} */
export function resized(im, width, height) {
  /** @param {Bytes} im @param {number} n @param {boolean} across */
  const along = (im, n, across) => {
    const size = across ? im.width : im.height
    if (size === n) return im
    const ways = lanczos(size, n), out = white(across ? n : im.width, across ? im.height : n, im.bands)
    const step = across ? im.bands : im.width * im.bands
    for (let y = 0; y < out.height; y++) for (let x = 0; x < out.width; x++) {
      const { from, k } = ways[across ? x : y]
      const start = across ? (y * im.width + from) * im.bands : (from * im.width + x) * im.bands
      for (let b = 0; b < im.bands; b++) {
        let sum = 2 ** 21
        for (let i = 0; i < k.length; i++) sum += im.data[start + i * step + b] * k[i]
        out.data[(y * out.width + x) * im.bands + b] = Math.min(255, Math.max(0, Math.floor(sum / 2 ** 22)))
      }
    }
    return out
  }
  return along(along(im, width, true), height, false)
}

/** @param {Bytes} im @param {Bytes} frame @param {number} left @param {number} top */
function paste(im, frame, left, top) {
  for (let y = 0; y < im.height; y++) frame.data.set(im.data.subarray(y * im.width * im.bands, (y + 1) * im.width * im.bands),
    ((y + top) * frame.width + left) * im.bands)
  return frame
}

/** A square around the whole picture, white beside it. @param {Bytes} im @param {number} side */
export function padded(im, side) {
  const { width: w, height: h } = im
  const [wide, high] = w > h ? [side, rint(h / w * side)] : [rint(w / h * side), side]
  if (!wide || !high) throw new Error(`${w} x ${h} pixels: too thin`)
  const small = resized(im, wide, high)
  return paste(small, white(side, side, im.bands), rint((side - wide) * .5), rint((side - high) * .5))
}

/** Colours on white. @param {Picture} im @returns {Bytes} */
export function onWhite(im) {
  const out = white(im.width, im.height, 3)
  for (let i = 0, j = 0; i < im.data.length; i += 4, j += 3) {
    const a = im.data[i + 3]
    for (let b = 0; b < 3; b++) out.data[j + b] = a === 255 ? im.data[i + b] : Math.round((im.data[i + b] * a + 255 * (255 - a)) / 255)
  }
  return out
}

/** Brightness. @param {Bytes} im @returns {Bytes} */
export function grey(im) {
  const out = white(im.width, im.height, 1), d = im.data
  for (let i = 0, j = 0; j < out.data.length; i += 3, j++)
    out.data[j] = (d[i] * 19595 + d[i + 1] * 38470 + d[i + 2] * 7471 + 0x8000) >> 16
  return out
}

/** @param {ArrayLike<number>} values */
export function median(values) {
  const v = Float64Array.from(values).sort(), n = v.length
  return n % 2 ? v[(n - 1) / 2] : (v[n / 2 - 1] + v[n / 2]) / 2
}

/** Places within a sixteenth of the shorter side from the edge. @param {number} width @param {number} height */
function border(width, height) {
  const n = Math.max(1, rint(Math.min(width, height) / 16)), out = []
  for (let i = 0; i < width * height; i++) {
    const x = i % width, y = Math.floor(i / width)
    if (y < n || y >= height - n || x < n || x >= width - n) out.push(i)
  }
  return out
}

/** Least squares by normal equations. @param {number[][]} rows @param {number[][]} values */
function fitted(rows, values) {
  const n = rows[0].length, m = Array.from({ length: n }, () => new Float64Array(n + 3))
  rows.forEach((r, k) => {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) m[i][j] += r[i] * r[j]
      for (let j = 0; j < 3; j++) m[i][n + j] += r[i] * values[k][j]
    }
  })
  for (let i = 0; i < n; i++) {
    const best = m.slice(i).reduce((b, r, k) => Math.abs(r[i]) > Math.abs(m[b][i]) ? i + k : b, i);
    [m[i], m[best]] = [m[best], m[i]]
    for (let k = 0; k < n; k++) if (k !== i && m[i][i]) {
      const f = m[k][i] / m[i][i]
      for (let j = i; j < n + 3; j++) m[k][j] -= f * m[i][j]
    }
  }
  return m.map((r, i) => [0, 1, 2].map(j => r[i] ? r[n + j] / r[i] : 0))
}

/** The colour that the paper has, or would have: a surface through the border and all that agrees with it.
 * @param {Bytes} im @returns {(i: number) => number[]} */
function paperOf(im) {
  const { width: w, height: h, data } = im, step = Math.max(1, Math.floor(Math.max(w, h) / 64))
  /** @param {number} i */
  const bend = i => {
    const x = w > 1 ? 2 * (i % w) / (w - 1) - 1 : -1, y = h > 1 ? 2 * Math.floor(i / w) / (h - 1) - 1 : -1
    return [1, x, y, x * x, x * y, y * y]
  }
  const colour = (/** @type {number} */ i) => [data[3 * i], data[3 * i + 1], data[3 * i + 2]]
  const edgy = new Uint8Array(w * h)
  for (const i of border(w, h)) edgy[i] = 1
  /** @type {number[]} */
  const few = []
  for (let y = 0; y < h; y += step) for (let x = 0; x < w; x += step) few.push(y * w + x)
  const rim = few.filter(i => edgy[i])
  const usual = [0, 1, 2].map(b => median(rim.map(i => data[3 * i + b])))
  let agrees = rim.filter(i => Math.max(...colour(i).map((c, b) => Math.abs(c - usual[b]))) < 40)
  if (!agrees.length) agrees = rim
  /** @type {number[][]} */
  let fit = []
  /** @param {number} i */
  const paper = i => { const b = bend(i); return [0, 1, 2].map(c => fit.reduce((sum, f, k) => sum + f[c] * b[k], 0)) }
  for (let round = 0; round < 6; round++) {
    const n = round < 2 ? 3 : 6
    fit = fitted(agrees.map(i => bend(i).slice(0, n)), agrees.map(colour))
    const off = new Map(few.map(i => { const p = paper(i); return [i, Math.max(...colour(i).map((c, b) => Math.abs(p[b] - c)))] }))
    const most = Math.max(6, 3 * median(agrees.map(i => off.get(i) || 0)))
    agrees = few.filter(i => (off.get(i) || 0) <= most)
  }
  return paper
}

/** What stands out from the paper, on one side of its brightness, as black ink. @param {Bytes} im @returns {Bytes} */
function lifted(im) {
  const n = im.width * im.height, paper = paperOf(im), far = new Float64Array(n), light = new Float64Array(n)
  let side = 0
  for (let i = 0; i < n; i++) {
    const p = paper(i), d = [0, 1, 2].map(b => im.data[3 * i + b] - p[b])
    far[i] = Math.sqrt((d[0] * d[0] + d[1] * d[1] + d[2] * d[2]) / 3)
    light[i] = .299 * d[0] + .587 * d[1] + .114 * d[2]
    side += Math.sign(light[i]) * far[i] ** 2
  }
  for (let i = 0; i < n; i++) if (Math.sign(side) * light[i] < -16) far[i] = 0
  const floor = 4 * median(border(im.width, im.height).map(i => far[i]))
  const seen = far.filter(f => f > Math.max(2 * floor, 24)).sort(), out = white(im.width, im.height, 1)
  if (!seen.length) return out
  const place = .9 * (seen.length - 1), low = Math.floor(place)
  const dark = seen[low] + (place - low) * ((seen[low + 1] ?? seen[low]) - seen[low])
  for (let i = 0; i < n; i++) out.data[i] = rint(255 * (1 - Math.min(1, Math.max(0, (far[i] - floor) / (dark - floor)))))
  return out
}

/** A drawing as black ink on white paper, whatever its paper was. @param {Picture} im @param {Ways} ways @returns {Bytes} */
export function inkOnWhite(im, ways) {
  const edge = border(im.width, im.height), cover = edge.map(i => im.data[4 * i + 3])
  if (median(cover) < 128) {
    let most = 0, seen = 0, dark = 0
    for (let i = 3; i < im.data.length; i += 4) most = Math.max(most, im.data[i])
    for (let i = 0; i < im.data.length; i += 4) if (im.data[i + 3] >= Math.max(1, most / 2)) {
      seen++
      if ((im.data[i] * 19595 + im.data[i + 1] * 38470 + im.data[i + 2] * 7471 + 0x8000) >> 16 <= 128) dark++
    }
    if (seen && dark / seen <= 1 / 200)
      return { ...white(im.width, im.height, 1), data: Uint8Array.from({ length: im.width * im.height }, (_, i) => 255 - im.data[4 * i + 3]) }
  }
  const colours = onWhite(im), shade = grey(colours)
  if (median(edge.map(i => shade.data[i])) >= ways.paper) return shade
  const most = Math.max(im.width, im.height), scale = Math.min(1, ways.largest / most)
  return lifted(scale < 1 ? resized(colours, Math.max(1, rint(im.width * scale)), Math.max(1, rint(im.height * scale))) : colours)
}

/** The ink in the middle of a frame. @param {Bytes} ink @param {Ways} ways */
export function centred(ink, ways) {
  const { width: w, height: h, data } = ink, frame = white(ways.side, ways.side, 1)
  let [left, top, right, bottom] = [w, h, -1, -1]
  for (let i = 0; i < data.length; i++) if (data[i] < ways.ink) {
    const x = i % w, y = Math.floor(i / w)
    left = Math.min(left, x); right = Math.max(right, x); top = Math.min(top, y); bottom = Math.max(bottom, y)
  }
  if (right < 0) return frame
  const part = white(right - left + 1, bottom - top + 1, 1)
  for (let y = 0; y < part.height; y++) part.data.set(data.subarray((y + top) * w + left, (y + top) * w + right + 1), y * part.width)
  const scale = ways.fill * ways.side / Math.max(part.width, part.height)
  const small = resized(part, Math.max(1, rint(part.width * scale)), Math.max(1, rint(part.height * scale)))
  return paste(small, frame, Math.floor((ways.side - small.width) / 2), Math.floor((ways.side - small.height) / 2))
}

/** A picture of a drawing as grey pixels of the frame. @param {Picture} im @param {Ways & { placement: string }} ways */
export function sketchOf(im, ways) {
  const ink = inkOnWhite(im, ways)
  return (ways.placement === 'centred' ? centred(ink, ways) : padded(ink, ways.side)).data
}

/** A photo as coloured pixels of the frame. @param {Picture} im @param {Ways} ways */
export const photoOf = (im, ways) => padded(onWhite(im), ways.side).data

/** Grey as three equal colours. @param {Uint8Array} grey */
export const threefold = grey => Uint8Array.from({ length: 3 * grey.length }, (_, i) => grey[Math.floor(i / 3)])

/** Whether any ink is there. @param {Uint8Array} grey @param {Ways} ways */
export const hasInk = (grey, ways) => grey.some(v => v < ways.ink)
