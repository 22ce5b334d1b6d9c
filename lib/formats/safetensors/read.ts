import { FormatError, UnsupportedModelError } from '../../errors.js'
import { openFile } from '../file.js'
import { isObject, parseJson } from '../json.js'
import { elements, type FileTensor, type WeightFormat } from '../source.js'

// Layout: u64 header length, the header as JSON, then data. Offsets of the header count from the end of the header.

export interface Safetensors {
  readonly metadata: ReadonlyMap<string, string>
  readonly tensors: readonly FileTensor[]
  /** Where the tensors' data begin. */
  readonly dataOffset: number
}

const maxHeader = 100e6
const prefixBytes = 8

const bytesOf: Readonly<Record<string, number>> = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E4M3FNUZ: 1,
  F8_E5M2: 1,
  F8_E5M2FNUZ: 1,
  F8_E8M0: 1,
}
const formats: Readonly<Record<string, WeightFormat>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' }

/** Whether `head`, the first bytes of a file, can begin a safetensors file of `size` bytes. */
export function isSafetensors(head: Uint8Array, size: number): boolean {
  if (head.length <= prefixBytes || head[prefixBytes] !== '{'.charCodeAt(0)) return false
  const length = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true)
  return length <= BigInt(size - prefixBytes)
}

/** Reads the header of a safetensors file; the tensors' data are only measured. */
export async function readSafetensors(path: string): Promise<Safetensors> {
  await using file = await openFile(path)
  if (file.size < prefixBytes) {
    throw new FormatError(path, `must begin with 8 bytes of header length, but has ${file.size} bytes`, 0)
  }
  const length = new DataView((await file.read(0, prefixBytes)).buffer).getBigUint64(0, true)
  const most = Math.min(maxHeader, file.size - prefixBytes)
  if (length > BigInt(most)) throw new FormatError(path, `header must have at most ${most} bytes, but has ${length}`, 0)
  const header = parseJson(path, await file.read(prefixBytes, Number(length)), prefixBytes)
  if (!isObject(header)) throw new FormatError(path, 'header must be a JSON object, but is not', prefixBytes)

  const dataOffset = prefixBytes + Number(length)
  const { __metadata__: metadata, ...entries } = header
  const tensors = Object.entries(entries).map(([name, entry]) => readEntry(path, name, entry, dataOffset, file.size))
  let end = dataOffset
  let before = ''
  for (const { name, data } of tensors.toSorted(
    (a, b) => a.data.offset - b.data.offset || a.data.bytes - b.data.bytes,
  )) {
    if (data.offset < end) throw new FormatError(path, `tensors must not overlap, but ${name} begins within ${before}`)
    end = data.offset + data.bytes
    before = name
  }
  return { metadata: readMetadata(path, metadata), tensors, dataOffset }
}

function readMetadata(path: string, metadata: unknown): Map<string, string> {
  const pairs = Object.entries(metadata ?? {})
  if (metadata !== undefined && !isObject(metadata)) {
    throw new FormatError(path, '__metadata__ must be an object of strings, but is not')
  }
  for (const [key, value] of pairs) {
    if (typeof value !== 'string') throw new FormatError(path, `__metadata__.${key} must be a string, but is not`)
  }
  return new Map(pairs)
}

function readEntry(path: string, name: string, entry: unknown, dataOffset: number, fileSize: number): FileTensor {
  const fail = (problem: string) => new FormatError(path, `tensor ${name}: ${problem}`)
  if (!isObject(entry)) throw fail('entry must be an object, but is not')
  const { dtype, shape, data_offsets: offsets } = entry
  if (typeof dtype !== 'string') throw fail('dtype must be a string, but is not')
  const size = Object.hasOwn(bytesOf, dtype) ? bytesOf[dtype]! : undefined
  if (size === undefined) {
    throw new UnsupportedModelError(`${path}: tensor ${name} has dtype ${dtype.slice(0, 40)}, which is not supported`)
  }
  if (!isNaturals(shape) || shape.length > 8) throw fail('shape must be up to 8 integers from 0, but is not')
  if (!isNaturals(offsets) || offsets.length !== 2) throw fail('data_offsets must be two integers from 0, but is not')

  const [begin, end] = offsets as [number, number]
  if (begin > end) throw fail(`data_offsets must not decrease, but are ${begin} and ${end}`)
  const available = fileSize - dataOffset
  if (end > available) throw fail(`data must end within the ${available} bytes of the file, but ends at ${end}`)
  const bytes = elements(shape) * size
  if (end - begin !== bytes)
    throw fail(`${dtype} [${shape.join(', ')}] must have ${bytes} bytes of data, but has ${end - begin}`)
  return { name, shape, dtype, format: formats[dtype] ?? null, data: { file: path, offset: dataOffset + begin, bytes } }
}

function isNaturals(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0)
}
