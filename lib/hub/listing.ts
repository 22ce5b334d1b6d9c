/** What the hub says of a repository; every name and hash is checked here, before anything touches the disk. */
import { DownloadError } from '../errors.js'
import { apiFetch, type Connection } from './http.js'

export interface HubFile {
  /** Relative to the repository, with slashes. */
  readonly path: string
  readonly size: number
}

export interface RemoteFile extends HubFile {
  readonly algorithm: 'sha256' | 'git-sha1'
  /** The hash of the content, which names it in the cache. */
  readonly hash: string
}

export interface Listing {
  readonly commit: string
  readonly files: readonly RemoteFile[]
}

const maxFiles = 100_000

export async function listRepository(connection: Connection, revision: string): Promise<Listing> {
  const { listFiles, modelInfo } = await import('@huggingface/hub')
  const { id, endpoint } = connection
  const common = { hubUrl: endpoint, fetch: apiFetch(connection) }
  const { sha } = await modelInfo({ ...common, name: id, revision, additionalFields: ['sha'] })
  const commit = checked(id, 'commit', sha, isSha1)
  const files: RemoteFile[] = []
  for await (const entry of listFiles({ ...common, repo: id, revision: commit, recursive: true })) {
    if (entry.type !== 'file') continue
    if (files.length === maxFiles) throw new DownloadError(`${id}: must have at most ${maxFiles} files, but has more`)
    const path = checkPath(id, entry.path)
    // what git keeps as a pointer to a large file (LFS, Xet) is known by the SHA-256 of the file itself
    const { size, oid } = entry.lfs ?? entry
    if (!Number.isSafeInteger(size) || size < 0)
      throw new DownloadError(`${id}: the size of ${path} must be a number of bytes, but is ${size}`)
    files.push(
      entry.lfs
        ? { path, size, algorithm: 'sha256', hash: checked(id, path, oid, isSha256) }
        : { path, size, algorithm: 'git-sha1', hash: checked(id, path, oid, isSha1) },
    )
  }
  return { commit, files }
}

export const isSha1 = (text: string) => /^[0-9a-f]{40}$/.test(text)
const isSha256 = (text: string) => /^[0-9a-f]{64}$/.test(text)

function checked(id: string, what: string, value: unknown, isHash: (text: string) => boolean): string {
  if (typeof value === 'string' && isHash(value)) return value
  throw new DownloadError(`${id}: the hash of ${what} must be hexadecimal, but is ${JSON.stringify(value)}`)
}

function checkPath(id: string, path: unknown): string {
  if (typeof path === 'string' && isSafePath(path)) return path
  throw new DownloadError(`${id}: file names must stay inside the repository, but one is ${JSON.stringify(path)}`)
}

/** Whether a path stays inside its folder on every system, and a terminal can show it. */
export function isSafePath(path: string): boolean {
  return (
    path.length <= 1024 &&
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
    !/[\\:\x00-\x1f\x7f-\x9f]/.test(path) &&
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !/[. ]$/.test(part))
  )
}
