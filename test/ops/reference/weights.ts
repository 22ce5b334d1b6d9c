import type { WeightFormat, WeightPacking } from '../../../lib/formats/source.js'
import { fromBits } from '../../support/floats.js'

// Weights value by value, straight from the tables of ggml's block formats and of ONNX's MatMulNBits. Nothing is shared
// with the package.

/** Values and bytes of a block. */
export const blocks = {
  float32: { values: 1, bytes: 4 },
  float16: { values: 1, bytes: 2 },
  bfloat16: { values: 1, bytes: 2 },
  q8_0: { values: 32, bytes: 34 },
  q4_0: { values: 32, bytes: 18 },
  q4_1: { values: 32, bytes: 20 },
  q5_0: { values: 32, bytes: 22 },
  q5_1: { values: 32, bytes: 24 },
  q2_k: { values: 256, bytes: 84 },
  q3_k: { values: 256, bytes: 110 },
  q4_k: { values: 256, bytes: 144 },
  q5_k: { values: 256, bytes: 176 },
  q6_k: { values: 256, bytes: 210 },
  iq4_nl: { values: 32, bytes: 18 },
  iq4_xs: { values: 256, bytes: 136 },
} as const
export type BlockFormat = keyof typeof blocks
export const blockFormats = Object.keys(blocks) as BlockFormat[]

/** Where the float16 scale d of a block lies, and the second one (m or dmin). */
export const halvesOf: Readonly<Partial<Record<WeightFormat, readonly number[]>>> = {
  q8_0: [0],
  q4_0: [0],
  q4_1: [0, 2],
  q5_0: [0],
  q5_1: [0, 2],
  q2_k: [80, 82],
  q3_k: [108],
  q4_k: [0, 2],
  q5_k: [0, 2],
  q6_k: [208],
  iq4_nl: [0],
  iq4_xs: [0],
}

const iq4 = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
const div = (a: number, b: number) => Math.floor(a / b)
const signed = (byte: number) => (byte << 24) >> 24

/** 6-bit scale and minimum of sub-block g. */
function scaleAndMinimum(s: Uint8Array, g: number): [number, number] {
  if (g < 4) return [s[g] & 63, s[g + 4] & 63]
  return [(s[g + 4] & 15) | ((s[g - 4] >> 6) << 4), (s[g + 4] >> 4) | ((s[g] >> 6) << 4)]
}

/** Value i of a block. */
function blockValue(format: BlockFormat, b: Uint8Array, i: number): number {
  const half = (at: number) => fromBits('float16', b[at] | (b[at + 1] << 8))
  const nibble = (at: number) => (i < 16 ? b[at + i] & 15 : b[at + i - 16] >> 4)
  const fifth = (at: number) => (b[at + div(i, 8)] >> (i % 8)) & 1
  const g = div(i, 32)
  const l = i % 32
  switch (format) {
    case 'float32':
      return new DataView(b.buffer, b.byteOffset).getFloat32(0, true)
    case 'float16':
      return half(0)
    case 'bfloat16':
      return fromBits('bfloat16', b[0] | (b[1] << 8))
    case 'q8_0':
      return half(0) * signed(b[2 + i])
    case 'q4_0':
      return half(0) * (nibble(2) - 8)
    case 'q4_1':
      return half(0) * nibble(4) + half(2)
    case 'q5_0':
      return half(0) * (nibble(6) + 16 * fifth(2) - 16)
    case 'q5_1':
      return half(0) * (nibble(8) + 16 * fifth(4)) + half(2)
    case 'q2_k': {
      const s = b[div(i, 16)]
      const q = (b[16 + 32 * div(i, 128) + l] >> (2 * div(i % 128, 32))) & 3
      return half(80) * (s & 15) * q - half(82) * (s >> 4)
    }
    case 'q3_k': {
      const q = (b[32 + 32 * div(i, 128) + l] >> (2 * div(i % 128, 32))) & 3
      const j = div(i, 16)
      const low = j < 8 ? b[96 + j] & 15 : b[96 + j - 8] >> 4
      const high = (b[96 + 8 + (j % 4)] >> (2 * div(j, 4))) & 3
      return half(108) * ((low | (high << 4)) - 32) * (q - ((b[l] >> g) & 1 ? 0 : 4))
    }
    case 'q4_k':
    case 'q5_k': {
      const [scale, minimum] = scaleAndMinimum(b.subarray(4, 16), g)
      const byte = b[(format === 'q4_k' ? 16 : 48) + 32 * div(i, 64) + l]
      const q = (g % 2 ? byte >> 4 : byte & 15) + (format === 'q5_k' ? 16 * ((b[16 + l] >> g) & 1) : 0)
      return half(0) * scale * q - half(2) * minimum
    }
    case 'q6_k': {
      const h = div(i, 128)
      const k = div(i % 128, 32)
      const low = b[64 * h + l + 32 * (k & 1)]
      const high = (b[128 + 32 * h + l] >> (2 * k)) & 3
      const q = ((k < 2 ? low & 15 : low >> 4) | (high << 4)) - 32
      return half(208) * signed(b[192 + 8 * h + 2 * k + div(l, 16)]) * q
    }
    case 'iq4_nl':
      return half(0) * iq4[nibble(2)]
    case 'iq4_xs': {
      const low = (b[4 + div(g, 2)] >> (4 * (g % 2))) & 15
      const high = ((b[2] | (b[3] << 8)) >> (2 * g)) & 3
      const byte = b[8 + 16 * g + (l % 16)]
      return half(0) * ((low | (high << 4)) - 32) * iq4[l < 16 ? byte & 15 : byte >> 4]
    }
  }
}

