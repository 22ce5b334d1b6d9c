import { ops } from '../ops/index.js'
import type { Tensor } from '../tensor.js'
import type { Weight } from '../weight.js'

/** 'int8' lets 4- and 8-bit weights multiply rounded activations; 'f32' never does. */
export type Activations = 'f32' | 'int8'

/** x [T, K] times a multiplier per channel [K], where there is one. */
export function scaled(x: Tensor<'float32'>, multiplier: Tensor<'float32'> | null): Tensor<'float32'> {
  return multiplier ? ops.mul({ a: x, b: multiplier }) : x
}

/** x [T, K] · wᵀ, w [N, K] in any format -> [T, N] */
export function linear(x: Tensor, w: Weight, activations: Activations): Tensor {
  return ops.linear({ x: x as Tensor<'float32'>, w, activations })
}
