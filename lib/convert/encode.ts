import { ArgumentError } from '../errors.js'
import { formatTable, type WeightFormat } from '../formats/weight-formats.js'

// Rows of float32 in the formats of GGUF. Bit for bit what ggml's reference functions compute, whose arithmetic is
// float32: hence Math.fround. A block of 32 values is
//   q8_0        d, then 32 signed bytes: value d * q
//   q4_0, q5_0  d, [h], 16 bytes: value d * (q - 8) or d * (q - 16)
//   q4_1, q5_1  d, m, [h], 16 bytes: value d * q + m
// d and m are float16. Byte j has value j in its low and value j + 16 in its high nibble; bit i of the uint32 h is the
// fifth bit of value i.

export const encodings = [
  'float32',
  'float16',
  'bfloat16',
  'q8_0',
  'q4_0',
  'q4_1',
  'q5_0',
  'q5_1',
] as const satisfies readonly WeightFormat[]
export type Encoding = (typeof encodings)[number]

const block = 32

interface Storage {
  /** Values that are stored together, and the bytes they take. */
  readonly values: number
  readonly bytes: number
  /** Values of this magnitude do not fit: float16's largest, times what a scale multiplies. */
  readonly limit: number
}

const half = 65520
const limits: Readonly<Partial<Record<Encoding, number>>> = {
  float16: half,
  q8_0: half * 127,
  q4_0: half * 8,
  q4_1: half,
  q5_0: half * 16,
  q5_1: half,
}

export const storage = Object.fromEntries(
  encodings.map((encoding) => {
    const { block, bytes } = formatTable[encoding]
    return [encoding, { values: block, bytes, limit: limits[encoding] ?? Infinity }]
  }),
) as unknown as Readonly<Record<Encoding, Storage>>

/** Bytes of a row of `columns` values. */
export function rowBytes(encoding: Encoding, columns: number): number {
  const { values, bytes } = storage[encoding]
  if (columns % values === 0) return (columns / values) * bytes
  throw new ArgumentError('ERR_SHAPE', `${encoding}: columns must be a multiple of ${values}, but are ${columns}`)
}

/** Stores whole rows. Blocks have no infinities and no NaN: the caller checks. */
export function encode(encoding: Encoding, values: Float32Array): Uint8Array {
  const out = new Uint8Array(rowBytes(encoding, values.length))
  switch (encoding) {
    case 'float32':
      new Float32Array(out.buffer).set(values)
      break
    case 'float16':
      encodeHalves(values, out)
      break
    case 'bfloat16':
      encodeBfloats(values, out)
      break
    case 'q8_0':
      encodeQ8(values, out)
      break
    case 'q4_0':
      encodeScaled(values, out, 4)
      break
    case 'q5_0':
      encodeScaled(values, out, 5)
      break
    case 'q4_1':
      encodeShifted(values, out, 4)
      break
    case 'q5_1':
      encodeShifted(values, out, 5)
  }
  return out
}

function encodeHalves(values: Float32Array, out: Uint8Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const words = new Uint16Array(out.buffer)
  for (let i = 0; i < words.length; i++) words[i] = halfOf(bits[i]!)
}

function encodeBfloats(values: Float32Array, out: Uint8Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const words = new Uint16Array(out.buffer)
  for (let i = 0; i < words.length; i++) words[i] = bfloatOf(bits[i]!)
}

const oneFloat = new Float32Array(1)
const oneWord = new Uint32Array(oneFloat.buffer)

function storeHalf(out: Uint8Array, at: number, value: number): void {
  oneFloat[0] = value
  const bits = halfOf(oneWord[0]!)
  out[at] = bits
  out[at + 1] = bits >> 8
}

function inverse(d: number): number {
  return d === 0 ? 0 : Math.fround(1 / d)
}

function encodeQ8(values: Float32Array, out: Uint8Array): void {
  const signed = new Int8Array(out.buffer)
  const { bytes } = storage.q8_0
  for (let from = 0, at = 0; from < values.length; from += block, at += bytes) {
    let largest = 0
    for (let i = from; i < from + block; i++) largest = Math.max(largest, Math.abs(values[i]!))
    const d = Math.fround(largest / 127)
    const id = inverse(d)
    storeHalf(out, at, d)
    for (let i = 0; i < block; i++) {
      const x = Math.fround(values[from + i]! * id)
      // signs change too often for a branch on them; halves go away from zero, which the shifted floor does not do below it
      const q = ((x + 128.5) | 0) - 128
      signed[at + 2 + i] = q - x === 0.5 && x < 0 ? q - 1 : q
    }
  }
}

