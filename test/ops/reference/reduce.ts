import type { DType } from '../../../lib/dtype.js'
import { exactly, type NdArray } from '../../support/ndarray.js'
import { aroundAxis, sizeOf, withAxis } from '../indexing.js'
import type { Reference } from '../signature.js'

/** The lanes of `x` along an axis, in the row-major order of the axes that remain. */
function* lanesOf(x: NdArray, axis: number): Generator<{ lane: Float64Array; offsets: number[] }> {
  const { outer, length, inner } = aroundAxis(x.shape, axis)
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const offsets = Array.from({ length }, (_, j) => (o * length + j) * inner + i)
      yield { lane: Float64Array.from(offsets, (offset) => x.data[offset]), offsets }
    }
  }
}

type ReduceAttributes = { axis: number; keepDims: boolean }
const reduction =
  (f: (lane: Float64Array) => number, dtypeOf: (x: NdArray) => DType = (x) => x.dtype) =>
  ({ x }: { x: NdArray }, { axis, keepDims }: ReduceAttributes): { y: NdArray } => ({
    y: exactly(
      dtypeOf(x),
      withAxis(x.shape, axis, keepDims ? [1] : []),
      Array.from(lanesOf(x, axis), ({ lane }) => f(lane)),
    ),
  })

const total = (lane: Float64Array): number => lane.reduce((a, b) => a + b, 0)
const largest = (lane: Float64Array): number => lane.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)

export const sum = reduction(total)
export const mean = reduction((lane) => total(lane) / lane.length)
export const max = reduction(largest)
export const argmax = reduction(
  (lane) => lane.indexOf(largest(lane)),
  () => 'int32',
)

export function softmaxOf(values: Float64Array): Float64Array {
  const top = largest(values)
  const exponentials = values.map((value) => Math.exp(value - top))
  const denominator = total(exponentials)
  return exponentials.map((value) => value / denominator)
}

export const softmax: Reference<'softmax'> = ({ x }, { axis }) => {
  const data = new Float64Array(sizeOf(x.shape))
  for (const { lane, offsets } of lanesOf(x, axis)) {
    softmaxOf(lane).forEach((value, j) => {
      data[offsets[j]] = value
    })
  }
  return { y: exactly(x.dtype, x.shape, data) }
}

/** Indices of `values`, largest first, equal values by index. */
export const descending = (values: ArrayLike<number>): number[] =>
  Array.from({ length: values.length }, (_, index) => index).sort((i, j) => values[j] - values[i] || i - j)

export const topK: Reference<'topK'> = ({ x }, { k }) => {
  const values: number[] = []
  const indices: number[] = []
  for (const { lane } of lanesOf(x, -1)) {
    const first = descending(lane).slice(0, k)
    indices.push(...first)
    values.push(...first.map((index) => lane[index]))
  }
  const shape = withAxis(x.shape, -1, [k])
  return { values: exactly(x.dtype, shape, values), indices: exactly('int32', shape, indices) }
}
