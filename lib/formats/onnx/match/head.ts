import type { Dataflow } from '../dataflow.js'
import type { OnnxNode } from '../graph.js'
import { type Linear, linear } from './linear.js'
import type { Norm } from './residual.js'

/** What picks the last token before the head; it may be there or not. */
const selections = ['Gather', 'GatherND', 'Slice', 'Squeeze', 'Unsqueeze', 'Reshape']

/** The projection from the last norm to an output of the graph. */
export function head(flow: Dataflow, norm: Norm): Linear {
  const readers = flow.consumers(norm.output)
  const selected = new Set([norm.output])
  const projections: OnnxNode[] = []
  for (const value of selected) {
    for (const node of flow.consumers(value)) {
      if (node.inputs[0] !== value) continue
      if (selections.includes(node.opType)) selected.add(node.outputs[0])
      else projections.push(node)
    }
  }
  const [node] = projections
  if (projections.length !== 1) {
    const actual = readers.map(({ name, opType }) => `${name} (${opType})`).slice(0, 4)
    throw flow.unsupported(
      norm.node,
      `one head must read its output, but it is read by ${actual.join(', ') || 'nobody'}`,
    )
  }
  const logits = linear(flow, norm.node, 'the head after it', node.outputs[0])
  if (flow.isOutput(node.outputs[0])) return logits
  const next = flow.consumers(node.outputs[0]).map(({ name, opType }) => `${name} (${opType})`)
  throw flow.unsupported(node, `its output must be the logits, but goes to ${next.slice(0, 4).join(', ') || 'nobody'}`)
}
