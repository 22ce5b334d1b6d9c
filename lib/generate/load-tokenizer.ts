import { ArgumentError } from '../errors.js'
import { openTokenizer } from '../formats/tokenizer-source.js'
import { described } from '../options.js'
import { createTokenizer, type Tokenizer } from '../tokenizer/index.js'

/**
 * The tokenizer of a model, without its weights and without a device: of a model file or folder, a GGUF file with a
 * vocabulary alone, tokenizer.json, or a folder with that.
 */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  if (typeof path !== 'string' || path === '')
    throw new ArgumentError('ERR_ARGUMENT', `loadTokenizer: path must be a file or a folder, but is ${described(path)}`)
  const { source, vocabSize } = await openTokenizer(path)
  return createTokenizer(source, vocabSize === null ? {} : { vocabSize })
}
