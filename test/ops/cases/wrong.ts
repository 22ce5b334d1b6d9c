import type { ErrorCode } from '../../../lib/errors.js'
import type { OpName } from '../../../lib/ops/schema.js'
import { ndarray } from '../../support/ndarray.js'
import type { AnyAttributes, AnyOperands } from '../../support/table.js'

export const f32 = (...shape: number[]) => ndarray('float32', shape, (i) => i)
const f16 = (...shape: number[]) => ndarray('float16', shape, (i) => i)
const u8 = (...shape: number[]) => ndarray('uint8', shape, () => 0)
export const i32 = (...values: number[]) => ndarray('int32', [values.length], values)

export interface Wrong {
  readonly op: OpName
  readonly what: string
  readonly operands: AnyOperands
  readonly attributes?: AnyAttributes
  readonly code: ErrorCode
  readonly names: string
}

const axisOps: readonly [OpName, AnyOperands, AnyAttributes][] = [
  ...(['sum', 'mean', 'max', 'argmax', 'softmax'] as const).map((op): [OpName, AnyOperands, AnyAttributes] => [
    op,
    { x: f32(2, 3) },
    {},
  ]),
  ['gather', { x: f32(2, 3), indices: i32(0) }, {}],
  ['concat', { xs: [f32(2, 3), f32(2, 3)] }, {}],
  ['slice', { x: f32(2, 3) }, { start: 0, end: 1 }],
]

/** Two rows; a cache of one page of four tokens. */
export const attentionOperands = (
  heads: number,
  groups: number,
  start: number,
  rest: AnyOperands = {},
): AnyOperands => ({
  keys: f32(1, groups, 4, 8),
  values: f32(1, groups, 4, 8),
  qkv: f32(2, (heads + 2 * groups) * 8),
  position: i32(start, start + 1),
  ...rest,
})
/** Of two sequences with pages of two tokens, of which there are three. */
const batchOperands = (rest: AnyOperands): AnyOperands => ({
  ...attentionOperands(2, 2, 0),
  keys: f32(3, 2, 2, 8),
  values: f32(3, 2, 2, 8),
  position: i32(1, 2),
  pages: ndarray('int32', [2, 2], [0, -1, 2, 1]),
  rows: i32(0, 1, 2),
  ...rest,
})
const int8Cache = ndarray('int8', [1, 2, 4, 8], () => 1)
const rotaryOperands = (half: number, start = 0): AnyOperands => ({
  x: f32(2, 24),
  cos: f32(4, half),
  sin: f32(4, half),
  position: i32(start, start + 1),
})
const sampleOperands = (rest: AnyOperands): AnyOperands => ({
  logits: f32(2, 3),
  params: f32(2, 8),
  seeds: ndarray('uint32', [2, 2], () => 0),
  position: i32(0, 0),
  histories: ndarray('int32', [2, 1], () => -1),
  ...rest,
})
const table = { format: 'float32', shape: [3, 2], data: new Float64Array(6), bytes: new Uint8Array(24) } as const
const int4 = (blocks: number, bytes: number): AnyOperands => ({
  a: f32(2, 32),
  b: u8(3, blocks, bytes),
  scales: f32(3, blocks),
})

