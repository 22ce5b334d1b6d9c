import type { Blueprint, Field, SizeName } from '../architectures/blueprint.js'
import { FormatError } from '../errors.js'
import { type Fields, limits } from './fields.js'
import type { ModelConfig } from './source.js'

// What config.json and GGUF metadata say alike.

/** m of formats such as Phi-3-128k: sqrt(1 + ln(max / original) / ln(original)), 1 where nothing is extended. */
export function longRopeAttentionFactor(max: number, original: number): number {
  return max <= original ? 1 : Math.sqrt(1 + Math.log(max / original) / Math.log(original))
}

/** m of an early name of longrope, which differs from it in this alone. */
export function yarnAttentionFactor(max: number, original: number): number {
  return max <= original ? 1 : 1 + 0.1 * Math.log(max / original)
}

export function checkFactors(file: string, name: string, values: unknown[], rotaryDim: number): number[] {
  if (values.length !== rotaryDim / 2) {
    throw new FormatError(file, `${name} must have ${rotaryDim / 2} values, but has ${values.length}`)
  }
  return values.map((value, i) => {
    if (typeof value === 'number' && value > 0 && value < Infinity) return value
    throw new FormatError(file, `${name} must hold positive numbers, but value ${i} is ${JSON.stringify(value)}`)
  })
}

/** A positive whole number; absent, null and 0 mean that there is none. */
export function nullableInteger(fields: Fields, key: string): number | null {
  return fields.integer(key, { min: 0, max: limits.positions }, 0) || null
}

/** null where there is none: absent, or a number that no token of the vocabulary has, as writers say it (-1, 2^32 - 1). */
export function tokenId(fields: Fields, key: string, vocabSize: number): number | null {
  const id = fields.get(key) ?? null
  if (id !== null && typeof id !== 'number' && typeof id !== 'bigint') throw fields.fail(key, 'an id or null')
  return isTokenId(id, vocabSize) ? id : null
}

export function isTokenId(id: unknown, vocabSize: number): id is number {
  return Number.isInteger(id) && (id as number) >= 0 && (id as number) < vocabSize
}

export type Sizes = Readonly<Record<SizeName, number>>

/** The sizes that a blueprint's fields name; `keyOf` gives the key of each, `otherwise` what stands in for absent ones. */
export function sizesOf(
  { fields: named }: Blueprint,
  fields: Fields,
  keyOf: (field: Field) => string,
  otherwise: Partial<Sizes> = {},
): Sizes {
  const read = (name: SizeName, fallback = otherwise[name]) =>
    fields.integer(keyOf(named[name]), { max: limits[named[name].limit] }, fallback)
  const hiddenSize = read('hiddenSize')
  const numAttentionHeads = read('numAttentionHeads')
  const headDimKey = keyOf(named.headDim)
  if ((fields.get(headDimKey) ?? null) === null && hiddenSize % numAttentionHeads !== 0) {
    const must = `${keyOf(named.hiddenSize)} must be a multiple of ${keyOf(named.numAttentionHeads)}`
    throw new FormatError(fields.file, `${must}, but is ${hiddenSize} for ${numAttentionHeads} heads`)
  }
  return {
    hiddenSize,
    intermediateSize: read('intermediateSize'),
    numHiddenLayers: read('numHiddenLayers'),
    numAttentionHeads,
    numKeyValueHeads: read('numKeyValueHeads', numAttentionHeads),
    headDim: read('headDim', hiddenSize / numAttentionHeads),
    vocabSize: read('vocabSize'),
    maxPositionEmbeddings: read('maxPositionEmbeddings'),
  }
}

/** `config.own` of an architecture that has sizes of its own. */
export function ownSizes(
  { own }: Blueprint,
  fields: Fields,
  keyOf: (field: Field) => string,
): Pick<ModelConfig, 'own'> {
  if (!own) return {}
  const entries = Object.entries(own)
  return {
    own: Object.fromEntries(
      entries.map(([name, field]) => [name, fields.integer(keyOf(field), { max: limits[field.limit] })]),
    ),
  }
}

/** Rules between several keys. */
export function checkedConfig(fields: Fields, keyValueKey: string, config: ModelConfig): ModelConfig {
  const { numAttentionHeads: heads, numKeyValueHeads, rotaryDim, headDim } = config
  if (heads % numKeyValueHeads !== 0) {
    throw fields.fail(keyValueKey, `a divisor of the ${heads} attention heads`)
  }
  if (rotaryDim < 2 || rotaryDim % 2 !== 0 || rotaryDim > headDim) {
    throw new FormatError(fields.file, `rotary dimensions must be even and at most ${headDim}, but are ${rotaryDim}`)
  }
  return config
}
