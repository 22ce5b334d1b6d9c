import { AbortedError, ArgumentError, BusyError, DisposedError } from '../errors.js'
import { ops } from '../ops/index.js'
import { checkOptions, type OptionNames } from '../options.js'
import { keep, scope } from '../scope.js'
import { Tensor } from '../tensor.js'
import { Batch, type Decoder, type Sampled, type StepOptions } from './batch.js'
import { type Input, lengthOf, partOf, pass, passTokens, RecordedPass } from './pass.js'
import { historyLength, type SamplingOptions, samplingNames, samplingParams, seedWords } from './sampling.js'
import { noId, SequenceState } from './sequence-state.js'

export type { Sampled } from './batch.js'

/** 'switch' recomputes the cache when the length passes the original context; 'planned' decides once by the context. */
export type LongRope = 'switch' | 'planned'

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

export interface SampleOptions extends PrefillOptions, StepOptions {}

const prefillNames: OptionNames<PrefillOptions> = { signal: true, onProgress: true, chunk: true, onHidden: true }
const sampleNames: OptionNames<SampleOptions> = { ...prefillNames, logits: true }

/** Passes of one size from which on recording them pays. */
const recordedFrom = 3

/** One token history with its pages of the cache and its sampler. One call at a time: another throws ERR_BUSY. */
export class Sequence {
  /** For the package's own use. */
  readonly state: SequenceState
  /** For the package's own use. */
  readonly decoder: Decoder
  readonly #longrope: LongRope
  readonly #batch: Batch
  #busy = false
  /** Steps of `advance` that were not given up and are not done. */
  #flying = 0
  #disposed = false

  /** Made by `model.sequence()`. */
  constructor(decoder: Decoder, longrope: LongRope, state?: SequenceState) {
    this.decoder = decoder
    this.#longrope = longrope
    this.state = state ?? new SequenceState(decoder.pool, this.needsLong(0))
    this.#batch = new Batch(decoder)
    this.#batch.states = [this.state]
  }

  /** Tokens whose keys and values are cached; -1 where rows of hidden state were given. */
  get ids(): readonly number[] {
    return this.state.ids.slice()
  }

  /** How many those are. */
  get length(): number {
    return this.state.ids.length
  }

  /** Whether a call is under way. For the package's own use. */
  get busy(): boolean {
    return this.#busy
  }

  /** Room for one more token? */
  get full(): boolean {
    return this.length >= this.decoder.context
  }

  /** Sets how the next tokens are picked; penalties look at the last ids. Without a seed, a fresh one. */
  configure(options: SamplingOptions): void {
    checkOptions('configure', options, samplingNames)
    this.#checkIdle('configure')
    this.state.configure(samplingParams(options), seedWords(options.seed))
  }

