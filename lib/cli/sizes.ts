/** Bytes that a model takes and that a token reads, from the file's header alone. */
import { partsOf } from '../architectures/blueprint.js'
import {
  type ModelConfig,
  partBytes,
  type WeightDescription,
  type WeightPart,
  type WeightSource,
} from '../formats/source.js'

export type KvType = 'float16' | 'float32'

function storedBytes({ parts }: WeightDescription): number {
  return parts.reduce((sum, part) => sum + partBytes(part), 0)
}

/** All weights; a tied head once. */
function weightBytes({ blueprint, weights }: WeightSource): number {
  const found = [...partsOf(blueprint, weights)].flatMap(({ weight, multiplier }) => [weight, multiplier ?? []].flat())
  return found.reduce((sum, weight) => sum + storedBytes(weight), 0)
}

/** What one token reads of the weights: everything, but of the embedding table one row. A tied head is read whole. */
export function weightBytesPerToken(source: WeightSource): number {
  const { embed, head } = source.weights
  const table = storedBytes(embed)
  return weightBytes(source) - (head === embed ? 0 : table) + table / source.config.vocabSize
}

/** Keys and values of one token in all layers. */
export function kvBytesPerToken(config: ModelConfig, type: KvType): number {
  const { numHiddenLayers, numKeyValueHeads, headDim } = config
  return 2 * numHiddenLayers * numKeyValueHeads * headDim * (type === 'float16' ? 2 : 4)
}

export interface MemoryOptions {
  /** Tokens; default: what the model was made for. */
  readonly context?: number | undefined
  readonly kv: 'f16' | 'f32'
  /** Where the model shall run; null: on the CPU, whose memory is not asked for. */
  readonly device: { readonly id: string; readonly backend: string; readonly memory: number } | null
}

/** Tokens of a prompt that are computed at once. */
const passTokens = 128

/** What running the model takes: weights, cache, angles of the positions, and what one pass holds in between. */
export function estimateMemory(source: WeightSource, { context, kv, device }: MemoryOptions) {
  const { config } = source
  const weightsBytes = weightBytes(source)
  const kvBytes = { f16: kvBytesPerToken(config, 'float16'), f32: kvBytesPerToken(config, 'float32') }
  const contextLength = context ?? config.maxPositionEmbeddings
  // a GPU has its own copy of everything; the CPU computes on the mapped file where rows lie as it wants them
  const copiedBytes = device && device.backend !== 'cpu' ? weightsBytes : repackedBytes(source)
  const parts = {
    weightsBytes,
    kvBytes: contextLength * kvBytes[kv],
    rotaryBytes: contextLength * config.rotaryDim * 4,
    activationBytes: activationBytes(source, Math.min(contextLength, passTokens)),
  }
  const totalBytes = Object.values(parts).reduce((sum, bytes) => sum + bytes, 0)
  return {
    weightsBytes,
    weights: { inPlaceBytes: weightsBytes - copiedBytes, copiedBytes },
    kvBytesPerToken: kvBytes,
    at: { contextLength, kv, ...parts, totalBytes },
    device: device && { id: device.id, memoryBytes: device.memory, fits: totalBytes <= device.memory },
  }
}

/** Parts that are brought into rows of unsigned values in order on loading, and those that no file holds by themselves. */
function repackedBytes({ blueprint, weights }: WeightSource): number {
  const isRepacked = ({ packing = 'rows', data, groups }: WeightPart) =>
    packing !== 'rows' || data instanceof Uint8Array || groups?.signed === true || groups?.gIdx !== undefined
  const matrices = [...partsOf(blueprint, weights)].filter(({ weight }) => weight.shape.length === 2)
  const parts = matrices.flatMap(({ weight }) => weight.parts.filter(isRepacked))
  return parts.reduce((sum, part) => sum + partBytes(part), 0)
}

/** The widest moment of a block, and the logits of one position, all float32. */
function activationBytes({ blueprint, config }: WeightSource, tokens: number): number {
  return 4 * (tokens * blueprint.width(config) + config.vocabSize)
}
