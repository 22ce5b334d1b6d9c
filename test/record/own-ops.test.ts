import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, keep, listDevices, openDevice, ops, path, record, scope, type Tensor } from '../../lib/index.js'
import { floatDTypes, normal, weight } from '../ops/cases/build.js'
import { differences } from '../support/compare.js'
import { convert, type NdArray, toTypedArray } from '../support/ndarray.js'
import { readBack } from '../support/on-device.js'
import { random } from '../support/random.js'

// Fused ops that a backend alone has: what of a plan they replace, and that nothing but the number of launches changes.

const { devices } = await listDevices()
const ids = devices.map(({ id }) => id).filter((id) => id.startsWith('cuda'))

const [rows, columns, width] = [3, 40, 64]
type Operands = { x: Tensor; w: ReturnType<Device['weight']>; bias: Tensor<'float32'>; residual: Tensor; gain: Tensor }
type Any = Tensor<'float32'>

describe.each(ids)('linear and the sum behind it on %s', (id) => {
  let device: Device
  beforeAll(async () => {
    device = await openDevice({ id })
  })
  afterAll(() => device[Symbol.asyncDispose]())

  function operands(dtype: (typeof floatDTypes)[number], format: 'q4_0' | 'q4_k' = 'q4_0'): Operands {
    const seeded = random(7)
    const k = format === 'q4_0' ? width : 256
    const tensor = (values: NdArray) =>
      device.tensor(toTypedArray(values) as Float32Array, values.shape, dtype as 'float32')
    const bias = Float32Array.from({ length: columns }, seeded.normal)
    return {
      x: tensor(normal(seeded, dtype, [rows, k])),
      w: device.weight({ format, shape: [columns, k], parts: { data: weight(seeded, format, [columns, k]).bytes } }),
      bias: device.tensor(bias, [columns]),
      residual: tensor(normal(seeded, dtype, [rows, columns])),
      gain: tensor(normal(seeded, dtype, [columns])),
    }
  }

  /** The ops of a plan, its results, and those of the same calls one by one. */
  async function both(program: () => Record<string, Tensor>) {
    const plan = record(device, { inputs: {} }, program)
    const calls = plan.calls
    await plan.run()
    const eager = scope(() => {
      const made = program()
      for (const tensor of Object.values(made)) keep(tensor)
      return made
    })
    const read = async (tensors: Record<string, Tensor>) =>
      Object.fromEntries(await Promise.all(Object.entries(tensors).map(async ([n, t]) => [n, await readBack(t)])))
    const results = { calls, replayed: await read(plan.outputs), expected: await read(eager) }
    for (const tensor of Object.values(eager)) tensor.dispose()
    plan.dispose()
    return results as { calls: typeof calls; replayed: Record<string, NdArray>; expected: Record<string, NdArray> }
  }

  const shapes: [string, (of: Operands) => Tensor][] = [
    ['product + residual', ({ x, w, residual }) => ops.add({ a: ops.linear({ x: x as Any, w }), b: residual as Any })],
    ['residual + product', ({ x, w, residual }) => ops.add({ a: residual as Any, b: ops.linear({ x: x as Any, w }) })],
    [
      'with a bias, on rounded activations',
      ({ x, w, bias, residual }) =>
        ops.add({ a: residual as Any, b: ops.linear({ x: x as Any, w, bias, activations: 'int8' }) }),
    ],
    [
      'with a call between',
      ({ x, w, residual }) => {
        const product = path('o', () => ops.linear({ x: x as Any, w }))
        return ops.add({ a: ops.neg({ x: residual as Any }), b: product })
      },
    ],
  ]
  const cases = floatDTypes.flatMap((dtype) => shapes.map(([name, program]) => ({ dtype, name, program })))

  test.each(cases)('$dtype: $name', async ({ dtype, program }) => {
    const given = operands(dtype)
    const { calls, replayed, expected } = await both(() => ({ y: program(given) }))
    expect(calls.map(({ op }) => op).filter((op) => op !== 'neg')).toEqual(['linearAdd'])
    // the product is not rounded before the sum
    const bound = { per: 'tensor', error: 1e-6, roundings: dtype === 'float32' ? 1 : 3 } as const
    expect(differences(expected.y, replayed.y, bound)).toBeNull()
    // and it is the residual that was added, not nothing
    const without = scope(() => keep(ops.linear({ x: given.x as Any, w: given.w })))
    expect((await readBack(without)).data.map((value) => convert(dtype, value))).not.toEqual(replayed.y.data)
    without.dispose()
  })

  test('is one op of the path where the product stood, and wins over a sum that is normed', async () => {
    const { x, w, residual, gain } = operands('float32', 'q4_k')
    const { calls, replayed, expected } = await both(() => {
      const product = path('layer.0', () => ops.linear({ x: x as Any, w }))
      const sum = ops.add({ a: residual as Any, b: product })
      return { sum, y: path('layer.1', () => ops.rmsNorm({ x: sum, weight: gain as Any })) }
    })
    expect(calls).toEqual([
      { path: 'layer.0', op: 'linearAdd' },
      { path: 'layer.1', op: 'rmsNorm' },
    ])
    for (const name of ['sum', 'y'])
      expect(differences(expected[name], replayed[name], { per: 'tensor', error: 1e-6 })).toBeNull()
  })

  const apart: [string, (of: Operands) => Record<string, Tensor>][] = [
    [
      'a product that is read again',
      ({ x, w, residual }) => {
        const product = ops.linear({ x: x as Any, w })
        const y = ops.add({ a: product, b: residual as Any })
        return { y: ops.mul({ a: y, b: product }) }
      },
    ],
    [
      'a product that the plan gives back',
      ({ x, w, residual }) => {
        const product = ops.linear({ x: x as Any, w })
        return { product, y: ops.add({ a: product, b: residual as Any }) }
      },
    ],
    [
      'a sum with itself',
      ({ x, w }) => {
        const product = ops.linear({ x: x as Any, w })
        return { y: ops.add({ a: product, b: product }) }
      },
    ],
    [
      'a residual that is broadcast',
      ({ x, w, bias }) => ({ y: ops.add({ a: ops.linear({ x: x as Any, w }), b: bias }) }),
    ],
    [
      'a sum in place of the residual',
      ({ x, w, residual }) => {
        const own = ops.copy({ x: residual as Any })
        return { y: ops.add({ a: own, b: ops.linear({ x: x as Any, w }), out: own }) }
      },
    ],
  ]
  test.each(apart)('%s is left alone', async (_, program) => {
    const given = operands('float32')
    const { calls, replayed, expected } = await both(() => program(given))
    const names = calls.map(({ op }) => op)
    expect([names.includes('linear'), names.includes('linearAdd')]).toEqual([true, false])
    expect(replayed).toEqual(expected)
  })
})
