import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { byteLength } from '../../lib/dtype.js'
import {
  bfloat16ToFloat32,
  type Device,
  dtypes,
  float16ToFloat32,
  keep,
  openDevice,
  ops,
  scope,
  type Tensor,
} from '../../lib/index.js'
import { random } from '../support/random.js'

let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.dispose())

const code = (name: string) => expect.objectContaining({ code: name })
const counted = (count: number) => Float32Array.from({ length: count }, (_, i) => i)

async function bytesUsed(): Promise<number> {
  await device.sync()
  return device.memory().used
}

/** An op that only fails when it runs: a row that the table does not have. */
function failLater(id = 9): Tensor<'float32'> {
  using table = device.weight({ format: 'float32', shape: [2, 1], parts: { data: new Float32Array(2) } })
  using ids = device.tensor(Int32Array.of(id), [1])
  return ops.embedding({ table, ids })
}
const outOfRange = { code: 'ERR_OUT_OF_RANGE', message: expect.stringMatching(/^embedding: .*on cpu/) }

describe('a tensor', () => {
  test.each(dtypes)('of %s reads back the bytes it was made from', async (dtype) => {
    const bytes = Uint8Array.from({ length: byteLength(dtype, 6) }, (_, i) => 37 * i + 5)
    using x = device.tensor(bytes, [2, 3], dtype)
    expect([x.dtype, x.shape, x.size]).toEqual([dtype, [2, 3], 6])
    for (const data of [await x.read(), x.readSync()])
      expect(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)).toEqual(bytes)
  })

  test('takes its dtype from the array where that says one', async () => {
    const arrays = [new Float32Array(2), new Int8Array(2), new Uint8Array(2), new Int32Array(2), new Uint32Array(2)]
    for (const array of arrays) {
      using x = device.tensor(array, [2])
      expect(x.dtype).toBe(array.constructor.name.replace('Array', '').toLowerCase().replace('float', 'float'))
      expect((await x.read()).constructor).toBe(array.constructor)
    }
  })

  test.each([
    ['float32', Float32Array.of(-1.5), -1.5],
    ['float16', Uint16Array.of(0xbe00), -1.5],
    ['float16', Uint16Array.of(0x0001), 2 ** -24],
    ['float16', Uint16Array.of(0xfc00), Number.NEGATIVE_INFINITY],
    ['float16', Uint16Array.of(0x7e00), Number.NaN],
    ['bfloat16', Uint16Array.of(0xbfc0), -1.5],
    ['int8', Int8Array.of(-128), -128],
    ['uint8', Uint8Array.of(255), 255],
    ['int4', Uint8Array.of(0xf8), -8],
    ['int4', Uint8Array.of(0x07), 7],
    ['uint4', Uint8Array.of(0xf8), 8],
    ['int32', Int32Array.of(-(2 ** 31)), -(2 ** 31)],
    ['uint32', Uint32Array.of(2 ** 32 - 1), 2 ** 32 - 1],
  ] as const)('of %s gives its one item as a number', async (dtype, data, item) => {
    for (const shape of [[1], [1, 1], []]) {
      using x = device.tensor(data, shape, dtype)
      expect(await x.item()).toBe(item)
    }
  })

  test.each([
    ['float16', Uint16Array.of(0xbe00, 0x3c00, 0x7c00), [-1.5, 1, Number.POSITIVE_INFINITY]],
    ['bfloat16', Uint16Array.of(0xbfc0, 0x3f80, 0xff80), [-1.5, 1, Number.NEGATIVE_INFINITY]],
    ['int4', Uint8Array.of(0xf8, 0x07), [-8, -1, 7]],
    ['uint4', Uint8Array.of(0xf8, 0x07), [8, 15, 7]],
    ['int32', Int32Array.of(-5, 0, 2 ** 31 - 1), [-5, 0, 2 ** 31 - 1]],
  ] as const)('of %s gives all its numbers', async (dtype, data, numbers) => {
    using x = device.tensor(data, [3], dtype)
    expect(await x.numbers()).toEqual(numbers)
  })

  test('of 16-bit floats is decoded whole', async () => {
    expect(float16ToFloat32(Uint16Array.of(0xbe00, 0x0001))).toEqual(Float32Array.of(-1.5, 2 ** -24))
    expect(bfloat16ToFloat32(Uint16Array.of(0xbfc0, 0x0001))).toEqual(Float32Array.of(-1.5, 2 ** -133))
  })

  test('of an array without a dtype of its own says what to do', () => {
    const make = (data: ArrayBufferView) => () => device.tensor(data as Float32Array, [2])
    expect(make(new Float64Array(2))).toThrow(/Float64Array has none of its own: give Float32Array.from\(data\)/)
    expect(make(new Uint16Array(2))).toThrow(/name 'float16' or 'bfloat16'.*Int32Array.from/)
    expect(make(new BigInt64Array(2))).toThrow(/Int32Array.from\(data, Number\)/)
    expect(make(new DataView(new ArrayBuffer(8)))).toThrow(/DataView has none of its own: name one/)
    expect(make(new Float64Array(2))).toThrow(code('ERR_DTYPE'))
  })

  test('takes a Float16Array as float16, where there is one', () => {
    // what Node 20 lacks is told by the tag that the newer class has
    const halves = Object.defineProperty(Uint16Array.of(0x3c00, 0xbe00), Symbol.toStringTag, { value: 'Float16Array' })
    using x = device.tensor(halves as unknown as Float32Array, [2])
    expect(x.dtype).toBe('float16')
  })

  test('prints itself, with its values once they were read', async () => {
    const x = device.tensor(Float32Array.of(1.5, 0.1), [1, 2])
    expect(inspect(x)).toBe('Tensor float32 [1, 2] on cpu')
    await x.read()
    expect(inspect({ x })).toBe('{ x: Tensor float32 [1, 2] on cpu, last read: 1.5 0.1 }')
    using many = device.tensor(counted(100), [100])
    many.readSync()
    expect(inspect(many)).toBe(
      'Tensor float32 [100] on cpu, last read: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 ... 84 more',
    )
    x.dispose()
    expect(inspect(x)).toBe('Tensor float32 [1, 2] on cpu, disposed')
    expect(inspect(device)).toMatch(/^Device cpu \(.*\)$/)
  })

  test('of several elements has no item', async () => {
    using x = device.tensor(counted(2), [2])
    await expect(x.item()).rejects.toMatchObject({ code: 'ERR_SHAPE' })
  })

  test('is a copy of its data, taken at once', async () => {
    const data = counted(4)
    using x = device.tensor(data, [4])
    data.fill(9)
    expect(await x.read()).toEqual(counted(4))
    x.write(data)
    const read = x.read()
    data.fill(1)
    expect(await read).toEqual(Float32Array.of(9, 9, 9, 9))
    const result = x.readSync()
    result.fill(0)
    expect(x.readSync()).toEqual(Float32Array.of(9, 9, 9, 9))
  })

  test('can be made from and written with any part of any buffer', async () => {
    const whole = Uint8Array.from({ length: 64 }, (_, i) => i)
    using x = device.tensor(whole.subarray(3, 11), [8])
    expect(await x.read()).toEqual(whole.slice(3, 11))
    x.write(new DataView(whole.buffer, 20, 8))
    expect(await x.read()).toEqual(whole.slice(20, 28))
    using aligned = device.tensor(new Float32Array(whole.buffer, 4, 2), [2])
    expect(await aligned.read()).toEqual(new Float32Array(whole.buffer, 4, 2).slice())
    if (typeof SharedArrayBuffer !== 'undefined') {
      const shared = new Float32Array(new SharedArrayBuffer(8))
      shared[1] = 5
      using y = device.tensor(shared, [2])
      expect(await y.read()).toEqual(Float32Array.of(0, 5))
    }
  })

  test('calls run in order: a read sees what was enqueued before it, and nothing after', async () => {
    using x = device.tensor(Float32Array.of(0), [1])
    using one = device.tensor(Float32Array.of(1), [1])
    const seen: Promise<Float32Array>[] = []
    for (let i = 0; i < 20; i++) {
      ops.add({ a: x, b: one, out: x })
      seen.push(x.read())
    }
    x.write(Float32Array.of(0))
    expect((await Promise.all(seen)).map((data) => data[0])).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(await x.item()).toBe(0)
  })

  test.each([
    [[0], new Float32Array(0)],
    [[0, 3], new Float32Array(0)],
    [[2, 0, 4], new Float32Array(0)],
  ])('may be empty: %j', async (shape, data) => {
    using x = device.tensor(data, shape)
    expect(x.size).toBe(0)
    expect(await x.read()).toEqual(data)
    x.write(data)
    using y = ops.neg({ x })
    expect([y.shape, y.readSync()]).toEqual([shape, data])
    using view = x.view([0, 7])
    expect(await view.read()).toEqual(data)
    await expect(x.item()).rejects.toMatchObject({ code: 'ERR_SHAPE' })
  })

  test.each([
    ['too few bytes', () => device.tensor(counted(5), [2, 3]), 'ERR_SHAPE'],
    ['too many bytes', () => device.tensor(counted(7), [2, 3]), 'ERR_SHAPE'],
    ['a negative dim', () => device.tensor(counted(6), [-2, -3]), 'ERR_SHAPE'],
    ['half a dim', () => device.tensor(counted(6), [2.5, 2.4]), 'ERR_SHAPE'],
    ['a dim that is NaN', () => device.tensor(counted(0), [Number.NaN]), 'ERR_SHAPE'],
    [
      'dims whose product overflows, though one is 0',
      () => device.tensor(counted(0), [2 ** 40, 2 ** 40, 0]),
      'ERR_SHAPE',
    ],
    ['no dtype', () => device.tensor(new Uint16Array(2) as unknown as Float32Array, [2]), 'ERR_DTYPE'],
    ['an unknown dtype', () => device.tensor(new Uint8Array(2), [2], 'float8' as 'uint8'), 'ERR_DTYPE'],
    ['no typed array', () => device.tensor([1, 2] as unknown as Float32Array, [2]), 'ERR_ARGUMENT'],
    ['nine axes', () => device.tensor(counted(1), new Array(9).fill(1)), 'ERR_SHAPE'],
  ])('is refused with %s', (_, make, error) => {
    expect(make).toThrow(code(error))
  })

  test('refuses a write of another size', async () => {
    using x = device.tensor(counted(4), [4])
    expect(() => x.write(counted(3))).toThrow(code('ERR_ARGUMENT'))
    expect(() => x.write(counted(5))).toThrow(/16 bytes.*20/)
    expect(() => x.write([] as unknown as Float32Array)).toThrow(code('ERR_ARGUMENT'))
    expect(await x.read()).toEqual(counted(4))
  })
})

