import { FormatError, UnsupportedModelError } from '../errors.js'
import type { Quantization } from './safetensors/quantization.js'
import { quantizedPart } from './safetensors/quantized-part.js'
import {
  isFloat,
  type LayerWeights,
  type ModelWeights,
  type Phi3Config,
  type SourceTensor,
  type WeightDescription,
  type WeightPart,
} from './source.js'

/** Names of one block's tensors. qkv and gateUp: the fused name first, then the parts that may stand instead. */
interface LayerNames {
  readonly inputNorm: string
  readonly qkv: readonly [fused: string, q: string, k: string, v: string]
  readonly o: string
  readonly postNorm: string
  readonly gateUp: readonly [fused: string, gate: string, up: string]
  readonly down: string
}
export interface Phi3Names {
  readonly embed: string
  readonly norm: string
  readonly head: string
  /** Tensors that carry no weights of the model. */
  readonly ignored: RegExp
  layer(index: number): LayerNames
}

/** What both file formats call the tensors. GGUF fuses gate and up under the name of up. */
export const phi3Names: Readonly<Record<'gguf' | 'safetensors', Phi3Names>> = {
  gguf: {
    embed: 'token_embd.weight',
    norm: 'output_norm.weight',
    head: 'output.weight',
    ignored: /^rope_factors_(long|short)\.weight$/,
    layer: (i) => ({
      inputNorm: `blk.${i}.attn_norm.weight`,
      qkv: [`blk.${i}.attn_qkv.weight`, `blk.${i}.attn_q.weight`, `blk.${i}.attn_k.weight`, `blk.${i}.attn_v.weight`],
      o: `blk.${i}.attn_output.weight`,
      postNorm: `blk.${i}.ffn_norm.weight`,
      gateUp: [`blk.${i}.ffn_up.weight`, `blk.${i}.ffn_gate.weight`, `blk.${i}.ffn_up.weight`],
      down: `blk.${i}.ffn_down.weight`,
    }),
  },
  safetensors: {
    embed: 'model.embed_tokens.weight',
    norm: 'model.norm.weight',
    head: 'lm_head.weight',
    ignored: /\.rotary_emb\.inv_freq$/,
    layer: (i) => ({
      inputNorm: `model.layers.${i}.input_layernorm.weight`,
      qkv: [
        `model.layers.${i}.self_attn.qkv_proj.weight`,
        `model.layers.${i}.self_attn.q_proj.weight`,
        `model.layers.${i}.self_attn.k_proj.weight`,
        `model.layers.${i}.self_attn.v_proj.weight`,
      ],
      o: `model.layers.${i}.self_attn.o_proj.weight`,
      postNorm: `model.layers.${i}.post_attention_layernorm.weight`,
      gateUp: [
        `model.layers.${i}.mlp.gate_up_proj.weight`,
        `model.layers.${i}.mlp.gate_proj.weight`,
        `model.layers.${i}.mlp.up_proj.weight`,
      ],
      down: `model.layers.${i}.mlp.down_proj.weight`,
    }),
  },
}

/**
 * Finds every weight of the model among a file's tensors; what is missing, odd or left over throws with its name. With
 * `quantization`, a linear layer may be .qweight, .qzeros, .scales (and .g_idx) instead of .weight.
 */
export function phi3Weights(
  config: Phi3Config,
  tensors: readonly SourceTensor[],
  kind: 'gguf' | 'safetensors',
  file: string,
  quantization: Quantization | null = null,
): ModelWeights {
  const names = phi3Names[kind]
  const left = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const { hiddenSize: width, intermediateSize, vocabSize, headDim } = config
  const queries = config.numAttentionHeads * headDim
  const keys = config.numKeyValueHeads * headDim

  const takeAny = (name: string): SourceTensor | undefined => {
    const tensor = left.get(name)
    left.delete(name)
    return tensor
  }
  const take = (name: string, ...shape: number[]): SourceTensor => {
    const tensor = takeAny(name)
    if (!tensor) throw new FormatError(file, `tensor ${name} [${shape.join(', ')}] must be there, but is missing`)
    if (tensor.shape.join() !== shape.join()) {
      throw new FormatError(file, `tensor ${name} must be [${shape.join(', ')}], but is [${tensor.shape.join(', ')}]`)
    }
    return tensor
  }
  const vector = (name: string): WeightDescription => {
    const { format, dtype, data } = take(name, width)
    if (format !== null && isFloat(format)) return { shape: [width], parts: [{ format, rows: 1, data }] }
    throw new UnsupportedModelError(`${file}: tensor ${name} must be F32, F16 or BF16, but is ${dtype}`)
  }
  const matrix = (columns: number, ...parts: (readonly [name: string, rows: number])[]): WeightDescription => {
    const rows = parts.reduce((sum, part) => sum + part[1], 0)
    return { shape: [rows, columns], parts: parts.map(([name, count]) => part(name, count, columns)) }
  }
  const part = (name: string, rows: number, columns: number): WeightPart => {
    const base = baseOf(name)
    if (quantization && left.has(`${base}.qweight`)) {
      return quantizedPart(quantization, file, base, rows, columns, takeAny)
    }
    if (left.has(`${base}.qweight`)) {
      throw new FormatError(file, `${base} is quantised, and config.json must have a quantization_config, but has none`)
    }
    const { format, dtype, data } = take(name, rows, columns)
    if (format === null) throw new UnsupportedModelError(`${file}: tensor ${name} is ${dtype}, which holds no weights`)
    return { format, rows, data }
  }
  const present = (name: string) => left.has(name) || left.has(`${baseOf(name)}.qweight`)

  const layer = (index: number): LayerWeights => {
    const { inputNorm, qkv, o, postNorm, gateUp, down } = names.layer(index)
    return {
      inputNorm: vector(inputNorm),
      qkv: present(qkv[1])
        ? matrix(width, [qkv[1], queries], [qkv[2], keys], [qkv[3], keys])
        : matrix(width, [qkv[0], queries + 2 * keys]),
      oMultiplier: null,
      o: matrix(queries, [o, width]),
      postNorm: vector(postNorm),
      gateUp: present(gateUp[1])
        ? matrix(width, [gateUp[1], intermediateSize], [gateUp[2], intermediateSize])
        : matrix(width, [gateUp[0], 2 * intermediateSize]),
      downMultiplier: null,
      down: matrix(intermediateSize, [down, width]),
    }
  }

  // where both are there both count, whatever the config says; of a tied pair writers keep either name
  const { tieWordEmbeddings: tied } = config
  const own = tied && !present(names.embed) && present(names.head) ? names.head : names.embed
  const embed = matrix(width, [own, vocabSize])
  const layers: LayerWeights[] = []
  for (let i = 0; i < config.numHiddenLayers; i++) layers.push(layer(i))
  const norm = vector(names.norm)
  const head = tied && !present(names.head) ? embed : matrix(width, [names.head, vocabSize])

  for (const name of left.keys()) {
    if (!names.ignored.test(name)) {
      throw new UnsupportedModelError(`${file}: tensor ${name} must be part of a dense Phi-3, but is not`)
    }
  }
  return { embed, layers, norm, head }
}

/** `x.weight` is one way to write the layer `x`. */
function baseOf(name: string): string {
  return name.replace(/\.weight$/, '')
}
