import { basename, dirname, join } from 'node:path'
import { FormatError } from '../../errors.js'
import { containedFile } from '../contained.js'
import type { FileTensor } from '../source.js'
import { type Gguf, readGguf } from './read.js'

// A split model is NAME-00001-of-000NN.gguf and so on: the first part has the metadata, every part has tensors of its
// own and the keys split.no (from 0), split.count and split.tensors.count.

const partName = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/
const maxParts = 1024

/** The name of the first part, for a name of any part; null where `name` is none. */
export function firstPart(name: string): string | null {
  const match = partName.exec(name)
  return match && `${match[1]}-00001-of-${match[3]}.gguf`
}

/** Reads a GGUF file and, where it is one part of several, all the others; `path` may be any of them. */
export async function readWholeGguf(path: string): Promise<Gguf & { readonly path: string }> {
  const given = await readGguf(path)
  const count = given.metadata.get('split.count') ?? 1
  if (count === 1) return { ...given, path }
  if (typeof count !== 'number' || count < 1 || count > maxParts) {
    throw new FormatError(path, `split.count must be from 1 to ${maxParts}, but is ${count}`)
  }
  const [, stem, , total] = partName.exec(basename(path)) ?? []
  if (Number(total) !== count) {
    throw new FormatError(
      path,
      `the name of a part of ${count} must end in -00001-of-${padded(count)}.gguf or the like`,
    )
  }

  const folder = dirname(path)
  const parts: Gguf[] = []
  const tensors = new Map<string, FileTensor>()
  for (let i = 0; i < count; i++) {
    const file = await containedFile(folder, `${stem}-${padded(i + 1)}-of-${padded(count)}.gguf`, 'part', path)
    const part = await readGguf(file)
    checkPart(file, part, i, count)
    for (const tensor of part.tensors) {
      if (tensors.has(tensor.name))
        throw new FormatError(file, `tensor ${tensor.name} must be in one part, but is in two`)
      tensors.set(tensor.name, tensor)
    }
    parts.push(part)
  }
  const first = parts[0]!
  const named = first.metadata.get('split.tensors.count')
  if (named !== tensors.size) {
    throw new FormatError(path, `split.tensors.count must be ${tensors.size}, as the parts have, but is ${named}`)
  }
  return {
    ...first,
    metadata: withoutSplit(first.metadata),
    types: withoutSplit(first.types),
    tensors: [...tensors.values()],
    path: join(folder, firstPart(basename(path))!),
  }
}

function padded(number: number): string {
  return String(number).padStart(5, '0')
}

function checkPart(file: string, { metadata }: Gguf, index: number, count: number): void {
  const wanted = { 'split.no': index, 'split.count': count }
  for (const [key, value] of Object.entries(wanted)) {
    const found = metadata.get(key)
    if (found !== value) throw new FormatError(file, `${key} must be ${value}, but is ${found ?? 'missing'}`)
  }
}

/** The whole is no part. */
function withoutSplit<T>(pairs: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...pairs].filter(([key]) => !key.startsWith('split.')))
}
