import { spawnSync } from 'node:child_process'
import { execPath } from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, listDevices, openDevice, ops, path, record, type Tensor } from '../../lib/index.js'
import { weight as weightOf } from '../ops/cases/build.js'
import { differences } from '../support/compare.js'
import { type NdArray, ndarray } from '../support/ndarray.js'
import { random, seedOf } from '../support/random.js'

// One step through the seam: recorded once, replayed with other inputs, on every device, against the CPU.

const width = 128
const replays = 64
const { devices } = await listDevices()

const floats = (values: NdArray): Float32Array => Float32Array.from(values.data)
const inputOf = (step: number): NdArray => {
  const { normal } = random(seedOf(`seam ${step}`))
  return ndarray('float32', [1, width], () => normal())
}

/** Weights of two equal layers, the same on every device. */
function layersOn(device: Device) {
  const from = random(seedOf('seam weights'))
  const layers = [0, 1].map(() => {
    const w = weightOf(from, 'q4_0', [width, width])
    const b = Uint8Array.from({ length: width * (width / 2) }, () => from.integer(0, 255))
    const scales = Float32Array.from({ length: width * (width / 32) }, () => 0.01 * (1 + from.uniform()))
    const norm = Float32Array.from({ length: width }, () => 1 + 0.1 * from.normal())
    return {
      norm: device.tensor(norm, [width]),
      w: device.weight({ format: w.format, shape: w.shape, parts: { data: w.bytes } }),
      b: device.tensor(b, [width, width / 32, 16]),
      scales: device.tensor(scales, [width, width / 32]),
    }
  })
  return {
    layers,
    [Symbol.dispose]() {
      for (const layer of layers) for (const operand of Object.values(layer)) operand.dispose()
    },
  }
}
type Layers = ReturnType<typeof layersOn>

function step({ layers }: Layers, input: Tensor<'float32'>): Tensor<'float32'> {
  let x = ops.copy({ x: input })
  layers.forEach(({ norm, w, b, scales }, i) => {
    x = path(`layer.${i}`, () => {
      const normed = ops.rmsNorm({ x, weight: norm, epsilon: 1e-5 })
      const y = ops.add({ a: x, b: ops.linear({ x: normed, w }) })
      return ops.add({ a: y, b: ops.matmulInt4({ a: normed, b, scales, blockSize: 32 }) })
    })
  })
  return x
}

async function onCpu(): Promise<NdArray[]> {
  await using cpu = await openDevice('cpu')
  using layers = layersOn(cpu)
  const results: NdArray[] = []
  for (let i = 0; i < replays; i++) {
    using x = cpu.tensor(floats(inputOf(i)), [1, width])
    using y = step(layers, x)
    results.push(ndarray('float32', [1, width], Array.from(await y.read())))
  }
  return results
}

// each of two layers adds a linear and a matmulInt4 of a norm: their bounds, and that of the norm, add up
const bound = { per: 'tensor', error: 16e-6 } as const

