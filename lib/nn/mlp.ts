import { ops } from '../ops/index.js'
import type { Tensor } from '../tensor.js'
import type { Weight } from '../weight.js'
import { type Activations, linear, scaled } from './linear.js'

export interface MlpWeights {
  /** [2I, C]: the rows of gate, then of up. */
  readonly gateUp: Weight
  /** [I] */
  readonly downMultiplier: Tensor<'float32'> | null
  readonly down: Weight
}

/** down(silu(gate(x)) · up(x) · multiplier) for x [T, C] */
export function mlp(x: Tensor, { gateUp, downMultiplier, down }: MlpWeights, activations: Activations): Tensor {
  const y = ops.siluMul({ x: linear(x, gateUp, activations) as Tensor<'float32'> })
  return linear(scaled(y, downMultiplier), down, activations)
}
