import { Reader } from 'protobufjs/minimal.js'
import { FormatError, UnsupportedModelError } from '../../errors.js'
import { elements, type Payload } from '../source.js'
import type { ExternalData } from './external.js'
import { type OnnxDtype, type OnnxTensor, onnxDtypes } from './graph.js'
import { type Decode, type Message, StringStringEntryProto, TensorProto } from './proto.js'

type TensorFields = Message<typeof TensorProto>

/** What tensors of one file need of it. */
export interface TensorContext {
  readonly path: string
  readonly decode: Decode
  readonly external: ExternalData
}

const bitsOf: Readonly<Record<OnnxDtype, number>> = {
  float32: 32,
  uint8: 8,
  int8: 8,
  int32: 32,
  int64: 64,
  bool: 8,
  float16: 16,
  float64: 64,
  uint32: 32,
  uint64: 64,
  bfloat16: 16,
  uint4: 4,
  int4: 4,
}

// smaller ones are copied, so that the graph does not keep the whole file in memory; larger ones are mapped when needed
const maxCopied = 2 ** 16

/** `name` is the value that the tensor is, where a node or an attribute says so. */
export function readTensor(context: TensorContext, message: Uint8Array, name?: string): OnnxTensor {
  const fields = context.decode(TensorProto, message)
  const called = name ?? fields.name ?? ''
  const dtype = dtypeOf(fields.dataType)
  if (dtype === null) {
    const problem = `tensor ${called} has data type ${fields.dataType ?? 0}, which is not supported`
    throw new UnsupportedModelError(`${context.path}: ${problem}`)
  }
  const shape = shapeOf(context.path, called, fields.dims)
  return { name: called, shape, dtype, data: payloadOf(context, called, shape, dtype, fields) }
}

/** null where `number` is no type of TensorProto.DataType that this package knows. */
export function dtypeOf(number: number | undefined): OnnxDtype | null {
  return (onnxDtypes as Readonly<Record<number, OnnxDtype>>)[number ?? 0] ?? null
}

/** The tensor of a Constant that is given as numbers: [] for one, [n] for a list. */
export function numbersTensor(
  name: string,
  values: Float32Array | BigInt64Array,
  shape: readonly number[],
): OnnxTensor {
  const dtype = values instanceof Float32Array ? 'float32' : 'int64'
  return { name, shape, dtype, data: new Uint8Array(values.buffer) }
}

function shapeOf(path: string, name: string, dims: readonly bigint[]): number[] {
  const shape = dims.map((extent) => {
    if (extent >= 0n && extent <= Number.MAX_SAFE_INTEGER) return Number(extent)
    throw new FormatError(path, `tensor ${name}: dims must be from 0 to 2^53, but hold ${extent}`)
  })
  const count = elements(shape)
  // of at most 8 bytes each
  if (count <= Number.MAX_SAFE_INTEGER / 8) return shape
  throw new FormatError(path, `tensor ${name}: must have less than 2^50 values, but is [${shape.join(', ')}]`)
}

function payloadOf(
  context: TensorContext,
  name: string,
  shape: readonly number[],
  dtype: OnnxDtype,
  fields: TensorFields,
): Payload {
  const { path, decode, external } = context
  const count = elements(shape)
  const bytes = Math.ceil((count * bitsOf[dtype]) / 8)
  if (fields.dataLocation === 1) {
    const entries = fields.externalData.map((entry) => {
      const { key = '', value = '' } = decode(StringStringEntryProto, entry)
      return [key, value] as const
    })
    return external.range(name, new Map(entries), bytes)
  }
  const { rawData } = fields
  if (rawData === undefined) return typedData(path, name, dtype, bytes, fields)
  if (rawData.length !== bytes) {
    const problem = `${dtype} [${shape.join(', ')}] must have ${bytes} bytes, but has ${rawData.length}`
    throw new FormatError(path, `tensor ${name}: ${problem}`, rawData.byteOffset)
  }
  return bytes > maxCopied ? { file: path, offset: rawData.byteOffset, bytes } : rawData.slice()
}

/** The form of raw_data of values that lie in the field of their type. */
function typedData(path: string, name: string, dtype: OnnxDtype, bytes: number, fields: TensorFields): Uint8Array {
  const fail = (problem: string) => new FormatError(path, `tensor ${name}: ${problem}`)
  const fixed = dtype === 'float32' || dtype === 'float64'
  const views = viewsOf(dtype, fields)
  const width = Math.ceil(bitsOf[dtype] / 8)
  // a varint takes a byte at least: known before the memory is taken
  const most = views.reduce((sum, view) => sum + view.length, 0) * (fixed ? 1 : width)
  if (bytes > most) throw fail(`must have ${bytes} bytes of data, but has at most ${most}`)
  const data = new Uint8Array(bytes)
  let at = 0
  try {
    for (const view of views) at = fixed ? copyInto(data, at, view) : decodeInto(data, at, width, view)
  } catch (error) {
    throw fail((error as Error).message)
  }
  if (at !== bytes) throw fail(`must have ${bytes} bytes of data, but has ${at}`)
  return data
}

function viewsOf(dtype: OnnxDtype, fields: TensorFields): readonly Uint8Array[] {
  switch (dtype) {
    case 'float32':
      return fields.floatData
    case 'float64':
      return fields.doubleData
    case 'int64':
      return fields.int64Data
    case 'uint32':
    case 'uint64':
      return fields.uint64Data
    default:
      return fields.int32Data
  }
}

function copyInto(data: Uint8Array, at: number, view: Uint8Array): number {
  if (view.length > data.length - at) throw tooMany(data)
  data.set(view, at)
  return at + view.length
}

/** Decodes the varints of `encoded` to `width` bytes each; of 4-bit values one varint holds a pair. */
function decodeInto(data: Uint8Array, begin: number, width: number, encoded: Uint8Array): number {
  const reader = new Reader(encoded)
  // two's complement or a bit pattern
  const least = -(2 ** (8 * width - 1))
  const most = 2 ** (8 * width) - 1
  let at = begin
  for (; reader.pos < reader.len; at += width) {
    if (at === data.length) throw tooMany(data)
    if (width === 8) {
      const { low, high } = reader.uint64()
      write(data, at, 4, low)
      write(data, at + 4, 4, high)
    } else {
      const value = reader.int32()
      if (value < least || value > most) throw new Error(`values must fit in ${width} bytes, but one is ${value}`)
      write(data, at, width, value)
    }
  }
  return at
}

function write(data: Uint8Array, at: number, width: number, value: number): void {
  for (let i = 0; i < width; i++) data[at + i] = value >> (8 * i)
}

const tooMany = (data: Uint8Array) => new Error(`must have ${data.length} bytes of data, but has more`)
