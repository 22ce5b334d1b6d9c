import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Device,
  listDevices,
  openDevice,
  ops,
  type Plan,
  path,
  record,
  scope,
  supports,
  type Tensor,
} from '../../lib/index.js'
import { fakeCounts, isFake } from '../cuda/fake.js'
import { normal, weight } from '../ops/cases/build.js'
import { differences } from '../support/compare.js'
import { ndarray } from '../support/ndarray.js'
import { random } from '../support/random.js'
import { temporaryFolder } from '../support/shared.js'

// The same script on every device: two equal layers recorded once and replayed with changing inputs.

const countsFile = join(await temporaryFolder(), 'counts')
process.env.LOPHI_FAKE_CUDA_COUNTS = countsFile
const { devices, absent } = await listDevices()
for (const { backend, reason } of absent) console.warn(`the seam on ${backend} is not tested: ${reason}`)

const rows = 3
const width = 64
const columns = 48
const blockSize = 32
const replays = 64

const seeded = random(2024)
const gains = [normal(seeded, 'float32', [width]), normal(seeded, 'float32', [width])]
const matrices = [weight(seeded, 'q4_0', [width, width]), weight(seeded, 'q4_0', [width, width])]
const packed = Uint8Array.from({ length: (columns * width) / 2 }, () => seeded.integer(0, 255))
const scales = normal(seeded, 'float32', [columns, width / blockSize], 0.1)
const steps = Array.from({ length: replays }, () => ({
  x: Float32Array.from({ length: rows * width }, seeded.normal),
  shift: Float32Array.from({ length: width }, seeded.normal),
}))

function network(device: Device) {
  const layers = gains.map((gain, i) => ({
    gain: device.tensor(Float32Array.from(gain.data), [width]),
    w: device.weight({ format: 'q4_0', shape: [width, width], parts: { data: matrices[i].bytes } }),
  }))
  const b = device.tensor(packed, [columns, width / blockSize, blockSize / 2])
  const s = device.tensor(Float32Array.from(scales.data), [columns, width / blockSize])
  return (x: Tensor<'float32'>, shift: Tensor<'float32'>) => {
    let h = ops.add({ a: x, b: shift }) as Tensor<'float32'>
    layers.forEach(({ gain, w }, i) => {
      h = path(`layer.${i}`, () => {
        const y = ops.linear({ x: ops.rmsNorm({ x: h, weight: gain }), w })
        return ops.add({ a: y, b: h }) as Tensor<'float32'>
      })
    })
    return { y: ops.copy({ x: ops.matmulInt4({ a: h, b, scales: s, blockSize }) }) as Tensor<'float32'> }
  }
}

async function replayed(plan: Plan<Record<'x' | 'shift', Tensor>, { y: Tensor<'float32'> }>) {
  const results: Float32Array[] = []
  for (const step of steps) results.push((await plan.run(step, { read: ['y'] })).y)
  return results
}

/** Of one device: the results of the steps, eager and replayed, and what each replay took. */
async function runAll(device: Device) {
  const step = network(device)
  const x = device.tensor(new Float32Array(rows * width), [rows, width])
  const shift = device.tensor(new Float32Array(width), [width])
  const eager: Float32Array[] = []
  for (const values of steps) {
    x.write(values.x)
    shift.write(values.shift)
    const { y } = scope(() => step(x, shift))
    eager.push(await y.read())
    y.dispose()
  }
  const plan = record(device, { inputs: { x, shift } }, ({ x, shift }) => step(x, shift))
  await plan.run() // now it is compiled
  const before = { native: device.counters(), fake: isFake(device) ? fakeCounts(countsFile) : null }
  const results = await replayed(plan)
  const after = { native: device.counters(), fake: isFake(device) ? fakeCounts(countsFile) : null }
  return { step, inputs: plan.inputs, plan, eager, results, before, after }
}

