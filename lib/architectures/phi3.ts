/** The dense Phi-3 family: mini, medium, 3.5-mini, Phi-4 and Phi-4-mini. */
import type { ModelConfig, ModelWeights, WeightDescription } from '../formats/description.js'
import { type Blueprint, decoderFields, type Size } from './blueprint.js'

const width: Size = ({ hiddenSize }) => hiddenSize
const inner: Size = ({ intermediateSize }) => intermediateSize
const queries: Size = ({ numAttentionHeads, headDim }) => numAttentionHeads * headDim
const keys: Size = ({ numKeyValueHeads, headDim }) => numKeyValueHeads * headDim
const vocabulary: Size = ({ vocabSize }) => vocabSize

export const phi3: Blueprint = {
  name: 'phi3',
  title: 'a dense Phi-3',
  called: {
    // Llama and Mistral of the same shape: how Phi-3 weights are sometimes published, with q, k, v and gate, up apart
    huggingface: ['Phi3ForCausalLM', 'LlamaForCausalLM', 'MistralForCausalLM'],
    gguf: ['phi3'],
    genai: ['phi3', 'llama', 'mistral'],
  },
  fields: decoderFields,
  epsilon: { huggingface: 'rms_norm_eps', gguf: 'attention.layer_norm_rms_epsilon' },
  required: { hidden_act: 'silu', attention_bias: false, mlp_bias: false, lm_head_bias: false },
  originalContext: { Phi3ForCausalLM: 4096 },
  earlyWindow,
  parts: {
    embed: {
      names: { huggingface: ['model.embed_tokens.weight'], gguf: ['token_embd.weight'] },
      rows: [vocabulary],
      columns: width,
      group: 'embedding',
    },
    norm: {
      names: { huggingface: ['model.norm.weight'], gguf: ['output_norm.weight'] },
      rows: [],
      columns: width,
      group: 'norm',
    },
    head: {
      names: { huggingface: ['lm_head.weight'], gguf: ['output.weight'] },
      rows: [vocabulary],
      columns: width,
      group: 'head',
      tiedTo: 'embed',
    },
  },
  layer: {
    inputNorm: {
      names: { huggingface: ['model.layers.*.input_layernorm.weight'], gguf: ['blk.*.attn_norm.weight'] },
      rows: [],
      columns: width,
      group: 'norm',
    },
    qkv: {
      names: {
        huggingface: [
          'model.layers.*.self_attn.qkv_proj.weight',
          'model.layers.*.self_attn.q_proj.weight',
          'model.layers.*.self_attn.k_proj.weight',
          'model.layers.*.self_attn.v_proj.weight',
        ],
        gguf: ['blk.*.attn_qkv.weight', 'blk.*.attn_q.weight', 'blk.*.attn_k.weight', 'blk.*.attn_v.weight'],
      },
      rows: [queries, keys, keys],
      columns: width,
      group: 'attention',
    },
    o: {
      names: { huggingface: ['model.layers.*.self_attn.o_proj.weight'], gguf: ['blk.*.attn_output.weight'] },
      rows: [width],
      columns: queries,
      group: 'attention',
      multiplier: 'oMultiplier',
    },
    postNorm: {
      names: { huggingface: ['model.layers.*.post_attention_layernorm.weight'], gguf: ['blk.*.ffn_norm.weight'] },
      rows: [],
      columns: width,
      group: 'norm',
    },
    gateUp: {
      names: {
        huggingface: [
          'model.layers.*.mlp.gate_up_proj.weight',
          'model.layers.*.mlp.gate_proj.weight',
          'model.layers.*.mlp.up_proj.weight',
        ],
        // GGUF fuses both under the name of up
        gguf: ['blk.*.ffn_up.weight', 'blk.*.ffn_gate.weight', 'blk.*.ffn_up.weight'],
      },
      rows: [inner, inner],
      columns: width,
      group: 'mlp',
    },
    down: {
      names: { huggingface: ['model.layers.*.mlp.down_proj.weight'], gguf: ['blk.*.ffn_down.weight'] },
      rows: [width],
      columns: inner,
      group: 'mlp',
      multiplier: 'downMultiplier',
    },
  },
  ignored: { huggingface: /\.rotary_emb\.inv_freq$/, gguf: /^rope_factors_(long|short)\.weight$/ },
  width: (config) =>
    2 * width(config) + Math.max(queries(config) + 2 * keys(config) + queries(config), 3 * inner(config)),
}

/** Files of 2024 lack the key; these are the windows of the models that existed then. Phi-4 and others have none. */
function earlyWindow({
  numHiddenLayers: layers,
  numKeyValueHeads,
  maxPositionEmbeddings: positions,
}: Omit<ModelConfig, 'slidingWindow'>): number | null {
  if ((layers === 32 || layers === 40) && positions === 4096) return 2047
  if (layers === 32 && numKeyValueHeads === 32 && positions === 131072) return 262144
  if (layers === 40 && positions === 131072) return 131072
  return null
}

/** Weights of one block. Fused rows: qkv = Q | K | V, gateUp = gate | up. */
export type Phi3Layer = {
  readonly inputNorm: WeightDescription
  readonly qkv: WeightDescription
  /** AWQ: what multiplies the input of `o` channel by channel; null: nothing. */
  readonly oMultiplier: WeightDescription | null
  readonly o: WeightDescription
  readonly postNorm: WeightDescription
  readonly gateUp: WeightDescription
  /** AWQ: what multiplies the input of `down` channel by channel; null: nothing. */
  readonly downMultiplier: WeightDescription | null
  readonly down: WeightDescription
}

export interface Phi3Weights extends ModelWeights {
  readonly layers: readonly Phi3Layer[]
  readonly norm: WeightDescription
}

/** The weights of a source that this blueprint has read. */
export function phi3Weights({ blueprint, weights }: { blueprint: Blueprint; weights: ModelWeights }): Phi3Weights {
  if (blueprint !== phi3) throw new TypeError(`${blueprint.name} is not phi3`)
  return weights as Phi3Weights
}
