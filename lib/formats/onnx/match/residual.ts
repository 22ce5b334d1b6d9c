/** The residual stream: what is added to it, and what is normalised from it. */
import type { WeightDescription } from '../../source.js'
import type { Dataflow } from '../dataflow.js'
import type { OnnxNode } from '../graph.js'
import { vector } from './constants.js'

const normOps = ['SimplifiedLayerNormalization', 'RMSNormalization']
const skipNorm = 'SkipSimplifiedLayerNormalization'

/** A point of the stream: after the embedding or after an addition. */
export interface Point {
  /** The node whose output it is. */
  readonly node: OnnxNode
  /** '' where only the norm of it is made. */
  readonly value: string
}

export interface Norm {
  readonly node: OnnxNode
  readonly output: string
  readonly weight: WeightDescription
  readonly epsilon: number
}

export interface Addition extends Point {
  /** What is added to the stream. */
  readonly update: string
}

/** The next addition to the stream; null at its end. */
export function additionTo(flow: Dataflow, { node: from, value }: Point): Addition | null {
  const additions = flow.consumers(value).filter(({ opType }) => opType === 'Add' || opType === skipNorm)
  if (additions.length === 0) return null
  if (additions.length > 1) {
    const [a, b] = additions
    throw flow.unsupported(from, `one node must add to its output, but ${a.name} and ${b.name} do`)
  }
  const [node] = additions
  const [a, b] = node.inputs
  const update = a === value ? b : a
  if (update === value || (a !== value && b !== value))
    throw flow.unsupported(node, 'must add one value to the residual stream, but does not')
  return { node, update, value: (node.opType === 'Add' ? node.outputs[0] : node.outputs[3]) ?? '' }
}

/** The norm of the stream at a point: the addition's own, or that of the one node that normalises its output. */
export function normOf(flow: Dataflow, { node: from, value }: Point): Norm {
  if (from.opType === skipNorm) {
    flow.onlyAttributes(from, { epsilon: null })
    flow.noInputs(from, 3, 'a bias')
    return norm(flow, from, from.inputs[2], 1e-12)
  }
  const norms = flow.consumers(value).filter(({ opType }) => normOps.includes(opType))
  if (norms.length !== 1) {
    const readers = flow.consumers(value).map(({ name, opType }) => `${name} (${opType})`)
    const actual = `but it is read by ${readers.slice(0, 4).join(', ') || 'nobody'}`
    throw flow.unsupported(from, `one of ${normOps.join(', ')} must read its output, ${actual}`)
  }
  const [node] = norms
  flow.onlyAttributes(node, { epsilon: null, axis: null, stash_type: 1 })
  flow.noInputs(node, 2, 'a bias')
  const axis = flow.integer(node, 'axis', -1)
  if (axis !== -1 && axis !== 2) throw flow.unsupported(node, `attribute axis must be -1, but is ${axis}`)
  return norm(flow, node, node.inputs[1], 1e-5)
}

function norm(flow: Dataflow, node: OnnxNode, gamma: string, epsilon: number): Norm {
  return {
    node,
    output: node.outputs[0],
    weight: vector(flow, node, 'its weight', gamma ?? ''),
    epsilon: flow.number(node, 'epsilon', epsilon),
  }
}
