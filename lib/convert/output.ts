import { randomUUID } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, rename, rm, rmdir, stat } from 'node:fs/promises'
import { AbortedError, FormatError } from '../errors.js'
import { fileError } from '../formats/file.js'
import type { WeightSource } from '../formats/source.js'

type Pieces = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/** A tensor of a file that is written: its size is known before its bytes are. */
export interface OutputTensor {
  readonly name: string
  /** Row-major. */
  readonly shape: readonly number[]
  readonly bytes: number
  /** Called once, when what precedes the tensor in its file has been written. */
  readonly data: () => Pieces
}

export interface OutputFile {
  readonly path: string
  readonly bytes: number
  readonly data: () => Pieces
}

interface WriteOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

export function textFile(path: string, text: string): OutputFile {
  const bytes = new TextEncoder().encode(text)
  return { path, bytes: bytes.length, data: () => [bytes] }
}

export function jsonFile(path: string, value: unknown): OutputFile {
  return textFile(path, `${JSON.stringify(value, null, 2)}\n`)
}

/** Bytes that fill `length` up to a multiple of `alignment`. */
export function padding(length: number, alignment: number): number {
  return (alignment - (length % alignment)) % alignment
}

/** Offsets of tensors that lie one after the other from 0 on, each at a multiple of `alignment`, and where they end. */
export function layOut(tensors: readonly OutputTensor[], alignment: number): { offsets: number[]; end: number } {
  let end = 0
  const offsets = tensors.map(({ bytes }) => {
    const offset = end + padding(end, alignment)
    end = offset + bytes
    return offset
  })
  return { offsets, end }
}

/** A header, and behind it tensors as `layOut` places them; the file ends at a multiple of `alignment`. */
export function tensorFile(
  path: string,
  header: Uint8Array,
  tensors: readonly OutputTensor[],
  alignment: number,
): OutputFile {
  const { end } = layOut(tensors, alignment)
  async function* data(): AsyncGenerator<Uint8Array> {
    yield header
    for (const tensor of tensors) {
      let left = tensor.bytes
      for await (const piece of tensor.data()) {
        left -= piece.length
        yield piece
      }
      if (left !== 0)
        throw new FormatError(
          path,
          `tensor ${tensor.name} must have ${tensor.bytes} bytes, but has ${tensor.bytes - left}`,
        )
      yield new Uint8Array(padding(tensor.bytes, alignment))
    }
  }
  return { path, bytes: header.length + end + padding(end, alignment), data }
}

/** Throws where a file stands in the way: always where it belongs to the input, else unless it may be replaced. */
export async function checkTargets(source: WeightSource, paths: readonly string[], overwrite: boolean): Promise<void> {
  const inputs = await Promise.all(inputFiles(source).map(identity))
  for (const path of paths) {
    const info = await statOf(path)
    if (info === null) continue
    if (info.isDirectory()) throw refused(path, 'must be a file, but is a folder')
    // the same file may have several names
    const input = inputs.find((other) => other && other.ino === info.ino && other.dev === info.dev)
    if (input) throw refused(path, `must not be part of the input, but is ${input.path}`)
    if (!overwrite) throw refused(path, 'must not exist, but does: overwrite (--force) replaces it')
  }
}

function refused(path: string, problem: string): FormatError {
  return new FormatError(path, `output ${problem}`, undefined, 'ERR_FILE')
}

/** The files of a model: those with tensors, and what describes it beside them. */
function inputFiles({ path, tensors, companions }: WeightSource): string[] {
  const data = tensors.flatMap(({ data }) => (data instanceof Uint8Array ? [] : [data.file]))
  return [...new Set([path, ...data, ...companions.values()])]
}

async function identity(path: string) {
  const info = await statOf(path)
  return info && { path, ino: info.ino, dev: info.dev }
}

/** null where nothing is. Some systems number files beyond 2^53. */
function statOf(path: string): Promise<BigIntStats | null> {
  return stat(path, { bigint: true }).catch(() => null)
}

/**
 * Writes the files and gives the sum of their sizes. Until all are whole they stand under other names; after a failure
 * nothing is left of them, nor of `folder`, which is made where it is missing, and what was there before is as it was.
 */
export async function writeFiles(
  folder: string | null,
  files: readonly OutputFile[],
  { signal, onProgress }: WriteOptions = {},
): Promise<number> {
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0)
  const suffix = `${randomUUID()}.part`
  const created = folder !== null && (await makeFolder(folder))
  let done = 0
  const onBytes = (bytes: number) => {
    done += bytes
    onProgress?.(done, total)
  }
  try {
    for (const file of files) await writeFile(file, `${file.path}.${suffix}`, signal, onBytes)
    await replaceAll(
      files.map(({ path }) => path),
      suffix,
    )
  } catch (error) {
    for (const { path } of files) await rm(`${path}.${suffix}`, { force: true })
    if (folder !== null && created) await rmdir(folder).catch(() => {})
    throw error
  }
  return total
}

/** Gives every `path.suffix` the name `path`, all of them or none. */
async function replaceAll(paths: readonly string[], suffix: string): Promise<void> {
  const undo: (() => Promise<void>)[] = []
  const replaced: string[] = []
  try {
    for (const path of paths) {
      const info = await lstat(path).catch(() => null)
      if (info?.isDirectory()) throw refused(path, 'must be a file, but is a folder')
      const old = `${path}.${suffix}.old`
      if (info) {
        await rename(path, old).catch(failed(path))
        undo.push(() => rename(old, path))
        replaced.push(old)
      } else undo.push(() => rm(path, { force: true }))
      await rename(`${path}.${suffix}`, path).catch(failed(path))
    }
  } catch (error) {
    for (const step of undo.reverse()) await step().catch(() => {})
    throw error
  }
  for (const old of replaced) await rm(old, { force: true }).catch(() => {})
}

function failed(path: string): (error: unknown) => never {
  return (error) => {
    throw fileError(path, error)
  }
}

/** Whether the folder had to be made; the one above it must be there. */
async function makeFolder(folder: string): Promise<boolean> {
  const made = await mkdir(folder).then(
    () => true,
    (error) => {
      if (error.code === 'EEXIST') return false
      throw fileError(folder, error)
    },
  )
  if (!made && !(await stat(folder)).isDirectory()) throw refused(folder, 'must be a folder, but is a file')
  return made
}

async function writeFile(
  file: OutputFile,
  path: string,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const handle = await open(path, 'wx').catch(failed(file.path))
  try {
    for await (const piece of file.data()) {
      if (signal?.aborted) throw new AbortedError('aborted while the model was written', { cause: signal.reason })
      await writeAll(handle, piece).catch(failed(file.path))
      onBytes(piece.length)
    }
    await handle.sync().catch(failed(file.path))
  } finally {
    await handle.close()
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten
}
