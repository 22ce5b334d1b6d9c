import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { convert } from '../../lib/convert/index.js'
import type { ConvertOptions } from '../../lib/convert/types.js'
import { type Device, type LoadModelOptions, loadModel, openDevice } from '../../lib/index.js'
import { smallConfig, writeCheckpoint } from '../formats/files.js'
import { largestError, standardDeviation } from '../support/models.js'
import { random, seedOf } from '../support/random.js'
import { sharedData, temporaryFolder } from '../support/shared.js'
import { type Rows, Runtime } from './onnxruntime.js'

// Largest differences allowed between logits, as fractions of their standard deviation: README.md has what is measured.

/** Both compute in float32 on the same values. */
const exact = 1e-4
/** The graph rounds what goes from node to node to float16. */
const float16 = 2e-2
/** Both round activations to int8, each in its own way. */
const int8 = 0.3

const folder = await temporaryFolder()
const measured: Record<string, string | number>[] = []
let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(async () => {
  await device.dispose()
  console.table(measured)
})

function randomIds(name: string, count: number, vocabulary: number): number[] {
  const source = random(seedOf(name))
  return Array.from({ length: count }, () => source.integer(0, vocabulary - 1))
}

const steps = 12

/** A prompt, then ids one by one; all are given, so that no pick can lead the two apart. */
async function theirs(path: string, prompt: readonly number[], rest: readonly number[]): Promise<Rows> {
  const runtime = await Runtime.open(path)
  try {
    const rows = await runtime.append(prompt)
    for (const id of rest) rows.push(...(await runtime.append([id])))
    return rows
  } finally {
    await runtime.release()
  }
}

async function ours(
  path: string,
  prompt: readonly number[],
  rest: readonly number[],
  options: LoadModelOptions,
): Promise<Rows> {
  await using model = await loadModel(path, { device, kvType: 'float32', ...options })
  const logits = await model.logits(prompt, { all: true })
  const { vocabSize } = model.config
  const rows = prompt.map((_, i) => logits.subarray(i * vocabSize, (i + 1) * vocabSize))
  const sequence = model.sequence()
  await sequence.prefill(prompt)
  for (const id of rest) rows.push((await sequence.step(id, { logits: true })).logits!)
  sequence.dispose()
  return rows
}

const promptLengths = [24, 100]

/** The largest distance over all rows, in standard deviations of all logits. */
async function distance(
  what: string,
  path: string,
  promptLength: number,
  options: LoadModelOptions = {},
): Promise<number> {
  const ids = randomIds(`${what} ${promptLength}`, promptLength + steps, 320)
  const [prompt, rest] = [ids.slice(0, promptLength), ids.slice(promptLength)]
  const expected = await theirs(join(path, 'model.onnx'), prompt, rest)
  const actual = await ours(path, prompt, rest, options)
  const unit = standardDeviation(expected.flatMap((row) => [...row]))
  const errors = expected.map((row, i) => largestError(actual[i]!, row) / unit)
  const prefill = Math.max(...errors.slice(0, promptLength))
  const decode = Math.max(...errors.slice(promptLength))
  measured.push({ what, prompt: promptLength, prefill: prefill.toExponential(1), decode: decode.toExponential(1) })
  return Math.max(prefill, decode)
}

async function expectClose(what: string, path: string, bound: number, options: LoadModelOptions = {}): Promise<void> {
  for (const length of promptLengths)
    expect(await distance(what, path, length, options), `${what}, ${length} ids`).toBeLessThanOrEqual(bound)
}

/** The package with MatMulNBits that may not round activations: accuracy_level 0 for 4. */
async function withoutRounding(path: string): Promise<string> {
  const copy = join(folder, `${basename(path)}-level-0`)
  await cp(path, copy, { recursive: true })
  const file = join(copy, 'model.onnx')
  // the name of an attribute, and behind it field 3 (i) with its value
  const bytes = (await readFile(file, 'latin1')).replaceAll('accuracy_level\x18\x04', 'accuracy_level\x18\x00')
  await writeFile(file, bytes, 'latin1')
  return copy
}

const config = { ...smallConfig, vocab_size: 320, max_position_embeddings: 256, original_max_position_embeddings: 256 }

