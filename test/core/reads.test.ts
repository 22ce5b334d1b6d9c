import { spawnSync } from 'node:child_process'
import { execPath, platform } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, openDevice, ops, record } from '../../lib/index.js'

// What is read lands in the array that the caller gets, once.

const root = fileURLToPath(new URL('../..', import.meta.url))
const prlimit = platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0
if (!prlimit) console.warn('reads without memory are not tested: needs prlimit')

let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.dispose())

test.runIf(prlimit)('a read for which the process has no memory is an error, and the next one works', () => {
  const { stdout, stderr, status, signal } = spawnSync(execPath, ['test/fixtures/short-of-memory.mjs'], {
    cwd: root,
    encoding: 'utf8',
  })
  expect({ stderr, status, signal }).toEqual({ stderr: '', status: 0, signal: null })
  const short = {
    name: 'OutOfMemoryError',
    code: 'ERR_OUT_OF_MEMORY',
    message: 'read: the machine must have 268435456 bytes free for the result, but it has not',
  }
  expect(JSON.parse(stdout)).toEqual({ read: short, readSync: short, plan: short, afterwards: 2 ** 28 })
})

describe('a run that is refused', () => {
  test('changes no input', async () => {
    using a = device.tensor(Float32Array.of(1, 2), [2])
    using b = device.tensor(Float32Array.of(10, 20), [2])
    using plan = record(device, { inputs: { a, b } }, ({ a, b }) => ({ y: ops.add({ a, b }) }))
    await expect(plan.run({ a: Float32Array.of(5, 5), b: new Float32Array(3) })).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
    })
    expect([...(await plan.run({}, { read: ['y'] })).y]).toEqual([11, 22])
  })
})

test('several reads of one tensor between writes each give what stood there', async () => {
  using x = device.tensor(Int32Array.of(0), [1])
  const reads = Array.from({ length: 100 }, (_, i) => {
    x.write(Int32Array.of(i))
    return x.read()
  })
  expect((await Promise.all(reads)).map(([value]) => value)).toEqual(reads.map((_, i) => i))
})

test('a replay is done when its own work is, not that of the replays behind it', async () => {
  using x = device.tensor(Float32Array.of(1), [1])
  using square = device.tensor(new Float32Array(768 * 768), [768, 768])
  using quick = record(device, { inputs: { x } }, ({ x }) => ({ y: ops.neg({ x }) }))
  using slow = record(device, { inputs: { square } }, ({ square: a }) => {
    let y = a
    for (let i = 0; i < 6; i++) y = ops.matmul({ a: y, b: a }) as typeof a
    return { y }
  })
  await slow.run()
  const start = performance.now()
  const first = quick.run({}, { read: ['y'] }).then(() => performance.now() - start)
  const second = slow.run().then(() => performance.now() - start)
  const third = quick.run({}, { read: ['y'] }).then(() => performance.now() - start)
  const times = await Promise.all([first, second, third])
  expect(times[0]).toBeLessThan((times[1] as number) / 2)
  expect(times[2]).toBeGreaterThanOrEqual(times[1] as number)
})
