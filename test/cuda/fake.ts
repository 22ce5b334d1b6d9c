import { readFileSync } from 'node:fs'
import type { Device } from '../../lib/index.js'

// The fake CUDA driver of test/simt, as its environment variables steer it.

export const isFake = (device: Device): boolean => device.info.name === 'SIMT emulator'

/** What the driver has seen; LOPHI_FAKE_CUDA_COUNTS must have named the file before it was opened. */
export function fakeCounts(file: string): Record<(typeof counters)[number], number> {
  const values = new BigUint64Array(new Uint8Array(readFileSync(file)).buffer)
  return Object.fromEntries(counters.map((name, i) => [name, Number(values[i])])) as ReturnType<typeof fakeCounts>
}
const counters = [
  'launches',
  'graphLaunches',
  'kernels',
  'bytesUp',
  'bytesDown',
  'deviceBytes',
  'calls',
  'earlyLaunches',
] as const

/** Sets variables for a moment, as native code sees them. */
export async function withEnvironment<T>(variables: Record<string, string>, fn: () => T | Promise<T>): Promise<T> {
  Object.assign(process.env, variables)
  try {
    return await fn()
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name]
  }
}
