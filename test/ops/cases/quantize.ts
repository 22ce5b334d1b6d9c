import type { FloatDType } from '../../support/floats.js'
import { ndarray } from '../../support/ndarray.js'
import {
  anything,
  asymmetricStep,
  clearOfBorders,
  floatDTypes,
  normal,
  type OpCase,
  symmetricStep,
  words,
} from './build.js'

interface Size {
  readonly dtype: FloatDType
  readonly shape: readonly [rows: number, columns: number]
  readonly blockSize?: number
}

const sizes: Size[] = [
  ...floatDTypes.flatMap((dtype): Size[] => [
    { dtype, shape: [3, 96] },
    { dtype, shape: [33, 0] },
    { dtype, shape: [5, 160], blockSize: 16 },
    { dtype, shape: [2, 257], blockSize: 128 },
  ]),
  { dtype: 'float32', shape: [2, 31] },
  { dtype: 'float32', shape: [1, 1], blockSize: 64 },
  { dtype: 'float32', shape: [3, 33] },
  { dtype: 'float32', shape: [4, 45], blockSize: 20 },
  { dtype: 'float32', shape: [2, 3], blockSize: 2 },
  { dtype: 'float32', shape: [17, 127], blockSize: 64 },
  { dtype: 'float32', shape: [0, 32] },
]

const nameOf = ({ dtype, shape, blockSize }: Size): string =>
  `${dtype} ${words(shape)}${blockSize ? `, block ${blockSize}` : ''}`

export const quantize: OpCase<'quantize'>[] = [
  ...[true, false].flatMap((symmetric) =>
    sizes.map(
      (size): OpCase<'quantize'> => ({
        name: `${nameOf(size)}, ${symmetric ? 'symmetric' : 'asymmetric'}`,
        attributes: { symmetric, ...(size.blockSize && { blockSize: size.blockSize }) },
        operands: (random) => {
          const stepOf = symmetric ? symmetricStep : asymmetricStep
          return { x: clearOfBorders(random, size.dtype, size.shape, size.blockSize ?? 32, stepOf) }
        },
      }),
    ),
  ),
  ...[true, false].map(
    (symmetric): OpCase<'quantize'> => ({
      name: `a block of zeros, one of positive and one of negative values, ${symmetric ? 'symmetric' : 'asymmetric'}`,
      attributes: { symmetric },
      operands: () => ({ x: ndarray('float32', [1, 96], (i) => [0, 1, -1][Math.floor(i / 32)] * (i % 16)) }),
    }),
  ),
]

export const dequantize: OpCase<'dequantize'>[] = [true, false].flatMap((withZeros) =>
  sizes.map(({ dtype, shape: [rows, columns], blockSize = 32 }): OpCase<'dequantize'> => {
    const blocks = Math.ceil(columns / blockSize)
    return {
      name: `${nameOf({ dtype, shape: [rows, columns], blockSize })}${withZeros ? ', zeros' : ''}`,
      attributes: { columns, blockSize },
      operands: (random) => ({
        b: anything(random, 'uint8', [rows, blocks, blockSize / 2]),
        scales: normal(random, dtype, [rows, blocks]),
        ...(withZeros && { zeros: anything(random, 'uint8', [rows, Math.ceil(blocks / 2)]) }),
      }),
    }
  }),
)
