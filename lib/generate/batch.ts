import { ArgumentError, BusyError, DisposedError } from '../errors.js'
import type { Network } from '../models/network.js'
import type { JoinedRotaryTables } from '../nn/rotary.js'
import { ops } from '../ops/index.js'
import { path } from '../path.js'
import { type Plan, record } from '../record.js'
import { scope } from '../scope.js'
import type { Tensor } from '../tensor.js'
import type { KvPool } from './kv-pool.js'
import { historyLength } from './sampling.js'
import type { SequenceState } from './sequence-state.js'

export interface Sampled {
  readonly id: number
  /** Of the id under softmax(logits), before temperature and penalties. */
  readonly logprob: number
  readonly logits: Float32Array | null
}

export interface StepOptions {
  /** Reads back the logits [V] that the token is picked from, too. */
  readonly logits?: boolean | undefined
}

/** What decoding shares: the network, the pages, and how much a query sees. */
export interface Decoder {
  readonly network: Network
  readonly pool: KvPool
  /** Tokens that a sequence may hold. */
  readonly context: number
  /** Keys seen per query; 0 = all. */
  readonly window: number
}

/** Table rows for a sequence of `length`: they double, so that plans over them live long. */
export function rotaryFor({ network, context }: Decoder, long: boolean, length: number): JoinedRotaryTables {
  let positions = 256
  while (positions < length) positions *= 2
  const tables = network.rotary(long, Math.min(positions, context))
  const rows = long ? tables.long : tables.short
  if (length > rows)
    throw new ArgumentError(
      'ERR_OUT_OF_RANGE',
      `rotary: the model must have angles for ${length} tokens, but has ${rows}`,
    )
  return tables
}

type Inputs = {
  readonly ids: Tensor<'int32'>
  readonly position: Tensor<'int32'>
  readonly pages: Tensor<'int32'>
  readonly params: Tensor<'float32'>
  readonly seeds: Tensor<'uint32'>
  readonly histories: Tensor<'int32'>
  /** 1 for a row of a sequence, 0 for one of none: added to position by every step. */
  readonly advance: Tensor<'int32'>
  /** The first row of the rotary tables; only where there are two kinds. */
  readonly offset?: Tensor<'int32'>
  /** Whose row is whose; only where some may be nobody's. */
  readonly rows?: Tensor<'int32'>
}
type Values = { -readonly [N in keyof Inputs]?: Int32Array | Uint32Array | Float32Array }
type StepPlan = Plan<
  Record<keyof Inputs, Tensor>,
  { id: Tensor<'int32'>; logprob: Tensor<'float32'>; logits: Tensor<'float32'> }
>

/** A step that was enqueued: where it leaves its rows, and, once it is done, what it sampled. */
interface Enqueued {
  readonly versions: readonly number[]
  sampled: readonly number[] | null
}

/**
 * The recorded step of up to `rows` sequences, `tokens` tokens of each, and the tensors that it reads and writes. The host
 * writes what it must: rows that continue find their id, position and history where the step before left them.
 */
class Step {
  readonly #decoder: Decoder
  readonly #rows: number
  readonly #tokens: number
  readonly #inputs: Inputs
  #plan: { readonly plan: StepPlan; readonly tables: JoinedRotaryTables; readonly pool: number } | undefined
  /** Versions of what the tensors hold. */
  #held:
    | {
        readonly states: readonly SequenceState[]
        readonly pages: readonly number[]
        readonly sampler: readonly number[]
        readonly offsets: readonly number[]
      }
    | undefined
  #last: Enqueued | undefined

