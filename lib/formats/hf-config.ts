import { FormatError, UnsupportedModelError } from '../errors.js'
import { denseArchitectures, unsupportedArchitecture } from './architectures.js'
import {
  checkedConfig,
  checkFactors,
  headDimOf,
  longRopeAttentionFactor,
  nullableInteger,
  tokenId,
  yarnAttentionFactor,
} from './config-checks.js'
import { type Fields, fieldsOf, limits } from './fields.js'
import { isObject } from './json.js'
import type { LongRope, Phi3Config } from './source.js'
import { type ConfigCompanions, stopIds } from './stop-ids.js'

/** Reads a parsed config.json as Hugging Face publishes it; `file` is its path, for errors. */
export function phi3ConfigFromHuggingFace(json: unknown, file: string, companions: ConfigCompanions = {}): Phi3Config {
  if (!isObject(json)) throw new FormatError(file, 'must hold a JSON object, but does not')
  const fields = fieldsOf(file, (key) => (Object.hasOwn(json, key) ? json[key] : undefined))
  const architecture = huggingFaceArchitecture(fields)
  refuseVariants(fields)

  const numAttentionHeads = fields.integer('num_attention_heads', { max: limits.heads })
  const hiddenSize = fields.integer('hidden_size', { max: limits.width })
  const vocabSize = fields.integer('vocab_size', { max: limits.vocab })
  const maxPositionEmbeddings = fields.integer('max_position_embeddings', { max: limits.positions })
  const headDim = headDimOf(fields, 'head_dim', 'hidden_size', hiddenSize, 'num_attention_heads', numAttentionHeads)
  const rope = huggingFaceRope(fields, architecture === 'Phi3ForCausalLM', headDim, maxPositionEmbeddings)
  return checkedConfig(fields, 'num_key_value_heads', {
    architecture,
    hiddenSize,
    intermediateSize: fields.integer('intermediate_size', { max: limits.width }),
    numHiddenLayers: fields.integer('num_hidden_layers', { max: limits.layers }),
    numAttentionHeads,
    numKeyValueHeads: fields.integer('num_key_value_heads', { max: limits.heads }, numAttentionHeads),
    headDim,
    vocabSize,
    rmsNormEps: fields.positive('rms_norm_eps', { max: 1 }),
    ...rope,
    maxPositionEmbeddings,
    slidingWindow: nullableInteger(fields, 'sliding_window'),
    tieWordEmbeddings: fields.boolean('tie_word_embeddings', false),
    bosTokenId: tokenId(fields, 'bos_token_id', vocabSize),
    eosTokenIds: stopIds(fields, companions, vocabSize),
    padTokenId: tokenId(fields, 'pad_token_id', vocabSize),
  })
}

function huggingFaceArchitecture(fields: Fields): string {
  const list = fields.get('architectures')
  if (!Array.isArray(list) || typeof list[0] !== 'string') throw fields.fail('architectures', 'a list of one name')
  const [name] = list
  if (!denseArchitectures.includes(name)) throw unsupportedArchitecture(fields.file, name, denseArchitectures)
  return name
}

function refuseVariants(fields: Fields): void {
  const refuse = (what: string) => new UnsupportedModelError(`${fields.file}: ${what} is not supported by this version`)
  const activation = fields.string('hidden_act')
  if (activation !== 'silu') throw refuse(`hidden_act ${activation}`)
  for (const key of ['attention_bias', 'mlp_bias', 'lm_head_bias']) {
    if (fields.boolean(key, false)) throw refuse(`${key} true`)
  }
}

/** transformers 5 keeps everything in `rope_parameters`; before, `rope_scaling` stood beside keys of the top level. */
function huggingFaceRope(fields: Fields, isPhi3: boolean, headDim: number, maxPositions: number) {
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
  // what transformers does: the top level counts; without it Phi-3 has a default, and the others look into the block
  const key = 'original_max_position_embeddings'
  const top = isPhi3 || (fields.get(key) ?? null) !== null ? fields : rope
  const original = top.integer(key, { min: 2, max: limits.positions }, isPhi3 ? 4096 : maxPositions)
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
