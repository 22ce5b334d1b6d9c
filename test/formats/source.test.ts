import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FormatError, LophiError, UnsupportedModelError } from '../../lib/errors.js'
import { openSource } from '../../lib/formats/index.js'
import { createTokenizer } from '../../lib/tokenizer/index.js'
import { patterns } from '../../lib/tokenizer/patterns.js'
import { random } from '../support/random.js'
import { sharedData, temporaryFolder } from '../support/shared.js'
import { buildGguf, ggufString, ggufUint32, join8, smallConfig, u32, writeCheckpoint } from './files.js'

const root = await temporaryFolder()
let count = 0
async function checkpoint(config = smallConfig): Promise<string> {
  const folder = join(root, `model-${count++}`)
  await mkdir(folder)
  await writeCheckpoint(folder, config)
  return folder
}
const put = (folder: string, name: string, content: unknown) =>
  writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))

describe('a folder of safetensors', () => {
  test('opens by its own path and by that of its weights', async () => {
    const folder = await checkpoint()
    const source = await openSource(folder)
    expect(source).toMatchObject({ format: 'safetensors', path: join(folder, 'model.safetensors'), tokenizer: null })
    expect(source.weights.layers).toHaveLength(2)
    expect([...source.metadata]).toEqual([['format', 'pt']])
    expect(await openSource(join(folder, 'model.safetensors'))).toEqual(source)
  })

  test('takes tokenizer, template and generation config along', async () => {
    const folder = await checkpoint()
    await put(folder, 'tokenizer.json', { model: { type: 'BPE' } })
    await put(folder, 'tokenizer_config.json', { chat_template: 'of the config', add_bos_token: true })
    await put(folder, 'generation_config.json', { eos_token_id: [7, 8] })
    const { tokenizer, config } = await openSource(folder)
    expect(config.eosTokenIds).toEqual([7, 8, 2])
    expect(tokenizer).toMatchObject({
      kind: 'huggingface',
      tokenizer: { model: { type: 'BPE' } },
      config: { add_bos_token: true },
      chatTemplate: 'of the config',
    })

    const decoder = { filename: 'x.onnx', head_size: 16, hidden_size: 64, num_attention_heads: 4, num_hidden_layers: 2 }
    const model = { type: 'phi3', vocab_size: 80, context_length: 128, eos_token_id: [9, 8, 2048], decoder }
    await put(folder, 'genai_config.json', { model })
    expect((await openSource(join(folder, 'model.safetensors'))).config.eosTokenIds).toEqual([7, 8, 2, 9])
    await rm(join(folder, 'genai_config.json'))

    await put(folder, 'chat_template.jinja', 'of the file')
    expect((await openSource(folder)).tokenizer).toMatchObject({ chatTemplate: 'of the file' })
  })

  test('may name several templates, of which it uses the default', async () => {
    const folder = await checkpoint()
    await put(folder, 'tokenizer.json', {})
    const templates = [
      { name: 'tools', template: 'with tools' },
      { name: 'default', template: 'plain' },
    ]
    await put(folder, 'tokenizer_config.json', { chat_template: templates })
    expect((await openSource(folder)).tokenizer).toMatchObject({ chatTemplate: 'plain' })
    await put(folder, 'tokenizer_config.json', { chat_template: [null, 7] })
    expect((await openSource(folder)).tokenizer).toMatchObject({ chatTemplate: null })
  })

  test.each(['config.json', 'tokenizer.json', 'tokenizer_config.json', 'generation_config.json'])(
    'with a broken %s is refused by its name',
    async (name) => {
      const folder = await checkpoint()
      await put(folder, 'tokenizer.json', {})
      for (const [content, message] of [
        ['{"a": ', 'must be JSON'],
        ['[]', 'must hold a JSON object'],
      ]) {
        await put(folder, name, content)
        const error = await openSource(folder).catch((thrown) => thrown)
        expect(error).toBeInstanceOf(FormatError)
        expect(error).toMatchObject({ file: join(folder, name), message: expect.stringContaining(message!) })
      }
    },
  )

  test('without config.json is refused with its path', async () => {
    const folder = await checkpoint()
    const alone = join(root, 'alone')
    await mkdir(alone)
    await copyFile(join(folder, 'model.safetensors'), join(alone, 'x.safetensors'))
    await expect(openSource(join(alone, 'x.safetensors'))).rejects.toMatchObject({
      code: 'ERR_FILE',
      file: join(alone, 'config.json'),
      message: expect.stringContaining('gives the sizes of the model'),
    })
  })
})

