import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WeightPart } from '../../lib/formats/source.js'
import { weightFormats } from '../../lib/formats/weight-formats.js'
import { type Device, listDevices, openDevice, ops, record, scope, supports, type Weight } from '../../lib/index.js'
import { openWeight } from '../../lib/weight.js'
import { groupedWeight, levels, weight } from '../ops/cases/build.js'
import { decodeLevels, type Levels, packFloats, packLevels, packZeros } from '../ops/reference/weights.js'
import type { WeightArray } from '../support/ndarray.js'
import { Uploads } from '../support/on-device.js'
import { random } from '../support/random.js'

// Whatever a device makes of a weight, its values come back bit for bit, but for the signs of zeros, which instruction sets of the
// CPU disagree on.

const { devices, absent } = await listDevices()
for (const { backend, reason } of absent) console.warn(`weights on ${backend} are not dequantised: ${reason}`)

const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/** Rows that fill no strip of 16, columns that fill no tile of 128 where the format lets them. */
const shape = [37, 256 + 32] as const
const wholeBlocks = [37, 512] as const

function made(format: (typeof weightFormats)[number]): WeightArray {
  if (format === 'int4' || format === 'int8') return groupedWeight(random(4), format, shape, 32, true)
  const kFormat = /_k$|iq4_xs/.test(format)
  return weight(random(4), format, kFormat ? wholeBlocks : shape)
}

/** Columns of groups in an order of their own, as GPTQ's act-order leaves them. */
function actOrder(packing: 'rows' | 'columns' | 'gptq' | 'gptq_v2', bits: 4 | 8): { matrix: Levels; part: WeightPart } {
  const columns = 128
  const gIdx = Int32Array.from({ length: columns }, (_, k) => (k * 5) % 4)
  const matrix = levels(random(5), bits, [24, columns], 32, { gIdx })
  const part: WeightPart = {
    format: bits === 4 ? 'int4' : 'int8',
    rows: 24,
    packing,
    data: packLevels(matrix, packing),
    groups: {
      size: 32,
      scaleType: 'float32',
      scales: bytesOf(packFloats(matrix, matrix.scales, packing)),
      zeros: packZeros(matrix, packing),
      gIdx: bytesOf(gIdx),
    },
  }
  return { matrix, part }
}

const positiveZeros = (values: Iterable<number>) => Float32Array.from(values, (value) => value + 0)

const dequantised = async (w: Weight): Promise<Float32Array> => {
  using values = w.dequantize()
  expect(values.shape).toEqual(w.shape)
  expect(values.device).toBe(w.device)
  return positiveZeros(await values.read())
}

describe.each(devices.map(({ id }) => id))('weight.dequantize() on %s', (id) => {
  let device: Device
  let lacks: boolean
  beforeAll(async () => {
    device = await openDevice({ id })
    lacks = !supports(device, 'embedding')
  })
  afterAll(() => device.dispose())

  /** Skips where the device has no embedding, which a test below holds against what it says. */
  const needs = (skip: (reason: string) => void) => lacks && skip(`${id} has no embedding`)

  test.for(weightFormats)('gives the values of %s, bit for bit', async (format, { skip }) => {
    needs(skip)
    using uploads = new Uploads(device)
    const array = made(format)
    expect(await dequantised(uploads.argument(array) as unknown as Weight)).toEqual(positiveZeros(array.data))
  })

  test.for([
    ['rows', 4],
    ['rows', 8],
    ['columns', 4],
    ['gptq', 4],
    ['gptq_v2', 4],
  ] as const)('gives columns of groups in any order their places: %s of %i bits', async ([packing, bits], { skip }) => {
    needs(skip)
    const { matrix, part } = actOrder(packing, bits)
    using w = await openWeight(device, { shape: [24, 128], parts: [part] })
    expect(await dequantised(w)).toEqual(positiveZeros(decodeLevels(matrix)))
  })

  test('gives stacked parts, of one with an order of columns too, one below the other', async ({ skip }) => {
    needs(skip)
    const { matrix, part } = actOrder('gptq', 4)
    const float = weight(random(6), 'bfloat16', [5, 128])
    const parts: WeightPart[] = [{ format: 'bfloat16', rows: 5, data: float.bytes }, part]
    using w = await openWeight(device, { shape: [29, 128], parts })
    expect(await dequantised(w)).toEqual(positiveZeros([...float.data, ...decodeLevels(matrix)]))
  })

  test('is recorded, and lives as long as its scope', async ({ skip }) => {
    needs(skip)
    using w = device.weight({ format: 'float32', shape: [1, 3], parts: { data: Float32Array.of(1, 2, 3) } })
    using x = device.tensor(Float32Array.of(10), [1])
    using plan = record(device, { inputs: { x } }, ({ x }) => ({ y: ops.add({ a: w.dequantize(), b: x }) }))
    expect([...(await plan.run({}, { read: ['y'] })).y]).toEqual([11, 12, 13])
    const values = scope(() => w.dequantize())
    expect(values.disposed).toBe(false)
    values.dispose()
  })

  test('is refused where the device lacks embedding, and of what was disposed', ({ skip }) => {
    if (id.startsWith('dml') && !supports(device, 'linear')) skip('no weights')
    const w = device.weight({ format: 'float32', shape: [1, 2], parts: { data: Float32Array.of(1, 2) } })
    if (lacks)
      expect(() => w.dequantize()).toThrow(
        expect.objectContaining({
          code: 'ERR_OP_UNSUPPORTED',
          message: `embedding on ${device.info.backend}`,
        }),
      )
    else w.dequantize().dispose()
    w.dispose()
    expect(() => w.dequantize()).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }))
  })
})
