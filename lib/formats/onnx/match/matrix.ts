/** Constant matrices: dense, or quantised by DequantizeLinear, as they are or transposed. */

import type { Payload, WeightGroups, WeightPart } from '../../source.js'
import { elements, shownTensor } from '../../source.js'
import type { Dataflow } from '../dataflow.js'
import type { OnnxNode, OnnxTensor } from '../graph.js'
import { floatFormat, integers } from './constants.js'

/** A weight matrix W [rows, columns], y = W x. */
export interface GraphMatrix {
  readonly rows: number
  readonly columns: number
  readonly part: WeightPart
}

/**
 * The matrix that `value` is: W itself [rows, columns], or where `transposed` Wᵀ [columns, rows], as MatMul reads it.
 * `reader` is the node that reads it.
 */
export function matrixOf(flow: Dataflow, reader: OnnxNode, value: string, transposed: boolean): GraphMatrix {
  let at = value
  let columnMajor = transposed
  for (let node = flow.producer(at); node?.opType === 'Transpose'; node = flow.producer(at)) {
    const perm = node.attributes.get('perm')?.value ?? [1, 0]
    if (String(perm) !== '1,0') throw flow.unsupported(node, `attribute perm must be [1, 0], but is [${perm}]`)
    columnMajor = !columnMajor
    at = node.inputs[0]
  }
  const node = flow.producer(at)
  if (node?.opType === 'DequantizeLinear') return dequantized(flow, node, columnMajor)

  const tensor = constantView(flow, at)
  const format = tensor && floatFormat(tensor)
  if (!tensor || !format) {
    const must = 'a constant matrix of float32, float16 or bfloat16, a Transpose or a DequantizeLinear of one'
    if (!tensor) throw flow.unexpected(reader, 'its weight', must, at)
    throw flow.unsupported(reader, `its weight must be ${must}, but is ${tensor.dtype}`)
  }
  const [rows, columns] = oriented(flow, reader, tensor.shape, columnMajor)
  return { rows, columns, part: { format, rows, data: tensor.data, ...(columnMajor && { packing: 'columns' }) } }
}

/** A constant, looked at through Reshape where there is one: its values do not move, so its shape is all that changes. */
export function constantView(flow: Dataflow, value: string): OnnxTensor | undefined {
  const node = flow.producer(value)
  if (node?.opType !== 'Reshape') return flow.constant(value)
  const tensor = flow.constant(node.inputs[0])
  const wanted = integers(flow, node.inputs[1] ?? '')
  if (!tensor || !wanted) return undefined
  const known = wanted.map((extent, i) => (extent === 0 ? tensor.shape[i] : extent))
  const rest = elements(tensor.shape) / elements(known.filter((extent) => extent !== -1))
  const shape = known.map((extent) => (extent === -1 ? rest : extent))
  if (elements(shape) === elements(tensor.shape) && shape.every(Number.isInteger)) return { ...tensor, shape }
  throw flow.malformed(node, `[${tensor.shape.join(', ')}] cannot take the shape [${wanted.join(', ')}]`)
}

function oriented(flow: Dataflow, node: OnnxNode, shape: readonly number[], columnMajor: boolean): [number, number] {
  const [first, second] = shape
  if (shape.length === 2 && first > 0 && second > 0) return columnMajor ? [second, first] : [first, second]
  throw flow.malformed(node, `its weight must be a matrix, but is [${shape.join(', ')}]`)
}

/** int4 and int8 of ONNX's own; unsigned ones have their zero at 0 unless another is given. */
const quantizedTypes = {
  int4: { format: 'int4', signed: true },
  uint4: { format: 'int4', signed: false },
  int8: { format: 'int8', signed: true },
  uint8: { format: 'int8', signed: false },
} as const

export function quantizedType({ dtype }: OnnxTensor) {
  return Object.hasOwn(quantizedTypes, dtype) ? quantizedTypes[dtype as keyof typeof quantizedTypes] : null
}

