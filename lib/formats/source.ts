/** What a model file gives to `models/`: a config, and weights as ranges of files. Knows no tensor and maps nothing. */

/** `bytes` bytes at `offset` of `file`; both are checked against the file when the source is opened. */
export interface FileRange {
  readonly file: string
  readonly offset: number
  readonly bytes: number
}

/** Storage formats of a weight matrix: how one row of K values lies in memory. */
export const weightFormats = ['float32', 'float16', 'bfloat16', 'q8_0', 'q4_0'] as const
export type WeightFormat = (typeof weightFormats)[number]

/** A tensor as its file has it; `shape` is row-major, the last axis is contiguous. */
export interface SourceTensor {
  readonly name: string
  readonly shape: readonly number[]
  /** The file's own word: 'BF16', 'Q4_0'. */
  readonly dtype: string
  /** null where this package cannot compute on the type. */
  readonly format: WeightFormat | null
  readonly data: FileRange
}

/** One matrix [rows, columns] (or vector [columns]) as the model wants it, from one or several tensors stacked along the rows. */
export interface WeightDescription {
  readonly format: WeightFormat
  readonly shape: readonly [rows: number, columns: number] | readonly [columns: number]
  /** Stacked in this order; each range holds whole rows. */
  readonly data: readonly FileRange[]
}

/** Weights of one transformer block. Fused rows: qkv = Q | K | V, gateUp = gate | up. */
export interface LayerWeights {
  readonly inputNorm: WeightDescription
  readonly qkv: WeightDescription
  readonly o: WeightDescription
  readonly postNorm: WeightDescription
  readonly gateUp: WeightDescription
  readonly down: WeightDescription
}

export interface ModelWeights {
  readonly embed: WeightDescription
  readonly layers: readonly LayerWeights[]
  readonly norm: WeightDescription
  /** Equal to `embed` where the head is tied. */
  readonly head: WeightDescription
}

export interface LongRope {
  readonly type: 'longrope'
  /** R/2 divisors each; short up to the original context, long beyond it. */
  readonly shortFactor: readonly number[]
  readonly longFactor: readonly number[]
  /** cos and sin are multiplied by it, with the short and the long factors alike. */
  readonly attentionFactor: number
}

/** The dense Phi-3 family, in Hugging Face's words. */
export interface Phi3Config {
  readonly architecture: string
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly numHiddenLayers: number
  readonly numAttentionHeads: number
  readonly numKeyValueHeads: number
  readonly headDim: number
  /** R: how many of a head's dimensions rotate. */
  readonly rotaryDim: number
  readonly vocabSize: number
  readonly rmsNormEps: number
  readonly ropeTheta: number
  readonly ropeScaling: LongRope | null
  readonly maxPositionEmbeddings: number
  readonly originalMaxPositionEmbeddings: number
  /** Key j is visible to query i when j > i - slidingWindow; null sees everything. */
  readonly slidingWindow: number | null
  readonly tieWordEmbeddings: boolean
  readonly bosTokenId: number | null
  readonly eosTokenIds: readonly number[]
  readonly padTokenId: number | null
}

/** Where a tokenizer comes from. */
export type TokenizerSource =
  | {
      readonly kind: 'huggingface'
      /** Parsed tokenizer.json. */
      readonly tokenizer: unknown
      /** Parsed tokenizer_config.json, or {}. */
      readonly config: Readonly<Record<string, unknown>>
      readonly chatTemplate: string | null
    }
  | { readonly kind: 'gguf'; readonly metadata: ReadonlyMap<string, GgufValue>; readonly chatTemplate: string | null }

export type GgufValue =
  | number
  | bigint
  | boolean
  | string
  | readonly GgufValue[]
  | Float32Array
  | Int32Array
  | Uint8Array

export interface WeightSource {
  readonly format: 'gguf' | 'safetensors'
  readonly path: string
  readonly config: Phi3Config
  readonly weights: ModelWeights
  /** As the file lists them, for inspect and convert. */
  readonly tensors: readonly SourceTensor[]
  /** GGUF's key-value pairs or safetensors' `__metadata__`. */
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tokenizer: TokenizerSource | null
}

/** Formats of at most 8 bits a value. */
const quantized: ReadonlySet<WeightFormat> = new Set<WeightFormat>(['q8_0', 'q4_0'])

/** Whether the blocks' matrices are stored in at most 8 bits. */
export function isQuantized(source: WeightSource): boolean {
  return source.weights.layers.some((layer) => quantized.has(layer.qkv.format))
}
