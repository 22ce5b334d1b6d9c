import type { DType } from '../../../lib/dtype.js'
import { isFloat, type NdArray, ndarray } from '../../support/ndarray.js'
import type { Random } from '../../support/random.js'
import { allDTypes, anything, floatDTypes, integers, type OpCase, words } from './build.js'

/** One case per dtype: a layout op only counts bits. */
const forAllDTypes = <T>(make: (dtype: DType) => T): T[] => allDTypes.map(make)

// ---- gather

const gatherOf = (
  dtype: DType,
  shape: readonly number[],
  count: readonly number[],
  axis: number,
): OpCase<'gather'> => ({
  name: `${dtype} ${words(count)} of ${words(shape)} along ${axis}`,
  attributes: { axis },
  operands: (random) => ({
    x: anything(random, dtype, shape),
    indices: integers(random, 'int32', count, 0, shape[axis < 0 ? axis + shape.length : axis] - 1),
  }),
})

export const gather: OpCase<'gather'>[] = [
  ...forAllDTypes((dtype) => gatherOf(dtype, [7, 3, 5], [2, 4], 1)),
  ...forAllDTypes((dtype) => gatherOf(dtype, [5, 33], [9], 0)),
  gatherOf('float32', [5, 31], [], 0),
  gatherOf('float32', [5, 31], [3], -1),
  gatherOf('int4', [257], [127], 0),
  gatherOf('uint8', [2, 3, 2, 3], [1, 1], -2),
  gatherOf('float32', [2, 3], [0], 1),
  // whole units of 16 bytes, where they start at one
  gatherOf('float16', [9, 64], [5], 0),
  gatherOf('uint4', [2, 5, 32], [7], 1),
]

// ---- concat

const concatOf = (dtype: DType, shapes: readonly (readonly number[])[], axis?: number): OpCase<'concat'> => ({
  name: `${dtype} ${shapes.map(words).join(' ')}${axis === undefined ? '' : ` along ${axis}`}`,
  attributes: axis === undefined ? {} : { axis },
  operands: (random) => ({ xs: shapes.map((shape) => anything(random, dtype, shape)) }),
})

export const concat: OpCase<'concat'>[] = [
  ...forAllDTypes((dtype) =>
    concatOf(dtype, [
      [2, 3],
      [1, 3],
      [4, 3],
    ]),
  ),
  ...forAllDTypes((dtype) =>
    concatOf(
      dtype,
      [
        [3, 5, 1],
        [3, 2, 1],
      ],
      1,
    ),
  ),
  concatOf('float32', [[31], [1], [0], [95]]),
  concatOf('float32', [[2, 3]], -1),
  concatOf(
    'float16',
    [
      [2, 3, 33],
      [2, 3, 31],
    ],
    -1,
  ),
  concatOf(
    'bfloat16',
    [
      [3, 16],
      [3, 32],
      [3, 5],
    ],
    1,
  ),
  concatOf('float32', [[1], [2], [3], [4], [5], [6], [7], [8], [9]]),
]

// ---- slice

const sliceOf = (
  dtype: DType,
  shape: readonly number[],
  axis: number,
  start: number,
  end: number,
): OpCase<'slice'> => ({
  name: `${dtype} ${words(shape)}, ${start} to ${end} of axis ${axis}`,
  attributes: { axis, start, end },
  operands: (random) => ({ x: anything(random, dtype, shape) }),
})

export const slice: OpCase<'slice'>[] = [
  ...forAllDTypes((dtype) => sliceOf(dtype, [5, 7], 1, 1, 4)),
  ...forAllDTypes((dtype) => sliceOf(dtype, [9], 0, 3, 8)),
  sliceOf('float32', [3, 33], 0, 0, 3),
  sliceOf('float32', [3, 33], -1, -2, 33),
  sliceOf('float32', [2, 31, 3], -2, -31, -1),
  sliceOf('float32', [4, 5], 0, 2, 2),
  sliceOf('int32', [257], 0, 255, 257),
  sliceOf('float32', [5, 64], 1, 16, 48),
  sliceOf('int8', [5, 64], 0, 1, 4),
  sliceOf('uint4', [3, 64], 1, 32, 64),
]

