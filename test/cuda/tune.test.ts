import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { listDevices, openDevice } from '../../lib/index.js'
import { bounds } from '../ops/cases.js'
import { differences } from '../support/compare.js'
import { callOp, readBack, Uploads } from '../support/on-device.js'
import { temporaryFolder } from '../support/shared.js'
import { casesOf, expectedOf, operandsOf } from '../support/table.js'
import { fakeCounts, withEnvironment } from './fake.js'

// The fastest of the ways to multiply by a weight is measured and kept. The fake driver says how long a kernel takes.

const root = fileURLToPath(new URL('../..', import.meta.url))
const { devices } = await listDevices()
const fake = devices.some(({ id, name }) => id === 'cuda:0' && name === 'SIMT emulator')
if (!fake) console.warn('the choice of variants is not tested: cuda:0 is not the emulator')

interface Shown {
  /** What was chosen for a number of rows, as it was printed. */
  choices: Map<number, string>
  /** Products of 1 and 8 rows; or an error's code and message. */
  products: number[][] | string
  launches: number
}

/** Kernels that only take their time. */
const idle = { LOPHI_FAKE_CUDA_IDLE: '1' }

/** Loads a weight of 48 x 64 in a process of its own, and multiplies by it. */
async function load(cache: string, variables: Record<string, string> = idle, format = 'q4_0'): Promise<Shown> {
  const counts = join(cache, `counts-${Math.random()}`)
  mkdirSync(cache, { recursive: true })
  const script = `
    const { openDevice, ops } = await import('./dist/index.js')
    const [rows, columns] = [48, 64]
    const device = await openDevice('cuda:0')
    const x = (m) => device.tensor(Float32Array.from({ length: m * columns }, (_, i) => Math.sin(i)), [m, columns])
    const products = []
    try {
      const parts = ${JSON.stringify(format)} === 'q4_0'
        ? { data: Uint8Array.from({ length: rows * columns / 32 * 18 }, (_, i) => (i % 18 > 1 ? (i * 37) & 255 : i % 18 ? 0x2c : 0)) }
        : { data: Uint16Array.from({ length: rows * columns }, (_, i) => 0x3c00 + (i * 37) % 512) }
      const w = device.weight({ format: ${JSON.stringify(format)}, shape: [rows, columns], parts })
      for (const m of [1, 8]) {
        const y = ops.linear({ x: x(m), w, activations: 'int8' })
        products.push([...(await y.read())])
      }
      console.log(JSON.stringify(products))
    } catch ({ code, message }) { console.log(JSON.stringify(code + ' ' + message)) }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: root,
    env: {
      ...process.env,
      LOPHI_CACHE: cache,
      LOPHI_CUDA_TUNE: 'verbose,600000',
      LOPHI_FAKE_CUDA_COUNTS: counts,
      LOPHI_FAKE_CUDA_TIME: '*:400',
      ...variables,
    },
  })
  const texts = ['', '']
  child.stdout.on('data', (chunk) => (texts[0] += chunk))
  child.stderr.on('data', (chunk) => (texts[1] += chunk))
  await new Promise((resolve) => child.once('close', resolve))
  const [stdout, stderr] = texts as [string, string]
  if (!stdout) throw new Error(stderr)
  const choices = new Map<number, string>()
  for (const [, m, choice] of stderr.matchAll(/, (\d+) rows?(?: of int8)?: (.*)$/gm)) choices.set(Number(m), choice!)
  return { choices, products: JSON.parse(stdout), launches: fakeCounts(counts).launches }
}

const files = (cache: string) =>
  readdirSync(join(cache, 'choices')).map((name) => {
    const file = join(cache, 'choices', name)
    return { file, bytes: readFileSync(file), time: statSync(file).mtimeMs }
  })

describe.runIf(fake)('the way to multiply by a weight', { timeout: 120_000 }, async () => {
  const folder = await temporaryFolder()
  const kept = join(folder, 'kept')
  let first: Shown
  let usual: Shown
  beforeAll(async () => {
    // a launch per product: that of 8 rows has one more, for x as bytes
    const times = '*:400,linear_few_q4_one_deep/2:300,linear_many_q4_small:150'
    ;[first, usual] = await Promise.all([
      load(kept, { LOPHI_FAKE_CUDA_TIME: times }),
      load(join(folder, 'off'), { LOPHI_CUDA_TUNE: 'off' }),
    ])
  }, 120_000)

  test('is the fastest, for each number of rows', () => {
    expect([...first.choices.keys()]).toEqual([1, 8, 16, 64, 128, 512])
    expect(first.choices.get(1)).toBe('few, 1 a multiprocessor 300.0 us, few, 2 a multiprocessor 400.0 us')
    expect(first.choices.get(8)).toBe('many, small blocks 550.0 us, few, 2 a multiprocessor 800.0 us')
    expect(first.choices.get(512)).toMatch(/^many, small blocks 550\.0 us/)
    expect(first.products).toEqual(usual.products) // both kernels are exact here
  })

  test('is taken', async () => {
    const variables = { LOPHI_FAKE_CUDA_FAIL: 'linear_many_q4_small:1:719' }
    expect((await load(kept, variables)).products).toMatch(/^ERR_DEVICE_LOST.*linear/)
    expect((await load(kept, { ...variables, LOPHI_CUDA_TUNE: 'off' })).products).toEqual(usual.products)
  })

  test('is the usual one where measuring is off, and where another gains no more than noise', async () => {
    expect(usual.choices.size).toBe(0)
    expect(usual.launches).toBeLessThan(20)
    const times = '*:400,linear_many_q4_large:398,linear_many_q4_small:401'
    const { choices } = await load(join(folder, 'noise'), { ...idle, LOPHI_FAKE_CUDA_TIME: times })
    expect(choices.get(128)).toMatch(/^many, (\w+) blocks .*, many, \1 blocks /)
  })

  test('is found on disk by the next process, which launches nothing for it', async () => {
    const before = files(kept)
    expect(before.length).toBe(6)
    const second = await load(kept, {})
    expect([...second.choices.values()]).toEqual(
      [...first.choices.values()].map((text) => `${/^\w+, .*?(?= [\d.]+ us)/.exec(text)![0]}, as measured earlier`),
    )
    expect(second.products).toEqual(first.products)
    expect(second.launches).toBeLessThan(20)
    expect(files(kept)).toEqual(before)
  })

  test('is measured anew on another GPU, by another driver, with other kernels', async () => {
    const measured = async (variables: Record<string, string>) =>
      (await load(kept, { ...idle, ...variables })).launches > 100
    expect(
      await Promise.all([
        measured({ LOPHI_FAKE_CUDA_CLOCK: '1234000' }),
        measured({ LOPHI_FAKE_CUDA_CAPABILITY: '89' }),
        measured({ LOPHI_FAKE_CUDA_VERSION: '12020' }),
        measured({ LOPHI_FAKE_CUDA_TIME: '*:300' }),
      ]),
    ).toEqual([true, true, true, false])

    const image = (code: string) => {
      const images = join(folder, code, 'prebuilds/images/cuda')
      mkdirSync(images, { recursive: true })
      mkdirSync(join(folder, code, 'build'), { recursive: true })
      symlinkSync(join(process.env.LOPHI_PREBUILD ?? root, 'build/Release'), join(folder, code, 'build/Release'))
      const modules = ['repack', 'linear', 'linear_few', 'linear_many']
      const lines = modules.map((name) => `${name} 8\n`).join('')
      writeFileSync(
        join(images, 'sm_80.br'),
        brotliCompressSync(`${lines}\n${`\x7fELF${code}`.repeat(modules.length)}`),
      )
      return { LOPHI_PREBUILD: join(folder, code), LOPHI_FAKE_CUDA_IMAGES: '1' }
    }
    const [one, other] = [image('one '), image('two ')]
    expect(await measured(one)).toBe(true)
    expect(await Promise.all([measured(one), measured(other)])).toEqual([false, true])
  })

  test('is measured anew, and kept, where the file is damaged', async () => {
    const cache = join(folder, 'damaged')
    await load(cache)
    for (const [i, { file, bytes }] of files(cache).entries())
      writeFileSync(file, i % 2 ? bytes.subarray(0, bytes.length - 3) : bytes.map((byte) => byte ^ 0x5a))
    const again = await load(cache)
    expect(again.launches).toBeGreaterThan(100)
    expect((await load(cache)).launches).toBeLessThan(20)
  })

  test('is found by two processes at once', async () => {
    const cache = join(folder, 'both')
    const both = await Promise.all([load(cache), load(cache)])
    expect(both[0].products).toEqual(both[1].products)
    expect(files(cache).length).toBe(6)
    expect((await load(cache)).launches).toBeLessThan(20)
  })

  test('is the usual one where the time for measurements is up, and nothing is kept', async () => {
    const cache = join(folder, 'late')
    const { choices, products } = await load(cache, {
      LOPHI_CUDA_TUNE: 'verbose,200',
      LOPHI_FAKE_CUDA_DELAY: 'cuEventElapsedTime:300',
    })
    expect(choices).toEqual(new Map([[1, 'few, 2 a multiprocessor, as the time for measurements is up']]))
    expect(products).toEqual(usual.products)
    expect(() => files(cache)).toThrow('ENOENT')
  })

  test('may be one of two products of floats', async () => {
    const times = '*:400,linear_floats_half_four:900,linear_many_f16_small:100'
    const { choices, products } = await load(join(folder, 'floats'), { LOPHI_FAKE_CUDA_TIME: times }, 'float16')
    expect(choices.get(4)).toMatch(/^many, small blocks 500\.0 us, floats 900\.0 us$/)
    const { products: expected } = await load(join(folder, 'off'), { LOPHI_CUDA_TUNE: 'off' }, 'float16')
    ;(products as number[][]).forEach((values, of) => {
      for (const [i, value] of values.entries())
        expect(Math.abs(value - (expected[of] as number[])[i]!)).toBeLessThan(2e-3)
    })
  })

  test('is not found on a device that is lost meanwhile, which is said', async () => {
    const { products } = await load(join(folder, 'lost'), { LOPHI_FAKE_CUDA_FAIL: 'linear_few_q4_one_deep:3:719' })
    expect(products).toMatch(/^ERR_DEVICE_LOST .*while products with levels 4\+0 of 32.* were timed: cu\w+: /)
    expect(() => files(join(folder, 'lost'))).toThrow('ENOENT')
  })

  test('must be asked for in known words', async () => {
    await expect(load(join(folder, 'words'), { LOPHI_CUDA_TUNE: 'often' })).rejects.toThrow(
      'LOPHI_CUDA_TUNE: must be off, on, verbose, or milliseconds, but it is often',
    )
  })
})

// few multiprocessors have enough to do with the largest blocks, many only with the smallest
describe.runIf(fake).each([
  ['1', 'shuffled:3'],
  ['2', 'forward'],
  ['1000', 'reverse'],
])('products of many rows on %s multiprocessors, in %s order', (multiprocessors, order) => {
  test('are right', { timeout: 300_000 }, () =>
    withEnvironment({ LOPHI_FAKE_CUDA_MULTIPROCESSORS: multiprocessors, SIMT_ORDER: order }, async () => {
      await using device = await openDevice('cuda:0')
      for (const opCase of casesOf('linear').filter(({ name }) => /\[(17|19|67), /.test(name))) {
        using uploads = new Uploads(device)
        const operands = operandsOf('linear', opCase)
        const args = Object.fromEntries(
          Object.entries(operands).map(([name, value]) => [name, uploads.argument(value)]),
        )
        const { y } = uploads.own(callOp('linear', device, { ...opCase.attributes, ...args }))
        const expected = expectedOf('linear', operands, opCase.attributes)
        expect(differences(expected.y!, await readBack(y!), bounds.linear), opCase.name).toBeNull()
      }
    }),
  )
})
