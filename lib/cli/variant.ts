import type { ModelConfig } from '../formats/source.js'

/** Published models by hidden and MLP width, layers, heads, key/value heads and vocabulary. */
const families: Readonly<Record<string, string>> = {
  '3072 8192 32 32 32 32064': 'mini',
  '5120 17920 40 40 10 32064': 'medium',
  '3072 8192 32 24 8 200064': 'phi-4-mini',
  '5120 17920 40 40 10 100352': 'phi-4',
}

/** The published model that has these sizes, or 'custom'. Fine-tuned models count as what they were tuned from. */
export function variantOf(config: ModelConfig): string {
  const { hiddenSize, intermediateSize, numHiddenLayers, numAttentionHeads, numKeyValueHeads, vocabSize } = config
  const sizes = [hiddenSize, intermediateSize, numHiddenLayers, numAttentionHeads, numKeyValueHeads, vocabSize]
  const family = families[sizes.join(' ')]
  if (family !== 'mini' && family !== 'medium') return family ?? 'custom'
  if (!config.ropeScaling) return `${family}-4k`
  // 3.5-mini differs from mini-128k in its factors alone: they begin with 1.08 and end with 64.84
  const [first, last] = [config.ropeScaling.longFactor[0], config.ropeScaling.longFactor.at(-1)]
  const isLater = Math.fround(first ?? 0) === Math.fround(1.08) && Math.fround(last ?? 0) === Math.fround(64.84)
  return family === 'mini' && isLater ? '3.5-mini' : `${family}-128k`
}
