import type { FloatDType } from '../../support/floats.js'
import { isFloat, ndarray } from '../../support/ndarray.js'
import type { Random } from '../../support/random.js'
import type { OperandsOf } from '../signature.js'
import { clearOfBorders, int8Step, normal, type OpCase, positions } from './build.js'

type CacheDType = FloatDType | 'int8'

interface AttentionSize {
  readonly heads: number
  readonly groups: number
  readonly dim: number
  readonly tokens: number
  readonly start?: number
  /** Rows of the cache beyond the last one in use. */
  readonly spare?: number
  readonly dtype?: FloatDType
  readonly cache?: CacheDType
  readonly window?: number
  readonly scale?: number
  /** What rows that are not in use hold; a stale row is finite, fresh memory may be anything. */
  readonly unused?: number
}

/** Keys, values and, of int8, their scales: `shape` is [P, G, L, D]; slots where `used` is false hold `unused` times a normal. */
function cachesOf(
  random: Random,
  dtype: CacheDType,
  shape: readonly [number, number, number, number],
  used: (page: number, row: number) => boolean,
  unused: number,
) {
  const [, groups, length, dim] = shape
  const isUsed = (slot: number) => used(Math.floor(slot / length / groups), slot % length)
  const tensorOf = () =>
    ndarray(dtype, shape, (i) => {
      if (!isFloat(dtype)) return random.integer(-127, 127)
      return isUsed(Math.floor(i / dim)) ? random.normal() : unused * random.normal()
    })
  const scalesOf = () =>
    ndarray('float32', shape.slice(0, 3), (slot) => (isUsed(slot) ? (1 + random.uniform()) / 127 : unused))
  const [keys, values] = [tensorOf(), tensorOf()]
  return isFloat(dtype) ? { keys, values } : { keys, values, keyScales: scalesOf(), valueScales: scalesOf() }
}

const rowsOf = (random: Random, dtype: FloatDType, cache: CacheDType, tokens: number, width: number, dim: number) =>
  isFloat(cache)
    ? normal(random, dtype, [tokens, width])
    : clearOfBorders(random, dtype, [tokens, width], dim, int8Step)

/** A call of one sequence over one page. */
export function attentionOf(size: AttentionSize): OpCase<'attention'> {
  const { heads, groups, dim, tokens, start = 0, spare = 0, dtype = 'float32', cache = dtype, window, scale } = size
  const { unused = 100 } = size
  const capacity = start + tokens + spare
  const facts = [
    `${dtype} on ${cache}`,
    `heads ${heads}/${groups} of ${dim}`,
    `${tokens} at ${start} of ${capacity}`,
    ...(window ? [`window ${window}`] : []),
    ...(scale ? [`scale ${scale}`] : []),
    ...(Number.isFinite(unused) ? [] : [`unused rows ${unused}`]),
  ]
  return {
    name: facts.join(', '),
    attributes: { ...(window && { window }), ...(scale && { scale }) },
    operands: (random) => ({
      ...cachesOf(random, cache, [1, groups, capacity, dim], (_, row) => row < start, unused),
      qkv: rowsOf(random, dtype, cache, tokens, (heads + 2 * groups) * dim, dim),
      position: positions(start, tokens),
    }),
  }
}

interface Batch {
  readonly heads: number
  readonly groups: number
  readonly dim: number
  /** Tokens a page. */
  readonly page: number
  /** Tokens in the cache, and rows of this call, of each sequence. */
  readonly sequences: readonly (readonly [start: number, tokens: number])[]
  /** Rows of no sequence, before and after those of the sequences. */
  readonly idle?: readonly [before: number, after: number]
  readonly dtype?: FloatDType
  readonly cache?: CacheDType
  readonly window?: number
  /** Positions between two rows of a sequence. */
  readonly stride?: number
  /** Pages: in any order, or those of each sequence one after the other, which needs no table. */
  readonly table?: boolean
  /** Whether `rows` says which rows are whose; false where they are divided evenly. */
  readonly rows?: boolean
}

/** The pages of every sequence, taken from all of them in an order of chance; what no row sees is -1. */
function tableOf(random: Random, { sequences, page, window = 0 }: Batch, last: readonly number[]) {
  const counts = last.map((position) => Math.floor(position / page) + 1)
  const free = Array.from({ length: counts.reduce((a, b) => a + b, 3) }, (_, i) => i)
  const width = Math.max(...counts) + 1
  const table = sequences.flatMap(([start], b) => {
    const low = window ? Math.floor(Math.max(0, start - window + 1) / page) : 0
    return Array.from({ length: width }, (_, m) => {
      if (m >= counts[b]) return -1
      const [taken] = free.splice(random.integer(0, free.length - 1), 1)
      return m < low ? -1 : taken
    })
  })
  return { count: counts.reduce((a, b) => a + b, 3), pages: ndarray('int32', [sequences.length, width], table) }
}

