import { type WeightFormat, weightFormats } from '../../../lib/formats/source.js'
import type { FloatDType } from '../../support/floats.js'
import { ndarray } from '../../support/ndarray.js'
import { blocks } from '../reference/weights.js'
import {
  anything,
  clearOfBorders,
  floatDTypes,
  groupedWeight,
  int8Step,
  integers,
  normal,
  type OpCase,
  weight,
  words,
} from './build.js'

const isPlain = (format: WeightFormat): boolean => format === 'float32' || format === 'float16' || format === 'bfloat16'
const isGrouped = (format: WeightFormat): format is 'int4' | 'int8' => format === 'int4' || format === 'int8'
/** As many columns, or as many more as make whole blocks of 256 values. */
const wide = (format: WeightFormat, columns: number): number =>
  isGrouped(format) || blocks[format].values < 256 ? columns : Math.ceil(columns / 256) * 256

// ---- embedding

export const embedding: OpCase<'embedding'>[] = [
  ...weightFormats.flatMap((format) =>
    floatDTypes.map((dtype): OpCase<'embedding'> => {
      const columns = isPlain(format) ? 33 : wide(format, 96)
      return {
        name: `${format} to ${dtype}`,
        attributes: { dtype },
        operands: (random) => ({
          table: weight(random, format, [67, columns]),
          ids: ndarray('int32', [5], [66, 0, 3, 3, 41]),
        }),
      }
    }),
  ),
  ...[0, 1, 67].map(
    (tokens): OpCase<'embedding'> => ({
      name: `${tokens} tokens`,
      attributes: {},
      operands: (random) => ({
        table: weight(random, 'q4_0', [31, 32]),
        ids: integers(random, 'int32', [tokens], 0, 30),
      }),
    }),
  ),
]

// ---- matmul

const matmulOf = (dtype: FloatDType, a: readonly number[], n: number): OpCase<'matmul'> => ({
  name: `${dtype} ${words(a)} x ${words([a[a.length - 1], n])}`,
  attributes: {},
  operands: (random) => ({ a: normal(random, dtype, a), b: normal(random, dtype, [a[a.length - 1], n]) }),
})

export const matmul: OpCase<'matmul'>[] = [
  ...floatDTypes.flatMap((dtype) => [
    matmulOf(dtype, [3, 33], 31),
    matmulOf(dtype, [1, 257], 95),
    matmulOf(dtype, [17, 127], 96),
  ]),
  matmulOf('float32', [2, 1], 3),
  matmulOf('float32', [5, 2], 17),
  matmulOf('float32', [31], 16),
  matmulOf('float32', [2, 3, 96], 5),
  matmulOf('float32', [65, 64], 65),
  // tiles of tensor cores: whole units of 16 bytes or not, several slices along k, few tiles and many
  ...(['float16', 'bfloat16'] as const).flatMap((dtype) => [
    matmulOf(dtype, [130, 70], 129),
    matmulOf(dtype, [65, 72], 136),
    matmulOf(dtype, [9, 256], 24),
  ]),
  matmulOf('float16', [1, 129, 40], 8072),
  matmulOf('float32', [2, 1027], 33),
  matmulOf('float32', [0, 32], 8),
  matmulOf('float32', [3, 0], 8),
  matmulOf('float32', [3, 8], 0),
]

// ---- matmulInt4

interface Int4Size {
  readonly a: readonly number[]
  readonly n: number
  readonly blockSize: number
}

const int4Of = (
  dtype: FloatDType,
  scaleDType: FloatDType,
  { a, n, blockSize }: Int4Size,
  zeros: boolean,
): OpCase<'matmulInt4'> => {
  const blocks = Math.ceil(a[a.length - 1] / blockSize)
  return {
    name: `${dtype} ${words(a)}, ${n} rows, ${scaleDType} scales, block ${blockSize}${zeros ? ', zeros' : ''}`,
    attributes: { blockSize },
    // every bit is random, the nibbles beyond K and those that pad a row of zeros as well
    operands: (random) => ({
      a: normal(random, dtype, a),
      b: anything(random, 'uint8', [n, blocks, blockSize / 2]),
      scales: normal(random, scaleDType, [n, blocks], 0.1),
      ...(zeros && { zeros: anything(random, 'uint8', [n, Math.ceil(blocks / 2)]) }),
    }),
  }
}

