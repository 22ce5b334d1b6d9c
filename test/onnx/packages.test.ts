import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSource } from '../../lib/formats/index.js'
import { readSafetensors } from '../../lib/formats/safetensors/read.js'
import { type Device, loadModel, openDevice } from '../../lib/index.js'
import { largestError, standardDeviation } from '../support/models.js'
import { sharedData } from '../support/shared.js'
import { forward } from './forward.js'

// Packages of ONNX Runtime GenAI's model builder against a float64 pass over their dequantised weights. Errors are
// fractions of the logits' standard deviation.

const float32Bound = 1e-4
const packages = sharedData('onnx')

/**
 * `exact` has its cos and sin from float64: rounded as the file's are, except in bfloat16. A file rounds float32 ones,
 * and the long tables of LongRoPE in float16 differ by a unit in one value of a thousand.
 */
const tableBounds: Readonly<Record<string, number>> = {
  'cuda-int4-bf16': 3e-2,
  'cuda-fp16': 5e-4,
  'cuda-int4-rtn-block-32': 5e-4,
  'dml-int4-longrope': 5e-4,
}
const names = [
  'cpu-fp32',
  'cpu-int4-awq-block-32',
  'cpu-int4-awq-qdq',
  'cpu-int4-gptq',
  'cpu-int4-gptq-act-order',
  'cpu-int4-head96',
  'cpu-int4-k-quant-mixed',
  'cpu-int4-partial',
  'cpu-int4-qdq',
  'cpu-int4-rtn-asymmetric-block-128',
  'cpu-int4-rtn-block-32-acc-level-4',
  'cpu-int4-separate-qkv',
  'cpu-int4-shared-embeddings',
  'cpu-int4-window',
  'cpu-int8',
  'cuda-fp16',
  'cuda-int4-awq-block-128',
  'cuda-int4-bf16',
  'cuda-int4-rtn-block-32',
  'dml-fp16',
  'dml-int4',
  'dml-int4-awq-block-32',
  'dml-int4-longrope',
]

/** MatMulNBits with accuracy_level 4, as the builder writes for the CPU. */
const allowsInt8 = (name: string): boolean => /^cpu-int[48]/.test(name) && !name.endsWith('qdq')

interface Prompt {
  readonly name: string
  readonly ids: readonly number[]
  /** [T, V] */
  readonly exact: Float32Array
  /** What ONNX Runtime gives; absent where it has no kernel. */
  readonly ort: Float32Array | undefined
}

async function promptsOf(folder: string): Promise<Prompt[]> {
  const path = join(folder, 'expected.safetensors')
  const { tensors } = await readSafetensors(path)
  const file = await readFile(path)
  const bytesOf = (name: string): ArrayBuffer | undefined => {
    const tensor = tensors.find((each) => each.name === name)
    if (!tensor) return undefined
    const begin = file.byteOffset + tensor.data.offset
    return file.buffer.slice(begin, begin + tensor.data.bytes) as ArrayBuffer
  }
  return ['short', 'long'].map((name) => {
    const ort = bytesOf(`${name}.ort`)
    return {
      name,
      ids: [...new Int32Array(bytesOf(`${name}.ids`)!)],
      exact: new Float32Array(bytesOf(`${name}.exact`)!),
      ort: ort && new Float32Array(ort),
    }
  })
}

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
