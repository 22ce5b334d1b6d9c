import { dirname, join } from 'node:path'
import type { Device } from '../device.js'
import type { WeightSource } from '../formats/source.js'
import type { Encoding } from './encode.js'
import { configFiles, tokenizerFiles } from './huggingface.js'
import { modelMatrices } from './matrices.js'
import { jsonFile, layOut, type OutputFile, type OutputTensor, tensorFile } from './output.js'
import { encodedBytes, encodedRows } from './rows.js'
import type { ConvertType, Target } from './types.js'

const types: Readonly<Partial<Record<ConvertType, Encoding>>> = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' }
const words: Readonly<Partial<Record<Encoding, string>>> = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' }

interface Tensor extends OutputTensor {
  readonly encoding: Encoding
}

/** A checkpoint with Hugging Face's names: one file, or the files of a folder. Norms stay float32. */
export async function safetensorsFiles(
  device: Device,
  source: WeightSource,
  path: string,
  { type }: Target,
  shardBytes: number,
): Promise<{ files: OutputFile[]; tensors: number }> {
  const wanted = types[type]!
  const tensors = modelMatrices(source, 'huggingface').map(({ name, matrix, isVector }): Tensor => {
    const encoding = isVector ? 'float32' : wanted
    return {
      name,
      shape: isVector ? [matrix.columns] : [matrix.rows, matrix.columns],
      encoding,
      bytes: encodedBytes(matrix, encoding),
      data: () => encodedRows(device, name, matrix, encoding),
    }
  })
  const folder = dirname(path)
  const beside = [...configFiles(folder, source, wanted), ...(await tokenizerFiles(folder, source))]
  return { files: [...shards(path, tensors, shardBytes), ...beside], tensors: tensors.length }
}

/** `path` itself where everything fits into one file, else model-00001-of-0000N.safetensors with an index. */
function shards(path: string, tensors: readonly Tensor[], shardBytes: number): OutputFile[] {
  const groups: Tensor[][] = [[]]
  let size = 0
  for (const tensor of tensors) {
    if (size > 0 && size + tensor.bytes > shardBytes) {
      groups.push([])
      size = 0
    }
    groups.at(-1)!.push(tensor)
    size += tensor.bytes
  }
  if (groups.length === 1) return [safetensorsFile(path, tensors)]
  const digits = (number: number) => String(number).padStart(5, '0')
  const names = groups.map((_, i) => `model-${digits(i + 1)}-of-${digits(groups.length)}.safetensors`)
  const index = {
    metadata: { total_size: tensors.reduce((sum, { bytes }) => sum + bytes, 0) },
    weight_map: Object.fromEntries(groups.flatMap((group, i) => group.map(({ name }) => [name, names[i]]))),
  }
  return [
    ...groups.map((group, i) => safetensorsFile(join(dirname(path), names[i]!), group)),
    jsonFile(join(dirname(path), 'model.safetensors.index.json'), index),
  ]
}

const alignment = 8

function safetensorsFile(path: string, unsorted: readonly Tensor[]): OutputFile {
  // wide values first, as the format's own writer does: then every tensor is aligned without gaps
  const tensors = unsorted.toSorted((a, b) => Number(b.encoding === 'float32') - Number(a.encoding === 'float32'))
  const { offsets } = layOut(tensors, 1)
  const entries = tensors.map(({ name, shape, encoding, bytes }, i) => [
    name,
    { dtype: words[encoding], shape, data_offsets: [offsets[i], offsets[i]! + bytes] },
  ])
  const json = JSON.stringify({ __metadata__: { format: 'pt' }, ...Object.fromEntries(entries) })
  const length = Math.ceil(Buffer.byteLength(json) / alignment) * alignment
  const header = Buffer.alloc(8 + length, ' ')
  header.writeBigUInt64LE(BigInt(length))
  header.write(json, 8)
  return tensorFile(path, header, tensors, 1)
}