  /**
   * Appends ids, or rows of hidden state [T, C] in place of embeddings, to the cache in passes over `chunk` tokens. Rejects
   * before any work when they do not fit.
   */
  prefill(input: Input, options: PrefillOptions = {}): Promise<void> {
    return this.#alone('prefill', async () => {
      checkOptions('prefill', options, prefillNames)
      await this.#prefill(input, options)
    })
  }

  /** Prefills and samples the token that follows. */
  prefillAndSample(input: Input, options: SampleOptions = {}): Promise<Sampled> {
    return this.#alone('prefill', async () => {
      checkOptions('prefill', options, sampleNames)
      return await this.#prefillAndSample(input, options)
    })
  }

  /**
   * A part of a prefill in one pass, between whose parts others run; the whole leads to `total` tokens. Samples where the part
   * is the last. For the package's own use.
   */
  extend(ids: readonly number[], total: number, options: StepOptions = {}): Promise<Sampled | null> {
    return this.#alone('prefill', async () => {
      const pass = { ...options, chunk: ids.length }
      if (this.length + ids.length === total) return await this.#prefillAndSample(ids, pass)
      await this.#prefill(ids, pass, total)
      return null
    })
  }

  /** Feeds one token through the recorded step and samples the next: one native call, eight bytes back. */
  step(id: number, options: SampleOptions = {}): Promise<Sampled> {
    return this.#alone('step', async () => {
      checkOptions('step', options, sampleNames)
      this.#checkIds([id])
      if (!this.#fits(1)) return this.#prefillAndSample([id], options)
      const [sampled] = await this.#batch.step([[id]], options)
      return sampled as Sampled
    })
  }

  /**
   * Feeds several tokens, a draft, in one recorded step, and samples after each of them. How many of them were right the
   * caller finds out, and rewinds.
   */
  verify(ids: readonly number[], options: StepOptions = {}): Promise<Sampled[]> {
    return this.#alone('verify', async () => {
      this.#checkIds(ids)
      if (ids.length === 0 || ids.length > 8)
        throw new ArgumentError('ERR_ARGUMENT', `verify: ids must hold 1 to 8 ids, but it holds ${ids.length}`)
      this.#checkRoom('verify', ids.length)
      if (!this.#fits(ids.length)) await this.#prefill([], {}, this.length + ids.length)
      return await this.#batch.step([ids], options)
    })
  }

  /** Whether `advance` may go on: there is room, and the rotary factors stay the same. */
  get canAdvance(): boolean {
    return this.#fits(1)
  }

  /** A step that feeds what the step before sampled, without waiting for it; several may be under way. */
  async advance(options: StepOptions = {}): Promise<Sampled> {
    this.checkLive('step')
    const { epoch } = this.state
    this.#flying++
    try {
      const [sampled] = await this.#batch.advance(options)
      return sampled as Sampled
    } finally {
      if (this.state.epoch === epoch) this.#flying--
    }
  }

  /** Forgets all but the first `length` tokens. */
  rewind(length: number): void {
    if (!Number.isInteger(length) || length < 0)
      throw new ArgumentError('ERR_ARGUMENT', `rewind: length must be a whole number from 0, but it is ${length}`)
    this.#checkIdle('rewind')
    this.state.rewind(length)
  }

  /** As `rewind`, and gives up the steps under way: what they compute nobody sees. */
  settle(length: number): void {
    this.#flying = 0
    if (!this.#disposed) this.state.rewind(length)
  }

  /** An independent copy, sampler included. It shares the pages; one that is written to is copied first. */
  fork(): Sequence {
    this.#checkIdle('fork')
    return new Sequence(this.decoder, this.#longrope, this.state.fork())
  }

  /** Idempotent. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#flying = 0
    this.#batch.dispose()
    this.state.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** Throws where the sequence or its model is gone. For the package's own use. */
  checkLive(what: string): void {
    if (this.#disposed) throw new DisposedError(`${what}: the sequence must be live, but it was disposed`)
    if (this.decoder.network.disposed) throw new DisposedError(`${what}: the model must be live, but it was disposed`)
  }

  /** `total`: the length to choose rotary factors by, where it is not that of what is appended. */
  async #prefill(input: Input, options: PrefillOptions, total = this.length + lengthOf(input)): Promise<void> {
    const { state } = this
    this.#checkInput(input)
    this.#checkRoom('prefill', lengthOf(input))
    const { chunk = passTokens, signal } = options
    if (!Number.isInteger(chunk) || chunk < 1)
      throw new ArgumentError('ERR_ARGUMENT', `prefill: chunk must be a whole number from 1, but it is ${chunk}`)
    this.decoder.network.checkFiles()
    let pending = [input]
    let stage: PrefillProgress['stage'] = 'prefill'
    if (this.needsLong(total) !== state.long) {
      if (state.ids.includes(noId))
        throw new ArgumentError(
          'ERR_ARGUMENT',
          "prefill: rows of hidden state must not be cached where the rotary factors change: load the model with longrope 'planned'",
        )
      if (state.ids.length > 0) stage = 'rope-switch'
      pending = input instanceof Tensor ? [state.ids.slice(), input] : [state.ids.concat(input)]
      state.rewind(0)
      state.long = this.needsLong(total)
    }
    const all = pending.reduce((sum, part) => sum + lengthOf(part), 0)
    let done = 0
    let recorded: RecordedPass | undefined
    try {
      for (const whole of pending)
        for (let first = 0; first < lengthOf(whole); first += chunk) {
          if (signal?.aborted) throw new AbortedError('prefill: aborted', { cause: signal.reason })
          this.checkLive('prefill')
          const left = lengthOf(whole) - first
          const count = Math.min(chunk, left)
          const part = partOf(whole, first, first + count)
          state.reserve(count)
          const onHidden = (hidden: Tensor<'float32'>) => options.onHidden?.(hidden, state.length)
          if (!(part instanceof Tensor) && (recorded || left >= recordedFrom * chunk) && count === chunk) {
            recorded ??= new RecordedPass(this.decoder, chunk)
            await recorded.run(state, part, onHidden)
          } else {
            pass(this.decoder, state, part, onHidden)
            // Waiting here keeps the queue short, so that an abort takes effect after one pass.
            await this.decoder.network.device.sync()
          }
          state.push(part instanceof Tensor ? new Array<number>(count).fill(noId) : part)
          if (part instanceof Tensor) part.dispose()
          done += count
          options.onProgress?.({ stage, done, total: all })
        }
    } finally {
      recorded?.dispose()
    }
  }

  async #prefillAndSample(input: Input, options: SampleOptions): Promise<Sampled> {
    if (lengthOf(input) === 0)
      throw new ArgumentError('ERR_ARGUMENT', 'prefill: ids must hold at least one id, but it is empty')
    let last: Tensor<'float32'> | undefined
    const total = this.length + lengthOf(input)
    try {
      await this.#prefill(input, {
        ...options,
        onHidden: (hidden, first) => {
          options.onHidden?.(hidden, first)
          const rows = hidden.shape[0] as number
          if (first + rows === total) last = keep(ops.copy({ x: hidden.subarray(rows - 1, rows) }))
        },
      })
      return await this.#sample(last as unknown as Tensor<'float32'>, options.logits)
    } finally {
      last?.dispose()
    }
  }

  async #sample(hidden: Tensor<'float32'>, wantLogits = false): Promise<Sampled> {
    const { network } = this.decoder
    const { device } = network
    const position = this.length - 1
    const made = scope(() => {
      const logits = network.logits(hidden)
      const { id, logprob } = ops.sample({
        logits,
        params: device.tensor(this.state.params, [1, 8]),
        seeds: device.tensor(this.state.seed, [1, 2]),
        position: device.tensor(Int32Array.of(position), [1]),
        histories: device.tensor(this.state.history(position), [1, historyLength]),
      })
      return { id, logprob, ...(wantLogits ? { logits } : {}) }
    })
    try {
      const [id, logprob, logits] = await Promise.all([made.id.read(), made.logprob.read(), made.logits?.read()])
      return { id: id[0] as number, logprob: logprob[0] as number, logits: logits ?? null }
    } finally {
      for (const tensor of Object.values(made)) tensor.dispose()
    }
  }

  /** Whether `length` tokens are turned by the long rotary factors. For the package's own use. */
  needsLong(length: number): boolean {
    return (this.#longrope === 'planned' ? this.decoder.context : length) > this.decoder.network.shortContext
  }

  /** Whether `count` more tokens fit into the context without other rotary factors. */
  #fits(count: number): boolean {
    const length = this.state.length + count
    return length <= this.decoder.context && this.needsLong(length) === this.state.long
  }

  async #alone<T>(what: string, fn: () => Promise<T>): Promise<T> {
    this.#checkIdle(what)
    this.#busy = true
    try {
      return await fn()
    } finally {
      this.#busy = false
    }
  }

  #checkIdle(what: string): void {
    this.checkLive(what)
    if (this.#busy || this.#flying > 0)
      throw new BusyError(`${what}: the call under way on this sequence must end before`)
  }

  #checkRoom(what: string, count: number): void {
    const total = this.length + count
    if (total > this.decoder.context)
      throw new ArgumentError(
        'ERR_CONTEXT_OVERFLOW',
        `${what}: the context must hold ${total} tokens, but it is ${this.decoder.context}`,
      )
  }

  #checkInput(input: Input): void {
    if (!(input instanceof Tensor)) {
      this.#checkIds(input)
      return
    }
    const { hiddenSize } = this.decoder.network
    if (input.dtype !== 'float32' || input.shape.length !== 2 || input.shape[1] !== hiddenSize)
      throw new ArgumentError(
        'ERR_SHAPE',
        `prefill: rows must be float32 [T, ${hiddenSize}], but they are ${input.dtype} [${input.shape}]`,
      )
  }

  #checkIds(ids: readonly number[]): void {
    checkIds(ids, this.decoder.network.vocabSize)
  }
}

/** Throws ERR_OUT_OF_RANGE for an id that the vocabulary lacks. */
export function checkIds(ids: readonly number[], vocabSize: number): void {
  ids.forEach((id, i) => {
    if (!Number.isInteger(id) || id < 0 || id >= vocabSize)
      throw new ArgumentError(
        'ERR_OUT_OF_RANGE',
        `ids[${i}]: an id must be a whole number below the vocabulary of ${vocabSize}, but it is ${id}`,
      )
  })
}
