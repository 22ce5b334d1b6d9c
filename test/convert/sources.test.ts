import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { phi3Weights } from '../../lib/architectures/phi3.js'
import { encode } from '../../lib/convert/encode.js'
import { ggufFile } from '../../lib/convert/gguf.js'
import { convert } from '../../lib/convert/index.js'
import { writeFiles } from '../../lib/convert/output.js'
import { floatRows, matrixOf } from '../../lib/convert/rows.js'
import type { Container, ConvertOptions } from '../../lib/convert/types.js'
import { UnsupportedModelError } from '../../lib/errors.js'
import { openSource } from '../../lib/formats/index.js'
import type { WeightDescription, WeightSource } from '../../lib/formats/source.js'
import { openTokenizer } from '../../lib/formats/tokenizer-source.js'
import { type Device, loadModel, openDevice } from '../../lib/index.js'
import { createTokenizer } from '../../lib/tokenizer/index.js'
import { type SmallConfig, smallConfig, writeCheckpoint } from '../formats/files.js'
import { largestError, standardDeviation, tinyPhi3 } from '../support/models.js'
import { sharedData, temporaryFolder } from '../support/shared.js'

const root = await temporaryFolder()
let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.dispose())

let count = 0
const output = (to: Container) => join(root, `${count++}${to === 'gguf' ? '.gguf' : ''}`)

async function checkpoint(config: SmallConfig = smallConfig): Promise<string> {
  const folder = join(root, `model-${count++}`)
  await mkdir(folder)
  await writeCheckpoint(folder, config)
  return folder
}

async function logitsOf(path: string, ids: readonly number[]): Promise<Float32Array> {
  const model = await loadModel(path, { device, activations: 'f32', kvType: 'float32' })
  try {
    return await model.logits(ids, { all: true })
  } finally {
    await model.dispose()
  }
}

