import { afterEach, describe, expect, test, vi } from 'vitest'
import { listDevices, openDevice } from '../../lib/index.js'
import { native } from '../../lib/native.js'
import { isFake, withEnvironment } from '../cuda/fake.js'

// What 'auto' takes. The emulated GPU stands for a real one: here it is not marked as software, and no op is missing.

afterEach(() => vi.restoreAllMocks())

const found = (await listDevices()).devices.some(({ name }) => name === 'SIMT emulator')
if (!found) console.warn("what 'auto' takes is not tested: there is no emulated GPU")

describe.runIf(found)("'auto'", () => {
  async function asReal(): Promise<void> {
    const { devices, absent } = await native.listDevices(null)
    const real = devices.map((info) => ({ ...info, software: false }))
    vi.spyOn(native, 'listDevices').mockResolvedValue({ devices: real, absent })
    vi.spyOn(native, 'missingOps').mockReturnValue([])
  }
  const broken = { LOPHI_FAKE_CUDA_FAIL: 'cuDevicePrimaryCtxRetain:1:2' }

  test('takes a GPU that has every op and opens', async () => {
    await asReal()
    await using device = await openDevice()
    expect([device.id, device.fallbackReason, isFake(device)]).toEqual(['cuda:0', null, true])
  })

  test('takes the CPU where the GPU does not open, and says why', async () => {
    await asReal()
    await withEnvironment(broken, async () => {
      await using device = await openDevice()
      expect(device.id).toBe('cpu')
      expect(device.fallbackReason).toMatch(/^(?:dml: .*; )?cuda:0: cuDevicePrimaryCtxRetain: CUDA_ERROR_OUT_OF_MEMORY/)
    })
  })

  test('takes the CPU where the GPU lacks an op, and says which', async () => {
    await asReal()
    vi.spyOn(native, 'missingOps').mockReturnValue(['topK', 'sample'])
    await using device = await openDevice()
    expect([device.id, device.fallbackReason]).toEqual([
      'cpu',
      expect.stringContaining('cuda:0: lacks 2 ops, topK among them'),
    ])
  })

  test('is the only one that falls back', async () => {
    await asReal()
    await withEnvironment(broken, () =>
      expect(openDevice('cuda:0')).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY' }),
    )
  })
})
