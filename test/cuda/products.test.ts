import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WeightFormat, WeightPart } from '../../lib/formats/source.js'
import { type Device, listDevices, openDevice, ops, record } from '../../lib/index.js'
import { openWeight } from '../../lib/weight.js'
import { weight } from '../ops/cases/build.js'
import { random } from '../support/random.js'
import { temporaryFolder } from '../support/shared.js'
import { fakeCounts } from './fake.js'

// What a product launches and takes, as the fake driver and the device count it.

const countsFile = join(await temporaryFolder(), 'counts')
process.env.LOPHI_FAKE_CUDA_COUNTS = countsFile
const { devices } = await listDevices()
const fake = devices.some(({ id, name }) => id === 'cuda:0' && name === 'SIMT emulator')
if (!fake) console.warn('launches of products are not counted: cuda:0 is not the emulator')

describe.runIf(fake)('products on cuda:0', () => {
  let device: Device
  let cpu: Device
  beforeAll(async () => {
    device = await openDevice('cuda:0')
    cpu = await openDevice('cpu')
  })
  afterAll(async () => {
    await device[Symbol.asyncDispose]()
    await cpu[Symbol.asyncDispose]()
  })

  /** The product of a row with a weight of several parts on a device, and what it launched. */
  async function product(on: Device, parts: readonly WeightPart[], columns: number) {
    const shape = [parts.reduce((sum, { rows }) => sum + rows!, 0), columns] as const
    using w = await openWeight(on, { shape, parts })
    using x = on.tensor(
      Float32Array.from({ length: columns }, (_, k) => Math.sin(k)),
      [1, columns],
    )
    await on.sync()
    const before = fakeCounts(countsFile).launches
    using y = ops.linear({ x, w, activations: 'int8' })
    const values = await y.read()
    return { values, launches: fakeCounts(countsFile).launches - before }
  }

  test.each<[string, [WeightFormat, number][], number]>([
    [
      'q, k and v of one format are one',
      [
        ['q4_0', 48],
        ['q4_0', 16],
        ['q4_0', 13],
      ],
      1,
    ],
    [
      'K-quants too',
      [
        ['q4_k', 32],
        ['q4_k', 32],
      ],
      1,
    ],
    [
      'rows that fill no strip end it',
      [
        ['q8_0', 40],
        ['q8_0', 16],
        ['q8_0', 16],
      ],
      2,
    ],
    [
      'and so does another format',
      [
        ['q4_k', 32],
        ['q4_k', 16],
        ['q6_k', 16],
      ],
      2,
    ],
  ])('launches: %s', async (_, made, expected) => {
    const draw = random(6)
    const columns = 256
    const parts = made.map(([format, rows]) => ({ format, rows, data: weight(draw, format, [rows, columns]).bytes }))
    const { values, launches } = await product(device, parts, columns)
    expect(launches).toBe(expected)
    const { values: onCpu } = await product(cpu, parts, columns)
    const largest = Math.max(...onCpu.map(Math.abs))
    values.forEach((value, i) => {
      expect(Math.abs(value - onCpu[i]!), `row ${i}`).toBeLessThan(1e-4 * largest)
    })
  })

  test.each([
    ['q4_0', 1, 16 << 10],
    ['float16', 4, 0],
    ['q4_0', 17, 4 << 20],
  ] as const)('scratch of %s, %i rows, is what the kernel that runs needs', async (format, rows, most) => {
    const [outputs, columns] = [16, 3072]
    using w = device.weight({
      format,
      shape: [outputs, columns],
      parts: { data: weight(random(7), format, [outputs, columns]).bytes },
    })
    using x = device.tensor(new Float32Array(rows * columns), [rows, columns])
    await device.sync()
    const { used } = device.memory()
    using plan = record(device, { inputs: { x } }, ({ x }) => ({ y: ops.linear({ x, w, activations: 'int8' }) }))
    await plan.run()
    const own = 4 * rows * (outputs + columns) + (4 << 10)
    const scratch = device.memory().used - used - own
    expect(scratch).toBeLessThanOrEqual(most)
    if (rows === 17) expect(scratch).toBeGreaterThan(2 * rows * columns) // it is seen
  })
})
