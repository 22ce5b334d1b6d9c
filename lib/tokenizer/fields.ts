import { FormatError, UnsupportedModelError } from '../errors.js'

/** Readers of untrusted JSON: each gives the value with its type, or a FormatError that names the field. */
export type Fields = Readonly<Record<string, unknown>>

const file = 'tokenizer.json'

function show(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  return typeof value === 'object' ? 'an object' : String(value)
}

export function badField(field: string, requirement: string, value: unknown): FormatError {
  return new FormatError(file, `${field} must be ${requirement}, but is ${show(value)}`)
}

export function unsupportedField(field: string, requirement: string, value: unknown): UnsupportedModelError {
  return new UnsupportedModelError(`${file}: ${field} must be ${requirement}, but is ${show(value)}`)
}

export function objectField(field: string, value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badField(field, 'an object', value)
  return value as Fields
}

export function arrayField(field: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw badField(field, 'an array', value)
  return value
}

export function stringField(field: string, value: unknown): string {
  if (typeof value !== 'string') throw badField(field, 'a string', value)
  return value
}

/** A missing or null flag is `otherwise`. */
export function booleanField(field: string, value: unknown, otherwise: boolean): boolean {
  if (value === undefined || value === null) return otherwise
  if (typeof value !== 'boolean') throw badField(field, 'a boolean', value)
  return value
}

export function idField(field: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= 2 ** 31) {
    throw badField(field, 'an id in 0..2^31-1', value)
  }
  return value
}

/** The steps of a component: those of a Sequence, one, or none. */
export function stepsOf(field: string, value: unknown, list: string): { field: string; step: Fields }[] {
  if (value === undefined || value === null) return []
  const component = objectField(field, value)
  if (component.type !== 'Sequence') return [{ field, step: component }]
  return arrayField(`${field}.${list}`, component[list]).map((step, index) => {
    const name = `${field}.${list}[${index}]`
    return { field: name, step: objectField(name, step) }
  })
}
