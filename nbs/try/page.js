// The page: what is drawn, what is meant, which examples are kept, and what the worker says of them.
import { Sheet } from './sheet.js'
import { changes, label, rankOf, spread, top } from './ranking.js'

/** @typedef {{ id: number, grey: Uint8Array }} Drawing */
/** @typedef {{ name: string, kind: number, i: number, url?: string }} Photo */
/** @typedef {{ id: number, grey: Uint8Array, row: number, hand?: string }} Pair */
/** @typedef {{ scores: Float32Array, firsts: number[], moved: number }} Told */

const $ = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id))
const LINES = [.7, 1, 1.6, 2.4], MOST = 10, SHOWN = 10, PIXELS = 32e6

/** @type {any} */
let facts
/** @type {Photo[]} */
const photos = []
/** @type {Drawing | null} */
let drawing = null
/** @type {number | null} */
let meant = null
/** @type {Pair[]} */
let pairs = []
/** @type {Pair[]} */
let taught = []
/** @type {{ before: Told, after: Told | null, rows: number[], n: number } | null} */
let told = null
/** What the marked cells are of. @type {{ told: any, row: number } | null} */
let reasoned = null
let asked = 0, explained = 0, making = 0, turn = 0, answered = 0, teaching = 0

const needs = typeof WebAssembly !== 'object' ? 'WebAssembly' : typeof DecompressionStream !== 'function' ? 'DecompressionStream'
  : typeof OffscreenCanvas !== 'function' ? 'OffscreenCanvas' : ''

/** @type {Worker} */
let worker
/** @type {Map<number, { done: (told: any) => void, failed: (e: Error) => void }>} */
const waiting = new Map()
let calls = 0, total = 0, fetched = 0

/** Have the worker do something. @param {string} does @param {any} [given] @returns {Promise<any>} */
export const work = (does, given = {}) => new Promise((done, failed) => {
  waiting.set(++calls, { done, failed })
  worker.postMessage({ call: calls, does, given })
})

/** @param {MessageEvent} event */
function heard({ data }) {
  if (data.total) total = data.total
  if (data.fetched) {
    if (total) $('bar').value = Math.min(1, data.fetched / total)
    $('part').textContent = `${(data.fetched / 1e6).toFixed(1)}${total ? ` of ${(total / 1e6).toFixed(1)}` : ''} MB`
    fetched = data.fetched
  }
  const asked = waiting.get(data.call)
  if (!asked) return
  waiting.delete(data.call)
  data.error === undefined ? asked.done(data.told) : asked.failed(new Error(data.error))
}

/** What the page and its worker have fetched, in MB: the worker's own scripts are told by the build. */
function weight() {
  const here = /** @type {PerformanceResourceTiming[]} */ (performance.getEntriesByType('resource')), seen = new Set(here.map(e => e.name))
  const scripts = ['worker.js', 'drawing.js', 'ort/ort.wasm.bundle.min.mjs'].filter(s => !seen.has(new URL(s, import.meta.url).href))
  return (fetched + here.reduce((sum, e) => sum + e.encodedBodySize, 0) + scripts.reduce((sum, s) => sum + (facts.bytes[s] || 0), 0)) / 1e6
}

/** @param {string} line */
function trouble(line) { $('trouble').textContent = line; $('trouble').hidden = !line }

/** Do something and say what is wrong with it. @param {() => any} what */
const guarded = what => async () => {
  trouble('')
  try { await what() } catch (e) { trouble(e instanceof Error ? e.message : String(e)) }
}

/** A photo as an element. @param {number} row @returns {HTMLElement} */
function picture(row) {
  const { kind, i, url } = photos[row], pic = document.createElement('span')
  pic.className = 'pic'
  if (url) pic.style.background = `#fff center / contain no-repeat url(${url})`
  else {
    const n = facts.kinds[kind].photos.length
    pic.style.backgroundImage = `url(photos-${kind}.webp)`
    pic.style.backgroundSize = `100% ${n * 100}%`
    pic.style.backgroundPosition = `0 ${n > 1 ? i / (n - 1) * 100 : 0}%`
  }
  return pic
}

