import { randomUUID } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { AbortedError, FormatError } from '../errors.js'
import { fileError } from './file.js'
import { formatOfType, type GgufScalar, type GgufType, ggufTypes, tensorTypes } from './gguf.js'
import { rowBytes, type WritableFormat } from './quantize.js'
import type { GgufValue } from './source.js'

export type GgufEntry = readonly [key: string, type: GgufType, value: GgufValue]

export interface GgufTensor {
  readonly name: string
  /** Row-major. */
  readonly shape: readonly number[]
  readonly format: WritableFormat
  /** The rows in their storage format, in pieces of any length. */
  readonly data: AsyncIterable<Uint8Array>
}

export interface GgufWriteOptions {
  readonly signal?: AbortSignal | undefined
  /** Called after each piece with bytes written so far and in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

const alignment = 32

/**
 * Writes a GGUF file of version 3 and gives its size. Until it is whole it stands under another name in the same folder;
 * nothing is left of it after a failure.
 */
export async function writeGguf(
  path: string,
  metadata: readonly GgufEntry[],
  tensors: readonly GgufTensor[],
  { signal, onProgress }: GgufWriteOptions = {},
): Promise<number> {
  const { header, total } = layOut(metadata, tensors)
  const temporary = `${path}.${randomUUID()}.part`
  const failed = (error: unknown) => {
    throw fileError(path, error)
  }
  const handle = await open(temporary, 'wx').catch(failed)
  let done = 0
  const write = async (bytes: Uint8Array) => {
    if (signal?.aborted) throw new AbortedError('aborted while the file was written', { cause: signal.reason })
    await writeAll(handle, bytes).catch(failed)
    done += bytes.length
    onProgress?.(done, total)
  }
  try {
    await write(header)
    for (const { name, shape, format, data } of tensors) {
      const end = done + dataBytes(shape, format)
      for await (const bytes of data) await write(bytes)
      if (done !== end) throw new FormatError(path, `tensor ${name} must end at byte ${end}, but ended at ${done}`)
      await write(new Uint8Array(padding(done)))
    }
    await handle.sync().catch(failed)
    await handle.close().catch(failed)
    await rename(temporary, path).catch(failed)
  } catch (error) {
    await handle.close().catch(() => {})
    await rm(temporary, { force: true })
    throw error
  }
  return done
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten
}

function padding(length: number): number {
  return (alignment - (length % alignment)) % alignment
}

function dataBytes(shape: readonly number[], format: WritableFormat): number {
  return shape.slice(0, -1).reduce((product, extent) => product * extent, rowBytes(format, shape.at(-1)!))
}

/** The header with its padding, and the size of the whole file. */
function layOut(metadata: readonly GgufEntry[], tensors: readonly GgufTensor[]): { header: Uint8Array; total: number } {
  const parts: Uint8Array[] = [Buffer.from('GGUF'), scalar('uint32', 3)]
  parts.push(scalar('uint64', tensors.length), scalar('uint64', metadata.length))
  for (const [key, type, value] of metadata) parts.push(scalar('string', key), ...typed(type, value))
  let offset = 0
  for (const { name, shape, format } of tensors) {
    parts.push(scalar('string', name), scalar('uint32', shape.length))
    for (const extent of shape.toReversed()) parts.push(scalar('uint64', extent)) // the contiguous axis comes first
    const type = Object.keys(tensorTypes).find((number) => formatOfType(tensorTypes[Number(number)]!.name) === format)
    parts.push(scalar('uint32', Number(type)), scalar('uint64', offset))
    offset += dataBytes(shape, format)
    offset += padding(offset)
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  parts.push(new Uint8Array(padding(length)))
  return { header: Buffer.concat(parts), total: length + padding(length) + offset }
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