async function valuesOf(weight: WeightDescription): Promise<Float32Array> {
  const pieces: Float32Array[] = []
  for await (const values of floatRows(device, matrixOf(weight))) pieces.push(values)
  const bytes = pieces.map((values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  return new Float32Array(new Uint8Array(Buffer.concat(bytes)).buffer)
}

const golden = ['mha', 'gqa', 'head96', 'window', 'longrope', 'partial-tied']
const quantised = ['awq-gemm-g32', 'awq-gemm-g128', 'gptq-v1-g32', 'gptq-v2-g64', 'gptq-act-order-g32']
const onnx = [
  'cpu-fp32',
  'cpu-int4-rtn-block-32-acc-level-4',
  'cpu-int4-rtn-asymmetric-block-128',
  'cpu-int4-separate-qkv',
  'cpu-int4-head96',
  'cpu-int4-qdq',
  'cpu-int4-awq-qdq',
  'cpu-int4-k-quant-mixed',
  'cpu-int4-window',
  'cpu-int4-awq-block-32',
  'cpu-int4-gptq',
  'cpu-int8',
  'cuda-int4-awq-block-128',
  'cuda-int4-bf16',
  'dml-fp16',
  'dml-int4',
  'dml-int4-awq-block-32',
]
/** Their rope is LongRoPE, known as tables alone. */
const onnxTables = [
  'cuda-fp16',
  'cuda-int4-rtn-block-32',
  'cpu-int4-gptq-act-order',
  'cpu-int4-partial',
  'cpu-int4-shared-embeddings',
  'dml-int4-longrope',
]
const ids = Array.from({ length: 40 }, (_, i) => (i * 37 + 11) % 320)
const containers = ['gguf', 'safetensors', 'onnx'] as const

const sources = [
  ...[...golden, ...quantised].map((name) => `golden/${name}`),
  ...onnx.map((name) => `onnx/${name}`),
  'tiny-phi3',
]
describe.each(sources)('%s', (name) => {
  const path = sharedData(name)
  test.skipIf(path === null).each(containers)('as float32 in %s has the same logits', async (to) => {
    const expected = await logitsOf(path!, ids)
    const out = output(to)
    await convert(path!, out, { to, type: 'f32' })
    // tables of float16 and bfloat16 are kept in ONNX alone: elsewhere the angles are computed anew
    const rounded =
      to !== 'onnx' && /cuda-int4-bf16/.test(name) ? 0.2 : to !== 'onnx' && /cuda|dml/.test(name) ? 5e-3 : 1e-4
    const actual = await logitsOf(out, ids)
    expect(largestError(actual, expected)).toBeLessThan(rounded * standardDeviation(expected))
    await rm(out, { recursive: true })
  })
})

describe.each(onnxTables)('onnx/%s, whose rotary embedding is known as tables alone,', (name) => {
  const path = sharedData(`onnx/${name}`)
  test.skipIf(path === null).each(['gguf', 'safetensors'] as const)('cannot become %s', async (to) => {
    const out = output(to)
    const converting = convert(path!, out, { to, type: 'f32' })
    await expect(converting).rejects.toBeInstanceOf(UnsupportedModelError)
    await expect(converting).rejects.toThrow('known as tables alone, for lack of a config.json')
    expect(existsSync(out)).toBe(false)
  })

  test.skipIf(path === null)('stays ONNX with these tables, and without a config.json', async () => {
    const out = output('onnx')
    await convert(path!, out, { to: 'onnx', type: 'f32' })
    expect(await readdir(out)).not.toContain('config.json')
    const expected = await logitsOf(path!, ids)
    expect(largestError(await logitsOf(out, ids), expected)).toBeLessThan(1e-4 * standardDeviation(expected))
  })
})

describe('a package', () => {
  test('of LongRoPE keeps its factors, so that it can become GGUF again', async () => {
    const path = sharedData('golden/longrope')
    if (path === null) return
    const [onnx, gguf] = [output('onnx'), output('gguf')]
    await convert(path, onnx, { to: 'onnx', type: 'f32' })
    await convert(onnx, gguf, { type: 'f32' })
    const { ropeScaling } = (await openSource(path)).config
    const again = (await openSource(gguf)).config.ropeScaling
    expect(again?.longFactor).toEqual(ropeScaling?.longFactor.map(Math.fround))
    // over the original context of 64 the long factors count
    const long = Array.from({ length: 70 }, (_, i) => (i * 37 + 11) % 320)
    const expected = await logitsOf(path, long)
    for (const copy of [onnx, gguf])
      expect(largestError(await logitsOf(copy, long), expected)).toBeLessThan(1e-4 * standardDeviation(expected))
  })

  test.each([
    ['the window of the model', { sliding_window: 16 }, 16],
    ['no window', { sliding_window: 0 }, null],
  ])('has %s in its attention', async (_, change, size) => {
    const out = output('onnx')
    await convert(await checkpoint({ ...smallConfig, ...change }), out, { to: 'onnx', type: 'f32' })
    const { window } = await openSource(out)
    expect([window.model.size, window.graph?.size]).toEqual([size, size])
  })

  test.each([
    [32, false],
    [32, true],
    [128, false],
    [128, true],
  ] as const)('of int4 by %i, zero points %s, stays byte for byte what it is', async (block, asymmetric) => {
    const [first, second] = [output('onnx'), output('onnx')]
    const options: ConvertOptions = { to: 'onnx', type: 'int4', block, asymmetric }
    await convert(await checkpoint(), first, options)
    await convert(first, second, options)
    const data = await readFile(join(first, 'model.onnx.data'))
    expect((await readFile(join(second, 'model.onnx.data'))).equals(data)).toBe(true)
  })

  test('with rows that fill no whole group is read as it was written', async () => {
    const folder = await checkpoint({
      ...smallConfig,
      hidden_size: 80,
      intermediate_size: 48,
      num_attention_heads: 5,
      num_key_value_heads: 5,
    })
    const out = output('onnx')
    await convert(folder, out, { to: 'onnx', type: 'int4', asymmetric: true })
    const [before, after] = [await openSource(folder), await openSource(out)]
    const [a, b] = [
      await valuesOf(phi3Weights(before).layers[1]!.down),
      await valuesOf(phi3Weights(after).layers[1]!.down),
    ]
    // a step is a fifteenth of the range of a group, here up to seven deviations
    expect(largestError(b, a)).toBeLessThan(0.5)
  })
})

describe('activation multipliers', () => {
  test('are folded into the columns of what follows them', async () => {
    const source = await openSource(await checkpoint())
    const [layer, ...others] = phi3Weights(source).layers
    const multiplier = (columns: number): WeightDescription => {
      const data = encode(
        'float32',
        Float32Array.from({ length: columns }, (_, i) => 0.5 + (i % 7)),
      )
      return { shape: [columns], parts: [{ format: 'float32', rows: 1, data }] }
    }
    const scaled = { ...layer!, oMultiplier: multiplier(64), downMultiplier: multiplier(96) }
    const awq: WeightSource = { ...source, weights: { ...source.weights, layers: [scaled, ...others] } }
    const path = output('gguf')
    const target = { to: 'gguf', type: 'f32', block: 32, asymmetric: false } as const
    const { files } = await ggufFile(device, awq, path, target)
    await writeFiles(null, files)
    const after = phi3Weights(await openSource(path))
    for (const [name, columns] of [
      ['o', 64],
      ['down', 96],
    ] as const) {
      const [plain, folded] = [await valuesOf(layer![name]), await valuesOf(after.layers[0]![name])]
      expect(folded).toEqual(plain.map((value, i) => value * (0.5 + ((i % columns) % 7))))
      expect(await valuesOf(after.layers[1]![name])).toEqual(await valuesOf(others[0]![name]))
    }
  })
})

describe('a checkpoint', () => {
  test('of many bytes is cut into shards with an index', async () => {
    const folder = await checkpoint()
    const out = output('safetensors')
    const { files } = await convert(folder, out, { to: 'safetensors', type: 'f32', shardBytes: 60_000 })
    const shards = files.map((file) => basename(file)).filter((name) => name.endsWith('.safetensors'))
    expect(shards.length).toBeGreaterThan(3)
    expect(shards[0]).toBe(`model-00001-of-0000${shards.length}.safetensors`)
    expect(await readdir(out)).toContain('model.safetensors.index.json')
    const ids = [1, 2, 3, 70]
    expect(await logitsOf(out, ids)).toEqual(await logitsOf(folder, ids))
  })

  test('of GGUF in bf16 has the bytes of the matrices that it came from', async () => {
    const [bf16, gguf, again] = [output('safetensors'), output('gguf'), output('safetensors')]
    await convert(await checkpoint(), bf16, { to: 'safetensors', type: 'bf16' })
    await convert(bf16, gguf, { type: 'bf16' })
    await convert(gguf, again, { to: 'safetensors', type: 'bf16' })
    const file = 'model.safetensors'
    expect((await readFile(join(again, file))).equals(await readFile(join(bf16, file)))).toBe(true)
  })

  test('may be one file with what describes it beside it', async () => {
    const folder = join(root, `beside-${count++}`)
    await mkdir(folder)
    const path = join(folder, 'mine.safetensors')
    const { files } = await convert(await checkpoint(), path, { type: 'f16', shardBytes: 20_000 })
    expect(files.map((name) => basename(name))).toEqual(['mine.safetensors', 'config.json', 'generation_config.json'])
    expect((await openSource(path)).config.numHiddenLayers).toBe(2)
  })
})

describe('the tokenizer of the trained model', () => {
  const texts = ['What is 27 + 48?', '  two  spaces\n\n', '<|user|>\nHi<|end|>\n', 'é 🦙 x\u0001']
  const tokenizerOf = async (path: string) => {
    const { source, vocabSize } = await openTokenizer(path)
    return createTokenizer(source, vocabSize === null ? {} : { vocabSize })
  }

  test.each(['safetensors', 'onnx'] as const)('goes from GGUF into %s', async (to) => {
    const out = output(to)
    await convert(tinyPhi3, out, { to, type: 'f32' })
    const [before, after] = [await tokenizerOf(tinyPhi3), await tokenizerOf(out)]
    for (const text of texts) expect(after.encode(text), text).toEqual(before.encode(text))
    const { tokenizer } = await openSource(out)
    expect(tokenizer?.chatTemplate).toBe((await openSource(tinyPhi3)).tokenizer?.chatTemplate)
    expect((await openSource(out)).config.eosTokenIds).toEqual((await openSource(tinyPhi3)).config.eosTokenIds)
  })
})

describe('a target', () => {
  test.each([
    [
      'a type that its container lacks',
      'x.onnx',
      { type: 'q8_0' },
      'type for onnx must be one of f32, f16, int4, but is q8_0',
    ],
    ['an unknown container', 'x', { type: 'f32', to: 'zip' }, 'to must be one of gguf, safetensors, onnx, but is zip'],
    ['no container', 'x', { type: 'f32' }, 'to must be given for a folder'],
    ['a block that no kernel has', 'x.onnx', { type: 'int4', block: 48 }, 'block must be one of 32, 128, but is 48'],
    ['a block without int4', 'x.gguf', { type: 'q4_0', block: 32 }, 'belong to type int4, but type is q4_0'],
    ['zero points without int4', 'x.onnx', { type: 'f16', asymmetric: true }, 'belong to type int4, but type is f16'],
  ])('with %s is refused', async (_, name, options, message) => {
    const converting = convert(await checkpoint(), join(root, name), options as ConvertOptions)
    await expect(converting).rejects.toMatchObject({ code: 'ERR_ARGUMENT' })
    await expect(converting).rejects.toThrow(message)
  })

  test('that is the folder of the input is refused where names meet', async () => {
    const folder = await checkpoint()
    const before = await readFile(join(folder, 'config.json'))
    const options = { type: 'f32', overwrite: true } as const
    await expect(convert(folder, folder, { ...options, to: 'onnx' })).rejects.toThrow('must not be part of the input')
    await expect(convert(folder, folder, { ...options, to: 'safetensors' })).rejects.toThrow('part of the input')
    expect((await readFile(join(folder, 'config.json'))).equals(before)).toBe(true)
    expect((await readdir(folder)).toSorted()).toEqual(['config.json', 'model.safetensors'])
  })

  test('that exists is kept unless it may be replaced', async () => {
    const [folder, out] = [await checkpoint(), output('onnx')]
    await mkdir(out)
    await writeFile(join(out, 'genai_config.json'), 'mine')
    const options = { to: 'onnx', type: 'f32' } as const
    await expect(convert(folder, out, options)).rejects.toThrow('output must not exist, but does')
    expect(await readdir(out)).toEqual(['genai_config.json'])
    await convert(folder, out, { ...options, overwrite: true })
    expect((await openSource(out)).format).toBe('onnx')
  })

  test.each(['safetensors', 'onnx'] as const)('of %s is gone after an abort', async (to) => {
    const [folder, out] = [await checkpoint(), output(to)]
    const abort = new AbortController()
    const onProgress = (done: number, total: number) => {
      if (done > total / 2) abort.abort()
    }
    await expect(convert(folder, out, { to, type: 'f32', signal: abort.signal, onProgress })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    })
    expect(existsSync(out)).toBe(false)
  })

  test.each(['f16', 'int4'] as const)('of ONNX in %s refuses a weight that is no number', async (type) => {
    const folder = join(root, `nan-${count++}`)
    await mkdir(folder)
    const change = (name: string, values: Float32Array) => {
      if (name.endsWith('1.mlp.down_proj.weight')) values[5] = NaN
    }
    await writeCheckpoint(folder, smallConfig, { change })
    const out = output('onnx')
    await expect(convert(folder, out, { to: 'onnx', type })).rejects.toThrow(
      /values of model\.layers\.1\.mlp\.down_proj\.MatMul\.weight must .*, but one is NaN/,
    )
    expect(existsSync(out)).toBe(false)
  })
})
