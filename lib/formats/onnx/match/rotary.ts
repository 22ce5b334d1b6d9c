/** cos and sin caches: constants, two of them behind an If, or both in one with an offset for long contexts. */
import type { RotaryCache } from '../../source.js'
import type { Dataflow } from '../dataflow.js'
import type { OnnxNode, OnnxTensor } from '../graph.js'
import { floatFormat, integer, slice } from './constants.js'

/** What a node rotates by; equal in all nodes of a graph. */
export interface RotaryInputs {
  readonly cos: string
  readonly sin: string
  /** '' where the node counts positions itself. */
  readonly positions: string
}

export interface Rotary {
  readonly short: RotaryCache
  readonly long: RotaryCache | null
  /** Contexts of more tokens use `long`. */
  readonly original: number | null
}

interface Tables {
  readonly cos: OnnxTensor
  readonly sin: OnnxTensor
}

/** `reader` is a node that rotates by `inputs`. */
export function rotary(flow: Dataflow, reader: OnnxNode, inputs: RotaryInputs): Rotary {
  const branches = [inputs.cos, inputs.sin].map((value) => flow.producer(value))
  const offset = offsetOf(flow, reader, inputs.positions)
  if (branches[0]?.opType === 'If' || branches[1]?.opType === 'If') {
    if (offset) throw flow.unsupported(reader, 'must choose its cache by an If or by an offset, but does by both')
    return chosen(flow, reader, inputs)
  }
  const [cos, sin] = [inputs.cos, inputs.sin].map((value) => {
    const tensor = flow.constant(value)
    if (!tensor) throw flow.unexpected(reader, 'its cache of cos and sin', 'a constant or made by an If', value)
    return tensor
  })
  const tables = { cos, sin }
  const rows = cos.shape[0]
  if (!offset) return { short: cache(flow, reader, tables, 0, rows), long: null, original: null }
  if (offset.rows < offset.original || offset.rows >= rows) {
    const must = `at least ${offset.original} and less than the ${rows} of the cache`
    throw flow.malformed(reader, `positions of long contexts must begin at a row of ${must}, but at ${offset.rows}`)
  }
  return {
    short: cache(flow, reader, tables, 0, offset.rows),
    long: cache(flow, reader, tables, offset.rows, rows),
    original: offset.original,
  }
}

/** Rows begin..end of both tables. */
function cache(flow: Dataflow, node: OnnxNode, { cos, sin }: Tables, begin: number, end: number): RotaryCache {
  const [all, half] = cos.shape
  if (cos.shape.length !== 2 || !(half > 0) || !(all > 1) || String(cos.shape) !== String(sin.shape)) {
    const actual = `[${cos.shape.join(', ')}] and [${sin.shape.join(', ')}]`
    throw flow.malformed(
      node,
      `caches of cos and sin must be matrices of one shape with 2 rows or more, but are ${actual}`,
    )
  }
  const part = (tensor: OnnxTensor) => {
    const format = floatFormat(tensor)
    if (!format) throw flow.unsupported(node, `caches of cos and sin must be floats, but are ${tensor.dtype}`)
    const rowBytes = half * (format === 'float32' ? 4 : 2)
    const rows = end - begin
    const data = slice(tensor.data, begin * rowBytes, rows * rowBytes)
    return { shape: [rows, half] as const, parts: [{ format, rows, data }] }
  }
  return { cos: part(cos), sin: part(sin) }
}

/** One If with both outputs or one for each; both branches hold constants. */
function chosen(flow: Dataflow, reader: OnnxNode, { cos, sin }: RotaryInputs): Rotary {
  const switches = [cos, sin].map((value) => {
    const node = flow.producer(value)
    if (node?.opType !== 'If') throw flow.unexpected(reader, 'its caches of cos and sin', 'both made by an If', value)
    const index = node.outputs.indexOf(value)
    return { node, yes: branch(flow, node, 'then_branch', index), no: branch(flow, node, 'else_branch', index) }
  })
  const [a, b] = switches.map(({ node }) => condition(flow, node))
  if (a.original !== b.original || a.longIsThen !== b.longIsThen)
    throw flow.unsupported(switches[1].node, `must switch at ${a.original} tokens as cos does, but at ${b.original}`)
  const tables = (long: boolean): Tables => {
    const name = long === a.longIsThen ? 'yes' : 'no'
    return { cos: switches[0][name], sin: switches[1][name] }
  }
  const of = (long: boolean) => cache(flow, switches[0].node, tables(long), 0, tables(long).cos.shape[0])
  const [short, long] = [of(false), of(true)]
  if (short.cos.shape[0] < a.original) {
    const actual = `but has ${short.cos.shape[0]}`
    throw flow.malformed(switches[0].node, `the short cache must have ${a.original} rows, ${actual}`)
  }
  if (short.cos.shape[1] !== long.cos.shape[1])
    throw flow.malformed(switches[0].node, 'caches of both branches must have as many columns, but do not')
  return { short, long, original: a.original }
}

