import type { Blueprint, Field } from '../architectures/blueprint.js'
import { architectures, blueprintOf } from '../architectures/index.js'
import { FormatError, UnsupportedModelError } from '../errors.js'
import {
  checkedConfig,
  checkFactors,
  longRopeAttentionFactor,
  nullableInteger,
  ownSizes,
  type Sizes,
  sizesOf,
  tokenId,
  yarnAttentionFactor,
} from './config-checks.js'
import { type Fields, fieldsOf, limits } from './fields.js'
import { isObject } from './json.js'
import type { LongRope, ModelConfig } from './source.js'
import { type ConfigCompanions, stopIds } from './stop-ids.js'

export interface ReadConfig {
  readonly blueprint: Blueprint
  readonly config: ModelConfig
}

/** Reads a parsed config.json as Hugging Face publishes it; `file` is its path, for errors. */
export function configFromHuggingFace(
  json: unknown,
  file: string,
  companions: ConfigCompanions = {},
  known: readonly Blueprint[] = architectures,
): ReadConfig {
  if (!isObject(json)) throw new FormatError(file, 'must hold a JSON object, but does not')
  const fields = fieldsOf(file, (key) => (Object.hasOwn(json, key) ? json[key] : undefined))
  const list = fields.get('architectures')
  if (!Array.isArray(list) || typeof list[0] !== 'string') throw fields.fail('architectures', 'a list of one name')
  const [architecture] = list
  const blueprint = blueprintOf(known, 'huggingface', architecture, file)
  refuseVariants(fields, blueprint)

  const keyOf = ({ huggingface }: Field) => huggingface
  const sizes = sizesOf(blueprint, fields, keyOf)
  const { vocabSize } = sizes
  const config = checkedConfig(fields, keyOf(blueprint.fields.numKeyValueHeads), {
    architecture,
    ...sizes,
    rmsNormEps: fields.positive(blueprint.epsilon.huggingface, { max: 1 }),
    ...huggingFaceRope(fields, blueprint.originalContext?.[architecture], sizes),
    slidingWindow: nullableInteger(fields, 'sliding_window'),
    tieWordEmbeddings: fields.boolean('tie_word_embeddings', false),
    bosTokenId: tokenId(fields, 'bos_token_id', vocabSize),
    eosTokenIds: stopIds(fields, companions, vocabSize),
    padTokenId: tokenId(fields, 'pad_token_id', vocabSize),
    ...ownSizes(blueprint, fields, keyOf),
  })
  return { blueprint, config }
}

function refuseVariants(fields: Fields, { required }: Blueprint): void {
  for (const [key, wanted] of Object.entries(required)) {
    const found = typeof wanted === 'string' ? fields.string(key) : fields.boolean(key, wanted)
    if (found !== wanted)
      throw new UnsupportedModelError(`${fields.file}: ${key} ${found} is not supported by this version`)
  }
}

/** transformers 5 keeps everything in `rope_parameters`; before, `rope_scaling` stood beside keys of the top level. */
function huggingFaceRope(
  fields: Fields,
  usual: number | undefined,
  { headDim, maxPositionEmbeddings: maxPositions }: Sizes,
) {
  const block = fields.get('rope_parameters') ?? fields.get('rope_scaling') ?? {}
  if (!isObject(block)) throw fields.fail('rope_scaling', 'an object or null')
  const rope = fieldsOf(fields.file, (key) => (Object.hasOwn(block, key) ? block[key] : fields.get(key)))
  const fraction = rope.positive('partial_rotary_factor', { max: 1 }, 1)
  const rotaryDim = Math.trunc(headDim * fraction)
  const type = block.rope_type ?? block.type ?? 'default'
  const result = { rotaryDim, ropeTheta: rope.positive('rope_theta', {}, 10000) }
  if (type === 'default') return { ...result, originalMaxPositionEmbeddings: maxPositions, ropeScaling: null }

  const yarn = type === 'yarn' && 'short_factor' in block
  if (type !== 'su' && type !== 'longrope' && !yarn) {
    throw new UnsupportedModelError(
      `${fields.file}: rope scaling ${type} is not supported by this version; longrope is`,
    )
  }
  if ('short_mscale' in block || 'long_mscale' in block) {
    throw new UnsupportedModelError(`${fields.file}: short_mscale and long_mscale are not supported by this version`)
  }
  // what transformers does: the top level counts; without it some have a default, and the others look into the block
  const key = 'original_max_position_embeddings'
  const top = usual !== undefined || (fields.get(key) ?? null) !== null ? fields : rope
  const original = top.integer(key, { min: 2, max: limits.positions }, usual ?? maxPositions)
  const extended = (block.factor ?? null) === null ? maxPositions : original * rope.positive('factor', {})
  const factorOf = yarn ? yarnAttentionFactor : longRopeAttentionFactor
  const ropeScaling: LongRope = {
    type: 'longrope',
    shortFactor: factorsOf(rope, 'short_factor', rotaryDim),
    longFactor: factorsOf(rope, 'long_factor', rotaryDim),
    attentionFactor: rope.positive('attention_factor', {}, factorOf(extended, original)),
  }
  return { ...result, originalMaxPositionEmbeddings: original, ropeScaling }
}

function factorsOf(fields: Fields, key: string, rotaryDim: number): number[] {
  const value = fields.get(key)
  if (!Array.isArray(value)) throw fields.fail(key, `a list of ${rotaryDim / 2} numbers`)
  return checkFactors(fields.file, key, value, rotaryDim)
}
