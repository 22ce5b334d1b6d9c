/** Attention nodes: where their queries, keys and values come from, and what they are told about heads and window. */
import { limits } from '../../fields.js'
import type { Dataflow } from '../dataflow.js'
import type { OnnxNode } from '../graph.js'
import { linearOps, type Share, share } from './linear.js'
import { repeatedHeads } from './repeat-kv.js'
import type { RotaryInputs } from './rotary.js'

const attentionOps = ['GroupQueryAttention', 'MultiHeadAttention']
/** Known, and not computed by this package. */
const otherAttentionOps = ['Attention', 'SparseAttention', 'PagedAttention', 'DecoderMaskedMultiHeadAttention']

export interface Attention {
  readonly node: OnnxNode
  /** Q, K and V, or all of them in one. */
  readonly shares: readonly Share[]
  readonly heads: number
  readonly keyValueHeads: number
  readonly headDim: number
  readonly rotaryDim: number
  readonly rotary: RotaryInputs
  /** The node that rotates. */
  readonly rotator: OnnxNode
  /** Keys that a query sees, the own one included; null: all of them. */
  readonly window: number | null
}

/** All attention nodes; each is one layer. */
export function attentions(flow: Dataflow): Attention[] {
  const other = flow.nodes.find(({ opType }) => otherAttentionOps.includes(opType))
  if (other) throw flow.unsupported(other, `is not supported; ${attentionOps.join(' and ')} are`)
  const nodes = flow.nodes.filter(({ opType }) => attentionOps.includes(opType))
  if (nodes.length > limits.layers)
    throw flow.unsupported(
      nodes[0],
      `must be one of at most ${limits.layers} attention nodes, but is of ${nodes.length}`,
    )
  const masks = new Set<string>()
  return nodes.map((node) =>
    node.opType === 'GroupQueryAttention' ? groupQuery(flow, node) : multiHead(flow, node, masks),
  )
}

/** GroupQueryAttention(q or packed, k, v, past_k, past_v, seqlens_k, total_length, cos, sin, position_ids, ...). */
function groupQuery(flow: Dataflow, node: OnnxNode): Attention {
  flow.onlyAttributes(node, {
    num_heads: null,
    kv_num_heads: null,
    scale: null,
    local_window_size: null,
    do_rotary: null,
    rotary_interleaved: 0,
    softcap: 0,
    smooth_softmax: smoothSoftmax(flow, node),
    qk_output: 0,
    k_quant_type: 'NONE',
    v_quant_type: 'NONE',
    kv_cache_bit_width: 0,
    qk_norm_epsilon: null,
  })
  flow.noInputs(node, 10, 'an attention bias, head sink, cache scale or query norm')
  const heads = count(flow, node, 'num_heads')
  const keyValueHeads = count(flow, node, 'kv_num_heads')
  if (heads % keyValueHeads !== 0)
    throw flow.malformed(node, `kv_num_heads must divide the ${heads} heads, but is ${keyValueHeads}`)
  const [query, key, value] = node.inputs
  const inside = flow.integer(node, 'do_rotary', 0) === 1
  const packed = key === '' && value === ''
  if (packed && !inside) throw flow.unsupported(node, 'packed queries, keys and values must rotate inside of it')

  const [q, k] = inside
    ? [query, key].map((input) => ({ value: input, rotation: null }))
    : rotated(flow, node, query, key)
  const shares = packed
    ? [share(flow, node, 'its packed input', query)]
    : [
        share(flow, q.rotation?.node ?? node, 'its query', q.value),
        share(flow, k.rotation?.node ?? node, 'its key', k.value),
        share(flow, node, 'its value', value),
      ]
  const headDim = headDimOf(flow, node, shares, heads, keyValueHeads)
  const window = flow.integer(node, 'local_window_size', -1)
  const common = { node, shares, heads, keyValueHeads, headDim, window: window > 0 ? window : null }
  checkScale(flow, node, headDim)
  if (q.rotation && k.rotation)
    return { ...common, ...rotationOf(flow, q.rotation, k.rotation, heads, keyValueHeads, headDim) }

  const [cos, sin, positions = ''] = node.inputs.slice(7)
  if (!cos || !sin) throw flow.malformed(node, 'do_rotary needs caches of cos and sin, but they are absent')
  return { ...common, rotary: { cos, sin, positions }, rotator: node, rotaryDim: 0 }
}

