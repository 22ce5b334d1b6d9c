import type { OpName } from '../../lib/ops/schema.js'
import { attention } from './cases/attention.js'
import type { OpCase } from './cases/build.js'
import * as elementwise from './cases/elementwise.js'
import * as layout from './cases/layout.js'
import { embedding, linear, matmul, matmulInt4 } from './cases/linear.js'
import { dequantize, quantize } from './cases/quantize.js'
import { argmax, max, mean, softmax, sum, topK } from './cases/reduce.js'
import { sample } from './cases/sample.js'
import { addRmsNorm, rmsNorm, rotaryEmbedding, siluMul } from './cases/transformer.js'

/** Per op; the first case is an ordinary one in float32: wrong calls are made from it. */
export const cases = {
  embedding,
  rmsNorm,
  addRmsNorm,
  matmul,
  matmulInt4,
  linear,
  rotaryEmbedding,
  attention,
  siluMul,
  sample,

  add: elementwise.add,
  sub: elementwise.sub,
  mul: elementwise.mul,
  div: elementwise.div,
  maximum: elementwise.maximum,
  minimum: elementwise.minimum,
  neg: elementwise.neg,
  exp: elementwise.exp,
  log: elementwise.log,
  sqrt: elementwise.sqrt,
  tanh: elementwise.tanh,
  sigmoid: elementwise.sigmoid,
  where: elementwise.where,

  sum,
  mean,
  max,
  argmax,
  softmax,
  topK,

  gather: layout.gather,
  concat: layout.concat,
  slice: layout.slice,
  transpose: layout.transpose,
  copy: layout.copy,
  cast: layout.cast,
  zeros: layout.zeros,
  full: layout.full,
  arange: layout.arange,

  quantize,
  dequantize,
} satisfies { [O in OpName]: readonly OpCase<O>[] }

/**
 * How far a float output may lie from the reference; integers are always exact.
 * `exact`: the reference rounded to the output's dtype. Otherwise the error is at most
 * (error + roundings * roundoff of the dtype) times the reference: that of the element, that of the largest element of
 * the tensor, or that of the element but at least 1.
 */
export type Bound =
  | 'exact'
  | {
      readonly per: 'element' | 'tensor' | 'unit'
      /** Of the arithmetic, in float32. */
      readonly error: number
      /** Times a result is rounded to the dtype on its way, 1 unless said. */
      readonly roundings?: number
    }

/** One rounding, as IEEE 754 has it. */
const rounded: Bound = { per: 'element', error: 0 }
/** Of a function good to a few ulps. */
const elementary: Bound = { per: 'element', error: 5e-7 }

export const bounds: Readonly<Record<OpName, Bound>> = {
  embedding: 'exact',
  rmsNorm: { per: 'element', error: 1e-6 },
  // y may be made of the sum before or after it is rounded
  addRmsNorm: { per: 'element', error: 1e-6, roundings: 2 },
  matmul: { per: 'tensor', error: 1e-6 },
  matmulInt4: { per: 'tensor', error: 2e-6 },
  linear: { per: 'tensor', error: 2e-6 },
  rotaryEmbedding: { per: 'tensor', error: 2e-7 },
  attention: { per: 'tensor', error: 2e-6 },
  siluMul: { per: 'element', error: 1e-6 },
  // the logarithm of a sum near 1
  sample: { per: 'unit', error: 2e-6 },

  add: rounded,
  sub: rounded,
  mul: rounded,
  div: rounded,
  maximum: 'exact',
  minimum: 'exact',
  neg: 'exact',
  exp: elementary,
  log: elementary,
  sqrt: rounded,
  tanh: elementary,
  sigmoid: elementary,
  where: 'exact',

  sum: { per: 'tensor', error: 2e-6 },
  mean: { per: 'tensor', error: 2e-6 },
  max: 'exact',
  argmax: 'exact',
  softmax: { per: 'tensor', error: 2e-6 },
  topK: 'exact',

  gather: 'exact',
  concat: 'exact',
  slice: 'exact',
  transpose: 'exact',
  copy: 'exact',
  cast: 'exact',
  zeros: 'exact',
  full: 'exact',
  arange: { per: 'tensor', error: 2e-7 },

  // the range of a block is rounded before it is divided
  quantize: { per: 'element', error: 2 ** -24 },
  dequantize: rounded,
}