/** Grey pixels on a canvas. @param {Uint8Array} data of a picture, grey or in colours @param {HTMLCanvasElement} canvas */
function paint(data, canvas) {
  const side = facts.side, bands = data.length / side / side, image = new ImageData(side, side)
  for (let i = 0; i < side * side; i++) for (let b = 0; b < 4; b++)
    image.data[4 * i + b] = b === 3 ? 255 : data[bands * i + (bands === 3 ? b : 0)]
  const small = new OffscreenCanvas(side, side)
  small.getContext('2d')?.putImageData(image, 0, 0)
  canvas.getContext('2d')?.drawImage(small, 0, 0, canvas.width, canvas.height)
}

const scope = () => {
  const chosen = $('scope').value
  return [...photos.keys()].filter(r => chosen === '' || photos[r].kind === Number(chosen) || photos[r].kind < 0)
}

/** Photos here to take examples of: one kind teaches most, so that of the examples, else of the photo that is meant, else any. */
function alike() {
  const rows = scope().filter(r => photos[r].kind >= 0), of = [...pairs.map(p => p.row), ...meant === null ? [] : [meant]]
  const one = of.find(r => rows.includes(r)) ?? rows[Math.floor(Math.random() * rows.length)]
  return rows.filter(r => photos[r].kind === photos[one].kind)
}

/** The photos of one ranking; a tile that had the focus keeps its place. @param {HTMLElement} list @param {Told} ranking @param {number[]} rows */
function showRanking(list, ranking, rows) {
  const at = [...list.children].findIndex(item => item.contains(document.activeElement))
  list.replaceChildren(...top(ranking.scores, SHOWN).map(at => {
    const row = rows[at], tile = document.createElement('button'), name = document.createElement('span')
    tile.className = 'tile'
    tile.ariaPressed = String(row === meant)
    tile.title = label(photos[row].name)
    name.textContent = `${rankOf(ranking.scores, at)} ${label(photos[row].name)}`
    tile.append(picture(row), name)
    tile.onclick = guarded(() => choose(row))
    const item = document.createElement('li')
    item.append(tile)
    return item
  }))
  if (at >= 0) /** @type {HTMLElement} */ (list.children[at]?.firstElementChild)?.focus()
}

/** @param {number} row */
function choose(row) {
  meant = row
  show()
  return explain()
}

function show() {
  const rows = told?.rows ?? scope(), adapted = Boolean(drawing && told?.after)      // of the answer that is shown
  $('later').hidden = !adapted
  $('h-before').textContent = adapted ? 'Before' : drawing ? 'As it is' : 'Draw, and they appear here'
  $('h-after').textContent = `After ${taught.length === 1 ? 'one example' : `${taught.length} examples`}`
  for (const when of /** @type {const} */ (['before', 'after'])) {
    const ranking = drawing && told?.[when]
    if (ranking) showRanking($(when), ranking, rows); else $(when).replaceChildren()
  }
  const at = meant === null ? -1 : rows.indexOf(meant)
  const rank = told && at >= 0 && drawing && told.before.scores.length ? [told.before, ...told.after ? [told.after] : []].map(t => rankOf(t.scores, at)) : []
  if (meant !== null) {
    const text = document.createElement('span'), name = label(photos[meant].name)
    text.textContent = !drawing ? `Draw this: ${name}` : rank.length ? `${name}: place ${rank.join(', then ')} of ${rows.length}` : `${name} is not among these photos`
    $('meant').replaceChildren(picture(meant), text)
  }
  const shown = taught.some(p => p.id === drawing?.id || p.row === meant) ? ' It is one of the examples, so this says little.' : ''
  $('verdict').textContent = rank.length < 2 ? '' : (rank[1] < rank[0] ? `Adapting helped: from place ${rank[0]} to ${rank[1]}.`
    : rank[1] > rank[0] ? `Adapting hurt here: from place ${rank[0]} to ${rank[1]}.` : `Adapting left it at place ${rank[0]}.`) + shown
  $('keep').disabled = !drawing || answered !== turn || meant === null || pairs.length >= MOST || pairs.some(p => p.id === drawing?.id)
  $('adapt').disabled = !pairs.length
  $('forget').disabled = !taught.length
  const hands = new Set(pairs.map(p => p.hand)), [hand] = hands
  $('count').textContent = `${pairs.length} of ${MOST}${hand && hands.size === 1 ? `, by ${hand}` : ''}`
    + (taught.length && (taught.length !== pairs.length || taught.some(p => !pairs.includes(p))) ? `; adapted to ${taught.length}` : '')
  $('undo').disabled = !sheet.strokes.length
  $('clear').disabled = !drawing && !sheet.strokes.length
  $('reason').hidden = !drawing || !reasoned || reasoned.told !== told || reasoned.row !== meant
  $('weight').textContent = weight().toFixed(1)
  showStep(rows)
}