/** 0, or -1 for what the op takes as its default; 1 is another softmax. */
function smoothSoftmax(flow: Dataflow, node: OnnxNode): number {
  return Math.min(flow.integer(node, 'smooth_softmax', -1), 0)
}

/**
 * MultiHeadAttention(q, k, v, bias, key_padding_mask, attention_bias, past_k, past_v) of early CPU graphs. Its mask is
 * a subgraph of the graph's inputs alone, and is the causal one.
 */
function multiHead(flow: Dataflow, node: OnnxNode, masks: Set<string>): Attention {
  flow.onlyAttributes(node, { num_heads: null, scale: null, unidirectional: null, mask_filter_value: null })
  const [query, key, value, bias = '', paddingMask = '', mask = ''] = node.inputs
  if (bias !== '') throw flow.unsupported(node, 'input 3 (a bias) is not supported')
  if (paddingMask !== '') throw flow.unsupported(node, 'input 4 (a key padding mask) is not supported')
  flow.noInputs(node, 8, 'past lengths or an indirection of the cache')
  if (mask === '' && flow.integer(node, 'unidirectional', 0) !== 1)
    throw flow.unsupported(node, 'must have a causal mask or be unidirectional, but is neither')
  if (mask !== '') causalMask(flow, node, mask, masks)

  const heads = count(flow, node, 'num_heads')
  const repeated = [key, value].map((input) => repeatedHeads(flow, node, input))
  const [q, k] = rotated(flow, node, query, repeated[0].value)
  const shares = [
    share(flow, q.rotation.node, 'its input', q.value),
    share(flow, k.rotation.node, 'its input', k.value),
    share(flow, node, 'its value', repeated[1].value),
  ]
  const headDim = shares[0].rows / heads
  const keyValueHeads = shares[1].rows / headDim
  const isRepeated = repeated.every(({ repeated }) => repeated)
  if (!Number.isInteger(keyValueHeads) || heads % keyValueHeads !== 0 || (keyValueHeads !== heads && !isRepeated)) {
    const must = `${heads} heads as its queries, or repeat fewer`
    throw flow.malformed(node, `its keys must have ${must}, but have ${keyValueHeads}`)
  }
  headDimOf(flow, node, shares, heads, keyValueHeads)
  checkScale(flow, node, headDim)
  const rotation = rotationOf(flow, q.rotation, k.rotation, heads, keyValueHeads, headDim)
  return { node, shares, heads, keyValueHeads, headDim, window: null, ...rotation }
}

/** Refuses masks that depend on more than the graph's inputs and small constants. `seen` are values known to be fine. */
function causalMask(flow: Dataflow, node: OnnxNode, mask: string, seen: Set<string>): void {
  const open = seen.has(mask) ? [] : [mask]
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    seen.add(value)
    const maker = flow.producer(value)
    if (maker && [...attentionOps, ...linearOps].includes(maker.opType))
      throw flow.unsupported(node, `its mask must be made of the graph's inputs, but depends on ${maker.name}`)
    for (const input of maker?.inputs ?? []) if (!seen.has(input)) open.push(input)
  }
}

interface Rotation {
  readonly node: OnnxNode
  readonly inputs: RotaryInputs
  readonly dim: number
  readonly heads: number
}

/** Queries and keys that a RotaryEmbedding each has rotated. */
function rotated(flow: Dataflow, node: OnnxNode, query: string, key: string) {
  const [q, k] = [query, key].map((value, i) => {
    const rotator = flow.producer(value)
    if (rotator?.opType === 'RotaryEmbedding') return { value: rotator.inputs[0], rotation: rotationAt(flow, rotator) }
    throw flow.unexpected(node, i === 0 ? 'its query' : 'its key', 'made by RotaryEmbedding', value)
  })
  return [q, k]
}

