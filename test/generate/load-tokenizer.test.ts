import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ArgumentError, LophiError, loadModel, loadTokenizer } from '../../lib/index.js'
import { tinyPhi3 } from '../support/models.js'
import { sharedData } from '../support/shared.js'

test('the tokenizer of a model is had without its weights', async () => {
  const tokenizer = await loadTokenizer(tinyPhi3)
  await using model = await loadModel(tinyPhi3, { device: 'cpu' })
  const messages = [{ role: 'user', content: 'What is 27 + 48?' }] as const
  expect(tokenizer.encodeChat(messages)).toEqual(model.tokenizer?.encodeChat(messages))
  expect([tokenizer.vocabSize, tokenizer.eosIds]).toEqual([model.tokenizer?.vocabSize, model.tokenizer?.eosIds])
  expect(tokenizer.decode(tokenizer.encode('A fox, a kite.'))).toBe('A fox, a kite.')
})

test('a folder, tokenizer.json and a vocabulary alone will do', async () => {
  const folder = sharedData('tiny-phi3')
  const vocabulary = sharedData('ggml-vocab-phi-3/ggml-vocab-phi-3.gguf')
  if (folder === null || vocabulary === null) return
  const inFolder = await loadTokenizer(folder)
  const alone = await loadTokenizer(join(folder, 'tokenizer.json'))
  expect(alone.encode('27 + 48')).toEqual(inFolder.encode('27 + 48'))
  expect((await loadTokenizer(vocabulary)).idOf('<|user|>')).toBe(32010)
})

test('what is no tokenizer is refused', async () => {
  for (const path of [undefined, '', 5]) await expect(loadTokenizer(path as string)).rejects.toThrow(ArgumentError)
  await expect(loadTokenizer('nowhere/at-all/none.json')).rejects.toThrow(LophiError)
})
