/** Projections: what multiplies an activation by a constant matrix, and the shares of its outputs that others read. */
import type { WeightDescription } from '../../source.js'
import type { Dataflow } from '../dataflow.js'
import type { OnnxNode } from '../graph.js'
import { integer, integers, vector } from './constants.js'
import { matMulNBits } from './matmul-nbits.js'
import { type GraphMatrix, matrixOf } from './matrix.js'

export interface Linear extends GraphMatrix {
  readonly node: OnnxNode
  /** The activation, [.., columns]. */
  readonly input: string
}

export const linearOps = ['MatMul', 'FusedMatMul', 'Gemm', 'MatMulNBits']

/** The projection that makes `value`, an operand of `reader`. */
export function linear(flow: Dataflow, reader: OnnxNode, operand: string, value: string): Linear {
  const node = flow.producer(value)
  if (node?.opType === 'Add' && node.inputs.some((input) => flow.constant(input)))
    throw flow.unsupported(node, `biases are not supported, but ${operand} of ${reader.opType} has one`)
  if (!node || !linearOps.includes(node.opType))
    throw flow.unexpected(reader, operand, `made by one of ${linearOps.join(', ')}`, value)
  const matrix = node.opType === 'MatMulNBits' ? matMulNBits(flow, node) : denseMatrix(flow, node)
  return { ...matrix, node, input: node.inputs[0] }
}

/** MatMul reads Wᵀ [K, N]; Gemm and FusedMatMul read W with transB. */
function denseMatrix(flow: Dataflow, node: OnnxNode): GraphMatrix {
  let transposed = true
  if (node.opType === 'Gemm') {
    flow.onlyAttributes(node, { alpha: 1, beta: null, transA: 0, transB: null })
    flow.noInputs(node, 2, 'a bias')
    transposed = flow.integer(node, 'transB', 0) === 0
  }
  if (node.opType === 'FusedMatMul') {
    flow.onlyAttributes(node, { alpha: 1, transA: 0, transBatchA: 0, transBatchB: 0, transB: null })
    transposed = flow.integer(node, 'transB', 0) === 0
  }
  return matrixOf(flow, node, node.inputs[1], transposed)
}

/** Outputs start.. of a projection, `rows` of them. */
export interface Share {
  readonly of: Linear
  readonly start: number
  readonly rows: number
}

/** The projection that makes `value`, or the share of one that Split or Slice takes. */
export function share(flow: Dataflow, reader: OnnxNode, operand: string, value: string): Share {
  const node = flow.producer(value)
  if (node?.opType !== 'Split' && node?.opType !== 'Slice') {
    const of = linear(flow, reader, operand, value)
    return { of, start: 0, rows: of.rows }
  }
  const of = linear(flow, node, 'its input', node.inputs[0])
  return { of, ...(node.opType === 'Split' ? splitRange(flow, node, value, of.rows) : sliceRange(flow, node, of.rows)) }
}

function splitRange(flow: Dataflow, node: OnnxNode, value: string, width: number) {
  const axis = flow.integer(node, 'axis', 0)
  if (axis !== -1 && axis !== 2) throw flow.unsupported(node, `must split the last axis, but splits ${axis}`)
  const count = node.outputs.length
  const listed = node.attributes.get('split')?.value ?? (node.inputs[1] ? integers(flow, node.inputs[1]) : undefined)
  if (listed === undefined && (node.inputs[1] || width % count !== 0))
    throw flow.unsupported(node, 'its sizes must be constants, but are not')
  const sizes = Array.isArray(listed) ? (listed as number[]) : new Array<number>(count).fill(width / count)
  const sum = sizes.reduce((total, size) => total + size, 0)
  if (sizes.length !== count || sum !== width || sizes.some((size) => size < 1))
    throw flow.malformed(node, `must split ${width} outputs in ${count}, but the sizes are [${sizes.join(', ')}]`)
  const index = node.outputs.indexOf(value)
  return { start: sizes.slice(0, index).reduce((total, size) => total + size, 0), rows: sizes[index] }
}

/** Slice(data, starts, ends, axes, steps) of the last axis. */
function sliceRange(flow: Dataflow, node: OnnxNode, width: number) {
  const [start, end, axis, step] = [1, 2, 3, 4].map((i) => integer(flow, node.inputs[i] ?? ''))
  if (start === undefined || end === undefined || (axis !== -1 && axis !== 2) || (step ?? 1) !== 1)
    throw flow.unsupported(node, 'must take consecutive constants of the last axis, but does not')
  const from = start < 0 ? start + width : start
  const to = Math.min(end < 0 ? end + width : end, width)
  if (from >= 0 && from < to) return { start: from, rows: to - from }
  throw flow.malformed(node, `must take a part of ${width} outputs, but takes ${start} to ${end}`)
}

/** Shares one upon the other. Those of one projection must be all of it, in its own order. */
export function stack(flow: Dataflow, shares: readonly Share[], order: string): WeightDescription {
  const linears: Linear[] = []
  let next = 0
  for (const { of, start, rows } of shares) {
    const whole = next === 0
    if (start !== next || (!whole && linears.at(-1)?.node !== of.node))
      throw flow.unsupported(of.node, `its outputs must be all of ${order} in this order, but are not`)
    if (whole) linears.push(of)
    next = start + rows === of.rows ? 0 : start + rows
  }
  const { node, columns } = shares[0].of
  if (next !== 0) throw flow.unsupported(node, `its outputs must all be read as ${order}, but ${next} are`)
  const odd = linears.find((other) => other.columns !== columns)
  if (odd) throw flow.malformed(odd.node, `must have ${columns} inputs, but has ${odd.columns}`)
  const rows = linears.reduce((sum, other) => sum + other.rows, 0)
  return { shape: [rows, columns], parts: linears.map(({ part }) => part) }
}

/** A whole projection of `columns` inputs to `rows` outputs. */
export function whole(flow: Dataflow, { node, part, ...actual }: Linear, rows: number, columns: number) {
  if (actual.rows === rows && actual.columns === columns) return { shape: [rows, columns], parts: [part] } as const
  throw flow.malformed(node, `must be [${rows}, ${columns}], but is [${actual.rows}, ${actual.columns}]`)
}

/** An elementwise product of activations, times a constant per channel where there is one. */
export interface Product {
  readonly factors: readonly string[]
  readonly multiplier: WeightDescription | null
}

// gate, its sigmoid, up and the multiplier
const most = 4

/** `value` taken apart at its Mul nodes. `reader` reads it. */
export function product(flow: Dataflow, reader: OnnxNode, value: string): Product {
  const factors: string[] = []
  const constants: string[] = []
  const open = [value]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const node = flow.producer(at)
    if (node?.opType === 'Mul' && node.inputs.length === 2) open.push(node.inputs[0], node.inputs[1])
    else if (flow.constant(at)) constants.push(at)
    else factors.push(at)
    if (factors.length + constants.length + open.length > most || constants.length > 1)
      throw flow.unsupported(reader, 'its input must be a product of at most three activations and one constant')
  }
  return { factors, multiplier: constants.length ? vector(flow, reader, 'its multiplier', constants[0]) : null }
}
