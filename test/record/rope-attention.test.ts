import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, listDevices, openDevice, ops, path, record, type Tensor } from '../../lib/index.js'
import { largestError } from '../support/models.js'
import { random } from '../support/random.js'

// rotaryEmbedding and the attention behind it as one op of CUDA's own.

const { devices } = await listDevices()
const ids = devices.map(({ id }) => id).filter((id) => id.startsWith('cuda'))

interface Setting {
  readonly tokens?: number
  readonly dim?: number
  /** Elements of half of what turns. */
  readonly half?: number
  readonly cache?: 'float16' | 'float32'
  readonly turnedHeads?: number
  readonly inPlace?: boolean
  /** The first row of the angles, of 64. */
  readonly angle?: number
}

const [heads, groups, page, start] = [4, 2, 32, 20]

describe.each(ids)('rotaryEmbedding and attention on %s', (id) => {
  let device: Device
  beforeAll(async () => {
    device = await openDevice({ id })
  })
  afterAll(() => device[Symbol.asyncDispose]())

  /** What a plan of both calls is made of and gives, and what the calls give one by one. */
  async function both(setting: Setting) {
    const { tokens = 3, dim = 64, half = dim / 2, cache = 'float16', turnedHeads = heads + groups } = setting
    const { inPlace = true, angle = 5 } = setting
    const numbers = random(11)
    const normal = (...shape: number[]) =>
      device.tensor(
        Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => numbers.normal()),
        shape,
      )
    const ints = (values: number[], shape = [values.length]) => device.tensor(Int32Array.from(values), shape)
    const from = (first: number) => ints(Array.from({ length: tokens }, (_, t) => first + t))
    const x = normal(tokens, (heads + 2 * groups) * dim)
    const [cos, sin] = [normal(64, half), normal(64, half)]
    const held = [normal(3, groups, page, dim), normal(3, groups, page, dim)]
    const [pages, position, angles] = [ints([2, 0], [1, 2]), from(start), from(angle)]
    const program = (keys: Tensor, values: Tensor) => {
      const qkv = ops.add({ a: x, b: x })
      const turn = { x: qkv, cos, sin, position: angles, headDim: dim, heads: turnedHeads }
      const turned = path('layer.0', () => ops.rotaryEmbedding({ ...turn, ...(inPlace && { out: qkv }) }))
      const y = ops.attention({ keys: keys as never, values: values as never, qkv: turned, position, pages })
      return { y }
    }
    const copies = () =>
      held.map((tensor) => (cache === 'float16' ? ops.cast({ x: tensor, dtype: 'float16' }) : ops.copy({ x: tensor })))
    const [eager, planned] = [copies(), copies()]
    const expected = program(eager[0]!, eager[1]!)
    const plan = record(device, { inputs: {} }, () => program(planned[0]!, planned[1]!))
    const calls = plan.calls.map(({ op }) => op)
    await plan.run()
    const read = async (...tensors: Tensor[]) => (await Promise.all(tensors.map((t) => t.read()))) as Float32Array[]
    const result = {
      calls,
      expected: await read(expected.y, ...eager),
      actual: await read(plan.outputs.y, ...planned),
    }
    plan.dispose()
    return result
  }

  test.each<[string, Setting]>([
    ['in place', {}],
    ['beside it', { inPlace: false }],
    ['of one token', { tokens: 1 }],
    ['of heads that turn in part', { dim: 96, half: 20 }],
    ['of heads of 128', { dim: 128 }],
  ])('%s are one op, and give what they give alone', async (_, setting) => {
    const { calls, expected, actual } = await both(setting)
    expect(calls).toEqual(['add', 'ropeAttention'])
    for (const [i, values] of expected.entries()) expect(largestError(actual[i]!, values)).toBeLessThan(i ? 4e-3 : 1e-3)
  })

  test.each<[string, Setting]>([
    ['more tokens than are appended at once', { tokens: 17 }],
    ['a cache of float32', { cache: 'float32' }],
    ['heads of another size', { dim: 32 }],
    ['keys that do not turn', { turnedHeads: heads }],
  ])('%s are left to both', async (_, setting) => {
    const { calls, expected, actual } = await both(setting)
    expect(calls).toEqual(['add', 'rotaryEmbedding', 'attention'])
    for (const [i, values] of expected.entries()) expect(largestError(actual[i]!, values)).toBeLessThan(i ? 4e-3 : 1e-3)
  })

  test('angles beyond the table are an error', async () => {
    const turn = both({ angle: 62 })
    await expect(turn).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE', message: expect.stringContaining('[2]') })
  })

  test('what is turned in place and read again is turned', async () => {
    const numbers = random(12)
    const normal = (...shape: number[]) =>
      device.tensor(
        Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => numbers.normal()),
        shape,
      )
    const [x, cos, sin] = [normal(1, 8 * 64), normal(4, 32), normal(4, 32)]
    const zero = device.tensor(Int32Array.of(0), [1])
    const [keys, values] = [0, 1].map(() => ops.cast({ x: normal(1, groups, page, 64), dtype: 'float16' }))
    const program = () => {
      const qkv = ops.add({ a: x, b: x })
      ops.rotaryEmbedding({ x: qkv, cos, sin, position: zero, headDim: 64, heads: heads + groups, out: qkv })
      const y = ops.attention({ keys: keys!, values: values!, qkv, position: zero })
      return { y, turned: ops.neg({ x: qkv }) }
    }
    const expected = await program().turned.read()
    using plan = record(device, { inputs: {} }, program)
    expect(plan.calls.map(({ op }) => op)).toEqual(['add', 'rotaryEmbedding', 'attention', 'neg'])
    expect((await plan.run({}, { read: ['turned'] })).turned).toEqual(expected)
  })
})
