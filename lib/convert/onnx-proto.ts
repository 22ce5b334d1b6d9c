/** The messages of onnx.proto that a package needs, encoded. */
import { Writer } from 'protobufjs/minimal.js'

/** TensorProto.DataType */
const onnxTypes = { float32: 1, uint8: 2, int32: 6, int64: 7, float16: 10 } as const
export type OnnxType = keyof typeof onnxTypes

export type Attribute =
  | number
  | { readonly float: number }
  | { readonly tensor: Uint8Array }
  | { readonly graph: Uint8Array }

export interface Node {
  readonly op: string
  readonly name: string
  /** '' is an absent operand. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly domain?: string
  /** A plain number is an int. */
  readonly attributes?: Readonly<Record<string, Attribute>>
}

/** A value of a graph: dimensions are numbers or names. */
export interface Value {
  readonly name: string
  readonly type: OnnxType
  readonly shape: readonly (number | string)[]
}

export interface Graph {
  readonly name: string
  readonly nodes: readonly Node[]
  /** TensorProto messages. */
  readonly initializers: readonly Uint8Array[]
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
}

// wire types
const varint = 0
const delimited = 2
const fixed32 = 5
const tag = (field: number, wire: number) => (field << 3) | wire

const text = (writer: Writer, field: number, value: string) => writer.uint32(tag(field, delimited)).string(value)
const bytes = (writer: Writer, field: number, value: Uint8Array) => writer.uint32(tag(field, delimited)).bytes(value)
const int = (writer: Writer, field: number, value: number) => writer.uint32(tag(field, varint)).int64(value)

function tensorHead(name: string, type: OnnxType, shape: readonly number[]): Writer {
  const writer = Writer.create()
  for (const extent of shape) int(writer, 1, extent)
  return text(int(writer, 2, onnxTypes[type]), 8, name)
}

export function inlineTensor(name: string, type: OnnxType, shape: readonly number[], data: Uint8Array): Uint8Array {
  return bytes(tensorHead(name, type, shape), 9, data).finish()
}

export function externalTensor(
  name: string,
  type: OnnxType,
  shape: readonly number[],
  place: { readonly location: string; readonly offset: number; readonly length: number },
): Uint8Array {
  const writer = tensorHead(name, type, shape)
  for (const [key, value] of Object.entries(place)) {
    const entry = text(text(Writer.create(), 1, key), 2, String(value))
    bytes(writer, 13, entry.finish())
  }
  return int(writer, 14, 1).finish()
}

function attributeMessage(name: string, value: Attribute): Uint8Array {
  const writer = text(Writer.create(), 1, name)
  if (typeof value === 'number') int(int(writer, 3, value), 20, 2)
  else if ('float' in value) int(writer.uint32(tag(2, fixed32)).float(value.float), 20, 1)
  else if ('tensor' in value) int(bytes(writer, 5, value.tensor), 20, 4)
  else int(bytes(writer, 6, value.graph), 20, 5)
  return writer.finish()
}

function nodeMessage({ op, name, inputs, outputs, domain, attributes = {} }: Node): Uint8Array {
  const writer = Writer.create()
  for (const input of inputs) text(writer, 1, input)
  for (const output of outputs) text(writer, 2, output)
  text(text(writer, 3, name), 4, op)
  for (const [key, value] of Object.entries(attributes)) bytes(writer, 5, attributeMessage(key, value))
  if (domain) text(writer, 7, domain)
  return writer.finish()
}

function valueMessage({ name, type, shape }: Value): Uint8Array {
  const dimensions = Writer.create()
  for (const extent of shape) {
    const dimension = Writer.create()
    bytes(dimensions, 1, (typeof extent === 'number' ? int(dimension, 1, extent) : text(dimension, 2, extent)).finish())
  }
  const tensorType = bytes(int(Writer.create(), 1, onnxTypes[type]), 2, dimensions.finish()).finish()
  return bytes(text(Writer.create(), 1, name), 2, bytes(Writer.create(), 1, tensorType).finish()).finish()
}

export function graphMessage({ name, nodes, initializers, inputs, outputs }: Graph): Uint8Array {
  const writer = Writer.create()
  for (const node of nodes) bytes(writer, 1, nodeMessage(node))
  text(writer, 2, name)
  for (const initializer of initializers) bytes(writer, 5, initializer)
  for (const input of inputs) bytes(writer, 11, valueMessage(input))
  for (const output of outputs) bytes(writer, 12, valueMessage(output))
  return writer.finish()
}

const irVersion = 10

/** ModelProto, with the opset that each domain is used in. */
export function modelMessage(graph: Graph, opsets: Readonly<Record<string, number>>): Uint8Array {
  const writer = bytes(text(int(Writer.create(), 1, irVersion), 2, 'lophi'), 7, graphMessage(graph))
  for (const [domain, version] of Object.entries(opsets))
    bytes(writer, 8, int(text(Writer.create(), 1, domain), 2, version).finish())
  return writer.finish()
}
