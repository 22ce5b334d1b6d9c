import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, keep, openDevice, ops, path, record, scope, type Tensor } from '../../lib/index.js'
import { random } from '../support/random.js'

let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.dispose())

type F32 = Tensor<'float32'>
const code = (name: string) => expect.objectContaining({ code: name })
const normal = (seed: number, count: number) => {
  const { normal } = random(seed)
  return Float32Array.from({ length: count }, () => normal())
}
const floats = (seed: number, shape: readonly number[]): F32 =>
  device.tensor(
    normal(
      seed,
      shape.reduce((a, b) => a * b, 1),
    ),
    shape,
  )

async function bytesUsed(): Promise<number> {
  await device.sync()
  return device.memory().used
}

/** A program over [rows, columns] tensors that draws its operands from everything made so far. */
function randomProgram(seed: number, rows: number, columns: number, length: number) {
  const { integer, uniform } = random(seed)
  const steps: ((made: F32[], weight: F32, square: F32) => F32)[] = []
  for (let i = 0; i < length; i++) {
    const kind = integer(0, 13)
    // Mostly recent operands, now and then one whose memory has been waiting for long.
    const pick = () => {
      const at = uniform() < 0.6 ? integer(Math.max(0, i - 2), i) : integer(0, i)
      return (made: F32[]) => made[at]
    }
    const [a, b, c] = [pick(), pick(), pick()]
    const at = integer(1, rows - 1)
    steps.push((made, weight, square) => {
      const x = a(made)
      const y = b(made)
      switch (kind) {
        case 0:
        case 1:
          return ops.add({ a: x, b: y })
        case 2:
        case 3:
          // The pair that a plan fuses, where nothing stands between.
          return ops.rmsNorm({ x: ops.add({ a: x, b: y }), weight })
        case 4:
          return ops.rmsNorm({ x, weight })
        case 5:
          return ops.tanh({ x: ops.mul({ a: x, b: y }) })
        case 6:
          return ops.sub({ a: x, b: ops.mean({ x: y, axis: 1, keepDims: true }) })
        case 7:
          return ops.softmax({ x })
        case 8:
          return ops.rmsNorm({ x: ops.matmul({ a: x, b: square }), weight })
        case 9:
          return ops.siluMul({ x: ops.concat({ xs: [x, y], axis: 1 }) })
        case 10:
          return ops.concat({ xs: [x.subarray(at), y.subarray(0, at)], axis: 0 }) as F32
        case 11:
          return ops.transpose({ x: ops.transpose({ x, permutation: [1, 0] }), permutation: [1, 0] })
        case 12: {
          // In place, and through a view of a fresh tensor.
          const own = ops.copy({ x }) as F32
          ops.neg({ x: own.view([columns, rows]), out: own.view([columns, rows]) })
          return ops.maximum({ a: own, b: c(made), out: own }) as F32
        }
        default:
          return ops.where({ condition: ops.cast({ x: y, dtype: 'uint8' }), a: x, b: c(made) }) as F32
      }
    })
  }
  return (x: F32, weight: F32, square: F32): F32[] => {
    const made = [x]
    for (const step of steps) made.push(step(made, weight, square))
    return made
  }
}

