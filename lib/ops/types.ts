/** The types of `ops.*`, inferred from the schema: a missing, misspelt or wrong operand is a compile error. */
import type { Device } from '../device.js'
import type { DType } from '../dtype.js'
import type { Shape, Tensor } from '../tensor.js'
import type { Weight } from '../weight.js'
import type { OpName, Schema } from './schema.js'

type Float = 'float32' | 'float16' | 'bfloat16'

/** Dtypes that a word of the schema stands for; another operand's name stands for any, the checker compares. */
type DTypes<Word extends string> = Word extends DType
  ? Word
  : Word extends 'float'
    ? Float
    : Word extends 'number'
      ? Float | 'int32'
      : Word extends 'cache'
        ? Float | 'int8'
        : DType

type Trim<Spec extends string> = Spec extends `inout ${infer Rest}` ? Rest : Spec
/** 'float[N, K]?' -> 'float'; 'a broadcast' -> 'a' */
type Word<Spec extends string> =
  Trim<Spec> extends `${infer W}[${string}` ? W : Trim<Spec> extends `${infer W} ${string}` ? W : Trim<Spec>
/** 'x[..., C]' -> '..., C' */
type DimsOf<Spec extends string> = Trim<Spec> extends `${string}[${infer D}]${string}` ? D : never

type Operand<Spec extends string> =
  Word<Spec> extends 'weight'
    ? Weight
    : Spec extends `${string}*`
      ? readonly Tensor<DTypes<Word<Spec>>>[]
      : Tensor<DTypes<Word<Spec>>>

type Attribute<Spec extends string> = Spec extends `bool${string}`
  ? boolean
  : Spec extends `dtype${infer Rest}`
    ? Rest extends ` = ${string}` | ''
      ? DType
      : DTypes<Word<Rest extends ` ${infer Class}` ? Class : never>>
    : Spec extends `ints${string}`
      ? readonly number[]
      : Spec extends `int${string}` | `float${string}`
        ? number
        : Choice<Spec>
type Choice<Spec extends string> = Spec extends `${infer Words} = ${string}` ? Split<Words> : never
type Split<Words extends string> = Words extends `${infer A} | ${infer B}` ? A | Split<B> : Words

type Inputs<N extends OpName> = Schema[N]['in']
type Attributes<N extends OpName> = Schema[N]['attrs']
type Outputs<N extends OpName> = Schema[N]['out']
type Text<T> = T extends string ? T : never

type Optional<T> = { [K in keyof T as Text<T[K]> extends `${string}?` | `${string} = ${string}` ? K : never]: T[K] }
type Required<T> = Omit<T, keyof Optional<T>>

/** What `ops.name` takes: operands by name, attributes, and optionally where to write. */
export type OpArguments<N extends OpName> = {
  readonly [K in keyof Required<Inputs<N>>]: Operand<Text<Inputs<N>[K & keyof Inputs<N>]>>
} & {
  readonly [K in keyof Optional<Inputs<N>>]?: Operand<Text<Inputs<N>[K & keyof Inputs<N>]>> | undefined
} & { readonly [K in keyof Required<Attributes<N>>]: Attribute<Text<Attributes<N>[K & keyof Attributes<N>]>> } & {
  readonly [K in keyof Optional<Attributes<N>>]?: Attribute<Text<Attributes<N>[K & keyof Attributes<N>]>> | undefined
} & { readonly out?: Out<N> | undefined } & ([keyof Inputs<N>] extends [never] ? { readonly device: Device } : unknown)

type Out<N extends OpName> = keyof Outputs<N> extends infer K
  ? [K] extends ['y']
    ? Tensor
    : { readonly [O in keyof Outputs<N>]?: Tensor }
  : never

/** dtype of an output: a dtype, the attribute `dtype`, or that of the operand it names. */
type OutDType<N extends OpName, W extends string, A> = W extends DType
  ? W
  : W extends 'dtype'
    ? A extends { readonly dtype: infer D extends DType }
      ? D
      : 'float32'
    : W extends keyof A
      ? A[W] extends Tensor<infer D>
        ? D
        : A[W] extends readonly Tensor<infer D>[]
          ? D
          : DTypes<Word<Text<Inputs<N>[W & keyof Inputs<N>]>>>
      : DType

/** Shape of an output: that of the operand it names where the dims read the same. */
type OutShape<N extends OpName, Spec extends string, A> =
  Word<Spec> extends keyof A & keyof Inputs<N>
    ? [DimsOf<Spec>] extends [DimsOf<Text<Inputs<N>[Word<Spec>]>>]
      ? [DimsOf<Spec>] extends [never]
        ? Shape
        : A[Word<Spec>] extends Tensor<DType, infer S>
          ? S
          : Shape
      : Shape
    : Shape

type OutTensor<N extends OpName, Spec extends string, A> = Tensor<OutDType<N, Word<Spec>, A>, OutShape<N, Spec, A>>

/** What `ops.name` gives: the one output, or all of them by name. */
export type OpResult<N extends OpName, A> = [keyof Outputs<N>] extends ['y']
  ? OutTensor<N, Text<Outputs<N>['y' & keyof Outputs<N>]>, A>
  : { [O in keyof Outputs<N>]: OutTensor<N, Text<Outputs<N>[O]>, A> }

/** Refuses names that the op does not know: a type parameter alone would let them pass. */
type Only<A, Known> = { readonly [K in Exclude<keyof A, Known>]: never }

export type Ops = {
  readonly [N in OpName]: <const A extends OpArguments<N>>(args: A & Only<A, keyof OpArguments<N>>) => OpResult<N, A>
}
