import { Reader } from 'protobufjs/minimal.js'
import { FormatError } from '../../errors.js'

// The messages of github.com/onnx/onnx/blob/main/onnx/onnx.proto, with the fields that a loader needs; others are
// skipped. A message within a message stays a view of the file until it is decoded itself.

/** How a value lies on the wire; wire types: 0 varint, 1 eight bytes, 2 a length and so many bytes, 5 four bytes. */
interface Kind<T> {
  readonly wire: number
  read(reader: Reader): T
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
// far above every name and text, far below the longest string of JavaScript
const maxString = 2 ** 24

const int32: Kind<number> = { wire: 0, read: (reader) => reader.int32() }
const int64: Kind<bigint> = { wire: 0, read: readInt64 }
const float: Kind<number> = { wire: 5, read: (reader) => reader.float() }
const bytes: Kind<Uint8Array> = { wire: 2, read: (reader) => reader.bytes() }
const message = bytes
const string: Kind<string> = {
  wire: 2,
  read(reader) {
    const text = reader.bytes()
    if (text.length > maxString)
      throw new Error(`a string must have at most ${maxString} bytes, but has ${text.length}`)
    return utf8.decode(text)
  },
}

function readInt64(reader: Reader): bigint {
  const { high, low } = reader.int64()
  return (BigInt(high) << 32n) | BigInt(low >>> 0)
}

interface Field<V> {
  readonly number: number
  readonly empty: () => V
  /** `value` with what comes next in `reader`, a field of wire type `wire`. */
  readonly add: (value: V, reader: Reader, wire: number) => V
}

function readAs<T>({ wire: expected, read }: Kind<T>, reader: Reader, wire: number): T {
  if (wire !== expected) throw new Error(`wire type must be ${expected}, but is ${wire}`)
  return read(reader)
}

function one<T>(number: number, kind: Kind<T>): Field<T | undefined> {
  return { number, empty: () => undefined, add: (_, reader, wire) => readAs(kind, reader, wire) }
}

function many<T>(number: number, kind: Kind<T>): Field<T[]> {
  return {
    number,
    empty: () => [],
    add(values, reader, wire) {
      if (wire !== 2 || kind.wire === 2) {
        values.push(readAs(kind, reader, wire))
        return values
      }
      const packed = new Reader(reader.bytes())
      if (packed.len > maxFields) throw new Error(`packed numbers must have at most ${maxFields} bytes, but have more`)
      while (packed.pos < packed.len) values.push(kind.read(packed))
      return values
    },
  }
}

/** The numbers of a tensor, packed or one by one, as views that hold them encoded one after the other. */
function encoded(number: number, expected: number): Field<Uint8Array[]> {
  const skip: Kind<Uint8Array> = {
    wire: expected,
    read(reader) {
      const start = reader.pos
      return reader.skipType(expected).raw(start, reader.pos)
    },
  }
  return {
    number,
    empty: () => [],
    add(views, reader, wire) {
      views.push(readAs(wire === 2 ? bytes : skip, reader, wire))
      return views
    },
  }
}

// biome-ignore lint/suspicious/noExplicitAny: each field has a type of its own
type Fields = Readonly<Record<string, Field<any>>>

interface MessageType<F extends Fields> {
  readonly name: string
  readonly fields: F
  readonly keyOf: ReadonlyMap<number, string>
}

export type Message<T> =
  T extends MessageType<infer F> ? { readonly [K in keyof F]: F[K] extends Field<infer V> ? V : never } : never

function messageType<F extends Fields>(name: string, fields: F): MessageType<F> {
  return { name, fields, keyOf: new Map(Object.entries(fields).map(([key, { number }]) => [number, key])) }
}

export const ModelProto = messageType('ModelProto', {
  irVersion: one(1, int64),
  producerName: one(2, string),
  producerVersion: one(3, string),
  graph: one(7, message),
  opsetImport: many(8, message),
  metadataProps: many(14, message),
  functions: many(25, message),
})

export const OperatorSetIdProto = messageType('OperatorSetIdProto', {
  domain: one(1, string),
  version: one(2, int64),
})

export const StringStringEntryProto = messageType('StringStringEntryProto', {
  key: one(1, string),
  value: one(2, string),
})

export const FunctionProto = messageType('FunctionProto', {
  name: one(1, string),
  domain: one(10, string),
})

export const GraphProto = messageType('GraphProto', {
  node: many(1, message),
  initializer: many(5, message),
  input: many(11, message),
  output: many(12, message),
  sparseInitializer: many(15, message),
})

export const NodeProto = messageType('NodeProto', {
  input: many(1, string),
  output: many(2, string),
  name: one(3, string),
  opType: one(4, string),
  attribute: many(5, message),
  domain: one(7, string),
})

export const AttributeProto = messageType('AttributeProto', {
  name: one(1, string),
  f: one(2, float),
  i: one(3, int64),
  s: one(4, string),
  t: one(5, message),
  g: one(6, message),
  floats: many(7, float),
  ints: many(8, int64),
  strings: many(9, string),
  type: one(20, int32),
})

export const TensorProto = messageType('TensorProto', {
  dims: many(1, int64),
  dataType: one(2, int32),
  floatData: encoded(4, 5),
  int32Data: encoded(5, 0),
  int64Data: encoded(7, 0),
  name: one(8, string),
  rawData: one(9, bytes),
  doubleData: encoded(10, 1),
  uint64Data: encoded(11, 0),
  externalData: many(13, message),
  dataLocation: one(14, int32),
})

export const ValueInfoProto = messageType('ValueInfoProto', {
  name: one(1, string),
  type: one(2, message),
})

export const TypeProto = messageType('TypeProto', {
  tensorType: one(1, message),
})

export const TensorTypeProto = messageType('TypeProto.Tensor', {
  elemType: one(1, int32),
  shape: one(2, message),
})

export const TensorShapeProto = messageType('TensorShapeProto', {
  dim: many(1, message),
})

export const DimensionProto = messageType('TensorShapeProto.Dimension', {
  dimValue: one(1, int64),
  dimParam: one(2, string),
})

/** Decodes one message, none of those within it. */
export type Decode = <F extends Fields>(type: MessageType<F>, message: Uint8Array) => Message<MessageType<F>>

// a graph of 40 layers has 30 000; bounds what a file of tiny fields can make of the memory
const maxFields = 2 ** 20

const lengthOf = (value: unknown) => (Array.isArray(value) ? value.length : 0)

/** Decodes the messages of `file`, which must be views of a buffer that holds the whole of it. */
export function decoderOf(file: string): Decode {
  let count = 0
  return (type, bytes) => {
    const reader = new Reader(bytes)
    const values: Record<string, unknown> = {}
    for (const key in type.fields) values[key] = type.fields[key]!.empty()
    let start = 0
    let number = 0
    try {
      while (reader.pos < reader.len) {
        start = reader.pos
        const tag = reader.tag()
        number = tag >>> 3
        const key = type.keyOf.get(number)
        if (key === undefined) {
          reader.skipType(tag & 7, 0, number)
          continue
        }
        const before = lengthOf(values[key])
        values[key] = type.fields[key]!.add(values[key], reader, tag & 7)
        count += Math.max(1, lengthOf(values[key]) - before)
        if (count > maxFields) throw new Error(`a model must have at most ${maxFields} values, but has more`)
      }
    } catch (error) {
      const { message } = error as Error
      throw new FormatError(file, `${type.name}: field ${number}: ${message}`, bytes.byteOffset + start)
    }
    return values as Message<typeof type>
  }
}
