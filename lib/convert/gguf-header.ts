import { type GgufScalar, type GgufType, ggufTypes } from '../formats/gguf/read.js'
import type { GgufValue } from '../formats/source.js'
import { formatTable, type WeightFormat } from '../formats/weight-formats.js'
import { layOut, type OutputTensor, padding } from './output.js'

export type GgufEntry = readonly [key: string, type: GgufType, value: GgufValue]

export interface GgufTensor extends OutputTensor {
  readonly format: WeightFormat
}

export const ggufAlignment = 32

/** The header of a GGUF file of version 3, padded to where the tensors' data begin. */
export function ggufHeader(metadata: readonly GgufEntry[], tensors: readonly GgufTensor[]): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from('GGUF'), scalar('uint32', 3)]
  parts.push(scalar('uint64', tensors.length), scalar('uint64', metadata.length))
  for (const [key, type, value] of metadata) {
    parts.push(scalar('string', key))
    for (const part of typed(type, value)) parts.push(part)
  }
  const { offsets } = layOut(tensors, ggufAlignment)
  for (const [i, { name, shape, format }] of tensors.entries()) {
    parts.push(scalar('string', name), scalar('uint32', shape.length))
    for (const extent of shape.toReversed()) parts.push(scalar('uint64', extent)) // the contiguous axis comes first
    parts.push(scalar('uint32', formatTable[format].gguf!), scalar('uint64', offsets[i]!))
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([...parts, new Uint8Array(padding(length, ggufAlignment))])
}

function typed(type: GgufType, value: GgufValue): Uint8Array[] {
  if (!type.endsWith('[]')) return [scalar('uint32', typeNumber(type as GgufScalar)), scalar(type as GgufScalar, value)]
  const element = type.slice(0, -2) as GgufScalar
  const items = value as ArrayLike<GgufValue>
  const head = [
    scalar('uint32', typeNumber('array')),
    scalar('uint32', typeNumber(element)),
    scalar('uint64', items.length),
  ]
  return [...head, Buffer.concat(Array.from(items, (item) => scalar(element, item)))]
}

function typeNumber(type: (typeof ggufTypes)[number]): number {
  return ggufTypes.indexOf(type)
}

function scalar(type: GgufScalar, value: GgufValue): Uint8Array {
  if (type === 'string') {
    const text = Buffer.from(value as string)
    return Buffer.concat([scalar('uint64', text.length), text])
  }
  if (type === 'bool') return Uint8Array.of(value ? 1 : 0)
  if (type === 'uint64' || type === 'int64') {
    const bytes = Buffer.alloc(8)
    if (type === 'uint64') bytes.writeBigUInt64LE(BigInt(value as number | bigint))
    else bytes.writeBigInt64LE(BigInt(value as number | bigint))
    return bytes
  }
  return new Uint8Array(arrays[type].of(value as number).buffer)
}

const arrays = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const
