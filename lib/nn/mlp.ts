import { ops } from '../ops/index.js'
import type { Tensor } from '../tensor.js'
import type { Weight } from '../weight.js'
import { type Activations, linear } from './linear.js'

/** down(silu(gate(x)) · up(x)) for x [T, C]; gateUp [2I, C] holds the rows of gate, then of up. */
export function mlp(x: Tensor, gateUp: Weight, down: Weight, activations: Activations): Tensor {
  return linear(ops.siluMul({ x: linear(x, gateUp, activations) as Tensor<'float32'> }), down, activations)
}