// ---- transpose

const transposeOf = (dtype: DType, shape: readonly number[], permutation: readonly number[]): OpCase<'transpose'> => ({
  name: `${dtype} ${words(shape)} to ${words(permutation)}`,
  attributes: { permutation },
  operands: (random) => ({ x: anything(random, dtype, shape) }),
})

export const transpose: OpCase<'transpose'>[] = [
  ...forAllDTypes((dtype) => transposeOf(dtype, [3, 5], [1, 0])),
  ...forAllDTypes((dtype) => transposeOf(dtype, [2, 3, 4], [2, 0, 1])),
  transposeOf('float32', [33, 95], [1, 0]),
  transposeOf('float16', [127, 65], [1, 0]),
  transposeOf('float32', [2, 3, 4, 5], [0, 2, 1, 3]),
  transposeOf('float32', [2, 3, 4, 5], [3, 2, 1, 0]),
  transposeOf('float32', [1, 2, 3, 2, 2], [4, 1, 3, 0, 2]),
  transposeOf('float32', [2, 40, 3, 33], [0, 3, 2, 1]),
  transposeOf('float16', [9, 5, 32], [1, 0, 2]),
  transposeOf('uint8', [3, 33, 2, 65], [3, 0, 2, 1]),
  transposeOf('float32', [2, 1, 2, 3, 1, 2, 2, 3], [7, 6, 5, 4, 3, 2, 1, 0]),
  transposeOf('float32', [2, 3, 2, 2, 2, 2, 2, 2], [7, 6, 5, 4, 3, 2, 1, 0]),
  transposeOf('int8', [1, 1], [1, 0]),
  transposeOf('float32', [31], [0]),
  transposeOf('float32', [], []),
  transposeOf('float32', [0, 3], [1, 0]),
]

// ---- copy

export const copy: OpCase<'copy'>[] = forAllDTypes((dtype) =>
  [[2, 33], [257], [], [0, 3]].map(
    (shape): OpCase<'copy'> => ({
      name: `${dtype} ${words(shape)}`,
      attributes: {},
      operands: (random) => ({ x: anything(random, dtype, shape) }),
    }),
  ),
).flat()

// ---- cast

const { POSITIVE_INFINITY: infinity, NaN: nan } = Number

/** Ties, the ends of every range and what lies beyond, subnormal numbers. */
const floatEdges = [
  ...[0, 0.5, 1, 1.5, 2.5, 7, 7.5, 8, 8.5, 9, 15.9, 16, 127, 127.5, 128, 128.5, 129, 255.5, 256],
  ...[1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -11 + 2 ** -20],
  ...[65504, 65519, 65520, 65536, 2 ** 31 - 128, 2 ** 31, 2 ** 31 + 256, 2 ** 32 - 256, 2 ** 32, 3e38, 3.4e38],
  ...[2 ** -14, 2 ** -14 - 2 ** -25, 2 ** -24, 2 ** -25, 2 ** -25 + 2 ** -40, 3 * 2 ** -25, 1e-38, 1e-40, 2 ** -149],
  infinity,
].flatMap((value) => [value, -value])

const integerEdges = [0, 1, 7, 8, 9, 15, 16, 127, 128, 129, 255, 256, 257, 2049, 2051, 65504, 65519, 65520].flatMap(
  (value) => [value, -value],
)
const largeIntegers = [2 ** 24 + 1, 2 ** 24 + 3, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 32 - 1, 2 ** 32 - 257]

const castInput = (random: Random, dtype: DType): NdArray => {
  const edges = isFloat(dtype) ? [...floatEdges, nan] : [...integerEdges, ...largeIntegers]
  const drawn = isFloat(dtype) ? () => random.normal() * 10 ** random.integer(-6, 6) : undefined
  const rest = drawn ? Array.from({ length: 128 }, drawn) : [...anything(random, dtype, [128]).data]
  return ndarray(dtype, [edges.length + rest.length], [...edges, ...rest])
}

