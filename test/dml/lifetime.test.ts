import { spawnSync } from 'node:child_process'
import { env, execPath } from 'node:process'
import { describe, expect, test } from 'vitest'
import { listDevices, openDevice, ops } from '../../lib/index.js'

// Memory of a Direct3D 12 device: small tensors share resources, what Direct3D could not make is refused before it is asked, and all of it goes.

const { devices, absent } = await listDevices()
const ids = devices.map(({ id }) => id).filter((id) => id === 'dml:0')
if (ids.length === 0)
  test('lifetimes on dml', ({ skip }) =>
    skip(`no DirectML: ${absent.find(({ backend }) => backend === 'dml')?.reason}`))

const built = new URL(import.meta.url.endsWith('.ts') ? '../../dist/index.js' : '../../lib/index.js', import.meta.url)

/** What a script in a process of its own prints. */
function inProcess(script: string): unknown {
  const whole = `const { openDevice, ops } = await import(${JSON.stringify(built.href)})\n${script}`
  const { stdout, stderr } = spawnSync(execPath, ['--expose-gc', '--input-type=module', '-e', whole], {
    encoding: 'utf8',
    env: { ...env, NODE_OPTIONS: '' },
  })
  if (!/^[[{]/.test(stdout)) throw new Error(`${stdout}${stderr}`)
  return JSON.parse(stdout)
}

describe.each(ids)('on %s', (id) => {
  test('a thousand small tensors take 256 bytes each, keep their values apart, and are given out again', async () => {
    await using device = await openDevice({ id })
    const { used } = device.memory()
    const tensors = Array.from({ length: 1000 }, (_, i) => device.tensor(Int32Array.of(i, -i, i * i), [3]))
    expect(device.memory().used - used).toBe(1000 * 256)
    for (const [i, tensor] of tensors.entries()) if (i % 3 === 0) tensor.dispose()
    await device.sync()
    const again = Array.from({ length: 200 }, (_, i) =>
      device.tensor(
        Int32Array.from({ length: 100 }, () => i),
        [100],
      ),
    )
    for (const [i, tensor] of tensors.entries())
      if (i % 3 !== 0) expect([...(await tensor.read())], `${i}`).toEqual([i, -i, i * i])
    for (const [i, tensor] of again.entries()) expect(new Set(await tensor.read())).toEqual(new Set([i]))
    for (const tensor of [...tensors, ...again]) tensor.dispose()
    await device.sync()
    expect(device.memory().used).toBe(used)
  })

  test('tensors of 2^32 elements, and buffers of 2^32 bytes, are refused with their size', async () => {
    await using device = await openDevice({ id })
    expect(() => ops.zeros({ device, shape: [2 ** 16, 2 ** 16], dtype: 'uint4' })).toThrow(
      expect.objectContaining({
        code: 'ERR_OP_UNSUPPORTED',
        message: 'zeros: tensors must have less than 2^32 elements on dml, but one has 4294967296',
      }),
    )
    expect(() => ops.zeros({ device, shape: [2 ** 30] })).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_(OUT_OF_RANGE|OUT_OF_MEMORY)$/) }),
    )
    using ones = ops.full({ device, shape: [3], value: 1 })
    expect([...(await ones.read())]).toEqual([1, 1, 1])
  })

  test('opened and disposed fifty times, the process stays as large as it was', { timeout: 240_000 }, () => {
    const sizes = inProcess(`
      const sizes = []
      for (let i = 0; i < 50; i++) {
        const device = await openDevice(${JSON.stringify(id)})
        const x = device.tensor(new Float32Array(1 << 16).fill(i), [1 << 16])
        const y = ops.add({ a: x, b: x })
        const values = await y.read()
        if (values[0] !== 2 * i) throw new Error('wrong at ' + i)
        x.dispose()
        y.dispose()
        await device[Symbol.asyncDispose]()
        globalThis.gc()
        sizes.push(process.memoryUsage().rss)
      }
      console.log(JSON.stringify(sizes))`) as number[]
    // the first ten fill caches
    expect(sizes[49]! - sizes[9]!, `${sizes}`).toBeLessThan(24 << 20)
  })

  test('workers share it, each with a stream of its own', { timeout: 120_000 }, () => {
    expect(
      inProcess(`
      const { Worker } = await import('node:worker_threads')
      const source = \`
        import { parentPort, workerData } from 'node:worker_threads'
        const { openDevice, ops } = await import(${JSON.stringify(built.href)})
        const device = await openDevice(${JSON.stringify(id)})
        let x = device.tensor(Float32Array.of(workerData), [1])
        for (let i = 0; i < 20; i++) x = ops.add({ a: x, b: x })
        parentPort.postMessage([...await x.read()])
        await device[Symbol.asyncDispose]()\`
      const url = new URL('data:text/javascript,' + encodeURIComponent(source))
      const results = await Promise.all([1, 2, 3].map((workerData) => new Promise((done, failed) => {
        const worker = new Worker(url, { workerData })
        worker.on('message', done)
        worker.on('error', failed)
      })))
      console.log(JSON.stringify(results))`),
    ).toEqual([[2 ** 20], [2 ** 21], [3 * 2 ** 20]])
  })
})
