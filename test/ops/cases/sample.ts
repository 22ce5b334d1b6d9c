import type { FloatDType } from '../../support/floats.js'
import { ndarray } from '../../support/ndarray.js'
import { floatDTypes, integers, normal, type OpCase, positions } from './build.js'

interface Sampling {
  readonly vocab: number
  readonly dtype?: FloatDType
  /** Standard deviation of the logits. */
  readonly spread?: number
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly minP?: number
  readonly repeat?: number
  readonly frequency?: number
  readonly presence?: number
  readonly at?: number
  readonly seed?: readonly [number, number]
  readonly history?: readonly number[]
  readonly logits?: readonly number[]
}

function sampleOf({ vocab, dtype = 'float32', ...options }: Sampling): OpCase<'sample'> {
  const { spread = 2, temperature = 0, topK = 0, topP = 1, minP = 0, repeat = 0, frequency = 0, presence = 0 } = options
  const { at = 0, seed = [1, 2], history = [-1, -1, -1, -1], logits } = options
  const facts = Object.entries({
    ...options,
    logits: logits?.join(' '),
    history: options.history?.slice(0, 5).join(' '),
  })
  const named = facts.filter(([, value]) => value !== undefined)
  return {
    name: [`${dtype} of ${vocab}`, ...named.map(([name, value]) => `${name} ${value}`)].join(', '),
    attributes: {},
    operands: (random) => ({
      logits: logits ? ndarray(dtype, [1, vocab], logits) : normal(random, dtype, [1, vocab], spread),
      params: ndarray('float32', [1, 8], [temperature, topK, topP, minP, repeat, frequency, presence, 0]),
      seeds: ndarray('uint32', [1, 2], seed),
      position: positions(at, 1),
      histories: ndarray('int32', [1, history.length], history),
    }),
  }
}

/** Greedy, drawn, penalised, and drawn with everything at once. */
const kinds = [
  [0, 0, 1, 0, 0, 0, 0, 0],
  [1, 0, 1, 0, 0, 0, 0, 0],
  [0, 0, 1, 0, 1.5, 0.2, 0.1, 0],
  [0.8, 20, 0.9, 0.05, 1.1, 0.1, 0, 0],
]

/** Rows of every kind side by side. */
const rowsOf = (rows: number, vocab: number, dtype: FloatDType): OpCase<'sample'> => ({
  name: `${rows} rows of ${vocab}, ${dtype}`,
  attributes: {},
  operands: (random) => ({
    logits: normal(random, dtype, [rows, vocab], 2),
    params: ndarray('float32', [rows, 8], (i) => kinds[(i >> 3) % kinds.length][i % 8]),
    seeds: integers(random, 'uint32', [rows, 2], 0, 2 ** 32 - 1),
    position: ndarray('int32', [rows], (row) => 3 * row + 1),
    histories: integers(random, 'int32', [rows, 6], -1, vocab - 1),
  }),
})

const tied = [1, 3, 3, -2, 3, 0, 2]

export const sample: OpCase<'sample'>[] = [
  { vocab: 1 },
  { vocab: 1, temperature: 1 },
  { vocab: 2, temperature: 1 },
  { vocab: 257 },
  { vocab: 32064, at: 3 },
  { vocab: 7, logits: tied },

  ...floatDTypes.flatMap((dtype) => [
    { dtype, vocab: 127 },
    { dtype, vocab: 257, temperature: 1.3 },
    { dtype, vocab: 95, temperature: 0.7, topK: 8, topP: 0.9, minP: 0.05, at: 5, history: [3, 90, 7, -1, -1] },
  ]),

  // the same logits under many seeds and positions
  ...Array.from({ length: 12 }, (_, at) => ({ vocab: 33, temperature: 1, at })),
  ...[0, 1, 2 ** 31, 2 ** 32 - 1].flatMap((word) => [
    { vocab: 31, temperature: 1, seed: [word, 0] as const },
    { vocab: 31, temperature: 1, seed: [7, word] as const, at: 2 ** 31 - 1 },
  ]),

  { vocab: 96, temperature: 0.05 },
  { vocab: 96, temperature: 20, topK: 5 },
  { vocab: 32064, temperature: 1, spread: 4 },
  { vocab: 32064, temperature: 0.8, spread: 4, topK: 40, topP: 0.95 },
  { vocab: 200064, temperature: 0.8, spread: 4, topP: 0.9, at: 17 },
  // almost all alike, or all but one far behind: more of them than a block holds at once
  { vocab: 5000, temperature: 200, topK: 1500, topP: 0.9, at: 2 },
  { vocab: 5000, temperature: 0.01, topK: 3000, spread: 9 },
  { dtype: 'float16' as const, vocab: 4099, temperature: 1, topK: 64, minP: 0.02, at: 7 },
  {
    vocab: 4096,
    temperature: 1.5,
    topP: 0.99,
    minP: 1e-4,
    repeat: 1.3,
    presence: 0.1,
    history: [3, 4095, 0, 3],
    at: 5,
  },
  { vocab: 95, temperature: 1, topK: 1 },
  { vocab: 95, temperature: 1, topK: 95, at: 1 },
  { vocab: 95, temperature: 1, topK: 1000, at: 2 },
  { vocab: 7, temperature: 1, topK: 2, logits: tied },
  ...[0, 1, 2, 3].map((at) => ({ vocab: 7, temperature: 1, topK: 4, at, logits: tied })),
  { vocab: 127, temperature: 1, topP: 0.5, at: 4 },
  { vocab: 127, temperature: 1, topP: 0.001 },
  { vocab: 127, temperature: 1, topP: 1, at: 2 },
  ...[0, 1, 2].map((at) => ({ vocab: 127, temperature: 3, topP: 0, at })),
  { vocab: 127, temperature: 1, minP: 0.1, at: 3 },
  { vocab: 127, temperature: 1, minP: 1, at: 3 },
  { vocab: 127, temperature: 1, topP: 0.8, minP: 0.2, at: 6 },

  // penalties; the ring holds ids more than once, and what is not an id
  { vocab: 5, repeat: 1.5, history: [0, 1, 1, 1], logits: [2, 1.9, -1, 1.5, 0] },
  { vocab: 5, repeat: 2, history: [1, 2, 3, 3], logits: [-3, -2, -2.5, -2.9, -2] },
  { vocab: 5, frequency: 0.5, history: [0, 0, 0, 1], logits: [2, 1.4, -1, 0.4, 0] },
  { vocab: 5, presence: 0.7, history: [0, 0, 0, 1], logits: [2, 1.4, -1, 0.4, 0] },
  { vocab: 5, presence: -1, history: [3, -1], logits: [2, 1.4, -1, 1.2, 0] },
  { vocab: 5, repeat: 1, history: [0, 1, 2, 3], logits: [2, 1.4, -1, 0.4, 0] },
  { vocab: 5, repeat: 1.2, history: [5, 1000000, -1, 2], logits: [2, 1.4, -1, 0.4, 0] },
  { vocab: 67, temperature: 1, repeat: 1.3, frequency: 0.2, presence: 0.1, history: [3, 3, 64, 1, 0], at: 9 },
  { vocab: 67, temperature: 0.9, topK: 10, repeat: 1.1, history: Array.from({ length: 64 }, (_, i) => i % 9), at: 100 },
  { vocab: 31, at: 6, history: [4] },
].map(sampleOf)

sample.push(
  rowsOf(4, 257, 'float32'),
  rowsOf(9, 95, 'float16'),
  rowsOf(2, 32064, 'float32'),
  rowsOf(4, 4097, 'float16'),
  rowsOf(0, 7, 'float32'),
)
