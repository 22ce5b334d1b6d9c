import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FormatError } from '../../lib/errors.js'
import { openSource } from '../../lib/formats/index.js'
import { ropeThetaOf } from '../../lib/formats/onnx/match/rope-theta.js'
import type { RotaryCache, WeightSource } from '../../lib/formats/source.js'
import { type FloatDType, toBits } from '../support/floats.js'
import { sharedData, temporaryFolder } from '../support/shared.js'

// What the files beside a graph add to it.

const packages = sharedData('onnx')
const golden = sharedData('golden')

type Json = Record<string, unknown>

/** A package with other files beside its graph: what is given is merged into what is there, null removes a file. */
async function opened(
  name: string,
  files: Readonly<Record<string, ((json: Json) => Json) | null>>,
): Promise<WeightSource> {
  const folder = await temporaryFolder()
  await cp(join(packages!, name), folder, { recursive: true })
  for (const [file, change] of Object.entries(files)) {
    const path = join(folder, file)
    if (change === null) await rm(path)
    else {
      const json = await readFile(path, 'utf8').then(JSON.parse, () => ({}))
      await rm(path, { force: true })
      await writeFile(path, JSON.stringify(change(json)))
    }
  }
  return openSource(join(folder, 'model.onnx'))
}

/** config.json of a golden checkpoint with changes. */
async function configOf(checkpoint: string, changes: Json = {}): Promise<(json: Json) => Json> {
  const json = JSON.parse(await readFile(join(golden!, checkpoint, 'config.json'), 'utf8'))
  return () => ({ ...json, ...changes })
}

const genai =
  (changes: Json, decoder: Json = {}) =>
  ({ model, ...json }: Json): Json => {
    const { decoder: old, ...rest } = model as { decoder: Json }
    return { ...json, model: { ...rest, ...changes, decoder: { ...old, ...decoder } } }
  }

