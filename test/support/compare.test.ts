import { describe, expect, test } from 'vitest'
import { differences } from './compare.js'
import { type FloatDType, roundoff } from './floats.js'
import { exactly, ndarray } from './ndarray.js'

const rounded = { per: 'element', error: 0 } as const

describe.each(['float32', 'float16', 'bfloat16'] as const)('%s', (dtype: FloatDType) => {
  const expected = exactly(dtype, [3], [1 / 3, 100 / 7, -2e-3])

  test('the nearest value passes, the next but one does not', () => {
    expect(differences(expected, ndarray(dtype, [3], expected.data), 'exact')).toBeNull()
    expect(differences(expected, ndarray(dtype, [3], expected.data), rounded)).toBeNull()
    const off = expected.data.map((value, i) => (i === 2 ? value * (1 + 4 * roundoff[dtype]) : value))
    expect(differences(expected, ndarray(dtype, [3], off), 'exact')).toContain('1 of 3 differ')
    expect(differences(expected, ndarray(dtype, [3], off), rounded)).toContain('[2] is -0.002')
  })

  test('a bound per tensor is relative to the largest element', () => {
    const off = expected.data.map((value, i) => (i === 2 ? value * 1.01 : value))
    const error = 1e-5
    expect(differences(expected, ndarray(dtype, [3], off), { per: 'tensor', error })).toBeNull()
    expect(differences(expected, ndarray(dtype, [3], off), { per: 'element', error: error / 10 })).not.toBeNull()
  })
})

test('NaN and infinities must be met exactly', () => {
  const { NaN: nan, POSITIVE_INFINITY: infinity } = Number
  const bound = { per: 'tensor', error: 1 } as const
  const check = (expected: number, got: number) =>
    differences(exactly('float16', [2], [expected, 5]), exactly('float16', [2], [got, 5]), bound)
  for (const value of [nan, infinity, -infinity, 1]) expect(check(value, value)).toBeNull()
  expect(check(70000, infinity)).toBeNull()
  expect(check(nan, 5)).not.toBeNull()
  expect(check(5, nan)).not.toBeNull()
  expect(check(infinity, 65504)).not.toBeNull()
  expect(check(65504, infinity)).not.toBeNull()
  expect(check(infinity, -infinity)).not.toBeNull()
})

test('integers, dtype and shape must be equal whatever the bound', () => {
  const expected = exactly('int32', [2], [1000, 7])
  expect(differences(expected, exactly('int32', [2], [1000, 8]), { per: 'tensor', error: 1 })).not.toBeNull()
  expect(differences(expected, exactly('uint32', [2], [1000, 7]), rounded)).toContain('dtype is uint32')
  expect(differences(expected, exactly('int32', [1, 2], [1000, 7]), rounded)).toContain('shape is [1,2]')
})
