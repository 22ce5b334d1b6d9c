import { FormatError, UnsupportedModelError } from './errors.js'
import { described } from './options.js'

/** A JSON object that nobody has checked. */
export type Json = Readonly<Record<string, unknown>>

/** Readers of untrusted values: each gives the value with its type, or an error that names file, field and value. */
export interface FieldReader {
  readonly file: string
  object(field: string, value: unknown): Json
  array(field: string, value: unknown): readonly unknown[]
  string(field: string, value: unknown): string
  /** A missing or null flag is `otherwise`, where there is one. */
  boolean(field: string, value: unknown, otherwise?: boolean): boolean
  integer(field: string, value: unknown, least: number, most: number): number
  bad(field: string, must: string, value: unknown): FormatError
  unsupported(field: string, must: string, value: unknown): UnsupportedModelError
}

export function fieldReader(file: string): FieldReader {
  const bad = (field: string, must: string, value: unknown) =>
    new FormatError(file, `${field} must be ${must}, but ${actual(value)}`)
  const isObject = (value: unknown): value is Json =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
  return {
    file,
    bad,
    unsupported: (field, must, value) =>
      new UnsupportedModelError(`${file}: ${field} must be ${must}, but ${actual(value)}`),
    object(field, value) {
      if (!isObject(value)) throw bad(field, 'an object', value)
      return value
    },
    array(field, value) {
      if (!Array.isArray(value)) throw bad(field, 'an array', value)
      return value
    },
    string(field, value) {
      if (typeof value !== 'string') throw bad(field, 'a string', value)
      return value
    },
    boolean(field, value, otherwise) {
      const flag = value ?? otherwise
      if (typeof flag !== 'boolean') throw bad(field, 'true or false', value)
      return flag
    },
    integer(field, value, least, most) {
      if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
      throw bad(field, `an integer from ${least} to ${most}`, value)
    },
  }
}

function actual(value: unknown): string {
  if (value === undefined) return 'is missing'
  return value === null ? 'is null' : `is ${described(value)}`
}
