import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Blueprint, decoderFields, partsOf, type Size } from '../../lib/architectures/blueprint.js'
import { architectures } from '../../lib/architectures/index.js'
import { estimateMemory } from '../../lib/cli/sizes.js'
import { modelMatrices } from '../../lib/convert/matrices.js'
import { UnsupportedModelError } from '../../lib/errors.js'
import { openSource } from '../../lib/formats/index.js'
import type { FileRange, WeightSource } from '../../lib/formats/source.js'
import { temporaryFolder } from '../support/shared.js'
import { buildGguf, buildSafetensors, ggufString, ggufUint32 } from './files.js'

// A second architecture is a file of its own: the same readers open it from every container, inspect and convert follow.

const width: Size = ({ hiddenSize }) => hiddenSize
const experts: Size = ({ own, intermediateSize }) => own!.experts! * intermediateSize

const toy: Blueprint = {
  name: 'toy',
  title: 'a toy',
  called: { huggingface: ['ToyForCausalLM'], gguf: ['toy'], genai: ['toy'] },
  fields: { ...decoderFields, intermediateSize: { huggingface: 'expert_size', gguf: 'expert_length', limit: 'width' } },
  epsilon: { huggingface: 'norm_eps', gguf: 'attention.layer_norm_epsilon' },
  own: { experts: { huggingface: 'num_experts', gguf: 'expert_count', limit: 'heads' } },
  required: { hidden_act: 'relu' },
  parts: {
    embed: {
      names: { huggingface: ['toy.embed.weight'], gguf: ['token_embd.weight'] },
      rows: [({ vocabSize }) => vocabSize],
      columns: width,
      group: 'embedding',
    },
    normBias: {
      names: { huggingface: ['toy.norm.bias'], gguf: ['output_norm.bias'] },
      rows: [],
      columns: width,
      group: 'norm',
    },
    head: {
      names: { huggingface: ['toy.head.weight'], gguf: ['output.weight'] },
      rows: [({ vocabSize }) => vocabSize],
      columns: width,
      group: 'head',
      tiedTo: 'embed',
    },
  },
  layer: {
    mix: {
      names: { huggingface: ['toy.*.mix.weight', 'toy.*.a.weight', 'toy.*.b.weight'], gguf: ['blk.*.mix.weight'] },
      rows: [experts, width],
      columns: width,
      group: 'mlp',
    },
  },
  ignored: { huggingface: /^never$/, gguf: /^never$/ },
  width: experts,
}
const known = [...architectures, toy]

const sizes = { vocab: 10, width: 32, inner: 8, experts: 3, layers: 2 }
const mixed = sizes.experts * sizes.inner + sizes.width
const root = await temporaryFolder()

async function safetensors(change: object = {}): Promise<string> {
  const shapes: [string, number[]][] = [
    ['toy.embed.weight', [sizes.vocab, sizes.width]],
    ['toy.norm.bias', [sizes.width]],
    // the second layer in pieces
    ['toy.0.mix.weight', [mixed, sizes.width]],
    ['toy.1.a.weight', [mixed - sizes.width, sizes.width]],
    ['toy.1.b.weight', [sizes.width, sizes.width]],
  ]
  let offset = 0
  const entries = shapes.map(([name, shape]) => {
    const bytes = shape.reduce((product, extent) => product * extent, 4)
    offset += bytes
    return [name, { dtype: 'F32', shape, data_offsets: [offset - bytes, offset] }]
  })
  const folder = join(root, 'safetensors')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'model.safetensors'), buildSafetensors(Object.fromEntries(entries), offset))
  const config = {
    architectures: ['ToyForCausalLM'],
    hidden_act: 'relu',
    hidden_size: sizes.width,
    expert_size: sizes.inner,
    num_experts: sizes.experts,
    num_hidden_layers: sizes.layers,
    num_attention_heads: 4,
    vocab_size: sizes.vocab,
    norm_eps: 1e-6,
    max_position_embeddings: 64,
    tie_word_embeddings: true,
    eos_token_id: 2,
    ...change,
  }
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
  return folder
}

async function gguf(): Promise<string> {
  const shapes: [string, number[]][] = [
    ['token_embd.weight', [sizes.width, sizes.vocab]],
    ['output_norm.bias', [sizes.width]],
    ['blk.0.mix.weight', [sizes.width, mixed]],
    ['blk.1.mix.weight', [sizes.width, mixed]],
  ]
  let offset = 0
  const tensors = shapes.map(([name, extents]) => {
    const tensor = { name, extents, type: 0, offset }
    offset += extents.reduce((product, extent) => product * extent, 4)
    return tensor
  })
  const path = join(root, 'toy.gguf')
  const epsilon = new Uint8Array(Float32Array.of(1e-6).buffer)
  await writeFile(
    path,
    buildGguf({
      pairs: [
        ggufString('general.architecture', 'toy'),
        ggufUint32('toy.embedding_length', sizes.width),
        ggufUint32('toy.expert_length', sizes.inner),
        ggufUint32('toy.expert_count', sizes.experts),
        ggufUint32('toy.block_count', sizes.layers),
        ggufUint32('toy.attention.head_count', 4),
        ggufUint32('toy.context_length', 64),
        ['toy.attention.layer_norm_epsilon', 6, epsilon],
      ],
      tensors,
      dataBytes: offset,
    }),
  )
  return path
}

describe.each([
  ['safetensors', safetensors],
  ['GGUF', gguf],
] as const)('a toy in %s', (_, make) => {
  let source: WeightSource
  test('opens by its blueprint, sizes and weights', async () => {
    source = await openSource(await make(), known)
    expect(source.blueprint).toBe(toy)
    expect(source.config).toMatchObject({
      hiddenSize: 32,
      intermediateSize: 8,
      headDim: 8,
      numKeyValueHeads: 4,
      vocabSize: 10,
      slidingWindow: null,
      tieWordEmbeddings: true,
      own: { experts: 3 },
    })
    expect(source.config.rmsNormEps).toBeCloseTo(1e-6, 12)
    expect(source.weights.head).toBe(source.weights.embed)
    expect(source.weights.layers.map(({ mix }) => mix!.shape)).toEqual([
      [mixed, 32],
      [mixed, 32],
    ])
    const parts = [...partsOf(toy, source.weights)]
    expect(parts.map(({ key, layer }) => [key, layer])).toEqual([
      ['embed', null],
      ['mix', 0],
      ['mix', 1],
      ['normBias', null],
    ])
    for (const { weight } of parts)
      for (const { data, rows } of weight.parts) expect((data as FileRange).bytes).toBe(4 * rows * weight.shape.at(-1)!)
  })

  test('has its memory computed and its tensors named for other containers', () => {
    const memory = estimateMemory(source, { kv: 'f16', device: null })
    expect(memory.weightsBytes).toBe(4 * (10 * 32 + 32 + 2 * mixed * 32))
    expect(memory.at.activationBytes).toBe(4 * (64 * 24 + 10))
    expect(modelMatrices(source, 'gguf').map(({ name }) => name)).toEqual([
      'token_embd.weight',
      'blk.0.mix.weight',
      'blk.1.mix.weight',
      'output_norm.bias',
    ])
  })

  test('is refused by its name where it is not known', async () => {
    await expect(openSource(await make())).rejects.toThrow(UnsupportedModelError)
    await expect(openSource(await make())).rejects.toThrow(/architecture [Tt]oy\w* is not supported; it runs/)
  })
})

test('a setting that a blueprint requires is checked', async () => {
  await expect(openSource(await safetensors({ hidden_act: 'silu' }), known)).rejects.toThrow('hidden_act silu')
})