describe.each(devices.map(({ id }) => id))('a plan of two equal layers on %s', (id) => {
  let device: Device
  let expected: NdArray[]
  beforeAll(async () => {
    device = await openDevice({ id })
    expected = await onCpu()
  })
  afterAll(() => device[Symbol.asyncDispose]())

  test(`gives what the CPU gives and what eager calls give, ${replays} times with changing inputs`, async () => {
    using layers = layersOn(device)
    using x = device.tensor(new Float32Array(width), [1, width])
    using plan = record(device, { inputs: { x } }, (inputs) => ({ y: step(layers, inputs.x as Tensor<'float32'>) }))
    expect(plan.calls.map(({ path }) => path).filter((name, i, all) => all.indexOf(name) === i)).toEqual([
      '',
      'layer.0',
      'layer.1',
    ])
    const before = device.counters()
    const results: Float32Array[] = []
    for (let i = 0; i < replays; i++)
      results.push((await plan.run({ x: floats(inputOf(i)) }, { read: ['y'] })).y as Float32Array)
    const after = device.counters()
    expect(after.calls - before.calls, 'native calls').toBe(replays)
    expect(after.replays - before.replays, 'replays').toBe(replays)
    expect(after.bytesRead - before.bytesRead, 'bytes read').toBe(replays * width * 4)

    for (const [i, values] of results.entries()) {
      const found = ndarray('float32', [1, width], Array.from(values))
      const difference = differences(expected[i]!, found, bound)
      if (difference) expect.fail(`replay ${i}: ${difference}`)
      using eagerInput = device.tensor(floats(inputOf(i)), [1, width])
      using eager = step(layers, eagerInput)
      expect(await eager.read(), `eager step ${i}`).toEqual(values)
    }
  })

  test('replays that nobody waits for between run in order', async () => {
    using layers = layersOn(device)
    using x = device.tensor(new Float32Array(width), [1, width])
    using plan = record(device, { inputs: { x } }, (inputs) => ({ y: step(layers, inputs.x as Tensor<'float32'>) }))
    const runs = Array.from({ length: replays }, (_, i) => plan.run({ x: floats(inputOf(i)) }, { read: ['y'] }))
    for (const [i, { y }] of (await Promise.all(runs)).entries()) {
      const difference = differences(expected[i]!, ndarray('float32', [1, width], Array.from(y as Float32Array)), bound)
      if (difference) expect.fail(`replay ${i}: ${difference}`)
    }
  })

  test('the memory comes back', () => {
    // a process of its own: what other tests left to the garbage collector would count
    const used = inProcess(
      `const device = await openDevice(${JSON.stringify(id)})
      const used = [device.memory().used]
      const x = device.tensor(new Float32Array(1 << 18), [1 << 18])
      const y = ops.add({ a: x, b: x })
      await y.read()
      used.push(device.memory().used)
      x.dispose()
      y.dispose()
      await device.sync()
      console.log(JSON.stringify([...used, device.memory().used]))`,
      {},
    )
    expect(used).toEqual([0, 2 << 20, 0])
  })

  test.each([
    ['lost:1', 'ERR_DEVICE_LOST', /lost \(on /],
    ['lost:4', 'ERR_DEVICE_LOST', /lost \(in layer\.0 on /],
    ['alloc:2', 'ERR_OUT_OF_MEMORY', /must be free/],
  ])('with LOPHI_FAIL=%s a plan ends with %s', (fail, code, message) => {
    expect(planWith(id, fail)).toEqual({ code, message: expect.stringMatching(message) })
  })

  const directml = devices.find((device) => device.id === id)?.details.directml ?? 'none'
  test.runIf(!directml.startsWith('none'))(
    'a DirectML tensor of a wrong size is refused by the name of the call',
    () => {
      expect(planWith(id, 'descriptor:1', { LOPHI_DIRECTML_GRAPHS: '1' })).toEqual({
        code: 'ERR_DRIVER',
        message: expect.stringMatching(/IDMLDevice::CreateOperator failed with 0x80070057 \(E_INVALIDARG\)/),
      })
    },
  )
})

/** What a process says that records and runs a plan under the injected failure. */
function planWith(id: string, fail: string, environment: Record<string, string> = {}): unknown {
  return inProcess(
    `try {
      const device = await openDevice(${JSON.stringify(id)})
      const x = device.tensor(new Float32Array(64).fill(1), [1, 64])
      const weight = device.tensor(new Float32Array(64).fill(1), [64])
      const plan = record(device, { inputs: { x } }, ({ x }) => {
        const y = ops.copy({ x: ops.copy({ x: ops.add({ a: x, b: x }) }) })
        return { y: path('layer.0', () => ops.rmsNorm({ x: y, weight, epsilon: 1e-5 })) }
      })
      await plan.run({}, { read: ['y'] })
      console.log(JSON.stringify({ code: 'none', message: 'no failure' }))
    } catch ({ code, message }) {
      console.log(JSON.stringify({ code, message }))
    }`,
    { ...environment, LOPHI_FAIL: fail },
  )
}

/** Runs a script with the package's names in scope, and parses what it prints. */
function inProcess(script: string, env: Readonly<Record<string, string>>): unknown {
  // the compiled package: beside the tests' sources it is dist/, beside compiled tests lib/
  const built = new URL(import.meta.url.endsWith('.ts') ? '../../dist/index.js' : '../../lib/index.js', import.meta.url)
    .href
  const whole = `const { openDevice, ops, record, path } = await import(${JSON.stringify(built)})\n${script}`
  const { stdout, stderr, status } = spawnSync(execPath, ['--input-type=module', '-e', whole], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', ...env },
  })
  if (!/^[{[]/.test(stdout)) throw new Error(`the process ended with ${status}: ${stderr}${stdout}`)
  return JSON.parse(stdout)
}
