import { expect, test } from 'vitest'
import { ndarray } from '../support/ndarray.js'
import { casesOf, operandsOf } from '../support/table.js'
import { positions } from './cases/build.js'
import { draw, philox } from './reference/sample.js'
import { reference } from './reference.js'
import type { OperandsOf } from './signature.js'

test('Philox4x32-10 gives the known answers of Random123', () => {
  const hex = (words: number[]) => words.map((word) => word.toString(16).padStart(8, '0')).join(' ')
  expect(hex(philox([0, 0, 0, 0], [0, 0]))).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8')
  const ones = 0xffffffff
  expect(hex(philox([ones, ones, ones, ones], [ones, ones]))).toBe('408f276d 41c83b0e a20bc7c6 6d5451fd')
  const pi = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0]
  expect(hex(philox(pi.slice(0, 4), pi.slice(4)))).toBe('d16cfe09 94fdcceb 5001e420 24126ea1')
})

test('no case stands so near a border that float32 could choose otherwise', () => {
  const near = casesOf('sample').filter((opCase) => {
    const operands = operandsOf('sample', opCase) as OperandsOf<'sample'>
    return Array.from({ length: operands.logits.shape[0] }, (_, row) => draw(operands, row)).some(
      ({ margin }) => margin < 1e-5,
    )
  })
  expect(near.map(({ name }) => name)).toEqual([])
})

const [temperature, topK, topP, minP] = [0, 1, 2, 3]
const logits = ndarray('float32', [1, 6], [1, 0.5, -1, 2, 0, -0.5])
const operandsFor = (params: Partial<Record<number, number>>, at: number): OperandsOf<'sample'> => ({
  logits,
  params: ndarray('float32', [1, 8], (i) => params[i] ?? (i === topP ? 1 : 0)),
  seeds: ndarray('uint32', [1, 2], [5, 6]),
  position: positions(at, 1),
  histories: ndarray('int32', [1, 3], [-1, -1, -1]),
})

/** How often each id comes up over many positions. */
function frequencies(params: Partial<Record<number, number>>): number[] {
  const draws = 20000
  const counts = new Array<number>(6).fill(0)
  for (let at = 0; at < draws; at++) counts[draw(operandsFor(params, at)).id] += 1 / draws
  return counts
}
const softmaxed = (values: number[]): number[] => {
  const exponentials = values.map(Math.exp)
  return exponentials.map((value) => value / exponentials.reduce((a, b) => a + b))
}
const expectFrequencies = (actual: number[], expected: number[]) =>
  expected.forEach((probability, id) => {
    if (probability === 0) expect(actual[id]).toBe(0)
    else expect(Math.abs(actual[id] - probability)).toBeLessThan(0.015)
  })
const none = Number.NEGATIVE_INFINITY

test('draws ids as often as the softmax says', () => {
  expectFrequencies(frequencies({ [temperature]: 1 }), softmaxed([...logits.data]))
  expectFrequencies(frequencies({ [temperature]: 2 }), softmaxed([...logits.data].map((value) => value / 2)))
})

test('topK, topP and minP keep the likeliest', () => {
  // sorted: 2, 1, 0.5, 0, -0.5, -1 with probabilities 0.52 0.19 0.12 0.07 0.04 0.03
  expectFrequencies(frequencies({ [temperature]: 1, [topK]: 2 }), softmaxed([1, none, none, 2, none, none]))
  expectFrequencies(frequencies({ [temperature]: 1, [topP]: 0.8 }), softmaxed([1, 0.5, none, 2, none, none]))
  expectFrequencies(frequencies({ [temperature]: 1, [topP]: 0.3 }), [0, 0, 0, 1, 0, 0])
  expectFrequencies(frequencies({ [temperature]: 1, [topP]: 0 }), [0, 0, 0, 1, 0, 0])
  expectFrequencies(frequencies({ [temperature]: 1, [minP]: 0.3 }), softmaxed([1, none, none, 2, none, none]))
  expectFrequencies(frequencies({ [temperature]: 1, [topP]: 1, [topK]: 6 }), softmaxed([...logits.data]))
})

test('the log-probability is that of the raw logits, and the id goes into the ring', () => {
  const { id, logprob, histories } = reference.sample({ ...operandsFor({ [temperature]: 0.3, [topK]: 1 }, 4) }, {})
  expect(id.data[0]).toBe(3)
  expect(logprob.data[0]).toBeCloseTo(Math.log(softmaxed([...logits.data])[3]), 12)
  expect([...histories.data]).toEqual([-1, 3, -1])
})
