import { ops } from '../ops/index.js'
import type { Tensor } from '../tensor.js'
import type { Weight } from '../weight.js'

/** 'int8' lets 4- and 8-bit weights multiply rounded activations; 'f32' never does. */
export type Activations = 'f32' | 'int8'

/** x [T, K] · wᵀ, w [N, K] in any format -> [T, N] */
export function linear(x: Tensor, w: Weight, activations: Activations): Tensor {
  return ops.linear({ x: x as Tensor<'float32'>, w, activations })
}
