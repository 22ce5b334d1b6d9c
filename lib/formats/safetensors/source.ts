import { basename, dirname, join } from 'node:path'
import type { Blueprint } from '../../architectures/blueprint.js'
import { FormatError, UnsupportedModelError } from '../../errors.js'
import { adapterFile, isAdapter, whatAdaptersAre } from '../beside.js'
import { type Companions, companionJson, companionsIn, namesIn } from '../companions.js'
import { readGenaiConfig } from '../genai-config.js'
import { configFromHuggingFace } from '../hf-config.js'
import type { WeightSource } from '../source.js'
import { huggingFaceTokenizerSource } from '../tokenizer-source.js'
import { weightsOf } from '../weights.js'
import { readQuantization } from './quantization.js'
import { groupIndicesInMemory } from './quantized-part.js'
import { readSafetensors } from './read.js'
import { isShard, isShardIndex, readShards } from './shards.js'

/** Opens model.safetensors, the index of a sharded one or one of its shards, with the companions beside it. */
export async function openSafetensors(file: string, known: readonly Blueprint[]): Promise<Omit<WeightSource, 'notes'>> {
  const folder = dirname(file)
  const path = isShard(file) ? indexOf(file, await namesIn(folder)) : file
  const companions = await companionsIn(folder)
  const json = await companionJson(companions, 'config.json')
  const configFile = join(folder, 'config.json')
  if (json === null || basename(path) === adapterFile) await refuseAdapter(path, companions)
  if (json === null) {
    const problem = 'must be beside the weights, as it gives the sizes of the model, but is missing'
    throw new FormatError(configFile, problem, undefined, 'ERR_FILE')
  }
  const beside = {
    generation: await companionJson(companions, 'generation_config.json'),
    genaiEos: (await readGenaiConfig(companions, known))?.eosTokenIds,
  }
  const { blueprint, config } = configFromHuggingFace(json, configFile, beside, known)

  const quantization = await readQuantization(configFile, json, companions)
  const { metadata, tensors } = await (isShardIndex(path) ? readShards(path) : readSafetensors(path))
  const found = quantization ? await groupIndicesInMemory(path, tensors) : tensors
  const weights = weightsOf(blueprint, config, found, 'huggingface', path, quantization)
  return {
    format: 'safetensors',
    path,
    blueprint,
    config: { ...config, tieWordEmbeddings: weights.head === weights.embed },
    weights,
    rotary: null,
    window: { model: { size: config.slidingWindow, origin: 'config.json sliding_window' }, graph: null },
    allowsInt8: false,
    tensors,
    metadata,
    companions,
    tokenizer: await huggingFaceTokenizerSource(companions),
  }
}

/** An adapter has no config of its own, or that of its base. */
async function refuseAdapter(path: string, companions: Companions): Promise<void> {
  if (isShardIndex(path) || !(await readSafetensors(path)).tensors.some(isAdapter)) return
  const base = (await companionJson(companions, 'adapter_config.json'))?.base_model_name_or_path
  const of = typeof base === 'string' ? ` (its base is ${base})` : ''
  throw new UnsupportedModelError(`${path}: must be a model, but is ${whatAdaptersAre}${of}`)
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