/** com.microsoft's RotaryEmbedding(x, position_ids, cos, sin), or ONNX's (x, cos, sin, position_ids). */
function rotationAt(flow: Dataflow, node: OnnxNode): Rotation {
  flow.onlyAttributes(node, {
    interleaved: 0,
    num_heads: null,
    rotary_embedding_dim: null,
    is_packed_batching: 0,
    scale: 1,
  })
  const [, a = '', b = '', c = ''] = node.inputs
  const [cos, sin, positions] = node.domain === 'com.microsoft' ? [b, c, a] : [a, b, c]
  if (cos === '' || sin === '' || positions === '')
    throw flow.unsupported(node, 'must have positions and caches of cos and sin, but lacks one')
  return {
    node,
    inputs: { cos, sin, positions },
    dim: flow.integer(node, 'rotary_embedding_dim', 0),
    heads: flow.integer(node, 'num_heads', 0),
  }
}

/** What the rotations of queries and keys agree on. */
function rotationOf(flow: Dataflow, q: Rotation, k: Rotation, heads: number, keyValueHeads: number, headDim: number) {
  for (const key of ['cos', 'sin', 'positions'] as const) {
    if (q.inputs[key] !== k.inputs[key])
      throw flow.unsupported(k.node, `must rotate by the same ${key} as ${q.node.name}, but does not`)
  }
  for (const [{ node, dim, heads: own }, wanted] of [
    [q, heads],
    [k, keyValueHeads],
  ] as const) {
    if ((own !== 0 || dim !== 0) && own !== wanted)
      throw flow.malformed(node, `attribute num_heads must be ${wanted}, but is ${own}`)
    if (dim !== q.dim || dim < 0 || dim > headDim || dim % 2 !== 0) {
      const must = `even, at most ${headDim} and ${q.dim} for queries and keys`
      throw flow.malformed(node, `attribute rotary_embedding_dim must be ${must}, but is ${dim}`)
    }
  }
  return { rotary: q.inputs, rotator: q.node, rotaryDim: q.dim === 0 ? headDim : q.dim }
}

function count(flow: Dataflow, node: OnnxNode, name: string): number {
  const value = flow.integer(node, name)
  if (value >= 1 && value <= limits.heads) return value
  throw flow.malformed(node, `attribute ${name} must be from 1 to ${limits.heads}, but is ${value}`)
}

function headDimOf(
  flow: Dataflow,
  node: OnnxNode,
  shares: readonly Share[],
  heads: number,
  keyValueHeads: number,
): number {
  const widths = shares.map(({ rows }) => rows)
  const headDim = widths.length === 1 ? widths[0] / (heads + 2 * keyValueHeads) : widths[0] / heads
  const keys = keyValueHeads * headDim
  const fits = widths.length === 1 || (widths[1] === keys && widths[2] === keys)
  if (Number.isInteger(headDim) && headDim <= limits.headDim && fits) return headDim
  const must = `${heads} heads of queries and ${keyValueHeads} of keys and values of one size`
  throw flow.malformed(node, `its inputs must be ${must}, but are ${widths.join(', ')} wide`)
}

/** Absent and 0 are 1/sqrt(D), and so must be what is given; f16 keeps 11 bits of it. */
function checkScale(flow: Dataflow, node: OnnxNode, headDim: number): void {
  const scale = flow.number(node, 'scale', 0)
  if (scale !== 0 && !(Math.abs(scale * Math.sqrt(headDim) - 1) < 1e-3))
    throw flow.unsupported(node, `attribute scale must be 1/sqrt(${headDim}), but is ${scale}`)
}

/** The attention node whose output `value` is. */
export function attentionAt(flow: Dataflow, value: string): OnnxNode | null {
  const node = flow.producer(value)
  return node && attentionOps.includes(node.opType) && node.outputs[0] === value ? node : null
}
