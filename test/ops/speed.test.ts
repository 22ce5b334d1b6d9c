import { env } from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { weightFormats } from '../../lib/formats/source.js'
import { type Device, openDevice, ops, type Weight } from '../../lib/index.js'
import { random } from '../support/random.js'
import { weight } from './cases/build.js'

// No times, only how they compare in this very run: a loop that fell back to its slow form shows on any machine. The margins are
// wide, as others may be at work here; each side is the best of several tries that alternate.

const [rows, columns] = [256, 2048]
const tries = 8

async function timeOf(work: () => unknown): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** The best of each side. */
async function compare(a: () => unknown, b: () => unknown): Promise<[number, number]> {
  const times: [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let i = 0; i < tries; i++) {
    times[0] = Math.min(times[0], await timeOf(a))
    times[1] = Math.min(times[1], await timeOf(b))
  }
  return times
}

function plainProduct(x: Float32Array, w: Float32Array, y: Float32Array): void {
  const [m, k, n] = [x.length / columns, columns, rows]
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let c = 0; c < k; c++) sum += x[i * k + c] * w[j * k + c]
      y[i * n + j] = sum
    }
}

let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.dispose())

// sanitizers and the scalar loops are as slow as they are
const isFast = env.LOPHI_PREBUILD === undefined && env.LOPHI_CPU_ISA !== 'scalar'

describe.runIf(isFast)('on the CPU', () => {
  const inputs = (m: number) => {
    const { normal } = random(m)
    return Float32Array.from({ length: m * columns }, normal)
  }
  const made = new Map<string, Weight>()
  const matrix = (format: (typeof weightFormats)[number]): Weight => {
    const known = made.get(format)
    if (known) return known
    const { bytes, groups, shape } = weight(random(5), format, [rows, columns])
    const { size, ...beside } = groups ?? {}
    const fresh = device.weight({ format, shape, parts: { data: bytes, ...beside }, ...(size && { group: size }) })
    made.set(format, fresh)
    return fresh
  }

  test.each([
    [1, 2],
    [32, 6],
  ])('a product of %i rows takes less than a loop in JavaScript takes, by a factor of %i', async (m, factor) => {
    const data = inputs(m)
    const w = Float32Array.from({ length: rows * columns }, random(2).normal)
    const y = new Float32Array(m * rows)
    using x = device.tensor(data, [m, columns])
    using product = device.tensor(y, [m, rows])
    const native = () => {
      ops.linear({ x, w: matrix('q4_0'), out: product })
      return device.sync()
    }
    const [ours, plain] = await compare(native, () => plainProduct(data, w, y))
    expect(ours * factor).toBeLessThan(plain)
  })

  test.each(weightFormats.filter((format) => format !== 'q4_0'))('%s is no cliff beside q4_0', async (format) => {
    for (const m of [1, 32]) {
      using x = device.tensor(inputs(m), [m, columns])
      using product = device.tensor(new Float32Array(m * rows), [m, rows])
      const by = (w: Weight) => () => {
        ops.linear({ x, w, out: product })
        return device.sync()
      }
      const [ours, q4] = await compare(by(matrix(format)), by(matrix('q4_0')))
      expect(ours, `${m} rows`).toBeLessThan(6 * q4)
    }
  })
})
