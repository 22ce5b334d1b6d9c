import type { DType } from '../../../lib/dtype.js'
import { isFloat, ndarray } from '../../support/ndarray.js'
import { floatDTypes, integers, normal, type OpCase, within, words } from './build.js'

interface Axis {
  readonly shape: readonly number[]
  readonly axis?: number
  readonly keepDims?: boolean
}

const axes: Axis[] = [
  { shape: [3, 33] },
  { shape: [257] },
  { shape: [1], axis: 0 },
  { shape: [31, 3], axis: 0 },
  { shape: [31, 3], axis: -2, keepDims: true },
  { shape: [2, 127], axis: 1, keepDims: true },
  { shape: [2, 7, 5], axis: 1 },
  { shape: [2, 3, 1, 4], axis: 2 },
  { shape: [2, 3, 2, 95], axis: -1, keepDims: true },
  { shape: [4, 2, 3, 2], axis: 0, keepDims: true },
  { shape: [2, 3000], axis: -1 },
  { shape: [0, 5], axis: 1 },
]

/** Float32 loses digits where a thread adds up one value after the other. */
const long: Axis[] = [{ shape: [300_001] }, { shape: [30_001, 3], axis: 0 }]

const infinity = Number.POSITIVE_INFINITY

const nameOf = (dtype: DType, { shape, axis, keepDims }: Axis): string =>
  `${dtype} ${words(shape)}${axis === undefined ? '' : ` over ${axis}`}${keepDims ? ', keepDims' : ''}`

const attributesOf = ({ axis, keepDims }: Axis) => ({
  ...(axis !== undefined && { axis }),
  ...(keepDims && { keepDims }),
})

// operands and attributes are the same for all four
function reductionCases(
  sizes: readonly Axis[],
  dtypes: readonly DType[],
  range: (dtype: DType) => readonly [low: number, high: number],
): OpCase<'sum'>[] {
  return dtypes.flatMap((dtype) =>
    sizes.map(
      (size): OpCase<'sum'> => ({
        name: nameOf(dtype, size),
        attributes: attributesOf(size),
        operands: (random) => ({ x: within(random, dtype, size.shape, ...range(dtype)) }),
      }),
    ),
  )
}

const numbers: DType[] = [...floatDTypes, 'int32']

// positive on the whole, so that a sum is not all cancellation; integers need more than float32 holds
export const sum: OpCase<'sum'>[] = [
  ...reductionCases(axes, numbers, (dtype) => (isFloat(dtype) ? [-1, 3] : [-1000, 700001])),
  ...reductionCases(long, ['float32'], () => [0, 1]),
  {
    name: 'float32, infinities',
    attributes: {},
    operands: () => ({ x: ndarray('float32', [3, 3], [infinity, 1, 2, 1, -infinity, 2, infinity, 1, -infinity]) }),
  },
]
export const mean: OpCase<'mean'>[] = [
  ...reductionCases(axes, floatDTypes, () => [-1, 3]),
  ...reductionCases(long, ['float32'], () => [0, 1]),
]
export const max: OpCase<'max'>[] = [
  ...reductionCases(axes, numbers, (dtype) => (isFloat(dtype) ? [-9, -1] : [-(2 ** 31), 2 ** 31 - 1])),
  {
    name: 'float32, infinities',
    attributes: {},
    operands: () => ({ x: ndarray('float32', [2, 2], [Number.NEGATIVE_INFINITY, -3e38, 1, Number.POSITIVE_INFINITY]) }),
  },
]
export const argmax: OpCase<'argmax'>[] = [
  ...reductionCases(axes, numbers, (dtype) => (isFloat(dtype) ? [-9, -1] : [-(2 ** 31), 2 ** 31 - 1])),
  ...numbers.flatMap((dtype) =>
    [
      [5, 127],
      [3, 3000],
      [2, 2],
    ].map(
      (shape): OpCase<'argmax'> => ({
        name: `${dtype} ${words(shape)}, the first of equals`,
        attributes: {},
        operands: (random) => ({ x: integers(random, dtype, shape, -3, 0) }),
      }),
    ),
  ),
  {
    name: 'float32, all of a row is -Infinity',
    attributes: {},
    operands: () => ({ x: ndarray('float32', [2, 33], () => Number.NEGATIVE_INFINITY) }),
  },
]

export const softmax: OpCase<'softmax'>[] = [
  ...floatDTypes.flatMap((dtype) =>
    axes
      .filter(({ keepDims }) => !keepDims)
      .map(
        (size): OpCase<'softmax'> => ({
          name: nameOf(dtype, size),
          attributes: size.axis === undefined ? {} : { axis: size.axis },
          operands: (random) => ({ x: normal(random, dtype, size.shape, 3) }),
        }),
      ),
  ),
  {
    name: 'float32, far from 0',
    attributes: {},
    operands: (random) => ({
      x: ndarray('float32', [3, 96], (i) => [1e4, -1e4, 3e38][Math.floor(i / 96)] + random.normal()),
    }),
  },
  {
    name: 'float32, masked with -Infinity',
    attributes: {},
    operands: (random) => ({
      x: ndarray('float32', [3, 31], (i) => (i % 3 ? Number.NEGATIVE_INFINITY : random.normal())),
    }),
  },
]

export const topK: OpCase<'topK'>[] = [
  ...floatDTypes.flatMap((dtype) =>
    [
      { shape: [3, 33], k: 5 },
      { shape: [257], k: 257 },
      { shape: [2, 3, 31], k: 1 },
      { shape: [1, 1], k: 1 },
    ].map(
      ({ shape, k }): OpCase<'topK'> => ({
        name: `${dtype} ${k} of ${words(shape)}`,
        attributes: { k },
        operands: (random) => ({ x: normal(random, dtype, shape) }),
      }),
    ),
  ),
  {
    name: 'float32 50 of [2, 32064]',
    attributes: { k: 50 },
    operands: (random) => ({ x: normal(random, 'float32', [2, 32064]) }),
  },
  {
    name: 'float32 7 of [0, 9]',
    attributes: { k: 7 },
    operands: (random) => ({ x: normal(random, 'float32', [0, 9]) }),
  },
  {
    name: 'equal values by index',
    attributes: { k: 40 },
    operands: (random) => ({ x: integers(random, 'float32', [3, 95], -2, 2) }),
  },
  {
    name: 'float16 infinities',
    attributes: { k: 3 },
    operands: () => ({ x: ndarray('float16', [4], [1, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 65504]) }),
  },
]
