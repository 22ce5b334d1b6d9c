import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Device, listDevices, openDevice, ops, path, record, supports, type Tensor } from '../../lib/index.js'
import { bounds } from '../ops/cases.js'
import { opNames } from '../ops/signature.js'
import { differences } from '../support/compare.js'
import { callOp, type DeviceTensor, readBack, Uploads } from '../support/on-device.js'
import { temporaryFolder } from '../support/shared.js'
import { casesOf, expectedOf, operandsOf } from '../support/table.js'
import { fakeCounts, isFake, withEnvironment } from './fake.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { devices, absent } = await listDevices()
const reason = absent.find(({ backend }) => backend === 'cuda')?.reason
const fake = devices.some(({ id, name }) => id === 'cuda:0' && name === 'SIMT emulator')
if (!fake) console.warn(`the CUDA driver's failures are not tested: ${reason ?? 'cuda:0 is a real device'}`)

/** `listDevices` of the built package in a process of its own, and what opening cuda:0 there gives. */
function elsewhere(variables: Record<string, string>) {
  const script = `
    const { listDevices, openDevice, ops } = await import('./dist/index.js')
    const list = await listDevices()
    let sum
    if (list.devices.some(({ id }) => id === 'cuda:0')) {
      try {
        await using device = { value: await openDevice('cuda:0'), [Symbol.asyncDispose]() { return this.value.dispose() } }
        const a = device.value.tensor(Float32Array.of(1, 2), [2])
        sum = [...await ops.add({ a, b: a }).read()]
      } catch (error) { sum = error.code + ' ' + error.message }
    }
    console.log(JSON.stringify({ ...list, sum }))`.replace(/await using device = (.*)\n/, 'const device = $1\n')
  const env: Record<string, string | undefined> = { ...process.env, ...variables }
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: root,
    encoding: 'utf8',
    env,
  })
  expect(stderr.replace(/^.*ExperimentalWarning.*$/gm, '')).toBe('')
  const { sum, ...list } = JSON.parse(stdout) as Awaited<ReturnType<typeof listDevices>> & { sum?: number[] | string }
  return { sum, device: list.devices.find(({ id }) => id === 'cuda:0'), absent: list.absent }
}
const reasonOf = ({ absent }: ReturnType<typeof elsewhere>) => absent.find((a) => a.backend === 'cuda')?.reason

describe('a missing driver is a reason, not an error', () => {
  test('where there is no library of that name', () => {
    expect(reasonOf(elsewhere({ LOPHI_CUDA_DRIVER: '/nowhere/libcuda.so' }))).toContain('/nowhere/libcuda.so')
  })

  test.runIf(process.platform === 'linux')('where the library is something else', () => {
    expect(reasonOf(elsewhere({ LOPHI_CUDA_DRIVER: 'libm.so.6' }))).toMatch(/must export cu\w+/)
  })

  test.runIf(fake)('where the driver finds no device', () => {
    expect(reasonOf(elsewhere({ LOPHI_FAKE_CUDA_FAIL: 'cuInit:1:100' }))).toContain('cuInit: CUDA_ERROR_NO_DEVICE')
  })
})

/** What `body` prints as JSON in a process of its own; `stalled` is the longest time in which JavaScript had no turn. */
const script = (body: string) => `
  const { openDevice, listDevices } = await import('./dist/index.js')
  let last = performance.now(), stalled = 0
  const timer = setInterval(() => {
    const now = performance.now()
    stalled = Math.max(stalled, now - last)
    last = now
  }, 5)
  ${body}
  clearInterval(timer)`
const run = (body: string, variables: Record<string, string> = {}) => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script(body)], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...variables },
  })
  expect(stderr.replace(/^.*ExperimentalWarning.*$/gm, '')).toBe('')
  return JSON.parse(stdout)
}

