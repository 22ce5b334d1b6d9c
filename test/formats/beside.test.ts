import { chmod, cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { UnsupportedModelError } from '../../lib/errors.js'
import { openSource } from '../../lib/formats/index.js'
import { sharedData, temporaryFolder } from '../support/shared.js'
import { buildGguf, buildSafetensors, ggufString, smallConfig, writeCheckpoint } from './files.js'

// What lies where models lie and is something else.

const root = await temporaryFolder()
let count = 0
async function checkpoint(config = smallConfig): Promise<string> {
  const folder = join(root, `model-${count++}`)
  await mkdir(folder)
  await writeCheckpoint(folder, config)
  return folder
}
const adapter = buildSafetensors(
  {
    'base_model.model.model.layers.0.self_attn.qkv_proj.lora_A.weight': {
      dtype: 'F32',
      shape: [1],
      data_offsets: [0, 4],
    },
  },
  4,
)
const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'ab'.repeat(32)}\nsize 7642181896\n`

async function refused(path: string): Promise<string> {
  const error = await openSource(path).catch((thrown) => thrown)
  expect(error).toBeInstanceOf(UnsupportedModelError)
  expect(error.code).toBe('ERR_MODEL_UNSUPPORTED')
  return error.message
}

describe('a LoRA adapter', () => {
  test('alone is called so, with its base', async () => {
    const folder = join(root, 'adapter')
    await mkdir(folder)
    await writeFile(join(folder, 'adapter_model.safetensors'), adapter)
    await writeFile(join(folder, 'adapter_config.json'), JSON.stringify({ base_model_name_or_path: 'org/base' }))
    expect(await refused(folder)).toMatch(/adapter_model\.safetensors: .* is a LoRA adapter.*its base is org\/base/)
    await writeFile(join(folder, 'config.json'), JSON.stringify(smallConfig))
    expect(await refused(folder)).toContain('is a LoRA adapter')
  })

  test('beside a base is a note on the base', async () => {
    const folder = await checkpoint()
    expect((await openSource(folder)).notes).toEqual([])
    const path = join(folder, 'adapter_model.safetensors')
    await writeFile(path, adapter)
    const { path: opened, notes } = await openSource(folder)
    expect(basename(opened)).toBe('model.safetensors')
    expect(notes).toEqual([`${path} is a LoRA adapter, which this version does not apply`])
    expect(await refused(path)).toContain('is a LoRA adapter')
  })
})

describe('GGUF files that are no models', () => {
  const tiny = new URL('../../models/tiny-phi3/tiny-phi3-q8_0.gguf', import.meta.url).pathname
  const types = [
    ['adapter', 'a LoRA adapter'],
    ['imatrix', 'an importance matrix'],
    ['mmproj', 'an encoder of images'],
  ] as const

  test.each(types)('of type %s are called %s, alone and beside a model', async (type, what) => {
    const folder = join(root, `gguf-${type}`)
    await mkdir(folder)
    const path = join(folder, `the-${type}.gguf`)
    await writeFile(path, buildGguf({ pairs: [ggufString('general.type', type)] }))
    expect(await refused(folder)).toContain(`is ${what}`)
    await symlink(tiny, join(folder, 'model.gguf'))
    const source = await openSource(folder)
    expect(basename(source.path)).toBe('model.gguf')
    expect(source.notes.join()).toContain(`${path} is ${what}`)
  })

  test('under any name leave the one model of a folder', async () => {
    const folder = join(root, 'gguf-unnamed')
    await mkdir(folder)
    await writeFile(join(folder, 'a.gguf'), buildGguf({ pairs: [ggufString('general.type', 'adapter')] }))
    await symlink(tiny, join(folder, 'b.gguf'))
    expect(basename((await openSource(folder)).path)).toBe('b.gguf')
  })

  test('as the older imatrix.dat are noted', async () => {
    const folder = await checkpoint()
    await writeFile(join(folder, 'imatrix.dat'), 'x')
    expect((await openSource(folder)).notes.join()).toContain('imatrix.dat is an importance matrix')
  })
})

describe('a Git LFS pointer', () => {
  test.each(['model.safetensors', 'config.json', 'tokenizer.json'])('in the place of %s is called so', async (name) => {
    const folder = await checkpoint()
    await writeFile(join(folder, name), pointer)
    expect(await refused(folder)).toContain(
      `${join(folder, name)}: is a Git LFS pointer in the place of a file of 7642181896`,
    )
  })

  test.each(['model.gguf', 'model.onnx'])('named %s is called so', async (name) => {
    const folder = join(root, `pointer-${name}`)
    await mkdir(folder)
    await writeFile(join(folder, name), pointer)
    expect(await refused(folder)).toContain('is a Git LFS pointer')
  })

  const onnx = sharedData('onnx/cpu-fp32')
  test.skipIf(onnx === null)("in the place of a graph's external data is called so", async () => {
    const folder = join(root, 'pointer-data')
    await cp(onnx!, folder, { recursive: true })
    await chmod(folder, 0o755)
    await rm(join(folder, 'model.onnx.data'))
    await writeFile(join(folder, 'model.onnx.data'), pointer)
    expect(await refused(folder)).toContain('is a Git LFS pointer')
  })
})

test.each([
  [{ load_in_4bit: true, bnb_4bit_quant_type: 'nf4' }, 'bitsandbytes'],
  [{ quant_config: {}, weight_quant_params: {} }, 'hqq'],
  [{ config_groups: {}, format: 'pack-quantized' }, 'compressed-tensors'],
  [{ w4: true }, 'of no name (w4)'],
])('settings of a quantiser that names no method, %j, are called %s', async (settings, name) => {
  const folder = await checkpoint({ ...smallConfig, quantization_config: settings } as never)
  expect(await refused(folder)).toContain(`quant_method ${name} is not supported`)
})
