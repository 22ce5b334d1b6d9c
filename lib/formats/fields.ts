import { FormatError } from '../errors.js'

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
  const fail = (key: string, must: string) => {
    const value = get(key)
    const actual = value === undefined ? 'is missing' : value === null ? 'is null' : `is ${show(value)}`
    return new FormatError(file, `${key} must be ${must}, but ${actual}`)
  }
  const read = <T>(key: string, must: string, fits: (value: unknown) => value is T, fallback: T | undefined): T => {
    const value = get(key) ?? fallback
    if (!fits(value)) throw fail(key, must)
    return value
  }
  return {
    file,
    get,
    fail,
    integer(key, { min = 1, max = Number.MAX_SAFE_INTEGER }, fallback) {
      const fits = (v: unknown): v is number => Number.isInteger(v) && (v as number) >= min && (v as number) <= max
      return read(key, `an integer from ${min} to ${max}`, fits, fallback)
    },
    positive(key, { min = Number.MIN_VALUE, max = Number.MAX_VALUE }, fallback) {
      const fits = (v: unknown): v is number => typeof v === 'number' && v >= min && v <= max
      const must = max === Number.MAX_VALUE ? 'a positive number' : `a positive number up to ${max}`
      return read(key, must, fits, fallback)
    },
    string: (key, fallback) => read(key, 'a string', (v) => typeof v === 'string', fallback),
    boolean: (key, fallback) => read(key, 'true or false', (v) => typeof v === 'boolean', fallback),
  }
}

/** A value of a file as errors show it. */
export function show(value: unknown): string {
  const text = JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? `${item}` : item)) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