describe.runIf(fake)('a driver', () => {
  test('is not touched by who opens the CPU', () => {
    const body = `
      const device = await openDevice('cpu')
      const loaded = process.report.getReport().sharedObjects
      console.log(JSON.stringify({ id: device.id, driver: loaded.includes(process.env.LOPHI_CUDA_DRIVER) }))`
    expect(run(body)).toEqual({ id: 'cpu', driver: false })
  })

  test('that takes its time does not hold JavaScript', () => {
    const body = `
      const { devices } = await listDevices()
      console.log(JSON.stringify({ cuda: devices.some(({ id }) => id === 'cuda:0'), stalled }))`
    const { cuda, stalled } = run(body, { LOPHI_FAKE_CUDA_SLOW: '3000' })
    expect(cuda).toBe(true)
    expect(stalled).toBeLessThan(2000)
  })
})

test.runIf(fake)(
  'kernels may begin before the one before them ends, from compute capability 9.0 on, unless that is off',
  async () => {
    const folder = await temporaryFolder()
    const early = (variables: Record<string, string>) => {
      const counts = join(folder, Object.values(variables).join('-'))
      elsewhere({ ...variables, LOPHI_FAKE_CUDA_COUNTS: counts })
      const { launches, earlyLaunches } = fakeCounts(counts)
      expect(launches).toBe(1)
      return earlyLaunches
    }
    expect(early({ LOPHI_FAKE_CUDA_CAPABILITY: '90' })).toBe(1)
    expect(early({ LOPHI_FAKE_CUDA_CAPABILITY: '89' })).toBe(0)
    expect(early({ LOPHI_FAKE_CUDA_CAPABILITY: '90', LOPHI_CUDA_PDL: 'off' })).toBe(0)
  },
)

describe.runIf(fake)('kernel images', async () => {
  const folder = await temporaryFolder()
  const images = join(folder, 'prebuilds/images/cuda')
  const code = '\x7fELF of an add kernel'
  const write = (name: string, text: string) => writeFileSync(join(images, `${name}.br`), brotliCompressSync(text))
  const variables = { LOPHI_PREBUILD: folder, LOPHI_FAKE_CUDA_IMAGES: '1' }
  beforeAll(() => {
    mkdirSync(join(folder, 'build/Release'), { recursive: true })
    copyFileSync(
      join(process.env.LOPHI_PREBUILD ?? root, 'build/Release/lophi.node'),
      join(folder, 'build/Release/lophi.node'),
    )
    mkdirSync(images, { recursive: true })
  })

  test('a GPU without one is absent, and the reason says what makes them', () => {
    expect(reasonOf(elsewhere(variables))).toMatch(/compute capability 8\.0 must lie beside.*npm run cuda:images/)
  })

  test('the one for the compute capability is loaded', () => {
    for (const name of ['sm_75', 'sm_80', 'sm_90a', 'compute_75']) write(name, `binary ${code.length}\n\n${code}`)
    const of = (capability: string) => {
      const { device, sum } = elsewhere({ ...variables, LOPHI_FAKE_CUDA_CAPABILITY: capability })
      expect(sum).toEqual([2, 4])
      return device?.details.image
    }
    expect(of('80')).toBe('cuda/sm_80')
    expect(of('89')).toBe('cuda/sm_80')
    expect(of('90')).toBe('cuda/sm_90a')
    expect(of('120')).toBe('cuda/compute_75')
    expect(reasonOf(elsewhere({ ...variables, LOPHI_FAKE_CUDA_CAPABILITY: '70' }))).toContain('compute capability 7.0')
  })

  test('a GPU that does not open is passed over by auto, which says why', () => {
    const [id, reason] = run(
      'const device = await openDevice(); console.log(JSON.stringify([device.id, device.fallbackReason]))',
      { LOPHI_FAKE_CUDA_FAIL: 'cuDevicePrimaryCtxRetain:1:2', ...variables },
    )
    expect(id).toBe('cpu')
    expect(reason).toContain('cuda:0: cuDevicePrimaryCtxRetain: CUDA_ERROR_OUT_OF_MEMORY')
  })

  test('a damaged one is refused', () => {
    write('sm_80', `binary ${code.length + 1}\n\n${code}`)
    expect(elsewhere(variables).sum).toMatch(/ERR_FORMAT.*damaged/)
    write('sm_80', `copy ${code.length}\n\n${code}`)
    expect(elsewhere(variables).sum).toMatch(/ERR_DRIVER.*binary: the kernel image must hold it/)
  })
})

