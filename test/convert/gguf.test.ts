import { existsSync } from 'node:fs'
import { link, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { describe, expect, test } from 'vitest'
import { type Encoding, encode } from '../../lib/convert/encode.js'
import { ggufTokenizer } from '../../lib/convert/gguf-tokenizer.js'
import { convert } from '../../lib/convert/index.js'
import { tensorFile, textFile, writeFiles } from '../../lib/convert/output.js'
import { type ConvertType, containers } from '../../lib/convert/types.js'
import { AbortedError, ArgumentError, FormatError, UnsupportedModelError } from '../../lib/errors.js'
import { openFile } from '../../lib/formats/file.js'
import { readGguf } from '../../lib/formats/gguf/read.js'
import { openSource } from '../../lib/formats/index.js'
import type { FileTensor } from '../../lib/formats/source.js'
import { preTokenizers } from '../../lib/tokenizer/gguf-byte-level.js'
import { createTokenizer } from '../../lib/tokenizer/index.js'
import { type SmallConfig, smallConfig, writeCheckpoint } from '../formats/files.js'
import { decodeBlocks } from '../ops/reference/weights.js'
import { random } from '../support/random.js'
import { sharedData, temporaryFolder } from '../support/shared.js'
import { byteLevel, token } from '../tokenizer/files.js'

const root = await temporaryFolder()
const tiny = sharedData('tiny-phi3')
const golden = sharedData('golden')
const vocabulary = sharedData('ggml-vocab-phi-3/ggml-vocab-phi-3.gguf')
const published = sharedData('phi3-mini-directml-int4/tokenizer.json')

const decode = (encoding: Encoding, bytes: Uint8Array) => Float32Array.from(decodeBlocks(encoding, bytes))

let count = 0
const output = () => join(root, `${count++}.gguf`)
async function checkpoint(config: SmallConfig = smallConfig, options = {}) {
  const folder = join(root, `model-${count++}`)
  await mkdir(folder)
  return { folder, values: await writeCheckpoint(folder, config, options) }
}

async function valuesOf({ data, format }: FileTensor): Promise<Float32Array> {
  await using file = await openFile(data.file)
  return decode(format as Encoding, await file.read(data.offset, data.bytes))
}

/** -1 where all values are equal; quicker than toEqual. */
function indexOfDifference(a: Float32Array, b: Float32Array): number {
  return a.length === b.length ? a.findIndex((value, i) => value !== b[i]) : 0
}

const encodingOf = (type: string) =>
  (({ f32: 'float32', f16: 'float16', bf16: 'bfloat16' }) as Record<string, Encoding>)[type] ?? (type as Encoding)

describe('a converted checkpoint', () => {
  test.each(containers.gguf)('holds the same values in %s, under the names of llama.cpp', async (type) => {
    const { folder, values } = await checkpoint()
    const path = output()
    const result = await convert(folder, path, { type })
    const bytes = (await readFile(path)).length
    expect(result).toEqual({
      input: folder,
      output: path,
      format: 'gguf',
      type,
      bytes,
      tensors: 15,
      files: [path],
      kept: [],
    })

    const { tensors, dataOffset } = await readGguf(path)
    expect(dataOffset % 32).toBe(0)
    const expected: [gguf: string, safetensors: string][] = [
      ['token_embd.weight', 'model.embed_tokens.weight'],
      ...[0, 1].flatMap((i): [string, string][] => [
        [`blk.${i}.attn_norm.weight`, `model.layers.${i}.input_layernorm.weight`],
        [`blk.${i}.attn_qkv.weight`, `model.layers.${i}.self_attn.qkv_proj.weight`],
        [`blk.${i}.attn_output.weight`, `model.layers.${i}.self_attn.o_proj.weight`],
        [`blk.${i}.ffn_norm.weight`, `model.layers.${i}.post_attention_layernorm.weight`],
        [`blk.${i}.ffn_up.weight`, `model.layers.${i}.mlp.gate_up_proj.weight`],
        [`blk.${i}.ffn_down.weight`, `model.layers.${i}.mlp.down_proj.weight`],
      ]),
      ['output_norm.weight', 'model.norm.weight'],
      ['output.weight', 'lm_head.weight'],
    ]
    expect(tensors.map(({ name }) => name)).toEqual(expected.map(([name]) => name))
    for (const [i, tensor] of tensors.entries()) {
      const source = values.get(expected[i]![1])!
      const format = tensor.shape.length === 1 ? 'float32' : encodingOf(type)
      expect(tensor.format).toBe(format)
      expect(indexOfDifference(await valuesOf(tensor), decode(format, encode(format, source)))).toBe(-1)
    }
  })

  test('keeps every number of its config', async () => {
    const { folder } = await checkpoint()
    await writeFile(join(folder, 'generation_config.json'), '{"eos_token_id": [5, 6, 7]}')
    const path = output()
    await convert(folder, path, { type: 'f32' })
    const { config } = await openSource(folder)
    expect((await openSource(path)).config).toEqual({
      ...config,
      architecture: 'phi3',
      rmsNormEps: Math.fround(config.rmsNormEps),
    })
  })

  test.skipIf(golden === null).each(['longrope', 'partial-tied', 'window', 'head96', 'gqa'])(
    'of golden/%s keeps its config, tied head and rope factors',
    async (name) => {
      const path = output()
      await convert(join(golden!, name), path, { type: 'f32' })
      const [before, after] = [await openSource(join(golden!, name)), await openSource(path)]
      const { ropeScaling: scaling, ...rest } = before.config
      const { ropeScaling, ...converted } = after.config
      expect(converted).toEqual({ ...rest, architecture: 'phi3', rmsNormEps: Math.fround(1e-5) })
      expect(ropeScaling).toEqual(
        scaling && {
          type: 'longrope',
          shortFactor: scaling.shortFactor.map(Math.fround),
          longFactor: scaling.longFactor.map(Math.fround),
          attentionFactor: Math.fround(scaling.attentionFactor),
        },
      )
      expect(after.weights.head === after.weights.embed).toBe(name === 'partial-tied')
    },
  )

  test('has projections fused that came split', async () => {
    const { folder, values } = await checkpoint(smallConfig, { split: true })
    const path = output()
    await convert(folder, path, { type: 'f32' })
    const { tensors } = await readGguf(path)
    const qkv = await valuesOf(tensors.find(({ name }) => name === 'blk.1.attn_qkv.weight')!)
    const parts = ['q', 'k', 'v'].map((which) => [...values.get(`model.layers.1.self_attn.${which}_proj.weight`)!])
    expect([...qkv]).toEqual(parts.flat())
  })

  test('keeps float16 where a row is no whole number of blocks, and says so', async () => {
    const { folder } = await checkpoint({ ...smallConfig, hidden_size: 72, intermediate_size: 64 })
    const path = output()
    const { kept } = await convert(folder, path, { type: 'q8_0' })
    const { tensors } = await readGguf(path)
    expect(tensors.find(({ name }) => name === 'blk.0.ffn_down.weight')!.dtype).toBe('Q8_0')
    expect(tensors.filter(({ dtype }) => dtype === 'F16').map(({ name }) => name)).toEqual(kept.map(({ name }) => name))
    expect(kept).toHaveLength(8)
    expect(kept[0]).toEqual({
      name: 'token_embd.weight',
      dtype: 'F16',
      reason: 'rows of 72 values are no multiple of 32',
    })
  })

  test('is the same file every time, and reports its progress', async () => {
    const { folder } = await checkpoint()
    const [first, second] = [output(), output()]
    const steps: number[] = []
    const totals = new Set<number>()
    await convert(folder, first, { type: 'q4_0' })
    const { bytes } = await convert(folder, second, {
      type: 'q4_0',
      onProgress: (done, total) => {
        steps.push(done)
        totals.add(total)
      },
    })
    expect((await readFile(second)).equals(await readFile(first))).toBe(true)
    expect([...totals]).toEqual([bytes])
    expect(steps.at(-1)).toBe(bytes)
    expect(steps).toEqual(steps.toSorted((x, y) => x - y))
  })

  test('of GGUF converts again, with every other key kept', async () => {
    const { folder } = await checkpoint()
    const [whole, small] = [output(), output()]
    await convert(folder, whole, { type: 'f32' })
    await convert(whole, small, { type: 'q8_0' })
    const [before, after] = [await readGguf(whole), await readGguf(small)]
    expect(Object.fromEntries(after.metadata)).toEqual({
      ...Object.fromEntries(before.metadata),
      'general.file_type': 7,
    })
    expect(Object.fromEntries(after.types)).toEqual(Object.fromEntries(before.types))
    const embed = await valuesOf(before.tensors[0]!)
    expect(await valuesOf(after.tensors[0]!)).toEqual(decode('q8_0', encode('q8_0', embed)))
  })
})

describe('converting', () => {
  test.each([
    ['itself', async (weights: string) => weights],
    ['its config.json', async (weights: string) => weights.replace('model.safetensors', 'config.json')],
    [
      'itself by a link',
      async (weights: string) => {
        await symlink(weights, `${weights}.link`)
        return `${weights}.link`
      },
    ],
    [
      'itself by another name',
      async (weights: string) => {
        await link(weights, `${weights}.hard`)
        return `${weights}.hard`
      },
    ],
  ])('a model onto %s is refused', async (_, target) => {
    const { folder } = await checkpoint()
    const weights = join(folder, 'model.safetensors')
    const before = await readFile(weights)
    await expect(convert(folder, await target(weights), { type: 'f16', to: 'gguf', overwrite: true })).rejects.toThrow(
      'must not be part of the input',
    )
    expect(before.equals(await readFile(weights))).toBe(true)
  })

  test('into a folder that is missing, or onto a folder, fails before anything is written', async () => {
    const { folder } = await checkpoint()
    const missing = join(root, 'nowhere')
    await expect(convert(folder, join(missing, 'x.gguf'), { type: 'f16' })).rejects.toMatchObject({
      code: 'ERR_FILE',
      file: missing,
    })
    await expect(convert(folder, folder, { type: 'f16', to: 'gguf' })).rejects.toThrow(
      'output must be a file, but is a folder',
    )
    expect(existsSync(missing)).toBe(false)
  })

  test('of several files of which one cannot take its name leaves all that were there as they were', async () => {
    const folder = join(root, 'half-replaced')
    await mkdir(folder)
    const [first, second] = [join(folder, 'a'), join(folder, 'b')]
    await writeFile(first, 'old')
    async function* data() {
      await mkdir(second)
      yield new Uint8Array(3)
    }
    const files = [textFile(first, 'new'), { path: second, bytes: 3, data }]
    await expect(writeFiles(null, files)).rejects.toThrow('output must be a file, but is a folder')
    expect(await readFile(first, 'utf8')).toBe('old')
    expect((await readdir(folder)).sort()).toEqual(['a', 'b'])
  })

  test('to a type that is none is refused', async () => {
    const { folder } = await checkpoint()
    const type = 'q3_k' as ConvertType
    await expect(convert(folder, output(), { type })).rejects.toBeInstanceOf(ArgumentError)
    await expect(convert(folder, output(), { type })).rejects.toThrow(
      'type for gguf must be one of f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, but is q3_k',
    )
  })

  test('aborted midway leaves nothing behind, and the old output as it was', async () => {
    const { folder } = await checkpoint()
    const target = join(root, 'aborted')
    await mkdir(target)
    await writeFile(join(target, 'x.gguf'), 'older')
    const abort = new AbortController()
    const onProgress = (done: number, total: number) => {
      if (done > total / 2) abort.abort()
    }
    const converting = convert(folder, join(target, 'x.gguf'), {
      type: 'f32',
      overwrite: true,
      signal: abort.signal,
      onProgress,
    })
    await expect(converting).rejects.toBeInstanceOf(AbortedError)
    expect(await readdir(target)).toEqual(['x.gguf'])
    expect(await readFile(join(target, 'x.gguf'), 'utf8')).toBe('older')
  })

  test.each([
    ['f16', 70000, 'values of lm_head.weight must lie within 65520 for float16, but one is 70000'],
    ['q8_0', NaN, 'for q8_0, but one is NaN'],
    ['q4_0', Infinity, 'for q4_0, but one is Infinity'],
  ] as const)('to %s refuses a weight of %d, and leaves nothing behind', async (type, bad, message) => {
    const change = (name: string, values: Float32Array) => {
      if (name === 'lm_head.weight') values[17] = bad
    }
    const { folder } = await checkpoint(smallConfig, { change })
    const target = join(root, `bad-${type}`)
    await mkdir(target)
    await expect(convert(folder, join(target, 'x.gguf'), { type })).rejects.toThrow(
      message.replace('lm_head', 'output'),
    )
    expect(await readdir(target)).toEqual([])
  })

  test('a tensor whose rows end early is refused by the writer', async () => {
    const tensor = { name: 'short', shape: [8, 4], bytes: 128, data: () => [new Uint8Array(124)] }
    const path = output()
    await expect(writeFiles(null, [tensorFile(path, new Uint8Array(), [tensor], 32)])).rejects.toThrow(
      'tensor short must have 128 bytes, but has 124',
    )
    expect(existsSync(path)).toBe(false)
  })
})

describe('a tokenizer of tokenizer.json', () => {
  const json = async (path: string) => JSON.parse(await readFile(path, 'utf8'))
  const entriesOf = (tokenizer: unknown, config: Record<string, unknown>, size: number) => {
    const entries = ggufTokenizer(
      { kind: 'huggingface', tokenizer, config, chatTemplate: null },
      size,
      'tokenizer.json',
    )
    return new Map(entries.map(([key, , value]) => [key, value]))
  }

  test.skipIf(published === null || vocabulary === null)(
    'has the pieces of the published GGUF, and its scores in the same order',
    async () => {
      const ours = entriesOf(await json(published!), {}, 32064)
      const { metadata: theirs } = await readGguf(vocabulary!)
      const tokens = ours.get('tokenizer.ggml.tokens') as string[]
      expect(tokens).toEqual(theirs.get('tokenizer.ggml.tokens'))
      // single characters are never merged, and runs of ▁ have no score of their own in the published file
      const merged = [...tokens.keys()].filter(
        (id) => id < 32000 && [...tokens[id]!].length > 1 && !/^▁+$/.test(tokens[id]!),
      )
      const [order, expected] = [ours, theirs].map((map) => {
        const scores = map.get('tokenizer.ggml.scores') as Float32Array
        return merged.filter((id) => id > 258).toSorted((x, y) => scores[y]! - scores[x]!)
      })
      expect(order!.length).toBeGreaterThan(29000)
      expect(order!.join()).toBe(expected!.join())
      const types = ours.get('tokenizer.ggml.token_type') as Int32Array
      const published3 = theirs.get('tokenizer.ggml.token_type') as Int32Array
      for (const [id, type] of types.entries()) {
        if (id !== 0 && id < 32011 && type !== published3[id]) expect.fail(`${tokens[id]}: ${type}`)
      }
      expect([types[0], types[32011]]).toEqual([2, 5])
    },
  )

  test.skipIf(tiny === null)('has ids, flags and template in the converted file', async () => {
    const path = output()
    await convert(tiny!, path, { type: 'q8_0' })
    const { metadata } = await readGguf(path)
    const tokens = metadata.get('tokenizer.ggml.tokens') as string[]
    expect(tokens).toHaveLength(2112)
    expect(tokens[2111]).toBe('[PAD2111]')
    expect(Object.fromEntries(metadata)).toMatchObject({
      'general.architecture': 'phi3',
      'general.name': 'tiny-phi3',
      'general.file_type': 7,
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.bos_token_id': 1,
      'tokenizer.ggml.eos_token_id': 2048,
      'tokenizer.ggml.eot_token_id': 2055,
      'tokenizer.ggml.unknown_token_id': 0,
      'tokenizer.ggml.padding_token_id': 2048,
      'tokenizer.ggml.add_bos_token': false,
      'tokenizer.ggml.add_eos_token': false,
      'tokenizer.ggml.add_space_prefix': true,
      'lophi.tokenizer.rstrip': Int32Array.of(2, 2049, 2050, 2051, 2052, 2053, 2054, 2055, 2056, 2057, 2058),
    })
    expect(metadata.get('tokenizer.chat_template')).toBe(
      (await json(join(tiny!, 'tokenizer_config.json'))).chat_template,
    )
    const types = metadata.get('tokenizer.ggml.token_type') as Int32Array
    expect([0, 1, 2, 3, 300, 2048, 2111].map((id) => types[id])).toEqual([2, 3, 4, 6, 1, 3, 5])
  })

  /** SentencePiece's rule: again and again the neighbours whose join has the highest score, the leftmost first. */
  function mergeByScore(text: string, tokens: string[], scores: Float32Array): number[] {
    const ids = new Map(tokens.map((token, id) => [token, id]))
    const symbols = [...`▁${text.replaceAll(' ', '▁')}`]
    for (;;) {
      let best = -Infinity
      let at = -1
      for (let i = 0; i + 1 < symbols.length; i++) {
        const id = ids.get(symbols[i]! + symbols[i + 1]!)
        if (id !== undefined && scores[id]! > best) [best, at] = [scores[id]!, i]
      }
      if (at < 0) break
      symbols.splice(at, 2, symbols[at]! + symbols[at + 1]!)
    }
    const bytes = (symbol: string) => [...new TextEncoder().encode(symbol)].map((byte) => byte + 3)
    return symbols.flatMap((symbol) => ids.get(symbol) ?? bytes(symbol))
  }

  test.skipIf(tiny === null || published === null).each([
    ['tiny-phi3', tiny && join(tiny, 'tokenizer.json'), 2112],
    ['Phi-3-mini', published, 32064],
  ])('of %s gives the same ids by score as by rank', async (_, path, size) => {
    const tokenizer = await json(path!)
    const map = entriesOf(tokenizer, {}, size)
    const tokens = map.get('tokenizer.ggml.tokens') as string[]
    const scores = map.get('tokenizer.ggml.scores') as Float32Array
    const byRank = new Tokenizer(tokenizer, {})
    const source = random(6)
    const words = [
      'Hello',
      'the',
      'internationalization',
      '1234567',
      '  ',
      '\n\n',
      'é',
      '🦙',
      '▁▁▁',
      'aaaaaaa',
      '::',
      'Ünder',
      '     x',
    ]
    for (let round = 0; round < 60; round++) {
      const text = Array.from({ length: 12 }, () => words[source.integer(0, words.length - 1)]).join(
        round % 2 ? ' ' : '',
      )
      expect(mergeByScore(text, tokens, scores), text).toEqual(byRank.encode(text, { add_special_tokens: false }).ids)
    }
  })

  const merged = (change: object = {}) => ({
    added_tokens: [{ id: 0, content: '<unk>', special: true }],
    normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>' } }, { Sequence: { id: 'A' } }],
    },
    model: {
      type: 'BPE',
      byte_fallback: true,
      unk_token: '<unk>',
      vocab: { '<unk>': 0, a: 1, b: 2, ab: 3, abb: 4, unreachable: 5 },
      merges: [
        ['a', 'b'],
        ['ab', 'b'],
      ],
    },
    ...change,
  })

  test('may have merges as pairs, no space in front, and a first token from its post-processor', () => {
    const entries = entriesOf(merged(), { bos_token: { content: '<s>' }, eos_token: '</s>' }, 8)
    expect(entries.get('tokenizer.ggml.scores')).toEqual(
      Float32Array.of(-1000, -1e9, -1e9, -1, -2, -1e9, -10000, -10000),
    )
    expect(entries.get('tokenizer.ggml.add_space_prefix')).toBe(false)
    expect(entries.get('tokenizer.ggml.add_bos_token')).toBe(true)
    expect(entries.get('tokenizer.ggml.add_eos_token')).toBe(false)
    expect(entriesOf(merged(), { add_bos_token: false }, 8).get('tokenizer.ggml.add_bos_token')).toBe(false)
  })

  const model = merged().model
  test.each([
    ['a byte-level pre-tokenizer', { pre_tokenizer: { type: 'ByteLevel' } }, 'a pre-tokenizer'],
    ['another model', { model: { ...model, type: 'Unigram' } }, 'no BPE model'],
    ['neither bytes nor a fallback to them', { model: { ...model, byte_fallback: false }, normalizer: null }, 'cl100k'],
    ['another normalizer', { normalizer: { type: 'NFC' } }, 'a normalizer other than'],
    ['lstrip', { added_tokens: [{ id: 0, content: '<x>', lstrip: true }] }, 'lstrip on <x>'],
    [
      'ranks that scores cannot say',
      { model: { ...model, merges: ['a b', 'ab b', 'a b'] } },
      'merges of ab at several ranks',
    ],
  ])('with %s is not supported', (_, change, message) => {
    expect(() => entriesOf(merged(change), {}, 8)).toThrow(UnsupportedModelError)
    expect(() => entriesOf(merged(change), {}, 8)).toThrow(message)
  })

  test.each([
    ['an id beyond the vocabulary', { model: { ...model, vocab: { a: 8 } } }, 'must be 0 to 7, but a has 8'],
    ['two pieces of one id', { model: { ...model, vocab: { a: 1, b: 1 } } }, '1 is both a and b'],
    ['a merge of three', { model: { ...model, merges: ['a b c'] } }, 'must be pairs of pieces'],
    ['no merges', { model: { ...model, merges: undefined } }, 'model.merges must be a list'],
    ['no vocabulary', { model: { ...model, vocab: [] } }, 'model.vocab must be an object'],
    ['an added token without id', { added_tokens: [{ content: 'x' }] }, 'must have id and content'],
  ])('with %s is refused', (_, change, message) => {
    expect(() => entriesOf(merged(change), {}, 8)).toThrow(FormatError)
    expect(() => entriesOf(merged(change), {}, 8)).toThrow(message)
  })
})

