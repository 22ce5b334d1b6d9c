import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, listDevices, openDevice } from '../../lib/index.js'
import { type OpenWeightOptions, openWeight } from '../../lib/weight.js'
import { weight } from '../ops/cases/build.js'
import { random } from '../support/random.js'

// What a model needs of a device is asked when its weights are loaded, not when the first token is computed.

const { devices, absent } = await listDevices()
const ids = devices.map(({ id }) => id).filter((id) => id.startsWith('dml'))
if (ids.length === 0)
  test('a weight for dml', ({ skip }) =>
    skip(`no DirectML: ${absent.find(({ backend }) => backend === 'dml')?.reason}`))

describe.each(ids)('a weight for %s', (id) => {
  let device: Device
  beforeAll(async () => {
    device = await openDevice({ id })
  })
  afterAll(() => device[Symbol.asyncDispose]())

  const { bytes } = weight(random(1), 'q4_0', [8, 64])
  const description = { shape: [8, 64] as const, parts: [{ format: 'q4_0' as const, rows: 8, data: bytes }] }

  test('is refused with the reason where an op that it is for does not take it, and takes no memory', async () => {
    const { used } = device.memory()
    const open = (...uses: NonNullable<OpenWeightOptions['uses']>) => openWeight(device, description, { uses })
    await expect(open({ op: 'linear', activations: 'int8' })).rejects.toMatchObject({
      code: 'ERR_OP_UNSUPPORTED',
      message: `linear: activations must be f32 on dml, but they are int8 (a weight in q4_0 for ${id})`,
    })
    await expect(open({ op: 'linear', activations: 'f32' }, { op: 'embedding' })).rejects.toMatchObject({
      code: 'ERR_OP_UNSUPPORTED',
      message: `embedding on dml (a weight in q4_0 for ${id})`,
    })
    expect(device.memory().used).toBe(used)
    using taken = await open({ op: 'linear', activations: 'f32' })
    expect(taken.shape).toEqual([8, 64])
  })
})