const bothZeros = (dtype: FloatDType, scaleDType: FloatDType, size: Int4Size) => [
  int4Of(dtype, scaleDType, size, false),
  int4Of(dtype, scaleDType, size, true),
]

export const matmulInt4: OpCase<'matmulInt4'>[] = [
  ...floatDTypes.flatMap((dtype) => bothZeros(dtype, dtype, { a: [3, 96], n: 33, blockSize: 32 })),
  ...bothZeros('float32', 'float16', { a: [1, 256], n: 66, blockSize: 128 }),
  ...bothZeros('float16', 'float32', { a: [5, 160], n: 17, blockSize: 32 }),
  ...bothZeros('float32', 'bfloat16', { a: [2, 64], n: 5, blockSize: 16 }),
  ...bothZeros('float32', 'float32', { a: [2, 80], n: 7, blockSize: 64 }),
  ...bothZeros('float32', 'float32', { a: [2, 31], n: 3, blockSize: 16 }),
  ...bothZeros('float32', 'float32', { a: [1, 1], n: 2, blockSize: 32 }),
  ...bothZeros('float32', 'float32', { a: [3, 45], n: 4, blockSize: 20 }),
  int4Of('float32', 'float32', { a: [17, 288], n: 65, blockSize: 32 }, true),
  int4Of('float32', 'float32', { a: [64], n: 31, blockSize: 32 }, true),
  int4Of('float16', 'float16', { a: [2, 2, 64], n: 31, blockSize: 64 }, false),
  int4Of('float32', 'float32', { a: [0, 64], n: 4, blockSize: 32 }, false),
  int4Of('float16', 'float16', { a: [1, 3072], n: 19, blockSize: 128 }, true),
]

// ---- linear

const linearOf = (
  dtype: FloatDType,
  format: WeightFormat,
  x: readonly number[],
  n: number,
  activations?: 'f32' | 'int8',
): OpCase<'linear'> => {
  const shape = [...x.slice(0, -1), wide(format, x[x.length - 1])]
  const k = shape[shape.length - 1]
  return {
    name: `${dtype} ${words(shape)}, ${format} ${words([n, k])}${activations ? `, ${activations}` : ''}`,
    attributes: activations ? { activations } : {},
    operands: (random) => ({ x: normal(random, dtype, shape), w: weight(random, format, [n, k]) }),
  }
}

const groupedOf = (
  format: 'int4' | 'int8',
  x: readonly [number, number],
  n: number,
  size: number,
  zeros: boolean,
): OpCase<'linear'> => ({
  name: `${words(x)}, ${n} rows of ${format}, groups of ${size}${zeros ? ', zeros' : ''}`,
  attributes: {},
  operands: (random) => ({
    x: normal(random, 'float32', x),
    w: groupedWeight(random, format, [n, x[1]], size, zeros),
  }),
})

const int8LinearOf = (
  dtype: FloatDType,
  format: WeightFormat,
  x: readonly [number, number],
  n: number,
): OpCase<'linear'> => ({
  ...linearOf(dtype, format, x, n, 'int8'),
  operands: (random) => ({
    x: clearOfBorders(random, dtype, [x[0], wide(format, x[1])], 32, int8Step),
    w: weight(random, format, [n, wide(format, x[1])]),
  }),
})

/** Groups that int8 activations are for, and such that they are not. */
const int8GroupsOf = (format: 'int4' | 'int8', size: number, columns: number): OpCase<'linear'> => ({
  ...groupedOf(format, [4, columns], 37, size, true),
  name: `${columns} columns of ${format}, groups of ${size}, zeros, int8`,
  attributes: { activations: 'int8' },
  operands: (random) => ({
    x: clearOfBorders(random, 'float32', [4, columns], 32, int8Step),
    w: groupedWeight(random, format, [37, columns], size, true),
  }),
})

