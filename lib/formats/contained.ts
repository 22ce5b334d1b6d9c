import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { FormatError } from '../errors.js'
import { fileError } from './file.js'

// A model names its other files (shards, external data): such a name must not lead out of the model's folder. Links are
// what the owner of the folder has put there, and may lead to another disk or to the blobs of the hub's cache.

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
  return realpath(path).catch((error) => {
    throw fileError(path, error)
  })
}
