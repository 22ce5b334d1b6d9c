import { FormatError, UnsupportedModelError } from '../../errors.js'
import { unsupportedArchitecture } from '../architectures.js'
import {
  checkedConfig,
  checkFactors,
  headDimOf,
  isTokenId,
  longRopeAttentionFactor,
  nullableInteger,
  tokenId,
  yarnAttentionFactor,
} from '../config-checks.js'
import { type Fields, fieldsOf, limits } from '../fields.js'
import { openFile } from '../file.js'
import { type FileTensor, type GgufValue, type LongRope, type Phi3Config, turnEnds } from '../source.js'

/** Reads the metadata of a GGUF file with `general.architecture` phi3, and its small tensors of rope factors. */
export async function phi3ConfigFromGguf(
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly FileTensor[],
  file: string,
): Promise<Phi3Config> {
  const fields = fieldsOf(file, (key) => metadata.get(key))
  const architecture = fields.string('general.architecture')
  if (architecture !== 'phi3') throw unsupportedArchitecture(file, architecture, ['phi3'])

  const hiddenSize = fields.integer('phi3.embedding_length', { max: limits.width })
  const numHiddenLayers = fields.integer('phi3.block_count', { max: limits.layers })
  const numAttentionHeads = fields.integer('phi3.attention.head_count', { max: limits.heads })
  const numKeyValueHeads = fields.integer('phi3.attention.head_count_kv', { max: limits.heads }, numAttentionHeads)
  const headDim = headDimOf(
    fields,
    'phi3.attention.key_length',
    'phi3.embedding_length',
    hiddenSize,
    'phi3.attention.head_count',
    numAttentionHeads,
  )
  const valueKey = 'phi3.attention.value_length'
  if (fields.integer(valueKey, {}, headDim) !== headDim) throw fields.fail(valueKey, `${headDim} like the keys`)
  const rotaryDim = fields.integer('phi3.rope.dimension_count', { max: limits.headDim }, headDim)
  const positions = fields.integer('phi3.context_length', { max: limits.positions })
  const original = fields.integer(
    'phi3.rope.scaling.original_context_length',
    { min: 2, max: limits.positions },
    positions,
  )
  const vocabSize = ggufVocabSize(fields, tensors)
  const window =
    fields.get('phi3.attention.sliding_window') === undefined
      ? earlySlidingWindow(numHiddenLayers, numKeyValueHeads, positions)
      : nullableInteger(fields, 'phi3.attention.sliding_window')

  return checkedConfig(fields, 'phi3.attention.head_count_kv', {
    architecture,
    hiddenSize,
    intermediateSize: fields.integer('phi3.feed_forward_length', { max: limits.width }),
    numHiddenLayers,
    numAttentionHeads,
    numKeyValueHeads,
    headDim,
    rotaryDim,
    vocabSize,
    rmsNormEps: fields.positive('phi3.attention.layer_norm_rms_epsilon', { max: 1 }),
    ropeTheta: fields.positive('phi3.rope.freq_base', {}, 10000),
    ropeScaling: await ggufRope(fields, tensors, rotaryDim, positions, original),
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
  return fields.integer('phi3.vocab_size', { max: limits.vocab }, size)
}

/** Files of 2024 lack the key; these are the windows of the models that existed then. Phi-4 and others have none. */
export function earlySlidingWindow(layers: number, keyValueHeads: number, positions: number): number | null {
  if ((layers === 32 || layers === 40) && positions === 4096) return 2047
  if (layers === 32 && keyValueHeads === 32 && positions === 131072) return 262144
  if (layers === 40 && positions === 131072) return 131072
  return null
}

async function ggufRope(
  fields: Fields,
  tensors: readonly FileTensor[],
  rotaryDim: number,
  positions: number,
  original: number,
): Promise<LongRope | null> {
  const { file } = fields
  const typeKey = 'phi3.rope.scaling.type'
  const factorKey = 'phi3.rope.scaling.attn_factor'
  const type = fields.string(typeKey, 'none')
  const long = tensors.find(({ name }) => name === 'rope_factors_long.weight')
  const short = tensors.find(({ name }) => name === 'rope_factors_short.weight')
  // yarn without factors is another scaling
  if (!['none', 'longrope', 'su'].includes(type) && !(type === 'yarn' && long && short)) {
    throw new UnsupportedModelError(`${file}: rope scaling ${type} is not supported by this version; longrope is`)
  }
  if (!long && !short) {
    if (type !== 'none' || fields.positive(factorKey, {}, 1) !== 1) {
      throw new FormatError(file, 'a model with rope scaling must have rope_factors tensors, but has none')
    }
    if (positions > original) {
      const lengths = `a context of ${positions} that was extended from ${original} tokens`
      throw new FormatError(file, `a model with ${lengths} must have rope_factors tensors, but its converter lost them`)
    }
    return null
  }
  if (!long || !short) {
    throw new FormatError(
      file,
      'rope_factors_long.weight and rope_factors_short.weight must come together, but one is missing',
    )
  }
  const factorOf = type === 'yarn' ? yarnAttentionFactor : longRopeAttentionFactor
  return {
    type: 'longrope',
    shortFactor: await readFactors(short, rotaryDim),
    longFactor: await readFactors(long, rotaryDim),
    attentionFactor: fields.positive(factorKey, {}, factorOf(positions, original)),
  }
}

async function readFactors({ name, dtype, shape, data }: FileTensor, rotaryDim: number): Promise<number[]> {
  if (dtype !== 'F32' || shape.length !== 1 || shape[0] !== rotaryDim / 2) {
    throw new FormatError(data.file, `${name} must be F32 [${rotaryDim / 2}], but is ${dtype} [${shape.join(', ')}]`)
  }
  await using file = await openFile(data.file)
  const { buffer } = await file.read(data.offset, data.bytes)
  return checkFactors(data.file, name, [...new Float32Array(buffer)], rotaryDim)
}

/** GGUF names one or two ids; tokens that end a turn by their text join them, and so do those that `convert` kept. */
function ggufEos(fields: Fields, vocabSize: number): number[] {
  const named = ['tokenizer.ggml.eos_token_id', 'tokenizer.ggml.eot_token_id'].map((key) =>
    tokenId(fields, key, vocabSize),
  )
  const kept = fields.get('lophi.eos_token_ids') ?? new Int32Array()
  if (!(kept instanceof Int32Array)) throw fields.fail('lophi.eos_token_ids', 'a list of int32')
  const ids = new Set([...named, ...kept].filter((id) => isTokenId(id, vocabSize)))
  const tokens = fields.get('tokenizer.ggml.tokens')
  if (Array.isArray(tokens)) {
    for (const text of turnEnds) {
      const id = tokens.indexOf(text)
      if (id >= 0 && id < vocabSize) ids.add(id)
    }
  }
  return [...ids]
}
