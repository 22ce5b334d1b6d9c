import { basename, dirname, join } from 'node:path'
import { phi3, phi3Weights } from '../architectures/phi3.js'
import type { Device } from '../device.js'
import { UnsupportedModelError } from '../errors.js'
import { hasLongRotary, type ModelConfig, type WeightSource } from '../formats/source.js'
import { encode } from './encode.js'
import { genaiConfig } from './genai-config.js'
import { configFiles, tokenizerFiles } from './huggingface.js'
import {
  externalTensor,
  type Graph,
  graphMessage,
  inlineTensor,
  modelMessage,
  type Node,
  type Value,
} from './onnx-proto.js'
import { type FloatType, int4Tensors, type OnnxTensor, plainTensor, transposedTensor } from './onnx-tensors.js'
import { jsonFile, layOut, type OutputFile, tensorFile } from './output.js'
import { rotaryProblem, rotaryValues } from './rotary.js'
import { type Matrix, matrixOf } from './rows.js'
import type { Target } from './types.js'

// A package as the model builder of ONNX Runtime GenAI lays it out, names included: model.onnx has the graph, and
// model.onnx.data the weights. Value names are those of their nodes with /output_0.

const contrib = 'com.microsoft'
const opsets = { '': 21, [contrib]: 1 }
/** int8 activations are allowed, as the builder's packages for CPU do. */
const accuracyLevel = 4
const alignment = 64
const maskSubgraph = '/model/attn_mask_reformat/attn_mask_subgraph'
const one = '/model/constants/INT64/1'

export async function onnxFiles(
  device: Device,
  source: WeightSource,
  path: string,
  target: Target,
): Promise<{ files: OutputFile[]; tensors: number }> {
  if (source.blueprint !== phi3)
    throw new UnsupportedModelError(`${source.path}: ${source.blueprint.title} cannot become ONNX by this version`)
  const builder = new PackageBuilder(device, source, target)
  const graph = await builder.build(`${basename(path)}.data`)
  const message = modelMessage(graph, opsets)
  const folder = dirname(path)
  // a config.json without the right base and factors would contradict the tables
  const config = (await rotaryProblem(device, source)) === null ? configFiles(folder, source, builder.type) : []
  const files = [
    tensorFile(`${path}.data`, new Uint8Array(), builder.tensors, alignment),
    { path, bytes: message.length, data: () => [message] },
    jsonFile(join(folder, 'genai_config.json'), genaiConfig(source.config, basename(path))),
    ...config,
    ...(await tokenizerFiles(folder, source)),
  ]
  return { files, tensors: builder.tensors.length }
}

/** Puts the graph together, node by node; its weights gather in `tensors`. */
class PackageBuilder {
  readonly tensors: OnnxTensor[] = []
  /** Of activations, caches and what is not quantised. */
  readonly type: FloatType
  readonly #device: Device
  readonly #source: WeightSource
  readonly #target: Target
  readonly #nodes: Node[] = []
  readonly #initializers: Uint8Array[] = []

  constructor(device: Device, source: WeightSource, target: Target) {
    this.#device = device
    this.#source = source
    this.#target = target
    this.type = target.type === 'f16' ? 'float16' : 'float32'
  }

