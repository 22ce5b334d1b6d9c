import { ArgumentError } from '../errors.js'
import type { WeightFormat } from './source.js'

// Rows of weights between float32 and the storage formats. Bit for bit what ggml's reference functions compute, whose
// arithmetic is float32: hence Math.fround. A block of 32 values is a float16 scale d, then
//   q8_0: 32 signed bytes, value d * q
//   q4_0: 16 bytes, byte j holds value j in its low and value j + 16 in its high nibble, value d * (q - 8)

/** The formats that can be written. */
export const writableFormats = [
  'float32',
  'float16',
  'bfloat16',
  'q8_0',
  'q4_0',
] as const satisfies readonly WeightFormat[]
export type WritableFormat = (typeof writableFormats)[number]

const block = 32
const q8Bytes = 34
const q4Bytes = 18

/** Values that are stored together, and the bytes they take. */
export const storage: Readonly<Record<WritableFormat, { readonly values: number; readonly bytes: number }>> = {
  float32: { values: 1, bytes: 4 },
  float16: { values: 1, bytes: 2 },
  bfloat16: { values: 1, bytes: 2 },
  q8_0: { values: block, bytes: q8Bytes },
  q4_0: { values: block, bytes: q4Bytes },
}

/** Bytes of a row of `columns` values. */
export function rowBytes(format: WritableFormat, columns: number): number {
  const { values, bytes } = storage[format]
  if (columns % values === 0) return (columns / values) * bytes
  throw new ArgumentError('ERR_SHAPE', `${format}: columns must be a multiple of ${values}, but are ${columns}`)
}

/** Stores whole rows. q8_0 and q4_0 have no infinities and no NaN: the caller checks. */
export function encode(format: WritableFormat, values: Float32Array): Uint8Array {
  const out = new Uint8Array(rowBytes(format, values.length))
  if (format === 'q8_0') encodeQ8(values, out)
  else if (format === 'q4_0') encodeQ4(values, out)
  else if (format === 'float32') new Float32Array(out.buffer).set(values)
  else {
    const round = format === 'float16' ? halfOf : bfloatOf
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
    const words = new Uint16Array(out.buffer)
    for (let i = 0; i < words.length; i++) words[i] = round(bits[i]!)
  }
  return out
}

/** The exact values of whole rows. */
export function decode(format: WritableFormat, bytes: Uint8Array): Float32Array {
  const unit = storage[format]
  if (bytes.length % unit.bytes !== 0) {
    throw new ArgumentError(
      'ERR_SHAPE',
      `${format}: bytes must be a multiple of ${unit.bytes}, but are ${bytes.length}`,
    )
  }
  const out = new Float32Array((bytes.length / unit.bytes) * unit.values)
  if (format === 'q8_0') decodeQ8(bytes, out)
  else if (format === 'q4_0') decodeQ4(bytes, out)
  else if (format === 'float32') new Uint8Array(out.buffer).set(bytes)
  else if (format === 'float16') {
    const table = halves()
    for (let i = 0; i < out.length; i++) out[i] = table[bytes[2 * i]! | (bytes[2 * i + 1]! << 8)]!
  } else {
    const words = new Uint32Array(out.buffer)
    for (let i = 0; i < words.length; i++) words[i] = (bytes[2 * i]! << 16) | (bytes[2 * i + 1]! << 24)
  }
  return out
}

const oneFloat = new Float32Array(1)
const oneWord = new Uint32Array(oneFloat.buffer)

function storeHalf(out: Uint8Array, at: number, value: number): void {
  oneFloat[0] = value
  const half = halfOf(oneWord[0]!)
  out[at] = half
  out[at + 1] = half >> 8
}

function inverse(d: number): number {
  return d === 0 ? 0 : Math.fround(1 / d)
}

function encodeQ8(values: Float32Array, out: Uint8Array): void {
  const signed = new Int8Array(out.buffer)
  for (let from = 0, at = 0; from < values.length; from += block, at += q8Bytes) {
    let largest = 0
    for (let i = from; i < from + block; i++) {
      const magnitude = Math.abs(values[i]!)
      if (magnitude > largest) largest = magnitude
    }
    const d = Math.fround(largest / 127)
    const id = inverse(d)
    storeHalf(out, at, d)
    for (let i = 0; i < block; i++) {
      const x = Math.fround(values[from + i]! * id)
      signed[at + 2 + i] = x < 0 ? x - 0.5 : x + 0.5 // halves go away from zero: the store truncates
    }
  }
}

function encodeQ4(values: Float32Array, out: Uint8Array): void {
  const half = block / 2
  for (let from = 0, at = 0; from < values.length; from += block, at += q4Bytes) {
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
    const d = Math.fround(extreme / -8) // the extreme value becomes nibble 0, which is -8
    const id = inverse(d)
    storeHalf(out, at, d)
    for (let i = 0; i < half; i++) {
      const low = Math.fround(Math.fround(values[from + i]! * id) + 8.5) | 0
      const high = Math.fround(Math.fround(values[from + half + i]! * id) + 8.5) | 0
      out[at + 2 + i] = Math.min(low, 15) | (Math.min(high, 15) << 4)
    }
  }
}

function decodeQ8(bytes: Uint8Array, out: Float32Array): void {
  const table = halves()
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let to = 0, at = 0; to < out.length; to += block, at += q8Bytes) {
    const d = table[bytes[at]! | (bytes[at + 1]! << 8)]!
    for (let i = 0; i < block; i++) out[to + i] = d * signed[at + 2 + i]!
  }
}

function decodeQ4(bytes: Uint8Array, out: Float32Array): void {
  const table = halves()
  for (let to = 0, at = 0; to < out.length; to += block, at += q4Bytes) {
    const d = table[bytes[at]! | (bytes[at + 1]! << 8)]!
    for (let i = 0; i < block / 2; i++) {
      const pair = bytes[at + 2 + i]!
      out[to + i] = d * ((pair & 15) - 8)
      out[to + block / 2 + i] = d * ((pair >> 4) - 8)
    }
  }
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

let table: Float32Array | undefined

/** The value of every float16, by its bits. */
function halves(): Float32Array {
  if (table) return table
  table = new Float32Array(0x10000)
  const words = new Uint32Array(table.buffer)
  for (let bits = 0; bits < 0x10000; bits++) {
    const exponent = (bits >> 10) & 31
    const mantissa = bits & 0x3ff
    if (exponent === 0) {
      table[bits] = (bits & 0x8000 ? -1 : 1) * mantissa * 2 ** -24
    } else {
      // infinities and NaN keep an exponent of ones
      const wide = exponent === 31 ? 255 : exponent + 112
      words[bits] = ((bits & 0x8000) << 16) | (wide << 23) | (mantissa << 13)
    }
  }
  return table
}
