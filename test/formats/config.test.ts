import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Naming } from '../../lib/architectures/blueprint.js'
import { type Phi3Weights, phi3 } from '../../lib/architectures/phi3.js'
import { FormatError, UnsupportedModelError } from '../../lib/errors.js'
import { longRopeAttentionFactor } from '../../lib/formats/config-checks.js'
import { configFromGguf } from '../../lib/formats/gguf/config.js'
import { configFromHuggingFace } from '../../lib/formats/hf-config.js'
import type {
  FileRange,
  FileTensor,
  GgufValue,
  ModelConfig,
  WeightDescription,
  WeightFormat,
} from '../../lib/formats/source.js'
import { weightsOf } from '../../lib/formats/weights.js'
import { temporaryFolder } from '../support/shared.js'
import { checkpointShapes, smallConfig } from './files.js'

const folder = await temporaryFolder()
const file = 'config.json'
const read = (change: object = {}, generation?: object, genaiEos?: number[]) =>
  configFromHuggingFace({ ...smallConfig, ...change }, file, { generation, genaiEos }).config
const weightsIn = (
  config: ModelConfig,
  tensors: FileTensor[],
  naming: Naming = 'huggingface',
  path = 'model.safetensors',
) => weightsOf(phi3, config, tensors, naming, path) as Phi3Weights

// the published models, by their config.json
const mini = {
  ...smallConfig,
  hidden_size: 3072,
  intermediate_size: 8192,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 32,
  vocab_size: 32064,
  max_position_embeddings: 4096,
  original_max_position_embeddings: 4096,
  sliding_window: 2047,
  eos_token_id: 32000,
  pad_token_id: 32000,
}
const phi35 = {
  ...mini,
  max_position_embeddings: 131072,
  sliding_window: 262144,
  rope_scaling: {
    type: 'longrope',
    short_factor: [1, ...Array(46).fill(1.5), 2.8399994373321533],
    long_factor: [1.0800000429153442, ...Array(46).fill(30), 64.83999633789062],
  },
}
const medium = {
  ...mini,
  hidden_size: 5120,
  intermediate_size: 17920,
  num_hidden_layers: 40,
  num_attention_heads: 40,
  num_key_value_heads: 10,
}
const phi4mini = {
  ...phi35,
  num_attention_heads: 24,
  num_key_value_heads: 8,
  vocab_size: 200064,
  tie_word_embeddings: true,
  partial_rotary_factor: 0.75,
  bos_token_id: 199999,
  eos_token_id: 199999,
  pad_token_id: 199999,
}
const phi4 = {
  ...medium,
  vocab_size: 100352,
  max_position_embeddings: 16384,
  original_max_position_embeddings: 16384,
  rope_theta: 250000,
  sliding_window: null,
}

function tensorsOf(config: typeof smallConfig, split = false): FileTensor[] {
  return checkpointShapes(config, split).map(([name, shape]) => {
    const bytes = shape.reduce((product, extent) => product * extent, 2)
    return { name, shape, dtype: 'BF16', format: 'bfloat16', data: { file: 'model.safetensors', offset: 0, bytes } }
  })
}

function countParameters({ embed, layers, norm, head }: Phi3Weights): number {
  const all = [embed, norm, ...layers.flatMap((layer) => Object.values(layer)), ...(head === embed ? [] : [head])]
  return all.reduce((sum, weight) => sum + [...(weight?.shape ?? [0])].reduce((a, b) => a * b, 1), 0)
}

describe('the published models', () => {
  test.each([
    ['Phi-3-mini', mini, 3_821_079_552, 393_216],
    ['Phi-3.5-mini', phi35, 3_821_079_552, 393_216],
    ['Phi-3-medium', medium, 13_960_238_080, 204_800],
    ['Phi-4-mini', phi4mini, 3_836_021_760, 131_072],
    ['Phi-4', phi4, 14_659_507_200, 204_800],
  ])('%s has its number of parameters and of cached bytes', (_, json, parameters, cached) => {
    const config = configFromHuggingFace(json, file).config
    const weights = weightsIn(config, tensorsOf(json as typeof smallConfig))
    expect(countParameters(weights)).toBe(parameters)
    expect(2 * 2 * config.numHiddenLayers * config.numKeyValueHeads * config.headDim).toBe(cached)
  })

  test('rotate by their frequencies', () => {
    const { rotaryDim, ropeTheta, ropeScaling } = configFromHuggingFace(phi35, file).config
    const inverse = (i: number) => ropeTheta ** ((-2 * i) / rotaryDim)
    expect(inverse(47)).toBeCloseTo(1.2115276586e-4, 12)
    expect(1 / ropeScaling!.longFactor[0]!).toBeCloseTo(0.92592589, 7)
    expect(inverse(47) / ropeScaling!.longFactor[47]!).toBeCloseTo(1.868488166e-6, 14)
    expect(ropeScaling!.attentionFactor).toBe(1.1902380714238083)
  })

  test('Phi-4-mini rotates three quarters of a head', () => {
    expect(configFromHuggingFace(phi4mini, file).config).toMatchObject({ headDim: 128, rotaryDim: 96 })
  })
})

