import type { DType, TypedArrayOf } from '../../lib/dtype.js'
import type { WeightFormat } from '../../lib/formats/source.js'
import { type Shape, sizeOf } from '../ops/indexing.js'
import { type FloatDType, fromBits, roundFloat, toBits } from './floats.js'

/** A tensor of the tests: values as float64, whatever the dtype. */
export interface NdArray {
  readonly dtype: DType
  readonly shape: Shape
  readonly data: Float64Array
}

/** A weight of the tests: the encoded rows, and the matrix that they stand for, exactly. */
export interface WeightArray {
  readonly format: WeightFormat
  readonly shape: readonly [rows: number, columns: number]
  readonly data: Float64Array
  readonly bytes: Uint8Array
  /** Of int4 and int8. */
  readonly groups?: { readonly size: number; readonly scales: Float32Array; readonly zeros?: Uint8Array }
}

export type Operand = NdArray | WeightArray | readonly NdArray[]

export const isWeight = (operand: Operand): operand is WeightArray => 'format' in operand

const integerRanges = {
  int8: [-128, 127],
  uint8: [0, 255],
  int4: [-8, 7],
  uint4: [0, 15],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
} as const satisfies Record<Exclude<DType, FloatDType>, readonly [number, number]>

export const isFloat = (dtype: DType): dtype is FloatDType => !(dtype in integerRanges)

export const rangeOf = (dtype: Exclude<DType, FloatDType>): readonly [low: number, high: number] => integerRanges[dtype]

/** What `cast` makes of a value: floats round to nearest even, integers truncate and saturate, NaN gives 0. */
export function convert(dtype: DType, value: number): number {
  if (isFloat(dtype)) return roundFloat(dtype, value)
  const [low, high] = integerRanges[dtype]
  return Number.isNaN(value) ? 0 : Math.min(Math.max(Math.trunc(value), low), high)
}

/** A float64 result, not rounded. */
export function exactly(dtype: DType, shape: Shape, data: ArrayLike<number>): NdArray {
  return { dtype, shape, data: Float64Array.from(data) }
}

/** A value of `dtype`: `data` is rounded to it. */
export function ndarray(dtype: DType, shape: Shape, data: ArrayLike<number> | ((index: number) => number)): NdArray {
  const at = typeof data === 'function' ? data : (index: number) => data[index]
  return { dtype, shape, data: Float64Array.from({ length: sizeOf(shape) }, (_, index) => convert(dtype, at(index))) }
}

function pack(values: Float64Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(values.length / 2))
  values.forEach((value, index) => {
    bytes[index >> 1] |= (value & 15) << (index % 2 ? 4 : 0)
  })
  return bytes
}

const nibbleAt = (bytes: ArrayLike<number>, index: number): number => (bytes[index >> 1] >> (index % 2 ? 4 : 0)) & 15

/** The typed array that `device.tensor` takes. */
export function toTypedArray({ dtype, data }: NdArray): TypedArrayOf<DType> {
  switch (dtype) {
    case 'float32':
      return Float32Array.from(data)
    case 'float16':
    case 'bfloat16':
      return Uint16Array.from(data, (value) => toBits(dtype, value))
    case 'int8':
      return Int8Array.from(data)
    case 'uint8':
      return Uint8Array.from(data)
    case 'int4':
    case 'uint4':
      return pack(data)
    case 'int32':
      return Int32Array.from(data)
    case 'uint32':
      return Uint32Array.from(data)
  }
}

/** The values of what `read()` gives; the second nibble of an odd int4 tensor's last byte is not one. */
export function fromTypedArray(dtype: DType, shape: Shape, array: ArrayLike<number>): NdArray {
  const at = (index: number): number => {
    if (dtype === 'float16' || dtype === 'bfloat16') return fromBits(dtype, array[index])
    if (dtype === 'uint4') return nibbleAt(array, index)
    if (dtype === 'int4') return (nibbleAt(array, index) << 28) >> 28
    return array[index]
  }
  return { dtype, shape, data: Float64Array.from({ length: sizeOf(shape) }, (_, index) => at(index)) }
}
