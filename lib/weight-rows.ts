import type { Device } from './device.js'
import type { WeightDescription } from './formats/source.js'
import { native, type TensorHandle } from './native.js'
import { Tensor } from './tensor.js'

/** Rows of a weight [N, K] of any format as a float32 tensor [rows, K], on any device; a vector counts as one row. */
export async function openRows(
  device: Device,
  description: WeightDescription,
  { first = 0, rows = 1 } = {},
): Promise<Tensor<'float32'>> {
  return tensorOf(device, description, rows, await native.readRows(device.native, description, first, rows))
}

/** The same on the calling thread. */
export function readRows(
  device: Device,
  description: WeightDescription,
  { first = 0, rows = 1 } = {},
): Tensor<'float32'> {
  return tensorOf(device, description, rows, native.readRowsSync(device.native, description, first, rows))
}

function tensorOf(device: Device, { shape }: WeightDescription, rows: number, handle: TensorHandle): Tensor<'float32'> {
  return new Tensor(device, handle, 'float32', [rows, shape.at(-1)!])
}