  /** `data`: the name of the file with the weights. */
  async build(data: string): Promise<Graph> {
    const { config } = this.#source
    const weights = phi3Weights(this.#source)
    this.#constant(one, [], 1)
    this.#constant('/model/constants/INT64/[1]', [1], 1)
    this.#maskLengths()
    await this.#rotary()
    const embed = this.#plain('model.embed_tokens.weight', matrixOf(weights.embed))
    let residual = this.#node('Gather', '/model/embed_tokens/Gather', [embed, 'input_ids'])
    let skip: string | null = null
    const norm = (name: string, matrix: Matrix): string => {
      const weight = this.#plain(`${name.slice(1).replaceAll('/', '.')}.weight`, matrix)
      const normed: [string, string] = this.#norm(name, residual, skip, weight)
      residual = normed[1]
      return normed[0]
    }
    for (const [i, layer] of weights.layers.entries()) {
      const at = `/model/layers.${i}`
      const { intermediateSize } = config
      const x = norm(`${at}/input_layernorm`, matrixOf(layer.inputNorm))
      const qkv = this.#matmul(`${at}/attn/qkv_proj`, x, matrixOf(layer.qkv))
      const attended = this.#attention(i, qkv)
      skip = this.#matmul(`${at}/attn/o_proj`, attended, matrixOf(layer.o, layer.oMultiplier))
      const y = norm(`${at}/post_attention_layernorm`, matrixOf(layer.postNorm))
      const gateUp = { ...matrixOf(layer.gateUp), rows: intermediateSize }
      const gate = this.#matmul(`${at}/mlp/gate_proj`, y, gateUp)
      const up = this.#matmul(`${at}/mlp/up_proj`, y, { ...gateUp, first: intermediateSize })
      const sigmoid = this.#node('Sigmoid', `${at}/mlp/act_fn/Sigmoid`, [gate])
      const silu = this.#node('Mul', `${at}/mlp/act_fn/Mul`, [gate, sigmoid])
      const gated = this.#node('Mul', `${at}/mlp/Mul`, [silu, up])
      skip = this.#matmul(`${at}/mlp/down_proj`, gated, matrixOf(layer.down, layer.downMultiplier))
    }
    const last = norm(`/model/layers.${weights.layers.length}/final_norm_layernorm`, matrixOf(weights.norm))
    this.#matmul('/lm_head', last, matrixOf(weights.head), 'logits')
    const { inputs, outputs } = this.#values()
    const { offsets } = layOut(this.tensors, alignment)
    const external = this.tensors.map(({ name, type, shape, bytes }, i) =>
      externalTensor(name, type, shape, { location: data, offset: offsets[i]!, length: bytes }),
    )
    return {
      name: 'main_graph',
      nodes: this.#nodes,
      initializers: [...this.#initializers, ...external],
      inputs,
      outputs,
    }
  }

  /** Inputs and outputs: token ids and mask, and per layer the cache [batch, kv heads, length, head]. */
  #values(): { inputs: Value[]; outputs: Value[] } {
    const { numKeyValueHeads, headDim, numHiddenLayers, vocabSize } = this.#source.config
    const { type } = this
    const inputs: Value[] = [
      { name: 'input_ids', type: 'int64', shape: ['batch_size', 'sequence_length'] },
      { name: 'attention_mask', type: 'int64', shape: ['batch_size', 'total_sequence_length'] },
    ]
    const outputs: Value[] = [{ name: 'logits', type, shape: ['batch_size', 'sequence_length', vocabSize] }]
    for (let i = 0; i < numHiddenLayers; i++)
      for (const part of ['key', 'value']) {
        const shape = (length: string) => ['batch_size', numKeyValueHeads, length, headDim]
        inputs.push({ name: `past_key_values.${i}.${part}`, type, shape: shape('past_sequence_length') })
        outputs.push({ name: `present.${i}.${part}`, type, shape: shape('total_sequence_length') })
      }
    return { inputs, outputs }
  }

  /** A node with one output; gives that output's name. */
  #node(
    op: string,
    name: string,
    inputs: readonly string[],
    attributes: NonNullable<Node['attributes']> = {},
    { domain = '', output = `${name}/output_0` } = {},
  ): string {
    this.#nodes.push({ op, name, inputs, outputs: [output], domain, attributes })
    return output
  }

