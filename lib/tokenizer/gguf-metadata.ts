import { FormatError } from '../errors.js'
import type { GgufValue } from '../formats/source.js'

export type Metadata = ReadonlyMap<string, GgufValue>

/** Values of tokenizer.ggml.token_type. */
export const tokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

/** The tokens of a vocabulary; each has a type. */
export interface GgufTokens {
  readonly tokens: readonly string[]
  readonly types: ArrayLike<number>
}

/** What the kinds of vocabulary rewrite in ways of their own. */
export interface RewrittenKind {
  readonly pipeline: object
  readonly addBos: boolean
  readonly bos: number | null
  readonly eos: number | null
  readonly unknown: number | null
}

// Readers of `tokenizer.ggml.*`: each gives a value of its type, or a FormatError that names the key.

export const prefix = 'tokenizer.ggml'

function describe(value: GgufValue | undefined): string {
  if (value === undefined) return 'is missing'
  if (typeof value === 'object') return `is an array of ${value.length}`
  return `is ${JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : each))}`
}

export function bad(key: string, requirement: string, value: GgufValue | undefined): FormatError {
  return new FormatError(key, `must be ${requirement}, but ${describe(value)}`)
}

export function flag(metadata: Metadata, name: string, otherwise: boolean): boolean {
  const key = `${prefix}.${name}`
  const value = metadata.get(key) ?? otherwise
  if (typeof value !== 'boolean') throw bad(key, 'a boolean', value)
  return value
}

export function numbers(metadata: Metadata, name: string, count: number): ArrayLike<number> {
  const key = `${prefix}.${name}`
  const value = metadata.get(key)
  if (typeof value !== 'object' || value.length !== count)
    throw bad(key, `an array of ${count}, one for each token`, value)
  for (let index = 0; index < count; index++) {
    const each = value[index]
    if (typeof each !== 'number' || Number.isNaN(each))
      throw new FormatError(key, `[${index}] must be a number, but is ${each}`)
  }
  return value as ArrayLike<number>
}

export function strings(metadata: Metadata, name: string): readonly string[] {
  const key = `${prefix}.${name}`
  const value = metadata.get(key)
  if (!Array.isArray(value) || value.length === 0) throw bad(key, 'an array of strings', value)
  value.forEach((each, index) => {
    if (typeof each !== 'string')
      throw new FormatError(key, `[${index}] must be a string, but is of type ${typeof each}`)
  })
  return value as string[]
}

/** An id that no token has is as good as none, as in llama.cpp: converters write -1 and 2^32 - 1. */
export function tokenId(metadata: Metadata, name: string, count: number, otherwise: number | null): number | null {
  const key = `${prefix}.${name}`
  const value = metadata.get(key) ?? otherwise
  if (value === null) return null
  if (typeof value === 'bigint') return otherwise
  if (typeof value !== 'number' || !Number.isInteger(value)) throw bad(key, 'an id', value)
  if (value >= 0 && value < count) return value
  return otherwise !== null && otherwise < count ? otherwise : null
}
