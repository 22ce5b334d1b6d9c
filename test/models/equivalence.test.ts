import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { phi3Weights } from '../../lib/architectures/phi3.js'
import { convert } from '../../lib/convert/index.js'
import { floatRows, matrixOf } from '../../lib/convert/rows.js'
import type { ConvertOptions } from '../../lib/convert/types.js'
import { openSource } from '../../lib/formats/index.js'
import type { WeightDescription } from '../../lib/formats/source.js'
import { type Device, loadModel, openDevice } from '../../lib/index.js'
import { smallConfig, writeCheckpoint } from '../formats/files.js'
import { largestError, standardDeviation } from '../support/models.js'
import { temporaryFolder } from '../support/shared.js'

// One random model, written in every container and type: what comes out of it must not depend on how it is stored.

const root = await temporaryFolder()
const config = { ...smallConfig, hidden_size: 128, intermediate_size: 256, vocab_size: 160, eos_token_id: 159 }
const ids = [3, 141, 59, 26, 5, 35, 89, 79, 32, 38, 46, 26]

/** Weights as a trained model has them: unit variance goes through every product. */
function scaleWeights(name: string, values: Float32Array): void {
  if (name.includes('norm')) for (let i = 0; i < values.length; i++) values[i] = 1 + values[i]! / 8
  else if (name.includes('embed')) levelsOf(values)
  else {
    const width = name.includes('down_proj') ? config.intermediate_size : config.hidden_size
    for (let i = 0; i < values.length; i++) values[i]! /= Math.sqrt(width)
  }
}

/** Levels that q4_0 stores without loss: ONNX packages do not quantise the embedding, GGUF does. */
function levelsOf(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) {
    const level = Math.max(-8, Math.min(7, Math.round(3 * values[i]!)))
    values[i] = (i % 32 === 0 ? -8 : level) / 4
  }
}

interface Answer {
  readonly logits: Float32Array
  readonly greedy: readonly number[]
}

let device: Device
const source = join(root, 'f32-checkpoint')
let expected: Answer

beforeAll(async () => {
  device = await openDevice('cpu')
  await mkdir(source)
  await writeCheckpoint(source, config, { change: scaleWeights })
  expected = await answerOf(source)
})
afterAll(() => device.dispose())

async function answerOf(path: string): Promise<Answer> {
  const model = await loadModel(path, { device, activations: 'f32', kvType: 'float32' })
  try {
    const logits = await model.logits(ids, { all: true })
    const greedy: number[] = []
    for await (const { id } of model.generate(ids, { maxTokens: 16, ignoreEos: true })) greedy.push(id)
    return { logits, greedy }
  } finally {
    await model.dispose()
  }
}

let written = 0
async function storedAs(options: ConvertOptions): Promise<string> {
  const path = join(root, `${written++}-${options.to}-${options.type}${options.to === 'gguf' ? '.gguf' : ''}`)
  await convert(source, path, options)
  return path
}

describe('one model', () => {
  test.each([
    ['GGUF F32', { to: 'gguf', type: 'f32' }],
    ['ONNX fp32', { to: 'onnx', type: 'f32' }],
    ['safetensors f32, written anew', { to: 'safetensors', type: 'f32' }],
  ] as const)('as %s gives the same greedy ids, and logits to 1e-5', async (_, options) => {
    const { logits, greedy } = await answerOf(await storedAs(options))
    expect(largestError(logits, expected.logits)).toBeLessThan(1e-5)
    expect(greedy).toEqual(expected.greedy)
  })

  // root mean square of the error, as a fraction of the logits' standard deviation
  test.each([
    ['GGUF F16', { to: 'gguf', type: 'f16' }, 1e-3],
    ['GGUF BF16', { to: 'gguf', type: 'bf16' }, 1e-2],
    ['GGUF Q8_0', { to: 'gguf', type: 'q8_0' }, 0.02],
    ['GGUF Q5_0', { to: 'gguf', type: 'q5_0' }, 0.12],
    ['GGUF Q5_1', { to: 'gguf', type: 'q5_1' }, 0.2],
    ['GGUF Q4_0', { to: 'gguf', type: 'q4_0' }, 0.3],
    ['GGUF Q4_1', { to: 'gguf', type: 'q4_1' }, 0.3],
    ['safetensors bf16', { to: 'safetensors', type: 'bf16' }, 1e-2],
    ['safetensors f16', { to: 'safetensors', type: 'f16' }, 1e-3],
    ['ONNX fp16', { to: 'onnx', type: 'f16' }, 2e-3],
    ['ONNX int4, block 32', { to: 'onnx', type: 'int4' }, 0.3],
    ['ONNX int4, block 32, zero points', { to: 'onnx', type: 'int4', asymmetric: true }, 0.3],
    ['ONNX int4, block 128', { to: 'onnx', type: 'int4', block: 128 }, 0.4],
    ['ONNX int4, block 128, zero points', { to: 'onnx', type: 'int4', block: 128, asymmetric: true }, 0.4],
  ] as const)('as %s errs as far as its type must', async (_, options, bound) => {
    const { logits } = await answerOf(await storedAs(options))
    const error =
      standardDeviation(logits.map((value, i) => value - expected.logits[i]!)) / standardDeviation(expected.logits)
    expect(error).toBeLessThan(bound)
    // a type of fewer bits that errs this little was not written as that type
    expect(error).toBeGreaterThan(bound / 40)
  })

  test('as Q4_0 and as int4 with block 32 has the same values but for the rounding of the scales', async () => {
    const gguf = await openSource(await storedAs({ to: 'gguf', type: 'q4_0' }))
    const onnx = await openSource(await storedAs({ to: 'onnx', type: 'int4' }))
    const { layers } = phi3Weights(onnx)
    for (const [i, layer] of phi3Weights(gguf).layers.entries())
      for (const name of ['qkv', 'o', 'gateUp', 'down'] as const) {
        const [a, b] = [await valuesOf(layer[name]), await valuesOf(layers[i]![name])]
        // float16 scales; where a scale is subnormal its error is absolute
        const apart = a.findIndex((value, k) => Math.abs(value - b[k]!) > 2 ** -11 * Math.abs(b[k]!) + 2 ** -22)
        expect(apart, `${name} of layer ${i}`).toBe(-1)
      }
    const [a, b] = [await answerOf(gguf.path), await answerOf(onnx.path)]
    expect(largestError(a.logits, b.logits)).toBeLessThan(2e-2 * standardDeviation(expected.logits))
  })
})

async function valuesOf(weight: WeightDescription): Promise<Float32Array> {
  const pieces: number[] = []
  for await (const values of floatRows(device, matrixOf(weight))) pieces.push(...values)
  return Float32Array.from(pieces)
}