function batchOf(batch: Batch): OpCase<'attention'> {
  const { heads, groups, dim, page, sequences, idle = [0, 0], dtype = 'float32', cache = dtype, window } = batch
  const { stride = 1, table = true, rows = true } = batch
  const [before, after] = idle
  const tokens = before + after + sequences.reduce((sum, [, count]) => sum + count, 0)
  const position = [
    ...new Array<number>(before).fill(-7),
    ...sequences.flatMap(([start, count]) => Array.from({ length: count }, (_, i) => start + i * stride)),
    ...new Array<number>(after).fill(2 ** 31 - 1),
  ]
  const last = sequences.map(([start, count]) => start + Math.max(0, count - 1) * stride)
  const ends = sequences.map((_, b) => sequences.slice(0, b + 1).reduce((sum, [, count]) => sum + count, before))
  const facts = [
    `${dtype} on ${cache}`,
    `heads ${heads}/${groups} of ${dim}`,
    `${sequences.map(([start, count]) => `${count} at ${start}`).join(' | ')}`,
    `pages of ${page}${table ? '' : ' in order'}`,
    ...(rows ? [] : ['rows in even parts']),
    ...(stride > 1 ? [`every ${stride}th`] : []),
    ...(before + after > 0 ? [`${before} and ${after} rows idle`] : []),
    ...(window ? [`window ${window}`] : []),
  ]
  return {
    name: facts.join(', '),
    attributes: window ? { window } : {},
    operands: (random) => {
      const { count, pages } = table
        ? tableOf(random, batch, last)
        : { count: sequences.length * Math.ceil((Math.max(...last) + 1) / page), pages: undefined }
      const operands: OperandsOf<'attention'> = {
        ...cachesOf(random, cache, [count, groups, page, dim], () => true, 1),
        qkv: rowsOf(random, dtype, cache, tokens, (heads + 2 * groups) * dim, dim),
        position: ndarray('int32', [tokens], position),
        ...(pages && { pages }),
        ...(rows && { rows: ndarray('int32', [sequences.length + 1], [before, ...ends]) }),
      }
      return operands
    },
  }
}

const single: OpCase<'attention'>[] = [
  { heads: 4, groups: 2, dim: 32, tokens: 3, start: 5, spare: 4 },
  { heads: 2, groups: 2, dim: 64, tokens: 1 },
  { heads: 8, groups: 2, dim: 96, tokens: 1, start: 33, spare: 30 },
  { heads: 3, groups: 1, dim: 128, tokens: 2, start: 127 },
  { heads: 6, groups: 2, dim: 32, tokens: 67 },
  { heads: 4, groups: 4, dim: 96, tokens: 95, start: 31, spare: 2 },
  { heads: 10, groups: 2, dim: 128, tokens: 1, start: 256, spare: 255 },
  { heads: 4, groups: 1, dim: 64, tokens: 130, start: 3, spare: 1 },
  { heads: 1, groups: 1, dim: 5, tokens: 2, start: 1, spare: 1 },
  { heads: 2, groups: 1, dim: 1, tokens: 3 },
  { heads: 2, groups: 1, dim: 32, tokens: 1, start: 1023, spare: 1 },
  { heads: 2, groups: 1, dim: 32, tokens: 0, start: 2, spare: 3 },
  // more heads on one group than a tile has rows
  { heads: 40, groups: 2, dim: 8, tokens: 1, start: 140 },

  { heads: 4, groups: 2, dim: 32, tokens: 1, start: 20, spare: 3, window: 1 },
  { heads: 4, groups: 2, dim: 32, tokens: 9, start: 4, spare: 3, window: 4 },
  { heads: 4, groups: 2, dim: 64, tokens: 70, start: 30, spare: 28, window: 33 },
  { heads: 2, groups: 2, dim: 96, tokens: 3, start: 40, window: 43 },
  { heads: 2, groups: 2, dim: 96, tokens: 3, start: 40, window: 1000 },
  { heads: 2, groups: 1, dim: 64, tokens: 1, start: 299, window: 256 },
  // tiles whose rows see no key of a piece
  { heads: 2, groups: 1, dim: 32, tokens: 150, start: 120, window: 2 },
  { heads: 4, groups: 2, dim: 64, tokens: 3, start: 5, scale: 0.5 },

  { heads: 4, groups: 2, dim: 32, tokens: 5, start: 4, spare: 7, unused: Number.NaN },
  { heads: 4, groups: 2, dim: 32, tokens: 1, start: 4, spare: 60, unused: Number.NaN, cache: 'float16' as const },

  ...(['float16', 'bfloat16'] as const).flatMap((cache) => [
    { heads: 4, groups: 2, dim: 96, tokens: 3, start: 31, spare: 7, cache },
    { heads: 8, groups: 1, dim: 64, tokens: 1, start: 95, spare: 1, cache },
    { heads: 6, groups: 3, dim: 32, tokens: 66, cache },
    { heads: 6, groups: 3, dim: 128, tokens: 1, start: 40, cache, window: 17 },
    { heads: 4, groups: 2, dim: 32, tokens: 3, start: 5, spare: 4, dtype: cache },
    { heads: 4, groups: 2, dim: 96, tokens: 1, start: 64, dtype: cache, cache: 'float32' as const },
    { heads: 2, groups: 2, dim: 64, tokens: 65, start: 2, dtype: cache, window: 31 },
  ]),

  { heads: 4, groups: 2, dim: 32, tokens: 3, start: 5, spare: 4, cache: 'int8' as const },
  { heads: 8, groups: 2, dim: 96, tokens: 1, start: 150, spare: 1, cache: 'int8' as const },
  { heads: 4, groups: 2, dim: 32, tokens: 140, start: 3, cache: 'int8' as const, window: 50 },
  { heads: 4, groups: 2, dim: 32, tokens: 5, start: 4, spare: 7, unused: Number.NaN, cache: 'int8' as const },
  { heads: 4, groups: 2, dim: 32, tokens: 2, start: 9, dtype: 'float16' as const, cache: 'int8' as const },
].map(attentionOf)

