import type { Random } from '../support/random.js'

const odd: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  0.5,
  1e308,
  2 ** 31,
  2 ** 53,
  '',
  'x',
  '../x',
  '__proto__',
  [],
  {},
  [[]],
  { a: {} },
]
const pick = <T>(list: readonly T[], random: Random): T => list[random.integer(0, list.length - 1)]!

type Slots = Record<string | number, unknown>

/** A change of the value: one entry, as likely near the root as far from it, is replaced, removed or copied. */
export function mutateJson(root: unknown, random: Random): unknown {
  if (typeof root !== 'object' || root === null) return pick(odd, random)
  const copy = structuredClone(root) as Slots
  let at = copy
  for (;;) {
    const keys = Object.keys(at)
    if (keys.length === 0) return pick(odd, random)
    const key = pick(keys, random)
    const value = at[key]
    if (typeof value === 'object' && value !== null && random.uniform() < 0.7) {
      at = value as Slots
      continue
    }
    change(at, key, keys, random)
    return copy
  }
}

function change(at: Slots, key: string, keys: readonly string[], random: Random): void {
  const value = at[key]
  switch (random.integer(0, 4)) {
    case 0:
      if (Array.isArray(at)) at.splice(Number(key), 1)
      else delete at[key]
      return
    case 1:
      at[key] = at[pick(keys, random)]
      return
    case 2:
      if (Array.isArray(at)) at.push(value)
      else at[`${key}x`] = value
      return
    case 3:
      if (typeof value === 'number') {
        at[key] = pick([value + 1, value - 1, value * 2, value / 2, -value, value + 0.5], random)
        return
      }
  }
  at[key] = pick(odd, random)
}
