/** One file from the hub into the cache: resumed where it broke off, verified, and there only when it is whole. */
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { constants, copyFile, type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { AbortedError, DownloadError } from '../errors.js'
import { sizeOf } from './cache.js'
import { type Connection, type Reply, request, retrying, TransientError } from './http.js'
import type { RemoteFile } from './listing.js'
import { withLock } from './lock.js'

export interface BlobRequest {
  readonly file: RemoteFile
  readonly url: string
  readonly target: string
  readonly lock: string
  /** Bytes of the file that are there. */
  readonly onProgress: (done: number) => void
}

/** What has arrived of a blob while nobody downloads it. */
const partialOf = (target: string) => `${target}.lophi.incomplete`

/** Bytes that have arrived of a blob which is not whole. */
export async function partialBytes(target: string): Promise<number> {
  return (await sizeOf(partialOf(target))) ?? (await abandoned(target))[0]?.size ?? 0
}

/** What processes that died left of a blob, or hold in their hands; the longest first. */
async function abandoned(target: string): Promise<{ path: string; size: number }[]> {
  const prefix = `${basename(partialOf(target))}.`
  const names = await readdir(dirname(target)).catch((): string[] => [])
  const found = names
    .filter((name) => name.startsWith(prefix))
    .map(async (name) => {
      const path = join(dirname(target), name)
      return { path, size: (await sizeOf(path)) ?? 0 }
    })
  return (await Promise.all(found)).sort((a, b) => b.size - a.size)
}

/**
 * A file of one's own with what has arrived. Who broke off has closed the file and lets it be renamed; what a process
 * left without a word is copied, as it may still be written to by one that only seems dead.
 */
async function claim(target: string): Promise<string> {
  const own = `${partialOf(target)}.${randomUUID()}`
  const isClaimed = await rename(partialOf(target), own).then(
    () => true,
    () => false,
  )
  const others = await abandoned(target)
  const [longest] = others.filter(({ path }) => path !== own)
  if (!isClaimed && longest) await copyFile(longest.path, own, constants.COPYFILE_FICLONE).catch(() => {})
  for (const { path } of others) if (path !== own) await rm(path, { force: true })
  return own
}

/** Gives the bytes that were downloaded: 0 where another process was faster. */
export async function fetchBlob(connection: Connection, blob: BlobRequest): Promise<number> {
  const { target, lock, file } = blob
  await mkdir(dirname(target), { recursive: true })
  await mkdir(dirname(lock), { recursive: true })
  const { signal } = connection
  const fetched = withLock(lock, signal, async () => {
    if ((await sizeOf(target)) === file.size) return 0
    const partial = await claim(target)
    const begun = ((await sizeOf(partial)) ?? 0) > 0
    try {
      return await fetchInto(partial, connection, blob).catch((error) => {
        // the part that was already there may be what is wrong
        if (begun && error instanceof DownloadError && error.code === 'ERR_CHECKSUM')
          return fetchInto(partial, connection, blob)
        throw error
      })
    } catch (error) {
      // a process that broke the lock may have finished the same file, or taken this part of it
      const isThere = (await sizeOf(target)) === file.size
      await (isThere ? rm(partial, { force: true }) : rename(partial, partialOf(target)).catch(() => {}))
      if (isThere) return 0
      throw error
    }
  })
  return fetched.catch((error) => {
    throw signal?.aborted && !(error instanceof AbortedError)
      ? new AbortedError(`${connection.id}: download aborted; the next one resumes it`, { cause: signal.reason })
      : error
  })
}

async function fetchInto(partial: string, connection: Connection, blob: BlobRequest): Promise<number> {
  const { file, target } = blob
  const received = await receive(connection, blob, partial)
  const found = await hashOf(partial, file, connection.signal)
  if (found !== file.hash) {
    await rm(partial, { force: true })
    throw new DownloadError(
      `${connection.id}: ${file.path} must have the ${file.algorithm} ${file.hash}, but what came has ${found}; it was removed`,
      { code: 'ERR_CHECKSUM' },
    )
  }
  await rename(partial, target)
  return received
}

interface Transfer {
  received: number
  /** The furthest byte so far: what begins again and again from 0 is no progress. */
  reached: number
  /** Of the server that has the bytes, if it is one that If-Range takes. */
  etag: string | null
}

async function receive(connection: Connection, blob: BlobRequest, partial: string): Promise<number> {
  const state: Transfer = { received: 0, reached: 0, etag: null }
  await using handle = await open(partial, constants.O_RDWR | constants.O_CREAT)
  await retrying(
    connection,
    6,
    () => transfer(connection, blob, handle, state),
    () => state.reached,
  )
  await handle.datasync()
  return state.received
}

/** One attempt: asks for what is missing and writes it at its place. */
async function transfer(connection: Connection, blob: BlobRequest, handle: FileHandle, state: Transfer): Promise<void> {
  const { file, url, onProgress } = blob
  let at = (await handle.stat()).size
  if (at > file.size) {
    await handle.truncate(0)
    at = 0
  }
  onProgress(at)
  if (at === file.size) return
  const ifRange: Record<string, string> = state.etag === null ? {} : { 'if-range': state.etag }
  using reply = await request(connection, url, at > 0 ? { range: `bytes=${at}-`, ...ifRange } : {})
  checkReply(connection.id, file, reply, at)
  if (reply.status !== 206 && at > 0) {
    // the server has no ranges, or another file than the one that was begun
    await handle.truncate(0)
    at = 0
  }
  const etag = reply.headers.get('etag')
  state.etag = etag?.startsWith('"') ? etag : null
  for await (const bytes of gathered(reply.chunks())) {
    if (at + bytes.length > file.size)
      throw new DownloadError(`${connection.id}: ${file.path} must have ${file.size} bytes, but the server sends more`)
    for (let done = 0; done < bytes.length; )
      done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten
    at += bytes.length
    state.received += bytes.length
    state.reached = Math.max(state.reached, at)
    onProgress(at)
  }
  if (at < file.size) throw new TransientError(`the connection ended at byte ${at} of ${file.size} of ${file.path}`)
}

/** Chunks in blocks of 256 KiB, as a write costs more than its bytes. What came before an error is given before it. */
async function* gathered(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let block: Uint8Array[] = []
  let bytes = 0
  let failure: { readonly error: unknown } | undefined
  try {
    for await (const chunk of chunks) {
      block.push(chunk)
      bytes += chunk.length
      if (bytes < 2 ** 18) continue
      yield Buffer.concat(block)
      block = []
      bytes = 0
    }
  } catch (error) {
    failure = { error }
  }
  if (bytes > 0) yield Buffer.concat(block)
  if (failure) throw failure.error
}

function checkReply(id: string, file: RemoteFile, { status, headers, linkedEtag }: Reply, at: number): void {
  const named = linkedEtag?.replace(/^W\//, '').replaceAll('"', '')
  const isHash = named !== undefined && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(named)
  if (isHash && named.length === file.hash.length && named !== file.hash)
    throw new DownloadError(`${id}: ${file.path} must be ${file.hash} as listed, but the hub serves ${named}`)
  if (status !== 206) return
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? []
  if (Number(first) !== at || Number(total) !== file.size)
    throw new DownloadError(
      `${id}: ${file.path} must go on at byte ${at} of ${file.size}, but the server sends ${headers.get('content-range')}`,
    )
}

async function hashOf(path: string, file: RemoteFile, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash(file.algorithm === 'sha256' ? 'sha256' : 'sha1')
  if (file.algorithm === 'git-sha1') hash.update(`blob ${file.size}\0`)
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20, ...(signal ? { signal } : {}) }))
    hash.update(chunk)
  return hash.digest('hex')
}
