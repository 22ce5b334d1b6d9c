import { realpath } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { FormatError } from '../errors.js'
import { fileError } from './file.js'

// A model names its other files (shards, external data): such a name must not lead out of the model's folder. The one
// exception is the cache of the Hugging Face hub, models--*/snapshots/<revision>/**, whose files are links to
// models--*/blobs/<hash>.

/** A name of a file in the same folder: no path, on any platform. */
export function isPlainName(name: string): boolean {
  return isRelative(name) && !name.includes('/')
}

/** A path with forward slashes that stays below the folder it starts from. */
function isRelative(path: string): boolean {
  if (/[\\:\0]/.test(path)) return false
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}

/**
 * The real path of `name`, which `origin` (a file, for errors) gives relative to `folder`. `what` is its role: "shard".
 */
export async function containedFile(folder: string, name: string, what: string, origin: string): Promise<string> {
  if (!isRelative(name)) {
    throw new FormatError(origin, `${what} must be a path below the model's folder, but is ${JSON.stringify(name)}`)
  }
  const path = join(folder, name)
  const [root, file] = await Promise.all([resolved(folder), resolved(path)])
  const blobs = hubBlobs(root)
  if (file.startsWith(root + sep) || (blobs !== null && dirname(file) === blobs)) return file
  throw new FormatError(origin, `${what} ${name} must lie in the model's folder, but links to ${file}`)
}

function resolved(path: string): Promise<string> {
  return realpath(path).catch((error) => {
    throw fileError(path, error)
  })
}

/** The folder of blobs that belongs to a snapshot of the hub's cache; null where `folder` is in none. */
function hubBlobs(folder: string): string | null {
  for (let at = folder; dirname(at) !== at; at = dirname(at)) {
    const snapshots = dirname(at)
    const repository = dirname(snapshots)
    if (basename(snapshots) === 'snapshots' && basename(repository).startsWith('models--')) {
      return join(repository, 'blobs')
    }
  }
  return null
}
