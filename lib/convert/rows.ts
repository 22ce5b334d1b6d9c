import type { Device } from '../device.js'
import { FormatError } from '../errors.js'
import { openFile } from '../formats/file.js'
import { type Payload, payloadBytes, type WeightDescription, type WeightPart } from '../formats/source.js'
import { ops } from '../ops/index.js'
import { openWeight } from '../weight.js'
import { readRows } from '../weight-rows.js'
import { type Encoding, encode, rowBytes, storage } from './encode.js'

/** What a tensor of the output is made from: rows of a weight, and what its columns are multiplied by. */
export interface Matrix {
  readonly weight: WeightDescription
  readonly first: number
  readonly rows: number
  readonly columns: number
  /** [columns] */
  readonly multiplier: WeightDescription | null
}

export function matrixOf(weight: WeightDescription, multiplier: WeightDescription | null = null): Matrix {
  const rows = weight.shape.length === 2 ? weight.shape[0] : 1
  return { weight, first: 0, rows, columns: weight.shape.at(-1)!, multiplier }
}

/** Values per piece: 4 MiB as float32. */
const pieceValues = 2 ** 20

/** A matrix as float32, whole rows, a few MiB at a time; the device reads the next piece while one is worked on. */
export async function* floatRows(device: Device, matrix: Matrix): AsyncGenerator<Float32Array> {
  const { weight, first, rows, columns, multiplier } = matrix
  using table = await openWeight(device, weight)
  const scale = multiplier && (await readVector(device, multiplier))
  const step = Math.max(1, Math.floor(pieceValues / columns))
  const end = first + rows
  const read = async (from: number): Promise<Float32Array> => {
    const count = Math.min(step, end - from)
    const numbers = Int32Array.from({ length: count }, (_, i) => from + i)
    using ids = device.tensor(numbers, [count])
    using piece = ops.embedding({ table, ids })
    return piece.read()
  }
  let next = read(first)
  for (let at = first; at < end; at += step) {
    const values = await next
    if (at + step < end) {
      next = read(at + step)
      next.catch(() => {}) // whoever stops early never awaits it
    }
    if (scale) for (let i = 0; i < values.length; i++) values[i]! *= scale[i % columns]!
    yield values
  }
}

async function readVector(device: Device, description: WeightDescription): Promise<Float32Array> {
  using vector = readRows(device, description)
  return vector.read()
}

/** A matrix in an encoding: bytes as they are where they have it already, else by way of float32. */
export async function* encodedRows(
  device: Device,
  name: string,
  matrix: Matrix,
  encoding: Encoding,
): AsyncGenerator<Uint8Array> {
  const parts = matrix.multiplier ? null : slice(matrix)
  if (parts?.every(({ format }) => format === encoding)) {
    for (const { data } of parts) yield* readPayload(data)
    return
  }
  const { limit } = storage[encoding]
  for await (const values of floatRows(device, matrix)) {
    if (limit !== Infinity) checkValues(name, matrix, values, limit, encoding)
    yield encode(encoding, values)
  }
}

/** Throws where a value is no number or its magnitude reaches `limit`. */
export function checkValues(
  name: string,
  { weight }: Matrix,
  values: Float32Array,
  limit: number,
  encoding: string,
): void {
  for (const value of values) {
    if (Math.abs(value) < limit) continue
    const requirement = limit === Infinity ? 'be finite' : `lie within ${limit}`
    const data = weight.parts[0]!.data
    const file = data instanceof Uint8Array ? name : data.file
    throw new FormatError(file, `values of ${name} must ${requirement} for ${encoding}, but one is ${value}`)
  }
}

/** The parts that hold the rows of a matrix, cut to them; null where one does not lie row after row. */
export function slice({ weight, first, rows }: Matrix): WeightPart[] | null {
  const found: WeightPart[] = []
  let start = 0
  for (const part of weight.parts) {
    if ((part.packing ?? 'rows') !== 'rows') return null
    const from = Math.max(first - start, 0)
    const count = Math.min(first + rows - start, part.rows) - from
    start += part.rows
    if (count <= 0) continue
    const cut = (payload: Payload) => cutRows(payload, part.rows, from, count)
    const data = cut(part.data)
    const { groups } = part
    const scales = groups && cut(groups.scales)
    const zeros = groups?.zeros && cut(groups.zeros)
    if (data === null || scales === null || zeros === null) return null
    found.push({
      ...part,
      rows: count,
      data,
      ...(groups && scales ? { groups: { ...groups, scales, ...(zeros ? { zeros } : {}) } } : {}),
    })
  }
  return found
}

/** `count` of the `rows` equal shares of a payload; null where rows do not begin at bytes. */
function cutRows(payload: Payload, rows: number, first: number, count: number): Payload | null {
  const bytes = payloadBytes(payload) / rows
  if (!Number.isInteger(bytes)) return null
  if (payload instanceof Uint8Array) return payload.subarray(first * bytes, (first + count) * bytes)
  return { file: payload.file, offset: payload.offset + first * bytes, bytes: count * bytes }
}

/** The bytes of a payload, a few MiB at a time. */
export async function* readPayload(payload: Payload): AsyncGenerator<Uint8Array> {
  if (payload instanceof Uint8Array) {
    yield payload
    return
  }
  const { file: path, offset, bytes } = payload
  const step = 4 * pieceValues
  await using file = await openFile(path)
  for (let at = 0; at < bytes; at += step) yield await file.read(offset + at, Math.min(step, bytes - at))
}

export function encodedBytes({ rows, columns }: Matrix, encoding: Encoding): number {
  return rows * rowBytes(encoding, columns)
}