describe('config.json', () => {
  test('gives every size', () => {
    expect(read()).toEqual({
      architecture: 'Phi3ForCausalLM',
      hiddenSize: 64,
      intermediateSize: 96,
      numHiddenLayers: 2,
      numAttentionHeads: 4,
      numKeyValueHeads: 2,
      headDim: 16,
      rotaryDim: 16,
      vocabSize: 80,
      rmsNormEps: 1e-5,
      ropeTheta: 10000,
      ropeScaling: null,
      maxPositionEmbeddings: 128,
      originalMaxPositionEmbeddings: 128,
      slidingWindow: 64,
      tieWordEmbeddings: false,
      bosTokenId: 1,
      eosTokenIds: [2],
      padTokenId: 0,
    })
  })

  test('may leave out what has a default', () => {
    const { num_key_value_heads: _, original_max_position_embeddings: __, sliding_window: ___, ...rest } = smallConfig
    expect(configFromHuggingFace({ ...rest, head_dim: 24 }, file).config).toMatchObject({
      numKeyValueHeads: 4,
      originalMaxPositionEmbeddings: 128,
      slidingWindow: null,
      headDim: 24,
    })
  })

  test('joins the ids that end a text with those of generation_config.json, which come first', () => {
    expect(read({ eos_token_id: 2 }, { eos_token_id: [5, 2, 7] }).eosTokenIds).toEqual([5, 2, 7])
    expect(read({ eos_token_id: [3, 4] }, { eos_token_id: 6 }).eosTokenIds).toEqual([6, 3, 4])
    expect(read({ eos_token_id: null }, {}).eosTokenIds).toEqual([])
    expect(read({ eos_token_id: undefined }, undefined, [3]).eosTokenIds).toEqual([3])
    expect(read({ eos_token_id: 2 }, { eos_token_id: [5] }, [7, 5, 2048]).eosTokenIds).toEqual([5, 2, 7])
    expect(() => read({}, { eos_token_id: ['80'] })).toThrow('eos_token_id must be ids, but holds "80"')
    expect(() => read({ eos_token_id: undefined })).toThrow('eos_token_id must be an id')
  })

  test.each([-1, 80, 2 ** 32 - 1])('has no such token where an id is %i, as writers say that there is none', (id) => {
    const ids = { bos_token_id: id, pad_token_id: id, eos_token_id: [2, id] }
    expect(read(ids, { eos_token_id: [id, 3] }, [id])).toMatchObject({
      bosTokenId: null,
      padTokenId: null,
      eosTokenIds: [3, 2],
    })
  })

  const factors = { short_factor: Array(8).fill(1.5), long_factor: Array(8).fill(4) }
  test.each([
    ['rope_scaling.type', { rope_scaling: { type: 'longrope', ...factors } }],
    ['its first name', { rope_scaling: { type: 'su', ...factors } }],
    ['rope_scaling.rope_type', { rope_scaling: { rope_type: 'longrope', ...factors } }],
    [
      'rope_parameters',
      {
        rope_theta: undefined,
        rope_parameters: {
          rope_type: 'longrope',
          rope_theta: 10000,
          partial_rotary_factor: 1,
          original_max_position_embeddings: 64,
          ...factors,
        },
      },
    ],
  ])('has longrope in the form of %s', (_, change) => {
    const config = read({ original_max_position_embeddings: 32, ...change })
    expect(config).toMatchObject({ rotaryDim: 16, ropeTheta: 10000, originalMaxPositionEmbeddings: 32 })
    expect(config.ropeScaling).toEqual({
      type: 'longrope',
      shortFactor: factors.short_factor,
      longFactor: factors.long_factor,
      attentionFactor: Math.sqrt(1 + Math.log(4) / Math.log(32)),
    })
  })

  // transformers 5.24, by architecture, original contexts of the top level and of the block, and factor
  test.each([
    ['Phi3ForCausalLM', 64, 128, undefined, 64, 1.6832508230603465],
    ['Phi3ForCausalLM', undefined, 128, undefined, 4096, 1.1902380714238083],
    ['Phi3ForCausalLM', undefined, undefined, undefined, 4096, 1.1902380714238083],
    ['Phi3ForCausalLM', undefined, undefined, 2, 4096, 1.0408329997330663],
    ['Phi3ForCausalLM', 64, undefined, 2, 64, 1.0801234497346435],
    ['MistralForCausalLM', 64, 128, undefined, 64, 1.6832508230603465],
    ['LlamaForCausalLM', undefined, 128, undefined, 128, 1.5583874449479593],
    ['LlamaForCausalLM', undefined, undefined, undefined, 131072, 1],
  ])('of %s with longrope from %s, %s by %s has the original context %i', (name, top, inner, factor, original, m) => {
    const block = { type: 'longrope', ...factors, original_max_position_embeddings: inner, factor }
    const found = read({
      architectures: [name],
      max_position_embeddings: 131072,
      original_max_position_embeddings: top,
      rope_scaling: block,
    })
    expect(found.originalMaxPositionEmbeddings).toBe(original)
    expect(found.ropeScaling!.attentionFactor).toBeCloseTo(m, 12)
  })

  test('without rope scaling has one context, and the base of transformers where it names none', () => {
    const found = read({ max_position_embeddings: 8192, original_max_position_embeddings: 4096, rope_theta: undefined })
    expect(found).toMatchObject({ ropeTheta: 10000, ropeScaling: null, originalMaxPositionEmbeddings: 8192 })
  })

  test('has its own attention factor where it gives one, and another for its old yarn', () => {
    const factorOf = (scaling: object) =>
      read({ original_max_position_embeddings: 32, rope_scaling: { ...factors, ...scaling } }).ropeScaling!
        .attentionFactor
    expect(factorOf({ type: 'longrope', attention_factor: 1.25 })).toBe(1.25)
    expect(factorOf({ type: 'yarn' })).toBe(1 + 0.1 * Math.log(4))
    expect(longRopeAttentionFactor(4096, 4096)).toBe(1)
  })

  test.each([
    ['rope_theta', 0, 'rope_theta must be a positive number, but is 0'],
    ['hidden_size', undefined, 'hidden_size must be an integer from 1 to 1048576, but is missing'],
    ['hidden_size', '64', 'hidden_size must be an integer from 1 to 1048576, but is "64"'],
    ['hidden_size', 64.5, 'but is 64.5'],
    ['hidden_size', 0, 'but is 0'],
    ['hidden_size', 1e12, 'but is 1000000000000'],
    ['hidden_size', 66, 'hidden_size must be a multiple of num_attention_heads, but is 66 for 4 heads'],
    ['intermediate_size', -1, 'intermediate_size must be an integer'],
    ['num_hidden_layers', 1e9, 'num_hidden_layers must be an integer from 1 to 4096'],
    ['num_attention_heads', null, 'num_attention_heads must be an integer from 1 to 4096, but is null'],
    ['num_key_value_heads', 3, 'num_key_value_heads must be a divisor of the 4 attention heads, but is 3'],
    ['head_dim', 15, 'rotary dimensions must be even and at most 15, but are 15'],
    ['vocab_size', [80], 'vocab_size must be an integer from 1 to 16777216, but is [80]'],
    ['rms_norm_eps', 0, 'rms_norm_eps must be a positive number up to 1, but is 0'],
    ['rms_norm_eps', true, 'but is true'],
    ['max_position_embeddings', undefined, 'max_position_embeddings must be an integer'],
    ['sliding_window', -5, 'sliding_window must be an integer from 0'],
    ['tie_word_embeddings', 'no', 'tie_word_embeddings must be true or false, but is "no"'],
    ['bos_token_id', '1', 'bos_token_id must be an id or null, but is "1"'],
    ['partial_rotary_factor', 1.5, 'partial_rotary_factor must be a positive number up to 1, but is 1.5'],
    ['architectures', undefined, 'architectures must be a list of one name, but is missing'],
    ['rope_scaling', 'longrope', 'rope_scaling must be an object or null, but is "longrope"'],
    ['rope_scaling', { type: 'longrope' }, 'short_factor must be a list of 8 numbers, but is missing'],
    ['rope_scaling', { type: 'su', ...factors, short_factor: [1] }, 'short_factor must have 8 values, but has 1'],
    [
      'rope_scaling',
      { type: 'su', ...factors, long_factor: Array(8).fill(0) },
      'long_factor must hold positive numbers, but value 0 is 0',
    ],
  ])('with %s %j is refused', (key, value, message) => {
    expect(() => read({ [key]: value })).toThrow(FormatError)
    expect(() => read({ [key]: value })).toThrow(`${file}: `)
    expect(() => read({ [key]: value })).toThrow(message)
  })

  test.each([
    ['Phi3SmallForCausalLM', 'block-sparse attention'],
    ['PhiMoEForCausalLM', 'a mixture of 16 experts'],
    ['Phi3VForCausalLM', 'an image encoder'],
    ['Phi4MMForCausalLM', 'image and speech encoders'],
    ['GPT2LMHeadModel', 'architecture GPT2LMHeadModel is not supported'],
    ['toString', 'architecture toString is not supported'],
  ])('of %s says what is missing', (architecture, message) => {
    expect(() => read({ architectures: [architecture] })).toThrow(UnsupportedModelError)
    expect(() => read({ architectures: [architecture] })).toThrow(architecture)
    expect(() => read({ architectures: [architecture] })).toThrow(message)
  })

  test.each([
    [{ hidden_act: 'gelu' }, 'hidden_act gelu'],
    [{ attention_bias: true }, 'attention_bias true'],
    [{ rope_scaling: { type: 'linear', factor: 2 } }, 'rope scaling linear'],
    [{ rope_scaling: { type: 'yarn', factor: 2 } }, 'rope scaling yarn'],
    [{ rope_scaling: { type: 'longrope', ...factors, short_mscale: 1.2 } }, 'short_mscale'],
  ])('with %j is not supported', (change, message) => {
    expect(() => read(change)).toThrow(UnsupportedModelError)
    expect(() => read(change)).toThrow(message)
  })
})