function branch(flow: Dataflow, node: OnnxNode, name: string, index: number): OnnxTensor {
  const attribute = node.attributes.get(name)
  if (attribute?.type !== 'graph') throw flow.malformed(node, `attribute ${name} must be a graph, but is missing`)
  const { outputs, constants, nodes } = attribute.value
  let value = outputs[index]?.name ?? ''
  for (const inner of nodes) if (inner.opType === 'Identity' && inner.outputs[0] === value) value = inner.inputs[0]
  const tensor = constants.get(value) ?? flow.constant(flow.resolve(value))
  if (tensor) return tensor
  throw flow.unsupported(node, `output ${index} of ${name} must be a constant, but is not`)
}

interface Switch {
  /** The switch is on, when its condition is true, for more than so many tokens; or off, where `longIsThen` is false. */
  readonly original: number
  readonly longIsThen: boolean
}

function condition(flow: Dataflow, node: OnnxNode): Switch {
  const comparison = flow.producer(flow.above(node.inputs[0], 'Cast'))
  if (!comparison) throw flow.unexpected(node, 'its condition', 'a comparison', node.inputs[0])
  return comparisonOf(flow, comparison)
}

/** `value > T` and its kin, where value is the context's length or its last position. */
function comparisonOf(flow: Dataflow, node: OnnxNode): Switch {
  const swapped = { Greater: 'Less', GreaterOrEqual: 'LessOrEqual', Less: 'Greater', LessOrEqual: 'GreaterOrEqual' }
  if (!Object.hasOwn(swapped, node.opType)) {
    const must = `one of ${Object.keys(swapped).join(', ')}`
    throw flow.unsupported(node, `what chooses the long caches must be ${must}, but is ${node.opType}`)
  }
  const [a, b] = node.inputs
  const constantFirst = integer(flow, a) !== undefined
  const threshold = integer(flow, constantFirst ? a : b)
  const length = constantFirst ? b : a
  if (threshold === undefined) throw flow.unexpected(node, 'its threshold', 'an integer constant', b)
  const top = flow.producer(flow.above(length, 'Cast', 'Squeeze', 'Unsqueeze', 'Reshape'))
  const lastPosition = top?.opType === 'ReduceMax'
  const counts = lastPosition || top?.opType === 'ReduceSum' || isExtent(flow, top)
  if (!top || !counts || !flow.isInput(flow.above(top.inputs[0], 'Shape', 'Cast')))
    throw flow.unexpected(node, 'what it compares', "the context's length or last position", length)
  const op = constantFirst ? swapped[node.opType as keyof typeof swapped] : node.opType
  // length > T; length >= T is length > T - 1, and the last position is the length less one
  const original = threshold + (lastPosition ? 1 : 0) - (op === 'GreaterOrEqual' || op === 'Less' ? 1 : 0)
  if (original < 2 || original > 2 ** 30)
    throw flow.malformed(node, `long contexts must begin after 2 tokens or more, but begin after ${original}`)
  return { original, longIsThen: op.startsWith('Greater') }
}

/** Gather(Shape(x), constant). */
function isExtent(flow: Dataflow, node: OnnxNode | undefined): boolean {
  return node?.opType === 'Gather' && flow.producer(flow.above(node.inputs[0], 'Cast'))?.opType === 'Shape'
}

/** positions + rows · (the context is long), as DirectML's graphs have it; null for plain positions. */
function offsetOf(flow: Dataflow, reader: OnnxNode, positions: string): { rows: number; original: number } | null {
  if (positions === '' || flow.isInput(flow.above(positions, 'Cast'))) return null
  const must = 'an input of the graph, or one plus a constant for long contexts'
  const fail = () => flow.unexpected(reader, 'its positions', must, positions)
  const add = flow.producer(flow.above(positions, 'Cast'))
  if (add?.opType !== 'Add') throw fail()
  const offset = add.inputs.find((input) => !flow.isInput(flow.above(input, 'Cast')))
  const factor = flow.producer(flow.above(offset ?? '', 'Cast'))
  if (factor?.opType !== 'Mul' || !add.inputs.some((input) => flow.isInput(flow.above(input, 'Cast')))) throw fail()
  const rows = factor.inputs.map((input) => integer(flow, input)).find((value) => value !== undefined)
  const comparison = factor.inputs.map((input) => flow.producer(flow.above(input, 'Cast'))).find((node) => node)
  if (rows === undefined || !comparison) throw fail()
  const { original, longIsThen } = comparisonOf(flow, comparison)
  if (!longIsThen) throw flow.unsupported(comparison, 'must be true for long contexts, but is for short ones')
  return { rows, original }
}
