import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, openDevice, ops, scope } from '../../lib/index.js'
import { type Random, random } from '../support/random.js'

// Where keys lie, how rows are divided and how many threads there are must not change a bit.

const devices: Device[] = []
beforeAll(async () => {
  devices.push(await openDevice('cpu'))
})
afterAll(async () => {
  for (const device of devices) await device.dispose()
})

const [heads, groups, dim] = [6, 2, 32]
const width = (heads + 2 * groups) * dim

interface Sequence {
  readonly start: number
  /** [start + tokens, width]: what each token of the history, and then each row, has. */
  readonly rows: Float32Array
  readonly tokens: number
}

function sequenceOf(numbers: Random, start: number, tokens: number): Sequence {
  return { start, tokens, rows: Float32Array.from({ length: (start + tokens) * width }, () => numbers.normal()) }
}

const firstDifference = (a: Float32Array, b: Float32Array) => a.findIndex((value, i) => value !== b[i])

const order = (numbers: Random, count: number): number[] => {
  const left = Array.from({ length: count }, (_, i) => i)
  return Array.from({ length: count }, () => left.splice(numbers.integer(0, left.length - 1), 1)[0] as number)
}

/** y of the rows of all sequences, whose histories are written first, one call a sequence and `step` tokens. */
async function attend(sequences: readonly Sequence[], length: number, window: number, scattered: boolean, step = 32) {
  const [device] = devices as [Device]
  const most = Math.ceil(Math.max(...sequences.map(({ start, tokens }) => start + tokens)) / length)
  const count = most * sequences.length
  const table = scattered ? order(random(77), count) : Array.from({ length: count }, (_, i) => i)
  const made = scope(() => {
    const [keys, values] = [0, 1].map(() => device.empty('float16', [count, groups, length, dim]))
    const pages = device.tensor(Int32Array.from(table), [sequences.length, most])
    const call = (rows: Float32Array, position: number[], ends: number[]) =>
      ops.attention({
        keys: keys!,
        values: values!,
        qkv: device.tensor(rows, [position.length, width]),
        position: device.tensor(Int32Array.from(position), [position.length]),
        pages,
        rows: device.tensor(Int32Array.from(ends), [ends.length]),
        window,
      })
    const from = (first: number, tokens: number) => Array.from({ length: tokens }, (_, i) => first + i)
    for (const [b, { start, rows }] of sequences.entries())
      for (let first = 0; first < start; first += step) {
        const tokens = Math.min(step, start - first)
        const ends = sequences.map((_, s) => (s < b ? 0 : tokens))
        call(rows.subarray(first * width, (first + tokens) * width), from(first, tokens), [0, ...ends])
      }
    const total = sequences.map(({ tokens }, b) => sequences.slice(0, b).reduce((sum, s) => sum + s.tokens, tokens))
    const all = new Float32Array((total.at(-1) as number) * width)
    for (const [b, { start, rows, tokens }] of sequences.entries())
      all.set(rows.subarray(start * width), ((total[b] as number) - tokens) * width)
    const position = sequences.flatMap(({ start, tokens }) => from(start, tokens))
    return call(all, position, [0, ...total])
  })
  const y = await made.read()
  made.dispose()
  return y
}

describe.each([0, 45])('with window %i', (window) => {
  test.each([
    ['one row', 300, 1],
    ['a draft', 261, 8],
    ['a prompt behind a history', 70, 150],
    ['a prompt', 0, 131],
  ])('%s over scattered pages of any sixteens gives what it gives over one page', async (_, start, tokens) => {
    const sequence = sequenceOf(random(5), start, tokens)
    const whole = await attend([sequence], Math.ceil((start + tokens) / 16) * 16, window, false)
    for (const length of [16, 48, 64, 112, 128, 256]) {
      expect(firstDifference(await attend([sequence], length, window, false), whole), `${length} in order`).toBe(-1)
      expect(firstDifference(await attend([sequence], length, window, true), whole), `${length}`).toBe(-1)
    }
  })

  test('several sequences give each what it gives alone', async () => {
    const numbers = random(6)
    const sequences = [
      [150, 1],
      [0, 40],
      [299, 8],
      [12, 1],
    ].map(([start, tokens]) => sequenceOf(numbers, start as number, tokens as number))
    const together = await attend(sequences, 64, window, true)
    let at = 0
    for (const sequence of sequences) {
      const alone = await attend([sequence], 64, window, true)
      expect(firstDifference(together.subarray(at, at + alone.length), alone)).toBe(-1)
      at += alone.length
    }
    expect(at).toBe(together.length)
  })
})
