import { roundHalfEven } from '../../support/floats.js'
import { convert, exactly, type NdArray, type WeightArray } from '../../support/ndarray.js'
import { sizeOf, withAxis } from '../indexing.js'
import type { OperandsOf, Reference } from '../signature.js'
import { sigmoidOf } from './elementwise.js'
import { int4Values } from './quantize.js'
import { softmaxOf } from './reduce.js'

/** x [..., K] · wᵀ with w [N, K]. */
function timesTransposed(x: NdArray, w: Float64Array, columns: number): NdArray {
  const k = x.shape[x.shape.length - 1]
  const rows = sizeOf(x.shape.slice(0, -1))
  const data = new Float64Array(rows * columns)
  for (let m = 0; m < rows; m++) {
    for (let n = 0; n < columns; n++) {
      let sum = 0
      for (let i = 0; i < k; i++) sum += x.data[m * k + i] * w[n * k + i]
      data[m * columns + n] = sum
    }
  }
  return exactly(x.dtype, withAxis(x.shape, -1, [columns]), data)
}

export const embedding: Reference<'embedding'> = ({ table, ids }, { dtype }) => {
  const columns = table.shape[1]
  const data = new Float64Array(ids.data.length * columns)
  ids.data.forEach((id, t) => {
    data.set(table.data.subarray(id * columns, (id + 1) * columns), t * columns)
  })
  return { y: exactly(dtype, [ids.data.length, columns], data) }
}

export const rmsNorm: Reference<'rmsNorm'> = ({ x, weight }, { epsilon }) => {
  const width = weight.data.length
  const data = new Float64Array(x.data.length)
  for (let row = 0; row < x.data.length; row += width) {
    const values = x.data.subarray(row, row + width)
    const root = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / width + epsilon)
    values.forEach((value, i) => {
      data[row + i] = (value / root) * weight.data[i]
    })
  }
  return { y: exactly(x.dtype, x.shape, data) }
}

export const addRmsNorm: Reference<'addRmsNorm'> = ({ x, residual, weight }, attributes) => {
  const data = x.data.map((value, i) => value + residual.data[i])
  const sum = exactly(x.dtype, x.shape, data)
  return { sum, ...rmsNorm({ x: sum, weight }, attributes) }
}

export const matmul: Reference<'matmul'> = ({ a, b }) => {
  const [k, n] = b.shape
  const transposed = Float64Array.from({ length: n * k }, (_, i) => b.data[(i % k) * n + Math.floor(i / k)])
  return { y: timesTransposed(a, transposed, n) }
}

export const matmulInt4: Reference<'matmulInt4'> = ({ a, ...b }, { blockSize }) => {
  const k = a.shape[a.shape.length - 1]
  return { y: timesTransposed(a, int4Values(b, k, blockSize), b.b.shape[0]) }
}

const activationBlock = 32

/** x as 8-bit activations hold it: per 32 values, in steps of absmax/127. */
function int8Activations(x: NdArray): NdArray {
  const data = new Float64Array(x.data.length)
  for (let start = 0; start < data.length; start += activationBlock) {
    const block = x.data.subarray(start, start + activationBlock)
    const step = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127
    if (step > 0)
      data.set(
        block.map((value) => roundHalfEven(value / step) * step),
        start,
      )
  }
  return { ...x, data }
}

/** Whether int8 activations apply: to quantised values in groups no finer than those of the activations. */
function takesInt8({ format, shape, groups }: WeightArray): boolean {
  if (format === 'float32' || format === 'float16' || format === 'bfloat16' || shape[1] % activationBlock) return false
  return !groups || groups.size % activationBlock === 0
}

export const linear: Reference<'linear'> = ({ x, w, bias }, { activations }) => {
  const y = timesTransposed(activations === 'int8' && takesInt8(w) ? int8Activations(x) : x, w.data, w.shape[0])
  return {
    y: bias
      ? exactly(
          y.dtype,
          y.shape,
          y.data.map((value, i) => value + bias.data[i % w.shape[0]]),
        )
      : y,
  }
}

export const rotaryEmbedding: Reference<'rotaryEmbedding'> = ({ x, cos, sin, position }, { headDim, heads }) => {
  const [tokens, width] = x.shape
  const half = cos.shape[1]
  const rotated = heads || width / headDim
  const data = Float64Array.from(x.data)
  for (let t = 0; t < tokens; t++) {
    for (let head = 0; head < rotated; head++) {
      for (let i = 0; i < half; i++) {
        const at = t * width + head * headDim + i
        const angle = position.data[t] * half + i
        data[at] = x.data[at] * cos.data[angle] - x.data[at + half] * sin.data[angle]
        data[at + half] = x.data[at + half] * cos.data[angle] + x.data[at] * sin.data[angle]
      }
    }
  }
  return { y: exactly(x.dtype, x.shape, data) }
}

