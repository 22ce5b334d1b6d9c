import type { FloatDType } from '../../support/floats.js'
import { ndarray } from '../../support/ndarray.js'
import { floatDTypes, normal, type OpCase, positions, words } from './build.js'

// ---- rmsNorm

interface NormSize {
  readonly shape: readonly number[]
  readonly dtype: FloatDType
  readonly weightDType?: FloatDType
  readonly scale?: number
  readonly epsilon?: number
}

const normSizes: NormSize[] = [
  ...floatDTypes.flatMap((dtype) => [
    { dtype, shape: [3, 96] },
    { dtype, shape: [1, 257] },
    { dtype, shape: [2, 5, 33] },
  ]),
  { dtype: 'float16', weightDType: 'float32', shape: [3, 127] },
  { dtype: 'float32', weightDType: 'bfloat16', shape: [3, 31] },
  { dtype: 'float32', shape: [95] },
  { dtype: 'float32', shape: [4, 1] },
  { dtype: 'float32', shape: [2, 2] },
  { dtype: 'float32', shape: [67, 64] },
  { dtype: 'float32', shape: [0, 32] },
  { dtype: 'float32', shape: [2, 3072] },
  // epsilon outweighs the squares
  { dtype: 'float32', shape: [2, 96], scale: 1e-4, epsilon: 1e-3 },
  // the squares would overflow a 16-bit sum
  { dtype: 'float16', shape: [2, 96], scale: 2000 },
]

const normName = ({ dtype, weightDType, shape, scale, epsilon }: NormSize): string =>
  `${dtype} ${words(shape)}${weightDType ? `, ${weightDType} weight` : ''}${scale ? ` x ${scale}` : ''}${epsilon ? `, epsilon ${epsilon}` : ''}`

export const rmsNorm = normSizes.map((size): OpCase<'rmsNorm'> => {
  const { dtype, weightDType = dtype, shape, scale = 1, epsilon } = size
  return {
    name: normName(size),
    attributes: epsilon === undefined ? {} : { epsilon },
    operands: (random) => ({
      x: normal(random, dtype, shape, scale),
      weight: normal(random, weightDType, shape.slice(-1)),
    }),
  }
})

export const addRmsNorm = normSizes.map((size): OpCase<'addRmsNorm'> => {
  const { dtype, weightDType = dtype, shape, scale = 1, epsilon } = size
  return {
    name: normName(size),
    attributes: epsilon === undefined ? {} : { epsilon },
    operands: (random) => ({
      x: normal(random, dtype, shape, scale),
      residual: normal(random, dtype, shape, scale / 2),
      weight: normal(random, weightDType, shape.slice(-1)),
    }),
  }
})

// ---- rotaryEmbedding

interface RotarySize {
  readonly dtype: FloatDType
  readonly tokens: number
  readonly heads: number
  readonly headDim: number
  /** Half of the rotated dims. */
  readonly half: number
  readonly rotatedHeads?: number
  readonly start?: number
  readonly spareRows?: number
}

const rotaryOf = (size: RotarySize): OpCase<'rotaryEmbedding'> => {
  const { dtype, tokens, heads, headDim, half, rotatedHeads, start = 0, spareRows = 0 } = size
  const table = [start + tokens + spareRows, half]
  return {
    name: `${dtype} ${tokens} tokens at ${start}, ${rotatedHeads ?? 'all'} of ${heads} heads of ${headDim}, table ${words(table)}`,
    attributes: rotatedHeads === undefined ? { headDim } : { headDim, heads: rotatedHeads },
    operands: (random) => {
      const angles = ndarray('float32', table, () => 2 * Math.PI * random.uniform()).data
      return {
        x: normal(random, dtype, [tokens, heads * headDim]),
        // LongRoPE's factor: cos and sin are not of length 1
        cos: ndarray('float32', table, (i) => 1.19 * Math.cos(angles[i])),
        sin: ndarray('float32', table, (i) => 1.19 * Math.sin(angles[i])),
        position: positions(start, tokens),
      }
    },
  }
}

export const rotaryEmbedding: OpCase<'rotaryEmbedding'>[] = [
  ...floatDTypes.flatMap((dtype) => [
    rotaryOf({ dtype, tokens: 3, heads: 4, headDim: 32, half: 16 }),
    rotaryOf({ dtype, tokens: 2, heads: 5, headDim: 96, half: 48, rotatedHeads: 4, start: 7 }),
    rotaryOf({ dtype, tokens: 1, heads: 3, headDim: 128, half: 48, rotatedHeads: 2, start: 31, spareRows: 5 }),
  ]),
  rotaryOf({ dtype: 'float32', tokens: 67, heads: 3, headDim: 64, half: 32, spareRows: 1 }),
  rotaryOf({ dtype: 'float32', tokens: 2, heads: 2, headDim: 5, half: 1, start: 1 }),
  rotaryOf({ dtype: 'float32', tokens: 1, heads: 1, headDim: 2, half: 1, rotatedHeads: 1 }),
  rotaryOf({ dtype: 'float32', tokens: 5, heads: 40, headDim: 96, half: 48, rotatedHeads: 36, start: 255 }),
  rotaryOf({ dtype: 'float32', tokens: 0, heads: 2, headDim: 32, half: 16, start: 3 }),
  {
    name: 'rows at positions in any order',
    attributes: { headDim: 32 },
    operands: (random) => ({
      x: normal(random, 'float32', [4, 64]),
      cos: normal(random, 'float32', [9, 16]),
      sin: normal(random, 'float32', [9, 16]),
      position: ndarray('int32', [4], [8, 0, 3, 3]),
    }),
  },
]

// ---- siluMul

export const siluMul: OpCase<'siluMul'>[] = [
  ...floatDTypes.flatMap((dtype) =>
    [
      [3, 192],
      [1, 514],
      [2, 3, 62],
    ].map(
      (shape): OpCase<'siluMul'> => ({
        name: `${dtype} ${words(shape)}`,
        attributes: {},
        operands: (random) => ({ x: normal(random, dtype, shape, 2) }),
      }),
    ),
  ),
  ...[[2], [4, 2], [66], [17, 190], [0, 64], [5, 254]].map(
    (shape): OpCase<'siluMul'> => ({
      name: `float32 ${words(shape)}`,
      attributes: {},
      operands: (random) => ({ x: normal(random, 'float32', shape, 2) }),
    }),
  ),
  {
    name: 'float32, gates where the sigmoid is 0 or 1',
    attributes: {},
    // -100 is left out: its sigmoid is no normal number, so that it may count as 0
    operands: (random) => ({
      x: ndarray('float32', [5, 66], () => [-200, -120, -80, -40, -20, 20, 80, 100, 200][random.integer(0, 8)]),
    }),
  },
]
