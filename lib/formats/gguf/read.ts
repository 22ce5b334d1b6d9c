import { FormatError, UnsupportedModelError } from '../../errors.js'
import { openFile } from '../file.js'
import { elements, type FileTensor, type GgufValue } from '../source.js'
import { formatTable, type WeightFormat, weightFormats } from '../weight-formats.js'

// Layout: github.com/ggml-org/ggml/blob/master/docs/gguf.md. Little endian; versions 2 and 3 are laid out alike.

/** Metadata types; the index is the number in the file. 'array' holds one of the others. */
export const ggufTypes = [
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'float32',
  'bool',
  'string',
  'array',
  'uint64',
  'int64',
  'float64',
] as const
export type GgufScalar = Exclude<(typeof ggufTypes)[number], 'array'>
export type GgufType = GgufScalar | `${GgufScalar}[]`

export interface Gguf {
  readonly version: number
  readonly alignment: number
  readonly metadata: ReadonlyMap<string, GgufValue>
  /** The type of each key of `metadata`. */
  readonly types: ReadonlyMap<string, GgufType>
  readonly tensors: readonly FileTensor[]
  /** Where the tensors' data begin. */
  readonly dataOffset: number
}

interface TensorType {
  readonly name: string
  readonly format: WeightFormat
  /** Values per block, all of one row. */
  readonly block: number
  readonly bytes: number
}

const floats: Readonly<Partial<Record<WeightFormat, string>>> = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' }

/** Tensor types by their number in the file; all but the floats are called as the formats are. */
export const tensorTypes: Readonly<Record<number, TensorType>> = Object.fromEntries(
  weightFormats.flatMap((format) => {
    const { gguf, block, bytes } = formatTable[format]
    return gguf === null ? [] : [[gguf, { name: floats[format] ?? format.toUpperCase(), format, block, bytes }]]
  }),
)

/** Other types, by their number: for messages. */
const otherTypes: Readonly<Record<number, string>> = {
  9: 'Q8_1',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  21: 'IQ3_S',
  22: 'IQ2_S',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
}
const removedTypes = [4, 5, 31, 32, 33, 36, 37, 38]

// a vocabulary of a million tokens stays below 64 MiB
const maxHeader = 128 * 2 ** 20
const maxPairs = 2 ** 16
const maxTensors = 2 ** 17

/** More of the file is needed to go on; `bytes` from its beginning. */
class Incomplete extends Error {
  readonly bytes: number
  constructor(bytes: number) {
    super()
    this.bytes = bytes
  }
}

/** Reads the header of a GGUF file; the tensors' data are only measured. */
export async function readGguf(path: string): Promise<Gguf> {
  await using file = await openFile(path)
  for (let bytes = 2 ** 20; ; ) {
    const head = await file.read(0, Math.min(bytes, file.size))
    try {
      return parse(path, head, file.size)
    } catch (error) {
      if (!(error instanceof Incomplete)) throw error
      if (error.bytes > maxHeader) {
        throw new FormatError(path, `header must have at most ${maxHeader} bytes, but goes on to ${error.bytes}`)
      }
      bytes = Math.min(Math.max(4 * bytes, error.bytes), maxHeader)
    }
  }
}

type Cursor = ReturnType<typeof cursorOver>

