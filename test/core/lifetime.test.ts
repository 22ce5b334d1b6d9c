import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { execPath, platform } from 'node:process'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { listDevices } from '../../lib/index.js'

// Ends of processes and workers, garbage collection and failures, each in a process of its own: test/fixtures/*.mjs on dist/.

const devices = (await listDevices()).devices.map(({ id }) => id)

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Outcome {
  readonly stdout: string
  readonly stderr: string
  readonly status: number | null
  readonly signal: string | null
}

function run(fixture: string, arg: string, { gc = false, env = {} } = {}): Promise<Outcome> {
  const args = [...(gc ? ['--expose-gc'] : []), join(root, 'test/fixtures', fixture), arg]
  const child = spawn(execPath, args, { env: { ...process.env, NODE_OPTIONS: '', ...env } })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => resolve({ stdout, stderr, status, signal }))
  })
}

/** What a fixture printed, having ended well. */
async function report(fixture: string, arg: string, options: Parameters<typeof run>[2] = {}) {
  const { stdout, ...end } = await run(fixture, arg, options)
  expect(end).toEqual({ stderr: '', status: 0, signal: null })
  return JSON.parse(stdout)
}

beforeAll(() => {
  const built = join(root, 'dist/index.js')
  const sources = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' })
  const newest = Math.max(...sources.map((file) => statSync(join(root, 'lib', file)).mtimeMs))
  if (existsSync(built) && statSync(built).mtimeMs >= newest) return
  const tsc = spawnSync(execPath, [join(root, 'node_modules/typescript/bin/tsc')], { cwd: root, encoding: 'utf8' })
  expect(tsc.status, tsc.stdout).toBe(0)
})

describe('a process ends cleanly', () => {
  const clean = { stdout: '', stderr: '', signal: null }

  test.each([
    'device open',
    'tensors live',
    'plan live',
    'op in flight',
    'read in flight',
    'plan in flight',
    'device closing',
    'device opening',
    'model loading',
    'model live',
    'model with a device of its own live',
    'generation in flight',
    'generation that nobody reads',
    'session live',
    'worker left to itself',
  ])('at the end of the script: %s', async (state) => {
    expect(await run('exit.mjs', state)).toEqual({ ...clean, status: 0 })
  })

  test.each([
    'exit with a read in flight',
    'exit in a generation',
    'exit while a model loads',
    'exit in a recording',
    'exit with everything live',
    'exit from an exit handler with a read in flight',
    'exit with a worker in a generation',
  ])('by process.exit: %s', async (state) => {
    expect(await run('exit.mjs', state)).toEqual({ ...clean, status: 3 })
  })

  test.each([
    ['uncaught exception in a generation', /^RangeError: mine$/m],
    ['uncaught exception with a read in flight', /^RangeError: mine$/m],
    ['unhandled rejection of a read', /^ArgumentError: embedding: .*on cpu/m],
  ])('by an error of its own: %s', async (state, message) => {
    const { stderr, ...end } = await run('exit.mjs', state)
    expect(end).toEqual({ stdout: '', status: 1, signal: null })
    expect(stderr).toMatch(message)
  })

  // The moment in which a worker dies is a matter of chance.
  test.each([
    'worker terminated in a generation',
    'worker that exits in a generation',
    'worker terminated with a read in flight',
    'worker that exits with a read in flight',
  ])('with a %s', async (state) => {
    for (let i = 0; i < 5; i++) expect(await run('exit.mjs', state)).toEqual({ ...clean, status: 0 })
  })
})

describe('workers', () => {
  const answer = '25 + 76 = 101'
  const onLinux = (count: number) => (platform === 'linux' ? count : null)

  test('share a device and a model: equal texts, weights mapped once, nothing left behind', async () => {
    expect(await report('memory.mjs', 'workers', { gc: true })).toEqual({
      alone: answer,
      texts: [answer, answer, answer],
      shared: onLinux(1),
      leftover: 0,
      mappings: onLinux(0),
    })
  })

  test('one that is terminated in the middle leaves the others working', async () => {
    const { alone, texts } = await report('memory.mjs', 'terminated', { gc: true })
    expect(alone).toBe(answer)
    expect(texts).toEqual(new Array(12).fill(answer))
  })
})

describe('memory', () => {
  const mappings = platform === 'linux' ? 0 : null

  test('of tensors, weights, plans, models and sequences that nobody disposed is collected', async () => {
    const { start, littered, ...end } = await report('memory.mjs', 'collected', { gc: true })
    expect(littered).toBeGreaterThan(start + 1e5)
    expect(end).toEqual({ collected: start, mappings })
  })

  test('that nobody disposed is collected in time, because V8 knows of it', async () => {
    const { made, peak } = await report('memory.mjs', 'pressure')
    expect(peak).toBeLessThan(made / 4)
  })

  test('is the same after 200 generations, without a collection', async () => {
    const { samples } = await report('memory.mjs', 'generations')
    expect(samples).toHaveLength(2)
    expect(samples[1]).toBe(samples[0])
  })

  test('is the same after 200 models loaded, asked and disposed', async () => {
    const { samples } = await report('memory.mjs', 'cycles', { gc: true })
    const [warm, end] = samples
    expect({ ...end, rss: 0 }).toEqual({ used: 0, rss: 0, mappings })
    expect(warm.used).toBe(0)
    expect(end.rss - warm.rss).toBeLessThan(32 << 20)
  })

  test('survives being disposed while it is in use', async () => {
    expect(await report('memory.mjs', 'dispose in flight', { gc: true })).toEqual({
      start: 0,
      results: [300, 300],
      // A generation fails at its next step, whether its model went or its session.
      outcomes: ['ERR_DISPOSED', 'ERR_DISPOSED'],
      end: 0,
      mappings,
    })
  })
})