/** The three numbers of the step. @param {number[]} rows */
function showStep(rows) {
  $('did').hidden = !told?.after
  if (!told?.after) return
  const { lost, gained } = changes(told.before.firsts, told.after.firsts)
  $('moved').textContent = told.after.moved.toFixed(2)
  for (const [name, few, all] of /** @type {[string, string, number[]][]} */ ([['lost', 'losers', lost], ['gained', 'gainers', gained]])) {
    $(name).textContent = all.length
    $(few).replaceChildren(...all.slice(0, 4).map(at => {
      const pic = picture(rows[at])
      pic.role = 'img'
      pic.ariaLabel = pic.title = `${label(photos[rows[at]].name)}: first for ${told?.before.firsts[at]}, then for ${told?.after?.firsts[at]}`
      return pic
    }))
  }
}

/** Ask for the drawing that is on the sheet. */
async function ask() {
  const mine = ++asked
  if (!drawing && !taught.length) { told = null; return show() }
  const ids = drawing ? [drawing.id] : [], rows = scope()
  let found
  try { found = await work('ask', { ids, scope: rows, pairs: taught.map(p => [p.id, p.row]) }) }
  catch (e) { if (mine === asked) throw e }
  if (mine !== asked) return                       // something newer was asked meanwhile
  told = { ...found, rows }
  show()
  if (drawing && told) $('spoken').textContent = `Nearest: ${[...$(told.after ? 'after' : 'before').children].slice(0, 3).map(t => t.innerText).join(', ')}`
  await explain()
}

async function explain() {
  const mine = ++explained, [row, of, of_drawing] = [meant, told, drawing], at = row === null || !of ? -1 : of.rows.indexOf(row)
  if (row === null || at < 0 || !of || !of_drawing) return
  const found = await work('why', { n: of.n, row, at })
  if (!found || mine !== explained || told !== of || meant !== row || drawing !== of_drawing) return   // something newer was asked meanwhile
  const { drawn, shown, pixels } = found
  $('why-name').textContent = label(photos[row].name)
  for (const [id, says, picture] of /** @type {[string, Float32Array, Uint8Array][]} */ ([['why-drawn', drawn, of_drawing.grey], ['why-shown', shown, pixels]])) {
    const canvas = $(id), pen = canvas.getContext('2d'), n = Math.sqrt(says.length), cell = canvas.width / n, most = Math.max(...says, 1e-9)
    paint(picture, canvas)
    /** @type {string[]} */
    const names = []
    says.forEach((v, i) => {
      const share = Math.max(0, v) / most, x = i % n * cell, y = Math.floor(i / n) * cell
      pen.fillStyle = `rgba(234, 88, 12, ${(.5 * share).toFixed(3)})`
      pen.fillRect(x, y, cell, cell)
      if (share > .5) {
        names.push(`row ${Math.floor(i / n) + 1} column ${i % n + 1}`)
        pen.strokeStyle = '#c2410c'; pen.lineWidth = 4
        pen.strokeRect(x + 3, y + 3, cell - 6, cell - 6)
      }
    })
    canvas.ariaLabel = `${id === 'why-drawn' ? 'your drawing' : label(photos[row].name)}, marked: ${names.join(', ') || 'nothing'}`
  }
  reasoned = { told: of, row }
  show()
}

/** A drawing is there, of this turn. @param {Drawing | null} made */
async function use(made) {
  drawing = made
  answered = turn
  await ask()
  await tidy()
}

/** Have the worker forget drawings up to the newest one here that nobody needs. */
function tidy() {
  if (making) return
  const ids = [...pairs, ...taught, ...drawing ? [drawing] : []].map(p => p.id)
  return work('keep', { ids, until: Math.max(-1, ...ids) })
}

