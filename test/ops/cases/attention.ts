import type { FloatDType } from '../../support/floats.js'
import { ndarray } from '../../support/ndarray.js'
import { normal, type OpCase, position } from './build.js'

interface AttentionSize {
  readonly heads: number
  readonly groups: number
  readonly dim: number
  readonly tokens: number
  readonly start?: number
  /** Rows of the cache beyond the last one in use. */
  readonly spare?: number
  readonly dtype?: FloatDType
  readonly cache?: FloatDType
  readonly window?: number
  readonly scale?: number
  /** What rows that are not in use hold; a stale row is finite, fresh memory may be anything. */
  readonly unused?: number
}

function attentionOf(size: AttentionSize): OpCase<'attention'> {
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
    operands: (random) => {
      const cacheOf = () =>
        ndarray(cache, [groups, capacity, dim], (i) => {
          const row = Math.floor(i / dim) % capacity
          return row < start ? random.normal() : unused * random.normal()
        })
      return {
        keys: cacheOf(),
        values: cacheOf(),
        qkv: normal(random, dtype, [tokens, (heads + 2 * groups) * dim]),
        position: position(start),
      }
    },
  }
}

export const attention: OpCase<'attention'>[] = [
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

  { heads: 4, groups: 2, dim: 32, tokens: 1, start: 20, spare: 3, window: 1 },
  { heads: 4, groups: 2, dim: 32, tokens: 9, start: 4, spare: 3, window: 4 },
  { heads: 4, groups: 2, dim: 64, tokens: 70, start: 30, spare: 28, window: 33 },
  { heads: 2, groups: 2, dim: 96, tokens: 3, start: 40, window: 43 },
  { heads: 2, groups: 2, dim: 96, tokens: 3, start: 40, window: 1000 },
  { heads: 2, groups: 1, dim: 64, tokens: 1, start: 299, window: 256 },
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
].map(attentionOf)
