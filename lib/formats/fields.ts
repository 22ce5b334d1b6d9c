import type { FormatError } from '../errors.js'
import { fieldReader } from '../fields.js'

/** Far above every published model; products of two of these stay exact. */
export const limits = {
  width: 2 ** 20,
  layers: 2 ** 12,
  heads: 2 ** 12,
  headDim: 2 ** 12,
  vocab: 2 ** 24,
  positions: 2 ** 30,
} as const

interface Range {
  readonly min?: number
  readonly max?: number
}

/** Reads the keys of a config; what is missing or of a wrong kind throws with file, key and value. */
export interface Fields {
  readonly file: string
  readonly get: (key: string) => unknown
  /** A whole number; min is 1 unless given. */
  integer(key: string, range: Range, fallback?: number): number
  /** A positive finite number. */
  positive(key: string, range: Range, fallback?: number): number
  string(key: string, fallback?: string): string
  boolean(key: string, fallback?: boolean): boolean
  fail(key: string, must: string): FormatError
}

/** `get` gives undefined (or null) for an absent key; `fallback` then stands in. */
export function fieldsOf(file: string, get: (key: string) => unknown): Fields {
  const reader = fieldReader(file)
  const given = (key: string, fallback: unknown) => {
    const value = get(key)
    return value ?? fallback ?? value
  }
  return {
    file,
    get,
    fail: (key, must) => reader.bad(key, must, get(key)),
    integer: (key, { min = 1, max = Number.MAX_SAFE_INTEGER }, fallback) =>
      reader.integer(key, given(key, fallback), min, max),
    positive(key, { min = Number.MIN_VALUE, max = Number.MAX_VALUE }, fallback) {
      const value = given(key, fallback)
      if (typeof value === 'number' && value >= min && value <= max) return value
      throw reader.bad(key, max === Number.MAX_VALUE ? 'a positive number' : `a positive number up to ${max}`, value)
    },
    string: (key, fallback) => reader.string(key, given(key, fallback)),
    boolean: (key, fallback) => reader.boolean(key, given(key, fallback)),
  }
}
