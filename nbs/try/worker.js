// Everything that takes time: fetching, looking at pictures, and asking the rule. All numbers come out of the graphs that
// were traced from Python; here they are only carried from one to the next.
import * as ort from './ort/ort.wasm.bundle.min.mjs'
import { drawn, hasInk, photoOf, sketchOf, threefold } from './drawing.js'

/** @typedef {import('./drawing.js').Picture} Picture */
/** @typedef {{ sketch: any, photo: any, cells: any, grey?: Uint8Array }} Look */

/** @type {any} */
let page
/** @type {Record<string, any>} */
const graphs = {}
/** @type {Record<string, any>} */
let known = {}
/** @type {Float32Array[]} */
const gallery = []
/** @type {Map<number, { picture: () => Promise<Uint8Array>, cells?: any }>} */
const shown = new Map()
/** @type {Map<number, Look>} */
const looks = new Map()
let fetched = 0, next = 0, asks = 0

/** The bytes of a file, unpacked where they are packed; hosts that unpack on the way are fine too.
 * @param {string} name */
async function load(name) {
  const answer = await fetch(new URL(name, import.meta.url))
  if (!answer.ok || !answer.body) throw new Error(`${name} cannot be fetched (${answer.status}); build the page again`)
  const parts = [], reader = answer.body.getReader()
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    parts.push(step.value)
    fetched += step.value.length
    postMessage({ fetched })
  }
  const blob = new Blob(parts), head = new Uint8Array(await blob.slice(0, 2).arrayBuffer())
  if (head[0] !== 0x1f || head[1] !== 0x8b) return new Uint8Array(await blob.arrayBuffer())
  return new Uint8Array(await new Response(blob.stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer())
}

/** @param {string} graph @param {Record<string, any>} given more than it takes does no harm */
async function run(graph, given) {
  const session = graphs[graph]
  return session.run(Object.fromEntries(session.inputNames.map((/** @type {string} */ n) => [n, given[n]])))
}

/** @param {Float32Array[]} rows @param {number[]} shape of each */
function stacked(rows, shape) {
  const out = new Float32Array(rows.reduce((n, r) => n + r.length, 0))
  let at = 0
  for (const r of rows) { out.set(r, at); at += r.length }
  return new ort.Tensor('float32', out, [rows.length, ...shape])
}

/** @param {Uint8Array} pixels of a picture in three colours */
const look = pixels => run('look', { pixels: new ort.Tensor('uint8', pixels, [1, page.side, page.side, 3]) })

/** The pictures of a strip, one by one. @param {string} name */
async function strip(name) {
  const image = await createImageBitmap(new Blob([await load(name)]), { colorSpaceConversion: 'none', premultiplyAlpha: 'none' })
  return rgba(image)
}

/** @param {ImageBitmap} image @returns {Picture} */
function rgba(image) {
  const pen = /** @type {OffscreenCanvasRenderingContext2D} */ (
    new OffscreenCanvas(image.width, image.height).getContext('2d', { willReadFrequently: true }))
  pen.drawImage(image, 0, 0)
  const { width, height } = image
  image.close()
  return { width, height, data: pen.getImageData(0, 0, width, height).data }
}

/** @type {Map<string, Promise<Picture>>} */
const strips = new Map()
/** One picture of a strip as colours. @param {string} name @param {number} i */
async function cut(name, i) {
  if (!strips.has(name)) strips.set(name, strip(name).catch(e => { strips.delete(name); throw e }))
  const { data } = await /** @type {Promise<Picture>} */ (strips.get(name)), n = page.side * page.side, out = new Uint8Array(3 * n)
  for (let j = 0; j < n; j++) for (let b = 0; b < 3; b++) out[3 * j + b] = data[4 * (i * n + j) + b]
  return out
}

/** @param {Uint8Array} grey @returns {Promise<{ id: number, grey: Uint8Array }>} */
async function keep(grey) {
  if (!hasInk(grey, page)) throw new Error('blank: no ink stands out from its paper; draw with a darker pen')
  const id = next++
  looks.set(id, { .../** @type {any} */ (await look(threefold(grey))), grey })
  return { id, grey }
}

const sketchOfId = (/** @type {number} */ id) => /** @type {any} */ (looks.get(id)).sketch

/** The last galleries that a rule has embedded. @type {Map<string, { key: string, made: Promise<any> }>} */
const embedded = new Map()

/** The gallery as a rule embeds it after some pairs, and what goes into the rule.
 * @param {string} rule @param {number[]} scope @param {[number, number][]} pairs */
function taught(rule, scope, pairs) {
  const key = JSON.stringify([scope, pairs]), kept = embedded.get(rule)
  if (kept?.key === key) return kept.made
  const [v, d] = known.gallery.dims.slice(1), some = pairs.map(([id]) => sketchOfId(id))
  const given = { ...known, gallery: stacked(scope.map(r => gallery[r]), [v, d]),
    sketch: stacked(some.map(z => z.data), some.length ? some[0].dims.slice(1) : [v, d]), photo: stacked(pairs.map(([, r]) => gallery[r]), [v, d]) }
  const made = run(`${rule}-shown`, given).then(found => ({ given, ...found }))
  made.catch(() => embedded.delete(rule))
  embedded.set(rule, { key, made })
  return made
}

/** Embeddings without what corrects hubs. @param {any} photos */
function plain(photos) {
  const [m, v, wide] = photos.dims, d = known.gallery.dims[2], out = new Float32Array(m * v * d)
  for (let i = 0; i < m * v; i++) out.set(photos.data.subarray(i * wide, i * wide + d), i * d)
  return new ort.Tensor('float32', out, [m, v, d])
}

