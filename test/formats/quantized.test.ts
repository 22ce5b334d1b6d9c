import { mkdtemp, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Phi3Layer, phi3Weights } from '../../lib/architectures/phi3.js'
import { FormatError, UnsupportedModelError } from '../../lib/errors.js'
import { openSource } from '../../lib/formats/index.js'
import type { WeightPart } from '../../lib/formats/source.js'
import { sharedData, temporaryFolder } from '../support/shared.js'
import { buildSafetensors, checkpointShapes, smallConfig } from './files.js'

const golden = sharedData('golden')

describe.skipIf(golden === null)('published forms', () => {
  test.each([
    ['awq-gemm-g32', 'awq', 32, false],
    ['awq-gemm-g128', 'awq', 128, false],
    ['gptq-v1-g32', 'gptq', 32, false],
    ['gptq-v2-g64', 'gptq_v2', 64, false],
    ['gptq-act-order-g32', 'gptq', 32, true],
  ])('%s is int4 in packing %s with groups of %i', async (name, packing, size, actOrder) => {
    const { config, weights, allowsInt8 } = await openSource(join(golden as string, name))
    const [C, I] = [config.hiddenSize, config.intermediateSize]
    const keys = config.numKeyValueHeads * config.headDim
    const [{ qkv, o, gateUp, down }] = weights.layers as [Phi3Layer]
    const sizes = [
      [qkv, C + 2 * keys, C],
      [o, C, C],
      [gateUp, 2 * I, C],
      [down, C, I],
    ] as const
    for (const [weight, rows, columns] of sizes) {
      expect(weight.shape).toEqual([rows, columns])
      expect(weight.parts).toHaveLength(1)
      const [part] = weight.parts as [WeightPart]
      expect(part).toMatchObject({ format: 'int4', packing, rows, groups: { size, scaleType: 'float16' } })
      const { scales, zeros, gIdx } = part.groups!
      const bytes = [part.data, scales, zeros].map((payload) => (payload as { bytes: number }).bytes)
      expect(bytes).toEqual([(rows * columns) / 2, 2 * rows * (columns / size), (rows * (columns / size)) / 2])
      if (actOrder) expect((gIdx as Uint8Array).length).toBe(4 * columns)
      else expect(gIdx).toBeUndefined()
    }
    expect(weights.embed.parts[0]!.format).toBe('float16')
    expect(weights.head.parts[0]!.format).toBe('float16')
    expect(allowsInt8).toBe(false)
  })
})

interface Tensor {
  dtype: string
  shape: number[]
  values?: Int32Array
}
type Tensors = Map<string, Tensor>
const linear = /^(.*(?:_proj))\.weight$/
const root = await temporaryFolder()

/** The small model with its linear layers quantised, zeros everywhere; `change` may bend what is written. */
async function checkpoint({
  config = {},
  files = {},
  method = 'gptq',
  size = 16,
  split = false,
  change = (_: Tensors) => {},
}: {
  config?: object
  files?: Record<string, object>
  method?: 'awq' | 'gptq'
  size?: number
  split?: boolean
  change?: (tensors: Tensors) => void
} = {}): Promise<string> {
  const folder = await mkdtemp(join(root, 'model-'))
  const tensors: Tensors = new Map()
  for (const [name, shape] of checkpointShapes(smallConfig, split)) {
    const base = linear.exec(name)?.[1]
    if (base === undefined) {
      tensors.set(name, { dtype: 'F32', shape })
      continue
    }
    const [N, K] = shape as [number, number]
    const groups = size === -1 ? 1 : K / size
    const gIdx = Int32Array.from({ length: K }, (_, k) => (size === -1 ? 0 : Math.floor(k / size)))
    tensors.set(`${base}.qweight`, { dtype: 'I32', shape: method === 'awq' ? [K, N / 8] : [K / 8, N] })
    tensors.set(`${base}.qzeros`, { dtype: 'I32', shape: [groups, N / 8] })
    tensors.set(`${base}.scales`, { dtype: 'BF16', shape: [groups, N] })
    if (method === 'gptq') tensors.set(`${base}.g_idx`, { dtype: 'I32', shape: [K], values: gIdx })
  }
  change(tensors)
  const header: Record<string, unknown> = {}
  const data: Uint8Array[] = []
  let offset = 0
  for (const [name, { dtype, shape, values }] of tensors) {
    const bytes = shape.reduce((product, extent) => product * extent, { BF16: 2, F16: 2, I64: 8 }[dtype] ?? 4)
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes] }
    data.push(values ? new Uint8Array(values.buffer) : new Uint8Array(bytes))
    offset += bytes
  }
  await writeFile(join(folder, 'model.safetensors'), buildSafetensors(header, Buffer.concat(data)))
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...smallConfig, ...config }))
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(content))
  return folder
}
const gptq = { quant_method: 'gptq', bits: 4, group_size: 16, desc_act: false, sym: true }
const awq = { quant_method: 'awq', bits: 4, group_size: 16, zero_point: true, version: 'gemm' }
const partOf = async (folder: string) => phi3Weights(await openSource(folder)).layers[1]!.qkv.parts

