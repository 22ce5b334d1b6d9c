import type { ModelConfig } from '../formats/source.js'
import { ops } from '../ops/index.js'
import type { Tensor } from '../tensor.js'
import type { Weight } from '../weight.js'
import type { KvCache } from './kv-cache.js'
import { type Activations, linear, scaled } from './linear.js'
import { type RotaryTables, rotate } from './rotary.js'

export interface AttentionWeights {
  /** Rows: Q | K | V. */
  readonly qkv: Weight
  /** [H·D] */
  readonly oMultiplier: Tensor<'float32'> | null
  readonly o: Weight
}

export interface AttentionState {
  readonly cache: KvCache
  readonly rotary: RotaryTables
  /** Of each row: int32[T]. */
  readonly position: Tensor<'int32'>
  /** Keys seen per query, the own one included; 0 = all. */
  readonly window: number
}

/** Self-attention of x [T, C] over a cache, which it appends to: o(attention(rotary(qkv(x))) · multiplier). */
export function attention(
  x: Tensor,
  weights: AttentionWeights,
  layer: number,
  config: ModelConfig,
  state: AttentionState,
  activations: Activations,
): Tensor {
  const qkv = linear(x, weights.qkv, activations) as Tensor<'float32'>
  rotate(qkv, state.rotary, state.position, config.headDim, config.numAttentionHeads + config.numKeyValueHeads)
  const { cache, position, window } = state
  const y = ops.attention({ keys: cache.keys(layer), values: cache.values(layer), qkv, position, window })
  return linear(scaled(y as Tensor<'float32'>, weights.oMultiplier), weights.o, activations)
}