describe.skipIf(packages === null || golden === null)('an ONNX graph', () => {
  test('without any file beside it is a model whose ids are unknown', async () => {
    const { config, tokenizer, format } = await opened('cpu-fp32', { 'genai_config.json': null })
    expect([format, tokenizer]).toEqual(['onnx', null])
    expect(config).toMatchObject({
      architecture: 'Phi3ForCausalLM',
      ropeTheta: 10000,
      maxPositionEmbeddings: 256,
      slidingWindow: null,
      bosTokenId: null,
      eosTokenIds: [],
      padTokenId: null,
    })
  })

  test('ends at the ids of all files that name some, if they are in the vocabulary', async () => {
    const { config } = await opened('cpu-fp32', {
      'genai_config.json': genai({ eos_token_id: [5, 400, 2] }),
      'config.json': await configOf('gqa', { eos_token_id: 7 }),
      'generation_config.json': () => ({ eos_token_id: [9] }),
    })
    expect([...config.eosTokenIds].sort()).toEqual([2, 5, 7, 9])
  })

  test('ends at the ids of generation_config.json where there is no config.json', async () => {
    const { config } = await opened('cpu-fp32', { 'generation_config.json': () => ({ eos_token_id: [9] }) })
    expect([...config.eosTokenIds].sort()).toEqual([2, 9])
  })

  test('holds as many tokens as genai_config.json says, and no more than its caches have rows', async () => {
    const positions = async (context: number) => {
      const { config } = await opened('cpu-fp32', { 'genai_config.json': genai({ context_length: context }) })
      return config.maxPositionEmbeddings
    }
    expect([await positions(100), await positions(1000)]).toEqual([100, 256])
  })

  test('has the window of config.json as the model, and that of its nodes as the graph', async () => {
    const alone = await opened('cpu-int4-window', {})
    expect(alone.window).toEqual({
      model: { size: null, origin: 'GroupQueryAttention local_window_size, for lack of a config.json' },
      graph: { size: null, origin: 'GroupQueryAttention local_window_size' },
    })
    const beside = await opened('cpu-int4-window', { 'config.json': await configOf('window') })
    expect(beside.window).toEqual({
      model: { size: 16, origin: 'config.json sliding_window' },
      graph: { size: null, origin: 'GroupQueryAttention local_window_size' },
    })
    expect(beside.config.slidingWindow).toBe(16)
  })

  test('takes rope scaling from config.json and keeps its own tables', async () => {
    const { config, rotary } = await opened('cuda-fp16', { 'config.json': await configOf('longrope') })
    expect(config).toMatchObject({ ropeTheta: 10000, originalMaxPositionEmbeddings: 64, maxPositionEmbeddings: 256 })
    expect(config.ropeScaling?.longFactor).toHaveLength(16)
    expect(rotary?.long?.cos).toMatchObject({ shape: [256, 16], parts: [{ format: 'float16', rows: 256 }] })
  })

  test('overlooks how the checkpoint that it was made of is quantised', async () => {
    const config = await configOf('gqa', { quantization_config: { quant_method: 'awq', bits: 4 } })
    const source = await opened('cpu-int4-awq-block-32', { 'config.json': config })
    expect(source.config.numKeyValueHeads).toBe(2)
  })

  const contradictions: [file: string, key: string, value: number, graph: number][] = [
    ['config.json', 'intermediate_size', 512, 256],
    ['config.json', 'num_hidden_layers', 3, 2],
    ['config.json', 'num_key_value_heads', 4, 2],
    ['config.json', 'vocab_size', 319, 320],
    ['config.json', 'head_dim', 64, 32],
    ['genai_config.json', 'hidden_size', 256, 128],
    ['genai_config.json', 'num_hidden_layers', 1, 2],
    ['genai_config.json', 'num_attention_heads', 8, 4],
    ['genai_config.json', 'num_key_value_heads', 1, 2],
    ['genai_config.json', 'head_size', 64, 32],
    ['genai_config.json', 'vocab_size', 321, 320],
  ]
  test.each(contradictions)('is refused where %s has %s %i', async (file, key, value, graph) => {
    const change =
      file === 'config.json'
        ? await configOf('gqa', { [key]: value })
        : genai(key === 'vocab_size' ? { [key]: value } : {}, key === 'vocab_size' ? {} : { [key]: value })
    const error = await opened('cpu-fp32', { [file]: change }).catch((caught) => caught)
    expect(error).toBeInstanceOf(FormatError)
    expect(error.message).toContain(`${file}: ${key} must be ${graph} as in the graph, but is ${value}`)
  })

  test('is refused where config.json has another original context', async () => {
    const rope = { original_max_position_embeddings: 128 }
    const change = await configOf('longrope', rope)
    await expect(opened('cuda-fp16', { 'config.json': change })).rejects.toThrow(
      /original_max_position_embeddings must be 64 as in the graph, but is 128/,
    )
  })
})

describe('the base of a rotary cache', () => {
  function cache(format: FloatDType, base: number, half: number, factor = 1): RotaryCache {
    const table = (fn: (angle: number) => number) => {
      const values = Array.from({ length: 2 * half }, (_, i) => {
        const angle = i < half ? 0 : base ** (-(i - half) / half)
        return factor * fn(angle)
      })
      const typed =
        format === 'float32' ? Float32Array.from(values) : Uint16Array.from(values, (value) => toBits(format, value))
      const data = new Uint8Array(typed.buffer)
      return { shape: [2, half] as const, parts: [{ format, rows: 2, data }] }
    }
    return { cos: table(Math.cos), sin: table(Math.sin) }
  }

  test.each([
    ['float32', 10000, 48],
    ['float16', 10000, 48],
    ['bfloat16', 10000, 64],
    ['float16', 10000, 16],
    ['float32', 250000, 64],
    ['float16', 250000, 64],
    ['float16', 1e6, 64],
  ] as const)('%s, base %i, %i angles', async (format, base, half) => {
    expect(await ropeThetaOf(cache(format, base, half))).toBe(base)
    expect(await ropeThetaOf(cache(format, base, half, 1.19))).toBe(base)
  })

  test('that is no round number is what the last angle gives', async () => {
    const base = await ropeThetaOf(cache('float32', 12345.678, 48))
    expect(base / 12345.678).toBeCloseTo(1, 4)
  })
})