describe('a plan', () => {
  test('gives what the same calls give one by one, for random programs and every run', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const { integer } = random(seed)
      const [rows, columns] = [integer(2, 5), integer(1, 40)]
      const program = randomProgram(seed, rows, columns, 24)
      using x = floats(seed, [rows, columns])
      using weight = floats(seed + 1000, [columns])
      using square = floats(seed + 2000, [columns, columns])
      using plan = record(device, { inputs: { x } }, (inputs) => {
        const made = program(inputs.x, weight, square)
        return { last: made[24], middle: made[12], early: made[3] }
      })
      for (const run of [1, 2]) {
        const data = normal(seed * 10 + run, rows * columns)
        const actual = await plan.run({ x: data }, { read: ['last', 'middle', 'early'] })
        const expected = scope(() => {
          const made = program(device.tensor(data, [rows, columns]), weight, square)
          return { last: keep(made[24]), middle: keep(made[12]), early: keep(made[3]) }
        })
        for (const name of ['last', 'middle', 'early'] as const) {
          expect(actual[name], `seed ${seed}, run ${run}, ${name}`).toEqual(await expected[name].read())
          expect(await plan.outputs[name].read()).toEqual(actual[name])
          expected[name].dispose()
        }
      }
    }
  })

  test('keeps intermediates in shared memory', async () => {
    using x = floats(1, [256, 256])
    const bytes = 256 * 256 * 4
    const before = await bytesUsed()
    const plan = record(device, { inputs: { x } }, ({ x }) => {
      let y: F32 = x
      for (let i = 0; i < 20; i++) y = ops.tanh({ x: y })
      return { y }
    })
    const recorded = await bytesUsed()
    // The output, and at any time one intermediate that is read beside one that is written.
    expect(recorded - before).toBe(3 * bytes)
    await plan.run()
    expect(await bytesUsed()).toBe(recorded)
    plan.dispose()
    expect(await bytesUsed()).toBe(before)
  })

  test('writes only the inputs that are given', async () => {
    using a = device.tensor(Float32Array.of(1), [1])
    using b = device.tensor(Float32Array.of(10), [1])
    using plan = record(device, { inputs: { a, b } }, ({ a, b }) => ({ sum: ops.add({ a, b }) }))
    expect((await plan.run({}, { read: ['sum'] })).sum).toEqual(Float32Array.of(11))
    expect((await plan.run({ a: 2 }, { read: ['sum'] })).sum).toEqual(Float32Array.of(12))
    b.write(Float32Array.of(20))
    expect((await plan.run({}, { read: ['sum'] })).sum).toEqual(Float32Array.of(22))
    expect(await plan.run({ a: 3 })).toEqual({})
    expect(await plan.outputs.sum.read()).toEqual(Float32Array.of(23))
  })

  test('runs in the order of the calls, without waiting between them', async () => {
    using x = device.tensor(Int32Array.of(0), [1])
    using total = device.tensor(Int32Array.of(0), [1])
    using plan = record(device, { inputs: { x } }, ({ x }) => {
      ops.add({ a: total, b: x, out: total })
      return { seen: ops.copy({ x: total }) }
    })
    const runs = Array.from({ length: 50 }, (_, i) => plan.run({ x: i + 1 }, { read: ['seen'] }))
    const seen = (await Promise.all(runs)).map(({ seen }) => seen[0])
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => ((i + 1) * (i + 2)) / 2))
    expect(await total.item()).toBe(1275)
  })

  test('snapshots what it is given', async () => {
    using x = device.tensor(Float32Array.of(1), [1])
    using plan = record(device, { inputs: { x } }, ({ x }) => ({ y: ops.neg({ x }) }))
    const data = Float32Array.of(5)
    const run = plan.run({ x: data }, { read: ['y'] })
    data[0] = 6
    expect((await run).y).toEqual(Float32Array.of(-5))
  })

  test('keeps what it uses alive', async () => {
    const x = floats(1, [8])
    const other = floats(2, [8])
    const sum = Float32Array.from(await x.read(), (value, i) => value + normal(2, 8)[i])
    using plan = record(device, { inputs: { x } }, ({ x }) => ({ y: ops.add({ a: x, b: other }) }))
    x.dispose()
    other.dispose()
    // Fresh tensors would take over memory that had been given back.
    const fresh = Array.from({ length: 8 }, () => ops.full({ device, shape: [8], value: 7 }))
    expect((await plan.run({}, { read: ['y'] })).y).toEqual(sum)
    for (const tensor of fresh) tensor.dispose()
  })

  test('may hold constants, views and tensors that existed before', async () => {
    using x = floats(1, [2, 3])
    using before = floats(2, [2, 3])
    using plan = record(device, { inputs: { x } }, ({ x }) => {
      const doubled = ops.mul({ a: x, b: device.tensor(Float32Array.of(2), [1]) })
      return { row: doubled.subarray(1), same: before, input: x, twice: doubled, again: doubled }
    })
    const data = Float32Array.of(1, 2, 3, 4, 5, 6)
    const { row, same, input, twice, again } = await plan.run(
      { x: data },
      { read: ['row', 'same', 'input', 'twice', 'again'] },
    )
    expect(row).toEqual(Float32Array.of(8, 10, 12))
    expect(twice).toEqual(data.map((value) => 2 * value))
    expect(again).toEqual(twice)
    expect(same).toEqual(await before.read())
    expect(input).toEqual(data)
  })

  test('lists its calls with their paths', () => {
    using x = floats(1, [4])
    using plan = record(device, { inputs: { x } }, ({ x }) => {
      const y = path('layer.0', () => ops.tanh({ x }))
      return { y: ops.neg({ x: path('layer.1', () => ops.exp({ x: y })) }) }
    })
    expect(plan.calls).toEqual([
      { path: 'layer.0', op: 'tanh' },
      { path: 'layer.1', op: 'exp' },
      { path: '', op: 'neg' },
    ])
  })

  test('is one native call a run', async () => {
    using x = floats(1, [4])
    using plan = record(device, { inputs: { x } }, ({ x }) => ({
      y: ops.tanh({ x: ops.exp({ x }) }),
      z: ops.neg({ x }),
    }))
    const before = device.counters()
    await plan.run({ x: new Float32Array(4) }, { read: ['y', 'z'] })
    const after = device.counters()
    expect(after).toEqual({ calls: before.calls + 1, replays: before.replays + 1, bytesRead: before.bytesRead + 32 })
  })
})

