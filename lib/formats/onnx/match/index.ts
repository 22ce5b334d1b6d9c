/** Finds a dense Phi-3 in a graph, along its residual stream. Nothing is taken from a name. */

import type { Phi3Layer, Phi3Weights } from '../../../architectures/phi3.js'
import { UnsupportedModelError } from '../../../errors.js'
import type { ModelConfig, WeightDescription } from '../../source.js'
import { Dataflow } from '../dataflow.js'
import type { OnnxModel } from '../graph.js'
import { type Attention, attentionAt, attentions } from './attention.js'
import { embedding } from './embedding.js'
import { head } from './head.js'
import { type Linear, linear, product, stack, whole } from './linear.js'
import { allowsInt8 } from './matmul-nbits.js'
import { sameMatrix } from './matrix.js'
import { mlp } from './mlp.js'
import { type Addition, additionTo, type Norm, normOf, type Point } from './residual.js'
import { type Rotary, rotary } from './rotary.js'

/** What a graph says about the model. */
export type GraphFacts = Pick<
  ModelConfig,
  | 'hiddenSize'
  | 'intermediateSize'
  | 'numHiddenLayers'
  | 'numAttentionHeads'
  | 'numKeyValueHeads'
  | 'headDim'
  | 'rotaryDim'
  | 'vocabSize'
  | 'rmsNormEps'
  | 'tieWordEmbeddings'
>

export interface Match {
  readonly facts: GraphFacts
  readonly weights: Phi3Weights
  readonly rotary: Rotary
  /** Keys that a query sees, the own one included; null: all of them. */
  readonly window: number | null
  /** Where that is written, or that it is not. */
  readonly windowOrigin: string
  readonly allowsInt8: boolean
}

export function matchPhi3({ path, graph }: Pick<OnnxModel, 'path' | 'graph'>): Match {
  const flow = new Dataflow({ path, graph })
  const table = embedding(flow)
  const hiddenSize = table.columns
  const found = attentions(flow)
  const [first] = found
  if (!first) throw new UnsupportedModelError(`${path}: the graph must have an attention node, but has none`)

  const layers: Layer[] = []
  const norms: Norm[] = []
  const nodes = new Map(found.map((attention) => [attention.node, attention]))
  let point: Point = { node: table.node, value: table.output }
  for (;;) {
    const afterAttention = additionTo(flow, point)
    if (!afterAttention) break
    const afterMlp = additionTo(flow, afterAttention)
    if (!afterMlp) {
      throw flow.unsupported(afterAttention.node, 'an MLP must add to its output, but nothing does')
    }
    const inputNorm = normOf(flow, point)
    const postNorm = normOf(flow, afterAttention)
    layers.push(layerOf(flow, nodes, { inputNorm, postNorm, afterAttention, afterMlp }, hiddenSize))
    norms.push(inputNorm, postNorm)
    point = afterMlp
  }
  const norm = normOf(flow, point)
  const [lost] = nodes.keys()
  if (lost) throw flow.unsupported(lost, 'must add to the residual stream that begins at the embedding, but does not')
  const logits = head(flow, norm)
  const { rotaryDim, ...shape } = agreed(flow, layers)
  const tables = rotary(flow, first.rotator, first.rotary)
  const half = tables.short.cos.shape.at(-1)!
  const dims = rotaryDim || 2 * half
  if (dims !== 2 * half || dims > shape.headDim)
    throw flow.malformed(first.rotator, `cos and sin must have ${shape.headDim / 2} columns at most, but have ${half}`)

  const vector = ({ node, weight }: Norm): WeightDescription => {
    if (weight.shape[0] === hiddenSize) return weight
    throw flow.malformed(node, `its weight must have ${hiddenSize} values, but has ${weight.shape[0]}`)
  }
  const embed: WeightDescription = { shape: [table.rows, hiddenSize], parts: [table.part] }
  const tied = sameMatrix(logits.part, table.part)
  const linears = layers.flatMap((layer) => layer.linears).filter(({ node }) => node.opType === 'MatMulNBits')
  return {
    facts: {
      hiddenSize,
      ...shape,
      rotaryDim: dims,
      numHiddenLayers: layers.length,
      vocabSize: table.rows,
      rmsNormEps: agreedEpsilon(flow, [...norms, norm]),
      tieWordEmbeddings: tied,
    },
    weights: {
      embed,
      layers: layers.map(({ weights: { inputNorm, postNorm, ...weights } }) => ({
        inputNorm: vector(inputNorm),
        postNorm: vector(postNorm),
        ...weights,
      })),
      norm: vector(norm),
      head: tied ? embed : whole(flow, logits, table.rows, hiddenSize),
    },
    rotary: tables,
    window: first.window,
    windowOrigin: `${first.node.opType} ${first.node.attributes.has('local_window_size') ? '' : 'without '}local_window_size`,
    allowsInt8: linears.length > 0 && linears.every(({ node }) => allowsInt8(flow, node)),
  }
}

