/** What a model file gives to `models/`, and how it says where that lies. Knows no tensor and maps nothing. */
import type { Blueprint } from '../architectures/blueprint.js'
import type { Companions } from './companions.js'
import type { FileRange, ModelConfig, ModelWeights, Payload, WeightDescription, WeightPart } from './description.js'
import type { WeightFormat } from './weight-formats.js'

export type * from './description.js'
export { type WeightFormat, type WeightPacking, weightFormats, weightPackings } from './weight-formats.js'

/** A tensor as its file has it; `shape` is row-major, the last axis is contiguous. */
export interface SourceTensor {
  readonly name: string
  readonly shape: readonly number[]
  /** The file's own word: 'BF16', 'Q4_0'. */
  readonly dtype: string
  /** null where the type is no format of a weight by itself. */
  readonly format: WeightFormat | null
  readonly data: Payload
}

/** A tensor of a file whose data all lie in files. */
export interface FileTensor extends SourceTensor {
  readonly data: FileRange
}

/** cos and sin of the angles of positions 0.. as a file stores them: [positions, R/2] each. */
export interface RotaryCache {
  readonly cos: WeightDescription
  readonly sin: WeightDescription
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

/** Texts of the Phi family's tokens that end a turn; files often name only one of them. */
export const turnEnds: readonly string[] = ['<|end|>', '<|endoftext|>', '<|im_end|>']

export type GgufValue =
  | number
  | bigint
  | boolean
  | string
  | readonly GgufValue[]
  | Float32Array
  | Int32Array
  | Uint8Array

/** A sliding window of so many keys, the own one included (null: all of them), and where it is written. */
export interface WindowRule {
  readonly size: number | null
  readonly origin: string
}

/** What the model was trained with, and what the graph of an ONNX package says (null: no graph). */
export interface WindowRules {
  readonly model: WindowRule
  readonly graph: WindowRule | null
}

export interface WeightSource {
  readonly format: 'gguf' | 'safetensors' | 'onnx'
  readonly path: string
  readonly blueprint: Blueprint
  readonly config: ModelConfig
  readonly weights: ModelWeights
  /** The rotary tables of an ONNX graph; null: computed from the config. `long` serves contexts beyond the original. */
  readonly rotary: { readonly short: RotaryCache; readonly long: RotaryCache | null } | null
  readonly window: WindowRules
  /** Whether the file lets activations be rounded to int8: quantised GGUF does, MatMulNBits with accuracy_level 4 does. */
  readonly allowsInt8: boolean
  /** As the file lists them, for inspect and convert. */
  readonly tensors: readonly SourceTensor[]
  /** GGUF's key-value pairs, safetensors' `__metadata__`, or ONNX's `metadata_props`. */
  readonly metadata: ReadonlyMap<string, GgufValue>
  /** What describes the model beside its weights. */
  readonly companions: Companions
  readonly tokenizer: TokenizerSource | null
  /** What the user should know of files that do not count, a sentence each. */
  readonly notes: readonly string[]
}

/** Whether some of the blocks' matrices are stored in at most 8 bits. */
export function isQuantized({ weights }: Pick<WeightSource, 'weights'>): boolean {
  const parts = weights.layers.flatMap((layer) => Object.values(layer).flatMap((weight) => weight?.parts ?? []))
  return parts.some(({ format }) => !isFloat(format))
}

/** Whether contexts of more than `originalMaxPositionEmbeddings` tokens rotate by other tables than shorter ones. */
export function hasLongRotary({ config, rotary }: Pick<WeightSource, 'config' | 'rotary'>): boolean {
  return rotary ? rotary.long !== null : config.ropeScaling !== null
}

export function isFloat(format: WeightFormat): format is 'float32' | 'float16' | 'bfloat16' {
  return format === 'float32' || format === 'float16' || format === 'bfloat16'
}

/** How many elements a tensor has. Beyond 2^53 the product is inexact, but still larger than any file. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1)
}

/** Type and shape as errors show them: `F16 [320, 128]`. */
export function shownTensor({ dtype, shape }: { readonly dtype: string; readonly shape: readonly number[] }): string {
  return `${dtype} [${shape.join(', ')}]`
}

export function payloadBytes(payload: Payload): number {
  return payload instanceof Uint8Array ? payload.length : payload.bytes
}

/** Bytes that a part takes, scales and zero points included. */
export function partBytes({ data, groups }: WeightPart): number {
  const payloads = [data, groups?.scales, groups?.zeros, groups?.gIdx]
  return payloads.reduce((sum, payload) => sum + (payload ? payloadBytes(payload) : 0), 0)
}
