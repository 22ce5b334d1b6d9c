// node test/gpu/mini.js FORMAT... --folder DIR --out FILE: for each format writes a synthetic Phi-3-mini of full size, compares its
// logits on cuda:0 with the CPU's, and times load, prefill and decode with `lophi bench`. The results are written after each.
// Formats: q4_0, q4_k_m, q8_0, f16.
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type GgufEntry, type GgufTensor, ggufAlignment, ggufHeader } from '../../lib/convert/gguf-header.js'
import { tensorFile } from '../../lib/convert/output.js'
import { formatTable, type WeightFormat } from '../../lib/formats/weight-formats.js'
import { loadModel } from '../../lib/index.js'
import { standardDeviation } from '../support/models.js'
import { randomRecords } from './random-weights.js'

const sizes = { layers: 32, hidden: 3072, inner: 8192, heads: 32, vocab: 32064, context: 4096 }

const metadata = (): readonly GgufEntry[] => [
  ['general.architecture', 'string', 'phi3'],
  ['general.name', 'string', 'synthetic mini'],
  ['phi3.block_count', 'uint32', sizes.layers],
  ['phi3.embedding_length', 'uint32', sizes.hidden],
  ['phi3.feed_forward_length', 'uint32', sizes.inner],
  ['phi3.attention.head_count', 'uint32', sizes.heads],
  ['phi3.attention.head_count_kv', 'uint32', sizes.heads],
  ['phi3.context_length', 'uint32', sizes.context],
  ['phi3.rope.scaling.original_context_length', 'uint32', sizes.context],
  ['phi3.attention.layer_norm_rms_epsilon', 'float32', 1e-5],
  ['phi3.attention.sliding_window', 'uint32', 0],
  ['phi3.rope.dimension_count', 'uint32', sizes.hidden / sizes.heads],
  ['phi3.rope.freq_base', 'float32', 10000],
  ['phi3.vocab_size', 'uint32', sizes.vocab],
  ['tokenizer.ggml.model', 'string', 'no_vocab'],
]

/** The format of a matrix of layer `layer`; as llama.cpp mixes Q4_K_M. */
const formats: Readonly<Record<string, (name: string, layer: number) => WeightFormat>> = {
  q4_0: () => 'q4_0',
  q8_0: () => 'q8_0',
  f16: () => 'float16',
  q4_k_m: (name, layer) => {
    if (name === 'output' || (name === 'ffn_down' && layer % 2 === 0)) return 'q6_k'
    return name === 'attn_qkv' ? 'q5_k' : 'q4_k'
  },
}

function matrix(
  name: string,
  short: string,
  layer: number,
  shape: readonly [number, number],
  quant: string,
): GgufTensor {
  const format = formats[quant]!(short, layer)
  const { block, bytes: record } = formatTable[format]
  const bytes = (shape[0] * shape[1] * record) / block
  return { name: `${name}.weight`, shape, format, bytes, data: () => randomRecords(format, bytes) }
}

function ones(name: string): GgufTensor {
  const values = new Uint8Array(new Float32Array(sizes.hidden).fill(1).buffer)
  return {
    name: `${name}.weight`,
    shape: [sizes.hidden],
    format: 'float32',
    bytes: values.length,
    data: () => [values],
  }
}

function tensors(quant: string): GgufTensor[] {
  const { hidden, inner, layers, vocab } = sizes
  const shapes = {
    attn_qkv: [3 * hidden, hidden],
    attn_output: [hidden, hidden],
    ffn_up: [2 * inner, hidden],
    ffn_down: [hidden, inner],
  } as const
  return [
    matrix('token_embd', 'token_embd', 0, [vocab, hidden], quant),
    ones('output_norm'),
    matrix('output', 'output', 0, [vocab, hidden], quant),
    ...Array.from({ length: layers }, (_, i) => [
      ones(`blk.${i}.attn_norm`),
      ones(`blk.${i}.ffn_norm`),
      ...Object.entries(shapes).map(([name, shape]) => matrix(`blk.${i}.${name}`, name, i, shape, quant)),
    ]).flat(),
  ]
}

async function writeModel(path: string, quant: string): Promise<void> {
  const list = tensors(quant)
  const file = openSync(path, 'w')
  for await (const piece of tensorFile(path, ggufHeader(metadata(), list), list, ggufAlignment).data())
    writeSync(file, piece)
  closeSync(file)
}

const { values, positionals } = parseArgs({
  options: {
    folder: { type: 'string', default: '/tmp' },
    out: { type: 'string' },
    device: { type: 'string', default: 'cuda:0' },
    layers: { type: 'string', default: '32' },
    bench: { type: 'string', default: '--prompt 128,512,2048 --depth 0,2048,3968 --gen 64' },
  },
  allowPositionals: true,
})
sizes.layers = Number(values.layers)
const ids = Array.from({ length: 40 }, (_, i) => (i * 7919 + 13) % sizes.vocab)

async function logits(path: string, device: string): Promise<Float32Array> {
  await using model = await loadModel(path, { device: device as 'cpu', activations: 'f32', context: 256 })
  return model.logits(ids)
}

/** Tokens per second of `generate`, several steps in flight; the first run is not counted. */
async function generated(path: string, device: string): Promise<number> {
  await using model = await loadModel(path, { device: device as 'cpu', context: 512 })
  let rate = 0
  for (const maxTokens of [16, 256]) {
    const text = model.generate(ids, { maxTokens, ignoreEos: true })
    for await (const _ of text);
    rate = ((text.ids.length - 1) / text.decodeTime) * 1000
  }
  return rate
}

mkdirSync(values.folder, { recursive: true })
const results: object[] = []
for (const quant of positionals) {
  const path = join(values.folder, `mini-${quant}.gguf`)
  const seconds = async <T>(work: () => Promise<T>): Promise<readonly [T, number]> => {
    const start = performance.now()
    const result = await work()
    return [result, (performance.now() - start) / 1000]
  }
  const [, writing] = await seconds(() => writeModel(path, quant))
  const result: Record<string, unknown> = { format: quant, fileBytes: statSync(path).size, writing }
  results.push(result)
  const save = () => {
    console.log(JSON.stringify(result))
    if (values.out) writeFileSync(values.out, JSON.stringify(results, null, 1))
  }
  try {
    const [here, loading] = await seconds(() => logits(path, values.device))
    const [expected] = await seconds(() => logits(path, 'cpu'))
    const worst = here.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0)
    Object.assign(result, {
      loading,
      worstLogit: worst / standardDeviation(expected),
      sameBest: here.indexOf(Math.max(...here)) === expected.indexOf(Math.max(...expected)),
    })
    save()
    result.generatedPerSecond = await generated(path, values.device)
    save()
    const cli = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url))
    const args = [cli, 'bench', path, '--device', values.device, '--json', ...values.bench.split(' ')]
    const { stdout, stderr, status } = spawnSync(execPath, args, { encoding: 'utf8' })
    result.bench = status === 0 ? JSON.parse(stdout) : stderr
  } catch (error) {
    result.error = String(error)
  }
  save()
  rmSync(path)
}