describe('GGUF metadata', () => {
  const keys: Record<string, GgufValue> = {
    'general.architecture': 'phi3',
    'phi3.context_length': 4096,
    'phi3.embedding_length': 3072,
    'phi3.feed_forward_length': 8192,
    'phi3.block_count': 32,
    'phi3.attention.head_count': 32,
    'phi3.attention.layer_norm_rms_epsilon': 1e-5,
    'tokenizer.ggml.tokens': ['<unk>', '<s>', 'a', '<|endoftext|>', '<|assistant|>', '<|end|>'],
  }
  const embed: FileTensor = {
    name: 'token_embd.weight',
    shape: [32064, 3072],
    dtype: 'F16',
    format: 'float16',
    data: { file: 'x.gguf', offset: 0, bytes: 2 * 32064 * 3072 },
  }
  const config = (change: Record<string, GgufValue | undefined> = {}, tensors: FileTensor[] = [embed]) => {
    const present = Object.entries({ ...keys, ...change }).filter((pair): pair is [string, GgufValue] => !!pair[1])
    return configFromGguf(new Map(present), tensors, 'x.gguf').then(({ config }) => config)
  }

  test('of the first files lacks keys, which have the defaults of that time', async () => {
    expect(await config()).toEqual({
      architecture: 'phi3',
      hiddenSize: 3072,
      intermediateSize: 8192,
      numHiddenLayers: 32,
      numAttentionHeads: 32,
      numKeyValueHeads: 32,
      headDim: 96,
      rotaryDim: 96,
      vocabSize: 32064,
      rmsNormEps: 1e-5,
      ropeTheta: 10000,
      ropeScaling: null,
      maxPositionEmbeddings: 4096,
      originalMaxPositionEmbeddings: 4096,
      slidingWindow: 2047,
      tieWordEmbeddings: true,
      bosTokenId: null,
      eosTokenIds: [5, 3],
      padTokenId: null,
    })
  })

  test.each([
    [32, 32, 131072, 262144],
    [40, 10, 4096, 2047],
    [40, 10, 131072, 131072],
    [40, 10, 16384, null],
  ])(
    'of %i layers, %i key/value heads and %i positions implies a window of %s',
    async (layers, heads, positions, window) => {
      const sizes = layers === 40 ? { 'phi3.embedding_length': 5120, 'phi3.attention.head_count': 40 } : {}
      const found = await config({
        ...sizes,
        'phi3.block_count': layers,
        'phi3.attention.head_count_kv': heads,
        'phi3.context_length': positions,
      })
      expect(found.slidingWindow).toBe(window)
    },
  )

  test('of another model has no window unless it names one, where 0 is none', async () => {
    expect((await config({ 'phi3.block_count': 7 })).slidingWindow).toBeNull()
    expect((await config({ 'phi3.block_count': 7, 'phi3.attention.sliding_window': 9 })).slidingWindow).toBe(9)
    const none = new Map(Object.entries({ ...keys, 'phi3.block_count': 7, 'phi3.attention.sliding_window': 0 }))
    expect((await configFromGguf(none, [embed], 'x.gguf')).config.slidingWindow).toBeNull()
  })

  test('joins the ids that end a text, by key and by text', async () => {
    const found = await config({ 'tokenizer.ggml.eos_token_id': 3, 'tokenizer.ggml.eot_token_id': 4 })
    expect(found.eosTokenIds).toEqual([3, 4, 5])
    const kept = await config({ 'tokenizer.ggml.eos_token_id': 4, 'lophi.eos_token_ids': Int32Array.of(4, 2) })
    expect(kept.eosTokenIds).toEqual([4, 2, 5, 3])
    const beyond = { 'tokenizer.ggml.eos_token_id': 2 ** 32 - 1, 'tokenizer.ggml.padding_token_id': 2 ** 32 - 1 }
    expect(await config({ ...beyond, 'lophi.eos_token_ids': Int32Array.of(-1, 40000, 4) })).toMatchObject({
      eosTokenIds: [4, 5, 3],
      padTokenId: null,
    })
  })

  describe('with tensors of rope factors', () => {
    const path = join(folder, 'factors.bin')
    const factors = Float32Array.from({ length: 96 }, (_, i) => 1 + i / 64)
    const tensor = (name: string, offset: number, change: Partial<FileTensor> = {}): FileTensor => {
      const data = { file: path, offset, bytes: 192 }
      return { name, shape: [48], dtype: 'F32', format: 'float32', data, ...change }
    }
    const long = tensor('rope_factors_long.weight', 0)
    const short = tensor('rope_factors_short.weight', 192)
    const extended = { 'phi3.context_length': 131072, 'phi3.rope.scaling.original_context_length': 4096 }

    test('is longrope, and a missing attention factor follows from the lengths', async () => {
      await writeFile(path, factors)
      const { ropeScaling } = await config(extended, [embed, long, short])
      expect(ropeScaling).toEqual({
        type: 'longrope',
        longFactor: [...factors.slice(0, 48)],
        shortFactor: [...factors.slice(48)],
        attentionFactor: 1.1902380714238083,
      })
      const given = await config({ ...extended, 'phi3.rope.scaling.attn_factor': 1.5 }, [embed, long, short])
      expect(given.ropeScaling!.attentionFactor).toBe(1.5)
      for (const [type, factor] of Object.entries({ su: 1.1902380714238083, yarn: 1 + 0.1 * Math.log(32) })) {
        const named = await config({ ...extended, 'phi3.rope.scaling.type': type }, [embed, long, short])
        expect(named.ropeScaling).toEqual({ ...ropeScaling, attentionFactor: factor })
      }
    })

    test('whose context was extended is refused where a converter lost them, and not run as if it had none', async () => {
      await expect(config(extended)).rejects.toThrow(
        'a context of 131072 that was extended from 4096 tokens must have rope_factors tensors',
      )
    })

    test.each([
      ['one missing', [long], /must come together/],
      ['another type', [tensor(long.name, 0, { dtype: 'F16' }), short], /must be F32 \[48\], but is F16 \[48\]/],
      ['another length', [tensor(long.name, 0, { shape: [47] }), short], /must be F32 \[48\], but is F32 \[47\]/],
    ])('with %s is refused', async (_, tensors, message) => {
      await writeFile(path, factors)
      await expect(config(extended, [embed, ...tensors])).rejects.toThrow(message)
    })

    test('with a factor of zero or NaN is refused', async () => {
      await writeFile(
        path,
        factors.map((value, i) => (i === 3 ? NaN : value)),
      )
      await expect(config(extended, [embed, long, short])).rejects.toThrow(
        'rope_factors_long.weight must hold positive',
      )
    })
  })

  test.each([
    ['general.architecture', 'phimoe', 'phimoe needs a mixture of 16 experts'],
    ['general.architecture', 'llama', 'llama needs rotary embedding of adjacent pairs'],
    ['general.architecture', 'bert', 'architecture bert is not supported'],
    ['general.architecture', 'phi2', 'phi2 needs parallel attention and MLP'],
    ['general.architecture', 'clip', 'architecture clip is not supported'],
    ['phi3.rope.scaling.type', 'yarn', 'rope scaling yarn is not supported'],
  ])('with %s %s is not supported', async (key, value, message) => {
    await expect(config({ [key]: value })).rejects.toThrow(UnsupportedModelError)
    await expect(config({ [key]: value })).rejects.toThrow(message)
  })

  test.each([
    ['phi3.block_count', undefined, 'phi3.block_count must be an integer from 1 to 4096, but is missing'],
    ['phi3.embedding_length', 'large', 'phi3.embedding_length must be an integer from 1 to 1048576, but is "large"'],
    ['phi3.attention.head_count', [32], 'phi3.attention.head_count must be an integer'],
    ['phi3.context_length', 2n ** 63n, 'but is 9223372036854775808'],
    ['phi3.attention.value_length', 64, 'phi3.attention.value_length must be 96 like the keys, but is 64'],
    ['phi3.rope.dimension_count', 98, 'rotary dimensions must be even and at most 96, but are 98'],
    ['phi3.rope.scaling.attn_factor', 1.19, 'must have rope_factors tensors, but has none'],
    ['tokenizer.ggml.bos_token_id', 'one', 'tokenizer.ggml.bos_token_id must be an id or null'],
  ])('with %s %s is refused', async (key, value, message) => {
    await expect(config({ [key]: value })).rejects.toThrow(FormatError)
    await expect(config({ [key]: value })).rejects.toThrow(message)
  })
})