export const cast: OpCase<'cast'>[] = [
  {
    name: 'float32 [3, 33] to float16',
    attributes: { dtype: 'float16' },
    operands: (random) => ({ x: anything(random, 'float32', [3, 33]) }),
  },
  ...allDTypes.flatMap((from) =>
    allDTypes.flatMap((dtype): OpCase<'cast'>[] => [
      { name: `${from} to ${dtype}`, attributes: { dtype }, operands: (random) => ({ x: castInput(random, from) }) },
      {
        name: `${from} [3] to ${dtype}`,
        attributes: { dtype },
        operands: (random) => ({ x: anything(random, from, [3]) }),
      },
    ]),
  ),
  {
    name: 'nothing',
    attributes: { dtype: 'int4' },
    operands: () => ({ x: ndarray('float32', [0, 7], []) }),
  },
]

// ---- made from attributes alone

const none = () => ({})

export const zeros: OpCase<'zeros'>[] = [
  { name: 'float32 by default', attributes: { shape: [2, 33] }, operands: none },
  ...forAllDTypes(
    (dtype): OpCase<'zeros'> => ({ name: `${dtype} [3, 5]`, attributes: { shape: [3, 5], dtype }, operands: none }),
  ),
  { name: 'scalar', attributes: { shape: [] }, operands: none },
  { name: 'empty', attributes: { shape: [2, 0] }, operands: none },
]

export const full: OpCase<'full'>[] = [
  { name: 'float32 by default', attributes: { shape: [2, 33], value: 1.5 }, operands: none },
  ...forAllDTypes(
    (dtype): OpCase<'full'> => ({
      name: `${dtype} [3, 5]`,
      attributes: { shape: [3, 5], value: 5, dtype },
      operands: none,
    }),
  ),
  ...floatDTypes.flatMap((dtype) =>
    [1 / 3, infinity, nan, -0.1].map(
      (value): OpCase<'full'> => ({
        name: `${dtype} ${value}`,
        attributes: { shape: [3], value, dtype },
        operands: none,
      }),
    ),
  ),
  {
    name: 'int32 that float32 does not hold',
    attributes: { shape: [2], value: 2 ** 24 + 1, dtype: 'int32' },
    operands: none,
  },
  { name: 'uint32 of 32 bits', attributes: { shape: [2], value: 2 ** 32 - 1, dtype: 'uint32' }, operands: none },
  { name: 'int4 negative', attributes: { shape: [257], value: -8, dtype: 'int4' }, operands: none },
  { name: 'int8 negative', attributes: { shape: [31], value: -128, dtype: 'int8' }, operands: none },
  { name: 'scalar', attributes: { shape: [], value: -2 }, operands: none },
  { name: 'empty', attributes: { shape: [0, 3], value: 1 }, operands: none },
]

export const arange: OpCase<'arange'>[] = [
  { name: 'float32 by default', attributes: { count: 33 }, operands: none },
  ...forAllDTypes(
    (dtype): OpCase<'arange'> => ({
      name: `${dtype} 1 to 5`,
      attributes: { count: 5, start: 1, dtype },
      operands: none,
    }),
  ),
  ...floatDTypes.map(
    (dtype): OpCase<'arange'> => ({
      name: `${dtype} in steps of 0.1`,
      attributes: { count: 127, start: -3, step: 0.1, dtype },
      operands: none,
    }),
  ),
  { name: 'int32 downwards', attributes: { count: 257, start: 7, step: -3, dtype: 'int32' }, operands: none },
  { name: 'int32 beyond float32', attributes: { count: 5, start: 2 ** 24, dtype: 'int32' }, operands: none },
  { name: 'int4 from -8', attributes: { count: 15, start: -8, dtype: 'int4' }, operands: none },
  { name: 'of nothing', attributes: { count: 0 }, operands: none },
]