describe('while recording', () => {
  test('reading and writing are refused', async () => {
    using x = floats(1, [1])
    using plan = record(device, { inputs: {} }, () => ({ y: ops.zeros({ device, shape: [1] }) }))
    const refused: Promise<unknown>[] = []
    record(device, { inputs: { x } }, ({ x }) => {
      const y = ops.neg({ x })
      for (const tensor of [x, y]) {
        expect(() => tensor.write(Float32Array.of(1))).toThrow(code('ERR_RECORDING'))
        expect(() => tensor.readSync()).toThrow(code('ERR_RECORDING'))
        for (const promise of [tensor.read(), tensor.item()])
          refused.push(expect(promise).rejects.toMatchObject({ code: 'ERR_RECORDING' }))
      }
      refused.push(expect(plan.run()).rejects.toMatchObject({ code: 'ERR_RECORDING' }))
      return { y }
    }).dispose()
    await Promise.all(refused)
    expect(refused).toHaveLength(5)
    expect(await x.read()).toEqual(normal(1, 1))
  })

  test('nothing runs', async () => {
    using x = floats(1, [4])
    using before = ops.copy({ x })
    using plan = record(device, { inputs: { x } }, ({ x }) => ({ x: ops.neg({ x, out: x }) as F32 }))
    expect(await x.read()).toEqual(await before.read())
    await plan.run()
    expect(await x.read()).toEqual((await before.read()).map((value) => -value))
  })

  test('a throw cancels: the device works on, and nothing stays behind', async () => {
    using x = floats(1, [64, 64])
    const before = await bytesUsed()
    const mine = new Error('mine')
    let made: F32 | undefined
    const fail = () =>
      record(device, { inputs: { x } }, ({ x }) => {
        made = path('layer.0', () => ops.neg({ x }))
        path('layer.1', () => {
          throw mine
        })
        return { made }
      })
    expect(fail).toThrow(mine)
    expect(made!.disposed).toBe(true)
    expect(await bytesUsed()).toBe(before)
    expect(await x.read()).toEqual(normal(1, 64 * 64))
    using plan = record(device, { inputs: { x } }, ({ x }) => ({ y: path('layer.0', () => ops.neg({ x })) }))
    expect((await plan.run({}, { read: ['y'] })).y).toEqual(normal(1, 64 * 64).map((value) => -value))
  })

  test('a wrong call cancels like any other throw', async () => {
    using x = floats(1, [2, 3])
    using y = floats(2, [2, 3])
    expect(() => record(device, { inputs: { x } }, ({ x }) => ({ z: ops.matmul({ a: x, b: y }) }))).toThrow(
      code('ERR_SHAPE'),
    )
    expect(await x.read()).toHaveLength(6)
  })

  test('another record is refused, and the first goes on', async () => {
    using x = floats(1, [4])
    using plan = record(device, { inputs: { x } }, ({ x }) => {
      const y = ops.neg({ x })
      expect(() => record(device, { inputs: { x } }, ({ x }) => ({ z: ops.exp({ x }) }))).toThrow(code('ERR_RECORDING'))
      return { y: ops.neg({ x: y }) }
    })
    expect(plan.calls.map(({ op }) => op)).toEqual(['neg', 'neg'])
    expect((await plan.run({}, { read: ['y'] })).y).toEqual(normal(1, 4))
  })

  test('paths nest, and end with their function, also when it throws', () => {
    using x = floats(1, [4])
    using plan = record(device, { inputs: { x } }, ({ x }) => {
      const failed = () =>
        path('broken', () => {
          throw new Error('no')
        })
      const y = path('layer.7', () => {
        expect(failed).toThrow('no')
        return ops.neg({ x: path('mlp', () => path('down', () => ops.exp({ x }))) })
      })
      return { y: ops.tanh({ x: y }) }
    })
    expect(plan.calls).toEqual([
      { path: 'layer.7.mlp.down', op: 'exp' },
      { path: 'layer.7', op: 'neg' },
      { path: '', op: 'tanh' },
    ])
  })

  test('a path that is no word, or whose function is async, is refused', () => {
    for (const name of ['', 7, undefined]) expect(() => path(name as string, () => 1)).toThrow(code('ERR_ARGUMENT'))
    expect(() => path('later', async () => 1)).toThrow(code('ERR_ARGUMENT'))
  })

  test('an async function is refused', () => {
    using x = floats(1, [4])
    const wrong = (async () => ({})) as unknown as () => Record<string, Tensor>
    expect(() => record(device, { inputs: { x } }, wrong)).toThrow(code('ERR_ARGUMENT'))
    const none = (() => ({ y: 5 })) as unknown as () => Record<string, Tensor>
    expect(() => record(device, { inputs: { x } }, none)).toThrow(/y must be a tensor/)
    expect(x.disposed).toBe(false)
  })
})

