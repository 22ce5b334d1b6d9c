import type { Blueprint, Field } from '../../architectures/blueprint.js'
import { architectures, blueprintOf } from '../../architectures/index.js'
import { FormatError, UnsupportedModelError } from '../../errors.js'
import {
  checkedConfig,
  checkFactors,
  isTokenId,
  longRopeAttentionFactor,
  nullableInteger,
  ownSizes,
  sizesOf,
  tokenId,
  yarnAttentionFactor,
} from '../config-checks.js'
import { type Fields, fieldsOf, limits } from '../fields.js'
import { openFile } from '../file.js'
import type { ReadConfig } from '../hf-config.js'
import { type FileTensor, type GgufValue, type LongRope, turnEnds } from '../source.js'

/** Reads the metadata of a GGUF file, and its small tensors of rope factors. */
export async function configFromGguf(
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly FileTensor[],
  file: string,
  known: readonly Blueprint[] = architectures,
): Promise<ReadConfig> {
  const fields = fieldsOf(file, (key) => metadata.get(key))
  const architecture = fields.string('general.architecture')
  const blueprint = blueprintOf(known, 'gguf', architecture, file)
  const key = (name: string) => `${architecture}.${name}`
  const keyOf = ({ gguf }: Field) => key(gguf)

  const vocabSize = rowsOfVocabulary(blueprint, fields, tensors)
  const sizes = sizesOf(blueprint, fields, keyOf, vocabSize === undefined ? {} : { vocabSize })
  const { headDim, maxPositionEmbeddings: positions } = sizes
  const valueKey = key('attention.value_length')
  if (fields.integer(valueKey, {}, headDim) !== headDim) throw fields.fail(valueKey, `${headDim} like the keys`)
  const rotaryDim = fields.integer(key('rope.dimension_count'), { max: limits.headDim }, headDim)
  const original = fields.integer(
    key('rope.scaling.original_context_length'),
    { min: 2, max: limits.positions },
    positions,
  )
  const tied = Object.values(blueprint.parts).find(({ tiedTo }) => tiedTo !== undefined)?.names.gguf[0]
  const config = {
    architecture,
    ...sizes,
    rotaryDim,
    rmsNormEps: fields.positive(key(blueprint.epsilon.gguf), { max: 1 }),
    ropeTheta: fields.positive(key('rope.freq_base'), {}, 10000),
    ropeScaling: await ggufRope(fields, key, tensors, rotaryDim, positions, original),
    originalMaxPositionEmbeddings: original,
    tieWordEmbeddings: !tensors.some(({ name }) => name === tied),
    bosTokenId: tokenId(fields, 'tokenizer.ggml.bos_token_id', sizes.vocabSize),
    eosTokenIds: ggufEos(fields, sizes.vocabSize),
    padTokenId: tokenId(fields, 'tokenizer.ggml.padding_token_id', sizes.vocabSize),
    ...ownSizes(blueprint, fields, keyOf),
  }
  const windowKey = key('attention.sliding_window')
  const slidingWindow =
    fields.get(windowKey) === undefined ? (blueprint.earlyWindow?.(config) ?? null) : nullableInteger(fields, windowKey)
  return {
    blueprint,
    config: checkedConfig(fields, keyOf(blueprint.fields.numKeyValueHeads), { ...config, slidingWindow }),
  }
}

/** The rows of the table of embeddings, which files without the key have as their vocabulary. */
function rowsOfVocabulary({ parts }: Blueprint, fields: Fields, tensors: readonly FileTensor[]): number | undefined {
  const tokens = fields.get('tokenizer.ggml.tokens')
  const names = Object.values(parts)
    .filter(({ group }) => group === 'embedding')
    .map((part) => part.names.gguf[0])
  const rows = tensors.find(({ name }) => names.includes(name))?.shape[0]
  return rows ?? (Array.isArray(tokens) ? tokens.length : undefined)
}

async function ggufRope(
  fields: Fields,
  key: (name: string) => string,
  tensors: readonly FileTensor[],
  rotaryDim: number,
  positions: number,
  original: number,
): Promise<LongRope | null> {
  const { file } = fields
  const typeKey = key('rope.scaling.type')
  const factorKey = key('rope.scaling.attn_factor')
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