/** A random checkpoint whose activations keep about the size that they begin with, as a package. */
async function written(name: string, changes: object, options: Omit<ConvertOptions, 'to'>): Promise<string> {
  const checkpoint = join(folder, `${name}-checkpoint`)
  await mkdir(checkpoint)
  const change = (tensor: string, values: Float32Array) => {
    const isNorm = tensor.endsWith('norm.weight')
    values.forEach((value, i) => {
      values[i] = isNorm ? 1 + value / 10 : value / 8
    })
  }
  await writeCheckpoint(checkpoint, { ...config, ...changes }, { change })
  await convert(checkpoint, join(folder, name), { ...options, to: 'onnx' })
  return join(folder, name)
}

describe('a package that convert writes gives what ONNX Runtime gives:', () => {
  test.each([
    ['f32', {}, 'f32', exact],
    ['f32, window of 16', { sliding_window: 16 }, 'f32', exact],
    ['f16', {}, 'f16', float16],
  ] as const)('%s', async (name, changes, type, bound) => {
    await expectClose(`written ${name}`, await written(name, changes, { type }), bound)
  })

  test.each([
    ['int4 by 32', { block: 32 }],
    ['int4 by 32 with zero points', { block: 32, asymmetric: true }],
    ['int4 by 128 with zero points', { block: 128, asymmetric: true }],
  ] as const)('%s', async (name, options) => {
    const path = await written(name, {}, { type: 'int4', ...options })
    await expectClose(`written ${name}, level 0`, await withoutRounding(path), exact, { activations: 'f32' })
    await expectClose(`written ${name}, level 4`, path, int8, { activations: 'int8' })
  })
})

const packages = sharedData('onnx')
const golden = sharedData('golden')
const float32Packages = ['cpu-fp32', 'cpu-int4-qdq', 'cpu-int4-awq-qdq']
/** MatMulNBits with accuracy_level 4. */
const int8Packages = [
  'cpu-int4-rtn-block-32-acc-level-4',
  'cpu-int4-rtn-asymmetric-block-128',
  'cpu-int4-separate-qkv',
  'cpu-int4-window',
  'cpu-int4-head96',
  'cpu-int4-k-quant-mixed',
  'cpu-int4-awq-block-32',
  'cpu-int4-gptq',
  'cpu-int4-partial',
  'cpu-int4-shared-embeddings',
  'cpu-int8',
]
const float16Packages = [
  'cuda-fp16',
  'cuda-int4-rtn-block-32',
  'cuda-int4-awq-block-128',
  'dml-fp16',
  'dml-int4',
  'dml-int4-awq-block-32',
  'dml-int4-longrope',
]
// ONNX Runtime has no kernels for cuda-int4-bf16, and does not give the values of cpu-int4-gptq-act-order
describe.skipIf(packages === null)('a package of the model builder gives what ONNX Runtime gives:', () => {
  const pathOf = (name: string) => join(packages!, name)

  test.each(float32Packages)('%s', (name) => expectClose(name, pathOf(name), exact))

  test.each(float16Packages)('%s', (name) => expectClose(name, pathOf(name), float16))

  test.each(int8Packages)('%s', async (name) => {
    const levelZero = await withoutRounding(pathOf(name))
    await expectClose(`${name}, level 0`, levelZero, exact, { activations: 'f32', window: 'graph' })
    await expectClose(`${name}, level 4`, pathOf(name), int8, { activations: 'int8', window: 'graph' })
  })

  test.skipIf(golden === null)(
    "cpu-int4-window with the checkpoint's config.json, if the graph's window is asked for",
    async () => {
      const path = await withoutRounding(pathOf('cpu-int4-window'))
      await cp(join(golden!, 'window/config.json'), join(path, 'config.json'))
      const options = { activations: 'f32' } as const
      await expectClose('cpu-int4-window, its own window', path, exact, { ...options, window: 'graph' })
      // or nothing would be told apart
      const other = await distance('cpu-int4-window, the window of the model', path, 24, {
        ...options,
        window: 'model',
      })
      expect(other).toBeGreaterThan(1)
    },
  )
})
