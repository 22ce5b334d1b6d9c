import { ops } from '../ops/index.js'
import type { Tensor } from '../tensor.js'
import type { Weight } from '../weight.js'
import { type Activations, linear, scaled } from './linear.js'
import { type RotaryTables, rotate } from './rotary.js'

export interface AttentionWeights {
  /** Rows: Q | K | V. */
  readonly qkv: Weight
  /** [H·D] */
  readonly oMultiplier: Tensor<'float32'> | null
  readonly o: Weight
}

export interface AttentionShape {
  readonly heads: number
  /** Heads of keys and values. */
  readonly groups: number
  readonly headDim: number
  readonly activations: Activations
}

/** Pages of one layer: [pages, groups, tokens, headDim]. */
export interface LayerCache {
  readonly keys: Tensor<'float32'> | Tensor<'float16'>
  readonly values: Tensor<'float32'> | Tensor<'float16'>
}

/** Where T rows of B sequences stand, and what they see. */
export interface Pass {
  readonly cache: (layer: number) => LayerCache
  /** int32[B, M] */
  readonly pages: Tensor<'int32'>
  /** int32[B + 1]; absent: the rows are divided evenly. */
  readonly rows?: Tensor<'int32'> | undefined
  /** Of each row in its sequence: int32[T]. */
  readonly position: Tensor<'int32'>
  readonly rotary: RotaryTables
  /** The row of the rotary tables that each row is turned by: int32[T]. */
  readonly angles: Tensor<'int32'>
  /** Keys seen per query, the own one included; 0 = all. */
  readonly window: number
}

/** Self-attention of x [T, C] over a cache, which it appends to: o(attention(rotary(qkv(x))) · multiplier). */
export function attention(
  x: Tensor,
  weights: AttentionWeights,
  { heads, groups, headDim, activations }: AttentionShape,
  cache: LayerCache,
  { pages, rows, position, rotary, angles, window }: Pass,
): Tensor {
  const qkv = linear(x, weights.qkv, activations) as Tensor<'float32'>
  rotate(qkv, rotary, angles, headDim, heads + groups)
  const y = ops.attention({ ...cache, qkv, position, pages, rows, window })
  return linear(scaled(y as Tensor<'float32'>, weights.oMultiplier), weights.o, activations)
}