describe('views', () => {
  test('share memory with their tensor', async () => {
    using x = device.tensor(counted(12), [3, 4])
    using flat = x.view([12])
    using square = flat.view([2, 6])
    using middle = x.subarray(1, 2)
    flat.write(counted(12).map((value) => value * 10))
    expect(await middle.read()).toEqual(Float32Array.of(40, 50, 60, 70))
    middle.write(Float32Array.of(1, 2, 3, 4))
    expect(await square.read()).toEqual(Float32Array.of(0, 10, 20, 30, 1, 2, 3, 4, 80, 90, 100, 110))
    ops.neg({ x: middle, out: middle })
    expect((await x.read()).slice(4, 8)).toEqual(Float32Array.of(-1, -2, -3, -4))
    expect([flat.shape, square.shape, middle.shape]).toEqual([[12], [2, 6], [1, 4]])
  })

  test('cost no memory, and keep that of a disposed tensor', async () => {
    const before = await bytesUsed()
    const x = device.tensor(counted(1024), [1024])
    const held = await bytesUsed()
    const view = x.view([32, 32])
    const row = view.subarray(-1)
    expect(await bytesUsed()).toBe(held)
    x.dispose()
    view.dispose()
    expect(await bytesUsed()).toBe(held)
    expect(await row.read()).toEqual(counted(1024).slice(-32))
    row.dispose()
    expect(await bytesUsed()).toBe(before)
  })

  test.each([
    [[2], [2, 5]],
    [
      [1, 3],
      [1, 3],
    ],
    [[-2], [3, 5]],
    [
      [-4, -1],
      [1, 4],
    ],
    [
      [3, 1],
      [3, 3],
    ],
    [
      [-99, 99],
      [0, 5],
    ],
    [[5], [5, 5]],
  ])('subarray(%j) takes rows as TypedArray.subarray takes elements', async (bounds, [from, to]) => {
    using x = device.tensor(counted(10), [5, 2])
    using part = x.subarray(...(bounds as [number, number?]))
    expect(part.shape).toEqual([to - from, 2])
    expect(await part.read()).toEqual(counted(10).slice(from * 2, to * 2))
  })

  test('of 4-bit elements end at whole bytes, so that writing to one leaves the next element alone', async () => {
    using x = device.tensor(Uint8Array.of(0x10, 0x32, 0x04), [5], 'uint4')
    expect(() => x.subarray(0, 3)).toThrow(code('ERR_SHAPE'))
    using last = x.subarray(2)
    last.write(Uint8Array.of(0xff, 0x0f))
    using first = x.subarray(0, 2)
    ops.zeros({ device, shape: [2], dtype: 'uint4', out: first })
    expect(await x.read()).toEqual(Uint8Array.of(0x00, 0xff, 0x0f))
  })

  test('have at most eight axes', () => {
    using x = device.tensor(Float32Array.of(1), [1])
    using y = x.view(Array(8).fill(1))
    expect(y.shape).toHaveLength(8)
    expect(() => x.view(Array(9).fill(1))).toThrow(code('ERR_SHAPE'))
  })

  test('of 4-bit elements begin at whole bytes', async () => {
    using x = device.tensor(Uint8Array.of(0x10, 0x32, 0x54), [6], 'uint4')
    using part = x.subarray(2, 6)
    expect(await part.read()).toEqual(Uint8Array.of(0x32, 0x54))
    expect(() => x.subarray(1)).toThrow(code('ERR_SHAPE'))
  })

  test('of another size are refused', () => {
    using x = device.tensor(counted(6), [6])
    for (const shape of [[5], [7], [2, 2], [-2, -3], []]) expect(() => x.view(shape)).toThrow(code('ERR_SHAPE'))
    expect(() => x.view([1.5, 4])).toThrow(code('ERR_SHAPE'))
    using one = scope(() => x.view([2, 3]).subarray(0, 1).view([3]))
    expect(() => one.view([6])).toThrow(code('ERR_SHAPE'))
    using scalar = device.tensor(counted(1), [])
    expect(() => scalar.subarray(0)).toThrow(code('ERR_SHAPE'))
  })

  test('keep their shape whatever becomes of the array that named it', () => {
    const shape = [2, 3]
    using x = device.tensor(counted(6), shape)
    using y = x.view(shape)
    shape[0] = 99
    shape.push(7)
    expect([x.shape, y.shape]).toEqual([
      [2, 3],
      [2, 3],
    ])
    expect(() => (y.shape as unknown as number[]).push(1)).toThrow(TypeError)
  })

  test('take whole numbers as bounds', () => {
    using x = device.tensor(counted(6), [6])
    for (const bound of [0.5, Number.NaN]) expect(() => x.subarray(bound)).toThrow(code('ERR_ARGUMENT'))
  })
})