/** Reads fields of `bytes`, the beginning of a file of `size` bytes. */
function cursorOver(file: string, bytes: Uint8Array<ArrayBuffer>, size: number) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const text = new TextDecoder('utf-8', { ignoreBOM: true }) // U+FEFF is a token of the Phi-3 vocabulary
  let at = 0

  const take = (count: number, what: string): number => {
    if (count > size - at) {
      throw new FormatError(file, `${what} must lie within the file of ${size} bytes, but takes ${count}`, at)
    }
    if (at + count > bytes.length) throw new Incomplete(at + count)
    at += count
    return at - count
  }
  const u64 = (what: string): number => {
    const p = take(8, what)
    const high = view.getUint32(p + 4, true)
    if (high > 0x1fffff) {
      throw new FormatError(file, `${what} must be below 2^53, but is ${view.getBigUint64(p, true)}`, p)
    }
    return high * 2 ** 32 + view.getUint32(p, true)
  }
  const safe = (value: bigint): number | bigint =>
    value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value

  return {
    file,
    get at() {
      return at
    },
    left: () => size - at,
    take,
    u64,
    u32: (what: string) => view.getUint32(take(4, what), true),
    string(what: string): string {
      const length = u64(what)
      const p = take(length, what)
      return text.decode(bytes.subarray(p, p + length))
    },
    scalar(type: GgufScalar, what: string): GgufValue {
      switch (type) {
        case 'uint8':
          return view.getUint8(take(1, what))
        case 'int8':
          return view.getInt8(take(1, what))
        case 'uint16':
          return view.getUint16(take(2, what), true)
        case 'int16':
          return view.getInt16(take(2, what), true)
        case 'uint32':
          return view.getUint32(take(4, what), true)
        case 'int32':
          return view.getInt32(take(4, what), true)
        case 'float32':
          return view.getFloat32(take(4, what), true)
        case 'float64':
          return view.getFloat64(take(8, what), true)
        case 'uint64':
          return safe(view.getBigUint64(take(8, what), true))
        case 'int64':
          return safe(view.getBigInt64(take(8, what), true))
        case 'string':
          return this.string(what)
        case 'bool': {
          const p = take(1, what)
          const value = view.getUint8(p)
          if (value > 1) throw new FormatError(file, `${what} must be 0 or 1, but is ${value}`, p)
          return value === 1
        }
      }
    },
    /** A copy of the next `count` bytes, so that a typed array over it is aligned. */
    copy: (count: number, what: string): ArrayBuffer => {
      const p = take(count, what)
      return bytes.slice(p, p + count).buffer
    },
  }
}

/** The fewest bytes that an element of `type` takes. */
const leastBytes: Readonly<Record<GgufScalar, number>> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  string: 8,
  uint64: 8,
  int64: 8,
  float64: 8,
}

function readType(cursor: Cursor, what: string): (typeof ggufTypes)[number] {
  const start = cursor.at
  const number = cursor.u32(what)
  const type = ggufTypes[number]
  if (type === undefined) throw new FormatError(cursor.file, `${what} must be 0 to 12, but is ${number}`, start)
  return type
}

function readArray(cursor: Cursor, key: string): [type: GgufType, value: GgufValue] {
  const start = cursor.at
  const type = readType(cursor, `element type of ${key}`)
  if (type === 'array') throw new FormatError(cursor.file, `${key} must be a flat array, but holds arrays`, start)
  const count = cursor.u64(`length of ${key}`)
  const what = `array ${key}`
  checkCount(cursor, what, count, leastBytes[type])
  if (type === 'float32') return ['float32[]', new Float32Array(cursor.copy(4 * count, what))]
  if (type === 'int32') return ['int32[]', new Int32Array(cursor.copy(4 * count, what))]
  if (type === 'uint8') return ['uint8[]', new Uint8Array(cursor.copy(count, what))]
  const value: GgufValue[] = []
  for (let i = 0; i < count; i++) value.push(cursor.scalar(type, what))
  return [`${type}[]`, value]
}

/** `count` items of at least `bytes` bytes each must still fit into the file. */
function checkCount(cursor: Cursor, what: string, count: number, bytes: number): void {
  if (count * bytes <= cursor.left()) return
  const problem = `${what} must fit into the ${cursor.left()} bytes left, but has ${count} elements`
  throw new FormatError(cursor.file, problem, cursor.at)
}

