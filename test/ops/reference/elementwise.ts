import { exactly, type NdArray } from '../../support/ndarray.js'
import { broadcastShapes, broadcastStrides, indicesOf, offsetOf } from '../indexing.js'

type Unary = (operands: { x: NdArray }) => { y: NdArray }
type Binary = (operands: { a: NdArray; b: NdArray }) => { y: NdArray }

/** Walks operands of one broadcast shape together. */
function zip(operands: readonly NdArray[], f: (...values: number[]) => number): { shape: number[]; data: number[] } {
  const shape = broadcastShapes(operands.map((operand) => operand.shape))
  const strides = operands.map((operand) => broadcastStrides(operand.shape, shape))
  const data = []
  for (const index of indicesOf(shape)) {
    data.push(f(...operands.map((operand, i) => operand.data[offsetOf(index, strides[i])])))
  }
  return { shape, data }
}

const unary =
  (f: (x: number) => number): Unary =>
  ({ x }) => ({ y: exactly(x.dtype, x.shape, x.data.map(f)) })

const binary =
  (f: (a: number, b: number) => number): Binary =>
  ({ a, b }) => {
    const { shape, data } = zip([a, b], f)
    return { y: exactly(a.dtype, shape, data) }
  }

export const sigmoidOf = (z: number): number => 1 / (1 + Math.exp(-z))

export const add = binary((a, b) => a + b)
export const sub = binary((a, b) => a - b)
export const mul = binary((a, b) => a * b)
export const div = binary((a, b) => a / b)
export const maximum = binary(Math.max)
export const minimum = binary(Math.min)
export const neg = unary((x) => -x)
export const exp = unary(Math.exp)
export const log = unary(Math.log)
export const sqrt = unary(Math.sqrt)
export const tanh = unary(Math.tanh)
export const sigmoid = unary(sigmoidOf)

export function where({ condition, a, b }: { condition: NdArray; a: NdArray; b: NdArray }): { y: NdArray } {
  const { shape, data } = zip([condition, a, b], (chosen, ifTrue, ifFalse) => (chosen ? ifTrue : ifFalse))
  return { y: exactly(a.dtype, shape, data) }
}