const decoding: Batch['sequences'] = [
  [40, 1],
  [0, 1],
  [131, 1],
  [7, 1],
]

const batches: readonly Batch[] = [
  { heads: 4, groups: 2, dim: 32, page: 8, sequences: [[13, 1]] },
  { heads: 4, groups: 2, dim: 32, page: 16, sequences: decoding },
  { heads: 4, groups: 2, dim: 32, page: 16, sequences: decoding, rows: false },
  { heads: 4, groups: 1, dim: 64, page: 128, sequences: decoding, cache: 'float16' },
  { heads: 4, groups: 2, dim: 32, page: 16, sequences: decoding, idle: [1, 2] },
  { heads: 4, groups: 2, dim: 32, page: 16, sequences: decoding, window: 20 },
  { heads: 4, groups: 2, dim: 32, page: 5, sequences: decoding, window: 7 },
  { heads: 4, groups: 2, dim: 32, page: 150, sequences: decoding, table: false },
  { heads: 4, groups: 2, dim: 32, page: 16, sequences: decoding, cache: 'int8' },
  {
    heads: 6,
    groups: 3,
    dim: 32,
    page: 32,
    sequences: [
      [3, 40],
      [150, 0],
      [60, 1],
      [0, 17],
    ],
  },
  {
    heads: 4,
    groups: 2,
    dim: 96,
    page: 64,
    sequences: [
      [130, 7],
      [3, 7],
      [64, 6],
    ],
    rows: false,
  },
  { heads: 2, groups: 1, dim: 32, page: 16, sequences: [[100, 9]], stride: 3 },
  { heads: 2, groups: 1, dim: 32, page: 16, sequences: [[100, 40]], stride: 2, window: 30 },
  { heads: 2, groups: 1, dim: 32, page: 1, sequences: [[5, 3]], dtype: 'bfloat16' },
  { heads: 2, groups: 2, dim: 32, page: 8, sequences: [[0, 0]], idle: [2, 1] },
]

const one = { heads: 2, groups: 2, dim: 96, page: 128, sequences: [[700, 1]] } as const
const drafts: Batch['sequences'] = [
  [100, 8],
  [3, 5],
]

// float16 pages of whole sixteens and heads of 64, 96 and 128: what GPUs have kernels of their own for
const sixteens: readonly Batch[] = (
  [
    one,
    { ...one, dim: 128, window: 300 },
    { heads: 8, groups: 2, dim: 128, page: 16, sequences: decoding, idle: [1, 2] },
    { heads: 4, groups: 1, dim: 64, page: 32, sequences: drafts, window: 40 },
    { heads: 3, groups: 1, dim: 96, page: 64, sequences: drafts, table: false },
    { heads: 2, groups: 1, dim: 64, page: 16, sequences: [[100, 9]], stride: 3 },
    { heads: 40, groups: 2, dim: 64, page: 48, sequences: [[130, 1]] },
    {
      heads: 4,
      groups: 2,
      dim: 96,
      page: 64,
      sequences: [
        [130, 7],
        [3, 7],
        [64, 6],
      ],
      rows: false,
    },
    { heads: 2, groups: 1, dim: 128, page: 32, sequences: [[40, 83]], window: 25 },
    { heads: 2, groups: 2, dim: 64, page: 128, sequences: [[0, 150]], idle: [0, 3] },
    { heads: 4, groups: 2, dim: 64, page: 16, sequences: drafts, dtype: 'float16' },
    { heads: 4, groups: 2, dim: 96, page: 16, sequences: decoding, dtype: 'bfloat16' },
    { heads: 2, groups: 2, dim: 64, page: 16, sequences: [[0, 0]], idle: [2, 1] },
  ] satisfies readonly Batch[]
).map((batch: Batch) => ({ ...batch, cache: 'float16' as const }))

const behind: AttentionSize[] = [
  { heads: 4, groups: 2, dim: 64, tokens: 1, start: 4, spare: 59, unused: Number.NaN },
  { heads: 2, groups: 2, dim: 96, tokens: 5, start: 70, spare: 21, unused: Number.NaN, scale: 0.3 },
  { heads: 2, groups: 1, dim: 128, tokens: 20, start: 0, spare: 12, unused: Number.NaN },
].map((size) => ({ ...size, cache: 'float16' as const }))

export const attention: OpCase<'attention'>[] = [
  ...single,
  ...behind.map(attentionOf),
  ...[...batches, ...sixteens].map(batchOf),
]
