import { stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { ArgumentError, FormatError, UnsupportedModelError } from '../errors.js'
import { fileError, openFile } from './file.js'
import { readGguf } from './gguf.js'
import { ggufTokenizer } from './gguf-tokenizer.js'
import { type GgufEntry, type GgufTensor, type GgufWriteOptions, writeGguf } from './gguf-write.js'
import { companions, openSource } from './index.js'
import { phi3Names } from './phi3.js'
import { decode, encode, rowBytes, storage, type WritableFormat } from './quantize.js'
import type { FileRange, Phi3Config, WeightDescription, WeightPart, WeightSource } from './source.js'

/** Types that a GGUF file can be converted to: their storage and their number in `general.file_type`. */
const targets = {
  f32: { format: 'float32', fileType: 0 },
  f16: { format: 'float16', fileType: 1 },
  q8_0: { format: 'q8_0', fileType: 7 },
  q4_0: { format: 'q4_0', fileType: 2 },
} as const
export type ConvertType = keyof typeof targets
export const convertTypes = Object.keys(targets) as readonly ConvertType[]

export interface ConvertOptions extends GgufWriteOptions {
  readonly type: ConvertType
}

export interface ConvertResult {
  readonly input: string
  readonly output: string
  readonly type: ConvertType
  /** Size of the output. */
  readonly bytes: number
  readonly tensors: number
  /** Matrices that could not take the type. */
  readonly kept: readonly { readonly name: string; readonly dtype: string; readonly reason: string }[]
}

/** Values per piece: 4 MiB as float32. */
const chunkValues = 2 ** 20

/** Where a value leaves the range of its storage: float16's largest, times what a scale multiplies. */
const limits: Readonly<Record<WritableFormat, number>> = {
  float32: Infinity,
  bfloat16: Infinity,
  float16: 65520,
  q8_0: 65520 * 127,
  q4_0: 65520 * 8,
}

/** Writes the model at `input` as one GGUF file with llama.cpp's names for phi3. */
export async function convert(input: string, output: string, options: ConvertOptions): Promise<ConvertResult> {
  const { type } = options
  if (!Object.hasOwn(targets, type)) {
    throw new ArgumentError('ERR_ARGUMENT', `convert: type must be one of ${convertTypes.join(', ')}, but is ${type}`)
  }
  const source = await openSource(input)
  await checkOutput(source, output)
  const kept: { name: string; dtype: string; reason: string }[] = []
  const tensors = listTensors(source).map(({ name, weight }): GgufTensor => {
    let format: WritableFormat = weight.shape.length === 1 ? 'float32' : targets[type].format
    const columns = weight.shape.at(-1)!
    const { values } = storage[format]
    if (columns % values !== 0) {
      kept.push({ name, dtype: 'F16', reason: `rows of ${columns} values are no multiple of ${values}` })
      format = 'float16'
    }
    return { name, shape: weight.shape, format, data: rows(name, weight, format) }
  })
  tensors.splice(1, 0, ...ropeFactors(source.config))
  const bytes = await writeGguf(output, await describe(source, type), tensors, options)
  return { input, output, type, bytes, tensors: tensors.length, kept }
}

async function checkOutput(source: WeightSource, output: string): Promise<void> {
  const folder = dirname(resolve(output))
  await stat(folder).catch((error) => {
    throw fileError(folder, error)
  })
  const existing = await stat(output).catch(() => null)
  if (existing === null) return
  if (existing.isDirectory()) {
    throw new FormatError(output, 'output must be a file, but is a folder', undefined, 'ERR_FILE')
  }
  const beside = source.format === 'gguf' ? [] : companions.map((name) => join(dirname(source.path), name))
  for (const path of [source.path, ...beside]) {
    const info = await stat(path).catch(() => null)
    // the same file may have several names
    if (info?.ino === existing.ino && info.dev === existing.dev) {
      throw new FormatError(output, `output must not be part of the input, but is ${path}`, undefined, 'ERR_FILE')
    }
  }
}

function listTensors({ weights, config }: WeightSource): { name: string; weight: WeightDescription }[] {
  const names = phi3Names.gguf
  const list = [{ name: names.embed, weight: weights.embed }]
  for (const [i, layer] of weights.layers.entries()) {
    const { inputNorm, qkv, o, postNorm, gateUp, down } = names.layer(i)
    list.push(
      { name: inputNorm, weight: layer.inputNorm },
      { name: qkv[0], weight: layer.qkv },
      { name: o, weight: layer.o },
      { name: postNorm, weight: layer.postNorm },
      { name: gateUp[0], weight: layer.gateUp },
      { name: down, weight: layer.down },
    )
  }
  list.push({ name: names.norm, weight: weights.norm })
  if (!config.tieWordEmbeddings) list.push({ name: names.head, weight: weights.head })
  return list
}

function ropeFactors({ ropeScaling }: Phi3Config): GgufTensor[] {
  if (ropeScaling === null) return []
  return (['long', 'short'] as const).map((which) => {
    const values = Float32Array.from(ropeScaling[`${which}Factor`])
    const data = (async function* () {
      yield encode('float32', values)
    })()
    return { name: `rope_factors_${which}.weight`, shape: [values.length], format: 'float32', data }
  })
}

/** The rows of a weight in another format, a few MiB at a time. */
async function* rows(name: string, weight: WeightDescription, format: WritableFormat): AsyncGenerator<Uint8Array> {
  const columns = weight.shape.at(-1)!
  for (const part of weight.parts) {
    const from = storable(part)
    const bytesPerRow = rowBytes(from.format, columns)
    const step = Math.max(1, Math.floor(chunkValues / columns)) * bytesPerRow
    await using file = await openFile(from.data.file)
    for (let at = 0; at < from.data.bytes; at += step) {
      const bytes = await file.read(from.data.offset + at, Math.min(step, from.data.bytes - at))
      yield format === from.format
        ? bytes
        : encode(format, checkValues(name, decode(from.format, bytes), format, from.data.file))
    }
  }
}

function storable({ format, data, packing }: WeightPart): { format: WritableFormat; data: FileRange } {
  if (!(format in storage) || data instanceof Uint8Array || packing)
    throw new UnsupportedModelError(`convert: cannot read ${format}`)
  return { format: format as WritableFormat, data }
}

function checkValues(name: string, values: Float32Array, format: WritableFormat, file: string): Float32Array {
  const limit = limits[format]
  if (limit === Infinity) return values
  for (const value of values) {
    if (!(Math.abs(value) < limit)) {
      throw new FormatError(file, `values of ${name} must lie within ${limit} for ${format}, but one is ${value}`)
    }
  }
  return values
}

/** The metadata: what the source says in GGUF already, the model's sizes, and a tokenizer. */
async function describe({ format, path, config, tokenizer }: WeightSource, type: ConvertType): Promise<GgufEntry[]> {
  const folder = basename(dirname(resolve(path)))
  const ours: GgufEntry[] = [
    ['general.architecture', 'string', 'phi3'],
    ['general.name', 'string', folder],
    ['general.file_type', 'uint32', targets[type].fileType],
    ['general.quantization_version', 'uint32', 2],
    ['general.alignment', 'uint32', 32],
    ...modelEntries(config),
    ...tokenIdEntries(config),
  ]
  if (format === 'safetensors') {
    if (tokenizer?.kind === 'huggingface')
      ours.push(...ggufTokenizer(tokenizer, config.vocabSize, join(dirname(path), 'tokenizer.json')))
    else ours.push(['tokenizer.ggml.model', 'string', 'no_vocab'])
    return ours
  }
  const { metadata, types } = await readGguf(path)
  const entries = new Map(ours.map((entry) => [entry[0], entry]))
  for (const [key, value] of metadata) {
    const sized = key.startsWith('phi3.') || key.startsWith('split.')
    const set = ['general.file_type', 'general.quantization_version', 'general.alignment'].includes(key)
    if (!sized && !set) entries.set(key, [key, types.get(key)!, value])
  }
  return [...entries.values()]
}

function modelEntries(config: Phi3Config): GgufEntry[] {
  const entries: GgufEntry[] = [
    ['phi3.vocab_size', 'uint32', config.vocabSize],
    ['phi3.context_length', 'uint32', config.maxPositionEmbeddings],
    ['phi3.rope.scaling.original_context_length', 'uint32', config.originalMaxPositionEmbeddings],
    ['phi3.embedding_length', 'uint32', config.hiddenSize],
    ['phi3.feed_forward_length', 'uint32', config.intermediateSize],
    ['phi3.block_count', 'uint32', config.numHiddenLayers],
    ['phi3.attention.head_count', 'uint32', config.numAttentionHeads],
    ['phi3.attention.head_count_kv', 'uint32', config.numKeyValueHeads],
    ['phi3.attention.layer_norm_rms_epsilon', 'float32', config.rmsNormEps],
    ['phi3.attention.sliding_window', 'uint32', config.slidingWindow ?? 0],
    ['phi3.rope.dimension_count', 'uint32', config.rotaryDim],
    ['phi3.rope.freq_base', 'float32', config.ropeTheta],
  ]
  if (config.headDim * config.numAttentionHeads !== config.hiddenSize) {
    entries.push(['phi3.attention.key_length', 'uint32', config.headDim])
    entries.push(['phi3.attention.value_length', 'uint32', config.headDim])
  }
  if (config.ropeScaling !== null) {
    entries.push(['phi3.rope.scaling.attn_factor', 'float32', config.ropeScaling.attentionFactor])
  }
  return entries
}

function tokenIdEntries({ bosTokenId, eosTokenIds, padTokenId }: Phi3Config): GgufEntry[] {
  const entries: GgufEntry[] = []
  const add = (name: string, id: number | null | undefined) => {
    if (typeof id === 'number') entries.push([`tokenizer.ggml.${name}_token_id`, 'uint32', id])
  }
  add('bos', bosTokenId)
  add('eos', eosTokenIds[0])
  add('eot', eosTokenIds[1])
  add('padding', padTokenId)
  // GGUF has keys for two
  if (eosTokenIds.length > 2) entries.push(['lophi.eos_token_ids', 'int32[]', Int32Array.from(eosTokenIds)])
  return entries
}
