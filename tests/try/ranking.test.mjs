import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawn, hasInk, median, onWhite, rint, threefold } from '../../nbs/try/drawing.js'
import { changes, label, rankOf, spread, top } from '../../nbs/try/ranking.js'

test('the highest first, equals in order', () => {
  assert.deepEqual(top([.1, .5, .5, .3], 3), [1, 2, 3])
  assert.deepEqual(top([], 3), [])
})
test('ties count against one', () => {
  assert.equal(rankOf([.1, .5, .5], 1), 2)
  assert.equal(rankOf([.1, .5, .4], 1), 1)
})
test('what lost and what gained', () => {
  assert.deepEqual(changes([5, 1, 0, 2], [1, 1, 3, 3]), { lost: [0], gained: [2, 3] })
})
test('some of many, evenly', () => {
  assert.deepEqual(spread([...Array(20).keys()], 4), [2, 7, 12, 17])
  assert.deepEqual(spread([1, 2], 4), [1, 2])
})
test('names as people write them', () => assert.equal(label('mate_drink-2'), 'mate drink 2'))
test('halves go to the even number, as in Python', () => assert.deepEqual([.5, 1.5, 2.5, -.5].map(rint), [0, 2, 2, 0]))
test('the middle of some numbers', () => assert.deepEqual([median([3, 1, 2]), median([4, 1])], [2, 2.5]))
test('transparency is white', () => {
  const { data } = onWhite({ width: 2, height: 1, data: Uint8Array.of(0, 0, 0, 0, 9, 8, 7, 255) })
  assert.deepEqual([...data], [255, 255, 255, 9, 8, 7])
})
test('a point is drawn, and ink is seen', () => {
  const ways = { side: 16, fill: .66, line: 1 / 16, ink: 224, paper: 248, largest: 99, stamps: { 4: [[1, 2], [0, 3], [0, 3], [1, 2]] } }
  const dot = drawn([[[7, 7]]], ways)
  assert.equal(dot.length, 256)
  assert.ok(hasInk(dot, ways) && !hasInk(new Uint8Array(256).fill(255), ways))
  assert.deepEqual([...threefold(Uint8Array.of(1, 2))], [1, 1, 1, 2, 2, 2])
})