test('a run with a wrong input writes none of them', async () => {
  using a = device.tensor(Float32Array.of(1), [1])
  using b = device.tensor(Float32Array.of(1), [1])
  using plan = record(device, { inputs: { a, b } }, ({ a, b }) => ({ y: ops.add({ a, b }) }))
  await expect(plan.run({ a: Float32Array.of(100), b: new Float32Array(2) })).rejects.toThrow(code('ERR_ARGUMENT'))
  expect((await plan.run({}, { read: ['y'] })).y).toEqual(Float32Array.of(2))
})

describe('tensors of a recording', () => {
  test('that are not returned are disposed', () => {
    using x = floats(1, [4])
    const made: Tensor[] = []
    using plan = record(device, { inputs: { x } }, ({ x }) => {
      const y = ops.exp({ x })
      made.push(y, y.view([2, 2]), device.tensor(Float32Array.of(1), [1]))
      return { z: ops.neg({ x: y }) }
    })
    expect(made.map(({ disposed }) => disposed)).toEqual([true, true, true])
    expect(plan.outputs.z.disposed).toBe(false)
    expect(x.disposed).toBe(false)
  })

  test('cannot be smuggled out: they never had memory of their own', async () => {
    using x = floats(1, [4])
    let smuggled: F32 | undefined
    using plan = record(device, { inputs: { x } }, ({ x }) => {
      smuggled = keep(ops.exp({ x }))
      return { z: ops.neg({ x: smuggled }) }
    })
    const made = smuggled as F32
    expect(() => made.readSync()).toThrow(code('ERR_DISPOSED'))
    expect(() => made.write(new Float32Array(4))).toThrow(code('ERR_DISPOSED'))
    expect(() => ops.neg({ x: made })).toThrow(code('ERR_DISPOSED'))
    expect(() => record(device, { inputs: { x } }, ({ x }) => ({ y: ops.add({ a: x, b: made }) }))).toThrow(
      code('ERR_DISPOSED'),
    )
    const failed = () =>
      record(device, { inputs: { x } }, ({ x }) => {
        smuggled = keep(ops.exp({ x }))
        throw new Error('mine')
      })
    expect(failed).toThrow('mine')
    expect(() => (smuggled as F32).readSync()).toThrow(code('ERR_DISPOSED'))
    using expected = scope(() => ops.neg({ x: ops.exp({ x }) }))
    expect((await plan.run({}, { read: ['z'] })).z).toEqual(await expected.read())
  })

  test('go with the plan, but those that existed before stay', async () => {
    using x = floats(1, [4])
    const state = device.tensor(new Float32Array(4), [4])
    const plan = record(device, { inputs: { x } }, ({ x }) => ({
      state: ops.add({ a: state, b: x, out: state }) as F32,
      y: ops.neg({ x }),
      x,
    }))
    await plan.run()
    plan.dispose()
    expect(plan.outputs.y.disposed).toBe(true)
    expect([x.disposed, state.disposed]).toEqual([false, false])
    expect(await state.read()).toEqual(normal(1, 4))
    state.dispose()
  })

  test('that a plan returns outlive the scope it was recorded in', async () => {
    using x = floats(1, [4])
    using plan = scope(() => {
      const before = device.tensor(Float32Array.of(2), [1])
      return { plan: record(device, { inputs: { x } }, ({ x }) => ({ y: ops.mul({ a: x, b: before }) })) }
    }).plan
    expect((await plan.run({}, { read: ['y'] })).y).toEqual(normal(1, 4).map((value) => 2 * value))
  })
})