interface Layer {
  readonly attention: Attention
  readonly intermediateSize: number
  readonly linears: readonly Linear[]
  readonly weights: Omit<Phi3Layer, 'inputNorm' | 'postNorm'> & { readonly inputNorm: Norm; readonly postNorm: Norm }
}

interface Additions {
  readonly inputNorm: Norm
  readonly postNorm: Norm
  readonly afterAttention: Addition
  readonly afterMlp: Addition
}

/** Takes the layer's attention out of `nodes`. */
function layerOf(
  flow: Dataflow,
  nodes: Map<Attention['node'], Attention>,
  { inputNorm, postNorm, afterAttention, afterMlp }: Additions,
  width: number,
): Layer {
  const o = linear(flow, afterAttention.node, 'what it adds', afterAttention.update)
  const attended = product(flow, o.node, o.input)
  const attention = nodes.get(attentionAt(flow, attended.factors[0])!)
  if (!attention || attended.factors.length !== 1)
    throw flow.unexpected(o.node, 'its input', 'the output of attention, times a constant at most', o.input)
  nodes.delete(attention.node)
  for (const { of } of attention.shares) {
    if (of.input !== inputNorm.output)
      throw flow.unexpected(of.node, 'its input', `made by ${inputNorm.node.name}`, of.input)
    if (of.columns !== width) throw flow.malformed(of.node, `must have ${width} inputs, but has ${of.columns}`)
  }
  const queries = attention.heads * attention.headDim
  if (attended.multiplier && attended.multiplier.shape[0] !== queries) {
    const actual = `but has ${attended.multiplier.shape[0]}`
    throw flow.malformed(o.node, `what multiplies its input must have ${queries} values, ${actual}`)
  }
  const down = linear(flow, afterMlp.node, 'what it adds', afterMlp.update)
  const { gateUp, downMultiplier, down: downWeight, intermediateSize, linears } = mlp(flow, down, postNorm, width)
  return {
    attention,
    intermediateSize,
    linears: [...attention.shares.map(({ of }) => of), o, ...linears],
    weights: {
      inputNorm,
      qkv: stack(flow, attention.shares, 'queries, keys and values'),
      oMultiplier: attended.multiplier,
      o: whole(flow, o, width, queries),
      postNorm,
      gateUp,
      downMultiplier,
      down: downWeight,
    },
  }
}

/** What must be equal in all layers. */
function agreed(flow: Dataflow, layers: readonly Layer[]) {
  const [first] = layers
  const facts = ({ attention, intermediateSize }: Layer) => ({
    numAttentionHeads: attention.heads,
    numKeyValueHeads: attention.keyValueHeads,
    headDim: attention.headDim,
    rotaryDim: attention.rotaryDim,
    intermediateSize,
    window: attention.window,
    ...attention.rotary,
  })
  const { window: _, cos, sin, positions, ...shape } = facts(first)
  for (const layer of layers) {
    const own = Object.entries(facts(layer))
    for (const [key, value] of own) {
      const wanted = { ...shape, window: first.attention.window, cos, sin, positions }[key as keyof typeof shape]
      if (value !== wanted)
        throw flow.unsupported(layer.attention.node, `${key} must be ${wanted} as in other layers, but is ${value}`)
    }
  }
  return shape
}

function agreedEpsilon(flow: Dataflow, norms: readonly Norm[]): number {
  const { epsilon } = norms[0]
  const odd = norms.find((norm) => norm.epsilon !== epsilon)
  if (odd) throw flow.unsupported(odd.node, `epsilon must be ${epsilon} as in other norms, but is ${odd.epsilon}`)
  if (epsilon > 0 && epsilon < 1) return epsilon
  throw flow.malformed(norms[0].node, `epsilon must be between 0 and 1, but is ${epsilon}`)
}
