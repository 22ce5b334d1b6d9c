import type { Device } from '../device.js'
import { ops } from '../ops/index.js'

/** Far beyond every cache. */
const bytes = 256 * 2 ** 20

/**
 * What the device's memory gives, in GB/s: a tensor of 256 MiB is copied onto another, bytes read and written over the
 * best time of `runs`. Reading alone, as decoding mostly does, can be faster than that: a copy may read what it overwrites.
 */
export async function copyBandwidth(device: Device, runs = 5): Promise<number> {
  const shape = [bytes / 4]
  using from = ops.full({ device, shape, value: 1, dtype: 'float32' })
  using to = ops.full({ device, shape, value: 0, dtype: 'float32' })
  await device.sync()
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < runs; i++) {
    const start = performance.now()
    ops.copy({ x: from, out: to })
    await device.sync()
    best = Math.min(best, performance.now() - start)
  }
  return (2 * bytes) / best / 1e6
}