/** The values of whole blocks, not rounded. */
export function decodeBlocks(format: BlockFormat, bytes: Uint8Array): Float64Array {
  const block = blocks[format]
  return Float64Array.from({ length: (bytes.length / block.bytes) * block.values }, (_, i) => {
    const at = div(i, block.values) * block.bytes
    return blockValue(format, bytes.subarray(at, at + block.bytes), i % block.values)
  })
}

/** An int4 or int8 matrix before it is packed: levels q [N, K], scales and zeros [N, groups]. */
export interface Levels {
  readonly bits: 4 | 8
  readonly rows: number
  readonly columns: number
  readonly size: number
  readonly q: Int32Array
  readonly scales: Float32Array
  /** null: the middle of the range, or 0 where levels are signed. */
  readonly zeros: Float32Array | null
  /** The group of a column. */
  readonly group: (k: number) => number
  readonly signed?: boolean
}

/** Every value is (q - zero) * scale, in float32 as a processor rounds it. */
export function decodeLevels(m: Levels): Float64Array {
  const groups = Math.ceil(m.columns / m.size)
  const middle = m.signed ? 0 : m.bits === 4 ? 8 : 128
  return Float64Array.from({ length: m.rows * m.columns }, (_, i) => {
    const at = div(i, m.columns) * groups + m.group(i % m.columns)
    return Math.fround(Math.fround(m.q[i] - (m.zeros ? m.zeros[at] : middle)) * m.scales[at])
  })
}

/** Writes values of 4 bits (or 8) one after the other at the places that the caller names. */
function bitsOf(bits: 4 | 8, places: number, write: (put: (place: number, value: number) => void) => void): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((places * bits) / 8))
  write((place, value) => {
    if (bits === 8) bytes[place] = value
    else bytes[place >> 1] |= (value & 15) << (4 * (place % 2))
  })
  return bytes
}

const awqNibble = [0, 4, 1, 5, 2, 6, 3, 7]

/** The levels as a packing has them. An int32 is eight nibbles, the lowest first. */
export function packLevels(m: Levels, packing: WeightPacking): Uint8Array {
  const { bits, rows, columns, size } = m
  const wide = packing === 'rows' ? Math.ceil(columns / size) * size + ((bits === 4 && size % 2) || 0) : columns
  return bitsOf(bits, rows * wide, (put) => {
    for (let n = 0; n < rows; n++) {
      for (let k = 0; k < columns; k++) {
        const place = {
          rows: n * wide + k,
          columns: k * rows + n,
          awq: (k * (rows / 8) + div(n, 8)) * 8 + awqNibble[n % 8],
          gptq: (div(k, 8) * rows + n) * 8 + (k % 8),
          gptq_v2: (div(k, 8) * rows + n) * 8 + (k % 8),
        }[packing]
        put(place, m.q[n * columns + k])
      }
    }
  })
}

/** Zero points as a packing has them; `padded`: rows of 'rows' fill whole bytes. */
export function packZeros(m: Levels, packing: WeightPacking, padded = true): Uint8Array {
  const { bits, rows, zeros } = m
  const groups = Math.ceil(m.columns / m.size)
  const wide = packing === 'rows' && padded && bits === 4 ? groups + (groups % 2) : groups
  return bitsOf(bits, rows * wide, (put) => {
    for (let n = 0; n < rows; n++) {
      for (let b = 0; b < groups; b++) {
        const zero = zeros![n * groups + b]
        const place = {
          rows: n * wide + b,
          columns: b * rows + n,
          awq: (b * (rows / 8) + div(n, 8)) * 8 + awqNibble[n % 8],
          gptq: b * rows + n,
          gptq_v2: b * rows + n,
        }[packing]
        put(place, packing === 'gptq' ? zero - 1 : zero)
      }
    }
  })
}

/** [N, groups] as a packing has it. */
export function packFloats(m: Levels, values: Float32Array, packing: WeightPacking): Float32Array {
  if (packing === 'rows') return values
  const groups = Math.ceil(m.columns / m.size)
  return Float32Array.from(values, (_, i) => values[(i % m.rows) * groups + div(i, m.rows)])
}
