import { describe, expect, test } from 'vitest'
import { type Device, listDevices, openDevice, ops, path, scope } from '../../lib/index.js'
import { attentionOf } from '../ops/cases/attention.js'
import { floatDTypes } from '../ops/cases/build.js'
import { bounds } from '../ops/cases.js'
import { differences } from '../support/compare.js'
import { largestError } from '../support/models.js'
import { callOp, type DeviceTensor, readBack, Uploads } from '../support/on-device.js'
import { random } from '../support/random.js'
import { expectedOf, operandsOf } from '../support/table.js'

const { devices, absent } = await listDevices()
const has = devices.some(({ id }) => id === 'cuda:0')
if (!has) console.warn(`attention on cuda is not tested: ${absent.find(({ backend }) => backend === 'cuda')?.reason}`)

const [pages, groups, heads, page, tokens] = [3, 2, 4, 16, 4]

/** Two sequences of two rows; what is wrong stands beside them. */
interface Wrong {
  readonly position?: readonly number[]
  readonly table?: readonly number[]
  readonly rows?: readonly number[]
}

/** y of a call, and what its cache holds afterwards. */
async function attend(device: Device, cache: 'float16' | 'float32', dim: number, wrong: Wrong = {}) {
  const numbers = random(3)
  const normal = (count: number) => Float32Array.from({ length: count }, () => numbers.normal())
  const { position = [3, 4, 17, 18], table = [0, -1, 2, 1], rows = [0, 2, 4] } = wrong
  const made = scope(() => {
    const [keys, values] = [0, 1].map(() => {
      const filled = device.tensor(normal(pages * groups * page * dim), [pages, groups, page, dim])
      return cache === 'float16' ? ops.cast({ x: filled, dtype: 'float16' }) : filled
    })
    const qkv = device.tensor(normal(tokens * (heads + 2 * groups) * dim), [tokens, (heads + 2 * groups) * dim])
    const ints = (values: readonly number[], shape: number[]) => device.tensor(Int32Array.from(values), shape)
    const operands = {
      keys: keys as never,
      values: values as never,
      qkv,
      position: ints(position, [tokens]),
      pages: ints(table, [2, 2]),
      rows: ints(rows, [3]),
    }
    return { y: path('layer.3', () => ops.attention(operands)), keys: keys!, values: values! }
  })
  try {
    return await Promise.all([made.y.read(), made.keys.read(), made.values.read()])
  } finally {
    for (const tensor of Object.values(made)) tensor.dispose()
  }
}

describe.runIf(has).each([
  ['float32', 32],
  ['float16', 64],
  ['float16', 128],
] as const)('attention over a cache of %s with heads of %i', (cache, dim) => {
  test.each<[string, Wrong]>([
    ['a position beyond the pages', { position: [3, 4, 17, 32] }],
    ['a negative position', { position: [3, -4, 17, 18] }],
    ['a position that does not rise', { position: [3, 4, 17, 17] }],
    ['a page below 0', { table: [0, -1, -5, 1] }],
    ['a page beyond the cache', { table: [0, -1, 2, 3] }],
    ['rows that fall', { rows: [0, 4, 3] }],
    ['rows below 0', { rows: [-1, 2, 4] }],
    ['rows beyond the call', { rows: [0, 2, 5] }],
  ])('fails on %s as the CPU does, and goes on', async (_, wrong) => {
    const outcome = async (id: string) => {
      const device = await openDevice({ id })
      try {
        const error = await attend(device, cache, dim, wrong).catch(({ code, message }) => ({
          code,
          message: message.replace(id, 'X'),
        }))
        const [y] = await attend(device, cache, dim)
        return { error, y: y as Float32Array }
      } finally {
        await device.dispose()
      }
    }
    const expected = await outcome('cpu')
    expect(expected.error).toMatchObject({ message: expect.stringContaining('layer.3') })
    const actual = await outcome('cuda:0')
    expect(actual.error).toEqual(expected.error)
    expect(largestError(actual.y, expected.y)).toBeLessThan(1e-5)
  })
})

// The kernels of every dtype of x over every cache, those of few and of many tokens.
describe.runIf(has).each(floatDTypes)('attention of %s on cuda gives the float64 values', (dtype) => {
  const caches = [...floatDTypes, 'int8'] as const
  const plain = caches.map((cache) => ({ cache, heads: 2, groups: 1, dim: 32, tokens: 3, start: 5 }))
  const many = [64, 96, 128].map((dim) => ({
    cache: 'float16' as const,
    heads: 2,
    groups: 1,
    dim,
    tokens: 17,
    start: 95,
  }))
  test.each([...plain, ...many])('over $cache, heads of $dim, $tokens tokens', async (size) => {
    await using device = await openDevice('cuda:0')
    using uploads = new Uploads(device)
    const opCase = attentionOf({ ...size, dtype })
    const operands = operandsOf('attention', opCase)
    const args = Object.fromEntries(Object.entries(operands).map(([name, value]) => [name, uploads.argument(value)]))
    const outputs = uploads.own(callOp('attention', device, { ...opCase.attributes, ...args }))
    for (const [name, expected] of Object.entries(expectedOf('attention', operands, opCase.attributes))) {
      const actual = await readBack(outputs[name] ?? (args[name] as DeviceTensor))
      expect(differences(expected, actual, name === 'y' ? bounds.attention : 'exact'), name).toBeNull()
    }
  })
})
