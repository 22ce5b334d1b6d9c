import { randomFillSync } from 'node:crypto'
import { formatTable } from '../../lib/formats/weight-formats.js'
import { type Device, ops, type Tensor, type Weight, type WeightOptions } from '../../lib/index.js'
import { type BlockFormat, decodeBlocks } from '../ops/reference/weights.js'
import { fromBits, toBits } from '../support/floats.js'
import { randomRecords } from './random-weights.js'
import { copiesOf, type Limits, type Rows, timeCalls } from './timing.js'

/** A format as it is measured; int4 has groups and packed zero points. */
export interface Kind {
  readonly name: string
  readonly format: BlockFormat | 'int4'
  readonly group?: number
}

export const kinds: readonly Kind[] = [
  { name: 'q4_0', format: 'q4_0' },
  { name: 'q4_k', format: 'q4_k' },
  { name: 'q8_0', format: 'q8_0' },
  { name: 'float16', format: 'float16' },
  { name: 'int4 g32', format: 'int4', group: 32 },
  { name: 'int4 g128', format: 'int4', group: 128 },
  { name: 'q6_k', format: 'q6_k' },
  { name: 'q5_k', format: 'q5_k' },
]

interface Matrix {
  readonly options: WeightOptions
  /** Without what a device adds. */
  readonly bytes: number
  readonly row: (n: number) => Float64Array
}

function joined(pieces: Iterable<Uint8Array>, bytes: number): Uint8Array {
  const data = new Uint8Array(bytes)
  let at = 0
  for (const piece of pieces) {
    data.set(piece, at)
    at += piece.length
  }
  return data
}

export function matrixOf({ format, group = 0 }: Kind, [n, k]: readonly [number, number]): Matrix {
  const shape = [n, k] as const
  if (format !== 'int4') {
    const { block, bytes: record } = formatTable[format]
    const rowBytes = (k / block) * record
    const data = joined(randomRecords(format, n * rowBytes), n * rowBytes)
    const row = (at: number) => decodeBlocks(format, data.subarray(at * rowBytes, (at + 1) * rowBytes))
    return { options: { format, shape, parts: { data } }, bytes: data.length, row }
  }
  const groups = k / group
  const zeroBytes = Math.ceil(groups / 2)
  const data = randomFillSync(new Uint8Array((n * k) / 2))
  const zeros = randomFillSync(new Uint8Array(n * zeroBytes))
  const scales = Uint16Array.from({ length: n * groups }, () => toBits('float16', 0.003 * (0.5 + Math.random())))
  const nibble = (from: Uint8Array, start: number, i: number) => (from[start + (i >> 1)]! >> (4 * (i % 2))) & 15
  const row = (at: number) =>
    Float64Array.from({ length: k }, (_, i) => {
      const g = Math.floor(i / group)
      const level = nibble(data, (at * k) / 2, i) - nibble(zeros, at * zeroBytes, g)
      return level * fromBits('float16', scales[at * groups + g]!)
    })
  const parts = { data, zeros, scales }
  return { options: { format, shape, parts, group }, bytes: data.length + zeros.length + 2 * scales.length, row }
}

/** The largest error over some rows of some columns, by the deviation of a sum of such products. */
async function errorOf(y: Tensor, x: Float32Array, matrix: Matrix): Promise<number> {
  const [n, k] = matrix.options.shape
  const found = await y.read()
  let worst = 0
  for (let i = 0; i < 5; i++) {
    const m = Math.floor(Math.random() * (x.length / k))
    const at = i === 0 ? n - 1 : Math.floor(Math.random() * n)
    const products = matrix.row(at).map((weight, j) => weight * x[m * k + j]!)
    const exact = products.reduce((sum, value) => sum + value, 0)
    const deviation = Math.sqrt(products.reduce((sum, value) => sum + value * value, 0))
    const error = Math.abs((found[m * n + at] as number) - exact) / deviation
    worst = error <= worst ? worst : error // a NaN is worse than all
  }
  return worst
}

/** Float32 inputs through float16 tensor cores give some 1e-3; int8 activations some 1e-2. */
const tolerance = 0.05

function checked(error: number): number {
  if (error < tolerance) return error
  throw new Error(`the error must be below ${tolerance}, but it is ${error}`)
}

/** Microseconds of a call; what would take longer, by the row count before it, is left out. */
const longest = 50_000

/** Every shape of `shapes` in one format, for all row counts: microseconds a call, and the bytes of the weight a second. */
export async function timeLinears(
  device: Device,
  kind: Kind,
  shapes: Readonly<Record<string, readonly [number, number]>>,
  rows: readonly number[],
  limits: Limits,
  results: Rows,
): Promise<void> {
  for (const [shape, size] of Object.entries(shapes)) {
    const matrix = matrixOf(kind, size)
    const [n, k] = size
    const weights: Weight[] = []
    const weightAt = (i: number, copies: number) => {
      while (weights.length < copies) weights.push(device.weight(matrix.options))
      return weights[i % copies]!
    }
    const pace: Record<string, number> = {} // microseconds a row
    for (const m of rows) {
      // products of many rows are bound by arithmetic
      const copies = m < 128 ? copiesOf(matrix.bytes, limits) : 2
      const calls = m < 128 ? Math.max(limits.calls, copies) : 2
      const data = Float32Array.from({ length: m * k }, () => 2 * Math.random() - 1)
      using x = device.tensor(data, [m, k])
      for (const activations of kind.format === 'float16' ? (['f32'] as const) : (['f32', 'int8'] as const)) {
        const what = { op: 'linear', format: kind.name, activations, shape, n, k, m }
        if (m * (pace[activations] ?? 0) > longest) {
          results.leaveOut(what)
          continue
        }
        const row = await results.add(what, async () => {
          using y = ops.linear({ x, w: weightAt(0, copies), activations })
          const error = checked(await errorOf(y, data, matrix))
          weightAt(0, copies)
          await device.sync()
          const call = (i: number) => ops.linear({ x, w: weightAt(i, copies), activations })
          const us = await timeCalls(device, calls, call, limits)
          return { us, GBps: matrix.bytes / us / 1e3, TFLOPs: (2 * m * n * k) / us / 1e6, error }
        })
        if (row) pace[activations] = row.us / m
      }
    }
    for (const weight of weights) weight.dispose()
  }
}
