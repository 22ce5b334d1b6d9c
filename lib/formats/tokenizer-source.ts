import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { TokenizerError } from '../errors.js'
import { type Companions, companionJson, companionsIn, namesIn } from './companions.js'
import { fileError } from './file.js'
import { readWholeGguf } from './gguf/split.js'
import { readJsonObject, readText } from './json.js'
import { detectFormat, findModel } from './locate.js'
import { isShardIndex } from './safetensors/shards.js'
import type { GgufValue, TokenizerSource } from './source.js'

export interface OpenedTokenizer {
  readonly source: TokenizerSource
  /** What config.json says, where there is one. */
  readonly vocabSize: number | null
}

/**
 * Opens the tokenizer of a model without its weights: of a model file or folder, a GGUF file with a vocabulary alone,
 * tokenizer.json, or a folder with that.
 */
export async function openTokenizer(path: string): Promise<OpenedTokenizer> {
  const info = await stat(path).catch((error) => {
    throw fileError(path, error)
  })
  if (info.isDirectory()) return openFolder(path)
  switch (await detectFormat(path)) {
    case 'gguf':
      return openGguf(path)
    case 'safetensors':
    case 'onnx':
      return openHuggingFace(path, dirname(path))
    case 'json':
      return openHuggingFace(path, dirname(path), isShardIndex(path) ? undefined : path)
  }
}

/** The tokenizer in a GGUF file's metadata; null where there is none. */
export function ggufTokenizerSource(metadata: ReadonlyMap<string, GgufValue>): TokenizerSource | null {
  if (!metadata.has('tokenizer.ggml.tokens')) return null
  const template = metadata.get('tokenizer.chat_template')
  return { kind: 'gguf', metadata, chatTemplate: typeof template === 'string' ? template : null }
}

/** tokenizer.json (or `file`) with what stands beside it; null where there is none. */
export async function huggingFaceTokenizerSource(
  companions: Companions,
  file = companions.get('tokenizer.json'),
): Promise<TokenizerSource | null> {
  if (file === undefined) return null
  const tokenizer = await readJsonObject(file)
  const config = (await companionJson(companions, 'tokenizer_config.json')) ?? {}
  const template = companions.get('chat_template.jinja')
  const chatTemplate =
    template === undefined ? namedTemplate(config.chat_template) : new TextDecoder().decode(await readText(template))
  return { kind: 'huggingface', tokenizer, config, chatTemplate }
}

/** tokenizer_config.json has one template, or a list of them by name. */
function namedTemplate(value: unknown): string | null {
  const chosen = Array.isArray(value) ? value.find((entry) => entry?.name === 'default')?.template : value
  return typeof chosen === 'string' ? chosen : null
}

/** tokenizer.json alone will do; else the model is chosen as `openSource` does. */
async function openFolder(folder: string): Promise<OpenedTokenizer> {
  const names = await namesIn(folder)
  const gguf = names.some((name) => name.endsWith('.gguf'))
  if (!gguf && names.includes('tokenizer.json')) return openHuggingFace(folder, folder)
  const model = await findModel(folder)
  return model.endsWith('.gguf') ? openGguf(model) : openHuggingFace(folder, dirname(model))
}

async function openGguf(path: string): Promise<OpenedTokenizer> {
  const source = ggufTokenizerSource((await readWholeGguf(path)).metadata)
  if (!source) throw new TokenizerError(`${path}: must have a tokenizer, but has no tokenizer.ggml.tokens`)
  return { source, vocabSize: null }
}

async function openHuggingFace(path: string, folder: string, file?: string): Promise<OpenedTokenizer> {
  const companions = await companionsIn(folder)
  const source = await huggingFaceTokenizerSource(companions, file ?? companions.get('tokenizer.json'))
  if (!source) {
    const other = companions.has('tokenizer.model') ? ' (tokenizer.model is not read)' : ''
    throw new TokenizerError(`${path}: must have a tokenizer, but there is no tokenizer.json in ${folder}${other}`)
  }
  const size = (await companionJson(companions, 'config.json'))?.vocab_size
  return { source, vocabSize: Number.isSafeInteger(size) ? (size as number) : null }
}
