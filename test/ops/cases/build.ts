import { type Encoding, encode, encodings } from '../../../lib/convert/encode.js'
import { type DType, dtypes } from '../../../lib/dtype.js'
import type { WeightFormat } from '../../../lib/formats/source.js'
import type { OpName } from '../../../lib/ops/schema.js'
import { type FloatDType, roundHalfEven, toBits } from '../../support/floats.js'
import { isFloat, type NdArray, ndarray, rangeOf, type WeightArray } from '../../support/ndarray.js'
import type { Random } from '../../support/random.js'
import { type Shape, sizeOf } from '../indexing.js'
import {
  blocks,
  decodeBlocks,
  decodeLevels,
  halvesOf,
  type Levels,
  packLevels,
  packZeros,
} from '../reference/weights.js'
import type { GivenAttributes, OperandsOf } from '../signature.js'

export interface OpCase<O extends OpName> {
  /** Unique within the op; the seed is its hash. */
  readonly name: string
  readonly attributes: GivenAttributes<O>
  readonly operands: (random: Random) => OperandsOf<O>
}

export const floatDTypes = dtypes.filter(isFloat)
export const allDTypes = dtypes

/** `[2, 33]`, for the names of cases. */
export const words = (shape: Shape): string => `[${shape.join(', ')}]`

export const normal = (random: Random, dtype: FloatDType, shape: Shape, scale = 1): NdArray =>
  ndarray(dtype, shape, () => scale * random.normal())

export const uniform = (random: Random, dtype: FloatDType, shape: Shape, low: number, high: number): NdArray =>
  ndarray(dtype, shape, () => low + (high - low) * random.uniform())

export const integers = (random: Random, dtype: DType, shape: Shape, low: number, high: number): NdArray =>
  ndarray(dtype, shape, () => random.integer(low, high))

/** Uniform over low .. high, in floats or in integers. */
export const within = (random: Random, dtype: DType, shape: Shape, low: number, high: number): NdArray =>
  isFloat(dtype) ? uniform(random, dtype, shape, low, high) : integers(random, dtype, shape, low, high)

/** Values over all that the dtype holds, or normals. */
export const anything = (random: Random, dtype: DType, shape: Shape): NdArray =>
  isFloat(dtype) ? normal(random, dtype, shape) : integers(random, dtype, shape, ...rangeOf(dtype))

/** The positions of `count` tokens from `start` on. */
export const positions = (start: number, count: number): NdArray => ndarray('int32', [count], (i) => start + i)

const isWritable = (format: WeightFormat): format is Encoding => (encodings as readonly string[]).includes(format)

/** Normals where the format can be written, else any blocks of small scales. */
export function weight(random: Random, format: WeightFormat, shape: readonly [number, number]): WeightArray {
  if (format === 'int4' || format === 'int8') return groupedWeight(random, format, shape, 32, true)
  if (isWritable(format)) {
    const bytes = encode(format, Float32Array.from({ length: sizeOf(shape) }, random.normal))
    return { format, shape, bytes, data: decodeBlocks(format, bytes) }
  }
  const block = blocks[format]
  const bytes = Uint8Array.from({ length: (sizeOf(shape) / block.values) * block.bytes }, () => random.integer(0, 255))
  for (let at = 0; at < bytes.length; at += block.bytes)
    for (const half of halvesOf[format]!) {
      const bits = toBits('float16', 0.01 * random.normal())
      bytes[at + half] = bits
      bytes[at + half + 1] = bits >> 8
    }
  return { format, shape, bytes, data: decodeBlocks(format, bytes) }
}

/** Random levels of an int4 or int8 matrix; zeros within the middle half of the range. */
export function levels(
  random: Random,
  bits: 4 | 8,
  [rows, columns]: readonly [number, number],
  size: number,
  { zeros = true, signed = false, gIdx }: { zeros?: boolean; signed?: boolean; gIdx?: Int32Array } = {},
): Levels {
  const range = 2 ** bits
  const low = signed ? -range / 2 : 0
  const count = rows * Math.ceil(columns / size)
  return {
    bits,
    rows,
    columns,
    size,
    q: Int32Array.from({ length: rows * columns }, () => random.integer(low, low + range - 1)),
    scales: Float32Array.from({ length: count }, () => (0.4 / range) * random.normal()),
    zeros: zeros
      ? Float32Array.from({ length: count }, () => random.integer(low + range / 4, low + (3 * range) / 4))
      : null,
    group: (k) => (gIdx ? gIdx[k] : Math.floor(k / size)),
    signed,
  }
}

export function groupedWeight(
  random: Random,
  format: 'int4' | 'int8',
  shape: readonly [number, number],
  size: number,
  zeros: boolean,
): WeightArray {
  const matrix = levels(random, format === 'int4' ? 4 : 8, shape, size, { zeros })
  const groups = { size, scales: matrix.scales, ...(zeros && { zeros: packZeros(matrix, 'rows') }) }
  return { format, shape, bytes: packLevels(matrix, 'rows'), groups, data: decodeLevels(matrix) }
}

/** Distance of a ratio to the next border between two integers. */
const toBorder = (ratio: number): number => Math.abs(ratio - roundHalfEven(ratio - 0.5) - 0.5)

/**
 * Rows of normals that no rounding to a grid of `stepOf(block)` could put on the other side of a border, so that float32
 * and float64 quantise alike.
 */
export function clearOfBorders(
  random: Random,
  dtype: FloatDType,
  [rows, columns]: readonly [number, number],
  blockSize: number,
  stepOf: (block: Float64Array) => number,
): NdArray {
  const x = normal(random, dtype, [rows, columns])
  for (let row = 0; row < rows; row++) {
    for (let start = 0; start < columns; start += blockSize) {
      const end = Math.min(start + blockSize, columns)
      const block = x.data.subarray(row * columns + start, row * columns + end)
      let unclear = true
      while (unclear) {
        const step = stepOf(block)
        unclear = false
        block.forEach((value, i) => {
          // a value of opposite sign and the same magnitude as the extreme would make the sign of the step a toss-up
          if (toBorder(value / step) > 0.02 && value / step !== 8) return
          block[i] = normal(random, dtype, [1]).data[0]
          unclear = true
        })
      }
    }
  }
  return x
}

/** Steps of int8 activations and of 4-bit blocks. */
export const int8Step = (block: Float64Array): number => Math.max(...block.map(Math.abs)) / 127
export const symmetricStep = (block: Float64Array): number =>
  block.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0) / -8
export const asymmetricStep = (block: Float64Array): number => (Math.max(0, ...block) - Math.min(0, ...block)) / 15
