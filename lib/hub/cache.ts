/**
 * The cache that all Hugging Face libraries share, of one repository:
 *   models--org--name/blobs/HASH                     contents
 *   models--org--name/refs/main                      the commit of a branch or tag
 *   models--org--name/snapshots/COMMIT/folder/file   relative links to the contents
 */
import { randomUUID } from 'node:crypto'
import {
  constants,
  copyFile,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import type { HubFile } from './listing.js'
import { isSha1 } from './listing.js'

export interface RepositoryCache {
  blob(hash: string): string
  /** Locks lie where those of huggingface_hub do, under names that it does not use. */
  lock(hash: string): string
  snapshot(commit: string): string
  /** The commit of a revision; null where it is not in the cache. */
  commitOf(revision: string): Promise<string | null>
  setCommit(revision: string, commit: string): Promise<void>
  /** The files of a snapshot whose contents are there. */
  files(commit: string): Promise<HubFile[]>
}

export function repositoryCache(cache: string, id: string): RepositoryCache {
  const folder = `models--${id.replace('/', '--')}`
  const root = join(cache, folder)
  const ref = (revision: string) => join(root, 'refs', revision)
  const snapshot = (commit: string) => join(root, 'snapshots', commit)
  return {
    blob: (hash) => join(root, 'blobs', hash),
    lock: (hash) => join(cache, '.locks', folder, `${hash}.lophi.lock`),
    snapshot,
    async commitOf(revision) {
      if (isSha1(revision)) return revision
      const commit = await readFile(ref(revision), 'utf8').catch(() => '')
      return isSha1(commit.trim()) ? commit.trim() : null
    },
    async setCommit(revision, commit) {
      if (revision !== commit) await replace(ref(revision), (path) => writeFile(path, commit))
    },
    files: (commit) => filesIn(snapshot(commit)),
  }
}

async function filesIn(folder: string, prefix = ''): Promise<HubFile[]> {
  const entries = await readdir(join(folder, prefix), { withFileTypes: true }).catch(() => [])
  const found = await Promise.all(
    entries.map(async (entry) => {
      const path = prefix ? `${prefix}/${entry.name}` : entry.name
      if (entry.isDirectory()) return filesIn(folder, path)
      const size = await sizeOf(join(folder, path)) // follows the link
      return size === null ? [] : [{ path, size }]
    }),
  )
  return found.flat()
}

/** Bytes of a file, null where there is none. */
export async function sizeOf(path: string): Promise<number | null> {
  const info = await stat(path).catch(() => null)
  return info?.isFile() ? info.size : null
}

/** How a snapshot refers to a blob, the best way first: Windows allows symbolic links only to some users. */
const waysToRefer: ((blob: string, path: string) => Promise<void>)[] = [
  (blob, path) => symlink(relative(dirname(path), blob), path),
  link,
  (blob, path) => copyFile(blob, path, constants.COPYFILE_FICLONE),
]

/** Makes `path` of a snapshot refer to a blob, whatever was there. */
export async function refer(path: string, blob: string, ways = waysToRefer): Promise<void> {
  await replace(path, async (temporary) => {
    for (const [i, way] of ways.entries()) {
      try {
        return await way(blob, temporary)
      } catch (error) {
        if (i === ways.length - 1) throw error
      }
    }
  })
}

/** Writes under another name first, so that nobody sees half of it. */
async function replace(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${randomUUID()}.part`
  try {
    await write(temporary)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
