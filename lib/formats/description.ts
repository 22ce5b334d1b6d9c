/** A model as data: a config, and weights as ranges of files. Its architecture and native code know this much of files. */
import type { WeightFormat, WeightPacking, ZeroType } from './weight-formats.js'

/** `bytes` bytes at `offset` of `file`; both are checked against the file when the source is opened. */
export interface FileRange {
  readonly file: string
  readonly offset: number
  readonly bytes: number
}

/** Bytes of a file, or the bytes themselves where a header holds them (ONNX keeps small tensors inside the graph). */
export type Payload = FileRange | Uint8Array

/** What int4 and int8 need beside their data: value = (q - zero) * scale. */
export interface WeightGroups {
  /** Consecutive columns that share a scale: a power of two from 16 on, or K. */
  readonly size: number
  readonly scales: Payload
  readonly scaleType: 'float32' | 'float16' | 'bfloat16'
  /** Absent: 8 or 128, or 0 where the values are signed. */
  readonly zeros?: Payload
  /** Default 'packed'. */
  readonly zeroType?: Exclude<ZeroType, 'none'>
  /** q and zeros are two's complement (ONNX INT4, INT8). */
  readonly signed?: boolean
  /** int32 [K]: the group of every column, where groups are not consecutive columns (GPTQ act-order). */
  readonly gIdx?: Payload
}

/** Rows of a weight that one tensor, or one set of tensors, holds. */
export interface WeightPart {
  readonly format: WeightFormat
  readonly rows: number
  readonly data: Payload
  /** Default 'rows'. */
  readonly packing?: WeightPacking
  /** With int4 and int8 only. */
  readonly groups?: WeightGroups
}

/** One matrix [rows, columns] (or vector [columns], one row) as the model wants it: parts stacked along the rows. */
export interface WeightDescription {
  readonly shape: readonly [rows: number, columns: number] | readonly [columns: number]
  readonly parts: readonly WeightPart[]
  /** Row i and row i + rows/2 are used together (gate and up): a device may lay them side by side. */
  readonly pairRows?: boolean
}

/** Weights of one block, by the names of the blueprint; null: one that may be absent. */
export type LayerWeights = Readonly<Record<string, WeightDescription | null>>

/** Weights of a model, by the names of its blueprint. */
export interface ModelWeights {
  readonly embed: WeightDescription
  /** The same as `embed` where the head is tied. */
  readonly head: WeightDescription
  readonly layers: readonly LayerWeights[]
  readonly [part: string]: WeightDescription | readonly LayerWeights[]
}

export interface LongRope {
  readonly type: 'longrope'
  /** R/2 divisors each; short up to the original context, long beyond it. */
  readonly shortFactor: readonly number[]
  readonly longFactor: readonly number[]
  /** cos and sin are multiplied by it, with the short and the long factors alike. */
  readonly attentionFactor: number
}

/** Sizes and settings of a decoder, in Hugging Face's words. */
export interface ModelConfig {
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
  /** Sizes that the architecture alone has. */
  readonly own?: Readonly<Record<string, number>>
}
