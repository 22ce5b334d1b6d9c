import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, loadModel, type Model, openDevice } from '../../lib/index.js'
import { type GoldenPrompt, goldenPrompts, largestError, standardDeviation } from '../support/models.js'
import { sharedData } from '../support/shared.js'

// Quantised checkpoints against a float64 pass over their dequantised weights; errors are fractions of the logits'
// standard deviation.

/** Float32 arithmetic, as in golden.test.ts: these files do not allow int8 activations. */
const float32Bound = 1e-4
const checkpoints = [
  ...['awq-gemm-g32', 'awq-gemm-g128', 'gptq-v1-g32', 'gptq-v2-g64', 'gptq-act-order-g32'],
  ...['mlx-q4-g64', 'mlx-q8-g32', 'mlx-q4-g32-tied'],
]
/** Of MLX the embeddings are quantised too. */
const boundOf = (name: string) => (name.startsWith('mlx') ? 2e-4 : float32Bound)

let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.dispose())

describe.each(checkpoints)('golden checkpoint %s', (checkpoint) => {
  const folder = sharedData(`golden/${checkpoint}`)
  let model: Model
  let prompts: Pick<GoldenPrompt, 'name' | 'ids' | 'logits'>[]
  beforeAll(async () => {
    if (folder === null) return
    prompts = await goldenPrompts(folder)
    model = await loadModel(folder, { device, kvType: 'float32' })
  })
  afterAll(() => model?.dispose())

  test.skipIf(folder === null).each([1, 7, 1024])('logits of every position in passes of %i tokens', async (chunk) => {
    expect(prompts.map((prompt) => prompt.name).sort()).toEqual(['long', 'short'])
    for (const { name, ids, logits } of prompts) {
      const actual = await model.logits(ids, { all: true, chunk })
      expect(largestError(actual, logits) / standardDeviation(logits), name).toBeLessThan(boundOf(checkpoint))
    }
  })
})
