import type { WeightDescription } from '../../source.js'
import type { Dataflow } from '../dataflow.js'
import type { OnnxNode } from '../graph.js'
import { vector } from './constants.js'

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
    if (node?.opType === 'Mul') open.push(...node.inputs)
    else if (flow.constant(at)) constants.push(at)
    else factors.push(at)
    if (factors.length + constants.length + open.length > most || constants.length > 1)
      throw flow.unsupported(reader, 'its input must be a product of at most three activations and one constant')
  }
  return { factors, multiplier: constants.length ? vector(flow, reader, 'its multiplier', constants[0]) : null }
}
