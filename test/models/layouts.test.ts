import { copyFile, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { openSource } from '../../lib/formats/index.js'
import { type Device, loadModel, openDevice } from '../../lib/index.js'
import { sharedData, temporaryFolder } from '../support/shared.js'

// The trained model in folders as people have them.

const root = await temporaryFolder()
const tiny = sharedData('tiny-phi3')
const packages = sharedData('tiny-phi3-onnx')
const cases = sharedData('../cases')

let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.dispose())
afterEach(() => vi.unstubAllEnvs())

async function answer(path: string, options = {}): Promise<string> {
  await using model = await loadModel(path, { device, ...options })
  return await model.generate([{ role: 'user', content: 'What is 27 + 48?' }]).readAll()
}

/** A folder of links to the files of another, but for what `own` copies from elsewhere. */
async function linked(name: string, from: string, own: Record<string, string> = {}): Promise<string> {
  const folder = join(root, name)
  await mkdir(folder, { recursive: true })
  for (const file of await readdir(from)) if (!own[file]) await symlink(join(from, file), join(folder, file))
  for (const [file, path] of Object.entries(own)) await copyFile(path, join(folder, file))
  return folder
}

describe.skipIf(tiny === null || cases === null)('a checkpoint answers', () => {
  test.each(['tied-but-own-head', 'odd-token-ids'])(
    'with the config of %s, and with files on another disk',
    async (name) => {
      const folder = await linked(name, tiny!, { 'config.json': join(cases!, name, 'config.json') })
      expect(await answer(folder)).toBe('27 + 48 = 75')
    },
  )
})

describe.skipIf(packages === null)('a package for the web, its graph in onnx/ and all else in the folder above', () => {
  const isGraph = (name: string) => /\.onnx|\.data$/.test(name)
  async function webPackage(folder: string): Promise<void> {
    const from = join(packages!, (await readdir(packages!)).find((name) => name.startsWith('cpu'))!)
    await mkdir(join(folder, 'onnx'), { recursive: true })
    for (const name of await readdir(from)) {
      if (name === 'genai_config.json') continue
      await symlink(join(from, name), join(folder, isGraph(name) ? 'onnx' : '.', name))
    }
    const source = await openSource(from)
    const config = {
      architectures: ['Phi3ForCausalLM'],
      hidden_act: 'silu',
      hidden_size: source.config.hiddenSize,
      intermediate_size: source.config.intermediateSize,
      num_hidden_layers: source.config.numHiddenLayers,
      num_attention_heads: source.config.numAttentionHeads,
      num_key_value_heads: source.config.numKeyValueHeads,
      max_position_embeddings: source.config.maxPositionEmbeddings,
      rms_norm_eps: source.config.rmsNormEps,
      vocab_size: source.config.vocabSize,
      sliding_window: 77,
      eos_token_id: 2048,
    }
    await writeFile(join(folder, 'config.json'), JSON.stringify(config))
    await writeFile(join(folder, 'generation_config.json'), JSON.stringify({ eos_token_id: [2048, 2055] })).catch(
      () => {},
    )
  }

  test('has window, stop ids and tokenizer of that folder', async () => {
    const folder = join(root, 'web')
    await webPackage(folder)
    for (const path of [folder, join(folder, 'onnx'), join(folder, 'onnx', 'model.onnx')]) {
      const source = await openSource(path)
      expect(source.path).toBe(join(folder, 'onnx', 'model.onnx'))
      expect(source.window.model).toEqual({ size: 77, origin: 'config.json sliding_window' })
      expect(source.config.eosTokenIds).toEqual([2048, 2055])
      expect(source.tokenizer?.kind).toBe('huggingface')
    }
    expect(await answer(folder)).toBe('27 + 48 = 75')
  })

  test('has them by name too, as a snapshot of the cache', async () => {
    const repository = join(root, 'cache', 'models--org--web')
    const commit = 'c0ffee'.padEnd(40, '0')
    await webPackage(join(repository, 'snapshots', commit))
    await mkdir(join(repository, 'refs'))
    await writeFile(join(repository, 'refs', 'main'), commit)
    vi.stubEnv('HF_HUB_CACHE', join(root, 'cache'))
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    await using model = await loadModel('org/web', { device })
    expect(model.source.window.model.size).toBe(77)
    expect(await answer('org/web')).toBe('27 + 48 = 75')
  })
})
