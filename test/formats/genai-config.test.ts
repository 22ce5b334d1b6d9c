import { mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { phi3 } from '../../lib/architectures/phi3.js'
import { companionsIn } from '../../lib/formats/companions.js'
import { readGenaiConfig } from '../../lib/formats/genai-config.js'
import { sharedData, temporaryFolder } from '../support/shared.js'

const decoder = {
  filename: 'phi3-mini-4k-instruct-cpu-int4-rtn-block-32.onnx',
  head_size: 96,
  hidden_size: 3072,
  num_attention_heads: 32,
  num_key_value_heads: 32,
  num_hidden_layers: 32,
}
const model = {
  type: 'phi3',
  vocab_size: 32064,
  context_length: 4096,
  bos_token_id: 1,
  eos_token_id: [32000, 32001, 32007],
  pad_token_id: 32000,
  decoder,
}

const parent = await temporaryFolder()
async function read(json: unknown) {
  const folder = await mkdtemp(join(parent, 'genai-'))
  await writeFile(join(folder, 'genai_config.json'), JSON.stringify(json))
  return { folder, config: await readGenaiConfig(await companionsIn(folder)) }
}

test('fields of a complete genai_config.json', async () => {
  const { folder, config } = await read({ model, search: { max_length: 4096 } })
  expect(config).toEqual({
    path: join(folder, 'genai_config.json'),
    blueprint: phi3,
    decoderFile: decoder.filename,
    bosTokenId: 1,
    eosTokenIds: [32000, 32001, 32007],
    padTokenId: 32000,
    sizes: {
      vocabSize: 32064,
      maxPositionEmbeddings: 4096,
      headDim: 96,
      hiddenSize: 3072,
      numAttentionHeads: 32,
      numKeyValueHeads: 32,
      numHiddenLayers: 32,
    },
  })
})

test('a folder without genai_config.json gives null', async () => {
  expect(await readGenaiConfig(await companionsIn(parent))).toBeNull()
})

test.each([
  [{ eos_token_id: 7 }, { eosTokenIds: [7] }],
  [{ eos_token_id: [2048, 2, 2] }, { eosTokenIds: [2048, 2] }],
  [
    { bos_token_id: null, pad_token_id: undefined },
    { bosTokenId: null, padTokenId: null },
  ],
  // what the graph does stands in its attention nodes
  [{ decoder: { ...decoder, sliding_window: 'all' } }, { decoderFile: decoder.filename }],
  [{ decoder: { ...decoder, num_key_value_heads: undefined } }, { sizes: { numKeyValueHeads: 32 } }],
])('%o reads as %o', async (change, expected) => {
  expect((await read({ model: { ...model, ...change } })).config).toMatchObject(expected)
})

describe('what is refused', () => {
  test.each([
    [{ type: 'phi3small' }, 'ERR_MODEL_UNSUPPORTED', 'block-sparse attention'],
    [{ type: 'phimoe' }, 'ERR_MODEL_UNSUPPORTED', '16 experts'],
    [{ type: 'phi3v' }, 'ERR_MODEL_UNSUPPORTED', 'an image encoder'],
    [{ type: 'phi4mm' }, 'ERR_MODEL_UNSUPPORTED', 'image and speech encoders'],
    [{ type: 'phi' }, 'ERR_MODEL_UNSUPPORTED', 'parallel attention'],
    [{ type: 'gemma3' }, 'ERR_MODEL_UNSUPPORTED', 'architecture gemma3 is not supported'],
    [{ vision: { filename: 'vision.onnx' } }, 'ERR_MODEL_UNSUPPORTED', 'model.vision'],
    [{ decoder: { ...decoder, pipeline: [{}] } }, 'ERR_MODEL_UNSUPPORTED', 'a pipeline of several graphs'],
    [{ decoder: { ...decoder, filename: '../model.onnx' } }, 'ERR_FORMAT', 'filename must be the name of a file'],
    [{ decoder: { ...decoder, filename: '/model.onnx' } }, 'ERR_FORMAT', 'filename must be the name of a file'],
    [{ decoder: { ...decoder, filename: 'C:model.onnx' } }, 'ERR_FORMAT', 'filename must be the name of a file'],
    [{ decoder: { ...decoder, filename: 3 } }, 'ERR_FORMAT', 'filename must be a string, but is 3'],
    [{ decoder: { ...decoder, head_size: 0 } }, 'ERR_FORMAT', 'head_size must be an integer from 1'],
    [{ decoder: [] }, 'ERR_FORMAT', 'decoder must be an object'],
    [{ vocab_size: 2 ** 40 }, 'ERR_FORMAT', 'vocab_size must be an integer from 1 to'],
    [{ eos_token_id: ['2'] }, 'ERR_FORMAT', 'eos_token_id must be an id or a list of ids'],
  ])('%o', async (change, code, message) => {
    await expect(read({ model: { ...model, ...change } })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    })
  })

  test.each([[[]], [{}], [{ model: null }]])('%o', async (json) => {
    await expect(read(json)).rejects.toMatchObject({ code: 'ERR_FORMAT' })
  })
})

const packages = sharedData('onnx')
test.skipIf(packages === null)('every package of the shared data', async () => {
  const folders = await readdir(packages as string, { withFileTypes: true })
  for (const { name } of folders.filter((entry) => entry.isDirectory())) {
    const config = await readGenaiConfig(await companionsIn(join(packages as string, name)))
    expect(config, name).toMatchObject({ decoderFile: 'model.onnx', sizes: { vocabSize: 320, numHiddenLayers: 2 } })
  }
})
