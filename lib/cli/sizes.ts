/** Bytes that a model takes and that a token reads, from the file's header alone. */
import {
  type Phi3Config,
  partBytes,
  type WeightDescription,
  type WeightPart,
  type WeightSource,
} from '../formats/source.js'

export type KvType = 'float16' | 'float32'

function storedBytes({ parts }: WeightDescription): number {
  return parts.reduce((sum, part) => sum + partBytes(part), 0)
}

function blockBytes({ weights: { layers, norm } }: WeightSource): number {
  const blocks = layers.flatMap((layer) =>
    Object.values(layer).filter((weight): weight is WeightDescription => weight !== null),
  )
  return [...blocks, norm].reduce((sum, weight) => sum + storedBytes(weight), 0)
}

/** All weights; a tied head once. */
function weightBytes(source: WeightSource): number {
  const { embed, head } = source.weights
  return blockBytes(source) + storedBytes(embed) + (head === embed ? 0 : storedBytes(head))
}

/** What one token reads of the weights: everything, but of the embedding table one row. A tied head is read whole. */
export function weightBytesPerToken(source: WeightSource): number {
  const { embed, head } = source.weights
  return blockBytes(source) + storedBytes(head) + storedBytes(embed) / source.config.vocabSize
}

/** Keys and values of one token in all layers. */
export function kvBytesPerToken(config: Phi3Config, type: KvType): number {
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
    activationBytes: activationBytes(config, Math.min(contextLength, passTokens)),
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
function repackedBytes({ weights: { embed, layers, head } }: WeightSource): number {
  const matrices = new Set([embed, head, ...layers.flatMap(({ qkv, o, gateUp, down }) => [qkv, o, gateUp, down])])
  const isRepacked = ({ packing = 'rows', data, groups }: WeightPart) =>
    packing !== 'rows' || data instanceof Uint8Array || groups?.signed === true || groups?.gIdx !== undefined
  const parts = [...matrices].flatMap(({ parts }) => parts.filter(isRepacked))
  return parts.reduce((sum, part) => sum + partBytes(part), 0)
}

/** The widest moment of a block, and the logits of one position, all float32. */
function activationBytes(config: Phi3Config, tokens: number): number {
  const { hiddenSize, intermediateSize, numAttentionHeads: heads, numKeyValueHeads, headDim, vocabSize } = config
  const attention = (heads + 2 * numKeyValueHeads) * headDim + heads * headDim
  const mlp = 3 * intermediateSize
  return 4 * (tokens * (2 * hiddenSize + Math.max(attention, mlp)) + vocabSize)
}
