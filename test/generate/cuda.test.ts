import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, listDevices, loadModel, type Model, openDevice, type Sequence } from '../../lib/index.js'
import { fakeCounts, isFake } from '../cuda/fake.js'
import { largestError, standardDeviation, tinyPhi3 } from '../support/models.js'
import { temporaryFolder } from '../support/shared.js'

// The trained model on a CUDA device beside the CPU.

const countsFile = join(await temporaryFolder(), 'counts')
process.env.LOPHI_FAKE_CUDA_COUNTS = countsFile
const { devices, absent } = await listDevices()
const has = devices.some(({ id }) => id === 'cuda:0')
if (!has) console.warn(`decoding on cuda is not tested: ${absent.find(({ backend }) => backend === 'cuda')?.reason}`)

describe.runIf(has)('tiny-phi3 on cuda:0', () => {
  let device: Device
  let models: readonly [cpu: Model, cuda: Model]
  beforeAll(async () => {
    device = await openDevice('cuda:0')
    models = [await loadModel(tinyPhi3, { device: 'cpu' }), await loadModel(tinyPhi3, { device })]
  })
  afterAll(async () => {
    for (const model of models) await model.dispose()
    await device.dispose()
  })

  const start = [5, 17]
  const started = async (model: Model): Promise<Sequence> => {
    const sequence = model.sequence()
    await sequence.prefill(start)
    return sequence
  }

  test('gives the logits, the ids and the log-probabilities of the CPU', async () => {
    const [cpu, cuda] = await Promise.all(models.map(started))
    let id = 8
    for (let i = 0; i < 3; i++) {
      const [expected, actual] = [await cpu!.step(id, { logits: true }), await cuda!.step(id, { logits: true })]
      const spread = standardDeviation(expected.logits!)
      expect(largestError(actual.logits!, expected.logits!)).toBeLessThan(1e-2 * spread) // of int8 activations that fall on a border
      expect(actual.id).toBe(expected.id)
      expect(actual.logprob).toBeCloseTo(expected.logprob, 2)
      id = expected.id
    }
    for (const sequence of [cpu!, cuda!]) sequence.dispose()
  })

  test('a step is one native call and one graph, reads 8 bytes back and allocates nothing', async () => {
    if (!isFake(device)) return
    const sequence = await started(models[1])
    let { id } = await sequence.step(8)
    const count = () => ({ ...fakeCounts(countsFile), ...device.counters() })
    const before = count()
    const steps = 2
    for (let i = 0; i < steps; i++) id = (await sequence.step(id)).id
    const after = count()
    const grown = Object.fromEntries(
      Object.entries(after).map(([name, value]) => [name, value - (before[name as keyof typeof before] ?? 0)]),
    )
    expect(grown).toMatchObject({ calls: steps, replays: steps, bytesRead: 8 * steps, graphLaunches: steps })
    expect(grown).toMatchObject({ launches: 0, bytesUp: 0, deviceBytes: 0 })
    // norm and qkv, rope and append and attention, o and the sum, norm and gate and up and their product, down and the sum; embedding,
    // norm and head, sampler, the next position
    const layers = 4
    expect(grown.kernels! / steps).toBe(5 * layers + 4)
    sequence.dispose()
  })
})
