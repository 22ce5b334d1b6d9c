import type { Dataflow } from '../dataflow.js'
import type { OnnxNode } from '../graph.js'
import { integers } from './constants.js'

// there are eight
const most = 16
const views = ['Reshape', 'Transpose', 'Unsqueeze', 'Expand', 'Concat']

/**
 * Keys or values as their projection makes them, before a graph appends them to the cache and repeats each head for
 * the queries that share it: Reshape, Transpose, Concat with the past, Unsqueeze, Expand, Reshape, Transpose, Reshape.
 */
export function repeatedHeads(flow: Dataflow, reader: OnnxNode, value: string): { value: string; repeated: boolean } {
  let at = value
  let repeated = false
  for (let step = 0; step < most; step++) {
    const node = flow.producer(at)
    if (!node || !views.includes(node.opType)) break
    if (node.opType === 'Unsqueeze') {
      // [batch, G, 1, length, D]: consecutive query heads share a head of keys
      const axes = node.attributes.get('axes')?.value ?? integers(flow, node.inputs[1] ?? '')
      if (String(axes) !== '2') throw flow.unsupported(node, `must repeat heads along axis 2, but along ${axes}`)
    }
    if (node.opType === 'Transpose') checkList(flow, node, 'perm', '0,2,1,3')
    if (node.opType === 'Expand') repeated = true
    at = node.opType === 'Concat' ? appended(flow, reader, node) : node.inputs[0]
  }
  return { value: at, repeated }
}

/** What a Concat appends to an input of the graph. */
function appended(flow: Dataflow, reader: OnnxNode, node: OnnxNode): string {
  const [past, present] = node.inputs
  if (flow.integer(node, 'axis') !== -2) checkList(flow, node, 'axis', '2')
  if (node.inputs.length === 2 && flow.isInput(past)) return present
  throw flow.unexpected(reader, 'its cache', 'a graph input with new keys or values appended', node.outputs[0])
}

function checkList(flow: Dataflow, node: OnnxNode, name: string, wanted: string): void {
  const actual = String(node.attributes.get(name)?.value)
  if (actual !== wanted) throw flow.unsupported(node, `attribute ${name} must be ${wanted}, but is ${actual}`)
}
