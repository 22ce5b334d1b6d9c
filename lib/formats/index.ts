import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FormatError, UnsupportedModelError } from '../errors.js'
import { phi3ConfigFromGguf, phi3ConfigFromHuggingFace } from './config.js'
import { fileError, openFile } from './file.js'
import { readGguf } from './gguf.js'
import { readJsonObject, readText } from './json.js'
import { phi3Weights } from './phi3.js'
import { isSafetensors, readSafetensors } from './safetensors.js'
import type { TokenizerSource, WeightSource } from './source.js'

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
  return (await formatOf(file)) === 'gguf' ? openGguf(file) : openSafetensors(file)
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error) => {
    throw fileError(folder, error)
  })
}

async function findModel(folder: string): Promise<string> {
  const names = await namesIn(folder)
  const found = names.filter((name) => name === 'model.safetensors' || name.endsWith('.gguf')).sort()
  if (found.length === 1) return join(folder, found[0]!)
  if (found.length > 1) {
    throw new FormatError(
      folder,
      `must hold one model, but holds ${found.join(', ')}: name the file`,
      undefined,
      'ERR_FILE',
    )
  }
  if (names.includes('model.safetensors.index.json')) {
    throw new UnsupportedModelError(`${folder}: safetensors split into several files are not supported by this version`)
  }
  throw new FormatError(folder, 'must hold a .gguf file or model.safetensors, but holds neither', undefined, 'ERR_FILE')
}

async function formatOf(path: string): Promise<'gguf' | 'safetensors'> {
  await using file = await openFile(path)
  const head = await file.read(0, Math.min(16, file.size))
  if (String.fromCharCode(...head.subarray(0, 4)) === 'GGUF') return 'gguf'
  if (isSafetensors(head, file.size)) return 'safetensors'
  throw new FormatError(path, 'must be a GGUF or safetensors file, but begins like neither', 0)
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
  const template = metadata.get('tokenizer.chat_template')
  const tokenizer: TokenizerSource | null = metadata.has('tokenizer.ggml.tokens')
    ? { kind: 'gguf', metadata, chatTemplate: typeof template === 'string' ? template : null }
    : null
  return { format: 'gguf', path, config, weights, tensors, metadata, tokenizer }
}

async function openSafetensors(path: string): Promise<WeightSource> {
  const folder = dirname(path)
  const present = new Set(await namesIn(folder))
  const optional = (name: string) => (present.has(name) ? readJsonObject(join(folder, name)) : null)
  const configFile = join(folder, 'config.json')
  const config = phi3ConfigFromHuggingFace(
    await readJsonObject(configFile),
    configFile,
    await optional('generation_config.json'),
  )
  const { metadata, tensors } = await readSafetensors(path)
  const weights = phi3Weights(config, tensors, 'safetensors', path)

  const json = await optional('tokenizer.json')
  const settings = (await optional('tokenizer_config.json')) ?? {}
  const template = 'chat_template.jinja'
  const chatTemplate = present.has(template)
    ? new TextDecoder().decode(await readText(join(folder, template)))
    : namedTemplate(settings.chat_template)
  const tokenizer: TokenizerSource | null = json && {
    kind: 'huggingface',
    tokenizer: json,
    config: settings,
    chatTemplate,
  }
  return { format: 'safetensors', path, config, weights, tensors, metadata, tokenizer }
}

/** tokenizer_config.json has one template, or a list of them by name. */
function namedTemplate(value: unknown): string | null {
  const chosen = Array.isArray(value) ? value.find((entry) => entry?.name === 'default')?.template : value
  return typeof chosen === 'string' ? chosen : null
}