/** Whether a canvas gives back what it was given; some private modes add noise to it. */
function faithful() {
  const pen = /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(16, 16).getContext('2d', { willReadFrequently: true }))
  const given = new ImageData(Uint8ClampedArray.from({ length: 1024 }, (_, i) => i % 4 === 3 ? 255 : i * 37 % 256), 16, 16)
  pen.putImageData(given, 0, 0)
  return pen.getImageData(0, 0, 16, 16).data.every((v, i) => v === given.data[i])
}

const does = {
  async start() {
    if (!faithful()) throw new Error('this browser adds noise to pictures that a page reads; allow canvas for this page, or leave the private mode')
    page = JSON.parse(new TextDecoder().decode(await load('page.json')))
    const eager = Object.entries(page.bytes).filter(([n]) => n.endsWith('.gz'))
    postMessage({ total: eager.reduce((sum, [, n]) => sum + Number(n), 0) })
    const names = eager.map(([n]) => n), files = await Promise.all(names.map(load))
    ort.env.wasm.wasmBinary = files[names.indexOf('ort.wasm.gz')].buffer
    ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1
    for (const [i, name] of names.entries()) {
      const graph = name.match(/^([\w-]+)\.onnx\.gz$/)?.[1]
      if (graph) graphs[graph] = await ort.InferenceSession.create(files[i], { executionProviders: ['wasm'] })
    }
    known = await run('known', { on: new ort.Tensor('float32', new Float32Array(1), [1]) })
    const size = known.gallery.data.length / known.gallery.dims[0]
    for (let i = 0; i < known.gallery.dims[0]; i++) gallery.push(known.gallery.data.subarray(i * size, (i + 1) * size))
    let row = 0
    page.kinds.forEach((/** @type {any} */ kind, /** @type {number} */ k) => kind.photos.forEach((/** @type {string} */ _, /** @type {number} */ i) =>
      shown.set(row++, { picture: () => cut(`photos-${k}.webp`, i) })))
    return page
  },

  /** A drawing of ours. @param {{ strokes: number[][][], line?: number }} given */
  async draw({ strokes, line }) { return keep(drawn(strokes, page, line)) },

  /** Somebody's picture of a drawing. @param {{ image: ImageBitmap }} given */
  async sketch({ image }) { return keep(sketchOf(rgba(image), page)) },

  /** A drawing that is grey pixels already. @param {{ grey: Uint8Array }} given */
  async grey({ grey }) { return keep(grey) },

  /** A stored drawing. @param {{ kind: number, hand: string, i: number }} given */
  async stored({ kind, hand, i }) {
    const colours = await cut(`drawn-${kind}-${hand}.webp`, i)
    return keep(Uint8Array.from({ length: colours.length / 3 }, (_, j) => colours[3 * j]))
  },

  /** One more photo for the gallery. @param {{ image: ImageBitmap }} given */
  async photo({ image }) {
    const pixels = photoOf(rgba(image), page), { photo, cells } = await look(pixels)
    shown.set(gallery.length, { picture: async () => pixels, cells })
    return gallery.push(Float32Array.from(photo.data)) - 1
  },

  /** Scores of photos for drawings, before and, with pairs, after the step.
   * @param {{ ids: number[], scope: number[], pairs: [number, number][] }} given pairs of a drawing and a photo */
  async ask({ ids, scope, pairs }) {
    const n = ++asks, query = ids.length ? stacked(ids.map(id => sketchOfId(id).data), sketchOfId(ids[0]).dims.slice(1)) : null
    /** @param {string} rule @param {[number, number][]} pairs */
    const told = async (rule, pairs) => {
      const { given, photos, firsts, moved } = await taught(rule, scope, pairs)
      const tell = { firsts: Array.from(firsts.data, Number), moved: moved.data[0], scores: new Float32Array(0), embedded: new Float32Array(0) }
      if (!query) return tell
      const { scores, queries } = await run(`${rule}-asked`, { ...given, photos, query })
      last = { n, id: ids[0], queries, photos }
      return { ...tell, scores: scores.data, embedded: queries.data }
    }
    return { n, before: await told('before', []), after: pairs.length ? await told(pairs.length > 1 ? 'several' : 'one', pairs) : null }
  },

  /** Which cells speak for a photo, as asked the nth time; nothing where more was asked since.
   * @param {{ n: number, row: number, at: number }} given row of the gallery, place in the scope */
  async why({ n, row, at }) {
    if (last?.n !== n || !looks.has(last.id)) return null
    const { id, queries, photos } = last, { cells } = /** @type {Look} */ (looks.get(id))
    const photo = /** @type {any} */ (shown.get(row)), pixels = await photo.picture()
    photo.cells ||= (await look(pixels)).cells
    const { drawn_says, shown_says } = await run('why', { drawn: cells, shown: photo.cells,
      query: queries, photos: plain(photos), usual: known.bank, at: new ort.Tensor('int64', BigInt64Array.of(BigInt(at)), [1]) })
    return { drawn: drawn_says.data, shown: shown_says.data, pixels }
  },

  /** Forget the drawings that are no newer than one, but for some. @param {{ ids: number[], until: number }} given */
  async keep({ ids, until }) {
    for (const id of looks.keys()) if (id <= until && !ids.includes(id)) looks.delete(id)
    return looks.size
  },
}
/** @type {any} */
let last

onmessage = async ({ data: { call, does: name, given } }) => {
  try { postMessage({ call, told: await /** @type {any} */ (does)[name](given) }) }
  catch (e) { postMessage({ call, error: e instanceof Error ? e.message : String(e) }) }
}