describe('lifetimes', () => {
  test('a disposed tensor gives its memory back and refuses to be used', async () => {
    const before = await bytesUsed()
    const x = device.tensor(counted(4), [4])
    expect(x.disposed).toBe(false)
    x.dispose()
    x.dispose()
    x[Symbol.dispose]()
    expect(x.disposed).toBe(true)
    expect(await bytesUsed()).toBe(before)
    await expect(x.read()).rejects.toMatchObject({ code: 'ERR_DISPOSED' })
    await expect(x.item()).rejects.toBeInstanceOf(Error)
    const uses = [
      () => x.readSync(),
      () => x.write(counted(4)),
      () => x.view([4]),
      () => x.subarray(0),
      () => ops.neg({ x }),
      () => ops.zeros({ device, shape: [4], out: x }),
    ]
    for (const use of uses) expect(use).toThrow(code('ERR_DISPOSED'))
  })

  test('disposing does not disturb what was enqueued', async () => {
    const before = await bytesUsed()
    const x = device.tensor(counted(512 * 512), [512, 512])
    const y = ops.matmul({ a: x, b: x })
    const z = ops.matmul({ a: y, b: x })
    const read = z.read()
    for (const tensor of [x, y, z]) tensor.dispose()
    const [first] = await read
    using again = scope(() => {
      const x = device.tensor(counted(512 * 512), [512, 512])
      return ops.matmul({ a: ops.matmul({ a: x, b: x }), b: x })
    })
    expect(first).toBe((await again.read())[0])
    again.dispose()
    expect(await bytesUsed()).toBe(before)
  })

  test('using disposes at the end of the block', () => {
    let outside: Tensor
    {
      using x = device.tensor(counted(4), [4])
      outside = x
      expect(outside.disposed).toBe(false)
    }
    expect(outside.disposed).toBe(true)
  })

  test('a scope disposes everything but what it returns', () => {
    const made: Tensor[] = []
    const make = () => {
      const x = device.tensor(counted(4), [4])
      made.push(x)
      return x
    }
    const result = scope(() => {
      const [a, b, c, d] = [make(), make(), make(), make()]
      ops.add({ a, b, out: d })
      made.push(a.view([2, 2]))
      return { sum: c, list: [d, { deep: b }], nothing: null }
    })
    expect(made.map(({ disposed }) => disposed)).toEqual([true, false, false, false, true])
    scope(() => {
      expect(made[1].disposed).toBe(false)
    })
    for (const tensor of [result.sum, made[1], made[3]]) tensor.dispose()
  })

  test('what an inner scope returns belongs to the outer one', () => {
    const outer = scope(() => {
      const inner = scope(() => device.tensor(counted(4), [4]))
      expect(inner.disposed).toBe(false)
      return [inner.view([2, 2]), inner][0]
    })
    expect(outer.disposed).toBe(false)
    const lost = scope(() => ({ inner: scope(() => [device.tensor(counted(4), [4])])[0].shape, tensor: outer }))
    expect(lost.inner).toEqual([4])
    outer.dispose()
  })

  test('a throw disposes what its scope had made', () => {
    let x: Tensor | undefined
    const mine = new Error('mine')
    const fail = () =>
      scope(() => {
        x = device.tensor(counted(4), [4])
        throw mine
      })
    expect(fail).toThrow(mine)
    expect(x!.disposed).toBe(true)
  })

  test('a scope refuses what is awaited, and nothing is left of it', async () => {
    const before = await bytesUsed()
    const wait = async () => {
      using x = device.tensor(counted(4), [4])
      await null
      return ops.neg({ x })
    }
    expect(() => scope(wait as unknown as () => number)).toThrow(code('ERR_ARGUMENT'))
    expect(() => scope(wait as unknown as () => number)).toThrow(/^scope: fn must return at once/)
    await new Promise(setImmediate)
    expect(await bytesUsed()).toBe(before)
  })

  test('a scope takes results that refer to themselves, and does not look into typed arrays', () => {
    const result = scope(() => {
      const made: Record<string, unknown> = { x: device.tensor(counted(4), [4]), data: new Float32Array(5e6) }
      made.self = made
      return made as { x: Tensor; data: Float32Array }
    })
    expect(result.x.disposed).toBe(false)
    result.x.dispose()
    const values = vi.spyOn(Object, 'values')
    const data = new Uint8Array(8)
    expect(scope(() => [data, { data }])).toEqual([data, { data }])
    expect(values.mock.calls.flat().filter((value) => ArrayBuffer.isView(value))).toEqual([])
    values.mockRestore()
  })

  test('a kept tensor outlives all scopes', async () => {
    let kept: Tensor<'float32'> | undefined
    scope(() =>
      scope(() => {
        kept = keep(device.tensor(counted(4), [4]))
      }),
    )
    expect(await kept!.read()).toEqual(counted(4))
    kept!.dispose()
  })
})

