import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { listDevices, openDevice, ops, type Tensor } from '../../lib/index.js'
import { temporaryFolder } from '../support/shared.js'
import { withEnvironment } from './fake.js'

// What the driver says of its devices, and several of them in one process, on the fake driver.

const root = fileURLToPath(new URL('../..', import.meta.url))
const { devices, absent } = await listDevices()
const fake = devices.some(({ id, name }) => id === 'cuda:0' && name === 'SIMT emulator')
if (!fake) console.warn(`several CUDA devices are not tested: ${absent.find((a) => a.backend === 'cuda')?.reason}`)

/** What `body` prints as JSON in a process of its own. */
function elsewhere(body: string, variables: Record<string, string> = {}) {
  const script = `const { listDevices, openDevice, ops } = await import('./dist/index.js')\n${body}`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...variables },
  })
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

const listed = (variables: Record<string, string>) =>
  elsewhere('console.log(JSON.stringify(await listDevices()))', variables) as Awaited<ReturnType<typeof listDevices>>
const reasonOf = (variables: Record<string, string>) =>
  listed(variables).absent.find(({ backend }) => backend === 'cuda')?.reason

describe.runIf(fake)('a CUDA driver', () => {
  test('says what its devices are', () => {
    const { devices } = listed({ LOPHI_FAKE_CUDA_CAPABILITY: '120', LOPHI_FAKE_CUDA_MEMORY: '123456789' })
    expect(devices.find(({ id }) => id === 'cuda:0')).toMatchObject({
      backend: 'cuda',
      name: 'SIMT emulator',
      memory: 123456789,
      details: { driver: '12.8', computeCapability: '12.0' },
    })
  })

  test('older than CUDA 12.0 is absent, and the reason names both versions', () => {
    const reason = reasonOf({ LOPHI_FAKE_CUDA_VERSION: '11080' })
    expect(reason).toMatch(/libcuda.*: the driver must support CUDA 12\.0, but it supports 11\.8$/)
    expect(reasonOf({ LOPHI_FAKE_CUDA_VERSION: '12000' })).toBeUndefined()
  })

  test('of which one device cannot be used gives the others, and says why not that one', async () => {
    const folder = await temporaryFolder()
    const images = join(folder, 'prebuilds/images/cuda')
    mkdirSync(images, { recursive: true })
    mkdirSync(join(folder, 'build'), { recursive: true })
    symlinkSync(join(process.env.LOPHI_PREBUILD ?? root, 'build/Release'), join(folder, 'build/Release'))
    writeFileSync(join(images, 'sm_80.br'), brotliCompressSync('binary 4\n\n\x7fELF'))
    const variables = { LOPHI_PREBUILD: folder, LOPHI_FAKE_CUDA_IMAGES: '1', LOPHI_FAKE_CUDA_CAPABILITY: '70,86' }
    const { devices } = listed(variables)
    expect(devices.filter(({ backend }) => backend === 'cuda').map(({ id }) => id)).toEqual(['cuda:1'])
    expect(reasonOf(variables)).toMatch(/^cuda:0, SIMT emulator: a kernel image for compute capability 7\.0 must lie/)
    const body = `
      const sum = async (id) => {
        try {
          const device = await openDevice(id)
          const x = device.tensor(Float32Array.of(1, 2), [2])
          return [...(await ops.add({ a: x, b: x }).read())]
        } catch ({ code, message }) { return code + ' ' + message }
      }
      console.log(JSON.stringify([await sum('cuda:0'), await sum('cuda:1')]))`
    const [first, second] = elsewhere(body, variables)
    expect(first).toMatch(/^ERR_DEVICE_ABSENT .*compute capability 7\.0/)
    expect(second).toEqual([2, 4])
  })
})

