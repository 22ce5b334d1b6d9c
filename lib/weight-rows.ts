import type { Device } from './device.js'
import type { WeightDescription } from './formats/source.js'
import { ops } from './ops/index.js'
import type { Tensor } from './tensor.js'
import { openWeightSync } from './weight.js'

/** The first rows of a weight [N, K] of any format as a float32 tensor [rows, K]; a vector counts as one row. */
export function readRows(device: Device, description: WeightDescription, rows = 1): Tensor<'float32'> {
  using table = openWeightSync(device, description)
  using ids = device.tensor(
    Int32Array.from({ length: rows }, (_, row) => row),
    [rows],
  )
  return ops.embedding({ table, ids })
}
