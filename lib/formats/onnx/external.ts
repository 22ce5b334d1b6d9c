/**
 * External data: tensors in files that a model names by `location`, a path with forward slashes below the folder of the
 * model as it was named. What may be linked where, contained.ts says.
 */
import { dirname, resolve } from 'node:path'
import { FormatError } from '../../errors.js'
import { containedFile } from '../contained.js'
import { openFile } from '../file.js'
import type { FileRange } from '../source.js'

interface Reference {
  readonly tensor: string
  readonly location: string
  readonly range: { -readonly [K in keyof FileRange]: FileRange[K] }
}

export interface ExternalData {
  /** The range of `tensor`, of `bytes` bytes. It is good only after `check`. */
  range(tensor: string, entries: ReadonlyMap<string, string>, bytes: number): FileRange
  /** Finds the files, each once, and holds all ranges against them. */
  check(): Promise<void>
}

export function externalData(model: string): ExternalData {
  const references: Reference[] = []
  const folder = dirname(resolve(model))

  return {
    range(tensor, entries, bytes) {
      const natural = (key: string, absent: number) => {
        const text = entries.get(key)
        if (text === undefined) return absent
        const value = Number(text)
        if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value
        const shown = JSON.stringify(text.slice(0, 40))
        throw new FormatError(model, `tensor ${tensor}: ${key} must be a decimal number below 2^53, but is ${shown}`)
      }
      const offset = natural('offset', 0)
      const length = natural('length', bytes)
      if (length !== bytes)
        throw new FormatError(model, `tensor ${tensor}: must have ${bytes} bytes, but has ${length}`)
      const location = entries.get('location')
      if (location === undefined) throw new FormatError(model, `tensor ${tensor}: external data must have a location`)
      const range = { file: location, offset, bytes }
      references.push({ tensor, location, range })
      return range
    },

    async check() {
      for (const [location, group] of grouped(references, ({ location }) => location)) {
        // some writers begin with ./
        const path = await containedFile(folder, location.replace(/^\.\//, ''), 'external data', model)
        const size = await sizeOf(path)
        for (const { tensor, range } of group) {
          if (range.bytes > size - range.offset) {
            const what = `tensor ${tensor}: ${range.bytes} bytes at ${range.offset}`
            throw new FormatError(model, `${what} must lie within ${location}, but it ends at ${size}`)
          }
          range.file = path
        }
      }
      for (const group of grouped(references, ({ range }) => range.file).values()) checkOverlap(model, group)
    },
  }
}

function grouped(references: readonly Reference[], keyOf: (reference: Reference) => string): Map<string, Reference[]> {
  const groups = new Map<string, Reference[]>()
  for (const reference of references) {
    const group = groups.get(keyOf(reference))
    if (group) group.push(reference)
    else groups.set(keyOf(reference), [reference])
  }
  return groups
}

async function sizeOf(path: string): Promise<number> {
  await using file = await openFile(path)
  return file.size
}

/** Tied weights share one range; ranges that share a part of their bytes are damage. */
function checkOverlap(model: string, references: readonly Reference[]): void {
  const filled = references.filter(({ range }) => range.bytes > 0)
  const inOrder = filled.toSorted((a, b) => a.range.offset - b.range.offset || a.range.bytes - b.range.bytes)
  for (const [i, { tensor, range }] of inOrder.entries()) {
    const before = inOrder[i - 1]
    if (!before || range.offset >= before.range.offset + before.range.bytes) continue
    if (range.offset === before.range.offset && range.bytes === before.range.bytes) continue
    throw new FormatError(model, `tensors must not overlap, but ${tensor} begins within ${before.tensor}`)
  }
}
