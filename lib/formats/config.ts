import { FormatError, UnsupportedModelError } from '../errors.js'
import { type Fields, fieldsOf } from './fields.js'
import { openFile } from './file.js'
import { isObject } from './json.js'
import { decode } from './quantize.js'
import type { FileTensor, GgufValue, LongRope, Phi3Config } from './source.js'

// far above every published model; products of two of these stay exact
const most = { width: 2 ** 20, layers: 2 ** 12, heads: 2 ** 12, headDim: 2 ** 12, vocab: 2 ** 24, positions: 2 ** 30 }

/** Llama and Mistral of the same shape: how Phi-3 weights are sometimes published, with q, k, v and gate, up apart. */
const denseArchitectures = ['Phi3ForCausalLM', 'LlamaForCausalLM', 'MistralForCausalLM']

/** What an architecture of the Phi family needs beyond the dense one. */
const missing: Readonly<Record<string, string>> = {
  Phi3SmallForCausalLM: 'block-sparse attention, LayerNorm with biases, gegelu and muP scaling',
  PhiMoEForCausalLM: 'a mixture of 16 experts with SparseMixer routing, and LayerNorm with biases',
  PhimoeForCausalLM: 'a mixture of 16 experts with SparseMixer routing, and LayerNorm with biases',
  Phi3VForCausalLM: 'an image encoder',
  Phi4MMForCausalLM: 'image and speech encoders with LoRA adapters',
  Phi4MultimodalForCausalLM: 'image and speech encoders with LoRA adapters',
  Phi4FlashForCausalLM: 'state-space layers and differential attention',
  PhiForCausalLM: 'parallel attention and MLP, and LayerNorm with biases',
  phimoe: 'a mixture of 16 experts with SparseMixer routing, and LayerNorm with biases',
  phi2: 'parallel attention and MLP, and LayerNorm with biases',
  llama: 'rotary embedding of adjacent pairs',
}

function unsupported(file: string, architecture: string, supported: readonly string[]): UnsupportedModelError {
  const needs = Object.hasOwn(missing, architecture) ? `${architecture} needs ${missing[architecture]}` : undefined
  const reason = needs ? `${needs}, which this version lacks` : `architecture ${architecture} is not supported`
  return new UnsupportedModelError(`${file}: ${reason}; it runs ${supported.join(', ')}`)
}

/** m of formats such as Phi-3-128k: sqrt(1 + ln(max / original) / ln(original)), 1 where nothing is extended. */
export function longRopeAttentionFactor(max: number, original: number): number {
  return max <= original ? 1 : Math.sqrt(1 + Math.log(max / original) / Math.log(original))
}

/** Reads config.json and, where given, generation_config.json as published beside safetensors. */
export function phi3ConfigFromHuggingFace(json: unknown, file: string, generationConfig?: unknown): Phi3Config {
  if (!isObject(json)) throw new FormatError(file, 'must hold a JSON object, but does not')
  const fields = fieldsOf(file, (key) => (Object.hasOwn(json, key) ? json[key] : undefined))
  const architecture = huggingFaceArchitecture(fields)
  refuseVariants(fields)

  const numAttentionHeads = fields.integer('num_attention_heads', { max: most.heads })
  const hiddenSize = fields.integer('hidden_size', { max: most.width })
  const vocabSize = fields.integer('vocab_size', { max: most.vocab })
  const maxPositionEmbeddings = fields.integer('max_position_embeddings', { max: most.positions })
  const headDim = headDimOf(fields, 'head_dim', 'hidden_size', hiddenSize, 'num_attention_heads', numAttentionHeads)
  const rope = huggingFaceRope(fields, headDim, maxPositionEmbeddings)
  return checked(fields, 'num_key_value_heads', {
    architecture,
    hiddenSize,
    intermediateSize: fields.integer('intermediate_size', { max: most.width }),
    numHiddenLayers: fields.integer('num_hidden_layers', { max: most.layers }),
    numAttentionHeads,
    numKeyValueHeads: fields.integer('num_key_value_heads', { max: most.heads }, numAttentionHeads),
    headDim,
    vocabSize,
    rmsNormEps: fields.positive('rms_norm_eps', { max: 1 }),
    ...rope,
    maxPositionEmbeddings,
    slidingWindow: nullableInteger(fields, 'sliding_window'),
    tieWordEmbeddings: fields.boolean('tie_word_embeddings', false),
    bosTokenId: tokenId(fields, 'bos_token_id', vocabSize),
    eosTokenIds: huggingFaceEos(fields, generationConfig, vocabSize),
    padTokenId: tokenId(fields, 'pad_token_id', vocabSize),
  })
}