/** The strokes have changed. @param {number[][][]} strokes */
async function drew(strokes) {
  const mine = ++turn
  if (!strokes.length) { sheet.show(null); return use(null) }
  show()                                           // nothing is kept until this drawing is the one that is asked
  const made = await work('draw', { strokes, line: facts.line * LINES[$('width').value] })
  if (mine === turn) await use(made)
}

/** Put a picture on the sheet, unless another drawing came meanwhile. @param {Promise<Drawing>} coming @param {() => void} [then] */
async function lay(coming, then) {
  const mine = ++turn
  let made
  try { made = await coming }
  catch (e) {
    if (mine === turn) { if (sheet.strokes.length) await drew(sheet.strokes); else { answered = turn; show() } }
    throw e
  }
  if (mine !== turn) return
  then?.()
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = 640
  paint(made.grey, canvas)
  sheet.show(canvas)
  await use(made)
}

function showPairs() {
  $('pairs').replaceChildren(...pairs.map((pair, i) => {
    const item = document.createElement('li'), canvas = document.createElement('canvas'), img = document.createElement('img')
    canvas.width = canvas.height = facts.side
    paint(pair.grey, canvas)
    img.src = canvas.toDataURL()
    img.alt = 'drawing of'
    const pic = picture(pair.row), drop = document.createElement('button')
    pic.role = 'img'
    pic.ariaLabel = label(photos[pair.row].name)
    drop.textContent = '×'
    drop.ariaLabel = `Remove example ${i + 1}, ${label(photos[pair.row].name)}`
    drop.onclick = guarded(() => {
      pairs = pairs.filter(p => p !== pair)
      showPairs()
      ;($('pairs').children[Math.min(i, pairs.length - 1)]?.querySelector('button') ?? $('sheet')).focus()
      if (!taught.includes(pair)) return show()
      taught = taught.filter(p => p !== pair)
      return ask()
    })
    item.append(img, pic, drop)
    return item
  }))
}

/** Keep the pair; the sheet is free for the next. */
function keep() {
  if (!drawing || meant === null || $('keep').disabled) return
  pairs = [...pairs, { ...drawing, row: meant }]
  meant = null
  showPairs()
  sheet.clear()
  $('sheet').focus({ preventScroll: true })
}

async function adapt() {
  taught = pairs
  await ask()
  $('ranks').scrollIntoView({ block: 'nearest' })
  await tidy()
}

async function forget() {
  taught = []
  await ask()
  $('adapt').focus()
  await tidy()
}

function suggest() {
  const rows = alike().filter(r => r !== meant && !pairs.some(p => p.row === r))
  if (!rows.length) throw new Error('every photo of this kind is an example already, or meant')
  meant = rows[Math.floor(Math.random() * rows.length)]
  sheet.clear()
  show()
}

/** Ten stored drawings of a hand, spread over the photos of a kind, but not of the one that is meant. */
async function teach() {
  const rows = spread(alike().filter(r => r !== meant), MOST), hand = $('hand').value, mine = ++teaching
  if (!rows.length) throw new Error('no other photo of this kind is here')
  making++
  let drawings
  try { drawings = await Promise.all(rows.map(async row => ({ ...await work('stored', { ...photos[row], hand }), row, hand }))) }
  finally { making-- }
  if (mine !== teaching) return                    // another hand was asked for meanwhile
  pairs = drawings
  showPairs()
  await adapt()
}

async function take() {
  const rows = alike().filter(r => r !== meant && !pairs.some(p => p.row === r))
  if (!rows.length) throw new Error('every photo of this kind is an example already, or meant')
  const row = rows[Math.floor(Math.random() * rows.length)]
  await lay(work('stored', { ...photos[row], hand: $('hand').value }), () => { meant = row })
}