describe.runIf(fake)('two CUDA devices', () => {
  const withTwo = <T>(fn: () => Promise<T>) => withEnvironment({ LOPHI_FAKE_CUDA_CAPABILITY: '80,90' }, fn)
  const open = () => Promise.all([openDevice('cuda:0'), openDevice('cuda:1')])

  test('are cuda:0 and cuda:1, and work side by side in memory of their own', () =>
    withTwo(async () => {
      const { devices } = await listDevices()
      expect(
        devices
          .filter(({ backend }) => backend === 'cuda')
          .map(({ id, details }) => `${id} ${details.computeCapability}`),
      ).toEqual(['cuda:0 8.0', 'cuda:1 9.0'])

      const [first, second] = await open()
      const before = [first.memory().used, second.memory().used]
      const a = first.tensor(Float32Array.of(1, 2, 3), [3])
      const b = second.tensor(Float32Array.of(10, 20, 30, 40), [4])
      let x: Tensor<'float32'> = a
      let y: Tensor<'float32'> = b
      for (let step = 0; step < 20; step++) {
        x = ops.add({ a: x, b: a })
        y = ops.add({ a: y, b: b })
      }
      expect([...(await x.read())]).toEqual([21, 42, 63])
      expect([...(await y.read())]).toEqual([210, 420, 630, 840])
      expect(first.memory().used).toBeGreaterThan(before[0]!)
      expect(second.memory().used).toBeGreaterThan(before[1]!)
      expect(() => ops.add({ a, b: second.tensor(Float32Array.of(1, 2, 3), [3]) })).toThrow(/cuda:[01]/)
      await Promise.all([first.dispose(), second.dispose()])
    }))

  test('are lost one by one', () =>
    withTwo(async () => {
      const [first, second] = await open()
      const [a, b] = [first, second].map((device) => device.tensor(Float32Array.of(1, 2), [2]))
      await withEnvironment({ LOPHI_FAKE_CUDA_FAIL: 'exp_float32:1:700' }, () =>
        expect(ops.exp({ x: a! }).read()).rejects.toMatchObject({ code: 'ERR_DEVICE_LOST' }),
      )
      await expect(a!.read()).rejects.toMatchObject({ code: 'ERR_DEVICE_LOST' })
      expect([...(await ops.neg({ x: b! }).read())]).toEqual([-1, -2])
      a!.dispose()
      await first.dispose().catch(() => {})
      await second.dispose()
    }))
})

describe.runIf(fake)('workers that open the same CUDA device', () => {
  test('share it, each with a stream of its own, and it lives as long as one of them uses it', () => {
    const worker = `
      const { parentPort, workerData } = require('node:worker_threads')
      import('./dist/index.js').then(async ({ openDevice, ops, record }) => {
        const device = await openDevice('cuda:0')
        const x = device.tensor(Float32Array.of(workerData, 1), [2])
        const plan = record(device, { inputs: { x } }, ({ x }) => ({ y: ops.add({ a: x, b: x }) }))
        const sums = []
        for (let round = 0; round < 30; round++) sums.push((await plan.run({ x: Float32Array.of(workerData + round, 1) }, { read: ['y'] })).y[0])
        const { used } = device.memory()
        plan.dispose()
        x.dispose()
        await device.dispose()
        parentPort.postMessage({ sums, used })
      })`
    const body = `
      const { Worker } = await import('node:worker_threads')
      const { once } = await import('node:events')
      const device = await openDevice('cuda:0')
      const big = device.tensor(new Float32Array(100_000).fill(2), [100_000])
      const workers = [10, 20, 30].map((workerData) => new Worker(${JSON.stringify(worker)}, { eval: true, execArgv: [], workerData }))
      const results = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]))
      const y = ops.neg({ x: big })
      const values = [...new Set(await y.read())]
      for (const tensor of [y, big]) tensor.dispose()
      console.log(JSON.stringify({ results, values }))
      await device.dispose()`
    const { results, values } = elsewhere(body)
    expect(values).toEqual([-2])
    for (const [at, { sums, used }] of results.entries()) {
      expect(sums).toEqual(Array.from({ length: 30 }, (_, round) => 2 * (10 * (at + 1) + round)))
      // the tensor of another thread counts: the memory is one
      expect(used).toBeGreaterThanOrEqual(400_000)
    }
  })
})
