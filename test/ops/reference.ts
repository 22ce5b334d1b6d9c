import type { OpName } from '../../lib/ops/schema.js'
import * as elementwise from './reference/elementwise.js'
import * as layout from './reference/layout.js'
import * as phi3 from './reference/phi3.js'
import { dequantize, quantize } from './reference/quantize.js'
import { argmax, max, mean, softmax, sum, topK } from './reference/reduce.js'
import { sample } from './reference/sample.js'
import type { Reference } from './signature.js'

/** Every op as plain loops in float64: the results are not rounded to the output's dtype. */
export const reference = {
  embedding: phi3.embedding,
  rmsNorm: phi3.rmsNorm,
  addRmsNorm: phi3.addRmsNorm,
  matmul: phi3.matmul,
  matmulInt4: phi3.matmulInt4,
  linear: phi3.linear,
  rotaryEmbedding: phi3.rotaryEmbedding,
  attention: phi3.attention,
  siluMul: phi3.siluMul,
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
} satisfies { [O in OpName]: Reference<O> }
