import type { Blueprint } from '../../architectures/blueprint.js'
import { UnsupportedModelError } from '../../errors.js'
import { otherThanModel } from '../beside.js'
import { isQuantized, type WeightSource } from '../source.js'
import { ggufTokenizerSource } from '../tokenizer-source.js'
import { weightsOf } from '../weights.js'
import { configFromGguf } from './config.js'
import { readWholeGguf } from './split.js'

/** Opens a GGUF file, or all parts of a split one by any of them. */
export async function openGguf(file: string, known: readonly Blueprint[]): Promise<Omit<WeightSource, 'notes'>> {
  const { path, metadata, tensors } = await readWholeGguf(file)
  const other = otherThanModel(metadata)
  if (other !== null) throw new UnsupportedModelError(`${path}: must be a model, but is ${other}`)
  if (tensors.length === 0) {
    throw new UnsupportedModelError(`${path}: holds a vocabulary without weights, which serves as a tokenizer only`)
  }
  const { blueprint, config } = await configFromGguf(metadata, tensors, path, known)
  const weights = weightsOf(blueprint, config, tensors, 'gguf', path)
  const key = `${config.architecture}.attention.sliding_window`
  const isKnown = config.slidingWindow !== null
  const absent = isKnown ? 'that of published models of this size' : 'none'
  const origin = metadata.has(key) ? key : `${absent}, as ${key} is missing`
  return {
    format: 'gguf',
    path,
    blueprint,
    config: { ...config, tieWordEmbeddings: weights.head === weights.embed },
    weights,
    rotary: null,
    window: { model: { size: config.slidingWindow, origin }, graph: null },
    allowsInt8: isQuantized({ weights }),
    tensors,
    metadata,
    companions: new Map(),
    tokenizer: ggufTokenizerSource(metadata),
  }
}
