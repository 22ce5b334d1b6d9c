import { describe, expect, test } from 'vitest'
import { listDevices, openDevice, ops, path, record } from '../../lib/index.js'
import { withEnvironment } from './fake.js'

// A lost context is lost for the whole process until its last user lets go: these tests have a process of their own.

const { devices, absent } = await listDevices()
const fake = devices.some(({ id, name }) => id === 'cuda:0' && name === 'SIMT emulator')
if (!fake) console.warn(`a lost CUDA device is not tested: ${absent.find((a) => a.backend === 'cuda')?.reason}`)

const lost = (message: RegExp) =>
  expect.objectContaining({ code: 'ERR_DEVICE_LOST', message: expect.stringMatching(message) })

describe.runIf(fake)('a CUDA device that is lost', () => {
  test.each([
    ['in an eager call', false],
    ['in a replay', true],
  ])('%s fails every call until it is opened again', async (_, replay) => {
    const device = await openDevice('cuda:0')
    const x = device.tensor(Float32Array.of(3, 3), [2])
    const plan = record(device, { inputs: { x } }, ({ x }) => ({
      y: path('layer.0', () => ops.rmsNorm({ x, weight: x, epsilon: 0 })),
    }))
    expect([...(await plan.run({}, { read: ['y'] })).y]).toEqual([3, 3])

    await withEnvironment({ LOPHI_FAKE_CUDA_FAIL: 'rms_norm_float32:1:700' }, async () => {
      const fault = lost(/ILLEGAL_ADDRESS: .*rms_norm_float32.*\(on cuda:0\)$/)
      if (replay) {
        await expect(plan.run({}, { read: ['y'] })).rejects.toEqual(fault)
      } else {
        const y = ops.rmsNorm({ x, weight: x })
        await expect(y.read()).rejects.toEqual(fault)
        y.dispose()
      }
    })
    await expect(x.read()).rejects.toEqual(lost(/ILLEGAL_ADDRESS/))
    await expect(plan.run()).rejects.toEqual(lost(/ILLEGAL_ADDRESS/))
    expect(() => device.tensor(new Float32Array(100_000), [100_000])).toThrow(
      lost(/^cuda:0: cuMemAlloc: .*ILLEGAL_ADDRESS/),
    )
    plan.dispose()
    x.dispose()
    await device.dispose().catch(() => {}) // it had enqueued what failed

    const again = await openDevice('cuda:0')
    const z = again.tensor(Float32Array.of(1, 2), [2])
    const sum = ops.add({ a: z, b: z })
    expect([...(await sum.read())]).toEqual([2, 4])
    for (const tensor of [z, sum]) tensor.dispose()
    await again.dispose()
  })
})