describe.runIf(fake)('the emulated device', () => {
  const openCuda = async (): Promise<Device> => {
    const device = await openDevice('cuda:0')
    expect(isFake(device)).toBe(true)
    return device
  }
  const f32 = (device: Device, ...values: number[]) => device.tensor(Float32Array.from(values), [values.length])

  test.each(['reverse', 'shuffled:1', 'shuffled:2'])('computes the same whatever the order of threads: %s', (order) =>
    withEnvironment({ SIMT_ORDER: order }, async () => {
      await using device = await openCuda()
      for (const op of opNames.filter((name) => supports(device, name))) {
        for (const opCase of casesOf(op).filter((_, i) => i < 12 || i % 8 === 0)) {
          using uploads = new Uploads(device)
          const operands = operandsOf(op, opCase)
          const args = Object.fromEntries(
            Object.entries(operands).map(([name, value]) => [name, uploads.argument(value)]),
          )
          const outputs = uploads.own(callOp(op, device, { ...opCase.attributes, ...args }))
          for (const [name, expected] of Object.entries(expectedOf(op, operands, opCase.attributes))) {
            const actual = await readBack(outputs[name] ?? (args[name] as DeviceTensor))
            expect(differences(expected, actual, bounds[op]), `${op}, ${opCase.name}: ${name}`).toBeNull()
          }
        }
      }
    }),
  )

  test('a plan of it inside a plan of another device leaves the outer one its paths', async () => {
    await using device = await openCuda()
    await using cpu = await openDevice('cpu')
    const [inner, outer] = [f32(device, 1), f32(cpu, 1)]
    using plan = record(cpu, { inputs: { outer } }, ({ outer }) => {
      const x = path('one', () => ops.neg({ x: outer }))
      record(device, { inputs: { inner } }, ({ inner }) => ({ y: ops.add({ a: inner, b: inner }) })).dispose()
      return { y: path('two', () => ops.exp({ x })) }
    })
    expect(plan.calls.map(({ path }) => path)).toEqual(['one', 'two'])
  })

  test.each([
    ['embedding, eager', 'ids', false],
    ['embedding in a plan', 'ids', true],
    ['gather, eager', 'indices', false],
    ['gather in a plan', 'indices', true],
  ])('data that the CPU refuses is its error, %s, and nothing outside of the table is read', async (_, at, planned) => {
    await using cpu = await openDevice('cpu')
    await using cuda = await openCuda()
    const outcome = async (device: Device, wrong: number) => {
      using table = device.weight({ format: 'q8_0', shape: [3, 32], parts: { data: new Uint8Array(3 * 34).fill(1) } })
      using x = f32(device, 5, 6, 7)
      using ids = device.tensor(Int32Array.of(0, wrong, 2), [3])
      const looked = () =>
        path('layer.0', () => (at === 'ids' ? ops.embedding({ table, ids }) : ops.gather({ x, indices: ids })))
      const attempt = async () => {
        if (!planned) {
          using y = looked()
          return await y.read()
        }
        using plan = record(device, { inputs: { ids } }, () => ({ y: looked() }))
        return (await plan.run({}, { read: ['y'] })).y
      }
      const error = await attempt().catch(({ code, message }) => ({ code, message: message.replace(device.id, 'X') }))
      ids.write(Int32Array.of(0, 1, 2))
      return { error, afterwards: await attempt() }
    }
    for (const wrong of [3, -1, 2 ** 30, -(2 ** 31)]) {
      const expected = await outcome(cpu, wrong)
      expect(expected.error).toMatchObject({
        code: 'ERR_OUT_OF_RANGE',
        message: expect.stringContaining(`${at}[1] must`),
      })
      expect(await outcome(cuda, wrong)).toEqual(expected)
    }
  })

  test('a fault is that of the replay that met it, not of the one before', async () => {
    await using device = await openCuda()
    using table = device.weight({ format: 'float32', shape: [2, 1], parts: { data: Float32Array.of(5, 6) } })
    using ids = device.tensor(Int32Array.of(0), [1])
    using plan = record(device, { inputs: { ids } }, ({ ids }) => ({ y: ops.embedding({ table, ids }) }))
    const runs = [0, 1, 2, 0].map((id) =>
      plan.run({ ids: id }, { read: ['y'] }).then(
        ({ y }) => y[0],
        ({ code }) => code,
      ),
    )
    expect(await Promise.all(runs)).toEqual([5, 6, 'ERR_OUT_OF_RANGE', 'ERR_OUT_OF_RANGE'])
    expect((await plan.run({ ids: 1 }, { read: ['y'] })).y[0]).toBe(6)
  })

  test('a launch that is refused names the op, and the device goes on', async () => {
    await using device = await openCuda()
    const x = f32(device, 1, 2)
    await withEnvironment({ LOPHI_FAKE_CUDA_FAIL: 'cuLaunchKernelEx:1:1' }, async () => {
      const refused = {
        code: 'ERR_DRIVER',
        message: expect.stringMatching(/^add_float32: cuLaunchKernelEx: CUDA_ERROR_INVALID_VALUE/),
      }
      await expect(ops.add({ a: x, b: x }).read()).rejects.toMatchObject(refused)
    })
    expect([...(await ops.add({ a: x, b: x }).read())]).toEqual([2, 4])
  })

  test('a failed capture leaves no capture open, and names op and path', async () => {
    await using device = await openCuda()
    const x = f32(device, 1, 2)
    const ran = async () => {
      using plan = record(device, { inputs: { x } }, ({ x }) => ({
        y: path('layer.0', () => ops.add({ a: x, b: x })),
      }))
      return [...(await plan.run({}, { read: ['y'] })).y]
    }
    await withEnvironment({ LOPHI_FAKE_CUDA_FAIL: 'cuLaunchKernelEx:1:1' }, () =>
      expect(ran).rejects.toThrow(/add_float32: cuLaunchKernelEx: CUDA_ERROR_INVALID_VALUE.*\(in layer\.0 on cuda:0\)/),
    )
    await withEnvironment({ LOPHI_FAKE_CUDA_FAIL: 'cuGraphInstantiate:1:1' }, () =>
      expect(ran).rejects.toThrow(/cuGraphInstantiate/),
    )
    expect(await ran()).toEqual([2, 4])
  })

  test('an allocation that fails says what is in use, and the next one may succeed', async () => {
    await using device = await openCuda()
    const tensor = () => device.tensor(new Float32Array(50_000), [50_000])
    await withEnvironment({ LOPHI_FAKE_CUDA_FAIL: 'cuMemAlloc:1:2' }, () => {
      expect(tensor).toThrow(/^cuda:0: 200000 bytes must be free, but \d+ of \d+ are in use$/)
      const data = new Uint8Array(18 * 20_000)
      expect(() => device.weight({ format: 'q4_0', shape: [20_000, 32], parts: { data } })).toThrow(/must be free/)
    })
    expect((await tensor().read()).length).toBe(50_000)
  })

  test('an upload is a snapshot, though the device reads it later', async () => {
    await using device = await openCuda()
    for (const size of [5, 5_000_000]) {
      const data = new Float32Array(size).fill(1)
      const x = device.tensor(data, [size])
      data.fill(2)
      expect(
        (await x.read()).every((value) => value === 1),
        `${size} values`,
      ).toBe(true)
    }
  })

  test('operands live until the work that uses them is done', async () => {
    await using device = await openCuda()
    let sum: Tensor<'float32'> = f32(device, 0, 0)
    for (let i = 1; i <= 300; i++) {
      const step = f32(device, i, -i)
      const next = ops.add({ a: sum, b: step })
      step.dispose()
      sum.dispose()
      sum = next
    }
    expect([...(await sum.read())]).toEqual([45_150, -45_150])
  })

  test('an injected allocation failure of the process reaches CUDA too', () => {
    expect(elsewhere({ LOPHI_FAIL: 'alloc:2' }).sum).toMatch(/ERR_OUT_OF_MEMORY cuda:0: \d+ bytes must be free/)
    expect(elsewhere({ LOPHI_FAIL: 'lost:1' }).sum).toMatch(/ERR_DEVICE_LOST add: the device was lost \(on cuda:0\)/)
  })
})

