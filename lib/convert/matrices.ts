import { inLayer, type Naming, partsOf } from '../architectures/blueprint.js'
import type { WeightSource } from '../formats/source.js'
import { type Matrix, matrixOf } from './rows.js'

export interface NamedMatrix {
  readonly name: string
  readonly matrix: Matrix
  readonly isVector: boolean
}

/** Every tensor of a checkpoint with fused projections; multipliers are folded into the matrices that they precede. */
export function modelMatrices({ blueprint, weights }: WeightSource, naming: Naming): NamedMatrix[] {
  return [...partsOf(blueprint, weights)].map(({ part, layer, weight, multiplier }) => ({
    name: inLayer(part.names[naming][0], layer ?? 0),
    matrix: matrixOf(weight, multiplier),
    isVector: weight.shape.length === 1,
  }))
}
