import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { env, execPath, getuid, platform } from 'node:process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/shared.js'

// Threads of the package: how many there are, what happens where the system gives none, and what the JS thread does not wait for.

const root = fileURLToPath(new URL('../..', import.meta.url))
const has = (command: string) => platform === 'linux' && spawnSync(command, ['--version']).status === 0

/** What a script prints that has the package's names in scope, started by `command`. */
function script(text: string, command: readonly string[] = [], options: object = {}, variables = {}): unknown {
  const whole = `const { listDevices, openDevice, ops } = await import('./dist/index.js')\n${text}`
  const [program, ...args] = [...command, execPath, '--input-type=module', '-e', whole]
  const { stdout, stderr, status, signal } = spawnSync(program as string, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...env, NODE_OPTIONS: '', ...variables },
    ...options,
  })
  expect({ stderr, status, signal }).toEqual({ stderr: '', status: 0, signal: null })
  return JSON.parse(stdout)
}

const work = `
  const x = device.tensor(new Float32Array(64 * 64).fill(1), [64, 64])
  const sum = (await ops.matmul({ a: x, b: x }).read()).reduce((a, b) => a + b)`

describe('threads of the CPU', () => {
  // The limit counts the threads of a user, and root has none.
  const nobody = 65534
  const limited = has('prlimit') && getuid?.() === 0
  if (!limited) console.warn('a system without threads is not tested: needs prlimit and root')

  test.runIf(limited)('are as many as the system gives, and the device says how many', () => {
    const result = script(
      `const device = await openDevice('cpu', { threads: 200 })
      ${work}
      console.log(JSON.stringify({ threads: Number(device.info.details.threads), sum }))
      await device.dispose()`,
      ['prlimit', '--nproc=40'],
      { uid: nobody, gid: nobody },
    ) as { threads: number; sum: number }
    expect(result.sum).toBe(64 ** 3)
    expect(result.threads).toBeGreaterThan(1)
    expect(result.threads).toBeLessThan(40)
  })

  // loader, executor, three workers, waiter; then those that repack a weight
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'of which number %i cannot be had are fewer, or an error, and the next try works',
    (n) => {
      const result = script(
        `const attempt = async () => {
        try {
          const device = await openDevice('cpu', { threads: 4 })
          const data = new Uint8Array(256 * 512)
          const weight = device.weight({ format: 'int4', packing: 'awq', shape: [256, 1024], group: 64,
            parts: { data, scales: new Float32Array(256 * 16), zeros: new Uint8Array(256 * 8) } })
          weight.dispose()
          ${work}
          const threads = Number(device.info.details.threads)
          await device.dispose()
          return { threads, sum }
        } catch ({ name, code, message }) {
          return { name, code, message }
        }
      }
      console.log(JSON.stringify([await attempt(), await attempt()]))`,
        [],
        {},
        { LOPHI_FAIL: `thread:${n}` },
      ) as { threads?: number; code?: string }[]
      const [first, second] = result
      if (first?.code)
        expect(first).toEqual({
          name: 'OutOfMemoryError',
          code: 'ERR_OUT_OF_MEMORY',
          message: expect.stringMatching(/: a thread must start, but the system gives none: /),
        })
      else expect(first).toEqual({ threads: expect.any(Number), sum: 64 ** 3 })
      expect(second).toEqual({ threads: expect.any(Number), sum: 64 ** 3 })
    },
  )

  test.runIf(has('taskset') && availableParallelism() > 1)(
    'are one for each processor that the process may use',
    () => {
      const threads = "console.log((await listDevices()).devices.find(({ id }) => id === 'cpu').details.threads)"
      expect(script(threads)).toBe(availableParallelism())
      expect(script(threads, ['taskset', '-c', '0'])).toBe(1)
    },
  )
})

describe('a driver that takes long to load', async () => {
  const folder = await temporaryFolder()
  const driver = join(folder, 'slow.so')
  const source = join(folder, 'slow.cpp')
  writeFileSync(
    source,
    '#include <unistd.h>\nstatic const int slow = (sleep(2), 0);\nextern "C" int cuNothing() { return slow; }\n',
  )
  const compiler = ['c++', 'g++', 'clang++'].find(has)
  if (compiler) spawnSync(compiler, ['-shared', '-fPIC', source, '-o', driver])

  const watched = (call: string) => `
    let [last, worst] = [performance.now(), 0]
    const timer = setInterval(() => {
      worst = Math.max(worst, performance.now() - last)
      last = performance.now()
    }, 10)
    const start = performance.now()
    ${call}
    const took = performance.now() - start
    await new Promise((resolve) => setTimeout(resolve, 50))
    clearInterval(timer)
    console.log(JSON.stringify({ took, worst }))`
  const measured = (call: string) =>
    script(watched(call), [], {}, { LOPHI_CUDA_DRIVER: driver }) as { took: number; worst: number }

  test.runIf(compiler)('does not stop the event loop while devices are listed', () => {
    const { took, worst } = measured('await listDevices()')
    expect(took).toBeGreaterThan(1900)
    expect(worst).toBeLessThan(1000)
  })

  test.runIf(compiler)('is not loaded to open the CPU', () => {
    expect(measured("await (await openDevice('cpu')).dispose()").took).toBeLessThan(1900)
  })
})