test('auto passes over what it should not take, and says why; a name never falls back', async () => {
  await using device = await openDevice()
  expect(device.id).toBe('cpu')
  expect(device.fallbackReason).toMatch(fake ? /cuda:0: an emulation/ : /cuda: /)
  await expect(openDevice('cuda:99')).rejects.toMatchObject({ code: 'ERR_DEVICE_ABSENT' })
})

describe.runIf(fake)('the emulator', () => {
  const path = spawnSync(process.execPath, ['scripts/simt-driver.mjs', '--check'], { cwd: root, encoding: 'utf8' })
  const check = (kernel: string, order: string) => {
    const { stdout, status } = spawnSync(path.stdout.trim(), [kernel], {
      encoding: 'utf8',
      env: { ...process.env, SIMT_ORDER: order },
    })
    return `${status} ${stdout.trim()}`
  }
  const orders = ['forward', 'reverse', 'shuffled', 'shuffled:7']

  const products = ['product_half', 'product_bfloat', 'product_int8', 'product_int8_16']

  test('runs barriers, shuffles, ballots, products of a warp and copies behind its back, and poisons shared memory', () => {
    for (const order of orders)
      for (const kernel of [
        'reverse_64',
        'warp_primitives',
        'dynamic_memory',
        ...products,
        'bits',
        'copied',
        'half_copied',
      ])
        expect(check(kernel, order)).toBe(`0 kernel ${kernel}: 0 of 64 elements are wrong in ${order} order`)
  })

  test('shows a missing barrier, which one order hides', () => {
    expect(check('missing_barrier', 'forward')).toMatch(/^0 /)
    expect(check('missing_barrier', 'reverse')).toBe(
      '1 kernel missing_barrier: 63 of 64 elements are wrong in reverse order',
    )
    expect(check('missing_barrier', 'shuffled')).toMatch(/^1 kernel missing_barrier: \d\d of 64 elements are wrong/)
  })

  test('finds divergent barriers and collectives, and says who waits where', () => {
    for (const order of orders) {
      expect(check('divergent_barrier', order)).toMatch(
        /^2 simt: kernel divergent_barrier, block \(0, 0, 0\): divergent barrier: of 64 threads 16 have returned, 48 wait at __syncthreads \(planted\.cu:\d+\)$/,
      )
      expect(check('divergent_shuffle', order)).toMatch(/divergent barrier: .* 32 wait at __shfl_xor_sync/)
    }
  })

  test('shows a missing wait for copies: they land when somebody waits, not before', () => {
    for (const order of orders)
      expect(check('missing_wait', order)).toBe(`1 kernel missing_wait: 64 of 64 elements are wrong in ${order} order`)
  })

  const asan = spawnSync('c++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).stdout?.trim()
  test.runIf(asan?.includes('/'))('finds what is written behind the end of memory, under AddressSanitizer', () => {
    const args = ['scripts/simt-driver.mjs', '--check', '--asan']
    const program = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' }).stdout.trim()
    const outcome = (kernel: string) => {
      const { stdout, stderr } = spawnSync(program, [kernel], { encoding: 'utf8' })
      return `${stdout}${stderr}`
    }
    expect(outcome('reverse_64')).toBe('kernel reverse_64: 0 of 64 elements are wrong in forward order\n')
    expect(outcome('behind_the_end')).toMatch(/heap-buffer-overflow[\s\S]*WRITE of size 4[\s\S]*behind_the_end/)
  })

  test('refuses a misaligned 128-bit load', () => {
    expect(check('misaligned_load', 'forward')).toContain('must be aligned to 16 bytes, but its address ends in 4')
  })
})
