import { renameSync, writeFileSync } from 'node:fs'
import { type Device, ops, record, type Tensor } from '../../lib/index.js'

// Times of recorded plans, and the file that their results go to.

export interface Limits {
  /** Bytes that the operands of a plan take at least, so that no cache holds them. */
  readonly rotation: number
  /** Calls of a plan at least, so that the start of a replay counts little. */
  readonly calls: number
  /** Milliseconds of one timed stretch of replays. */
  readonly stretch: number
}

export type Row = Readonly<Record<string, string | number>>

/** Writes all rows anew with each one, so that whoever is cut short leaves what there is. */
export class Rows {
  readonly rows: Row[] = []
  readonly leftOut: Row[] = []
  readonly #file: string | undefined
  readonly #end: number
  readonly #print: (line: string) => void

  constructor(file: string | undefined, seconds: number, print: (line: string) => void) {
    this.#file = file
    this.#end = performance.now() + 1000 * seconds
    this.#print = print
  }

  /** A row of what `measure` gives. A refusal or a failure is one too, as `failure`; none is lost, none hides the next. */
  async add<T extends Row>(what: Row, measure: () => Promise<T> | T): Promise<T | undefined> {
    if (performance.now() > this.#end) return this.leaveOut(what)
    const [row, failure] = await Promise.resolve()
      .then(measure)
      .then(
        (row) => [row, undefined] as const,
        (error: Error) => [undefined, { failure: error.message.slice(0, 300) }] as const,
      )
    const all: Row = { ...what, ...(row ?? failure) }
    this.rows.push(all)
    const text = (value: string | number) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value)
    const pairs = Object.entries(all).map(([key, value]) => `${key}=${text(value)}`)
    this.#print(pairs.join(' '))
    this.#write()
    return row
  }

  /** What there is no time for. */
  leaveOut(what: Row): undefined {
    this.leftOut.push(what)
    this.#write()
  }

  #write(): void {
    if (!this.#file) return
    const { rows, leftOut } = this
    writeFileSync(`${this.#file}.part`, JSON.stringify({ stage: 'kernels', rows, leftOut }, null, 1))
    renameSync(`${this.#file}.part`, this.#file)
  }
}

export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** What is too slow for several stretches is timed once. */
const slow = 100

/** Median microseconds of a call, of those that `call(i)` makes for i below `calls`, replayed as one plan. */
export async function timeCalls(
  device: Device,
  calls: number,
  call: (i: number) => Tensor,
  limits: Limits,
): Promise<number> {
  using plan = record(device, { inputs: {} }, () =>
    Object.fromEntries(Array.from({ length: calls }, (_, i) => [`y${i}`, call(i)])),
  )
  const stretch = async (replays: number) => {
    const start = performance.now()
    await Promise.all(Array.from({ length: replays }, () => plan.run()))
    return (performance.now() - start) / replays
  }
  await stretch(1)
  const first = await stretch(1)
  if (first > slow) return (first * 1000) / calls
  const replays = Math.max(1, Math.min(64, Math.ceil(limits.stretch / first)))
  const times: number[] = []
  for (let i = 0; i < 5; i++) times.push(await stretch(replays))
  return (median(times) * 1000) / calls
}

/** How many operands of `bytes` rotate. */
export const copiesOf = (bytes: number, { rotation }: Limits): number =>
  Math.min(64, 1 + Math.floor(rotation / Math.max(1, bytes)))

/** What a copy moves, read and written, in GB/s: the measure of all others. */
export async function timeCopy(device: Device, bytes: number, limits: Limits) {
  const values = Float32Array.from({ length: 2 ** 16 }, Math.random)
  const from = new Float32Array(bytes / 4)
  for (let at = 0; at < from.length; at += values.length) from.set(values.subarray(0, from.length - at), at)
  using x = device.tensor(from, [from.length])
  const us = await timeCalls(device, 2, () => ops.copy({ x }), limits)
  return { us, GBps: (2 * bytes) / us / 1e3 }
}
