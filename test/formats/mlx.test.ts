import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { phi3Weights } from '../../lib/architectures/phi3.js'
import { FormatError, UnsupportedModelError } from '../../lib/errors.js'
import { openSource } from '../../lib/formats/index.js'
import { temporaryFolder } from '../support/shared.js'
import { buildSafetensors, checkpointShapes, smallConfig } from './files.js'

// Checkpoints as MLX quantises them; the golden ones have their numbers.

const root = await temporaryFolder()
let count = 0

interface Layer {
  readonly bits: number
  readonly size: number
}
/** `layerOf`: how a matrix is quantised; null: it is not. */
async function checkpoint(config: object, layerOf: (name: string) => Layer | null): Promise<string> {
  const header: Record<string, unknown> = { __metadata__: { format: 'mlx' } }
  let offset = 0
  const add = (name: string, dtype: string, shape: number[]) => {
    const bytes = shape.reduce((product, extent) => product * extent, dtype === 'U32' ? 4 : 2)
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes] }
    offset += bytes
  }
  for (const [name, shape] of checkpointShapes(smallConfig)) {
    const base = name.replace('.weight', '')
    const layer = shape.length === 2 ? layerOf(base) : null
    if (!layer) {
      add(name, 'BF16', shape)
      continue
    }
    const [rows, columns] = shape as [number, number]
    add(name, 'U32', [rows, (columns * layer.bits) / 32])
    for (const beside of ['scales', 'biases']) add(`${base}.${beside}`, 'BF16', [rows, columns / layer.size])
  }
  const folder = join(root, `mlx-${count++}`)
  await mkdir(folder)
  await writeFile(join(folder, 'model.safetensors'), buildSafetensors(header, offset))
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...smallConfig, ...config }))
  return folder
}
const plain = () => ({ bits: 4, size: 32 })
const settings = { group_size: 32, bits: 4, mode: 'affine' }

test.each([
  ['both of its keys', { quantization: settings, quantization_config: settings }],
  ['the older key alone', { quantization: { group_size: 32, bits: 4 } }],
])('settings under %s give every matrix scales and offsets, the embedding too', async (_, config) => {
  const source = await openSource(await checkpoint(config, plain))
  const { embed, layers, head, norm } = phi3Weights(source)
  for (const { parts } of [embed, head, layers[1]!.qkv, layers[0]!.down])
    expect(parts).toMatchObject([
      {
        format: 'int4',
        groups: { size: 32, scaleType: 'bfloat16', zeroType: 'offset', zeros: { bytes: expect.any(Number) } },
      },
    ])
  expect(norm.parts[0]!.format).toBe('bfloat16')
  expect(source.allowsInt8).toBe(false)
})

test('single layers have settings of their own, or are not quantised', async () => {
  const own = { 'model.layers.0.mlp.down_proj': { group_size: 32, bits: 8 }, lm_head: false }
  const quantization = { ...settings, ...own }
  const folder = await checkpoint({ quantization }, (name) =>
    name === 'lm_head' ? null : name === 'model.layers.0.mlp.down_proj' ? { bits: 8, size: 32 } : plain(),
  )
  const { layers, head } = phi3Weights(await openSource(folder))
  expect(layers.map(({ down }) => down.parts[0]!.format)).toEqual(['int8', 'int4'])
  expect(head.parts[0]!.format).toBe('bfloat16')
})

describe('what is refused', () => {
  test.each([
    [{ ...settings, mode: 'mxfp4' }, "MLX's mode mxfp4"],
    [{ ...settings, bits: 3 }, 'MLX with 3 bits'],
    [{ ...settings, lm_head: { bits: 6 } }, 'MLX with 6 bits'],
  ])('%j as not supported', async (quantization, message) => {
    const folder = await checkpoint({ quantization }, plain)
    await expect(openSource(folder)).rejects.toThrow(UnsupportedModelError)
    await expect(openSource(folder)).rejects.toThrow(message)
  })

  test.each([
    [{ ...settings, group_size: 48 }, plain, 'group_size must be 32, 64 or 128, but is 48'],
    [{ ...settings, group_size: 128 }, plain, 'group_size must divide the 64 columns of model.embed_tokens'],
    [{ ...settings, bits: 8 }, plain, 'model.embed_tokens.weight must be U32 [80, 16], but is U32 [80, 8]'],
    [
      { ...settings, group_size: 64 },
      plain,
      'model.embed_tokens.scales must be F16, BF16, F32 [80, 1], but is BF16 [80, 2]',
    ],
  ])('%j that the tensors contradict', async (quantization, layerOf, message) => {
    const folder = await checkpoint({ quantization }, layerOf)
    await expect(openSource(folder)).rejects.toThrow(FormatError)
    await expect(openSource(folder)).rejects.toThrow(message)
  })
})
