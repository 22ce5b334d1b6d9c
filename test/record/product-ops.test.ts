import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { weightFormats } from '../../lib/formats/weight-formats.js'
import {
  type Device,
  keep,
  listDevices,
  openDevice,
  ops,
  record,
  scope,
  type Tensor,
  type Weight,
} from '../../lib/index.js'
import { openWeight } from '../../lib/weight.js'
import { withEnvironment } from '../cuda/fake.js'
import { type floatDTypes, levels, normal, weight } from '../ops/cases/build.js'
import { packFloats, packLevels, packZeros } from '../ops/reference/weights.js'
import { differences } from '../support/compare.js'
import { type NdArray, toTypedArray, type WeightArray } from '../support/ndarray.js'
import { readBack, Uploads } from '../support/on-device.js'
import { random } from '../support/random.js'

// Products of few rows with the norm before them and what stands behind them, as ops of CUDA's own: the bits are those of the calls one
// by one, whoever of a block comes first.

const { devices } = await listDevices()
const ids = devices.map(({ id }) => id).filter((id) => id.startsWith('cuda'))
const orders = ['forward', 'reverse', 'shuffled:3']
type Any = Tensor<'float32'>

interface Setting {
  readonly rows: number
  readonly outputs: number
  readonly columns: number
  readonly activations?: 'f32' | 'int8'
  readonly dtype?: (typeof floatDTypes)[number]
  readonly gainType?: (typeof floatDTypes)[number]
}
interface Operands {
  readonly x: Any
  readonly gain: Any
  readonly bias: Any
  readonly residual: Any
  readonly w: Weight
}

