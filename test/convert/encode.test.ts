import { describe, expect, test } from 'vitest'
import { type Encoding, encode, encodings, rowBytes } from '../../lib/convert/encode.js'
import { quantizeInt4 } from '../../lib/convert/int4.js'
import { decodeBlocks } from '../ops/reference/weights.js'
import { fromBits, toBits } from '../support/floats.js'
import { random } from '../support/random.js'

function fnv1a(bytes: Uint8Array): string {
  let hash = 1469598103934665603n
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 1099511628211n) & (2n ** 64n - 1n)
  return hash.toString(16).padStart(16, '0')
}

/** Numerical Recipes' generator. */
function sequence(): () => number {
  let state = 1
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state
  }
}

const raw = (array: Float32Array | Uint16Array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

const decode = (encoding: Encoding, bytes: Uint8Array) => Float32Array.from(decodeBlocks(encoding, bytes))

describe('rows', () => {
  // the reference is gguf.quants.quantize of the Python package gguf 0.19 on the same values: a block of zeros, one of ties, tiny and large ones
  test.each([
    ['float16', '35aa27e9a681a2a4'],
    ['bfloat16', '0b9550bb9808174e'],
    ['q8_0', '78be15a824d59361'],
    ['q4_0', '0efc9ce2fdc7e761'],
    ['q4_1', '215a4450c0e5755d'],
    ['q5_0', '8d87a80f0188adce'],
    ['q5_1', '108d86c00369b070'],
  ] as const)('to %s gives the bytes that gguf-py gives', (format, hash) => {
    const next = sequence()
    const values = Float32Array.from({ length: 4096 }, () => ((next() >>> 8) - 2 ** 23) / 2 ** 21)
    values.fill(0, 0, 32)
    for (let i = 32; i < 63; i++) values[i] = i - 47.5
    values[63] = 127
    for (let i = 64; i < 96; i++) values[i]! *= 2 ** -20
    for (let i = 96; i < 128; i++) values[i]! *= 2 ** 12
    expect(fnv1a(raw(values))).toBe('6b3620f5169dfb15')
    expect(fnv1a(encode(format, values))).toBe(hash)
  })

  test.each(['float16', 'bfloat16'] as const)('to %s rounds to nearest, ties to even, everywhere', (format) => {
    const infinity = format === 'float16' ? 0x7c00 : 0x7f80
    const values: number[] = []
    for (let bits = 0; bits < infinity - 1; bits++) {
      const low = fromBits(format, bits)
      const middle = (low + fromBits(format, bits + 1)) / 2
      values.push(low, middle, -middle, Math.fround(middle * (1 + 2 ** -20)), Math.fround(middle * (1 - 2 ** -20)))
    }
    values.push(Infinity, -Infinity, -0, 65519.996, 65520, 1e38)
    const words = new Uint16Array(encode(format, Float32Array.from(values)).buffer)
    for (const [i, value] of values.entries()) {
      const expected = toBits(format, Math.fround(value))
      if (words[i] !== expected) expect.fail(`${value} gave ${words[i]}, not ${expected}`)
    }
  })

  test.each(['float16', 'bfloat16'] as const)('to %s keeps NaN', (format) => {
    const bits = new Float32Array(Uint32Array.of(0x7fc00000, 0xffc00000, 0x7f800001, 0x7fffffff).buffer)
    expect([...decode(format, encode(format, bits))]).toEqual([NaN, NaN, NaN, NaN])
  })

  test('in blocks err by at most half a step, at the end that clips by one', () => {
    const source = random(3)
    const values = Float32Array.from({ length: 32 * 200 }, () => source.normal())
    for (const [format, steps] of [
      ['q8_0', 127],
      ['q4_0', 8],
      ['q5_0', 16],
      ['q4_1', 7.5],
      ['q5_1', 15.5],
    ] as const) {
      const back = decode(format, encode(format, values))
      for (let block = 0; block < values.length; block += 32) {
        const part = values.slice(block, block + 32)
        const [low, high] = [Math.min(...part), Math.max(...part)]
        const step = (format.endsWith('_1') ? (high - low) / 2 : Math.max(-low, high)) / steps
        // q4_0 has -8 to 7 times its scale, q5_0 -16 to 15
        const clips = format === 'q4_0' || format === 'q5_0'
        const bound = step * (clips ? 1.01 : 0.51) + Math.max(-low, high) * 2 ** -10
        for (let i = block; i < block + 32; i++) {
          if (Math.abs(back[i]! - values[i]!) > bound) expect.fail(`${format}: ${values[i]} came back as ${back[i]}`)
        }
      }
    }
  })

  test('to q4_0 puts the value of largest magnitude at -8 times a scale of any sign', () => {
    const values = new Float32Array(32).fill(1)
    values[5] = 4
    expect(decode('q4_0', encode('q4_0', values))[5]).toBe(4)
    expect(
      decode(
        'q4_0',
        encode(
          'q4_0',
          values.map((x) => -x),
        ),
      )[5],
    ).toBe(-4)
  })

  // q4_1 and q5_1 round their minimum, which moves with every pass
  test.each(encodings.filter((name) => !name.endsWith('_1')))('to %s and back twice change nothing more', (format) => {
    const source = random(4)
    const once = decode(
      format,
      encode(
        format,
        Float32Array.from({ length: 320 }, () => source.normal()),
      ),
    )
    expect(decode(format, encode(format, once))).toEqual(once)
  })

  test('refuses part of a block', () => {
    expect(() => encode('q4_0', new Float32Array(33))).toThrow('q4_0: columns must be a multiple of 32, but are 33')
    expect(rowBytes('q4_0', 3072)).toBe(1728)
  })
})

describe('int4', () => {
  /** Rows with zeros, one sign only, both extremes alike, ties, and magnitudes far apart. */
  function hardRows(rows: number, columns: number): Float32Array {
    const next = sequence()
    const values = Float32Array.from({ length: rows * columns }, () => ((next() >>> 8) - 2 ** 23) / 2 ** 22)
    values.fill(0, 0, 32)
    for (let i = 32; i < 64; i++) values[i] = Math.abs(values[i]!) + 0.25
    for (let i = columns; i < columns + 32; i++) values[i] = -Math.abs(values[i]!) - 0.25
    values.set([3, -3], columns + 40)
    for (let i = 0; i < 16; i++) values[2 * columns + i] = i - 7.5
    for (let i = 0; i < 32; i++) values[3 * columns + i]! *= 2 ** -30
    return values
  }

  // the reference is quantize_matmul_4bits of ONNX Runtime 1.31 on the same values; zero points with their padding
  test.each([
    [256, 32, false, 'a9c5595de89b183c', '82d61cbc4a5cdf41', null],
    [256, 32, true, '411107e5c8a3cb8d', 'f36a3f0c1c61c992', '0d52736c3e91b1c6'],
    [256, 128, false, '661ddca74ba66dff', 'c12ad07da00220ee', null],
    [256, 128, true, 'b52ba5366dc1b563', '2b9bb645ff5cdcbc', '67e546abb411e044'],
    [96, 32, false, '86fe320fcf4eed83', 'b9fced97a8469bb6', null],
    [96, 32, true, '6dc733bb705b8944', '867c9c141acd5ab6', '58b72ff1562243d5'],
    [80, 32, false, '4500bffaa7382286', 'cdf257dbe7864544', null],
    [80, 32, true, 'c15d773a047eb4c7', '2e969eee949a200c', 'a8ab1ee005222663'],
    [384, 128, false, '9a4d6e126fafae2b', '272c553ac3d598fb', null],
    [384, 128, true, 'df8f03d858e4332b', 'a1356cc4bd7b4644', 'f4f2b9623eb16d78'],
  ] as const)(
    'of rows of %i by %i, zero points %s, are what ONNX Runtime makes of them',
    (columns, size, asymmetric, ...hashes) => {
      const { data, scales, zeros } = quantizeInt4(hardRows(6, columns), columns, size, asymmetric)
      expect([fnv1a(data), fnv1a(raw(scales)), zeros && fnv1a(zeros)]).toEqual(hashes)
    },
  )
})
