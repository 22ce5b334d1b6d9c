import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { reportOf } from '../../lib/cli/report.js'
import { estimateMemory } from '../../lib/cli/sizes.js'
import { openSource } from '../../lib/formats/index.js'
import { partBytes, type WeightPart } from '../../lib/formats/source.js'
import { tinyPhi3 } from '../support/models.js'
import { sharedData, temporaryFolder } from '../support/shared.js'
import {
  buildGguf,
  buildSafetensors,
  checkpointShapes,
  ggufString,
  ggufUint32,
  smallConfig,
  writeCheckpoint,
} from './files.js'

const root = await temporaryFolder()
let count = 0
async function folderWith(files: Record<string, string | Uint8Array>): Promise<string> {
  const folder = join(root, String(count++))
  await mkdir(folder)
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
  return folder
}
const report = (path: string, options = {}) => reportOf(path, { kv: 'f16', device: null, ...options })

describe('a model that runs', () => {
  test.each([
    ['golden/awq-gemm-g32', { dtype: 'INT4', groupSize: 32, zeroPoints: true, packing: 'awq' }, true],
    ['golden/gptq-v2-g64', { dtype: 'INT4', groupSize: 64, zeroPoints: true, packing: 'gptq_v2' }, true],
    ['golden/gqa', { dtype: 'BF16' }, false],
    ['onnx/cpu-int4-rtn-block-32-acc-level-4', { dtype: 'INT4', groupSize: 32, zeroPoints: false }, false],
    ['onnx/cpu-fp32', { dtype: 'F32', packing: 'columns' }, true],
  ])('%s: the kind of each group, and whether it is copied on loading', async (name, kind, isCopied) => {
    const path = sharedData(name)
    if (path === null) return
    const { supported, reason, quantization, memory } = await report(path)
    expect([supported, reason]).toEqual([true, null])
    expect(quantization.find(({ group }) => group === 'attention')).toMatchObject(kind)
    expect(quantization.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(memory!.weightsBytes)
    expect(memory!.weights.copiedBytes > 0).toBe(isCopied)
    expect(memory!.weights.copiedBytes + memory!.weights.inPlaceBytes).toBe(memory!.weightsBytes)
  })

  test.each([
    ['golden/longrope', 'longrope', 10000, 'config.json'],
    ['golden/mha', 'default', 10000, 'config.json'],
    ['onnx/cuda-fp16', 'longrope', null, 'tables in'],
  ])('%s: its rope rule and where it stands', async (name, type, theta, source) => {
    const path = sharedData(name)
    if (path === null) return
    const { rope } = await report(path)
    expect(rope).toMatchObject({ type, theta })
    expect(rope!.source).toContain(source)
    expect(rope!.rule).toMatch(type === 'longrope' ? /up to 64 tokens/ : /one base/)
  })

  test('GGUF is told by its first bytes, so its rope rule stands in its keys whatever the file is called', async () => {
    const folder = await folderWith({})
    const path = join(folder, 'model.bin')
    await copyFile(join(tinyPhi3, 'tiny-phi3-q8_0.gguf'), path)
    expect((await report(path)).rope).toMatchObject({ type: 'default', source: 'phi3.rope keys' })
  })

  test('memory grows with the context by what a token keeps, and is set against the device', async () => {
    const gpu = { id: 'cuda:0', backend: 'cuda', memory: 2 ** 20 }
    const [short, long] = [
      await report(tinyPhi3, { context: 200 }),
      await report(tinyPhi3, { context: 300, device: gpu }),
    ]
    const [a, b] = [short.memory!, long.memory!]
    // cos and sin of 32 pairs, float32
    expect(b.at.totalBytes - a.at.totalBytes).toBe(100 * (a.kvBytesPerToken.f16 + 2 * 32 * 4))
    expect(a.weights.copiedBytes).toBe(0)
    expect(b.weights.copiedBytes).toBe(b.weightsBytes)
    expect([a.device, b.device]).toEqual([null, { id: 'cuda:0', memoryBytes: 2 ** 20, fits: false }])
  })
})

describe('memory that is copied on loading', () => {
  const range = (bytes: number) => ({ file: 'x', offset: 0, bytes })
  const groups = { size: 32, scales: range(2 * 8 * 2), scaleType: 'float16' } as const
  const part: WeightPart = { format: 'int4', rows: 8, data: range(8 * 32), groups }
  test.each<[string, WeightPart, boolean]>([
    ['rows of unsigned values', part, false],
    ['columns', { ...part, packing: 'columns' }, true],
    ['signed values', { ...part, groups: { ...groups, signed: true } }, true],
    ['groups of scattered columns', { ...part, groups: { ...groups, gIdx: range(4 * 64) } }, true],
    ['what lies within a graph', { ...part, data: new Uint8Array(8 * 32) }, true],
  ])('%s', async (_, part, isCopied) => {
    const source = await openSource(tinyPhi3)
    const [layer] = source.weights.layers
    const weights = { ...source.weights, layers: [{ ...layer!, o: { shape: [8, 64] as const, parts: [part] } }] }
    const { copiedBytes } = estimateMemory({ ...source, weights }, { kv: 'f16', device: null }).weights
    expect(copiedBytes).toBe(isCopied ? partBytes(part) : 0)
  })
})

describe('a model that does not run is described as far as its container goes:', () => {
  test('GGUF of another architecture', async () => {
    const file = buildGguf({
      pairs: [ggufString('general.architecture', 'phimoe'), ggufUint32('phimoe.block_count', 1)],
      tensors: [
        { name: 'blk.0.ffn_up_exps.weight', extents: [256, 2], type: 12, offset: 0 },
        { name: 'blk.0.attn_norm.weight', extents: [8], type: 0, offset: 288 },
      ],
      dataBytes: 320,
    })
    const found = await report(join(await folderWith({ 'moe.gguf': file }), 'moe.gguf'))
    expect(found).toMatchObject({
      supported: false,
      format: 'gguf',
      architecture: 'phimoe',
      config: null,
      memory: null,
    })
    expect(found.reason).toContain('mixture of 16 experts')
    expect(found.tensors[0]).toEqual({ name: 'blk.0.ffn_up_exps.weight', shape: [2, 256], dtype: 'Q4_K' })
    expect(found.quantization).toEqual([
      { group: 'mlp', dtype: 'Q4_K', tensors: 1, parameters: 512, bytes: 288, bitsPerWeight: 4.5 },
      { group: 'norm', dtype: 'F32', tensors: 1, parameters: 8, bytes: 32, bitsPerWeight: 32 },
    ])
  })

  test('a vocabulary alone, with its tokenizer', async () => {
    const path = sharedData('ggml-vocab-phi-3/ggml-vocab-phi-3.gguf')
    if (path === null) return
    const found = await report(path)
    expect(found).toMatchObject({ supported: false, architecture: 'phi3', tensors: [], quantization: [] })
    expect(found.reason).toContain('a vocabulary without weights')
    expect(found.tokenizer).toMatchObject({ kind: 'gguf', vocabSize: 32064, bosId: 1 })
  })

  const header = Object.fromEntries(
    checkpointShapes(smallConfig).map(([name, shape], i) => [
      name,
      { dtype: 'U8', shape: [shape[0]], data_offsets: [256 * i, 256 * i + shape[0]!] },
    ]),
  )
  const bare = buildSafetensors(header, 256 * 15)

  test('safetensors without a config', async () => {
    const path = join(await folderWith({ 'model.safetensors': bare }), 'model.safetensors')
    const found = await report(path)
    expect(found).toMatchObject({ supported: false, format: 'safetensors', architecture: null, tokenizer: null })
    expect(found.reason).toContain('config.json')
    expect(found.tensors).toHaveLength(15)
    expect(new Set(found.quantization.map(({ group }) => group))).toEqual(
      new Set(['embedding', 'norm', 'attention', 'mlp', 'head']),
    )
  })

  test('safetensors of another architecture', async () => {
    const config = JSON.stringify({ ...smallConfig, architectures: ['Phi3SmallForCausalLM'] })
    const found = await report(await folderWith({ 'model.safetensors': bare, 'config.json': config }))
    expect(found).toMatchObject({ supported: false, architecture: 'Phi3SmallForCausalLM' })
    expect(found.reason).toContain('block-sparse attention')
  })
})

describe('a file that is no model', () => {
  test('fails with what is wrong with it', async () => {
    const folder = await folderWith({ 'cut.gguf': buildGguf({ tensorCount: 9, pairs: [ggufString('a', 'b')] }) })
    await expect(report(join(folder, 'cut.gguf'))).rejects.toMatchObject({ code: 'ERR_FORMAT' })
    await expect(report(join(folder, 'none.gguf'))).rejects.toMatchObject({ code: 'ERR_FILE' })
  })

  test('fails where a checkpoint lost its end', async () => {
    const folder = await folderWith({})
    await writeCheckpoint(folder, smallConfig)
    const { truncate, stat } = await import('node:fs/promises')
    const path = join(folder, 'model.safetensors')
    await truncate(path, (await stat(path)).size - 1)
    await expect(report(folder)).rejects.toMatchObject({ code: 'ERR_FORMAT' })
  })
})