describe('device.memory', () => {
  test('counts what is in use, at the peak, and kept for reuse', async () => {
    const bytes = 3 << 20
    const start = await bytesUsed()
    const x = device.tensor(new Uint8Array(bytes), [bytes])
    const held = device.memory()
    expect(held.used).toBe(start + bytes)
    expect(held.peak).toBeGreaterThanOrEqual(held.used)
    expect(held.total).toBeGreaterThan(held.used)
    x.dispose()
    await device.sync()
    const given = device.memory()
    expect(given.used).toBe(start)
    expect(given.peak).toBe(held.peak)
    expect(given.cached).toBe(held.cached + bytes)
    // The same size again comes out of what was kept.
    using again = device.tensor(new Uint8Array(bytes), [bytes])
    expect(device.memory()).toMatchObject({ used: start + again.size, cached: held.cached })
  })

  test('random making and disposing ends where it began', async () => {
    const start = await bytesUsed()
    const { integer, uniform } = random(7)
    const live: Tensor[] = []
    for (let i = 0; i < 400; i++)
      if (live.length > 0 && uniform() < 0.5) live.splice(integer(0, live.length - 1), 1)[0].dispose()
      else {
        const size = integer(0, 5000)
        live.push(device.tensor(counted(size), [size]))
        if (uniform() < 0.3) live.push(ops.neg({ x: live.at(-1) as Tensor<'float32'> }))
      }
    for (const tensor of live) tensor.dispose()
    expect(await bytesUsed()).toBe(start)
  })

  test('a size beyond the machine is refused before anything is touched', async () => {
    const before = await bytesUsed()
    const { total } = device.memory()
    const make = () => ops.zeros({ device, shape: [total], dtype: 'float32' })
    expect(make).toThrow(code('ERR_OUT_OF_MEMORY'))
    expect(make).toThrow(new RegExp(String(total * 4)))
    expect(await bytesUsed()).toBe(before)
  })
})