/** What the shape rules and the requirements of the schema refuse, when the op is called. */
export const refused: readonly Wrong[] = [
  ...(['add', 'sub', 'mul', 'div', 'maximum', 'minimum'] as const).map(
    (op): Wrong => ({
      op,
      what: 'shapes that do not broadcast',
      operands: { a: f32(2, 3), b: f32(2) },
      code: 'ERR_SHAPE',
      names: 'b',
    }),
  ),
  {
    op: 'where',
    what: 'shapes that do not broadcast',
    operands: { condition: u8(2), a: f32(2), b: f32(3) },
    code: 'ERR_SHAPE',
    names: 'b',
  },
  ...axisOps.flatMap(([op, operands, attributes]) =>
    [2, -3].map(
      (axis): Wrong => ({
        op,
        what: `axis ${axis}`,
        operands,
        attributes: { ...attributes, axis },
        code: 'ERR_ARGUMENT',
        names: 'axis',
      }),
    ),
  ),
  ...(['sum', 'mean', 'max', 'argmax'] as const).map(
    (op): Wrong => ({ op, what: 'an empty axis', operands: { x: f32(2, 0) }, code: 'ERR_SHAPE', names: 'x' }),
  ),
  {
    op: 'topK',
    what: 'k above the row',
    operands: { x: f32(2, 3) },
    attributes: { k: 4 },
    code: 'ERR_SHAPE',
    names: 'k',
  },
  { op: 'topK', what: 'k of 0', operands: { x: f32(2, 3) }, attributes: { k: 0 }, code: 'ERR_SHAPE', names: 'k' },
  ...(['int8', 'uint4', 'int32'] as const).map(
    (dtype): Wrong => ({
      op: 'embedding',
      what: `rows of ${dtype}`,
      operands: { table, ids: i32(0) },
      attributes: { dtype },
      code: 'ERR_DTYPE',
      names: 'dtype',
    }),
  ),
  {
    op: 'zeros',
    what: 'nine axes',
    operands: {},
    attributes: { shape: Array(9).fill(1) },
    code: 'ERR_SHAPE',
    names: 'axes',
  },
  {
    op: 'gather',
    what: 'axes that make nine',
    operands: { x: f32(1, 1, 1, 1, 1), indices: ndarray('int32', [1, 1, 1, 1, 1], [0]) },
    code: 'ERR_SHAPE',
    names: 'axes',
  },
  { op: 'concat', what: 'nothing', operands: { xs: [] }, code: 'ERR_ARGUMENT', names: 'xs' },
  { op: 'concat', what: 'another shape', operands: { xs: [f32(2, 3), f32(2, 4)] }, code: 'ERR_SHAPE', names: 'xs' },
  { op: 'concat', what: 'another rank', operands: { xs: [f32(3), f32(1, 3)] }, code: 'ERR_SHAPE', names: 'xs' },
  { op: 'concat', what: 'another dtype', operands: { xs: [f32(2), f16(2)] }, code: 'ERR_DTYPE', names: 'xs' },
  {
    op: 'slice',
    what: 'an end beyond the axis',
    operands: { x: f32(3) },
    attributes: { start: 1, end: 4 },
    code: 'ERR_OUT_OF_RANGE',
    names: 'end',
  },
  {
    op: 'slice',
    what: 'a start after the end',
    operands: { x: f32(3) },
    attributes: { start: 2, end: 1 },
    code: 'ERR_OUT_OF_RANGE',
    names: 'start',
  },
  {
    op: 'slice',
    what: 'a start before the axis',
    operands: { x: f32(3) },
    attributes: { start: -4, end: 1 },
    code: 'ERR_OUT_OF_RANGE',
    names: 'start',
  },
  ...[[0], [0, 0], [0, 2], [1, -1], [0, 1, 2], []].map(
    (permutation): Wrong => ({
      op: 'transpose',
      what: `permutation [${permutation}]`,
      operands: { x: f32(2, 3) },
      attributes: { permutation },
      code: 'ERR_ARGUMENT',
      names: 'permutation',
    }),
  ),
  {
    op: 'zeros',
    what: 'a negative dim',
    operands: {},
    attributes: { shape: [2, -1] },
    code: 'ERR_ARGUMENT',
    names: 'shape',
  },
  {
    op: 'full',
    what: 'a negative dim',
    operands: {},
    attributes: { shape: [-1], value: 1 },
    code: 'ERR_ARGUMENT',
    names: 'shape',
  },
  {
    op: 'arange',
    what: 'a negative count',
    operands: {},
    attributes: { count: -1 },
    code: 'ERR_SHAPE',
    names: 'count',
  },
  {
    op: 'matmulInt4',
    what: 'an odd block size',
    operands: int4(2, 15),
    attributes: { blockSize: 31 },
    code: 'ERR_SHAPE',
    names: 'b',
  },
  {
    op: 'matmulInt4',
    what: 'block size 0',
    operands: int4(1, 0),
    attributes: { blockSize: 0 },
    code: 'ERR_SHAPE',
    names: 'blockSize',
  },
  {
    op: 'quantize',
    what: 'an odd block size',
    operands: { x: f32(2, 32) },
    attributes: { blockSize: 5 },
    code: 'ERR_SHAPE',
    names: 'blockSize',
  },
  {
    op: 'quantize',
    what: 'block size -2',
    operands: { x: f32(2, 32) },
    attributes: { blockSize: -2 },
    code: 'ERR_SHAPE',
    names: 'blockSize',
  },
  {
    op: 'dequantize',
    what: 'negative columns',
    operands: { b: u8(1, 0, 16), scales: f32(1, 0) },
    attributes: { columns: -1 },
    code: 'ERR_SHAPE',
    names: 'columns',
  },
  {
    op: 'rotaryEmbedding',
    what: 'more heads than there are',
    operands: rotaryOperands(4),
    attributes: { headDim: 8, heads: 4 },
    code: 'ERR_SHAPE',
    names: 'heads',
  },
  {
    op: 'rotaryEmbedding',
    what: 'negative heads',
    operands: rotaryOperands(4),
    attributes: { headDim: 8, heads: -1 },
    code: 'ERR_SHAPE',
    names: 'heads',
  },
  {
    op: 'rotaryEmbedding',
    what: 'a table wider than half a head',
    operands: rotaryOperands(5),
    attributes: { headDim: 8 },
    code: 'ERR_SHAPE',
    names: 'headDim',
  },
  {
    op: 'rotaryEmbedding',
    what: 'a head of 0 dims',
    operands: rotaryOperands(0),
    attributes: { headDim: 0 },
    code: 'ERR_SHAPE',
    names: 'headDim',
  },
  {
    op: 'attention',
    what: 'heads that the groups do not divide',
    operands: attentionOperands(3, 2, 0),
    code: 'ERR_SHAPE',
    names: 'H/G',
  },
  { op: 'attention', what: 'no query heads', operands: attentionOperands(0, 2, 0), code: 'ERR_SHAPE', names: 'H/G' },
  {
    op: 'attention',
    what: 'a negative window',
    operands: attentionOperands(2, 2, 0),
    attributes: { window: -1 },
    code: 'ERR_SHAPE',
    names: 'window',
  },
  {
    op: 'attention',
    what: 'rows of as many sequences as there are pages of',
    operands: batchOperands({ rows: i32(0, 1) }),
    code: 'ERR_SHAPE',
    names: 'rows',
  },
  {
    op: 'attention',
    what: 'scales of another shape',
    operands: attentionOperands(2, 2, 0, { keys: int8Cache, values: int8Cache, keyScales: f32(1, 2, 3) }),
    code: 'ERR_SHAPE',
    names: 'keyScales',
  },
  {
    op: 'linear',
    what: 'a bias of another length',
    operands: { x: f32(2, 2), w: table, bias: f32(2) },
    code: 'ERR_SHAPE',
    names: 'bias',
  },
  {
    op: 'sample',
    what: 'no history to write to',
    operands: sampleOperands({ histories: ndarray('int32', [2, 0], []) }),
    code: 'ERR_SHAPE',
    names: 'W',
  },
]

