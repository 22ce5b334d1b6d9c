import { FormatError } from '../errors.js'
import { limits } from './fields.js'
import { type FileReader, openFile } from './file.js'
import type { Payload } from './source.js'

// the group indices of the largest published model take 4 MB
const most = 64 * 2 ** 20

/**
 * `tensors` with the data read of those that `isWanted` names: integers that decide how weights are computed with.
 * `model` is the path of what is opened, for errors.
 */
export async function inMemory<T extends { readonly data: Payload }>(
  model: string,
  tensors: Iterable<T>,
  isWanted: (tensor: T) => boolean,
): Promise<T[]> {
  await using files = new OpenFiles()
  const found: T[] = []
  let total = 0
  for (const tensor of tensors) {
    const { data } = tensor
    // a longer one has more columns than any matrix, and is refused by its shape
    if (!isWanted(tensor) || data instanceof Uint8Array || data.bytes > 4 * limits.width) {
      found.push(tensor)
      continue
    }
    total += data.bytes
    if (total > most) {
      throw new FormatError(model, `sizes and group indices must have at most ${most} bytes together, but have more`)
    }
    found.push({ ...tensor, data: await (await files.open(data.file)).read(data.offset, data.bytes) })
  }
  return found
}

class OpenFiles implements AsyncDisposable {
  readonly #files = new Map<string, FileReader>()

  async open(path: string): Promise<FileReader> {
    const file = this.#files.get(path) ?? (await openFile(path))
    this.#files.set(path, file)
    return file
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#files.values()) await file[Symbol.asyncDispose]()
  }
}
