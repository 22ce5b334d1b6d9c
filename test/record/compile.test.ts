import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, listDevices, openDevice, ops, path, record, type Tensor } from '../../lib/index.js'
import { fakeCounts, isFake, withEnvironment } from '../cuda/fake.js'
import { temporaryFolder } from '../support/shared.js'

// Plans are compiled behind the script's back: what it does meanwhile gives what it would have given.

const countsFile = join(await temporaryFolder(), 'counts')
process.env.LOPHI_FAKE_CUDA_COUNTS = countsFile
const { devices } = await listDevices()
// the compiled package: beside the tests' sources it is dist/, beside compiled tests lib/
const built = new URL(import.meta.url.endsWith('.ts') ? '../../dist/index.js' : '../../lib/index.js', import.meta.url)
const slowly = { LOPHI_FAKE_CUDA_DELAY: 'cuGraphInstantiate:150' }

describe.each(devices.map(({ id }) => id))('a plan that has just been recorded on %s', (id) => {
  let device: Device
  beforeAll(async () => {
    device = await openDevice({ id })
  })
  afterAll(() => device[Symbol.asyncDispose]())

  type F32 = Tensor<'float32'>
  const filled = (value: number, count = 4): F32 => device.tensor(new Float32Array(count).fill(value), [1, count])
  const doubled = (x: F32) =>
    record(device, { inputs: { x } }, ({ x }) => {
      const sum = path('layer.3', () => ops.add({ a: x, b: x }))
      return { y: ops.copy({ x: sum }) as F32 }
    })

  test('runs in its turn among eager calls, uploads and downloads', () =>
    withEnvironment(slowly, async () => {
      using x = filled(1)
      using other = filled(10)
      using plan = doubled(x)
      const first = plan.run({}, { read: ['y'] })
      using seen = ops.add({ a: plan.outputs.y, b: other })
      const data = new Float32Array(4).fill(3)
      const second = plan.run({ x: data }, { read: ['y'] })
      data.fill(99)
      const written = new Float32Array(4).fill(5)
      x.write(written)
      written.fill(99)
      const third = plan.run({}, { read: ['y'] })
      using after = ops.add({ a: plan.outputs.y, b: other })
      expect((await third).y[0]).toBe(10)
      expect([(await first).y[3], (await second).y[3]]).toEqual([2, 6])
      expect([[...(await seen.read())], (await after.read())[0]]).toEqual([[12, 12, 12, 12], 20])
    }))

  test('takes uploads of any size, and a read that blocks', () =>
    withEnvironment(slowly, async () => {
      const count = 5_000_000
      using x = filled(1, count)
      using plan = doubled(x)
      const run = plan.run()
      const data = new Float32Array(count).fill(7)
      x.write(data)
      data.fill(99)
      using y = ops.copy({ x }) as F32
      const read = y.readSync()
      expect(read.length).toBe(count)
      expect(read.every((value) => value === 7)).toBe(true)
      expect(plan.outputs.y.readSync()[count - 1]).toBe(2)
      await run
    }))

  test('is noticed to be compiled every time, whichever of two threads comes first', async () => {
    using x = filled(2)
    for (let i = 0; i < 300; i++) {
      using plan = doubled(x)
      expect((await plan.run({}, { read: ['y'] })).y[0]).toBe(4)
    }
  })

  test('gives back its memory when it is disposed before it is compiled, or has run', () =>
    withEnvironment(slowly, async () => {
      using x = filled(4)
      await device.sync()
      const { used } = device.memory()
      doubled(x).dispose()
      const plan = doubled(x)
      const run = plan.run({}, { read: ['y'] })
      plan.dispose()
      expect([...(await run).y]).toEqual([8, 8, 8, 8])
      await device.sync()
      expect(device.memory().used).toBe(used)
    }))

  test('belongs to a process that may end before it is compiled', () => {
    const script = `
      const { openDevice, ops, record } = await import(${JSON.stringify(built.href)})
      const device = await openDevice(${JSON.stringify(id)})
      const x = device.tensor(new Float32Array(4), [1, 4])
      const plan = record(device, { inputs: { x } }, ({ x }) => ({ y: ops.add({ a: x, b: x }) }))
      process.argv.includes('run') && plan.run({}, { read: ['y'] })
      process.argv.includes('exit') && process.exit(0)`
    for (const args of [[], ['run'], ['exit'], ['run', 'exit']]) {
      const { stderr, status, signal } = spawnSync(execPath, ['--input-type=module', '-e', script, ...args], {
        encoding: 'utf8',
        env: { ...process.env, ...slowly, NODE_OPTIONS: '' },
      })
      expect({ args, stderr, status, signal }).toEqual({ args, stderr: '', status: 0, signal: null })
    }
  })
})

const fakes = devices.filter(({ name }) => name === 'SIMT emulator')
describe.runIf(fakes.length > 0)('a plan that takes long to compile', () => {
  let device: Device
  beforeAll(async () => {
    device = await openDevice('cuda:0')
    expect(isFake(device)).toBe(true)
  })
  afterAll(() => device[Symbol.asyncDispose]())

  const recorded = (x: Tensor<'float32'>) =>
    record(device, { inputs: { x } }, ({ x }) => ({ y: path('layer.3', () => ops.add({ a: x, b: x })) }))

  test('holds up neither the script nor what was enqueued before it', () =>
    withEnvironment({ LOPHI_FAKE_CUDA_DELAY: 'cuGraphInstantiate:1000' }, async () => {
      const launches = () => fakeCounts(countsFile).graphLaunches
      using x = device.tensor(Float32Array.of(1, 2), [2])
      const before = launches()
      using earlier = ops.add({ a: x, b: x })
      const read = earlier.read()
      using plan = recorded(x)
      const run = plan.run({}, { read: ['y'] })
      expect([...(await read)]).toEqual([2, 4])
      expect(launches()).toBe(before)
      expect([...(await run).y]).toEqual([2, 4])
      expect(launches()).toBe(before + 1)
    }))

  test.each([
    ['cuLaunchKernelEx:1:1', /^add_float32: cuLaunchKernelEx: CUDA_ERROR_INVALID_VALUE.*\(in layer\.3 on cuda:0\)$/],
    ['cuGraphInstantiate:1:1', /^cuGraphInstantiate: CUDA_ERROR_INVALID_VALUE/],
  ])('fails at its first run with %s, with what was enqueued meanwhile, and at the next', async (failure, message) => {
    using x = device.tensor(Float32Array.of(1, 2), [2])
    const refused = { code: 'ERR_DRIVER', message: expect.stringMatching(message) }
    const broken = await withEnvironment({ LOPHI_FAKE_CUDA_FAIL: failure, ...slowly }, async () => {
      const plan = recorded(x)
      const run = plan.run()
      using behind = ops.neg({ x: plan.outputs.y })
      const read = behind.read()
      await expect(run).rejects.toMatchObject(refused)
      await expect(read).rejects.toMatchObject(refused)
      return plan
    })
    using eager = ops.add({ a: x, b: x })
    expect([...(await eager.read())]).toEqual([2, 4])
    await expect(broken.run()).rejects.toMatchObject(refused)
    broken.dispose()
    using plan = recorded(x)
    expect([...(await plan.run({}, { read: ['y'] })).y]).toEqual([2, 4])
  })
})
