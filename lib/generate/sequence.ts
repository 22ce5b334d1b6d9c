import type { Device } from '../device.js'
import { AbortedError, ArgumentError } from '../errors.js'
import type { Phi3 } from '../models/phi3.js'
import type { AttentionState } from '../nn/attention.js'
import { KvCache, type KvType } from '../nn/kv-cache.js'
import { ops } from '../ops/index.js'
import { type Plan, record } from '../record.js'
import { keep, scope } from '../scope.js'
import type { Tensor } from '../tensor.js'
import { historyLength } from './sampling.js'

export interface SequenceOptions {
  /** Tokens that the sequence may hold. */
  readonly context: number
  readonly kvType: KvType
  /** Keys seen per query; 0 = all. */
  readonly window: number
  /** 'switch' recomputes the cache when the length passes the original context; 'planned' decides once by `context`. */
  readonly longrope: 'switch' | 'planned'
}

/** `rope-switch`: the cache is computed anew with the other LongRoPE factors. */
export interface PrefillProgress {
  readonly stage: 'prefill' | 'rope-switch'
  readonly done: number
  readonly total: number
}

export interface PrefillOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: PrefillProgress) => void) | undefined
  /** Tokens per pass: large enough to fill the arithmetic units, small enough to stop between passes. */
  readonly chunk?: number | undefined
  /** Gets the final hidden states [t, C] of each pass, in order; only live during the call. */
  readonly onHidden?: ((hidden: Tensor<'float32'>, first: number) => void) | undefined
}

export interface SampleOptions extends PrefillOptions {
  /** Reads back the logits [V] that the token is picked from, too. */
  readonly logits?: boolean | undefined
}

export interface Sampled {
  readonly id: number
  /** Of the id under softmax(logits), before temperature and penalties. */
  readonly logprob: number
  readonly logits: Float32Array | null
}

type StepPlan = Plan<
  { id: Tensor<'int32'>; position: Tensor<'int32'> },
  { id: Tensor<'int32'>; logprob: Tensor<'float32'>; logits: Tensor<'float32'> }
>

const firstCapacity = 256

/** One token history with its KV cache, its sampler state and the recorded decode step. */
export class Sequence {
  readonly #phi3: Phi3
  readonly #options: SequenceOptions
  readonly #ids: number[] = []
  #cache: KvCache
  #plan: StepPlan | undefined
  /** Whether the cached keys were rotated with LongRoPE's long factors. */
  #long: boolean
  readonly #position: Tensor<'int32'>
  readonly #params: Tensor<'float32'>
  readonly #seed: Tensor<'uint32'>
  readonly #history: Tensor<'int32'>

  constructor(phi3: Phi3, options: SequenceOptions) {
    this.#phi3 = phi3
    this.#options = options
    const { device } = phi3
    this.#long = this.#needsLong(0)
    try {
      this.#cache = new KvCache(device, phi3.config, options.kvType, Math.min(firstCapacity, options.context))
      this.#position = device.tensor(new Int32Array(1), [1])
      this.#params = device.tensor(new Float32Array(8), [1, 8])
      this.#seed = device.tensor(new Uint32Array(2), [1, 2])
      this.#history = device.tensor(new Int32Array(historyLength).fill(-1), [1, historyLength])
    } catch (error) {
      this.dispose()
      throw error
    }
  }

  /** Tokens whose keys and values are cached. */
  get ids(): readonly number[] {
    return this.#ids
  }

  /** Sets how the next tokens are picked; penalties look at the last of the cached ids and the `pending` one. */
  configure(params: Float32Array, seed: Uint32Array): void {
    this.#params.write(params)
    this.#seed.write(seed)
  }

