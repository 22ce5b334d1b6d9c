/** What is checked at the door of every public call: that an object of options holds nothing that nobody knows. */
import { ArgumentError } from './errors.js'

/** Names of options, in the order in which a message lists them; the compiler keeps them equal to those of the type. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>

/** Throws ERR_ARGUMENT for a name that is not in `known`, with the nearest one that is: a misspelt option is never ignored. */
export function checkOptions<T extends object>(where: string, options: T, known: OptionNames<T>): void {
  checkNames(where, 'option', options, Object.keys(known))
}

/** The same for names that only run time knows; `what` they are, in the singular. */
export function checkNames(where: string, what: string, given: unknown, known: readonly string[]): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new ArgumentError('ERR_ARGUMENT', `${where}: ${what}s must be an object, but are ${described(given)}`)
  for (const name of Object.keys(given)) if (!known.includes(name)) throw unknownName(where, what, name, known)
}

export function unknownName(where: string, what: string, name: string, known: readonly string[]): ArgumentError {
  const near = nearest(name, known)
  const help = near ? `did you mean ${near}?` : known.length > 0 ? `there are ${known.join(' ')}` : 'there are none'
  return new ArgumentError('ERR_ARGUMENT', `${where}: unknown ${what} ${name}; ${help}`)
}

/** How a message names a value that is not what it should be, be it a caller's or a file's. */
export function described(value: unknown): string {
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`
  if (typeof value === 'function') return 'a function'
  const text = json(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

function json(value: unknown): string {
  if (typeof value !== 'object' && typeof value !== 'string') return String(value)
  try {
    return JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? `${item}` : item))
  } catch {
    return 'an object' // that holds itself
  }
}

/** The known name that differs least, with neither case nor word separators; undefined where none is close. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[-_ ]/g, '')
  const wanted = plain(name)
  if (wanted.length > 64) return undefined
  const ranked = known
    .map((candidate) => ({ candidate, edits: edits(wanted, plain(candidate)) }))
    .sort((a, b) => a.edits - b.edits)
  const [best] = ranked
  return best && best.edits <= Math.max(1, Math.floor(wanted.length / 3)) ? best.candidate : undefined
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
function edits(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, before[j - 2]! + 1)
      next.push(least)
    }
    before = row
    row = next
  }
  return row[b.length]!
}
