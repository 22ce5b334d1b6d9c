import { dirname } from 'node:path'
import { FormatError } from '../../errors.js'
import { described } from '../../options.js'
import { containedFile, isPlainName } from '../contained.js'
import { isObject, readJsonObject } from '../json.js'
import type { FileTensor } from '../source.js'
import { readSafetensors } from './read.js'

const maxShards = 1024

/** What the shards hold together. */
export interface ShardedTensors {
  readonly metadata: ReadonlyMap<string, string>
  readonly tensors: readonly FileTensor[]
}

/** Whether a name is that of an index: model.safetensors.index.json. */
export function isShardIndex(name: string): boolean {
  return name.endsWith('.safetensors.index.json')
}

/** Whether a name is that of one shard of several: model-00001-of-00002.safetensors. */
export function isShard(name: string): boolean {
  return /-\d{5}-of-\d{5}\.safetensors$/.test(name)
}

/** Reads the headers of all the files that an index (model.safetensors.index.json) names. */
export async function readShards(index: string): Promise<ShardedTensors> {
  const { weight_map: map } = await readJsonObject(index)
  if (!isObject(map)) throw new FormatError(index, 'weight_map must be an object, but is not')
  const shards = new Map<string, string[]>()
  for (const [name, shard] of Object.entries(map)) {
    if (typeof shard !== 'string' || !isPlainName(shard)) {
      throw new FormatError(
        index,
        `weight_map must hold names of files beside it, but ${name} is in ${described(shard)}`,
      )
    }
    const names = shards.get(shard)
    if (names) names.push(name)
    else shards.set(shard, [name])
  }
  if (shards.size === 0 || shards.size > maxShards) {
    throw new FormatError(index, `weight_map must name 1 to ${maxShards} files, but names ${shards.size}`)
  }

  const metadata = new Map<string, string>()
  const tensors = new Map<string, FileTensor>()
  for (const [shard, names] of shards) {
    const file = await containedFile(dirname(index), shard, 'shard', index)
    const part = await readSafetensors(file)
    for (const tensor of part.tensors) {
      if (tensors.has(tensor.name))
        throw new FormatError(file, `tensor ${tensor.name} must be in one shard, but is in two`)
      tensors.set(tensor.name, tensor)
    }
    const own = new Set(part.tensors.map(({ name }) => name))
    const absent = names.find((name) => !own.has(name))
    if (absent !== undefined) {
      throw new FormatError(index, `weight_map puts tensor ${absent} into ${shard}, which must have it, but does not`)
    }
    for (const [key, value] of part.metadata) metadata.set(key, value)
  }
  return { metadata, tensors: [...tensors.values()] }
}