describe('an op that fails when it runs', () => {
  test('rejects every read that was enqueued before the script learnt of it, then all is well', async () => {
    using good = device.tensor(counted(2), [2])
    using bad = failLater()
    using after = ops.neg({ x: bad })
    const reads = [bad.read(), after.read(), good.read(), bad.item(), device.sync()]
    const settled = await Promise.allSettled(reads)
    for (const result of settled) expect(result).toMatchObject({ status: 'rejected', reason: outOfRange })
    expect(await good.read()).toEqual(counted(2))
    await device.sync()
    using again = failLater()
    await expect(again.read()).rejects.toMatchObject(outOfRange)
    expect(await good.read()).toEqual(counted(2))
  })

  test('does not touch reads enqueued before it', async () => {
    using good = device.tensor(counted(2), [2])
    const first = good.read()
    using bad = failLater()
    const second = bad.read()
    const failed = expect(second).rejects.toMatchObject(outOfRange)
    expect(await first).toEqual(counted(2))
    await failed
  })

  test('throws at readSync, once', () => {
    using good = device.tensor(counted(2), [2])
    using bad = failLater()
    expect(() => bad.readSync()).toThrow(expect.objectContaining(outOfRange))
    expect(good.readSync()).toEqual(counted(2))
  })

  test('is told once: later waits look at later work only', async () => {
    using bad = failLater()
    await expect(bad.read()).rejects.toMatchObject(outOfRange)
    await device.sync()
    using again = failLater()
    expect(() => again.readSync()).toThrow(expect.objectContaining(outOfRange))
    await device.sync()
  })

  test('surfaces at the next wait, even of another tensor', async () => {
    using good = device.tensor(counted(2), [2])
    failLater().dispose()
    await expect(good.read()).rejects.toMatchObject(outOfRange)
    expect(await good.read()).toEqual(counted(2))
  })

  test('what is enqueued after it does not run until it is known', async () => {
    using x = device.tensor(counted(2), [2])
    failLater().dispose()
    x.write(Float32Array.of(7, 7))
    await expect(device.sync()).rejects.toMatchObject(outOfRange)
    expect(await x.read()).toEqual(counted(2))
    x.write(Float32Array.of(7, 7))
    expect(await x.read()).toEqual(Float32Array.of(7, 7))
  })

  test('the first of several is the one told', async () => {
    using first = failLater(9)
    using second = failLater(10)
    for (const result of await Promise.allSettled([second.read(), first.read()]))
      expect(result).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining('9') } })
  })

  test('a pending read keeps its own error through later failures', async () => {
    for (let round = 0; round < 20; round++) {
      using bad = failLater(9)
      const read = bad.read()
      const failed = expect(read).rejects.toMatchObject({ message: expect.stringContaining('9') })
      for (let i = 0; i < 20; i++) {
        using next = failLater(100 + i)
        expect(() => next.readSync()).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }))
      }
      await failed
    }
  })

  test('gives its memory back like any other', async () => {
    const before = await bytesUsed()
    for (let i = 0; i < 10; i++) {
      using bad = failLater()
      await expect(bad.read()).rejects.toMatchObject(outOfRange)
    }
    expect(await bytesUsed()).toBe(before)
  })
})

