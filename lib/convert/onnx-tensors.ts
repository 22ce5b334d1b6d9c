import type { Device } from '../device.js'
import { type Payload, payloadBytes } from '../formats/source.js'
import { type Encoding, encode, storage } from './encode.js'
import { quantizeInt4 } from './int4.js'
import type { OnnxType } from './onnx-proto.js'
import type { OutputTensor } from './output.js'
import { checkValues, encodedBytes, encodedRows, floatRows, type Matrix, readPayload, slice } from './rows.js'

/** A tensor of model.onnx.data. */
export interface OnnxTensor extends OutputTensor {
  readonly type: OnnxType
}

export type FloatType = 'float32' | 'float16'

/** A matrix as it is, [N, K], or a vector [K]. */
export function plainTensor(device: Device, name: string, matrix: Matrix, type: FloatType): OnnxTensor {
  const { rows, columns, weight } = matrix
  return {
    name,
    type,
    shape: weight.shape.length === 1 ? [columns] : [rows, columns],
    bytes: encodedBytes(matrix, type),
    data: () => encodedRows(device, name, matrix, type),
  }
}

/** The operand B of MatMul: [K, N]. */
export function transposedTensor(device: Device, name: string, matrix: Matrix, type: FloatType): OnnxTensor {
  const { rows, columns } = matrix
  const bytes = encodedBytes(matrix, type)
  return { name, type, shape: [columns, rows], bytes, data: () => transposedRows(device, name, matrix, type) }
}

/** Values of a transposed matrix that are held at once: 256 MiB. What is larger is read several times. */
const bandValues = 2 ** 26

async function* transposedRows(
  device: Device,
  name: string,
  matrix: Matrix,
  type: Encoding,
): AsyncGenerator<Uint8Array> {
  const { rows, columns } = matrix
  const { limit } = storage[type]
  const width = Math.min(columns, Math.max(1, Math.floor(bandValues / rows)))
  const band = new Float32Array(width * rows)
  for (let first = 0; first < columns; first += width) {
    const count = Math.min(width, columns - first)
    let row = 0
    for await (const values of floatRows(device, matrix)) {
      if (limit !== Infinity) checkValues(name, matrix, values, limit, type)
      const height = values.length / columns
      transpose(values, columns, first, count, band, rows, row, height)
      row += height
    }
    // one piece per few rows of the result, so that encoding takes little memory
    const step = Math.max(1, Math.floor(2 ** 20 / rows))
    for (let k = 0; k < count; k += step) yield encode(type, band.subarray(k * rows, Math.min(k + step, count) * rows))
  }
}

const tile = 32

/** Columns first.. of `values` [height, columns] become the columns row.. of `out` [count, rows]. */
function transpose(
  values: Float32Array,
  columns: number,
  first: number,
  count: number,
  out: Float32Array,
  rows: number,
  row: number,
  height: number,
): void {
  for (let n0 = 0; n0 < height; n0 += tile) {
    const n1 = Math.min(n0 + tile, height)
    for (let k0 = 0; k0 < count; k0 += tile) {
      const k1 = Math.min(k0 + tile, count)
      for (let k = k0; k < k1; k++)
        for (let n = n0; n < n1; n++) out[k * rows + row + n] = values[n * columns + first + k]!
    }
  }
}

export interface Int4Options {
  readonly block: number
  readonly asymmetric: boolean
}

/** The operands of MatMulNBits: B [N, groups, block / 2], scales [N, groups] and, where asymmetric, zero points. */
export function int4Tensors(device: Device, name: string, matrix: Matrix, options: Int4Options): OnnxTensor[] {
  const { rows, columns } = matrix
  const { block, asymmetric } = options
  const groups = Math.ceil(columns / block)
  const copied = copyInt4(device, name, matrix, options)
  // scales and zero points come with the data, and are kept until these are written
  const scales: Uint8Array[] = []
  const zeros: Uint8Array[] = []
  async function* quantized(): AsyncGenerator<Uint8Array> {
    for await (const values of floatRows(device, matrix)) {
      checkValues(name, matrix, values, Infinity, 'int4')
      const piece = quantizeInt4(values, columns, block, asymmetric)
      scales.push(encode('float32', piece.scales))
      if (piece.zeros) zeros.push(piece.zeros)
      yield piece.data
    }
  }
  const data = copied ?? { data: quantized, scales: () => scales.splice(0), zeros: () => zeros.splice(0) }
  const tensors: OnnxTensor[] = [
    {
      name: `${name}_Q4`,
      type: 'uint8',
      shape: [rows, groups, block / 2],
      bytes: (rows * groups * block) / 2,
      data: data.data,
    },
    { name: `${name}_scales`, type: 'float32', shape: [rows, groups], bytes: 4 * rows * groups, data: data.scales },
  ]
  const pairs = Math.ceil(groups / 2)
  if (asymmetric)
    tensors.push({
      name: `${name}_zero_points`,
      type: 'uint8',
      shape: [rows, pairs],
      bytes: rows * pairs,
      data: data.zeros,
    })
  return tensors
}

type Int4Data = Record<'data' | 'scales' | 'zeros', OutputTensor['data']>

/** The operands as the source has them already, scales as float32; null where it has others. */
function copyInt4(device: Device, name: string, matrix: Matrix, { block, asymmetric }: Int4Options): Int4Data | null {
  const { rows, columns, multiplier } = matrix
  const groupsPerRow = Math.ceil(columns / block)
  const parts = multiplier ? null : slice(matrix)
  const found = parts?.flatMap(({ format, groups, data, rows }) =>
    format === 'int4' && groups ? [{ groups, data, rows }] : [],
  )
  if (!found || found.length !== parts?.length) return null
  for (const { groups, rows: partRows } of found) {
    const { size, signed, gIdx, zeros, zeroType = 'packed' } = groups
    const same = size === block && !signed && !gIdx && (zeros !== undefined) === asymmetric && zeroType === 'packed'
    // zero points of rows that end within a byte may lie without padding
    if (!same || (zeros && payloadBytes(zeros) !== partRows * Math.ceil(groupsPerRow / 2))) return null
  }
  const shape = [rows, groupsPerRow] as const
  const scales = {
    shape,
    parts: found.map(({ groups, rows }) => ({ format: groups.scaleType, rows, data: groups.scales })),
  }
  const scaleMatrix = { weight: scales, first: 0, rows, columns: groupsPerRow, multiplier: null }
  return {
    data: () => concatenated(found.map(({ data }) => data)),
    scales: () => encodedRows(device, name, scaleMatrix, 'float32'),
    zeros: () => concatenated(found.flatMap(({ groups }) => groups.zeros ?? [])),
  }
}

async function* concatenated(payloads: readonly Payload[]): AsyncGenerator<Uint8Array> {
  for (const payload of payloads) yield* readPayload(payload)
}
