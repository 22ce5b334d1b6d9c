import type { Phi3Names } from '../formats/phi3.js'
import type { WeightSource } from '../formats/source.js'
import { type Matrix, matrixOf } from './rows.js'

export interface NamedMatrix {
  readonly name: string
  readonly matrix: Matrix
  readonly isVector: boolean
}

/** Every tensor of a checkpoint with fused projections; multipliers are folded into the matrices that they precede. */
export function modelMatrices({ weights }: WeightSource, names: Phi3Names): NamedMatrix[] {
  const list: [name: string, matrix: Matrix][] = [[names.embed, matrixOf(weights.embed)]]
  for (const [i, layer] of weights.layers.entries()) {
    const { inputNorm, qkv, o, postNorm, gateUp, down } = names.layer(i)
    list.push(
      [inputNorm, matrixOf(layer.inputNorm)],
      [qkv[0], matrixOf(layer.qkv)],
      [o, matrixOf(layer.o, layer.oMultiplier)],
      [postNorm, matrixOf(layer.postNorm)],
      [gateUp[0], matrixOf(layer.gateUp)],
      [down, matrixOf(layer.down, layer.downMultiplier)],
    )
  }
  list.push([names.norm, matrixOf(weights.norm)])
  if (weights.head !== weights.embed) list.push([names.head, matrixOf(weights.head)])
  return list.map(([name, matrix]) => ({ name, matrix, isVector: matrix.weight.shape.length === 1 }))
}