describe('a device', () => {
  test('opened twice is one device with memory in common', async () => {
    const second = await openDevice(device.handle())
    using x = second.tensor(counted(4), [4])
    expect(second.id).toBe('cpu')
    expect(second.memory()).toEqual(device.memory())
    using y = ops.neg({ x })
    await second.dispose()
    expect(await y.read()).toEqual(counted(4).map((value) => -value))
    expect(() => second.tensor(counted(1), [1])).toThrow(code('ERR_DISPOSED'))
    expect(await device.sync()).toBeUndefined()
  })

  test('once disposed refuses calls, idempotently; its tensors can still be read', async () => {
    const other = await openDevice('cpu')
    const x = other.tensor(counted(4), [4])
    const read = x.read()
    const disposed = other.dispose()
    expect(() => other.memory()).toThrow(code('ERR_DISPOSED'))
    await expect(other.sync()).rejects.toMatchObject({ code: 'ERR_DISPOSED' })
    await disposed
    await other.dispose()
    expect(await read).toEqual(counted(4))
    expect(x.readSync()).toEqual(counted(4))
    x.dispose()
  })

  test('can be named by its parts', async () => {
    for (const address of [{ backend: 'cpu' }, { backend: 'cpu', adapter: 0 }] as const) {
      const other = await openDevice(address)
      expect(other.id).toBe('cpu')
      await other.dispose()
    }
    for (const address of [
      { backend: 'cpu', adapter: 1 },
      { backend: 'cuda', adapter: 7 },
    ] as const)
      await expect(openDevice(address)).rejects.toMatchObject({
        code: 'ERR_DEVICE_ABSENT',
        message: expect.stringContaining(`${address.backend}:${address.adapter}`),
      })
  })

  test('tells what only its backend knows, numbers as numbers', () => {
    const { isa, isas, threads } = device.info.details
    expect(isas).toContain(isa)
    expect(threads).toBeGreaterThan(0)
  })

  test('open already, is not opened with other threads, and the message says what to do', async () => {
    const { threads } = device.info.details
    const opened = openDevice('cpu', { threads: threads! + 1 })
    await expect(opened).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
      message: `openDevice: threads of cpu must be what it was opened with first, one per core, but they are ${threads! + 1}; leave them out, or dispose it everywhere first`,
    })
  })

  test('is disposed of whatever failed on it before, so that nothing hides the error of a block', async () => {
    const other = await openDevice('cpu')
    using table = other.weight({ format: 'float32', shape: [2, 1], parts: { data: new Float32Array(2) } })
    using ids = other.tensor(Int32Array.of(9), [1])
    ops.embedding({ table, ids }).dispose()
    await expect(other.dispose()).resolves.toBeUndefined()
    await expect(device.sync()).resolves.toBeUndefined()
  })

  test.each(['cuda:7', 'dml:0', 'gpu', ''])('named %j is absent, and says so', async (name) => {
    await expect(openDevice(name as 'cpu')).rejects.toMatchObject({
      code: 'ERR_DEVICE_ABSENT',
      message: expect.stringContaining(name),
    })
  })

  test.each([-1, 0.5, 5000])('refuses %d threads', async (threads) => {
    await expect(openDevice('cpu', { threads })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' })
  })
})