  constructor(decoder: Decoder, rows: number, tokens: number) {
    this.#decoder = decoder
    this.#rows = rows
    this.#tokens = tokens
    const { device, shortContext } = decoder.network
    const all = rows * tokens
    const ints = (...shape: number[]) => device.empty('int32', shape)
    // a scope, so that nothing stays where memory runs out
    this.#inputs = scope(() => ({
      ids: ints(all),
      position: ints(all),
      pages: ints(rows, decoder.pool.pagesPerSequence),
      params: device.empty('float32', [all, 8]),
      seeds: device.empty('uint32', [all, 2]),
      histories: ints(all, historyLength),
      advance: ints(all),
      ...(Number.isFinite(shortContext) && { offset: ints(all) }),
      ...(rows > 1 && { rows: ints(rows + 1) }),
    }))
  }

  /** Whether the device holds what the next step of these rows is to be fed, known to the host or not. */
  continues(states: readonly SequenceState[]): boolean {
    const { versions } = this.#last ?? {}
    return versions !== undefined && this.#holds(states) && states.every((state, i) => state.idsVersion === versions[i])
  }

  /** What the step before sampled, where that is known already. */
  get sampled(): readonly number[] | null {
    return this.#last?.sampled ?? null
  }

  /** Enqueues a step; `ids`: `tokens` per row, or null for what the step before sampled. One native call. */
  async run(
    states: readonly SequenceState[],
    ids: readonly (readonly number[])[] | null,
    { logits = false }: StepOptions,
  ): Promise<Sampled[]> {
    const { network } = this.#decoder
    const tokens = this.#tokens
    const before = states.map((state) => state.ids.length)
    const epochs = states.map((state) => state.epoch)
    for (const state of states) state.reserve(tokens)
    const plan = this.#planFor(states)
    const values = this.#values(states, ids)
    states.forEach((state, i) => {
      if (ids) state.push(ids[i] as readonly number[])
      else {
        state.ahead++
        state.idsVersion++
      }
    })
    const step: Enqueued = { versions: states.map((state) => state.idsVersion), sampled: null }
    this.#last = step
    try {
      const read = logits ? (['id', 'logprob', 'logits'] as const) : (['id', 'logprob'] as const)
      const result = await plan.run(values, { read })
      const all = 'logits' in result ? (result.logits as Float32Array) : null
      const sampled = Array.from({ length: states.length * tokens }, (_, i) => ({
        id: result.id[i] as number,
        logprob: result.logprob[i] as number,
        logits: all?.subarray(i * network.vocabSize, (i + 1) * network.vocabSize) ?? null,
      }))
      step.sampled = sampled.map(({ id }) => id)
      // A step that was enqueued meanwhile has been fed with these.
      states.forEach((state, i) => {
        if (state.ahead === 0 || state.epoch !== epochs[i]) return
        state.ids.push(sampled[i]?.id as number)
        state.ahead--
      })
      return sampled
    } catch (error) {
      this.#last = undefined
      this.#held = undefined
      states.forEach((state, i) => {
        if (state.epoch === epochs[i]) state.rewind(before[i] as number)
      })
      throw error
    }
  }

  dispose(): void {
    this.#plan?.plan.dispose()
    for (const tensor of Object.values(this.#inputs)) tensor.dispose()
  }

  #holds(states: readonly SequenceState[]): boolean {
    const held = this.#held?.states
    return held?.length === states.length && states.every((state, i) => state === held[i])
  }

  /** What the tensors do not hold yet. */
  #values(states: readonly SequenceState[], ids: readonly (readonly number[])[] | null): Values {
    const tokens = this.#tokens
    const values: Values = {}
    const perRow = <A extends Int32Array | Uint32Array | Float32Array>(
      array: A,
      of: (state: SequenceState, t: number, row: number) => ArrayLike<number> | number,
    ): A => {
      const width = array.length / (this.#rows * tokens)
      states.forEach((state, row) => {
        for (let t = 0; t < tokens; t++) {
          const value = of(state, t, row)
          array.set(typeof value === 'number' ? [value] : value, (row * tokens + t) * width)
        }
      })
      return array
    }
    const all = this.#rows * tokens
    const same = this.#holds(states)
    if (!same) {
      values.advance = perRow(new Int32Array(all), () => 1)
      if (this.#inputs.rows) {
        const ends = Array.from({ length: this.#rows + 1 }, (_, row) => Math.min(row, states.length) * tokens)
        values.rows = Int32Array.from(ends)
      }
    }
    const pages = states.map((state) => state.pagesVersion)
    if (!same || differs(pages, this.#held?.pages)) {
      const width = this.#decoder.pool.pagesPerSequence
      values.pages = new Int32Array(this.#rows * width).fill(-1)
      for (const [row, state] of states.entries()) values.pages.set(state.pages, row * width)
    }
    const sampler = states.map((state) => state.samplerVersion)
    if (!same || differs(sampler, this.#held?.sampler)) {
      values.params = perRow(new Float32Array(all * 8), (state) => state.params)
      values.seeds = perRow(new Uint32Array(all * 2), (state) => state.seed)
    }
    const offsets = states.map((state) => (state.long ? (this.#plan?.tables.short ?? 0) : 0))
    if (this.#inputs.offset && (!same || differs(offsets, this.#held?.offsets)))
      values.offset = perRow(new Int32Array(all), (_, __, row) => offsets[row] as number)
    const known = this.#last?.sampled
    const continues = tokens === 1 && this.continues(states)
    if (ids && !continues) values.position = perRow(new Int32Array(all), (state, t) => state.length + t)
    if (ids && !(continues && known && ids.every(([id], i) => id === known[i]))) {
      values.ids = perRow(new Int32Array(all), (_, t, row) => ids[row]?.[t] as number)
      values.histories = perRow(new Int32Array(all * historyLength).fill(-1), (state, t, row) =>
        state.history(state.length + t, ids[row]),
      )
    }
    this.#held = { states: [...states], pages, sampler, offsets }
    return values
  }

  /** Recorded anew where the pages or the rotary tables are others by now. */
  #planFor(states: readonly SequenceState[]): StepPlan {
    const { pool } = this.#decoder
    let tables: JoinedRotaryTables | undefined
    for (const state of states) tables = rotaryFor(this.#decoder, state.long, state.length + this.#tokens)
    const known = this.#plan
    if (known && known.pool === pool.version && known.tables === tables) return known.plan
    known?.plan.dispose()
    this.#plan = undefined
    const plan = this.#record(tables as JoinedRotaryTables)
    this.#plan = { plan, tables: tables as JoinedRotaryTables, pool: pool.version }
    return plan
  }

  #record(rotary: JoinedRotaryTables): StepPlan {
    const { network, pool, window } = this.#decoder
    const feeds = this.#tokens === 1
    return record(network.device, { inputs: this.#inputs as Record<keyof Inputs, Tensor> }, () => {
      const { ids, position, pages, params, seeds, histories, advance, offset, rows } = this.#inputs
      const angles = offset ? (ops.add({ a: position, b: offset }) as Tensor<'int32'>) : position
      const cache = (layer: number) => pool.layer(layer)
      const hidden = network.forward(network.embed(ids), { cache, pages, rows, position, rotary, angles, window })
      const logits = network.logits(hidden)
      const sampling = { logits, params, seeds, position, histories }
      // The next step finds its ids and positions where this one found its own.
      const { id, logprob } = path('sample', () => ops.sample(feeds ? { ...sampling, out: { id: ids } } : sampling))
      if (feeds) path('advance', () => ops.add({ a: position, b: advance, out: position }))
      return { id, logprob, logits }
    }) as unknown as StepPlan
  }
}

const differs = (a: readonly number[], b: readonly number[] | undefined): boolean =>
  a.some((value, i) => value !== b?.[i])

/** Rows of a plan for so many sequences: plans are made for powers of two. */
const bucketOf = (sequences: number): number => 2 ** Math.ceil(Math.log2(sequences))

/**
 * Steps of several sequences at once: weights are read once for all of them. Members may change between steps. Every call
 * enqueues one step and resolves when that is done; several may be under way.
 */
export class Batch {
  readonly #decoder: Decoder
  readonly #steps = new Map<string, Step>()
  #states: readonly SequenceState[] = []

  constructor(decoder: Decoder) {
    this.#decoder = decoder
  }

  get states(): readonly SequenceState[] {
    return this.#states
  }

  /** Who takes part from the next step on. */
  set states(states: readonly SequenceState[]) {
    this.#states = [...states]
  }

  /** Feeds each sequence as many ids, and samples after each of them. */
  step(ids: readonly (readonly number[])[], options: StepOptions = {}): Promise<Sampled[]> {
    this.#checkLive()
    if (this.#states.some(({ ahead }) => ahead > 0))
      throw new BusyError('batch: the steps under way must end before ids are fed')
    return this.#step(ids[0]?.length ?? 0).run(this.#states, ids, options)
  }

  /** Feeds each sequence what the step before sampled, which the host need not know yet. */
  advance(options: StepOptions = {}): Promise<Sampled[]> {
    this.#checkLive()
    const step = this.#step(1)
    if (!step.continues(this.#states))
      throw new BusyError('batch: a step must have sampled for the same sequences just before, but none has')
    return step.run(this.#states, step.sampled?.map((id) => [id]) ?? null, options)
  }

  /** Frees plans and tensors. */
  dispose(): void {
    for (const step of this.#steps.values()) step.dispose()
    this.#steps.clear()
  }

  #checkLive(): void {
    if (this.#decoder.network.disposed) throw new DisposedError('generate: the model must be live, but it was disposed')
  }

  #step(tokens: number): Step {
    const rows = bucketOf(this.#states.length)
    const key = `${rows} x ${tokens}`
    const known = this.#steps.get(key)
    if (known) return known
    const made = new Step(this.#decoder, rows, tokens)
    this.#steps.set(key, made)
    return made
  }
}
