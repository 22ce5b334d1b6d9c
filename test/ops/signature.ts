import type { DType } from '../../lib/dtype.js'
import { type OpName, type Schema, schema } from '../../lib/ops/schema.js'
import type { NdArray, WeightArray } from '../support/ndarray.js'

// The types that a reference takes and gives, inferred from the schema's own words.

type OperandOf<S> = S extends `${infer Required}?`
  ? OperandOf<Required>
  : S extends `${string}*`
    ? readonly NdArray[]
    : S extends `weight[${string}`
      ? WeightArray
      : NdArray
type OptionalKeys<T> = { [K in keyof T]: T[K] extends `${string}?` ? K : never }[keyof T]
export type OperandsOf<O extends OpName> = {
  readonly [K in Exclude<keyof Schema[O]['in'], OptionalKeys<Schema[O]['in']>>]: OperandOf<Schema[O]['in'][K]>
} & { readonly [K in OptionalKeys<Schema[O]['in']>]?: OperandOf<Schema[O]['in'][K]> }

type ValueOf<T> = T extends 'int' | 'float'
  ? number
  : T extends 'bool'
    ? boolean
    : T extends 'dtype'
      ? DType
      : T extends 'dtype float'
        ? 'float32' | 'float16' | 'bfloat16'
        : T extends 'ints'
          ? readonly number[]
          : T extends `${infer Word} | ${infer Words}`
            ? Word | ValueOf<Words>
            : T
type AttributeOf<S> = S extends `${infer T} = ${string}` ? ValueOf<T> : ValueOf<S>
type DefaultedKeys<T> = { [K in keyof T]: T[K] extends `${string} = ${string}` ? K : never }[keyof T]
type Attributes<O extends OpName> = Schema[O]['attrs']
/** Every attribute, defaults filled in. */
export type AttributesOf<O extends OpName> = { readonly [K in keyof Attributes<O>]: AttributeOf<Attributes<O>[K]> }
/** As a caller writes them. */
export type GivenAttributes<O extends OpName> = {
  readonly [K in Exclude<keyof Attributes<O>, DefaultedKeys<Attributes<O>>>]: AttributeOf<Attributes<O>[K]>
} & { readonly [K in DefaultedKeys<Attributes<O>>]?: AttributeOf<Attributes<O>[K]> }

type InOutKeys<T> = { [K in keyof T]: T[K] extends `inout ${string}` ? K : never }[keyof T]
/** The outputs, and the in-out operands that were given as they stand afterwards. */
export type ResultsOf<O extends OpName> = {
  readonly [K in keyof Schema[O]['out'] | Exclude<InOutKeys<Schema[O]['in']>, OptionalKeys<Schema[O]['in']>>]: NdArray
} & { readonly [K in Extract<InOutKeys<Schema[O]['in']>, OptionalKeys<Schema[O]['in']>> & string]?: NdArray }
export type Reference<O extends OpName> = (operands: OperandsOf<O>, attributes: AttributesOf<O>) => ResultsOf<O>

export const opNames = Object.keys(schema) as OpName[]

function defaultOf(declaration: string): unknown {
  const [type, text] = declaration.split(' = ')
  if (type === 'bool') return text === 'true'
  return type === 'int' || type === 'float' ? Number(text) : text
}

/** `given` with the schema's defaults filled in. */
export function withDefaults<O extends OpName>(op: O, given: GivenAttributes<O>): AttributesOf<O> {
  const declared = Object.entries<string>(schema[op].attrs).filter(([, declaration]) => declaration.includes(' = '))
  const defaults = declared.map(([name, declaration]) => [name, defaultOf(declaration)])
  return { ...Object.fromEntries(defaults), ...given }
}