describe('a checkpoint in the form of Phi-4-mini', () => {
  test('has a tied head, a partly rotating head and byte-level BPE', async () => {
    const folder = join(root, 'phi4-mini')
    await mkdir(folder)
    const factors = { short_factor: Array(6).fill(1), long_factor: Array(6).fill(2) }
    const json = {
      ...smallConfig,
      tie_word_embeddings: true,
      partial_rotary_factor: 0.75,
      original_max_position_embeddings: 32,
      rope_scaling: { type: 'longrope', ...factors },
    }
    await writeCheckpoint(folder, json as never)
    const split = { type: 'Split', pattern: { Regex: patterns.o200k }, behavior: 'Isolated', invert: false }
    const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }
    await put(folder, 'tokenizer.json', {
      added_tokens: [{ id: 4, content: '<|end|>', special: true }],
      pre_tokenizer: { type: 'Sequence', pretokenizers: [split, bytes] },
      decoder: bytes,
      model: { type: 'BPE', vocab: { a: 0, b: 1, Ġ: 2, Ġa: 3 }, merges: ['Ġ a'], ignore_merges: false },
    })
    await put(folder, 'generation_config.json', { eos_token_id: [4, 2] })
    const { config, weights, tokenizer } = await openSource(folder)
    expect(config).toMatchObject({ headDim: 16, rotaryDim: 12, tieWordEmbeddings: true, eosTokenIds: [4, 2] })
    expect(config.ropeScaling?.longFactor).toHaveLength(6)
    expect(weights.head).toBe(weights.embed)
    expect(createTokenizer(tokenizer!, { vocabSize: config.vocabSize }).encode('ab<|end|>')).toEqual([0, 1, 4])
  })
})

describe('a path', () => {
  test('to a folder of several models asks for one', async () => {
    const folder = await checkpoint()
    await put(folder, 'b.gguf', 'x')
    await put(folder, 'a.gguf', 'x')
    await expect(openSource(folder)).rejects.toThrow('must hold one model, but holds a.gguf, b.gguf, model.safetensors')
  })

  test('to a folder of one .safetensors opens it by any name, unless a model has its usual name', async () => {
    const folder = await checkpoint()
    await copyFile(join(folder, 'model.safetensors'), join(folder, 'gptq_model-4bit-128g.safetensors'))
    expect((await openSource(folder)).path).toBe(join(folder, 'model.safetensors'))
    await rm(join(folder, 'model.safetensors'))
    expect((await openSource(folder)).path).toBe(join(folder, 'gptq_model-4bit-128g.safetensors'))
  })

  test('to a folder without a model, or to nothing, says so', async () => {
    const folder = join(root, 'empty')
    await mkdir(folder)
    await expect(openSource(folder)).rejects.toThrow('must hold a .gguf, .safetensors or .onnx file, but holds none')
    await expect(openSource(join(folder, 'x'))).rejects.toMatchObject({ code: 'ERR_FILE', file: join(folder, 'x') })
  })

  test('to a repository of variants lists them, and opens the only one', async () => {
    const repository = join(root, 'repository')
    const variants = ['cpu/int4', 'cuda/fp16']
    for (const variant of variants) {
      await mkdir(join(repository, variant), { recursive: true })
      await writeCheckpoint(join(repository, variant), smallConfig)
    }
    await put(repository, 'config.json', smallConfig)
    await mkdir(join(repository, '.cache/x'), { recursive: true })
    await put(repository, '.cache/x/old.gguf', 'x')
    await expect(openSource(repository)).rejects.toMatchObject({
      code: 'ERR_FILE',
      message: expect.stringContaining(`cpu/int4, cuda/fp16; open one, as in ${join(repository, 'cpu/int4')}`),
    })
    expect((await openSource(join(repository, 'cuda'))).path).toBe(join(repository, 'cuda/fp16/model.safetensors'))
  })

  test('to a folder whose genai_config.json names a graph that is not there says so', async () => {
    const folder = join(root, 'genai')
    await mkdir(folder)
    const decoder = { filename: 'a.onnx', head_size: 16, hidden_size: 64, num_attention_heads: 4, num_hidden_layers: 1 }
    await put(folder, 'genai_config.json', { model: { type: 'phi3', vocab_size: 80, context_length: 128, decoder } })
    await put(folder, 'b.onnx', 'x')
    await expect(openSource(folder)).rejects.toThrow('a.onnx, which genai_config.json names, must be there')
    await put(folder, 'a.onnx', 'x')
    await expect(openSource(folder)).rejects.toThrow('a.onnx: at byte 0: must be a GGUF, safetensors or ONNX file')
  })

  test.each(['', 'GGU', 'a text that is long enough to have a header'])(
    'to a file of %j is refused',
    async (content) => {
      await put(root, 'odd.gguf', content)
      await expect(openSource(join(root, 'odd.gguf'))).rejects.toThrow('must be a GGUF, safetensors or ONNX file')
    },
  )
})

