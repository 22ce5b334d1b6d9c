/** Model files that lophi does not run: what their containers say without being understood. */
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileExists } from '../formats/file.js'
import { readWholeGguf } from '../formats/gguf/split.js'
import { isObject, readJsonObject } from '../formats/json.js'
import { findModel, formatOf, namesIn } from '../formats/locate.js'
import { readSafetensors } from '../formats/safetensors/read.js'
import { isShardIndex, readShards } from '../formats/safetensors/shards.js'
import type { SourceTensor, TokenizerSource } from '../formats/source.js'
import { ggufTokenizerSource, huggingFaceTokenizerSource } from '../formats/tokenizer-source.js'

export interface Container {
  readonly format: 'gguf' | 'safetensors' | 'onnx'
  /** In the words of the file or of the config beside it; null where nothing names it. */
  readonly architecture: string | null
  readonly tensors: readonly SourceTensor[]
  readonly tokenizer: TokenizerSource | null
}

/** null where the file holds no tensors by itself. */
export async function openContainer(path: string): Promise<Container | null> {
  const isFolder = (await stat(path)).isDirectory()
  const file = isFolder ? await findModel(path) : path
  const format = await formatOf(file)
  if (format === 'gguf') return openGguf(file)
  const folder = dirname(file)
  const architecture = await namedArchitecture(folder)
  const tokenizer = await huggingFaceTokenizerSource(folder, await namesIn(folder)).catch(() => null)
  if (format === 'onnx') {
    const { readOnnx } = await import('../formats/onnx/read.js')
    const { graph } = await readOnnx(file)
    const tensors = [...graph.constants].map(([name, { shape, dtype, data }]) => {
      return { name, shape, dtype, format: null, data }
    })
    return { format, architecture, tensors, tokenizer }
  }
  if (format === 'json' && !isShardIndex(file)) return null
  const { tensors } = await (format === 'json' ? readShards(file) : readSafetensors(file))
  return { format: 'safetensors', architecture, tensors, tokenizer }
}

async function openGguf(file: string): Promise<Container> {
  const { metadata, tensors } = await readWholeGguf(file)
  const architecture = metadata.get('general.architecture')
  return {
    format: 'gguf',
    architecture: typeof architecture === 'string' ? architecture : null,
    tensors,
    tokenizer: ggufTokenizerSource(metadata),
  }
}

async function namedArchitecture(folder: string): Promise<string | null> {
  const config = await optionalJson(join(folder, 'config.json'))
  const named = Array.isArray(config.architectures) ? config.architectures[0] : config.model_type
  if (typeof named === 'string') return named
  const { model } = await optionalJson(join(folder, 'genai_config.json'))
  return isObject(model) && typeof model.type === 'string' ? model.type : null
}

async function optionalJson(path: string): Promise<Record<string, unknown>> {
  return (await fileExists(path)) ? readJsonObject(path).catch(() => ({})) : {}
}