function huggingFaceArchitecture(fields: Fields): string {
  const list = fields.get('architectures')
  if (!Array.isArray(list) || typeof list[0] !== 'string') throw fields.fail('architectures', 'a list of one name')
  if (!denseArchitectures.includes(list[0])) throw unsupported(fields.file, list[0], denseArchitectures)
  return list[0]
}

function refuseVariants(fields: Fields): void {
  const refuse = (what: string) => new UnsupportedModelError(`${fields.file}: ${what}`)
  const quantization = fields.get('quantization_config') ?? null
  if (quantization !== null) {
    const method = isObject(quantization) ? quantization.quant_method : quantization
    throw refuse(`AWQ, GPTQ and other quantised safetensors are not supported by this version (quant_method ${method})`)
  }
  const activation = fields.string('hidden_act')
  if (activation !== 'silu') throw refuse(`hidden_act ${activation} is not supported by this version; silu is`)
  for (const key of ['attention_bias', 'mlp_bias', 'lm_head_bias']) {
    if (fields.boolean(key, false)) throw refuse(`${key} true is not supported by this version`)
  }
}

/** transformers 5 keeps everything in `rope_parameters`; before, `rope_scaling` stood beside keys of the top level. */
function huggingFaceRope(fields: Fields, headDim: number, maxPositions: number) {
  const block = fields.get('rope_parameters') ?? fields.get('rope_scaling') ?? {}
  if (!isObject(block)) throw fields.fail('rope_scaling', 'an object or null')
  const rope = fieldsOf(fields.file, (key) => (Object.hasOwn(block, key) ? block[key] : fields.get(key)))
  const fraction = rope.positive('partial_rotary_factor', { max: 1 }, 1)
  const rotaryDim = Math.trunc(headDim * fraction)
  const original = rope.integer('original_max_position_embeddings', { min: 2, max: most.positions }, maxPositions)
  const type = block.rope_type ?? block.type ?? 'default'
  const result = { rotaryDim, ropeTheta: rope.positive('rope_theta', {}), originalMaxPositionEmbeddings: original }
  if (type === 'default') return { ...result, ropeScaling: null }

  // Phi-3's own code once knew a "yarn" that differs from longrope in its attention factor alone
  const yarn = type === 'yarn' && 'short_factor' in block
  if (type !== 'su' && type !== 'longrope' && !yarn) {
    throw new UnsupportedModelError(
      `${fields.file}: rope scaling ${type} is not supported by this version; longrope is`,
    )
  }
  if ('short_mscale' in block || 'long_mscale' in block) {
    throw new UnsupportedModelError(`${fields.file}: short_mscale and long_mscale are not supported by this version`)
  }
  const factor = yarn
    ? 1 + 0.1 * Math.log(Math.max(maxPositions / original, 1))
    : longRopeAttentionFactor(maxPositions, original)
  const ropeScaling: LongRope = {
    type: 'longrope',
    shortFactor: factorsOf(rope, 'short_factor', rotaryDim),
    longFactor: factorsOf(rope, 'long_factor', rotaryDim),
    attentionFactor: rope.positive('attention_factor', {}, factor),
  }
  return { ...result, ropeScaling }
}

function factorsOf(fields: Fields, key: string, rotaryDim: number): number[] {
  const value = fields.get(key)
  if (!Array.isArray(value)) throw fields.fail(key, `a list of ${rotaryDim / 2} numbers`)
  return checkFactors(fields.file, key, value, rotaryDim)
}

function checkFactors(file: string, name: string, values: unknown[], rotaryDim: number): number[] {
  if (values.length !== rotaryDim / 2) {
    throw new FormatError(file, `${name} must have ${rotaryDim / 2} values, but has ${values.length}`)
  }
  return values.map((value, i) => {
    if (typeof value === 'number' && value > 0 && value < Infinity) return value
    throw new FormatError(file, `${name} must hold positive numbers, but value ${i} is ${JSON.stringify(value)}`)
  })
}

