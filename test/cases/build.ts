import { type Encoding, encode } from '../../lib/convert/encode.js'
import { type DType, dtypes } from '../../lib/dtype.js'
import type { OpName } from '../../lib/ops/schema.js'
import { decode } from '../decode.js'
import { type FloatDType, roundHalfEven } from '../floats.js'
import { type Shape, sizeOf } from '../indexing.js'
import { isFloat, type NdArray, ndarray, rangeOf, type WeightArray } from '../ndarray.js'
import type { Random } from '../random.js'
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

export const position = (value: number): NdArray => ndarray('int32', [1], [value])

/** Formats of weights that the cases cover. */
export const weightFormats = ['float32', 'float16', 'bfloat16', 'q8_0', 'q4_0'] as const satisfies readonly Encoding[]

export const isQuantized = (format: Encoding): boolean => format === 'q8_0' || format === 'q4_0'

export function weight(random: Random, format: Encoding, shape: readonly [number, number]): WeightArray {
  const bytes = encode(format, Float32Array.from({ length: sizeOf(shape) }, random.normal))
  return { format, shape, bytes, data: Float64Array.from(decode(format, bytes)) }
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
