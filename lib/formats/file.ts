import { type FileHandle, open, stat } from 'node:fs/promises'
import { FormatError, UnsupportedModelError } from '../errors.js'

/** A file opened for reads that are whole or fail: a range beyond its end is an error, never a short buffer. */
export interface FileReader extends AsyncDisposable {
  readonly path: string
  readonly size: number
  read(offset: number, bytes: number): Promise<Uint8Array<ArrayBuffer>>
}

/** ERR_FILE with the system's own words, as `ENOENT: no such file or directory`. */
export function fileError(path: string, error: unknown): FormatError {
  const reason = error instanceof Error ? error.message.split(',')[0] : String(error)
  return new FormatError(path, `cannot be used: ${reason}`, undefined, 'ERR_FILE')
}

export async function openFile(path: string): Promise<FileReader> {
  const info = await stat(path).catch((error) => {
    throw fileError(path, error)
  })
  // opening a pipe would wait for its writer
  if (!info.isFile()) throw new FormatError(path, 'must be a file, but is not a regular one', undefined, 'ERR_FILE')
  const handle = await open(path, 'r').catch((error) => {
    throw fileError(path, error)
  })
  const { size } = info
  try {
    await refusePointer(path, handle, size)
  } catch (error) {
    await handle.close()
    throw error
  }

  return {
    path,
    size,
    async read(offset, bytes) {
      if (offset + bytes > size) {
        throw new FormatError(path, `${bytes} bytes must lie within the file, but it ends at ${size}`, offset)
      }
      const buffer = new Uint8Array(bytes)
      for (let done = 0; done < bytes; ) {
        const { bytesRead } = await handle.read(buffer, done, bytes - done, offset + done).catch((error) => {
          throw fileError(path, error)
        })
        if (bytesRead === 0) throw new FormatError(path, 'file became shorter while it was read', offset + done)
        done += bytesRead
      }
      return buffer
    },
    [Symbol.asyncDispose]: () => handle.close(),
  }
}

/** A clone without Git LFS has lines about each large file in its place. */
async function refusePointer(path: string, handle: FileHandle, size: number): Promise<void> {
  if (size < 64 || size > 1024) return
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(size), 0, size, 0)
  const text = buffer.toString('latin1', 0, bytesRead)
  if (!text.startsWith('version https://git-lfs')) return
  const bytes = /^size (\d+)$/m.exec(text)?.[1] ?? '?'
  throw new UnsupportedModelError(
    `${path}: is a Git LFS pointer in the place of a file of ${bytes} bytes; git lfs pull fetches it`,
  )
}
