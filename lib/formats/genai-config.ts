import type { Blueprint, Field, SizeName } from '../architectures/blueprint.js'
import { architectures, blueprintOf } from '../architectures/index.js'
import { UnsupportedModelError } from '../errors.js'
import type { Companions } from './companions.js'
import { tokenId } from './config-checks.js'
import { isPlainName } from './contained.js'
import { type Fields, fieldsOf, limits } from './fields.js'
import { isObject, readJsonObject } from './json.js'

/** genai_config.json of ONNX Runtime GenAI, as far as it describes the model. */
export interface GenaiConfig {
  /** Of genai_config.json. */
  readonly path: string
  readonly blueprint: Blueprint
  /** File name of the graph, in the same folder. */
  readonly decoderFile: string
  /** As far as it names them. */
  readonly sizes: Partial<Record<SizeName, number>>
  readonly bosTokenId: number | null
  /** As the file has them: some may lie beyond the vocabulary, where nothing generates them. */
  readonly eosTokenIds: readonly number[]
  readonly padTokenId: number | null
}

/** Reads genai_config.json; null where there is none. */
export async function readGenaiConfig(
  companions: Companions,
  known: readonly Blueprint[] = architectures,
): Promise<GenaiConfig | null> {
  const path = companions.get('genai_config.json')
  if (path === undefined) return null
  const model = section(path, await readJsonObject(path), 'model')
  const modelType = model.string('type')
  const blueprint = blueprintOf(known, 'genai', modelType, path)
  for (const part of ['vision', 'speech', 'embedding', 'encoder']) {
    if ((model.get(part) ?? null) !== null) {
      throw new UnsupportedModelError(`${path}: needs the graph of model.${part}; this version runs a decoder alone`)
    }
  }

  const decoder = section(path, { decoder: model.get('decoder') }, 'decoder')
  if ((decoder.get('pipeline') ?? null) !== null) {
    throw new UnsupportedModelError(`${path}: needs a pipeline of several graphs; this version runs a single one`)
  }
  const decoderFile = decoder.string('filename')
  if (!isPlainName(decoderFile)) throw decoder.fail('filename', 'the name of a file in this folder')
  const sizes: Partial<Record<SizeName, number>> = {}
  for (const [name, { genai, limit }] of Object.entries(blueprint.fields) as [SizeName, Field][]) {
    if (genai === undefined) continue
    const [of, key] = genai.startsWith('.') ? [decoder, genai.slice(1)] : [model, genai]
    const otherwise = name === 'numKeyValueHeads' ? sizes.numAttentionHeads : undefined
    sizes[name] = of.integer(key, { max: limits[limit] }, otherwise)
  }
  const { vocabSize = 0 } = sizes
  return {
    path,
    blueprint,
    decoderFile,
    sizes,
    bosTokenId: tokenId(model, 'bos_token_id', vocabSize),
    eosTokenIds: idsOf(model, 'eos_token_id'),
    padTokenId: tokenId(model, 'pad_token_id', vocabSize),
  }
}

function section(path: string, json: Record<string, unknown>, key: string): Fields {
  const value = Object.hasOwn(json, key) ? json[key] : undefined
  if (!isObject(value)) throw fieldsOf(path, () => value).fail(key, 'an object')
  return fieldsOf(path, (name) => (Object.hasOwn(value, name) ? value[name] : undefined))
}

/** One id or a list of them. */
function idsOf(fields: Fields, key: string): number[] {
  const ids = [fields.get(key) ?? []].flat()
  if (!ids.every((id) => typeof id === 'number')) throw fields.fail(key, 'an id or a list of ids')
  return [...new Set(ids)]
}
