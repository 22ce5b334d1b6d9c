import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FormatError, UnsupportedModelError } from '../errors.js'
import { phi3ConfigFromGguf, phi3ConfigFromHuggingFace } from './config.js'
import { fileError } from './file.js'
import { readGguf } from './gguf.js'
import { readJsonObject } from './json.js'
import { formatOf, modelAmong, namesIn } from './locate.js'
import { phi3Weights } from './phi3.js'
import { readSafetensors } from './safetensors.js'
import { isFloat, type WeightSource } from './source.js'
import { ggufTokenizerSource, huggingFaceTokenizerSource } from './tokenizer-source.js'

/** Files beside model.safetensors that make up the model. */
export const companions = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
] as const

/** Opens a model: a GGUF file, a safetensors file with its companions beside it, or the folder of either. */
export async function openSource(path: string): Promise<WeightSource> {
  const info = await stat(path).catch((error) => {
    throw fileError(path, error)
  })
  const file = info.isDirectory() ? await findModel(path) : path
  switch (await formatOf(file)) {
    case 'gguf':
      return openGguf(file)
    case 'safetensors':
      return openSafetensors(file)
    case 'json':
      throw new FormatError(file, 'must be a GGUF or safetensors file, but begins like JSON', 0)
  }
}

async function findModel(folder: string): Promise<string> {
  const names = await namesIn(folder)
  const model = modelAmong(names, folder)
  if (model) return join(folder, model)
  if (names.includes('model.safetensors.index.json')) {
    throw new UnsupportedModelError(`${folder}: safetensors split into several files are not supported by this version`)
  }
  throw new FormatError(folder, 'must hold a .gguf file or model.safetensors, but holds neither', undefined, 'ERR_FILE')
}

async function openGguf(path: string): Promise<WeightSource> {
  const { metadata, tensors } = await readGguf(path)
  const parts = metadata.get('split.count')
  if (typeof parts === 'number' && parts > 1) {
    throw new UnsupportedModelError(
      `${path}: is one of ${parts} parts, and split GGUF files are not supported by this version`,
    )
  }
  const config = await phi3ConfigFromGguf(metadata, tensors, path)
  const weights = phi3Weights(config, tensors, 'gguf', path)
  const key = 'phi3.attention.sliding_window'
  const origin = metadata.has(key) ? key : `layers and context, as ${key} is missing`
  const window = { model: { size: config.slidingWindow, origin }, graph: null }
  const tokenizer = ggufTokenizerSource(metadata)
  const allowsInt8 = weights.layers.some(({ qkv }) => qkv.parts.some(({ format }) => !isFloat(format)))
  return { format: 'gguf', path, config, weights, rotary: null, window, allowsInt8, tensors, metadata, tokenizer }
}

async function openSafetensors(path: string): Promise<WeightSource> {
  const folder = dirname(path)
  const names = await namesIn(folder)
  const generation = join(folder, 'generation_config.json')
  const configFile = join(folder, 'config.json')
  const config = phi3ConfigFromHuggingFace(
    await readJsonObject(configFile),
    configFile,
    names.includes('generation_config.json') ? await readJsonObject(generation) : null,
  )
  const { metadata, tensors } = await readSafetensors(path)
  const weights = phi3Weights(config, tensors, 'safetensors', path)
  const tokenizer = await huggingFaceTokenizerSource(folder, names)
  const window = { model: { size: config.slidingWindow, origin: 'config.json sliding_window' }, graph: null }
  const rotary = null
  return {
    format: 'safetensors',
    path,
    config,
    weights,
    rotary,
    window,
    allowsInt8: false,
    tensors,
    metadata,
    tokenizer,
  }
}
