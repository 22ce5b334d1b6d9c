/** Model files that lophi does not run: what their containers say without being understood. */
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type CompanionName, type Companions, companionJson, companionsIn } from '../formats/companions.js'
import { readWholeGguf } from '../formats/gguf/split.js'
import { isObject } from '../formats/json.js'
import { detectFormat, findModel } from '../formats/locate.js'
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
  const format = await detectFormat(file)
  if (format === 'gguf') return openGguf(file)
  const companions = await companionsIn(dirname(file))
  const architecture = await namedArchitecture(companions)
  const tokenizer = await huggingFaceTokenizerSource(companions).catch(() => null)
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

async function namedArchitecture(companions: Companions): Promise<string | null> {
  const json = async (name: CompanionName) => (await companionJson(companions, name).catch(() => null)) ?? {}
  const config = await json('config.json')
  const named = Array.isArray(config.architectures) ? config.architectures[0] : config.model_type
  if (typeof named === 'string') return named
  const { model } = await json('genai_config.json')
  return isObject(model) && typeof model.type === 'string' ? model.type : null
}
