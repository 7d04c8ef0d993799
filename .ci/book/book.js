// What every page has beside its renderer's own script: a search that ranks titles first and works from a disk too,
// tables that can be sorted and taken away as CSV.
(() => {
  'use strict'
  const up = document.currentScript.dataset.up || ''
  const $$ = (sel, root = document) => [...root.querySelectorAll(sel)]

  // ---- search: every word must be somewhere; a title counts more than a heading, a heading more than the text
  const SAME = { own: ['your', 'own'], my: ['your', 'own'], photo: ['photo', 'picture', 'image'], picture: ['picture', 'photo'],
    image: ['photo', 'picture'], draw: ['draw', 'sketch'], drawing: ['drawing', 'sketch'] }
  const stem = w => w.length > 3 ? w.replace(/(ies)$/, 'y').replace(/([^s])s$/, '$1') : w
  const wordsOf = q => q.toLowerCase().split(/[^\p{L}\p{N}_@.]+/u).filter(w => w.length > 1).map(stem)
  const weigh = (text, word) => {
    const i = text.indexOf(word)
    if (i < 0) return 0
    return i === 0 || /[^\p{L}\p{N}]/u.test(text[i - 1]) ? 1 : .3
  }
  const found = (index, q) => {
    const words = wordsOf(q), hits = []
    if (!words.length) return hits
    for (const e of index) {
      const title = e.title.toLowerCase(), section = e.section.toLowerCase(), text = e.text.toLowerCase()
      let score = 0, all = true
      for (const w of words) {
        const best = Math.max(...(SAME[w] || [w]).map((s, i) => {
          const less = s === w ? 1 : .9
          return less * (30 * weigh(title, s) + 12 * weigh(section, s) + weigh(text, s))
        }))
        if (!best) { all = false; break }
        score += best
      }
      if (all) hits.push([score + (e.section ? 0 : 5), e])
    }
    return hits.sort((a, b) => b[0] - a[0]).slice(0, 20).map(h => h[1])
  }
  const safe = s => s.replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`)
  const snippet = (text, q) => {
    const words = wordsOf(q), low = text.toLowerCase()
    const at = Math.max(0, Math.min(...words.map(w => low.indexOf(w)).filter(i => i >= 0), Infinity) - 60)
    const part = safe(text.slice(isFinite(at) ? at : 0, (isFinite(at) ? at : 0) + 180))
    return words.reduce((t, w) => t.replace(new RegExp(`(?<![&#\\p{L}])(${w.replace(/[.]/g, '\\.')})`, 'giu'), '<mark>$1</mark>'), part)
  }
  let loading
  const index = () => loading ||= new Promise(done => {
    const s = document.createElement('script')
    s.src = `${up}search.js`
    s.onload = () => done(window.bookIndex)
    s.onerror = () => done([])
    document.head.append(s)
  })
  for (const theirs of $$('.smalldocs-search')) {
    const box = theirs.cloneNode(true)          // without the listeners of the renderer's own search
    theirs.replaceWith(box)
    const input = box.querySelector('input'), results = box.querySelector('.smalldocs-search-results')
    let active = -1
    results.setAttribute('role', 'region')
    results.setAttribute('aria-label', 'What was found')
    const run = async () => {
      const q = input.value.trim()
      if (q.length < 2) return results.classList.remove('show')
      const hits = found(await index(), q)
      active = -1
      results.innerHTML = hits.map(e => `<a class="search-result" href="${up}${safe(e.href)}"><strong>${safe(e.title)}</strong>` +
        (e.section ? `<div class="search-result-section">${safe(e.section)}</div>` : '') +
        `<div class="search-result-text">${snippet(e.text, q)}</div></a>`).join('') || '<div class="search-none">Nothing found</div>'
      results.classList.add('show')
    }
    input.addEventListener('input', run)
    input.addEventListener('focus', () => { index(); run() })
    input.addEventListener('keydown', e => {
      const all = $$('a', results)
      if (e.key === 'Escape') { results.classList.remove('show'); input.blur() }
      if (!all.length || !['ArrowDown', 'ArrowUp', 'Enter'].includes(e.key)) return
      e.preventDefault()
      if (e.key === 'Enter') return (all[active] || all[0]).click()
      active = (active + (e.key === 'ArrowDown' ? 1 : -1) + all.length) % all.length
      all.forEach((a, i) => a.classList.toggle('active', i === active))
      all[active].scrollIntoView({ block: 'nearest' })
    })
    document.addEventListener('click', e => { if (!box.contains(e.target)) results.classList.remove('show') })
  }

  // ---- pictures that move: a click pauses them; who wants no motion sees the end
  for (const svg of $$('svg.play')) {
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches
    if (still) { svg.setCurrentTime(1e4); svg.pauseAnimations() }
    svg.addEventListener('click', () => svg.animationsPaused() ? svg.unpauseAnimations() : svg.pauseAnimations())
  }

  // ---- tables: sorted by a click, taken away as CSV
  const value = (row, i) => { const c = row.cells[i]; return c ? c.dataset.sort || c.textContent.trim() : '' }
  for (const table of $$('table.sortable')) {
    const heads = $$('thead th', table), body = table.tBodies[0]
    heads.forEach((th, i) => {
      const button = document.createElement('button')
      button.type = 'button'
      button.append(...th.childNodes)
      th.append(button)
      button.addEventListener('click', () => {
        const down = th.getAttribute('aria-sort') === 'ascending' ? -1 : 1
        heads.forEach(h => h.removeAttribute('aria-sort'))
        th.setAttribute('aria-sort', down > 0 ? 'ascending' : 'descending')
        const by = (a, b) => {
          const [x, y] = [value(a, i), value(b, i)], [m, n] = [parseFloat(x), parseFloat(y)]
          return down * (isFinite(m) && isFinite(n) ? m - n : x.localeCompare(y, 'en', { numeric: true }))
        }
        body.append(...[...body.rows].sort(by))
      })
    })
  }
  const cell = c => `"${c.textContent.trim().replaceAll('"', '""')}"`
  for (const box of $$('.wide')) {
    const table = box.querySelector('table')
    if (!table || table.rows.length < 4) continue
    const button = document.createElement('button')
    button.className = 'csv'
    button.type = 'button'
    button.textContent = 'CSV'
    button.setAttribute('aria-label', `Save as CSV: ${box.getAttribute('aria-label')}`)
    button.addEventListener('click', () => {
      const a = document.createElement('a')
      a.href = URL.createObjectURL(new Blob([[...table.rows].map(r => [...r.cells].flatMap(c => Array(c.colSpan).fill(cell(c))).join(',')).join('\n') + '\n'], { type: 'text/csv' }))
      a.download = `${document.title.replace(/[^\w]+/g, '-')}.csv`.toLowerCase()
      a.click()
      setTimeout(() => URL.revokeObjectURL(a.href), 1000)
    })
    box.before(button)
  }
})()