describe.each(devices.map(({ id }) => id))('a plan of two equal layers on %s', (id) => {
  let device: Device
  let run: Awaited<ReturnType<typeof runAll>>
  let onCpu: Awaited<ReturnType<typeof runAll>>
  beforeAll(async () => {
    device = await openDevice({ id })
    run = await runAll(device)
    onCpu = id === 'cpu' ? run : await runAll(await openDevice('cpu'))
  })
  afterAll(() => device[Symbol.asyncDispose]())

  test('keeps the paths of its calls', () => {
    const apart = supports(device, 'addRmsNorm')
      ? ['0 rmsNorm', '0 linear', '0 addRmsNorm', '1 linear', '1 add']
      : ['0 rmsNorm', '0 linear', '0 add', '1 rmsNorm', '1 linear', '1 add']
    const own = ['0 normLinearAdd', '1 normLinearAdd']
    const layers = (id.startsWith('cuda') ? own : apart).map((call) => call.split(' '))
    expect(run.plan.calls).toEqual([
      { path: '', op: 'add' },
      ...layers.map(([layer, op]) => ({ path: `layer.${layer}`, op })),
      { path: '', op: 'matmulInt4' },
      { path: '', op: 'copy' },
    ])
  })

  test('gives in every replay what eager calls give', () => {
    expect(run.results).toEqual(run.eager)
    expect(new Set(run.results.map(String)).size).toBe(replays)
  })

  test('agrees with the CPU', () => {
    const array = (data: Float32Array) => ndarray('float32', [rows, columns], data)
    run.results.forEach((result, i) => {
      const bound = { per: 'tensor', error: 1e-5 } as const
      expect(differences(array(onCpu.results[i]), array(result), bound), `replay ${i}`).toBeNull()
    })
  })

  test('costs one native call a replay, and reads back the output alone', () => {
    const { before, after } = run
    expect(after.native.calls - before.native.calls).toBe(replays)
    expect(after.native.replays - before.native.replays).toBe(replays)
    expect(after.native.bytesRead - before.native.bytesRead).toBe(replays * rows * columns * 4)
  })

  test.runIf(id.startsWith('cuda'))('is one submission a replay', () => {
    const { before, after } = run
    if (!before.fake || !after.fake) return console.warn(`${id} is no fake driver: submissions are not counted`)
    const grown = (name: keyof typeof before.fake) => (after.fake?.[name] ?? 0) - (before.fake?.[name] ?? 0)
    expect(grown('graphLaunches')).toBe(replays)
    expect(grown('launches')).toBe(0)
    expect(grown('kernels')).toBe(replays * 6) // copy is a memory copy; each product of three rows has a kernel for x before it
    expect(grown('bytesDown')).toBe(replays * rows * columns * 4)
    expect(grown('bytesUp')).toBe(replays * (rows + 1) * width * 4)
    expect(grown('deviceBytes')).toBe(0)
  })

  test('frees what its intermediates and output took', async () => {
    await device.sync()
    const { used } = device.memory()
    const plan = record(device, { inputs: run.inputs }, ({ x, shift }) => run.step(x, shift))
    await plan.run({}, { read: ['y'] })
    expect(device.memory().used).toBeGreaterThan(used)
    plan.dispose()
    await device.sync()
    expect(device.memory().used).toBe(used)
  })

  test('fuses only into ops that the device has', async () => {
    const { x } = run.inputs
    const gain = device.tensor(new Float32Array(width).fill(1), [width])
    const separate = (x: Tensor<'float32'>) => {
      const sum = ops.add({ a: x, b: x }) as Tensor<'float32'>
      return { sum, y: ops.rmsNorm({ x: sum, weight: gain }) }
    }
    using plan = record(device, { inputs: { x } }, ({ x }) => separate(x))
    expect(plan.calls.map(({ op }) => op)).toEqual(supports(device, 'addRmsNorm') ? ['addRmsNorm'] : ['add', 'rmsNorm'])
    const { y } = scope(() => separate(x))
    expect((await plan.run({}, { read: ['y'] })).y).toEqual(await y.read())
  })
})
