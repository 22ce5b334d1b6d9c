import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, listDevices, loadModel, type Model, openDevice, type Sequence } from '../../lib/index.js'
import { largestError, standardDeviation, tinyPhi3 } from '../support/models.js'

// The trained model on a DirectML device beside the CPU.

const { devices, absent } = await listDevices()
const has = devices.some(({ id }) => id === 'dml:0')
if (!has) console.warn(`decoding on dml is not tested: ${absent.find(({ backend }) => backend === 'dml')?.reason}`)

describe.runIf(has)('tiny-phi3 on dml:0', () => {
  let device: Device
  let models: readonly [cpu: Model, dml: Model]
  beforeAll(async () => {
    device = await openDevice('dml:0')
    models = [await loadModel(tinyPhi3, { device: 'cpu' }), await loadModel(tinyPhi3, { device })]
  })
  afterAll(async () => {
    for (const model of models) await model.dispose()
    await device.dispose()
  })

  const started = async (model: Model): Promise<Sequence> => {
    const sequence = model.sequence()
    await sequence.prefill([5, 17])
    return sequence
  }

  test('gives the logits, the ids and the log-probabilities of the CPU', async () => {
    const cpu = await started(models[0])
    const dml = await started(models[1])
    let id = 8
    for (let i = 0; i < 3; i++) {
      const [expected, actual] = [await cpu.step(id, { logits: true }), await dml.step(id, { logits: true })]
      const spread = standardDeviation(expected.logits!)
      expect(largestError(actual.logits!, expected.logits!)).toBeLessThan(1e-2 * spread) // of int8 activations that fall on a border
      expect(actual.id).toBe(expected.id)
      expect(actual.logprob).toBeCloseTo(expected.logprob, 2)
      id = expected.id
    }
    for (const sequence of [cpu, dml]) sequence.dispose()
  })

  test.each(['27 + 48 =', 'What is the capital of France?'])('answers %j as the CPU does', async (content) => {
    const answers = models.map((model) =>
      model.generate([{ role: 'user', content }], { temperature: 0, maxTokens: 24 }).readAll(),
    )
    const [cpu, dml] = await Promise.all(answers)
    expect(cpu).not.toBe('')
    expect(dml).toBe(cpu)
  })

  test('a step is one native call and reads 8 bytes back', async () => {
    const sequence = await started(models[1])
    let { id } = await sequence.step(8)
    const before = device.counters()
    const steps = 2
    for (let i = 0; i < steps; i++) id = (await sequence.step(id)).id
    const after = device.counters()
    const grown = Object.fromEntries(
      Object.entries(after).map(([name, value]) => [name, value - before[name as keyof typeof before]]),
    )
    expect(grown).toEqual({ calls: steps, replays: steps, bytesRead: 8 * steps })
    sequence.dispose()
  })
})