function parse(file: string, bytes: Uint8Array<ArrayBuffer>, size: number): Gguf {
  const cursor = cursorOver(file, bytes, size)
  const magic = cursor.take(4, 'magic')
  if (Buffer.from(bytes.subarray(magic, magic + 4)).toString('latin1') !== 'GGUF') {
    throw new FormatError(file, 'must begin with "GGUF", but does not', 0)
  }
  const version = cursor.u32('version')
  if (version === 0x02000000 || version === 0x03000000) {
    throw new FormatError(file, 'must be little endian, but is a big-endian GGUF file', 4)
  }
  if (version !== 2 && version !== 3) {
    throw new FormatError(file, `GGUF version must be 2 or 3, but is ${version}`, 4)
  }
  const tensorCount = cursor.u64('tensor count')
  const pairCount = cursor.u64('metadata count')
  if (tensorCount > maxTensors) {
    throw new FormatError(file, `tensor count must be at most ${maxTensors}, but is ${tensorCount}`, 8)
  }
  if (pairCount > maxPairs) {
    throw new FormatError(file, `metadata count must be at most ${maxPairs}, but is ${pairCount}`, 16)
  }
  checkCount(cursor, 'metadata', pairCount, 13)

  const metadata = new Map<string, GgufValue>()
  const types = new Map<string, GgufType>()
  for (let i = 0; i < pairCount; i++) {
    const start = cursor.at
    const key = cursor.string('metadata key')
    if (metadata.has(key)) throw new FormatError(file, `metadata keys must differ, but ${key} comes twice`, start)
    const type = readType(cursor, `type of ${key}`)
    const [fullType, value] = type === 'array' ? readArray(cursor, key) : [type, cursor.scalar(type, key)]
    metadata.set(key, value)
    types.set(key, fullType)
  }

  const alignment = metadata.get('general.alignment') ?? 32
  if (typeof alignment !== 'number' || !Number.isInteger(Math.log2(alignment)) || alignment < 1) {
    throw new FormatError(file, `general.alignment must be a power of two, but is ${alignment}`)
  }
  const tensors = readTensors(cursor, tensorCount, alignment, size)
  return { version, alignment, metadata, types, ...tensors }
}

function readTensors(cursor: Cursor, count: number, alignment: number, size: number) {
  const { file } = cursor
  checkCount(cursor, 'tensor list', count, 32)
  const names = new Set<string>()
  const found: { name: string; shape: number[]; type: TensorType; offset: number; bytes: number; at: number }[] = []
  for (let i = 0; i < count; i++) {
    const at = cursor.at
    const name = cursor.string('tensor name')
    const fail = (problem: string) => new FormatError(file, `tensor ${name}: ${problem}`, at)
    if (names.has(name)) throw fail('names must differ, but this one comes twice')
    names.add(name)

    const axes = cursor.u32('number of axes')
    if (axes < 1 || axes > 4) throw fail(`number of axes must be 1 to 4, but is ${axes}`)
    const shape: number[] = []
    for (let axis = 0; axis < axes; axis++) {
      const extent = cursor.u64('extent')
      if (extent === 0) throw fail('extents must be positive, but one is 0')
      shape.unshift(extent) // the file lists the contiguous axis first
    }

    const number = cursor.u32('tensor type')
    const type = tensorTypes[number]
    if (type === undefined) {
      const state = removedTypes.includes(number) ? 'was removed from GGUF' : 'is not supported'
      const called = otherTypes[number] ?? `number ${number}`
      throw new UnsupportedModelError(`${file}: tensor ${name} has type ${called}, which ${state}`)
    }
    const columns = shape.at(-1)!
    if (columns % type.block !== 0)
      throw fail(`rows of ${type.name} must be multiples of ${type.block}, but are ${columns}`)
    const data = elements(shape.slice(0, -1)) * (columns / type.block) * type.bytes
    const offset = cursor.u64('tensor offset')
    if (offset % alignment !== 0) throw fail(`offset must be a multiple of ${alignment}, but is ${offset}`)
    found.push({ name, shape, type, offset, bytes: data, at })
  }

  const dataOffset = Math.ceil(cursor.at / alignment) * alignment
  let end = 0
  let before = ''
  for (const { name, offset, bytes, at } of found.toSorted((a, b) => a.offset - b.offset)) {
    if (offset < end) throw new FormatError(file, `tensors must not overlap, but ${name} begins within ${before}`, at)
    end = offset + bytes
    before = name
    if (dataOffset + end > size) {
      throw new FormatError(
        file,
        `tensor ${name} must end within the file of ${size} bytes, but needs ${dataOffset + end}`,
        at,
      )
    }
  }
  const tensors = found.map(
    ({ name, shape, type, offset, bytes }): FileTensor => ({
      name,
      shape,
      dtype: type.name,
      format: type.format,
      data: { file, offset: dataOffset + offset, bytes },
    }),
  )
  return { tensors, dataOffset }
}