/** A positive whole number; absent, null and 0 mean that there is none. */
function nullableInteger(fields: Fields, key: string): number | null {
  return fields.integer(key, { min: 0, max: most.positions }, 0) || null
}

function tokenId(fields: Fields, key: string, vocabSize: number): number | null {
  return (fields.get(key) ?? null) === null ? null : fields.integer(key, { min: 0, max: vocabSize - 1 })
}

/** generation_config.json lists more ids than config.json, which often knows one. */
function huggingFaceEos(fields: Fields, generationConfig: unknown, vocabSize: number): number[] {
  const generation = isObject(generationConfig) ? generationConfig.eos_token_id : undefined
  const own = fields.get('eos_token_id')
  if (generation === undefined && own === undefined) throw fields.fail('eos_token_id', 'an id, a list of ids or null')
  const ids = [generation ?? [], own ?? []].flat()
  return [...new Set(ids)].map((id) => {
    if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < vocabSize) return id
    throw new FormatError(fields.file, `eos_token_id must be ids below ${vocabSize}, but holds ${JSON.stringify(id)}`)
  })
}

/** Reads the metadata of a GGUF file with `general.architecture` phi3, and its small tensors of rope factors. */
export async function phi3ConfigFromGguf(
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly FileTensor[],
  file: string,
): Promise<Phi3Config> {
  const fields = fieldsOf(file, (key) => metadata.get(key))
  const architecture = fields.string('general.architecture')
  if (architecture !== 'phi3') throw unsupported(file, architecture, ['phi3'])

  const hiddenSize = fields.integer('phi3.embedding_length', { max: most.width })
  const numHiddenLayers = fields.integer('phi3.block_count', { max: most.layers })
  const numAttentionHeads = fields.integer('phi3.attention.head_count', { max: most.heads })
  const numKeyValueHeads = fields.integer('phi3.attention.head_count_kv', { max: most.heads }, numAttentionHeads)
  const headDim = headDimOf(
    fields,
    'phi3.attention.key_length',
    'phi3.embedding_length',
    hiddenSize,
    'phi3.attention.head_count',
    numAttentionHeads,
  )
  const rotaryDim = fields.integer('phi3.rope.dimension_count', { max: most.headDim }, headDim)
  const positions = fields.integer('phi3.context_length', { max: most.positions })
  const original = fields.integer(
    'phi3.rope.scaling.original_context_length',
    { min: 2, max: most.positions },
    positions,
  )
  const vocabSize = ggufVocabSize(fields, tensors)
  const window =
    fields.get('phi3.attention.sliding_window') === undefined
      ? earlySlidingWindow(fields, numHiddenLayers, numKeyValueHeads, positions)
      : nullableInteger(fields, 'phi3.attention.sliding_window')

  return checked(fields, 'phi3.attention.head_count_kv', {
    architecture,
    hiddenSize,
    intermediateSize: fields.integer('phi3.feed_forward_length', { max: most.width }),
    numHiddenLayers,
    numAttentionHeads,
    numKeyValueHeads,
    headDim,
    rotaryDim,
    vocabSize,
    rmsNormEps: fields.positive('phi3.attention.layer_norm_rms_epsilon', { max: 1 }),
    ropeTheta: fields.positive('phi3.rope.freq_base', {}, 10000),
    ropeScaling: await ggufRope(fields, tensors, rotaryDim, longRopeAttentionFactor(positions, original)),
    maxPositionEmbeddings: positions,
    originalMaxPositionEmbeddings: original,
    slidingWindow: window,
    tieWordEmbeddings: !tensors.some(({ name }) => name === 'output.weight'),
    bosTokenId: tokenId(fields, 'tokenizer.ggml.bos_token_id', vocabSize),
    eosTokenIds: ggufEos(fields, vocabSize),
    padTokenId: tokenId(fields, 'tokenizer.ggml.padding_token_id', vocabSize),
  })
}

function ggufVocabSize(fields: Fields, tensors: readonly FileTensor[]): number {
  const tokens = fields.get('tokenizer.ggml.tokens')
  const rows = tensors.find(({ name }) => name === 'token_embd.weight')?.shape[0]
  const size = rows ?? (Array.isArray(tokens) ? tokens.length : undefined)
  return fields.integer('phi3.vocab_size', { max: most.vocab }, size)
}

