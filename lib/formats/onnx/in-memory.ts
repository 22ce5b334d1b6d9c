import { FormatError } from '../../errors.js'
import { type FileReader, openFile } from '../file.js'
import { limits } from '../limits.js'
import { payloadBytes } from '../source.js'
import type { OnnxModel, OnnxTensor } from './graph.js'

// the group indices of the largest published model take 4 MB
const most = 64 * 2 ** 20

/** `model` with its integer constants read: sizes and group indices decide how weights are computed with. */
export async function integersInMemory(model: OnnxModel): Promise<OnnxModel> {
  await using files = new OpenFiles()
  const constants = new Map(model.graph.constants)
  let total = 0
  for (const [value, tensor] of constants) {
    // a longer one has more columns than any matrix, and is refused by its shape
    if (!isInteger(tensor) || tensor.data instanceof Uint8Array || payloadBytes(tensor.data) > 4 * limits.width)
      continue
    const { file, offset, bytes } = tensor.data
    total += bytes
    if (total > most) throw new FormatError(model.path, `integer constants must have at most ${most} bytes`)
    constants.set(value, { ...tensor, data: await (await files.open(file)).read(offset, bytes) })
  }
  return { ...model, graph: { ...model.graph, constants } }
}

function isInteger({ dtype }: OnnxTensor): boolean {
  return dtype === 'int32' || dtype === 'int64'
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