describe('weights', () => {
  const config = read()
  const weights = (tensors: FileTensor[]) => weightsIn(config, tensors)
  const changed = (name: string, change: Partial<FileTensor>) =>
    tensorsOf(smallConfig).map((tensor) => (tensor.name === name ? { ...tensor, ...change } : tensor))

  const offsets = ({ parts }: WeightDescription) => parts.map(({ data }) => (data as FileRange).offset)

  test('of split projections are stacked in the order of the fused ones', () => {
    const tensors = tensorsOf({ ...smallConfig }, true).map((tensor, i) => ({
      ...tensor,
      data: { ...tensor.data, offset: 1000 * i },
    }))
    const [layer] = weights(tensors).layers
    const offset = (name: string) => tensors.find((tensor) => tensor.name === `model.layers.0.${name}`)!.data.offset
    expect(layer!.qkv.shape).toEqual([128, 64])
    expect(offsets(layer!.qkv)).toEqual(['q', 'k', 'v'].map((which) => offset(`self_attn.${which}_proj.weight`)))
    expect(layer!.gateUp.shape).toEqual([192, 64])
    expect(offsets(layer!.gateUp)).toEqual(['gate', 'up'].map((which) => offset(`mlp.${which}_proj.weight`)))
  })

  test('of GGUF are found split too, where ffn_up is the lower half only', () => {
    const split = [
      'attn_q',
      'attn_k',
      'attn_v',
      'ffn_gate',
      'ffn_up',
      'attn_output',
      'ffn_down',
      'attn_norm',
      'ffn_norm',
    ]
    const shapes = [[64, 64], [32, 64], [32, 64], [96, 64], [96, 64], [64, 64], [64, 96], [64], [64]]
    const names: [string, number[]][] = [0, 1].flatMap((i) =>
      split.map((name, which): [string, number[]] => [`blk.${i}.${name}.weight`, shapes[which]!]),
    )
    names.push(['token_embd.weight', [80, 64]], ['output_norm.weight', [64]], ['output.weight', [80, 64]])
    const tensors = names.map(([name, shape]): FileTensor => {
      const data = { file: name, offset: 0, bytes: 0 }
      return { name, shape, dtype: 'F32', format: 'float32', data }
    })
    const { layers } = weightsIn(config, tensors, 'gguf', 'x.gguf')
    expect(layers[1]!.gateUp.parts.map(({ data }) => (data as FileRange).file)).toEqual([
      'blk.1.ffn_gate.weight',
      'blk.1.ffn_up.weight',
    ])
    expect(layers[1]!.qkv.parts).toHaveLength(3)
  })

  test('with a tied head are one matrix by either name; a head that is there counts', () => {
    const tied = read({ tie_word_embeddings: true })
    const both = tensorsOf(smallConfig)
    const without = (name: string) => both.filter((tensor) => tensor.name !== name)
    const dataOf = (name: string) => both.find((tensor) => tensor.name === name)!.data
    const [embedName, headName] = ['model.embed_tokens.weight', 'lm_head.weight'] as const
    const found = (tensors: FileTensor[]) => weightsIn(tied, tensors)
    for (const [tensors, kept] of [
      [without(headName), embedName],
      [without(embedName), headName],
    ] as const) {
      const { embed, head } = found(tensors)
      expect(head).toBe(embed)
      expect(embed.parts[0]!.data).toBe(dataOf(kept))
    }
    expect(found(both).embed.parts[0]!.data).toBe(dataOf(embedName))
    expect(found(both).head.parts[0]!.data).toBe(dataOf(headName))
  })

  test('ignore tables that are computed anyway', () => {
    const table = { ...tensorsOf(smallConfig)[0]!, name: 'model.layers.0.self_attn.rotary_emb.inv_freq' }
    expect(weights([...tensorsOf(smallConfig), table]).layers).toHaveLength(2)
  })

  test.each(checkpointShapes(smallConfig).map(([name]) => name))('without %s are refused by its name', (name) => {
    const tensors = tensorsOf(smallConfig).filter((tensor) => tensor.name !== name)
    expect(() => weights(tensors)).toThrow(FormatError)
    expect(() => weights(tensors)).toThrow(`tensor ${name} [`)
  })

  test.each(checkpointShapes(smallConfig))('with %s not of shape %j are refused', (name, shape) => {
    const tensors = changed(name, { shape: [...shape, 1] })
    expect(() => weights(tensors)).toThrow(`${name} must be [${shape.join(', ')}], but is [${shape.join(', ')}, 1]`)
  })

  test.each([
    ['a type of no weights', 'lm_head.weight', { dtype: 'F64', format: null }, 'is F64, which holds no weights'],
    ['a quantised norm', 'model.norm.weight', { dtype: 'Q8_0', format: 'q8_0' as const }, 'must be F32, F16 or BF16'],
  ])('with %s are not supported', (_, name, change, message) => {
    expect(() => weights(changed(name, change))).toThrow(UnsupportedModelError)
    expect(() => weights(changed(name, change))).toThrow(`tensor ${name} ${message}`)
  })

  test('may have parts, norms and an embedding of several types', () => {
    const types: [end: string, dtype: string, format: WeightFormat][] = [
      ['v_proj.weight', 'Q6_K', 'q6_k'],
      ['q_proj.weight', 'Q4_K', 'q4_k'],
      ['embed_tokens.weight', 'Q5_0', 'q5_0'],
      ['input_layernorm.weight', 'F16', 'float16'],
    ]
    const tensors = tensorsOf(smallConfig, true).map((tensor) => {
      const [, dtype, format] = types.find(([end]) => tensor.name.endsWith(end)) ?? []
      return dtype ? { ...tensor, dtype, format: format! } : tensor
    })
    const { embed, layers } = weights(tensors)
    const formats = ({ parts }: WeightDescription) => parts.map(({ format }) => format)
    expect(formats(layers[0]!.qkv)).toEqual(['q4_k', 'bfloat16', 'q6_k'])
    expect(formats(layers[0]!.inputNorm)).toEqual(['float16'])
    expect(formats(embed)).toEqual(['q5_0'])
  })

  test('with a bias that would be dropped are not supported', () => {
    const bias = { ...tensorsOf(smallConfig)[0]!, name: 'model.layers.0.self_attn.qkv_proj.bias' }
    expect(() => weights([...tensorsOf(smallConfig), bias])).toThrow(UnsupportedModelError)
    expect(() => weights([...tensorsOf(smallConfig), bias])).toThrow('qkv_proj.bias')
  })
})
