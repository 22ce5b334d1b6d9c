import { describe, expect, test } from 'vitest'
import { type DType, dtypes } from '../../lib/dtype.js'
import { anything } from '../ops/cases/build.js'
import { fromBits, roundFloat, toBits } from './floats.js'
import { fromTypedArray, ndarray, toTypedArray } from './ndarray.js'
import { random, seedOf } from './random.js'

const infinities = { float16: 0x7c00, bfloat16: 0x7f80 } as const

describe.each(['float16', 'bfloat16'] as const)('%s', (dtype) => {
  test('every bit pattern stands for one value', () => {
    const infinity = infinities[dtype]
    for (let bits = 0; bits < 0x10000; bits++) {
      const isNotANumber = (bits & 0x7fff) > infinity
      const back = toBits(dtype, fromBits(dtype, bits))
      if (isNotANumber ? (back & 0x7fff) <= infinity : back !== bits)
        expect.fail(`${bits.toString(16)} came back as ${back}`)
    }
  })

  test('what lies between two values goes to the nearer, a tie to the even one', () => {
    for (let bits = 0; bits < infinities[dtype] - 1; bits++) {
      const [low, high] = [fromBits(dtype, bits), fromBits(dtype, bits + 1)]
      const middle = (low + high) / 2
      const nudge = (high - low) * 1e-6
      const rounded = [middle - nudge, middle, middle + nudge].map((value) => toBits(dtype, value))
      const even = bits % 2 ? bits + 1 : bits
      if (`${rounded}` !== `${[bits, even, bits + 1]}`) expect.fail(`after ${low}: ${rounded}`)
    }
  })

  test('what lies beyond the last value by half a step is infinite', () => {
    const last = fromBits(dtype, infinities[dtype] - 1)
    const step = last - fromBits(dtype, infinities[dtype] - 2)
    expect(roundFloat(dtype, last + step * 0.49)).toBe(last)
    expect(roundFloat(dtype, last + step * 0.5)).toBe(Number.POSITIVE_INFINITY)
    expect(roundFloat(dtype, -last - step * 0.5)).toBe(Number.NEGATIVE_INFINITY)
  })
})

test('bfloat16 agrees with rounding the bits of a float32', () => {
  const { uint32 } = random(1)
  const bits = new Uint32Array(1)
  const float = new Float32Array(bits.buffer)
  for (let i = 0; i < 100000; i++) {
    bits[0] = uint32()
    if (Number.isNaN(float[0])) continue
    const expected = (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) >>> 16
    if (toBits('bfloat16', float[0]) !== expected) expect.fail(`${float[0]}`)
  }
})

test('known float16 patterns', () => {
  const known: [number, number][] = [
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [1 / 3, 0x3555],
    [-0, 0x8000],
  ]
  for (const [value, bits] of known) expect(toBits('float16', value), `${value}`).toBe(bits)
})

describe.each(dtypes)('%s', (dtype: DType) => {
  test.each([0, 1, 2, 31, 257])('%i values survive the typed array', (count) => {
    const x = anything(random(seedOf(dtype)), dtype, [count])
    expect(fromTypedArray(dtype, [count], toTypedArray(x)).data).toEqual(x.data)
  })
})

test('4-bit integers are packed low nibble first', () => {
  expect(toTypedArray(ndarray('int4', [3], [1, -2, -8]))).toEqual(Uint8Array.of(0xe1, 0x08))
  expect(toTypedArray(ndarray('uint4', [3], [1, 14, 8]))).toEqual(Uint8Array.of(0xe1, 0x08))
})

test('a seed gives one stream, and its normals have mean 0 and variance 1', () => {
  expect(random(7).uint32()).toBe(random(7).uint32())
  expect(random(7).uint32()).not.toBe(random(8).uint32())
  const { normal } = random(3)
  const values = Array.from({ length: 100000 }, normal)
  const mean = values.reduce((a, b) => a + b) / values.length
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length
  expect(Math.abs(mean)).toBeLessThan(0.015)
  expect(Math.abs(variance - 1)).toBeLessThan(0.02)
})