describe('wrong uses of a plan', () => {
  test.each([
    ['an unknown input', { z: 1 }, [], /unknown input z/],
    ['too few bytes', { x: new Float32Array(3) }, [], /input 0 must have 16 bytes, but it has 12/],
    ['too many bytes', { x: new Float32Array(5) }, [], /must have 16 bytes/],
    ['a number for several elements', { x: 1 }, [], /must have 16 bytes/],
    ['a number for a 16-bit float', { half: 1 }, [], /float16 must be given as a typed array/],
    ['an unknown output', {}, ['z'], /read must be among y, but it is z/],
  ])('%s', async (_, inputs, read, message) => {
    using x = floats(1, [4])
    using half = device.tensor(new Uint16Array(1), [1], 'float16')
    using plan = record(device, { inputs: { x, half } }, ({ x }) => ({ y: ops.neg({ x }) }))
    const run = plan.run as (values: object, options: { read: readonly string[] }) => Promise<unknown>
    await expect(run.call(plan, inputs, { read })).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_(ARGUMENT|DTYPE)$/),
      message: expect.stringMatching(message),
    })
    expect((await plan.run({}, { read: ['y'] })).y).toEqual(normal(1, 4).map((value) => -value))
  })

  test('after dispose, which may be repeated', async () => {
    using x = floats(1, [4])
    const plan = record(device, { inputs: { x } }, ({ x }) => ({ y: ops.neg({ x }) }))
    plan.dispose()
    plan.dispose()
    plan[Symbol.dispose]()
    await expect(plan.run()).rejects.toMatchObject({ code: 'ERR_DISPOSED' })
    expect(() => plan.calls).toThrow(code('ERR_DISPOSED'))
    expect(() => plan.outputs.y.readSync()).toThrow(code('ERR_DISPOSED'))
    expect(x.disposed).toBe(false)
  })

  test('a run in flight finishes when the plan is disposed', async () => {
    using x = floats(1, [256, 256])
    const plan = record(device, { inputs: { x } }, ({ x }) => ({
      y: ops.matmul({ a: ops.matmul({ a: x, b: x }), b: x }),
    }))
    const expected = (await plan.run({}, { read: ['y'] })).y
    const runs = [plan.run({}, { read: ['y'] }), plan.run({}, { read: ['y'] })]
    plan.dispose()
    for (const { y } of await Promise.all(runs)) expect(y).toEqual(expected)
  })

  test('an error names op, path and device, and the next run works', async () => {
    using table = device.weight({
      format: 'float32',
      shape: [4, 2],
      parts: { data: Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7) },
    })
    using ids = device.tensor(Int32Array.of(0), [1])
    using plan = record(device, { inputs: { ids } }, ({ ids }) => ({
      y: path('layer.7', () => ops.embedding({ table, ids })),
    }))
    const error = await plan.run({ ids: 9 }, { read: ['y'] }).catch((error) => error)
    expect(error).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    expect(error.message).toMatch(/^embedding: .*9.*in layer\.7 on cpu/)
    expect((await plan.run({ ids: 3 }, { read: ['y'] })).y).toEqual(Float32Array.of(6, 7))
  })
})

