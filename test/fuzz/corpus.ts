import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ggufHeader } from '../../lib/convert/gguf-header.js'
import { ggufTokenizer } from '../../lib/convert/gguf-tokenizer.js'
import { convert } from '../../lib/convert/index.js'
import type { ConvertOptions } from '../../lib/convert/types.js'
import { readGguf } from '../../lib/formats/gguf/read.js'
import { smallConfig, writeCheckpoint } from '../formats/files.js'
import { sharedData } from '../support/shared.js'
import { byteLevel, sentencePiece } from '../tokenizer/files.js'
import { blockModel } from './gguf.js'

/** A small valid model, or a tokenizer. */
export interface Specimen {
  readonly name: string
  readonly kind: 'model' | 'tokenizer'
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Those that are changed. */
  readonly targets: readonly string[]
  /** How many bytes at the beginning of a file describe the rest. */
  readonly heads: ReadonlyMap<string, number>
  /** What to open: a file, or '' for the folder. */
  readonly open: string
}

async function specimen(name: string, folder: string, kind: Specimen['kind'] = 'model'): Promise<Specimen> {
  const files = new Map<string, Uint8Array>()
  const heads = new Map<string, number>()
  for (const file of await readdir(folder)) {
    if (file.startsWith('expected') || file.endsWith('.md')) continue
    // no Buffer: its slice() is a view
    const bytes = new Uint8Array(await readFile(join(folder, file)))
    files.set(file, bytes)
    heads.set(file, await headOf(join(folder, file), bytes))
  }
  const targets = [...files.keys()].filter((file) => !file.endsWith('.data'))
  const open = targets.find((file) => file.endsWith('.gguf')) ?? (kind === 'tokenizer' ? 'tokenizer.json' : '')
  return { name, kind, files, targets, heads, open }
}

async function headOf(path: string, bytes: Uint8Array): Promise<number> {
  if (path.endsWith('.safetensors')) return 8 + new DataView(bytes.buffer).getUint32(0, true)
  return path.endsWith('.gguf') ? (await readGguf(path)).dataOffset : bytes.length
}

const config = { ...smallConfig, vocab_size: 300 }
const template =
  "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}{% endfor %}"
const tokenizers = { 'sentencepiece.json': sentencePiece(), 'byte-level.json': byteLevel() }
const tokenizerConfig = { bos_token: '<s>', chat_template: template }
const writeJson = (folder: string, file: string, json: unknown) => writeFile(join(folder, file), JSON.stringify(json))

const conversions: readonly [name: string, options: ConvertOptions][] = [
  ['safetensors-shards', { to: 'safetensors', type: 'bf16', shardBytes: 50_000 }],
  ...(['f16', 'q8_0', 'q4_0', 'q5_1'] as const).map((type): [string, ConvertOptions] => [
    `gguf-${type}`,
    { to: 'gguf', type },
  ]),
  ['onnx-f32', { to: 'onnx', type: 'f32' }],
  ['onnx-int4', { to: 'onnx', type: 'int4', asymmetric: true }],
]

const published = [
  'golden/awq-gemm-g32',
  'golden/gptq-act-order-g32',
  'golden/longrope',
  'onnx/cpu-int4-qdq',
  'onnx/cpu-int4-shared-embeddings',
  'onnx/dml-int4-longrope',
]

/** One specimen per form, written below `root`; those of shared/data where it is there. */
export async function corpus(root: string): Promise<Specimen[]> {
  const folderOf = async (name: string) => {
    await mkdir(join(root, name), { recursive: true })
    return join(root, name)
  }
  const checkpoint = await folderOf('safetensors')
  await writeCheckpoint(checkpoint, config, { split: true })
  await writeJson(checkpoint, 'tokenizer.json', sentencePiece())
  await writeJson(checkpoint, 'tokenizer_config.json', tokenizerConfig)
  const list = [await specimen('safetensors', checkpoint)]
  for (const [name, options] of conversions) {
    const folder = await folderOf(name)
    await convert(checkpoint, options.to === 'gguf' ? join(folder, 'model.gguf') : folder, options)
    list.push(await specimen(name, folder))
  }
  for (const [name, parts] of [
    ['gguf-blocks', 1],
    ['gguf-split', 3],
  ] as const) {
    const folder = await folderOf(name)
    for (const [file, bytes] of blockModel(parts)) await writeFile(join(folder, file), bytes)
    list.push(await specimen(name, folder))
  }
  for (const [file, json] of Object.entries(tokenizers)) {
    const folder = await folderOf(`tokenizer-${file}`)
    await writeJson(folder, 'tokenizer.json', json)
    await writeJson(folder, 'tokenizer_config.json', tokenizerConfig)
    list.push(await specimen(`tokenizer-${file}`, folder, 'tokenizer'))
  }
  const vocabulary = await folderOf('tokenizer-gguf')
  const source = {
    kind: 'huggingface' as const,
    tokenizer: sentencePiece(),
    config: tokenizerConfig,
    chatTemplate: template,
  }
  await writeFile(join(vocabulary, 'vocabulary.gguf'), ggufHeader(ggufTokenizer(source, 12, 'tokenizer.json'), []))
  list.push(await specimen('tokenizer-gguf', vocabulary, 'tokenizer'))
  for (const path of published) {
    const shared = sharedData(path)
    if (shared) list.push(await specimen(path.replace('/', '-'), shared))
  }
  return list
}