describe('weights that are being made', () => {
  // int4 [256, 1024] in groups of 64 columns
  const [data, scales, zeros, order] = [256 * 512, 256 * 16 * 2, 256 * 8, 1024 * 4]

  test('count in the memory of the device, repacked or copied', async () => {
    const counts = await report('weights.mjs', 'counted')
    expect(counts).toEqual({
      rows: data + scales + zeros,
      'rows, disposed': 0,
      awq: data + scales + zeros,
      'awq, disposed': 0,
      gptq: data + scales + zeros + order,
      'gptq, disposed': 0,
    })
  })

  test('are collected where nobody disposes them', async () => {
    const { start, littered, end } = await report('weights.mjs', 'collected', { gc: true })
    expect(littered).toBeGreaterThan(start + data)
    expect(end).toBe(start)
  })

  test('leave the JS thread free', async () => {
    expect((await report('weights.mjs', 'turns')).turns).toBeGreaterThan(0)
  })

  test('outlive a device that is disposed meanwhile, whose later weights are refused', async () => {
    expect(await report('weights.mjs', 'device disposed', { gc: true })).toEqual({
      outcomes: ['made', 'ERR_DISPOSED'],
      end: 0,
    })
  })

  test('fail alone where an allocation fails, and leak nothing', { timeout: 240_000 }, async () => {
    let [n, failed] = [1, true]
    for (; failed; n += 3) {
      const { failures, end } = await report('weights.mjs', 'failure', { gc: true, env: { LOPHI_FAIL: `alloc:${n}` } })
      expect(end).toBe(0)
      failed = failures.length > 0
      if (!failed) continue
      expect(failures, `alloc:${n}`).toEqual([
        {
          name: 'OutOfMemoryError',
          code: 'ERR_OUT_OF_MEMORY',
          message: expect.stringMatching(/^cpu: \d+ bytes must be free, but/),
          used: 0,
        },
      ])
    }
    expect(n).toBeGreaterThan(18)
  })

  test('are finished at the end of the script, not at process.exit', async () => {
    expect(await run('weights.mjs', 'left to itself')).toEqual({ stdout: '', stderr: '', status: 0, signal: null })
    expect(await run('weights.mjs', 'exit')).toEqual({ stdout: '', stderr: '', status: 3, signal: null })
  })

  test('end with the worker that makes them', async () => {
    for (let i = 0; i < 3; i++)
      expect(await report('weights.mjs', 'worker terminated', { gc: true })).toEqual({ end: 0 })
  })
})

describe('a failure that arrives later', () => {
  const attempt = (device: string, log: string) => report('call-site.mjs', device, { env: { LOPHI_LOG: log } })
  const message = (id: string) => `embedding: ids[0] must be below 3, but it is 7 (in layer.7 on ${id})`

  test.for(devices)('tells under LOPHI_LOG=debug which line had made the call: %s', async (id) => {
    const { eager, recorded, refused } = await attempt(id, 'debug')
    expect(eager).toMatchObject({ message: message(id), cause: 'the call was made here' })
    expect(eager.frames).toEqual(expect.arrayContaining(['deep', 'embedAtOnce', 'failureOf']))
    expect(recorded).toMatchObject({ message: message(id), cause: 'the call was made here' })
    expect(recorded.frames).toContain('embedInPlan')
    // its own stack says it
    expect(refused.cause).toBeUndefined()
  })

  test.for(devices)('carries no stack otherwise: %s', async (id) => {
    const { eager, recorded } = await attempt(id, '')
    expect(eager).toEqual({ message: message(id) })
    expect(recorded).toEqual({ message: message(id) })
  })
})

describe('failures', () => {
  const attempt = (fail: string) => report('failure.mjs', fail, { gc: true, env: { LOPHI_FAIL: fail } })

  test('an allocation that fails is an error, leaks nothing, and the next try works', {
    timeout: 240_000,
  }, async () => {
    const { ids } = await attempt('')
    expect(ids).toHaveLength(10)
    const stride = 5
    let reached = 1
    let loads = 0
    const follow = async () => {
      for (;;) {
        const n = reached
        reached += stride
        const { failures, again, ...end } = await attempt(`alloc:${n}`)
        expect(end, `alloc:${n}`).toEqual({ ids, used: 0, collected: 0 })
        if (failures.length === 0) return
        expect(failures, `alloc:${n}`).toEqual([
          {
            name: 'OutOfMemoryError',
            code: 'ERR_OUT_OF_MEMORY',
            message: expect.stringMatching(/^cpu: \d+ bytes must be free, but/),
            used: 0,
          },
        ])
        // Where loading failed there is no model to ask again.
        if (again === null) loads++
        else expect(again).toBe('25 + 76 = 101')
      }
    }
    await Promise.all([follow(), follow()])
    expect(reached).toBeGreaterThan(150)
    expect(loads).toBeGreaterThan(0)
  })

  test.each([1, 10, 40, 100, 130, 200, 400, 500])('a device lost at call %i is an error that says where', async (n) => {
    const { failures, ...end } = await attempt(`lost:${n}`)
    expect(end).toEqual({ again: null, ids: null, used: 0, collected: 0 })
    expect(failures).toHaveLength(2)
    for (const failure of failures)
      expect(failure).toEqual({
        name: 'DeviceError',
        code: 'ERR_DEVICE_LOST',
        message: expect.stringMatching(/^\w+: the device was lost \((in [\w.]+ )?on cpu\)$/),
        used: 0,
      })
    // Prompts run op by op, decoding runs a plan with paths.
    if (n >= 400) expect(failures[0].message).toMatch(/in (embed|layer\.\d|norm|head|sample|advance)\b.* on cpu/)
  })
})
