import { basename, dirname, resolve } from 'node:path'
import type { Blueprint, SizeName } from '../architectures/blueprint.js'
import type { Device } from '../device.js'
import { readGguf } from '../formats/gguf/read.js'
import type { ModelConfig, WeightSource } from '../formats/source.js'
import { type Encoding, encode, storage } from './encode.js'
import { type GgufEntry, type GgufTensor, ggufAlignment, ggufHeader } from './gguf-header.js'
import { ggufTokenizer } from './gguf-tokenizer.js'
import { modelMatrices } from './matrices.js'
import { type OutputFile, tensorFile } from './output.js'
import { encodedBytes, encodedRows } from './rows.js'
import type { ConvertType, Kept, Target } from './types.js'

/** The encoding of each type, and its number in `general.file_type`. */
const types: Readonly<Partial<Record<ConvertType, readonly [Encoding, fileType: number]>>> = {
  f32: ['float32', 0],
  f16: ['float16', 1],
  bf16: ['bfloat16', 32],
  q4_0: ['q4_0', 2],
  q4_1: ['q4_1', 3],
  q8_0: ['q8_0', 7],
  q5_0: ['q5_0', 8],
  q5_1: ['q5_1', 9],
}

/** One GGUF file with llama.cpp's names. Norms stay float32. */
export async function ggufFile(
  device: Device,
  source: WeightSource,
  path: string,
  { type }: Target,
): Promise<{ files: OutputFile[]; tensors: number; kept: Kept[] }> {
  const [wanted, fileType] = types[type]!
  const kept: Kept[] = []
  const matrices = modelMatrices(source, 'gguf').map(({ name, matrix, isVector }): GgufTensor => {
    const { rows, columns } = matrix
    const { values } = storage[wanted]
    let encoding: Encoding = isVector ? 'float32' : wanted
    if (!isVector && columns % values !== 0) {
      encoding = 'float16'
      kept.push({ name, dtype: 'F16', reason: `rows of ${columns} values are no multiple of ${values}` })
    }
    return {
      name,
      shape: isVector ? [columns] : [rows, columns],
      format: encoding,
      bytes: encodedBytes(matrix, encoding),
      data: () => encodedRows(device, name, matrix, encoding),
    }
  })
  const tensors = [...matrices.slice(0, 1), ...ropeFactors(source.config), ...matrices.slice(1)]
  const header = ggufHeader(await metadataOf(source, fileType), tensors)
  return { files: [tensorFile(path, header, tensors, ggufAlignment)], tensors: tensors.length, kept }
}

function ropeFactors({ ropeScaling }: ModelConfig): GgufTensor[] {
  if (ropeScaling === null) return []
  return (['long', 'short'] as const).map((which) => {
    const values = encode('float32', Float32Array.from(ropeScaling[`${which}Factor`]))
    return {
      name: `rope_factors_${which}.weight`,
      shape: [values.length / 4],
      format: 'float32',
      bytes: values.length,
      data: () => [values],
    }
  })
}

/** What the source says in GGUF already, the model's sizes, and a tokenizer. */
async function metadataOf(
  { format, path, blueprint, config, companions, tokenizer }: WeightSource,
  fileType: number,
): Promise<GgufEntry[]> {
  const ours: GgufEntry[] = [
    ['general.architecture', 'string', blueprint.called.gguf[0]!],
    ['general.name', 'string', basename(dirname(resolve(path)))],
    ['general.file_type', 'uint32', fileType],
    ['general.quantization_version', 'uint32', 2],
    ['general.alignment', 'uint32', ggufAlignment],
    ...modelEntries(blueprint, config),
    ...tokenIdEntries(config),
  ]
  if (format !== 'gguf') {
    if (tokenizer?.kind === 'huggingface')
      return [...ours, ...ggufTokenizer(tokenizer, config.vocabSize, companions.get('tokenizer.json')!)]
    return [...ours, ['tokenizer.ggml.model', 'string', 'no_vocab']]
  }
  const { metadata, types: typeOf } = await readGguf(path)
  const entries = new Map(ours.map((entry) => [entry[0], entry]))
  for (const [key, value] of metadata) {
    const sized = key.startsWith(`${config.architecture}.`) || key.startsWith('split.')
    const set = ['general.file_type', 'general.quantization_version', 'general.alignment'].includes(key)
    if (!sized && !set) entries.set(key, [key, typeOf.get(key)!, value])
  }
  return [...entries.values()]
}

function modelEntries({ called, fields, epsilon, own }: Blueprint, config: ModelConfig): GgufEntry[] {
  const key = (name: string) => `${called.gguf[0]}.${name}`
  const ints = (Object.keys(fields) as SizeName[])
    .filter((name) => name !== 'headDim')
    .map((name): GgufEntry => [key(fields[name].gguf), 'uint32', config[name]])
  const entries: GgufEntry[] = [
    ...ints,
    ...Object.entries(own ?? {}).map(([name, { gguf }]): GgufEntry => [key(gguf), 'uint32', config.own![name]!]),
    [key('rope.scaling.original_context_length'), 'uint32', config.originalMaxPositionEmbeddings],
    [key(epsilon.gguf), 'float32', config.rmsNormEps],
    [key('attention.sliding_window'), 'uint32', config.slidingWindow ?? 0],
    [key('rope.dimension_count'), 'uint32', config.rotaryDim],
    [key('rope.freq_base'), 'float32', config.ropeTheta],
  ]
  if (config.headDim * config.numAttentionHeads !== config.hiddenSize) {
    entries.push([key(fields.headDim.gguf), 'uint32', config.headDim])
    entries.push([key('attention.value_length'), 'uint32', config.headDim])
  }
  if (config.ropeScaling !== null) {
    entries.push([key('rope.scaling.attn_factor'), 'float32', config.ropeScaling.attentionFactor])
  }
  return entries
}

function tokenIdEntries({ bosTokenId, eosTokenIds, padTokenId }: ModelConfig): GgufEntry[] {
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