/** DequantizeLinear(q, scales, zeros?): groups of `block_size` along K, or one group per row. */
function dequantized(flow: Dataflow, node: OnnxNode, columnMajor: boolean): GraphMatrix {
  flow.onlyAttributes(node, { axis: null, block_size: null, output_dtype: null })
  const q = constantView(flow, node.inputs[0])
  const type = q && quantizedType(q)
  if (!q || !type) {
    const actual = q ? q.dtype : flow.describe(node.inputs[0])
    throw flow.unsupported(node, `its values must be a constant of int4, uint4, int8 or uint8, but are ${actual}`)
  }
  const [rows, columns] = oriented(flow, node, q.shape, columnMajor)
  const block = flow.integer(node, 'block_size', 0)
  const axis = axisOf(flow, node, 'axis', 1, 2)
  const alongColumns = axis === (columnMajor ? 0 : 1)
  if (alongColumns !== block > 0) {
    const actual = block > 0 ? 'blocks along the outputs' : 'one scale per input'
    throw flow.unsupported(node, `must have blocks along the inputs or one scale per output, but has ${actual}`)
  }
  const size = block > 0 ? block : columns
  const blocks = Math.ceil(columns / size)
  const wanted = block === 0 ? [rows] : columnMajor ? [blocks, rows] : [rows, blocks]
  const scales = constantView(flow, node.inputs[1])?.shape ?? []
  if (String(scales) !== String(wanted))
    throw flow.malformed(node, `its scales must be [${wanted.join(', ')}], but are [${scales.join(', ')}]`)
  if (type.format === 'int4' && !columnMajor && columns % size !== 0)
    throw flow.unsupported(node, `blocks of ${size} must divide rows of ${columns} 4-bit values`)
  const groups = groupsOf(flow, node, { rows, columns, size }, node.inputs[1], node.inputs[2] ?? '', q)
  const packing = columnMajor && ({ packing: 'columns' } as const)
  return { rows, columns, part: { format: type.format, rows, data: q.data, ...packing, groups } }
}

/** Scales and zero points of `q`, [rows, columns] in groups of `size`; zero points are 0 where absent. */
export function groupsOf(
  flow: Dataflow,
  node: OnnxNode,
  { rows, columns, size }: { rows: number; columns: number; size: number },
  scalesValue: string,
  zerosValue: string,
  q: OnnxTensor,
): WeightGroups {
  const type = quantizedType(q)!
  const scales = scalesOf(flow, node, scalesValue, size, columns, rows)
  const count = rows * Math.ceil(columns / size)
  const base = { ...scales, signed: type.signed }
  if (zerosValue === '') {
    const absent = new Uint8Array(type.format === 'int4' ? Math.ceil(count / 2) : count)
    return type.signed ? base : { ...base, zeros: absent, zeroType: 'packed' }
  }
  const zeros = constantView(flow, zerosValue)
  if (zeros?.dtype !== q.dtype || elements(zeros.shape) !== count) {
    const actual = zeros ? shownTensor(zeros) : flow.describe(zerosValue)
    throw flow.malformed(node, `its zero points must be ${count} constants of ${q.dtype}, but are ${actual}`)
  }
  return { ...base, zeros: zeros.data, zeroType: 'packed' }
}

/** One scale per group of `size` columns of every row. */
export function scalesOf(
  flow: Dataflow,
  node: OnnxNode,
  value: string,
  size: number,
  columns: number,
  rows: number,
): Pick<WeightGroups, 'size' | 'scales' | 'scaleType'> {
  if (size !== columns && (size < 16 || size > 2 ** 20 || !Number.isInteger(Math.log2(size))))
    throw flow.unsupported(node, `block_size must be a power of two from 16 on, but is ${size}`)
  const count = rows * Math.ceil(columns / size)
  const tensor = constantView(flow, value)
  const scaleType = tensor && floatFormat(tensor)
  if (!tensor || !scaleType || elements(tensor.shape) !== count) {
    const actual = tensor ? shownTensor(tensor) : flow.describe(value)
    throw flow.malformed(node, `its scales must be ${count} constant floats, but are ${actual}`)
  }
  return { size, scales: tensor.data, scaleType }
}

export function axisOf(flow: Dataflow, node: OnnxNode, name: string, fallback: number, rank: number): number {
  const axis = flow.integer(node, name, fallback)
  if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis
  throw flow.malformed(node, `attribute ${name} must be an axis of ${rank}, but is ${axis}`)
}

/** Whether two matrices are made of the same tensors, as a tied head and embedding are. */
export function sameMatrix(a: WeightPart, b: WeightPart): boolean {
  const [x, y] = [a.groups, b.groups]
  return (
    a.format === b.format &&
    a.rows === b.rows &&
    samePayload(a.data, b.data) &&
    a.packing === b.packing &&
    x?.size === y?.size &&
    (x?.signed ?? false) === (y?.signed ?? false) &&
    samePayload(x?.scales, y?.scales) &&
    samePayload(x?.zeros, y?.zeros) &&
    samePayload(x?.gIdx, y?.gIdx)
  )
}

/** The same bytes of a file, or one array: two initializers may name one range. */
function samePayload(a: Payload | undefined, b: Payload | undefined): boolean {
  if (a === b) return true
  if (!a || !b || a instanceof Uint8Array || b instanceof Uint8Array) return false
  return a.file === b.file && a.offset === b.offset && a.bytes === b.bytes
}
