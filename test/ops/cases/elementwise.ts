import type { DType } from '../../../lib/dtype.js'
import type { FloatDType } from '../../support/floats.js'
import { isFloat, type NdArray, ndarray } from '../../support/ndarray.js'
import type { Random } from '../../support/random.js'
import { anything, floatDTypes, type OpCase, within, words } from './build.js'

type Binary = 'add' | 'sub' | 'mul' | 'div' | 'maximum' | 'minimum'

/** a | b, in every way that broadcasting knows. */
const shapePairs = [
  [
    [2, 33],
    [2, 33],
  ],
  [[257], [257]],
  [[3, 33], [33]],
  [[31], [2, 31]],
  [[95], []],
  [[], [3]],
  [[], []],
  [[1], [127]],
  [
    [4, 1],
    [1, 31],
  ],
  [
    [2, 1, 5],
    [3, 1],
  ],
  [
    [2, 3, 4, 5],
    [3, 1, 5],
  ],
  [
    [2, 1, 3, 1, 2],
    [2, 1, 4, 1],
  ],
  [[1, 1, 1], [96]],
  [
    [17, 96],
    [17, 1],
  ],
  [[0, 3], [3]],
  [
    [2, 0],
    [1, 1],
  ],
] as const

/** Away from 0, of either sign. */
const divisors = (random: Random, dtype: FloatDType, shape: readonly number[]): NdArray =>
  ndarray(dtype, shape, () => (0.3 + random.uniform()) * (random.uniform() < 0.5 ? -1 : 1))

// products and sums fit int32, but not float32
const intBound = { add: 2 ** 30, sub: 2 ** 30, mul: 40000, maximum: 2 ** 31 - 1, minimum: 2 ** 31 - 1, div: 0 }

// operands and attributes are the same for all six
function binaryCases(op: Binary, extra: readonly (readonly [number, number])[]): OpCase<'add'>[] {
  const caseOf = (name: string, operands: OpCase<'add'>['operands']) => ({ name, attributes: {}, operands })
  const special = floatDTypes.map((dtype) =>
    caseOf(`${dtype} infinities and zeros`, () => ({
      a: ndarray(dtype, [extra.length], (i) => extra[i][0]),
      b: ndarray(dtype, [extra.length], (i) => extra[i][1]),
    })),
  )
  const dtypes: DType[] = op === 'div' ? floatDTypes : [...floatDTypes, 'int32']
  const random = dtypes.flatMap((dtype) =>
    shapePairs.map(([a, b]) =>
      caseOf(`${dtype} ${words(a)} and ${words(b)}`, (random) => {
        const bound = isFloat(dtype) ? 4 : intBound[op]
        const left = within(random, dtype, a, -bound, bound)
        const right = op === 'div' ? divisors(random, dtype as FloatDType, b) : within(random, dtype, b, -bound, bound)
        return { a: left, b: right }
      }),
    ),
  )
  return [...random, ...special]
}

const { POSITIVE_INFINITY: infinity, NaN: nan } = Number
const large = 3e38

export const add = binaryCases('add', [
  [infinity, 1],
  [1, -infinity],
  [infinity, -infinity],
  [nan, 1],
  [large, large],
  [0, -0],
])
export const sub = binaryCases('sub', [
  [infinity, 1],
  [1, infinity],
  [infinity, infinity],
  [1, nan],
  [-large, large],
  [5, 5],
])
export const mul = binaryCases('mul', [
  [infinity, -2],
  [0, infinity],
  [nan, 0],
  [large, large],
  [-large, large],
  [0, -5],
])
export const div = binaryCases('div', [
  [1, 0],
  [-1, 0],
  [0, 0],
  [infinity, infinity],
  [1, infinity],
  [large, 1e-3],
  [nan, 2],
])
export const maximum = binaryCases('maximum', [
  [infinity, 1],
  [-infinity, -3],
  [-2, 0],
  [infinity, -infinity],
])
export const minimum = binaryCases('minimum', [
  [infinity, 1],
  [-infinity, -3],
  [-2, 0],
  [infinity, -infinity],
])

const unaryShapes = [[2, 33], [], [1], [3], [31], [127], [257], [3, 95], [2, 3, 4], [0, 5]]

function unaryCases(
  dtypes: readonly DType[],
  range: (dtype: DType) => readonly [low: number, high: number],
  special: readonly number[],
): OpCase<'neg'>[] {
  const random = dtypes.flatMap((dtype) =>
    unaryShapes.map((shape) => ({
      name: `${dtype} ${words(shape)}`,
      attributes: {},
      operands: (random: Random) => ({ x: within(random, dtype, shape, ...range(dtype)) }),
    })),
  )
  const fixed = floatDTypes.map((dtype) => ({
    name: `${dtype} ${special.join(' ')}`,
    attributes: {},
    operands: () => ({ x: ndarray(dtype, [special.length], special) }),
  }))
  return [...random, ...fixed]
}

export const neg = unaryCases(
  [...floatDTypes, 'int32'],
  (dtype) => (isFloat(dtype) ? [-4, 4] : [-(2 ** 31) + 1, 2 ** 31 - 1]),
  [0, infinity, -infinity, nan, -1.5],
)
export const exp = unaryCases(floatDTypes, (dtype) => (dtype === 'float16' ? [-16, 11] : [-85, 85]), [
  0,
  1,
  -1,
  infinity,
  -infinity,
  nan,
  1000,
  -1000,
  1e-4,
  -1e-4,
])
export const log = unaryCases(floatDTypes, () => [1e-3, 100], [
  1,
  0,
  infinity,
  nan,
  -1,
  1.0078125,
  0.9921875,
  6.5e-5,
  60000,
])
export const sqrt = unaryCases(floatDTypes, () => [0, 1000], [0, 1, 4, 2, infinity, nan, -1, 6.5e-5, 60000])
export const tanh = unaryCases(floatDTypes, () => [-5, 5], [0, infinity, -infinity, nan, 100, -100, 1e-3, -1e-3, 0.5])
export const sigmoid = unaryCases(floatDTypes, (dtype) => (dtype === 'float16' ? [-9, 9] : [-80, 80]), [
  0,
  infinity,
  -infinity,
  nan,
  200,
  -200,
  1e-3,
])

export const where: OpCase<'where'>[] = [
  ...([...floatDTypes, 'int32'] as const).flatMap((dtype) =>
    [
      [
        [2, 33],
        [2, 33],
        [2, 33],
      ],
      [[257], [], [257]],
      [[3, 1], [31], [2, 1, 31]],
      [[], [5], [1]],
      [
        [2, 1, 4],
        [3, 1],
        [2, 3, 4],
      ],
      [[0, 3], [3], [1, 1]],
    ].map(
      ([condition, a, b]): OpCase<'where'> => ({
        name: `${dtype} ${words(a)} and ${words(b)} by ${words(condition)}`,
        attributes: {},
        operands: (random) => ({
          // what is not 0 is true
          condition: ndarray('uint8', condition, () => [0, 0, 1, 2, 255][random.integer(0, 4)]),
          a: anything(random, dtype, a),
          b: anything(random, dtype, b),
        }),
      }),
    ),
  ),
  {
    name: 'float32, the value not taken is NaN',
    attributes: {},
    operands: () => ({
      condition: ndarray('uint8', [4], [0, 1, 1, 0]),
      a: ndarray('float32', [4], [nan, 1, infinity, nan]),
      b: ndarray('float32', [4], [2, nan, nan, -infinity]),
    }),
  },
]