/** Files of early 2024 lack the key; these are the windows of the models that existed then. */
function earlySlidingWindow(fields: Fields, layers: number, keyValueHeads: number, positions: number): number {
  if ((layers === 32 || layers === 40) && positions === 4096) return 2047
  if (layers === 32 && keyValueHeads === 32 && positions === 131072) return 262144
  if (layers === 40 && positions === 131072) return 131072
  throw fields.fail('phi3.attention.sliding_window', 'an integer, 0 for none')
}

async function ggufRope(
  fields: Fields,
  tensors: readonly FileTensor[],
  rotaryDim: number,
  attentionFactor: number,
): Promise<LongRope | null> {
  const { file } = fields
  const type = fields.string('phi3.rope.scaling.type', 'none')
  if (type !== 'none' && type !== 'longrope') {
    throw new UnsupportedModelError(`${file}: rope scaling ${type} is not supported by this version; longrope is`)
  }
  const factorKey = 'phi3.rope.scaling.attn_factor'
  const long = tensors.find(({ name }) => name === 'rope_factors_long.weight')
  const short = tensors.find(({ name }) => name === 'rope_factors_short.weight')
  if (!long && !short) {
    if (type === 'longrope' || fields.positive(factorKey, {}, 1) !== 1) {
      throw new FormatError(file, 'a model with rope scaling must have rope_factors tensors, but has none')
    }
    return null
  }
  if (!long || !short) {
    throw new FormatError(
      file,
      'rope_factors_long.weight and rope_factors_short.weight must come together, but one is missing',
    )
  }
  return {
    type: 'longrope',
    shortFactor: await readFactors(short, rotaryDim),
    longFactor: await readFactors(long, rotaryDim),
    attentionFactor: fields.positive(factorKey, {}, attentionFactor),
  }
}

async function readFactors({ name, dtype, shape, data }: FileTensor, rotaryDim: number): Promise<number[]> {
  if (dtype !== 'F32' || shape.length !== 1 || shape[0] !== rotaryDim / 2) {
    throw new FormatError(data.file, `${name} must be F32 [${rotaryDim / 2}], but is ${dtype} [${shape.join(', ')}]`)
  }
  await using file = await openFile(data.file)
  const values = decode('float32', await file.read(data.offset, data.bytes))
  return checkFactors(data.file, name, [...values], rotaryDim)
}

/** GGUF names one or two ids; tokens that end a turn by their text join them, and so do those that `convert` kept. */
function ggufEos(fields: Fields, vocabSize: number): number[] {
  const named = ['tokenizer.ggml.eos_token_id', 'tokenizer.ggml.eot_token_id'].map((key) =>
    tokenId(fields, key, vocabSize),
  )
  const kept = fields.get('lophi.eos_token_ids') ?? new Int32Array()
  if (!(kept instanceof Int32Array) || kept.some((id) => id < 0 || id >= vocabSize)) {
    throw fields.fail('lophi.eos_token_ids', `ids below ${vocabSize}`)
  }
  const ids = new Set([...named.filter((id) => id !== null), ...kept])
  const tokens = fields.get('tokenizer.ggml.tokens')
  if (Array.isArray(tokens)) {
    for (const text of ['<|end|>', '<|endoftext|>']) {
      const id = tokens.indexOf(text)
      if (id >= 0 && id < vocabSize) ids.add(id)
    }
  }
  return [...ids]
}

function headDimOf(
  fields: Fields,
  key: string,
  widthKey: string,
  width: number,
  headsKey: string,
  heads: number,
): number {
  if ((fields.get(key) ?? null) !== null) return fields.integer(key, { max: most.headDim })
  if (width % heads === 0) return width / heads
  throw new FormatError(
    fields.file,
    `${widthKey} must be a multiple of ${headsKey}, but is ${width} for ${heads} heads`,
  )
}

/** Rules between several keys. */
function checked(fields: Fields, keyValueKey: string, config: Phi3Config): Phi3Config {
  const { numAttentionHeads: heads, numKeyValueHeads, rotaryDim, headDim } = config
  if (heads % numKeyValueHeads !== 0) {
    throw fields.fail(keyValueKey, `a divisor of the ${heads} attention heads`)
  }
  if (rotaryDim < 2 || rotaryDim % 2 !== 0 || rotaryDim > headDim) {
    throw new FormatError(fields.file, `rotary dimensions must be even and at most ${headDim}, but are ${rotaryDim}`)
  }
  return config
}
