import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSource } from '../../lib/formats/index.js'
import { type Device, loadModel, openDevice } from '../../lib/index.js'
import { largestError, standardDeviation } from '../support/models.js'
import { sharedData } from '../support/shared.js'
import { forward } from './forward.js'
import { allowsInt8, float32Bound, packageNames as names, type Prompt, promptsOf, tableBounds } from './packages.js'

// Packages of ONNX Runtime GenAI's model builder against a float64 pass over their dequantised weights. Errors are
// fractions of the logits' standard deviation.

const packages = sharedData('onnx')

function rootMeanSquare(actual: ArrayLike<number>, expected: Float32Array): number {
  return Math.sqrt(expected.reduce((sum, value, i) => sum + (actual[i]! - value) ** 2, 0) / expected.length)
}

let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.dispose())

describe.skipIf(packages === null).each(names)('package %s', (name) => {
  const folder = join(packages ?? '', name)
  let prompts: Prompt[]
  /** Per prompt, from a float64 pass over what the reader found. */
  let references: Float64Array[]
  beforeAll(async () => {
    prompts = await promptsOf(folder)
    const source = await openSource(join(folder, 'model.onnx'))
    references = await Promise.all(prompts.map(({ ids }) => forward(source, ids)))
  })

  test('a float64 pass over its weights gives the expected logits', () => {
    for (const [i, { name: prompt, exact }] of prompts.entries()) {
      const bound = tableBounds[name] ?? float32Bound
      expect(largestError(references[i]!, exact) / standardDeviation(exact), prompt).toBeLessThan(bound)
    }
  })

  test('a model in float32 gives the logits of that pass, and the expected ones', async () => {
    const model = await loadModel(folder, { device, activations: 'f32', kvType: 'float32' })
    for (const [i, { name: prompt, ids, exact }] of prompts.entries()) {
      const unit = standardDeviation(exact)
      const logits = await model.logits(ids, { all: true })
      expect(largestError(logits, references[i]!) / unit, prompt).toBeLessThan(float32Bound)
      expect(largestError(logits, exact) / unit, prompt).toBeLessThan(tableBounds[name] ?? float32Bound)
    }
    await model.dispose()
  })
})

describe.skipIf(packages === null)('int8 activations take a model no farther than ONNX Runtime goes', () => {
  test.each(names.filter(allowsInt8))('%s', async (name) => {
    const folder = join(packages!, name)
    const model = await loadModel(folder, { device, kvType: 'float32' })
    expect(model.activations).toBe('int8')
    const prompts = await promptsOf(folder)
    // where both round alike they differ by the order of sums; which of 30,000 errors is the largest is a matter of luck
    const distance = Math.max(...prompts.map(({ ort, exact }) => (ort ? largestError(ort, exact) : 0.3)))
    for (const { name: prompt, ids, exact, ort } of prompts) {
      const logits = await model.logits(ids, { all: true })
      expect(largestError(logits, exact), prompt).toBeLessThan(1.2 * distance)
      expect(rootMeanSquare(logits, exact), prompt).toBeLessThan(1.01 * (ort ? rootMeanSquare(ort, exact) : 0.05))
    }
    await model.dispose()
  })
})