describe('a byte-level tokenizer', () => {
  const pattern = preTokenizers.get('dbrx')!.pattern
  const tokenizerWith = (regex: string, change: object = {}) => {
    const json = byteLevel() as Record<string, unknown>
    const pretokenizers = [
      { type: 'Split', pattern: { Regex: regex }, behavior: 'Removed', invert: true },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    ]
    const added = [token(258, '<|end|>', { rstrip: true }), token(259, 'two words', { special: false })]
    return { ...json, added_tokens: added, pre_tokenizer: { type: 'Sequence', pretokenizers }, ...change }
  }
  const entries = (tokenizer: unknown) =>
    ggufTokenizer({ kind: 'huggingface', tokenizer, config: {}, chatTemplate: null }, 264, 'tokenizer.json')

  test('gives the same ids out of GGUF', () => {
    const tokenizer = tokenizerWith(pattern)
    const metadata = new Map(entries(tokenizer).map(([key, , value]) => [key, value]))
    expect(metadata.get('tokenizer.ggml.model')).toBe('gpt2')
    expect(metadata.get('tokenizer.ggml.pre')).toBe('dbrx')
    expect(metadata.get('tokenizer.ggml.merges')).toEqual(['Ġ a', 'b c'])
    const before = createTokenizer({ kind: 'huggingface', tokenizer, config: {}, chatTemplate: null }, {})
    const after = createTokenizer({ kind: 'gguf', metadata, chatTemplate: null }, {})
    for (const text of ['abc bc a', ' a\n\n  bc', '<|end|>  a', 'two words é 🦙', "It's 12345"])
      expect(after.encode(text), text).toEqual(before.encode(text))
  })

  test.each([
    ['words cut otherwise', tokenizerWith('[^\\s]+|\\s'), 'a pre-tokenizer other than'],
    ['a normalizer', tokenizerWith(pattern, { normalizer: { type: 'NFC' } }), 'a normalizer before bytes'],
    ['lstrip', tokenizerWith(pattern, { added_tokens: [token(258, '<|x|>', { lstrip: true })] }), 'lstrip on <|x|>'],
  ])('with %s is not supported', (_, tokenizer, message) => {
    expect(() => entries(tokenizer)).toThrow(UnsupportedModelError)
    expect(() => entries(tokenizer)).toThrow(message)
  })
})
