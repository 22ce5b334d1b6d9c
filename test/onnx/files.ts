import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Writer } from 'protobufjs/minimal.js'
import { type OnnxDtype, onnxDtypes } from '../../lib/formats/onnx/graph.js'

// ONNX files put together field by field, right or wrong.

export interface TensorInit {
  name?: string
  /** A number of TensorProto.DataType where it has no name. */
  dtype: OnnxDtype | number
  shape: readonly (number | bigint)[]
  /** Numbers go to the field of the type (float_data, int32_data, ...), an array of any type to raw_data as it is. */
  data?: readonly (number | bigint)[] | ArrayBufferView
  /** Numbers one by one, as proto2 writes them without [packed = true]. */
  unpacked?: boolean
  /** In place of data; every key as it is given. */
  external?: { location?: string; offset?: number | string; length?: number | string }
}

export type AttributeInit =
  | number
  | bigint
  | string
  | readonly (number | bigint)[]
  | readonly string[]
  | { float: number }
  | { floats: readonly number[] }
  | TensorInit
  | GraphInit

export interface NodeInit {
  opType: string
  inputs: readonly string[]
  outputs: readonly string[]
  attributes?: Readonly<Record<string, AttributeInit>>
  name?: string
  domain?: string
  /** Leaves AttributeProto.type out, as old writers do. */
  untyped?: boolean
}

/** A name, or a tensor type; dimensions are numbers, names, or null. */
export type ValueInit = string | { name: string; dtype: OnnxDtype; shape?: readonly (number | string | null)[] }

export interface GraphInit {
  nodes: readonly NodeInit[]
  initializers?: readonly TensorInit[]
  inputs?: readonly ValueInit[]
  outputs?: readonly ValueInit[]
  /** How many empty messages the field sparse_initializer has. */
  sparseInitializers?: number
}

export interface ModelInit extends GraphInit {
  irVersion?: number
  producer?: string
  producerVersion?: string
  /** Version by domain. */
  opsets?: Readonly<Record<string, number>>
  metadata?: Readonly<Record<string, string>>
  functions?: readonly { domain: string; name: string }[]
}

/** Integers are ints and the others floats; say float(1) for a float that is whole. */
export function node(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: NodeInit['attributes'] = {},
  more: Pick<NodeInit, 'name' | 'domain' | 'untyped'> = {},
): NodeInit {
  return { opType, inputs, outputs, attributes, ...more }
}
export const float = (value: number) => ({ float: value })
export const floats = (values: readonly number[]) => ({ floats: values })

export function buildOnnx(model: ModelInit): Uint8Array {
  const { irVersion = 8, producer = 'lophi-test', producerVersion, opsets = { '': 17 }, metadata = {} } = model
  const writer = new Writer()
  int64(writer, 1, irVersion)
  string(writer, 2, producer)
  if (producerVersion !== undefined) string(writer, 3, producerVersion)
  message(writer, 7, graph(model))
  for (const [domain, version] of Object.entries(opsets)) {
    message(writer, 8, int64(string(new Writer(), 1, domain), 2, version))
  }
  for (const [key, value] of Object.entries(metadata)) message(writer, 14, pair(key, value))
  for (const { name, domain } of model.functions ?? []) {
    message(writer, 25, string(string(new Writer(), 1, name), 10, domain))
  }
  return writer.finish()
}

/**
 * Writes `folder`/model.onnx, and model.onnx.data with the raw_data of all initializers of at least `externalFrom`
 * bytes. Gives the path of the former.
 */
export async function writeOnnx(folder: string, model: ModelInit, externalFrom = 1024): Promise<string> {
  const path = join(folder, 'model.onnx')
  const parts: Uint8Array[] = []
  let offset = 0
  const initializers = model.initializers?.map((tensor) => {
    const { data, ...rest } = tensor
    if (!ArrayBuffer.isView(data) || data.byteLength < externalFrom) return tensor
    const external = { location: 'model.onnx.data', offset, length: data.byteLength }
    parts.push(bytesOf(data))
    offset += data.byteLength
    return { ...rest, external }
  })
  await writeFile(path, buildOnnx(initializers ? { ...model, initializers } : model))
  if (parts.length > 0) await writeFile(`${path}.data`, Buffer.concat(parts))
  return path
}

function graph({ nodes, initializers = [], inputs = [], outputs = [], sparseInitializers = 0 }: GraphInit): Writer {
  const writer = new Writer()
  for (const each of nodes) message(writer, 1, nodeProto(each))
  string(writer, 2, 'main')
  for (const each of initializers) message(writer, 5, tensor(each))
  for (const each of inputs) message(writer, 11, value(each))
  for (const each of outputs) message(writer, 12, value(each))
  for (let i = 0; i < sparseInitializers; i++) message(writer, 15, new Writer())
  return writer
}

