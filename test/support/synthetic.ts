import { closeSync, openSync, writeSync } from 'node:fs'
import { type GgufEntry, type GgufTensor, ggufAlignment, ggufHeader } from '../../lib/convert/gguf-header.js'
import { tensorFile } from '../../lib/convert/output.js'
import { formatTable, type WeightFormat } from '../../lib/formats/weight-formats.js'

// GGUF files of Phi-3 with random weights, of any size and in the mixtures in which such models are published.

export interface Sizes {
  readonly layers: number
  readonly hidden: number
  readonly inner: number
  readonly heads: number
  readonly groups: number
  readonly vocab: number
  readonly context: number
}

/** Bytes of a matrix in a format. */
export type Records = (format: WeightFormat, bytes: number) => Iterable<Uint8Array>

type Short = 'token_embd' | 'output' | 'attn_qkv' | 'attn_output' | 'ffn_up' | 'ffn_down'

/** The format of a matrix of layer `layer`; Q4_K_M, Q2_K and IQ4_XS as llama.cpp mixes them. */
const mixtures = {
  q4_0: () => 'q4_0',
  q8_0: () => 'q8_0',
  f16: () => 'float16',
  bf16: () => 'bfloat16',
  q4_k_m: (name, layer) => {
    if (name === 'output' || (name === 'ffn_down' && layer % 2 === 0)) return 'q6_k'
    return name === 'attn_qkv' ? 'q5_k' : 'q4_k'
  },
  q2_k: (name) => (name === 'output' ? 'q6_k' : name === 'attn_output' || name === 'ffn_down' ? 'q3_k' : 'q2_k'),
  iq4_xs: (name) => (name === 'output' ? 'q6_k' : name === 'attn_qkv' ? 'q5_k' : 'iq4_xs'),
} as const satisfies Record<string, (name: Short, layer: number) => WeightFormat>
export type Mixture = keyof typeof mixtures
export const mixtureNames = Object.keys(mixtures) as readonly Mixture[]

const noTokenizer: readonly GgufEntry[] = [['tokenizer.ggml.model', 'string', 'no_vocab']]

const metadata = (sizes: Sizes): readonly GgufEntry[] => [
  ['general.architecture', 'string', 'phi3'],
  ['general.name', 'string', 'synthetic'],
  ['phi3.block_count', 'uint32', sizes.layers],
  ['phi3.embedding_length', 'uint32', sizes.hidden],
  ['phi3.feed_forward_length', 'uint32', sizes.inner],
  ['phi3.attention.head_count', 'uint32', sizes.heads],
  ['phi3.attention.head_count_kv', 'uint32', sizes.groups],
  ['phi3.context_length', 'uint32', sizes.context],
  ['phi3.rope.scaling.original_context_length', 'uint32', sizes.context],
  ['phi3.attention.layer_norm_rms_epsilon', 'float32', 1e-5],
  ['phi3.attention.sliding_window', 'uint32', 0],
  ['phi3.rope.dimension_count', 'uint32', sizes.hidden / sizes.heads],
  ['phi3.rope.freq_base', 'float32', 10000],
  ['phi3.vocab_size', 'uint32', sizes.vocab],
]

function tensors(mixture: Mixture, { hidden, inner, heads, groups, layers, vocab }: Sizes, records: Records) {
  const matrix = (name: string, short: Short, layer: number, shape: readonly [number, number]): GgufTensor => {
    const format: WeightFormat = (mixtures[mixture] as (name: Short, layer: number) => WeightFormat)(short, layer)
    const { block, bytes: record } = formatTable[format]
    const bytes = (shape[0] * shape[1] * record) / block
    return { name: `${name}.weight`, shape, format, bytes, data: () => records(format, bytes) }
  }
  const ones = (name: string): GgufTensor => {
    const values = new Uint8Array(new Float32Array(hidden).fill(1).buffer)
    return { name: `${name}.weight`, shape: [hidden], format: 'float32', bytes: values.length, data: () => [values] }
  }
  const shapes = {
    attn_qkv: [hidden + (2 * groups * hidden) / heads, hidden],
    attn_output: [hidden, hidden],
    ffn_up: [2 * inner, hidden],
    ffn_down: [hidden, inner],
  } as const
  return [
    matrix('token_embd', 'token_embd', 0, [vocab, hidden]),
    ones('output_norm'),
    matrix('output', 'output', 0, [vocab, hidden]),
    ...Array.from({ length: layers }, (_, i) => [
      ones(`blk.${i}.attn_norm`),
      ones(`blk.${i}.ffn_norm`),
      ...Object.entries(shapes).map(([name, shape]) => matrix(`blk.${i}.${name}`, name as Short, i, shape)),
    ]).flat(),
  ]
}

/** Writes a model; without a `tokenizer`, the `tokenizer.*` keys of one, it takes ids. */
export async function writeSynthetic(
  path: string,
  mixture: Mixture,
  sizes: Sizes,
  records: Records,
  tokenizer: readonly GgufEntry[] = noTokenizer,
): Promise<void> {
  const list = tensors(mixture, sizes, records)
  const header = ggufHeader([...metadata(sizes), ...tokenizer], list)
  const file = openSync(path, 'w')
  try {
    for await (const piece of tensorFile(path, header, list, ggufAlignment).data()) writeSync(file, piece)
  } finally {
    closeSync(file)
  }
}