const layer1 = 'model.layers.1.self_attn'

describe('a quantised checkpoint', () => {
  test.each([
    ['quantize_config.json', { bits: 4, group_size: 16, desc_act: false, sym: true }, 'gptq'],
    ['quant_config.json', { zero_point: true, q_group_size: 16, w_bit: 4, version: 'GEMM' }, 'awq'],
  ] as const)('may have its settings in %s', async (name, settings, method) => {
    const folder = await checkpoint({ files: { [name]: settings }, method })
    expect(await partOf(folder)).toMatchObject([
      { packing: method, rows: 128, groups: { size: 16, scaleType: 'bfloat16' } },
    ])
  })

  test('may have projections apart, and some of them in floats', async () => {
    const folder = await checkpoint({
      config: { quantization_config: { ...awq, modules_to_not_convert: ['v_proj'] } },
      method: 'awq',
      split: true,
      change: (tensors) => {
        for (const end of ['qweight', 'qzeros', 'scales']) tensors.delete(`${layer1}.v_proj.${end}`)
        tensors.set(`${layer1}.v_proj.weight`, { dtype: 'F16', shape: [32, 64] })
      },
    })
    expect(await partOf(folder)).toMatchObject([
      { format: 'int4', rows: 64 },
      { format: 'int4', rows: 32 },
      { format: 'float16', rows: 32 },
    ])
  })

  test('may have a whole row as its group', async () => {
    const folder = await checkpoint({ config: { quantization_config: { ...gptq, group_size: -1 } }, size: -1 })
    const [part] = await partOf(folder)
    expect(part!.groups).toMatchObject({ size: 64 })
    expect(part!.groups!.gIdx).toBeUndefined()
  })

  test('may have no zero points where it is symmetric', async () => {
    const change = (tensors: Tensors) => void tensors.delete(`${layer1}.qkv_proj.qzeros`)
    const [part] = await partOf(await checkpoint({ config: { quantization_config: gptq }, change }))
    expect(part!.groups!.zeros).toBeUndefined()
    const asymmetric = await checkpoint({ config: { quantization_config: { ...gptq, sym: false } }, change })
    await expect(partOf(asymmetric)).rejects.toThrow(`tensor ${layer1}.qkv_proj.qzeros [4, 16] must be there`)
  })

  test('keeps g_idx where columns of a group are not neighbours, whatever desc_act says', async () => {
    const order = Int32Array.from({ length: 64 }, (_, k) => k % 4)
    const change = (tensors: Tensors) => {
      tensors.set(`${layer1}.qkv_proj.g_idx`, { dtype: 'I32', shape: [64], values: order })
    }
    const [part] = await partOf(await checkpoint({ config: { quantization_config: gptq }, change }))
    const { gIdx } = part!.groups as { gIdx: Uint8Array }
    expect(new Int32Array(gIdx.slice().buffer)).toEqual(order)
  })

  test.each([
    [{ quant_method: 'bitsandbytes', load_in_4bit: true }, 'quant_method bitsandbytes'],
    [{ quant_method: 'fp8' }, 'quant_method fp8'],
    [{ quant_method: 'compressed-tensors' }, 'quant_method compressed-tensors'],
    [{ ...gptq, bits: 8 }, 'gptq with 8 bits'],
    [{ ...gptq, checkpoint_format: 'marlin' }, 'checkpoint_format marlin'],
    [{ ...gptq, is_marlin_format: true }, 'marlin format'],
    [{ ...awq, version: 'gemv_fast' }, 'awq version gemv_fast'],
    [{ ...awq, bits: 3 }, 'awq with 3 bits'],
  ])('of %j is not supported', async (quantization, message) => {
    const folder = await checkpoint({ config: { quantization_config: quantization } })
    await expect(openSource(folder)).rejects.toThrow(UnsupportedModelError)
    await expect(openSource(folder)).rejects.toThrow(message)
  })

  test.each([
    [[], 'quantization_config must be an object'],
    [{ ...gptq, bits: 'four' }, 'bits must be an integer'],
    [{ ...gptq, group_size: 0 }, 'group_size must be a power of two from 16 on, or -1, but is 0'],
    [{ ...gptq, group_size: 48 }, 'group_size must be a power of two from 16 on, or -1, but is 48'],
    [{ ...gptq, group_size: 1e12 }, 'group_size must be an integer'],
    [{ ...gptq, group_size: 128 }, 'group_size must divide the 64 columns of'],
    [{ ...gptq, group_size: 32 }, 'scales must be F16, BF16, F32 [2, 128], but is BF16 [4, 128]'],
    [{ ...gptq, sym: 1 }, 'sym must be true or false'],
  ])('with settings %j is refused', async (quantization, message) => {
    const folder = await checkpoint({ config: { quantization_config: quantization } })
    await expect(openSource(folder)).rejects.toThrow(FormatError)
    await expect(openSource(folder)).rejects.toThrow(message)
  })

  const qkv = `${layer1}.qkv_proj`
  test.each<[string, Tensor | null, string]>([
    [`${qkv}.qweight`, { dtype: 'I32', shape: [64, 16] }, 'qweight must be I32 [8, 128], but is I32 [64, 16]'],
    [`${qkv}.qweight`, { dtype: 'F32', shape: [8, 128] }, 'qweight must be I32 [8, 128], but is F32 [8, 128]'],
    [`${qkv}.qweight`, null, `tensor ${qkv}.weight [128, 64] must be there, but is missing`],
    [`${qkv}.scales`, null, 'scales [4, 128] must be there, but is missing'],
    [`${qkv}.scales`, { dtype: 'I64', shape: [4, 128] }, 'scales must be F16, BF16, F32 [4, 128], but is I64'],
    [`${qkv}.qzeros`, { dtype: 'I32', shape: [16, 4] }, 'qzeros must be I32 [4, 16], but is I32 [16, 4]'],
    [`${qkv}.g_idx`, { dtype: 'I32', shape: [63] }, 'g_idx must be I32 [64], but is I32 [63]'],
    [`${qkv}.g_idx`, { dtype: 'I32', shape: [64], values: new Int32Array(64).fill(4) }, 'groups below 4, but column 0'],
    [
      `${qkv}.g_idx`,
      { dtype: 'I32', shape: [64], values: new Int32Array(64).fill(-1) },
      'groups below 4, but column 0',
    ],
  ])('with %s as %j is refused', async (name, tensor, message) => {
    const change = (tensors: Tensors) => void (tensor ? tensors.set(name, tensor) : tensors.delete(name))
    const folder = await checkpoint({ config: { quantization_config: gptq }, change })
    await expect(openSource(folder)).rejects.toThrow(FormatError)
    await expect(openSource(folder)).rejects.toThrow(message)
  })

  test.each([`${qkv}.weight`, `${qkv}.bias`])('with %s besides is refused', async (name) => {
    const change = (tensors: Tensors) => void tensors.set(name, { dtype: 'F16', shape: [128, 64] })
    const folder = await checkpoint({ config: { quantization_config: gptq }, change })
    await expect(openSource(folder)).rejects.toThrow(`tensor ${name} must be part of a dense Phi-3, but is not`)
  })

  test('with group indices that would fill the memory is refused', async () => {
    const folder = await checkpoint({ config: { quantization_config: gptq } })
    const bytes = 2 ** 22
    const entries = Array.from({ length: 17 }, (_, i) => [
      `x${i}.g_idx`,
      { dtype: 'I32', shape: [bytes / 4], data_offsets: [i * bytes, (i + 1) * bytes] },
    ])
    const path = join(folder, 'model.safetensors')
    const header = buildSafetensors(Object.fromEntries(entries), 0)
    await writeFile(path, header)
    await truncate(path, header.length + 17 * bytes)
    await expect(openSource(folder)).rejects.toThrow(/group indices must have at most \d+ bytes/)
  })

  test('without settings is refused', async () => {
    await expect(openSource(await checkpoint())).rejects.toThrow(
      'qkv_proj is quantised, and config.json must have a quantization_config, but has none',
    )
  })
})