const biasedOf = (format: WeightFormat, x: readonly number[], n: number, activations?: 'int8'): OpCase<'linear'> => {
  const plain = linearOf('float16', format, x, n, activations)
  return {
    ...plain,
    name: `${plain.name}, bias`,
    operands: (random) => {
      const [rows, k] = [x.slice(0, -1), wide(format, x[x.length - 1])]
      return {
        x: clearOfBorders(random, 'float16', [rows.reduce((a, b) => a * b, 1), k], 32, int8Step),
        w: weight(random, format, [n, k]),
        bias: normal(random, 'float32', [n]),
      }
    },
  }
}

const plainFormats = weightFormats.filter(isPlain)
const groupedFormats = weightFormats.filter(isGrouped)
const quantizedFormats = weightFormats.filter((format) => !isPlain(format))

export const linear: OpCase<'linear'>[] = [
  ...weightFormats.flatMap((format) => floatDTypes.map((dtype) => linearOf(dtype, format, [3, 96], 33))),
  ...weightFormats.flatMap((format) => [
    linearOf('float32', format, [1, 256], 65),
    linearOf('float32', format, [2, 160], 3),
    linearOf('float32', format, [5, 32], 18),
    linearOf('float16', format, [17, 288], 31, 'f32'),
    linearOf('float32', format, [67, 64], 66),
    linearOf('float32', format, [1, 1056], 3),
    linearOf('float32', format, [3, 128], 1),
    linearOf('float32', format, [2, 3, 64], 7),
    linearOf('float32', format, [64], 5),
    linearOf('float32', format, [0, 64], 5),
  ]),
  ...plainFormats.flatMap((format) => [
    linearOf('float32', format, [3, 1], 2),
    linearOf('float32', format, [1, 31], 17),
    linearOf('bfloat16', format, [2, 127], 95),
    linearOf('float16', format, [5, 257], 31),
    // int8 activations are for quantised weights: here the attribute changes nothing
    linearOf('float32', format, [2, 96], 33, 'int8'),
  ]),
  ...groupedFormats.flatMap((format) => [
    groupedOf(format, [3, 1], 5, 1, true),
    groupedOf(format, [2, 45], 7, 45, true),
    groupedOf(format, [2, 45], 7, 16, true),
    groupedOf(format, [1, 45], 7, 64, false),
    groupedOf(format, [5, 80], 18, 32, false),
    groupedOf(format, [19, 80], 33, 16, true),
    groupedOf(format, [1, 384], 17, 128, true),
    int8GroupsOf(format, 128, 384),
    int8GroupsOf(format, 64, 416),
    int8GroupsOf(format, 16, 160),
    int8GroupsOf(format, 16, 80),
  ]),
  ...quantizedFormats.flatMap((format) => [
    ...floatDTypes.map((dtype) => int8LinearOf(dtype, format, [3, 96], 34)),
    int8LinearOf('float32', format, [1, 256], 65),
    int8LinearOf('float32', format, [1, 1056], 3),
    int8LinearOf('float32', format, [2, 32], 5),
    int8LinearOf('float32', format, [5, 160], 17),
    int8LinearOf('float32', format, [17, 288], 31),
    int8LinearOf('float16', format, [67, 64], 66),
  ]),
  ...(['float32', 'q8_0', 'q4_k', 'int4'] as const).flatMap((format) => [
    biasedOf(format, [1, 96], 67),
    biasedOf(format, [19, 64], 33),
    biasedOf(format, [3, 64], 130, 'int8'),
  ]),
  ...quantizedFormats.map(
    (format): OpCase<'linear'> => ({
      name: `a block of zeros, ${format}, int8`,
      attributes: { activations: 'int8' },
      operands: (random) => ({
        x: ndarray('float32', [2, wide(format, 64)], (i) => (i % 64 < 32 ? 0 : i % 32)),
        w: weight(random, format, [5, wide(format, 64)]),
      }),
    }),
  ),
]