/** What only the values of operands tell: the op throws, or the next wait does. */
export const failing: readonly Wrong[] = [
  {
    op: 'embedding',
    what: 'an id beyond the table',
    operands: { table, ids: i32(0, 3) },
    code: 'ERR_OUT_OF_RANGE',
    names: 'ids',
  },
  { op: 'embedding', what: 'a negative id', operands: { table, ids: i32(-1) }, code: 'ERR_OUT_OF_RANGE', names: 'ids' },
  {
    op: 'gather',
    what: 'an index beyond the axis',
    operands: { x: f32(2, 3), indices: i32(1, 2) },
    code: 'ERR_OUT_OF_RANGE',
    names: 'indices',
  },
  {
    op: 'gather',
    what: 'a negative index',
    operands: { x: f32(2, 3), indices: i32(-1) },
    code: 'ERR_OUT_OF_RANGE',
    names: 'indices',
  },
  {
    op: 'rotaryEmbedding',
    what: 'a position beyond the table',
    operands: rotaryOperands(4, 3),
    attributes: { headDim: 8 },
    code: 'ERR_OUT_OF_RANGE',
    names: 'position',
  },
  {
    op: 'rotaryEmbedding',
    what: 'a negative position',
    operands: rotaryOperands(4, -1),
    attributes: { headDim: 8 },
    code: 'ERR_OUT_OF_RANGE',
    names: 'position',
  },
  {
    op: 'attention',
    what: 'more tokens than the cache holds',
    operands: attentionOperands(2, 2, 3),
    code: 'ERR_CONTEXT_OVERFLOW',
    names: 'cache',
  },
  {
    op: 'attention',
    what: 'the last position of int32',
    operands: attentionOperands(2, 2, 0, { position: i32(0, 2 ** 31 - 1) }),
    code: 'ERR_CONTEXT_OVERFLOW',
    names: 'cache',
  },
  {
    op: 'attention',
    what: 'a position that does not rise',
    operands: attentionOperands(2, 2, 0, { position: i32(1, 1) }),
    code: 'ERR_OUT_OF_RANGE',
    names: 'position',
  },
  {
    op: 'attention',
    what: 'a position beyond the pages of its sequence',
    operands: batchOperands({ position: i32(1, 4) }),
    code: 'ERR_CONTEXT_OVERFLOW',
    names: 'cache',
  },
  {
    op: 'attention',
    what: 'a position beyond its share of the pages',
    operands: { ...attentionOperands(2, 2, 3), rows: i32(0, 1, 2) },
    code: 'ERR_CONTEXT_OVERFLOW',
    names: 'cache',
  },
  ...[-1, 3, 2 ** 31 - 1].map(
    (page): Wrong => ({
      op: 'attention',
      what: `page ${page} of 3`,
      operands: batchOperands({ pages: ndarray('int32', [2, 2], [0, -1, page, 1]) }),
      code: 'ERR_OUT_OF_RANGE',
      names: 'pages',
    }),
  ),
  ...[
    [0, 2, 1],
    [-1, 1, 2],
    [0, 1, 3],
    [3, 3, 3],
  ].map(
    (rows): Wrong => ({
      op: 'attention',
      what: `rows ${rows.join(' ')} of 2`,
      operands: batchOperands({ rows: i32(...rows) }),
      code: 'ERR_OUT_OF_RANGE',
      names: 'rows',
    }),
  ),
  {
    op: 'attention',
    what: 'an int8 cache without scales',
    operands: attentionOperands(2, 2, 0, { keys: int8Cache, values: int8Cache }),
    code: 'ERR_ARGUMENT',
    names: 'keyScales',
  },
  {
    op: 'attention',
    what: 'scales of a cache of floats',
    operands: attentionOperands(2, 2, 0, { keyScales: f32(1, 2, 4) }),
    code: 'ERR_ARGUMENT',
    names: 'keyScales',
  },
  {
    op: 'attention',
    what: 'a negative position',
    operands: attentionOperands(2, 2, -1),
    code: 'ERR_OUT_OF_RANGE',
    names: 'position',
  },
  {
    op: 'sample',
    what: 'a negative position',
    operands: sampleOperands({ position: i32(0, -1) }),
    code: 'ERR_OUT_OF_RANGE',
    names: 'position',
  },
  ...[Number.NaN, Number.POSITIVE_INFINITY].map(
    (value): Wrong => ({
      op: 'sample',
      what: `logits with ${value}`,
      operands: sampleOperands({ logits: ndarray('float32', [2, 3], [0, 1, 2, 0, value, 2]) }),
      code: 'ERR_OUT_OF_RANGE',
      names: 'logits\\[1\\] must be a finite number',
    }),
  ),
  {
    op: 'sample',
    what: 'logits that are all impossible',
    operands: sampleOperands({ logits: ndarray('float16', [2, 3], () => Number.NEGATIVE_INFINITY) }),
    code: 'ERR_OUT_OF_RANGE',
    names: 'logits',
  },
]