describe('fusion', () => {
  const names = (plan: { calls: { op: string }[] }) => plan.calls.map(({ op }) => op)

  /** Sum and norm by two eager calls. */
  async function apart(a: Tensor<'float32'>, b: Tensor<'float32'>, weight: Tensor<'float32'>) {
    using sum = ops.add({ a, b })
    using y = ops.rmsNorm({ x: sum, weight, epsilon: 1e-3 })
    return { sum: await sum.read(), y: await y.read() }
  }

  test.each([
    [1, 8],
    [5, 33],
    [64, 256],
  ])('add and rmsNorm of [%i, %i] become addRmsNorm with equal results', async (rows, columns) => {
    using a = floats(1, [rows, columns])
    using b = floats(2, [rows, columns])
    using weight = floats(3, [columns])
    using plan = record(device, { inputs: { a, b } }, ({ a, b }) => {
      const sum = ops.add({ a, b })
      return { sum, y: ops.rmsNorm({ x: sum, weight, epsilon: 1e-3 }) }
    })
    expect(names(plan)).toEqual(['addRmsNorm'])
    expect(await plan.run({}, { read: ['sum', 'y'] })).toEqual(await apart(a, b, weight))
  })

  test('a sum that only the norm and a later call see is still written', async () => {
    using a = floats(1, [3, 8])
    using b = floats(2, [3, 8])
    using weight = floats(3, [8])
    using plan = record(device, { inputs: { a, b } }, ({ a, b }) => {
      const sum = ops.add({ a, b })
      const y = ops.rmsNorm({ x: sum, weight, epsilon: 1e-3 })
      return { difference: ops.sub({ a: sum, b: y }) }
    })
    expect(names(plan)).toEqual(['addRmsNorm', 'sub'])
    const { sum, y } = await apart(a, b, weight)
    expect((await plan.run({}, { read: ['difference'] })).difference).toEqual(
      sum.map((value, i) => Math.fround(value - y[i])),
    )
  })

  test('two pairs in a row fuse both', () => {
    using x = floats(1, [3, 8])
    using weight = floats(3, [8])
    using plan = record(device, { inputs: { x } }, ({ x }) => {
      let sum: F32 = x
      let y: F32 = x
      for (let i = 0; i < 2; i++) {
        sum = ops.add({ a: sum, b: y })
        y = ops.rmsNorm({ x: sum, weight })
      }
      return { y }
    })
    expect(names(plan)).toEqual(['addRmsNorm', 'addRmsNorm'])
  })

  test('equals the two calls in 16 bits', async () => {
    const half = (seed: number, shape: number[]) => scope(() => ops.cast({ x: floats(seed, shape), dtype: 'float16' }))
    using a = half(1, [4, 16])
    using b = half(2, [4, 16])
    using weight = half(3, [16])
    using sum = ops.add({ a, b })
    using y = ops.rmsNorm({ x: sum, weight })
    using plan = record(device, { inputs: {} }, () => {
      const sum = ops.add({ a, b })
      return { sum, y: ops.rmsNorm({ x: sum, weight }) }
    })
    expect(names(plan)).toEqual(['addRmsNorm'])
    expect(await plan.run({}, { read: ['sum', 'y'] })).toEqual({ sum: await sum.read(), y: await y.read() })
  })

  // The steps are found through the data: they need be no neighbours.
  const distant: [string, (a: F32, b: F32, weight: F32) => { sum: F32; y: F32 }, string[]][] = [
    [
      'in two paths',
      (a, b, weight) => {
        const sum = path('layer.0', () => ops.add({ a, b }))
        return { sum, y: path('layer.1', () => ops.rmsNorm({ x: sum, weight })) }
      },
      ['addRmsNorm'],
    ],
    [
      'with a call between that reads an operand',
      (a, b, weight) => {
        const sum = ops.add({ a, b })
        ops.neg({ x: a })
        return { sum, y: ops.rmsNorm({ x: sum, weight }) }
      },
      ['neg', 'addRmsNorm'],
    ],
    [
      'with a call between that reads the sum',
      (a, b, weight) => {
        const sum = ops.add({ a, b })
        const other = ops.neg({ x: sum })
        return { sum: other, y: ops.rmsNorm({ x: sum, weight }) }
      },
      ['addRmsNorm', 'neg'],
    ],
    [
      'with a call between that makes the weight',
      (a, b, weight) => {
        const sum = ops.add({ a, b })
        const own = ops.neg({ x: weight })
        return { sum, y: ops.rmsNorm({ x: sum, weight: own }) }
      },
      ['neg', 'addRmsNorm'],
    ],
  ]
  test.each(distant)('%s, with equal results', async (_, program, expected) => {
    using a = floats(1, [3, 8])
    using b = floats(2, [3, 8])
    using weight = floats(3, [8])
    using plan = record(device, { inputs: { a, b, weight } }, ({ a, b, weight }) => program(a, b, weight))
    expect(names(plan)).toEqual(expected)
    const eager = program(a, b, weight)
    const wanted = { sum: await eager.sum.read(), y: await eager.y.read() }
    for (const tensor of Object.values(eager)) tensor.dispose()
    expect(await plan.run({}, { read: ['sum', 'y'] })).toEqual(wanted)
  })

  test('takes the path of its first step', () => {
    using a = floats(1, [3, 8])
    using plan = record(device, { inputs: { a } }, ({ a }) => {
      const x = path('layer.0', () => ops.add({ a, b: a }))
      return { y: path('layer.1', () => ops.rmsNorm({ x, weight: a.subarray(0, 1).view([8]) as F32 })) }
    })
    expect(plan.calls).toEqual([{ path: 'layer.0', op: 'addRmsNorm' }])
  })

  // Each of these would give something else, or cannot be written as the fused op.
  const unfused: [string, (a: F32, b: F32, weight: F32) => { sum: F32; y: F32 }][] = [
    [
      'a sum that is broadcast',
      (a, b, weight) => {
        const sum = ops.add({ a, b: b.subarray(0, 1) })
        return { sum, y: ops.rmsNorm({ x: sum, weight }) }
      },
    ],
    [
      'a pair with a write to the sum between',
      (a, b, weight) => {
        const sum = ops.add({ a, b })
        ops.tanh({ x: sum, out: sum })
        return { sum, y: ops.rmsNorm({ x: sum, weight }) }
      },
    ],
    [
      'a pair with a reader of the sum and a writer of the weight between',
      (a, b, weight) => {
        const own = ops.copy({ x: weight }) as F32
        const sum = ops.add({ a, b })
        ops.mean({ x: sum, axis: 0, out: own })
        return { sum, y: ops.rmsNorm({ x: sum, weight: own }) }
      },
    ],
    [
      'a sum in place',
      (a, b, weight) => {
        const sum = ops.copy({ x: a }) as F32
        ops.add({ a: sum, b, out: sum })
        return { sum, y: ops.rmsNorm({ x: sum, weight }) }
      },
    ],
    [
      'a norm in place',
      (a, b, weight) => {
        const sum = ops.add({ a, b })
        return { sum, y: ops.rmsNorm({ x: sum, weight, out: sum }) as F32 }
      },
    ],
    [
      'a weight that is part of the sum',
      (a, b) => {
        const sum = ops.add({ a, b })
        return { sum, y: ops.rmsNorm({ x: sum, weight: sum.subarray(1, 2).view([8]) as F32 }) }
      },
    ],
    [
      'a norm of only some of the sum',
      (a, b, weight) => {
        const sum = ops.add({ a, b })
        return { sum, y: ops.rmsNorm({ x: sum.subarray(1), weight }) }
      },
    ],
  ]
  test.each(unfused)('%s is left alone, with equal results', async (_, program) => {
    using a = floats(1, [3, 8])
    using b = floats(2, [3, 8])
    using weight = floats(3, [8])
    using plan = record(device, { inputs: { a, b, weight } }, ({ a, b, weight }) => program(a, b, weight))
    expect(names(plan)).not.toContain('addRmsNorm')
    const eager = program(a, b, weight)
    const expected = { sum: await eager.sum.read(), y: await eager.y.read() }
    for (const tensor of Object.values(eager)) tensor.dispose()
    expect(await plan.run({}, { read: ['sum', 'y'] })).toEqual(expected)
  })
})
