import { FormatError, UnsupportedModelError } from '../../errors.js'
import type { OnnxAttribute, OnnxGraph, OnnxTensor } from './graph.js'
import type { AttributeProto, Message } from './proto.js'
import { numbersTensor, readTensor, type TensorContext } from './tensor.js'

export type AttributeFields = Message<typeof AttributeProto>

/** AttributeProto.AttributeType by number; the others are refused. */
const types: Readonly<Record<number, OnnxAttribute['type']>> = {
  1: 'float',
  2: 'int',
  3: 'string',
  4: 'tensor',
  5: 'graph',
  6: 'floats',
  7: 'ints',
  8: 'strings',
}

/** What attributes need: `graph` reads a subgraph. `node` is a name for errors. */
export interface AttributeContext extends TensorContext {
  readonly node: string
  readonly graph: (message: Uint8Array) => OnnxGraph
}

export function readAttribute(context: AttributeContext, fields: AttributeFields): OnnxAttribute {
  const type = typeOf(context, fields)
  const { f, i, s, t, g, floats, ints, strings, name } = fields
  // proto3 writers leave out a value that is zero or empty
  switch (type) {
    case 'float':
      return { type, value: f ?? 0 }
    case 'int':
      return { type, value: exact(context, fields, i ?? 0n) }
    case 'string':
      return { type, value: s ?? '' }
    case 'floats':
      return { type, value: floats }
    case 'ints':
      return { type, value: ints.map((value) => exact(context, fields, value)) }
    case 'strings':
      return { type, value: strings }
    case 'tensor':
      return { type, value: readTensor(context, present(context, fields, t), name) }
    case 'graph':
      return { type, value: context.graph(present(context, fields, g)) }
  }
}

/** The tensor that a Constant with this attribute is. Integers here may have all of their 64 bits. */
export function readConstant(context: AttributeContext, fields: AttributeFields, value: string): OnnxTensor {
  const { f, i, t, floats, ints, name = '' } = fields
  switch (name) {
    case 'value':
      return readTensor(context, present(context, fields, t), value)
    case 'value_float':
      return numbersTensor(value, Float32Array.of(f ?? 0), [])
    case 'value_floats':
      return numbersTensor(value, Float32Array.from(floats), [floats.length])
    case 'value_int':
      return numbersTensor(value, BigInt64Array.of(i ?? 0n), [])
    case 'value_ints':
      return numbersTensor(value, BigInt64Array.from(ints), [ints.length])
    default:
      throw new UnsupportedModelError(`${context.path}: ${context.node} has the attribute ${name}, not supported`)
  }
}

function typeOf(context: AttributeContext, fields: AttributeFields): OnnxAttribute['type'] {
  const { type: number, f, i, s, t, g, floats, ints, strings, name } = fields
  if (number) {
    const type = types[number]
    if (type) return type
    throw new UnsupportedModelError(
      `${context.path}: ${context.node}: attribute ${name} has type ${number}, which is not supported`,
    )
  }
  // old writers leave the type out
  if (f !== undefined) return 'float'
  if (i !== undefined) return 'int'
  if (s !== undefined) return 'string'
  if (t !== undefined) return 'tensor'
  if (g !== undefined) return 'graph'
  if (floats.length > 0) return 'floats'
  if (ints.length > 0) return 'ints'
  if (strings.length > 0) return 'strings'
  throw new FormatError(context.path, `${context.node}: attribute ${name} must have a type or a value, but has neither`)
}

function present<T>(context: AttributeContext, { name }: AttributeFields, value: T | undefined): T {
  if (value !== undefined) return value
  throw new FormatError(context.path, `${context.node}: attribute ${name} must have a value, but has none`)
}

function exact(context: AttributeContext, { name }: AttributeFields, value: bigint): number {
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  throw new UnsupportedModelError(
    `${context.path}: ${context.node}: attribute ${name} must be between -2^53 and 2^53, but is ${value}`,
  )
}
