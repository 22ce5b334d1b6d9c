/** Bytes that a model takes and that a token reads, from the file's header alone. */
import { type Phi3Config, partBytes, type WeightDescription, type WeightSource } from '../formats/source.js'

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
export function weightBytes(source: WeightSource): number {
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