function nodeProto({ opType, inputs, outputs, attributes = {}, name, domain, untyped = false }: NodeInit): Writer {
  const writer = new Writer()
  for (const each of inputs) string(writer, 1, each)
  for (const each of outputs) string(writer, 2, each)
  if (name !== undefined) string(writer, 3, name)
  string(writer, 4, opType)
  for (const [key, each] of Object.entries(attributes)) message(writer, 5, attribute(key, each, untyped))
  if (domain !== undefined) string(writer, 7, domain)
  return writer
}

function attribute(name: string, init: AttributeInit, untyped: boolean): Writer {
  const writer = string(new Writer(), 1, name)
  const type = attributeValue(writer, init)
  return untyped ? writer : int64(writer, 20, type)
}

/** Writes the field that holds the value; gives the number of its AttributeProto.AttributeType. */
function attributeValue(writer: Writer, init: AttributeInit): number {
  if (typeof init === 'number' && !Number.isInteger(init)) return attributeValue(writer, { float: init })
  if (typeof init === 'number' || typeof init === 'bigint') return int64(writer, 3, init) && 2
  if (typeof init === 'string') return string(writer, 4, init) && 3
  if ('float' in init) return writer.uint32((2 << 3) | 5).float(init.float) && 1
  if ('floats' in init) {
    for (const each of init.floats) writer.uint32((7 << 3) | 5).float(each)
    return 6
  }
  if ('dtype' in init) return message(writer, 5, tensor(init)) && 4
  if ('nodes' in init) return message(writer, 6, graph(init)) && 5
  if (init.some((each) => typeof each === 'string')) {
    for (const each of init) string(writer, 9, String(each))
    return 8
  }
  const numbers = init as readonly (number | bigint)[]
  if (numbers.some((each) => typeof each === 'number' && !Number.isInteger(each))) {
    return attributeValue(writer, { floats: numbers.map(Number) })
  }
  for (const each of numbers) int64(writer, 8, each)
  return 7
}

function tensor({ name, dtype, shape, data, unpacked = false, external }: TensorInit): Writer {
  const writer = new Writer()
  for (const extent of shape) int64(writer, 1, extent)
  const type = typeof dtype === 'number' ? dtype : typeNumber(dtype)
  int64(writer, 2, type)
  if (name !== undefined) string(writer, 8, name)
  if (ArrayBuffer.isView(data)) writer.uint32((9 << 3) | 2).bytes(bytesOf(data))
  else if (data) numbers(writer, type, data, unpacked)
  if (external) {
    for (const [key, text] of Object.entries(external)) message(writer, 13, pair(key, String(text)))
    int64(writer, 14, 1)
  }
  return writer
}

function numbers(writer: Writer, type: number, values: readonly (number | bigint)[], unpacked: boolean): void {
  const [field, wire] = { 1: [4, 5], 11: [10, 1], 7: [7, 0], 12: [11, 0], 13: [11, 0] }[type] ?? [5, 0]
  const put = (to: Writer, each: number | bigint) => {
    if (wire === 5) to.float(Number(each))
    else if (wire === 1) to.double(Number(each))
    else to.int64(long(each))
  }
  if (unpacked) {
    for (const each of values) put(writer.uint32((field! << 3) | wire!), each)
  } else {
    const packed = new Writer()
    for (const each of values) put(packed, each)
    message(writer, field!, packed)
  }
}

function value(init: ValueInit): Writer {
  const writer = new Writer()
  if (typeof init === 'string') return string(writer, 1, init)
  const type = int64(new Writer(), 1, typeNumber(init.dtype))
  if (init.shape) {
    const shape = new Writer()
    for (const extent of init.shape) {
      const dimension = new Writer()
      if (typeof extent === 'number') int64(dimension, 1, extent)
      else if (extent !== null) string(dimension, 2, extent)
      message(shape, 1, dimension)
    }
    message(type, 2, shape)
  }
  return message(string(writer, 1, init.name), 2, message(new Writer(), 1, type))
}

const pair = (key: string, text: string) => string(string(new Writer(), 1, key), 2, text)
const message = (writer: Writer, field: number, content: Writer) =>
  writer.uint32((field << 3) | 2).bytes(content.finish())
const string = (writer: Writer, field: number, text: string) => writer.uint32((field << 3) | 2).string(text)
const int64 = (writer: Writer, field: number, integer: number | bigint) =>
  writer.uint32(field << 3).int64(long(integer))

/** The halves that protobufjs takes; of unsigned values the same bits. */
function long(integer: number | bigint) {
  const bits = BigInt(integer)
  return { low: Number(BigInt.asIntN(32, bits)), high: Number(BigInt.asIntN(32, bits >> 32n)), unsigned: false }
}

function typeNumber(dtype: OnnxDtype): number {
  return Number(Object.entries(onnxDtypes).find(([, name]) => name === dtype)![0])
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}