describe.each(ids)('products of few rows on %s', (id) => {
  let device: Device
  beforeAll(async () => {
    device = await openDevice({ id })
  })
  afterAll(() => device[Symbol.asyncDispose]())

  const seeded = random(5)
  const tensor = ({ data, shape, dtype }: NdArray) =>
    device.tensor(toTypedArray({ data, shape, dtype }) as Float32Array, shape, dtype as 'float32') as Any
  function operands(setting: Setting, w: Weight): Operands {
    const { rows, outputs, columns, dtype = 'float32', gainType = 'float32' } = setting
    return {
      x: tensor(normal(seeded, dtype, [rows, columns])),
      gain: tensor(normal(seeded, gainType, [columns])),
      bias: tensor(normal(seeded, 'float32', [outputs])),
      residual: tensor(normal(seeded, dtype, [rows, outputs])),
      w,
    }
  }

  type Program = (given: Operands, activations: 'f32' | 'int8') => Tensor
  const normed = ({ x, gain }: Operands) => ops.rmsNorm({ x, weight: gain, epsilon: 1e-3 })
  const programs: Record<string, Program> = {
    normLinear: (given, activations) => ops.linear({ x: normed(given), w: given.w, activations }),
    linearSiluMul: ({ x, w, bias }, activations) => ops.siluMul({ x: ops.linear({ x, w, bias, activations }) }),
    normLinearSiluMul: (given, activations) =>
      ops.siluMul({ x: ops.linear({ x: normed(given), w: given.w, activations }) }),
    normLinearAdd: (given, activations) => {
      const { residual: a, w, bias } = given
      return ops.add({ a, b: ops.linear({ x: normed(given), w, bias, activations }) })
    },
  }

  /** The ops of a plan, and its results in some orders of threads beside those of the calls one by one. */
  async function both(name: string, given: Operands, activations: 'f32' | 'int8') {
    const program = () => ({ y: programs[name]!(given, activations) })
    const expected = scope(() => keep(program().y))
    using plan = record(device, { inputs: {} }, program)
    const actual: NdArray[] = []
    for (const order of orders)
      await withEnvironment({ SIMT_ORDER: order }, async () => {
        await plan.run()
        actual.push(await readBack(plan.outputs.y))
      })
    return { calls: plan.calls.map(({ op }) => op), actual, expected: await readBack(expected) }
  }

  async function expectSame(name: string, setting: Setting, w: Weight): Promise<void> {
    const { dtype = 'float32', activations = 'f32' } = setting
    const { calls, actual, expected } = await both(name, operands(setting, w), activations)
    expect(calls).toEqual([name])
    for (const each of actual) {
      if (dtype === 'float32') expect(each).toEqual(expected)
      // nothing is rounded between the calls
      else expect(differences(expected, each, { per: 'tensor', error: 1e-2 })).toBeNull()
    }
  }

  const made = (uploads: Uploads, w: WeightArray) => uploads.argument(w) as Weight
  const names = Object.keys(programs)
  const blocked = weightFormats.filter((format) => format !== 'float32')

  test.each(blocked.flatMap((format) => names.map((name) => ({ format, name }))))(
    '$name of $format',
    async ({ format, name }) => {
      using uploads = new Uploads(device)
      const setting = { outputs: 64, columns: 256 }
      const w = made(uploads, weight(seeded, format, [setting.outputs, setting.columns]))
      for (const rows of [1, 3]) await expectSame(name, { ...setting, rows }, w)
      for (const rows of [1, 4]) await expectSame(name, { ...setting, rows, activations: 'int8' }, w)
    },
  )

  test.each<[string, Partial<Setting>]>([
    ['rows that 1024 threads norm', { columns: 1312 }],
    ['rows that 32 threads norm', { columns: 96 }],
    ['more pairs of strips than blocks', { outputs: 2 * 16 * 300, columns: 32 }],
    ['sixteen rows', { rows: 16 }],
    ['norms of float16', { gainType: 'float16' }],
    ['x of float16', { dtype: 'float16' }],
    ['x of bfloat16', { dtype: 'bfloat16', rows: 2 }],
  ])('of %s', async (_, given) => {
    using uploads = new Uploads(device)
    const setting = { rows: 1, outputs: 96, columns: 288, activations: 'int8' as const, ...given }
    for (const format of ['q4_0', 'float16'] as const) {
      if (format === 'float16' && setting.rows > 4) continue
      const w = made(uploads, weight(seeded, format, [setting.outputs, setting.columns]))
      for (const name of names) await expectSame(name, setting, w)
    }
  })

  test('columns that stand in an order of their own keep their gains', async () => {
    const [rows, columns] = [32, 64]
    const gIdx = Int32Array.from({ length: columns }, (_, k) => (k * 3) % 2)
    const matrix = levels(seeded, 4, [rows, columns], 32, { gIdx })
    const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
    const groups = {
      size: 32,
      scaleType: 'float32',
      scales: bytesOf(packFloats(matrix, matrix.scales, 'gptq_v2')),
      zeros: packZeros(matrix, 'gptq_v2'),
      gIdx: bytesOf(gIdx),
    } as const
    const data = packLevels(matrix, 'gptq_v2')
    const parts = [{ format: 'int4', rows, packing: 'gptq_v2', data, groups }] as const
    using w = await openWeight(device, { shape: [rows, columns], parts })
    for (const name of names) await expectSame(name, { rows: 2, outputs: rows, columns }, w)
  })

  test.each<[string, keyof typeof programs, Setting, string[]]>([
    [
      'many rows',
      'normLinearSiluMul',
      { rows: 17, outputs: 64, columns: 64, activations: 'int8' },
      ['rmsNorm', 'linear', 'siluMul'],
    ],
    ['more exact rows than few', 'normLinear', { rows: 6, outputs: 64, columns: 64 }, ['rmsNorm', 'linear']],
    [
      'gates that share a strip with ups',
      'normLinearSiluMul',
      { rows: 1, outputs: 48, columns: 64 },
      ['normLinear', 'siluMul'],
    ],
  ])('%s keep to their own', async (_, name, setting, expected) => {
    using uploads = new Uploads(device)
    const w = made(uploads, weight(seeded, 'q4_0', [setting.outputs, setting.columns]))
    const { calls, ...results } = await both(name, operands(setting, w), setting.activations ?? 'f32')
    expect(calls).toEqual(expected)
    for (const each of results.actual) expect(each).toEqual(results.expected)
  })
})