  #constant(name: string, shape: number[], value: number): void {
    const data = new Uint8Array(BigInt64Array.of(BigInt(value)).buffer)
    this.#initializers.push(inlineTensor(name, 'int64', shape, data))
  }

  #plain(name: string, matrix: Matrix): string {
    this.tensors.push(plainTensor(this.#device, name, matrix, this.type))
    return name
  }

  /** What GroupQueryAttention wants of the mask: the last position of each sequence, and the length of the longest. */
  #maskLengths(): void {
    const at = maskSubgraph
    const sum = this.#node('ReduceSum', `${at}/ReduceSum`, ['attention_mask', '/model/constants/INT64/[1]'], {
      keepdims: 0,
    })
    const positions = this.#node('Sub', `${at}/Sub`, [sum, '/model/constants/INT64/[1]'])
    this.#node('Cast', `${at}/Sub/Cast`, [positions], { to: 6 })
    const shape = this.#node('Shape', `${at}/Shape`, ['attention_mask'])
    const length = this.#node('Gather', `${at}/Gather`, [shape, one], { axis: 0 })
    this.#node('Cast', `${at}/Gather/Cast`, [length], { to: 6 })
  }

  /** cos_cache and sin_cache; with LongRoPE an If on the length chooses them. */
  async #rotary(): Promise<void> {
    const { config } = this.#source
    const { maxPositionEmbeddings: most, originalMaxPositionEmbeddings: original } = config
    const isLong = hasLongRotary(this.#source)
    const table = async (long: boolean, suffix: string) => {
      const { cos, sin, positions } = await rotaryValues(
        this.#device,
        this.#source,
        long,
        isLong && !long ? original : most,
      )
      const shape = [positions, config.rotaryDim / 2]
      return (
        [
          ['cos', cos],
          ['sin', sin],
        ] as const
      ).map(([name, values]) => ({
        name: `${name}_cache${suffix}`,
        shape,
        data: encode(this.type, values),
      }))
    }
    if (!isLong) {
      for (const { name, shape, data } of await table(false, ''))
        this.tensors.push({ name, type: this.type, shape, bytes: data.length, data: () => [data] })
      return
    }
    const branch = (name: string, tables: Awaited<ReturnType<typeof table>>): Uint8Array =>
      graphMessage({
        name,
        nodes: tables.map(({ name, shape, data }) => ({
          op: 'Constant',
          name: `/${name}/Constant`,
          inputs: [],
          outputs: [name],
          attributes: { value: { tensor: inlineTensor('', this.type, shape, data) } },
        })),
        initializers: [],
        inputs: [],
        outputs: tables.map(({ name, shape }) => ({ name, type: this.type, shape })),
      })
    const at = '/model/rope_caches_subgraph'
    const limit = `/model/constants/INT64/${original}`
    if (limit !== one) this.#constant(limit, [], original)
    const beyond = this.#node('Greater', `${at}/Greater`, [`${maskSubgraph}/Gather/output_0`, limit])
    const attributes = {
      then_branch: { graph: branch('large_rope_caches_graph', await table(true, '_large')) },
      else_branch: { graph: branch('small_rope_caches_graph', await table(false, '_small')) },
    }
    this.#nodes.push({ op: 'If', name: `${at}/If`, inputs: [beyond], outputs: ['cos_cache', 'sin_cache'], attributes })
  }

  /** The normed sum of residual and skip, and that sum; the first norm of the graph has nothing to add. */
  #norm(name: string, residual: string, skip: string | null, weight: string): [normed: string, sum: string] {
    const epsilon = { float: this.#source.config.rmsNormEps }
    const normed = `${name}/output_0`
    if (skip === null) {
      const attributes = { epsilon, axis: -1, stash_type: 1 }
      return [
        this.#node('SimplifiedLayerNormalization', `${name}/LayerNorm`, [residual, weight], attributes, {
          output: normed,
        }),
        residual,
      ]
    }
    const sum = `${name}/output_3`
    this.#nodes.push({
      op: 'SkipSimplifiedLayerNormalization',
      name: `${name}/SkipLayerNorm`,
      inputs: [residual, skip, weight],
      outputs: name.includes('final_norm') ? [normed] : [normed, '', '', sum],
      domain: contrib,
      attributes: { epsilon },
    })
    return [normed, sum]
  }

  #attention(layer: number, qkv: string): string {
    const { config, window } = this.#source
    const name = `/model/layers.${layer}/attn/GroupQueryAttention`
    const past = ['key', 'value'].map((part) => `past_key_values.${layer}.${part}`)
    const lengths = [`${maskSubgraph}/Sub/Cast/output_0`, `${maskSubgraph}/Gather/Cast/output_0`]
    this.#nodes.push({
      op: 'GroupQueryAttention',
      name,
      // keys and values are packed behind the queries
      inputs: [qkv, '', '', ...past, ...lengths, 'cos_cache', 'sin_cache'],
      outputs: [`${name}/output_0`, `present.${layer}.key`, `present.${layer}.value`],
      domain: contrib,
      attributes: attentionAttributes(config, (window.graph ?? window.model).size),
    })
    return `${name}/output_0`
  }

  #matmul(name: string, x: string, matrix: Matrix, output = `${name}/MatMul/output_0`): string {
    const weight = `${name.slice(1).replaceAll('/', '.')}.MatMul.weight`
    const { type, block, asymmetric } = this.#target
    if (type !== 'int4') {
      this.tensors.push(transposedTensor(this.#device, weight, matrix, this.type))
      return this.#node('MatMul', `${name}/MatMul`, [x, weight], {}, { output })
    }
    const tensors = int4Tensors(this.#device, weight, matrix, { block, asymmetric })
    for (const tensor of tensors) this.tensors.push(tensor)
    const { rows: N, columns: K } = matrix
    const attributes = { K, N, accuracy_level: accuracyLevel, bits: 4, block_size: block }
    const inputs = [x, ...tensors.map(({ name }) => name)]
    return this.#node('MatMulNBits', `${name}/MatMul_Q4`, inputs, attributes, { domain: contrib, output })
  }
}

function attentionAttributes(config: ModelConfig, window: number | null): NonNullable<Node['attributes']> {
  return {
    num_heads: config.numAttentionHeads,
    kv_num_heads: config.numKeyValueHeads,
    scale: { float: 1 / Math.sqrt(config.headDim) },
    local_window_size: window ?? -1,
    softcap: { float: 0 },
    do_rotary: 1,
    rotary_interleaved: 0,
  }
}