/** @param {File} file */
async function decoded(file) {
  let image
  try { image = await createImageBitmap(file, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' }) }
  catch { throw new Error(`${file.name}: not a picture that this browser reads; give a PNG or JPEG`) }
  if (image.width * image.height <= PIXELS) return image
  const { width, height } = image
  image.close()
  throw new Error(`${file.name}: ${width} x ${height} pixels; give a picture of ${PIXELS / 1e6} million or fewer`)
}

/** @param {File} file */
async function open(file) { if (file) await lay(decoded(file).then(image => work('sketch', { image }))) }

/** @param {Iterable<File>} files */
async function add(files) {
  const wrong = []
  for (const file of files) {
    let row
    try { row = await work('photo', { image: await decoded(file) }) }
    catch (e) { wrong.push(e instanceof Error ? e.message : String(e)); continue }
    photos[row] = { name: file.name.replace(/\.\w+$/, ''), kind: -1, i: 0, url: URL.createObjectURL(file) }
    $('own').textContent = `${photos.filter(p => p.kind < 0).length} of yours`
  }
  showScope()
  await ask()
  if (wrong.length) throw new Error(wrong.join('; '))
}

function showScope() {
  const chosen = $('scope').value, own = photos.filter(p => p.kind < 0).length, option = (/** @type {string} */ value, /** @type {string} */ text) => new Option(text, value)
  $('scope').replaceChildren(option('', `all ${photos.length} photos`), ...facts.kinds.map((/** @type {any} */ kind, /** @type {number} */ k) =>
    option(String(k), `${kind.name.replace('-', ', ')} (${kind.photos.length + own})`)))
  $('scope').value = chosen
}

const sheet = new Sheet($('sheet'), { drew: strokes => guarded(() => drew(strokes))(), began: () => { turn++; show() },
  line: () => LINES[$('width').value] })

/** @param {HTMLElement} place @param {(files: File[]) => any} took */
function dropped(place, took) {
  place.addEventListener('dragover', e => { e.preventDefault(); place.classList.add('over') })
  place.addEventListener('dragleave', () => place.classList.remove('over'))
  place.addEventListener('drop', e => {
    e.preventDefault()
    place.classList.remove('over')
    const files = [...e.dataTransfer?.files || []]
    if (files.length) guarded(() => took(files))()
  })
}

async function start() {
  if (needs) {
    $('loading').hidden = true
    return trouble(`This page needs ${needs}, which this browser does not have; take a current one, or the notebook in the book.`)
  }
  worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' })
  worker.onmessage = heard
  worker.onerror = e => {
    const line = `The part of the page that computes has stopped: ${e.message || 'it cannot be fetched'}; load the page again`
    trouble(line)
    $('loading').hidden = true
    waiting.forEach(w => w.failed(new Error(line)))
    waiting.clear()
  }
  facts = await work('start')
  facts.kinds.forEach((/** @type {any} */ kind, /** @type {number} */ k) =>
    kind.photos.forEach((/** @type {string} */ name, /** @type {number} */ i) => photos.push({ name, kind: k, i })))
  $('hand').replaceChildren(...facts.hands.map((/** @type {string} */ h) => new Option(h, h)))
  $('probes').textContent = facts.probes
  $('many').textContent = String(photos.length)
  $('measured').hidden = !facts.measured?.mixed
  for (const [of, rates] of Object.entries(facts.measured || {})) $(of).append(...rates.map((/** @type {number[]} */ both) => {
    const cell = document.createElement('td')
    cell.textContent = both.map(r => r.toFixed(1)).join(' → ')
    return cell
  }))
  showScope()
  show()
  $('loading').hidden = true
  $('main').inert = false
}

$('undo').onclick = () => sheet.undo()
$('clear').onclick = () => { sheet.show(null); sheet.clear(); $('sheet').focus({ preventScroll: true }) }
$('width').onchange = () => { sheet.redraw(); if (sheet.strokes.length) guarded(() => drew(sheet.strokes))() }
for (const [id, does] of Object.entries({ keep, adapt, forget, suggest, teach, take })) $(id).onclick = guarded(does)
$('scope').onchange = guarded(ask)
$('open').onchange = guarded(async () => { await open($('open').files[0]); $('open').value = '' })
$('add').onchange = guarded(async () => { await add($('add').files); $('add').value = '' })
for (const missed of ['dragover', 'drop']) addEventListener(missed, e => e.preventDefault())      // a picture beside its target must not replace the page
dropped($('sheet'), files => open(files[0]))
dropped($('ranks'), add)

/** For whoever measures the page through the page. */
export const ready = start().catch(e => { $('loading').hidden = true; trouble(e.message) })
Object.assign(globalThis, { tryIt: { work, ready, scope, does: { drew, keep, adapt, forget, suggest }, idle: () => !waiting.size, facts: () => facts, state: () => ({ drawing, meant, pairs, taught, told }) } })