  /** Appends ids to the cache in passes over `chunk` tokens. Rejects before any work when they do not fit. */
  async prefill(ids: readonly number[], options: PrefillOptions = {}): Promise<void> {
    this.#checkIds(ids)
    const total = this.#ids.length + ids.length
    if (total > this.#options.context)
      throw new ArgumentError(
        'ERR_CONTEXT_OVERFLOW',
        `prefill: the context must hold ${total} tokens, but it is ${this.#options.context}`,
      )
    const chunk = options.chunk ?? 128
    if (!Number.isInteger(chunk) || chunk < 1)
      throw new ArgumentError('ERR_ARGUMENT', `prefill: chunk must be a whole number from 1, but it is ${chunk}`)
    let pending = ids
    let stage: PrefillProgress['stage'] = 'prefill'
    if (this.#needsLong(total) !== this.#long) {
      if (this.#ids.length > 0) stage = 'rope-switch'
      pending = [...this.#ids, ...ids]
      this.rewind(0)
      this.#long = this.#needsLong(total)
      this.#dropPlan()
    }
    this.#reserve(total)
    for (let done = 0; done < pending.length; ) {
      if (options.signal?.aborted) throw new AbortedError('prefill: aborted', { cause: options.signal.reason })
      const part = pending.slice(done, done + chunk)
      this.#pass(part, options.onHidden)
      // Waiting here keeps the queue short, so that an abort takes effect after one pass.
      await this.#device.sync()
      this.#ids.push(...part)
      done += part.length
      options.onProgress?.({ stage, done, total: pending.length })
    }
  }

  /** Prefills ids and samples the token that follows them. */
  async prefillAndSample(ids: readonly number[], options: SampleOptions = {}): Promise<Sampled> {
    if (ids.length === 0)
      throw new ArgumentError('ERR_ARGUMENT', 'prefill: ids must hold at least one id, but it is empty')
    let last: Tensor<'float32'> | undefined
    const total = this.#ids.length + ids.length
    try {
      await this.prefill(ids, {
        ...options,
        onHidden: (hidden, first) => {
          options.onHidden?.(hidden, first)
          const rows = hidden.shape[0] as number
          if (first + rows === total) last = keep(ops.slice({ x: hidden, axis: 0, start: rows - 1, end: rows }))
        },
      })
      return await this.#sample(last as unknown as Tensor<'float32'>, options.logits)
    } finally {
      last?.dispose()
    }
  }

  /** Feeds one token through the recorded step and samples the next: one native call, eight bytes back. */
  async step(id: number, options: SampleOptions = {}): Promise<Sampled> {
    this.#checkIds([id])
    const length = this.#ids.length + 1
    if (length > this.#options.context || this.#needsLong(length) !== this.#long)
      return this.prefillAndSample([id], options)
    this.#reserve(length)
    this.#plan ??= this.#record()
    const read = options.logits ? (['id', 'logprob', 'logits'] as const) : (['id', 'logprob'] as const)
    const result = await this.#plan.run({ id, position: length - 1 }, { read })
    this.#ids.push(id)
    const logits = 'logits' in result ? (result.logits as Float32Array) : null
    return { id: result.id[0] as number, logprob: result.logprob[0] as number, logits }
  }

  /** Room for one more token? */
  get full(): boolean {
    return this.#ids.length >= this.#options.context
  }

  /** Forgets all but the first `length` tokens. */
  rewind(length: number): void {
    this.#ids.length = Math.min(length, this.#ids.length)
  }

  /** Fills the penalty ring with the tokens up to `ids`' end: the token with index t lies at (t - 1) modulo its length. */
  remember(ids: readonly number[]): void {
    const ring = new Int32Array(historyLength).fill(-1)
    const first = Math.max(0, ids.length - historyLength)
    for (let t = first; t < ids.length; t++) ring[(t - 1 + historyLength) % historyLength] = ids[t] as number
    this.#history.write(ring)
  }

  /** A copy with a cache of its own. */
  fork(): Sequence {
    const copy = new Sequence(this.#phi3, this.#options)
    try {
      copy.#reserve(this.#cache.capacity)
      copy.#cache.copyFrom(this.#cache)
    } catch (error) {
      copy.dispose()
      throw error
    }
    copy.#ids.push(...this.#ids)
    copy.#long = this.#long
    return copy
  }

  dispose(): void {
    this.#dropPlan()
    // Some are missing where the constructor ran out of memory.
    const owned = [this.#cache, this.#position, this.#params, this.#seed, this.#history]
    for (const part of owned as ({ dispose(): void } | undefined)[]) part?.dispose()
  }

  get #device(): Device {
    return this.#phi3.device
  }

  get #state(): AttentionState {
    const rotary = this.#phi3.rotary(this.#long, this.#cache.capacity)
    return { cache: this.#cache, rotary, position: this.#position, window: this.#options.window }
  }

  #needsLong(length: number): boolean {
    if (!this.#phi3.hasLongRotary) return false
    const { originalMaxPositionEmbeddings: original } = this.#phi3.config
    return (this.#options.longrope === 'planned' ? this.#options.context : length) > original
  }

  /** Makes room for `tokens`: the capacity doubles until they fit. */
  #reserve(tokens: number): void {
    if (tokens <= this.#cache.capacity) return
    let capacity = this.#cache.capacity
    while (capacity < tokens) capacity *= 2
    this.#cache.grow(Math.min(capacity, this.#options.context))
    this.#dropPlan()
  }

  /** One pass over some tokens, enqueued. */
  #pass(ids: readonly number[], onHidden: PrefillOptions['onHidden']): void {
    const first = this.#ids.length
    scope(() => {
      const tensor = (values: ArrayLike<number>) => this.#device.tensor(Int32Array.from(values), [ids.length])
      const position = tensor(ids.map((_, i) => first + i))
      const hidden = this.#phi3.forward(tensor(ids), { ...this.#state, position })
      onHidden?.(hidden, first)
    })
  }

  async #sample(hidden: Tensor<'float32'>, wantLogits = false): Promise<Sampled> {
    this.#position.write(Int32Array.of(this.#ids.length - 1))
    const made = scope(() => {
      const logits = this.#phi3.logits(hidden)
      return { ...this.#pick(logits), ...(wantLogits ? { logits } : {}) }
    })
    try {
      const [id, logprob, logits] = await Promise.all([made.id.read(), made.logprob.read(), made.logits?.read()])
      return { id: id[0] as number, logprob: logprob[0] as number, logits: logits ?? null }
    } finally {
      for (const tensor of Object.values(made)) tensor.dispose()
    }
  }

  #pick(logits: Tensor<'float32'>) {
    return ops.sample({
      logits,
      params: this.#params,
      seeds: this.#seed,
      position: this.#position,
      histories: this.#history,
    })
  }

  #record(): StepPlan {
    const state = this.#state
    const id = this.#device.tensor(new Int32Array(1), [1])
    try {
      return record(this.#device, { inputs: { id, position: this.#position } }, (inputs) => {
        const logits = this.#phi3.logits(this.#phi3.forward(inputs.id, state))
        return { ...this.#pick(logits), logits }
      })
    } catch (error) {
      id.dispose()
      throw error
    }
  }

  #dropPlan(): void {
    this.#plan?.inputs.id.dispose()
    this.#plan?.dispose()
    this.#plan = undefined
  }

  #checkIds(ids: readonly number[]): void {
    const { vocabSize } = this.#phi3.config
    ids.forEach((id, i) => {
      if (!Number.isInteger(id) || id < 0 || id >= vocabSize)
        throw new ArgumentError(
          'ERR_OUT_OF_RANGE',
          `ids[${i}]: an id must be a whole number below the vocabulary of ${vocabSize}, but it is ${id}`,
        )
    })
  }
}
