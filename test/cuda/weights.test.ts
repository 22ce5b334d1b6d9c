import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { WeightDescription, WeightPart } from '../../lib/formats/source.js'
import { type Device, listDevices, openDevice, ops, record, type Weight } from '../../lib/index.js'
import { openWeight } from '../../lib/weight.js'
import { levels, weight } from '../ops/cases/build.js'
import { packFloats, packLevels, packZeros } from '../ops/reference/weights.js'
import { random } from '../support/random.js'
import { temporaryFolder } from '../support/shared.js'
import { withEnvironment } from './fake.js'

const { devices } = await listDevices()
const fake = devices.some(({ id, name }) => id === 'cuda:0' && name === 'SIMT emulator')
if (!fake) console.warn('weights on their way to a GPU are not tested: cuda:0 is not the emulator')

const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/** The products of one row of ones and minus ones with every row of a weight. */
async function products(device: Device, w: Weight): Promise<Float32Array> {
  const columns = w.shape[1]
  using x = device.tensor(
    Float32Array.from({ length: columns }, (_, k) => (k % 3 ? 1 : -1)),
    [1, columns],
  )
  using y = ops.linear({ x, w })
  return y.read()
}

async function expectAsOnCpu(device: Device, description: WeightDescription): Promise<void> {
  await using cpu = await openDevice('cpu')
  using here = await openWeight(device, description)
  using there = await openWeight(cpu, description)
  const [values, expected] = [await products(device, here), await products(cpu, there)]
  const largest = Math.max(...expected.map(Math.abs))
  values.forEach((value, i) => {
    if (!(Math.abs(value - expected[i]!) <= 1e-5 * largest)) expect(value, `row ${i}`).toBe(expected[i])
  })
}

describe.runIf(fake)('weights on their way to a GPU', () => {
  test('of many bands are whole when the first op uses them', async () => {
    await using device = await openDevice('cuda:0')
    const [rows, columns] = [9000, 256]
    const parts: WeightPart[] = [{ format: 'float32', rows, data: weight(random(1), 'float32', [rows, columns]).bytes }]
    await expectAsOnCpu(device, { shape: [rows, columns], parts })
  })

  test('may stack parts of any formats, with columns in an order of their own', async () => {
    await using device = await openDevice('cuda:0')
    const draw = random(2)
    const columns = 256
    const gIdx = Int32Array.from({ length: columns }, (_, k) => (k * 5) % 8)
    const matrix = levels(draw, 4, [16, columns], 32, { gIdx })
    const scattered: WeightPart = {
      format: 'int4',
      rows: 16,
      packing: 'gptq_v2',
      data: packLevels(matrix, 'gptq_v2'),
      groups: {
        size: 32,
        scaleType: 'float32',
        scales: bytesOf(packFloats(matrix, matrix.scales, 'gptq_v2')),
        zeros: packZeros(matrix, 'gptq_v2'),
        gIdx: bytesOf(gIdx),
      },
    }
    const plain = (['q4_k', 'q6_k', 'iq4_xs', 'bfloat16', 'q5_1'] as const).map(
      (format, i): WeightPart => ({ format, rows: 3 + i, data: weight(draw, format, [3 + i, columns]).bytes }),
    )
    const parts = [...plain, scattered]
    const rows = parts.reduce((sum, part) => sum + part.rows, 0)
    await expectAsOnCpu(device, { shape: [rows, columns], parts })
  })

  test('are there for eager calls and for plans, though nobody waited', async () => {
    await using device = await openDevice('cuda:0')
    const data = new Float32Array(64 * 32).fill(1)
    using w = device.weight({ format: 'float32', shape: [64, 32], parts: { data } })
    data.fill(2) // a snapshot was taken
    using x = device.tensor(new Float32Array(32).fill(1), [1, 32])
    using y = ops.linear({ x, w })
    using other = device.weight({ format: 'float32', shape: [64, 32], parts: { data } })
    using plan = record(device, { inputs: { x } }, ({ x }) => ({ y: ops.linear({ x, w: other }) }))
    const run = plan.run({}, { read: ['y'] })
    expect(new Set(await y.read())).toEqual(new Set([32]))
    expect(new Set((await run).y)).toEqual(new Set([64]))
  })

  test('of no columns make products of zeros', async () => {
    await using device = await openDevice('cuda:0')
    const parts = [{ format: 'float32', rows: 5, data: new Uint8Array() }] as const
    using w = await openWeight(device, { shape: [5, 0], parts })
    using x = device.tensor(new Float32Array(), [2, 0])
    using y = ops.linear({ x, w })
    expect([...(await y.read())]).toEqual(new Array(10).fill(0))
  })

  test('may be disposed before they have arrived', async () => {
    await using device = await openDevice('cuda:0')
    const before = device.memory().used
    for (let i = 0; i < 4; i++)
      device.weight({ format: 'float32', shape: [64, 32], parts: { data: new Float32Array(64 * 32) } }).dispose()
    using zeros = device.tensor(new Float32Array(64 * 32), [64 * 32])
    expect((await zeros.read()).every((value) => value === 0)).toBe(true)
    zeros.dispose()
    await device.sync()
    expect(device.memory().used).toBe(before)
  })

  test.each(['cuMemcpyHtoDAsync:2:1', 'cuEventRecord:1:1', 'cuMemAlloc:1:2'])(
    'leave nothing behind where %s fails',
    async (failure) => {
      await using device = await openDevice('cuda:0')
      const before = device.memory().used
      const description: WeightDescription = {
        shape: [64, 32],
        parts: (['q8_0', 'q4_0'] as const).map((format) => ({
          format,
          rows: 32,
          data: weight(random(3), format, [32, 32]).bytes,
        })),
      }
      await withEnvironment({ LOPHI_FAKE_CUDA_FAIL: failure }, async () => {
        await expect(openWeight(device, description)).rejects.toMatchObject({
          code: failure.endsWith('2') ? 'ERR_OUT_OF_MEMORY' : 'ERR_DRIVER',
        })
      })
      expect(device.memory().used).toBe(before)
      await expectAsOnCpu(device, description)
    },
  )

  test.runIf(process.platform === 'linux')('are never whole in the memory of the machine', async () => {
    const bytes = 64 << 20
    const file = join(await temporaryFolder(), 'matrix')
    writeFileSync(file, new Uint8Array(bytes))
    const fixture = fileURLToPath(new URL('../fixtures/cuda-weight.mjs', import.meta.url))
    const { stdout, stderr } = spawnSync(process.execPath, [fixture, file, String(bytes)], { encoding: 'utf8' })
    expect(stderr).toBe('')
    // the emulated device's memory, the file's pages, and two bands; a copy would be as much again
    expect((JSON.parse(stdout) as { peak: number }).peak).toBeLessThan(2 * bytes + (40 << 20))
  })
})
