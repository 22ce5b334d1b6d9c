import type { Device } from '../device.js'
import type { Pass } from '../nn/attention.js'
import type { Activations } from '../nn/linear.js'
import type { JoinedRotaryTables } from '../nn/rotary.js'
import type { Tensor } from '../tensor.js'
import type { LoaderOptions } from './loader.js'

/** A model as decoding sees it: ids -> rows of hidden state -> logits. Immutable; sequences bring their caches. */
export interface Network {
  readonly device: Device
  readonly vocabSize: number
  readonly hiddenSize: number
  /** What a cache of it holds. */
  readonly kv: { readonly layers: number; readonly groups: number; readonly headDim: number }
  /** Longer sequences turn by the long factors of LongRoPE; infinite where there are none. */
  readonly shortContext: number
  readonly disposed: boolean
  dispose(): void
  /** Throws ERR_FILE where files that the weights are still read from have changed since they were loaded. */
  checkFiles(): void
  /** ids int32[T] -> float32 [T, C] */
  embed(ids: Tensor<'int32'>): Tensor<'float32'>
  /**
   * Hidden states of T rows [T, C] after the final norm; appends to the cache. Made for a scope: intermediates are the
   * caller's to dispose.
   */
  forward(x: Tensor<'float32'>, pass: Pass): Tensor<'float32'>
  /** Hidden states [T, C] -> float32 [T, V] */
  logits(hidden: Tensor<'float32'>): Tensor<'float32'>
  /**
   * Tables whose part for short or for long sequences has `positions` positions; fewer where the model has no more. They
   * live until others are asked for that these do not hold, or the network is disposed.
   */
  rotary(long: boolean, positions: number): JoinedRotaryTables
}

export interface NetworkOptions extends LoaderOptions {
  readonly activations: Activations
  /** Told how many are there, after each. */
  readonly onLayer?: (layers: number) => void
}
