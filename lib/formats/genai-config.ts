import { UnsupportedModelError } from '../errors.js'
import { unsupportedArchitecture } from './architectures.js'
import type { Companions } from './companions.js'
import { tokenId } from './config-checks.js'
import { isPlainName } from './contained.js'
import { type Fields, fieldsOf, limits } from './fields.js'
import { isObject, readJsonObject } from './json.js'

/** genai_config.json of ONNX Runtime GenAI, as far as it describes the model. */
export interface GenaiConfig {
  /** Of genai_config.json. */
  readonly path: string
  readonly modelType: string
  /** File name of the graph, in the same folder. */
  readonly decoderFile: string
  readonly vocabSize: number
  readonly contextLength: number
  readonly bosTokenId: number | null
  /** As the file has them: some may lie beyond the vocabulary, where nothing generates them. */
  readonly eosTokenIds: readonly number[]
  readonly padTokenId: number | null
  readonly headSize: number
  readonly hiddenSize: number
  readonly numAttentionHeads: number
  readonly numKeyValueHeads: number
  readonly numHiddenLayers: number
  /** null where the file names none. What the graph does stands in its attention nodes. */
  readonly slidingWindow: number | null
}

const denseTypes = ['phi3', 'llama', 'mistral']

/** Reads genai_config.json; null where there is none. */
export async function readGenaiConfig(companions: Companions): Promise<GenaiConfig | null> {
  const path = companions.get('genai_config.json')
  if (path === undefined) return null
  const model = section(path, await readJsonObject(path), 'model')
  const modelType = model.string('type')
  if (!denseTypes.includes(modelType)) throw unsupportedArchitecture(path, modelType, denseTypes)
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
  const vocabSize = model.integer('vocab_size', { max: limits.vocab })
  const numAttentionHeads = decoder.integer('num_attention_heads', { max: limits.heads })
  return {
    path,
    modelType,
    decoderFile,
    vocabSize,
    contextLength: model.integer('context_length', { max: limits.positions }),
    bosTokenId: tokenId(model, 'bos_token_id', vocabSize),
    eosTokenIds: idsOf(model, 'eos_token_id'),
    padTokenId: tokenId(model, 'pad_token_id', vocabSize),
    headSize: decoder.integer('head_size', { max: limits.headDim }),
    hiddenSize: decoder.integer('hidden_size', { max: limits.width }),
    numAttentionHeads,
    numKeyValueHeads: decoder.integer('num_key_value_heads', { max: limits.heads }, numAttentionHeads),
    numHiddenLayers: decoder.integer('num_hidden_layers', { max: limits.layers }),
    slidingWindow: slidingWindow(path, decoder),
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

/** A number of keys, or an object with `window_size`; -1 and 0 are none. */
function slidingWindow(path: string, decoder: Fields): number | null {
  const key = 'sliding_window'
  const value = decoder.get(key) ?? null
  if (value === null) return null
  const [fields, name] = isObject(value) ? [section(path, { [key]: value }, key), 'window_size'] : [decoder, key]
  const size = fields.integer(name, { min: -1, max: limits.positions }, -1)
  return size > 0 ? size : null
}