/** The rows of one sequence, and where the slot of its token j lies in [P, G, L] for group g. */
interface Span {
  readonly begin: number
  readonly end: number
  readonly slot: (g: number, j: number) => number
}

function spansOf({ keys, qkv, pages, rows }: OperandsOf<'attention'>): Span[] {
  const [cachePages, groups, length] = keys.shape
  const tokens = qkv.shape[0]
  const count = pages?.shape[0] ?? (rows ? rows.shape[0] - 1 : 1)
  const each = Math.ceil(tokens / count)
  return Array.from({ length: count }, (_, b) => ({
    begin: rows ? rows.data[b] : Math.min(b * each, tokens),
    end: rows ? rows.data[b + 1] : Math.min((b + 1) * each, tokens),
    slot: (g, j) => {
      const m = Math.floor(j / length)
      const page = pages ? pages.data[b * pages.shape[1] + m] : b * Math.floor(cachePages / count) + m
      return (page * groups + g) * length + (j % length)
    },
  }))
}

/** Copies the K or V heads of qkv, which start at head `first`, into their slots; rounds to the dtype of the cache. */
function append(cache: NdArray, scales: NdArray | undefined, first: number, operands: OperandsOf<'attention'>) {
  const { qkv, position } = operands
  const [, groups, , dim] = cache.shape
  const width = qkv.shape[1]
  const data = Float64Array.from(cache.data)
  const factors = scales && Float64Array.from(scales.data)
  for (const { begin, end, slot } of spansOf(operands)) {
    for (let t = begin; t < end; t++) {
      for (let g = 0; g < groups; g++) {
        const row = t * width + (first + g) * dim
        const head = qkv.data.subarray(row, row + dim)
        const at = slot(g, position.data[t])
        if (factors) factors[at] = Math.fround(head.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127)
        const step = factors?.[at]
        const stored = (value: number) =>
          step === undefined ? convert(cache.dtype, value) : roundHalfEven(value / step)
        data.set(
          head.map((value) => (step === 0 ? 0 : stored(value))),
          at * dim,
        )
      }
    }
  }
  return { cache: { ...cache, data }, scales: scales && { ...scales, data: factors as Float64Array } }
}

export const attention: Reference<'attention'> = (operands, { window, scale }) => {
  const { qkv, position } = operands
  const [, groups, , dim] = operands.keys.shape
  const [tokens, width] = qkv.shape
  const heads = width / dim - 2 * groups
  const { cache: keys, scales: keyScales } = append(operands.keys, operands.keyScales, heads, operands)
  const { cache: values, scales: valueScales } = append(operands.values, operands.valueScales, heads + groups, operands)

  const data = new Float64Array(tokens * heads * dim)
  for (const { begin, end, slot } of spansOf(operands)) {
    for (let t = begin; t < end; t++) {
      const last = position.data[t]
      const first = window > 0 ? Math.max(0, last - window + 1) : 0
      for (let h = 0; h < heads; h++) {
        const query = qkv.data.subarray(t * width + h * dim, t * width + (h + 1) * dim)
        const slotOf = (j: number) => slot(Math.floor(h / (heads / groups)), first + j)
        const key = (j: number, d: number) => keys.data[slotOf(j) * dim + d] * (keyScales?.data[slotOf(j)] ?? 1)
        const scores = Float64Array.from({ length: last - first + 1 }, (_, j) =>
          query.reduce((sum, value, d) => sum + value * key(j, d) * (scale || 1 / Math.sqrt(dim)), 0),
        )
        softmaxOf(scores).forEach((probability, j) => {
          const weight = probability * (valueScales?.data[slotOf(j)] ?? 1)
          for (let d = 0; d < dim; d++) data[(t * heads + h) * dim + d] += weight * values.data[slotOf(j) * dim + d]
        })
      }
    }
  }
  const scales = keyScales && valueScales ? { keyScales, valueScales } : {}
  return { y: exactly(qkv.dtype, [tokens, heads * dim], data), keys, values, ...scales }
}

export const siluMul: Reference<'siluMul'> = ({ x }) => {
  const width = x.shape[x.shape.length - 1] / 2
  const data = Float64Array.from({ length: x.data.length / 2 }, (_, i) => {
    const gate = x.data[Math.floor(i / width) * 2 * width + (i % width)]
    const up = x.data[Math.floor(i / width) * 2 * width + (i % width) + width]
    return gate * sigmoidOf(gate) * up
  })
  return { y: exactly(x.dtype, withAxis(x.shape, -1, [width]), data) }
}
