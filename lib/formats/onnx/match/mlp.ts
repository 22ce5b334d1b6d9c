import type { WeightDescription } from '../../source.js'
import type { Dataflow } from '../dataflow.js'
import { type Linear, product, type Share, share, stack, whole } from './linear.js'
import type { Norm } from './residual.js'

export interface Mlp {
  readonly gateUp: WeightDescription
  readonly downMultiplier: WeightDescription | null
  readonly down: WeightDescription
  readonly intermediateSize: number
  readonly linears: readonly Linear[]
}

/** down(silu(gate) * up), gate and up projections of the norm. */
export function mlp(flow: Dataflow, down: Linear, norm: Norm, width: number): Mlp {
  const { factors, multiplier } = product(flow, down.node, down.input)
  const { gate, up } = gated(flow, down, factors)
  const gateShare = share(flow, down.node, 'the gate', gate)
  const upShare = share(flow, down.node, 'what is gated', up)
  const gateUp = stack(flow, [gateShare, upShare], 'gate and up')
  const intermediateSize = gateShare.rows
  for (const { of, rows } of [gateShare, upShare]) {
    if (of.input !== norm.output) throw flow.unexpected(of.node, 'its input', `made by ${norm.node.name}`, of.input)
    if (rows !== intermediateSize || of.columns !== width) {
      const must = `[${intermediateSize}, ${width}]`
      throw flow.malformed(of.node, `must project to gate and up of ${must} each, but to [${rows}, ${of.columns}]`)
    }
  }
  if (multiplier && multiplier.shape[0] !== intermediateSize) {
    const must = `${intermediateSize} values`
    throw flow.malformed(down.node, `what multiplies its input must have ${must}, but has ${multiplier.shape[0]}`)
  }
  return {
    gateUp,
    downMultiplier: multiplier,
    down: whole(flow, down, width, intermediateSize),
    intermediateSize,
    linears: [...new Set([gateShare, upShare].map(({ of }: Share) => of)), down],
  }
}

/** Which factors are gate and up: gate * sigmoid(gate) * up in any order, or silu(gate) * up by one node. */
function gated(flow: Dataflow, down: Linear, factors: readonly string[]): { gate: string; up: string } {
  const activations = factors.filter((factor) => ['Sigmoid', 'QuickGelu', 'Swish'].includes(opOf(flow, factor)))
  if (activations.length === 1) {
    const node = flow.producer(activations[0])!
    const gate = node.inputs[0]
    const rest = factors.filter((factor) => factor !== activations[0])
    if (node.opType === 'Sigmoid') {
      if (!rest.includes(gate)) throw flow.unsupported(node, 'must multiply its own input, but does not')
      rest.splice(rest.indexOf(gate), 1)
    } else if (flow.number(node, 'alpha', node.opType === 'Swish' ? 1 : 1.702) !== 1)
      throw flow.unsupported(node, `attribute alpha must be 1, but is ${flow.number(node, 'alpha', 1.702)}`)
    if (rest.length === 1) return { gate, up: rest[0] }
  }
  const actual = factors.map((factor) => flow.describe(factor)).join(' times ')
  throw flow.unsupported(down.node, `its input must be silu(gate) * up, but is ${actual}`)
}

function opOf(flow: Dataflow, value: string): string {
  return flow.producer(value)?.opType ?? ''
}
