// What becomes of scores: places, and what a step changed.

/** The first n, the highest first, equals in the order in which they come. @param {ArrayLike<number>} scores @param {number} n */
export const top = (scores, n) => Array.from({ length: scores.length }, (_, i) => i)
  .sort((a, b) => scores[b] - scores[a] || a - b).slice(0, n)

/** Place of one among all; ties count against it. @param {ArrayLike<number>} scores @param {number} own */
export const rankOf = (scores, own) => Array.from(scores).filter(s => s >= scores[own]).length

/** Which photos are found first by fewer and by more drawings than before, the largest change first.
 * @param {ArrayLike<number>} before @param {ArrayLike<number>} after */
export function changes(before, after) {
  const by = Array.from(before, (n, i) => after[i] - n), rows = Array.from(by.keys())
  return { lost: rows.filter(i => by[i] < 0).sort((a, b) => by[a] - by[b] || a - b),
    gained: rows.filter(i => by[i] > 0).sort((a, b) => by[b] - by[a] || a - b) }
}

/** n of some things, evenly over all of them. @template T @param {T[]} things @param {number} n */
export const spread = (things, n) => things.length <= n ? things
  : Array.from({ length: n }, (_, i) => things[Math.floor((i + .5) * things.length / n)])

/** A name as people write it. @param {string} name */
export const label = name => name.replace(/[_-]+/g, ' ')