describe('a GGUF file', () => {
  const shapes: [string, number[]][] = [
    ['token_embd.weight', [64, 80]],
    ['blk.0.attn_norm.weight', [64]],
    ['blk.0.attn_qkv.weight', [64, 128]],
    ['blk.0.attn_output.weight', [64, 64]],
    ['blk.0.ffn_norm.weight', [64]],
    ['blk.0.ffn_up.weight', [64, 192]],
    ['blk.0.ffn_down.weight', [96, 64]],
    ['output_norm.weight', [64]],
  ]
  let offset = 0
  const tensors = shapes.map(([name, extents]) => {
    const tensor = { name, extents, type: 0, offset }
    offset += extents.reduce((product, extent) => product * extent, 4)
    return tensor
  })
  const pairs = [
    ggufString('general.architecture', 'phi3'),
    ggufUint32('phi3.context_length', 128),
    ggufUint32('phi3.embedding_length', 64),
    ggufUint32('phi3.feed_forward_length', 96),
    ggufUint32('phi3.block_count', 1),
    ggufUint32('phi3.attention.head_count', 4),
    ggufUint32('phi3.attention.head_count_kv', 2),
    ggufUint32('phi3.attention.sliding_window', 0),
    ['phi3.attention.layer_norm_rms_epsilon', 6, new Uint8Array(Float32Array.of(1e-5).buffer)] as [
      string,
      number,
      Uint8Array,
    ],
  ]
  const whole = buildGguf({ pairs, tensors, dataBytes: offset })

  test('opens whatever its name is', async () => {
    const path = join(root, 'weights.bin')
    await writeFile(path, whole)
    const source = await openSource(path)
    expect(source).toMatchObject({ format: 'gguf', path, tokenizer: null, config: { tieWordEmbeddings: true } })
    expect(source.weights.layers[0]!.gateUp!.shape).toEqual([192, 64])
  })

  test('that names no window, and whose sizes nobody published, has none and says why', async () => {
    const path = join(root, 'no-window.gguf')
    const without = pairs.filter(([key]) => key !== 'phi3.attention.sliding_window')
    await writeFile(path, buildGguf({ pairs: without, tensors, dataBytes: offset }))
    const { config, window } = await openSource(path)
    expect(config.slidingWindow).toBeNull()
    expect(window.model).toEqual({ size: null, origin: 'none, as phi3.attention.sliding_window is missing' })
  })

  test('alone in a folder opens by the folder, with its tokenizer', async () => {
    const folder = join(root, 'single')
    await mkdir(folder)
    const tokens: [string, number, Uint8Array] = ['tokenizer.ggml.tokens', 9, join8(u32(8), new Uint8Array(8))]
    const template = ggufString('tokenizer.chat_template', 'a template')
    await writeFile(
      join(folder, 'm.gguf'),
      buildGguf({ pairs: [...pairs, tokens, template], tensors, dataBytes: offset }),
    )
    const { path, tokenizer } = await openSource(folder)
    expect(path).toBe(join(folder, 'm.gguf'))
    expect(tokenizer).toMatchObject({ kind: 'gguf', chatTemplate: 'a template' })
  })

  test.each([
    [[], 'holds a vocabulary without weights'],
    [[ggufString('general.type', 'adapter')], 'is a LoRA adapter'],
  ])('that is no whole model says what it is (%#)', async (more, message) => {
    const path = join(root, 'vocabulary.gguf')
    await writeFile(path, buildGguf({ pairs: [...pairs, ...more] }))
    await expect(openSource(path)).rejects.toThrow(UnsupportedModelError)
    await expect(openSource(path)).rejects.toThrow(message)
  })

  test('with damage anywhere in its header opens or is refused, never with another exception', async () => {
    const path = join(root, 'damaged.gguf')
    const header = whole.length - offset
    const source = random(5)
    for (let round = 0; round < 600; round++) {
      const bytes = whole.slice()
      for (let i = source.integer(1, 3); i > 0; i--) bytes[source.integer(4, header - 1)] = source.integer(0, 255)
      await writeFile(path, bytes)
      const outcome = await openSource(path).catch((error) => error)
      if (outcome instanceof Error && !(outcome instanceof LophiError)) expect.fail(`round ${round}: ${outcome.stack}`)
    }
  })
})

describe('published checkpoints', () => {
  const names = ['mha', 'gqa', 'head96', 'window', 'longrope', 'partial-tied']
  const golden = sharedData('golden')
  test.skipIf(golden === null).each(names)('of golden/%s open', async (name) => {
    const { config, weights } = await openSource(join(golden!, name))
    expect(weights.layers).toHaveLength(2)
    expect(config.slidingWindow).toBe(name === 'window' ? 16 : null)
    expect(config.ropeScaling === null).toBe(name !== 'longrope' && name !== 'partial-tied')
    expect(weights.head === weights.embed).toBe(name === 'partial-tied')
    expect(config.rotaryDim).toBe({ head96: 96, 'partial-tied': 48 }[name] ?? 32)
  })

  const onnx = sharedData('onnx/cpu-fp32')
  test.skipIf(onnx === null)('in ONNX open by folder and by graph', async () => {
    for (const path of [onnx!, join(onnx!, 'model.onnx')]) {
      expect(await openSource(path)).toMatchObject({ format: 'onnx', path: join(onnx!, 'model.onnx') })
    }
  })

  const tiny = sharedData('tiny-phi3')
  test.skipIf(tiny === null)('of tiny-phi3 open with tokenizer and both ids that end a text', async () => {
    const { config, tokenizer } = await openSource(tiny!)
    expect(config.eosTokenIds).toEqual([2048, 2055])
    expect(tokenizer?.chatTemplate).toContain('<|assistant|>')
    expect(dirname((await openSource(join(tiny!, 'model.safetensors'))).path)).toBe(tiny)
  })
})
