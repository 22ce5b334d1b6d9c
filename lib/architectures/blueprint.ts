/**
 * An architecture as data: what files call its sizes and its weights, and what shapes these have. Formats, inspect and
 * convert read it; models/ has the code that computes it. Knows no tensor.
 */
import type { LayerWeights, ModelConfig, ModelWeights, WeightDescription } from '../formats/description.js'

/** Containers that name tensors: checkpoints of Hugging Face (safetensors), and GGUF. */
export type Naming = 'huggingface' | 'gguf'

/** Sizes that a config must give. */
export type SizeName =
  | 'hiddenSize'
  | 'intermediateSize'
  | 'numHiddenLayers'
  | 'numAttentionHeads'
  | 'numKeyValueHeads'
  | 'headDim'
  | 'vocabSize'
  | 'maxPositionEmbeddings'

export interface Field {
  /** Key of config.json. */
  readonly huggingface: string
  /** Key behind the architecture's name and a dot. */
  readonly gguf: string
  /** Key of genai_config.json: of `model`, or of `model.decoder` behind a dot. */
  readonly genai?: string
  /** What bounds it: a name of the limits of formats/fields.ts. */
  readonly limit: 'width' | 'layers' | 'heads' | 'headDim' | 'vocab' | 'positions'
}

export type Size = (config: ModelConfig) => number
/** The name of the whole tensor, then those of the pieces that may stand for it. `*` is the number of the layer. */
export type Names = readonly [whole: string, ...pieces: string[]]

/** A weight of the model: what one tensor holds, or several that are stacked. */
export interface Part {
  readonly names: Readonly<Record<Naming, Names>>
  /** Of each piece, as they are stacked; one alone: the weight has no pieces. A vector has none. */
  readonly rows: readonly Size[]
  readonly columns: Size
  /** What it belongs to, as inspect sums them up. */
  readonly group: 'embedding' | 'attention' | 'mlp' | 'norm' | 'head'
  /** The part that it may be one matrix with. */
  readonly tiedTo?: string
  /** The name of a vector [columns] that multiplies its input where a file has one; convert folds it in. */
  readonly multiplier?: string
}

export interface Blueprint {
  /** The name that models/ builds it by. */
  readonly name: string
  /** What errors call a model of it. */
  readonly title: string
  /** What names it: `architectures` of config.json, `general.architecture` of GGUF, `model.type` of genai_config.json. */
  readonly called: Readonly<Record<Naming | 'genai', readonly string[]>>
  readonly fields: Readonly<Record<SizeName, Field>>
  /** The epsilon of its norms. */
  readonly epsilon: Pick<Field, Naming>
  /** Sizes of its own: they become `config.own`. */
  readonly own?: Readonly<Record<string, Field>>
  /** Keys of config.json that must have this value or be absent; another one would be computed wrongly. */
  readonly required: Readonly<Record<string, string | boolean>>
  /** transformers' default of original_max_position_embeddings by the name of the architecture; default: the context. */
  readonly originalContext?: Readonly<Record<string, number>>
  /** The sliding window of a GGUF file that names none; null: sees everything. */
  readonly earlyWindow?: (config: Omit<ModelConfig, 'slidingWindow'>) => number | null
  readonly parts: Readonly<Record<string, Part>>
  /** Of each layer. */
  readonly layer: Readonly<Record<string, Part>>
  /** Tensors that carry no weights. */
  readonly ignored: Readonly<Record<Naming, RegExp>>
  /** Numbers per token at the widest moment of a layer. */
  readonly width: Size
}

/** Keys and tensors as most decoders have them. */
export const decoderFields: Blueprint['fields'] = {
  hiddenSize: { huggingface: 'hidden_size', gguf: 'embedding_length', genai: '.hidden_size', limit: 'width' },
  intermediateSize: { huggingface: 'intermediate_size', gguf: 'feed_forward_length', limit: 'width' },
  numHiddenLayers: {
    huggingface: 'num_hidden_layers',
    gguf: 'block_count',
    genai: '.num_hidden_layers',
    limit: 'layers',
  },
  numAttentionHeads: {
    huggingface: 'num_attention_heads',
    gguf: 'attention.head_count',
    genai: '.num_attention_heads',
    limit: 'heads',
  },
  numKeyValueHeads: {
    huggingface: 'num_key_value_heads',
    gguf: 'attention.head_count_kv',
    genai: '.num_key_value_heads',
    limit: 'heads',
  },
  headDim: { huggingface: 'head_dim', gguf: 'attention.key_length', genai: '.head_size', limit: 'headDim' },
  vocabSize: { huggingface: 'vocab_size', gguf: 'vocab_size', genai: 'vocab_size', limit: 'vocab' },
  maxPositionEmbeddings: {
    huggingface: 'max_position_embeddings',
    gguf: 'context_length',
    genai: 'context_length',
    limit: 'positions',
  },
}

/** The name of a tensor of one layer. */
export function inLayer(name: string, layer: number): string {
  return name.replace('*', String(layer))
}

export interface NamedPart {
  readonly part: Part
  /** Name in the blueprint. */
  readonly key: string
  /** null: of the whole model. */
  readonly layer: number | null
  readonly weight: WeightDescription
  readonly multiplier: WeightDescription | null
}

/** Every weight of a model in the order of its blueprint, the head last; a tied one once. */
export function* partsOf({ parts, layer }: Blueprint, weights: ModelWeights): Generator<NamedPart> {
  const entries = Object.entries(parts)
  const named = ([key, part]: [string, Part], of: ModelWeights | LayerWeights, index: number | null) => ({
    part,
    key,
    layer: index,
    weight: of[key] as WeightDescription,
    multiplier: part.multiplier ? ((of[part.multiplier] ?? null) as WeightDescription | null) : null,
  })
  const [first, ...rest] = entries
  if (first) yield named(first, weights, null)
  for (const [i, own] of weights.layers.entries()) for (const entry of Object.entries(layer)) yield named(entry, own, i)
  for (const entry of rest)
    if (!entry[1].tiedTo || weights[entry[0]] !== weights[entry[1].tiedTo]) yield named(entry, weights, null)
}