/** q4_0 and q5_0: the value of largest magnitude becomes the lowest level, whatever its sign. */
function encodeScaled(values: Float32Array, out: Uint8Array, bits: 4 | 5): void {
  const middle = 1 << (bits - 1)
  const top = 2 * middle - 1
  const high = bits === 5 ? 4 : 0
  for (let from = 0, at = 0; from < values.length; from += block, at += 2 + high + block / 2) {
    let largest = 0
    let extreme = 0
    for (let i = from; i < from + block; i++) {
      const value = values[i]!
      const magnitude = Math.abs(value)
      if (magnitude > largest) {
        largest = magnitude
        extreme = value
      }
    }
    const d = Math.fround(extreme / -middle)
    const id = inverse(d)
    const nibbles = at + 2 + high
    let fifths = 0
    storeHalf(out, at, d)
    for (let i = 0; i < block / 2; i++) {
      const x = Math.min(Math.fround(Math.fround(values[from + i]! * id) + (middle + 0.5)) | 0, top)
      const y = Math.min(Math.fround(Math.fround(values[from + block / 2 + i]! * id) + (middle + 0.5)) | 0, top)
      out[nibbles + i] = (x & 15) | (y << 4)
      fifths |= ((x >> 4) << i) | ((y >> 4) << (i + 16))
    }
    if (high) storeWord(out, at + 2, fifths)
  }
}

/** q4_1 and q5_1: levels from the smallest value m to the largest. */
function encodeShifted(values: Float32Array, out: Uint8Array, bits: 4 | 5): void {
  const top = (1 << bits) - 1
  const high = bits === 5 ? 4 : 0
  for (let from = 0, at = 0; from < values.length; from += block, at += 4 + high + block / 2) {
    let smallest = Infinity
    let largest = -Infinity
    for (let i = from; i < from + block; i++) {
      const value = values[i]!
      if (value < smallest) smallest = value
      if (value > largest) largest = value
    }
    const d = Math.fround(Math.fround(largest - smallest) / top)
    const id = inverse(d)
    const nibbles = at + 4 + high
    let fifths = 0
    storeHalf(out, at, d)
    storeHalf(out, at + 2, smallest)
    for (let i = 0; i < block / 2; i++) {
      const low = Math.fround(values[from + i]! - smallest)
      const far = Math.fround(values[from + block / 2 + i]! - smallest)
      const x = Math.min(Math.fround(Math.fround(low * id) + 0.5) | 0, top)
      const y = Math.min(Math.fround(Math.fround(far * id) + 0.5) | 0, top)
      out[nibbles + i] = (x & 15) | (y << 4)
      fifths |= ((x >> 4) << i) | ((y >> 4) << (i + 16))
    }
    if (high) storeWord(out, at + 4, fifths)
  }
}

function storeWord(out: Uint8Array, at: number, word: number): void {
  for (let i = 0; i < 4; i++) out[at + i] = word >>> (8 * i)
}

/** float16 bits nearest to the float32 of these bits, ties to even. */
function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff)
  if (magnitude >= 0x477ff000) return sign | 0x7c00 // 65520 and up round to infinity
  if (magnitude >= 0x38800000) {
    // 2^-14 and up is normal: move the exponent's bias from 127 to 15, then drop 13 bits
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
  }
  if (magnitude <= 0x33000000) return sign // 2^-25 is half the least subnormal
  const mantissa = (magnitude & 0x7fffff) | 0x800000
  const shift = 126 - (magnitude >>> 23) // 14 to 24; subnormals count in units of 2^-24
  const rest = mantissa & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  const down = mantissa >>> shift
  return sign | (rest > half || (rest === half && down & 1) ? down + 1 : down)
}

/** bfloat16 bits nearest to the float32 of these bits, ties to even. */
function bfloatOf(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}
