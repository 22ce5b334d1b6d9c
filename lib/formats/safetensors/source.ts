import { basename, dirname, join } from 'node:path'
import { FormatError } from '../../errors.js'
import { readGenaiConfig } from '../genai-config.js'
import { phi3ConfigFromHuggingFace } from '../hf-config.js'
import { readJsonObject } from '../json.js'
import { namesIn } from '../locate.js'
import { phi3Weights } from '../phi3.js'
import type { WeightSource } from '../source.js'
import { huggingFaceTokenizerSource } from '../tokenizer-source.js'
import { readQuantization } from './quantization.js'
import { groupIndicesInMemory } from './quantized-part.js'
import { readSafetensors } from './read.js'
import { isShard, isShardIndex, readShards } from './shards.js'

/** Opens model.safetensors, the index of a sharded one or one of its shards, with the companions beside it. */
export async function openSafetensors(file: string): Promise<WeightSource> {
  const folder = dirname(file)
  const names = await namesIn(folder)
  const path = isShard(file) ? indexOf(file, names) : file

  const configFile = join(folder, 'config.json')
  if (!names.includes('config.json')) {
    const problem = 'must be beside the weights, as it gives the sizes of the model, but is missing'
    throw new FormatError(configFile, problem, undefined, 'ERR_FILE')
  }
  const json = await readJsonObject(configFile)
  const generation = 'generation_config.json'
  const config = phi3ConfigFromHuggingFace(json, configFile, {
    generation: names.includes(generation) ? await readJsonObject(join(folder, generation)) : undefined,
    genaiEos: (await readGenaiConfig(folder))?.eosTokenIds,
  })

  const quantization = await readQuantization(folder, names, json)
  const { metadata, tensors } = await (isShardIndex(path) ? readShards(path) : readSafetensors(path))
  const found = quantization ? await groupIndicesInMemory(path, tensors) : tensors
  const weights = phi3Weights(config, found, 'safetensors', path, quantization)
  return {
    format: 'safetensors',
    path,
    config: { ...config, tieWordEmbeddings: weights.head === weights.embed },
    weights,
    rotary: null,
    window: { model: { size: config.slidingWindow, origin: 'config.json sliding_window' }, graph: null },
    allowsInt8: false,
    tensors,
    metadata,
    tokenizer: await huggingFaceTokenizerSource(folder, names),
  }
}

/** The index that a shard belongs to. */
function indexOf(shard: string, names: readonly string[]): string {
  const name = basename(shard).replace(/-\d{5}-of-\d{5}\.safetensors$/, '.safetensors.index.json')
  if (names.includes(name)) return join(dirname(shard), name)
  throw new FormatError(
    shard,
    `is one of several shards, and ${name} must be beside it, but is missing`,
    undefined,
    'ERR_FILE',
  )
}
