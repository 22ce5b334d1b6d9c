import { AbortedError, ArgumentError, DisposedError, OutOfMemoryError, QueueFullError } from '../errors.js'
import { Batch, type Sampled } from '../generate/batch.js'
import { defaultStepsInFlight } from '../generate/generation.js'
import type { KvPool } from '../generate/kv-pool.js'
import type { Model } from '../generate/model.js'
import { passTokens } from '../generate/pass.js'
import { samplingParams, seedWords } from '../generate/sampling.js'
import { checkIds, type Sequence } from '../generate/sequence.js'
import { type GenerateOptions, TokenReader } from '../generate/token-reader.js'
import { checkOptions, type OptionNames } from '../options.js'
import type { ChatMessage } from '../tokenizer/index.js'
import { Answer } from './answer.js'
import { Prefixes, pageKeys } from './prefixes.js'

export interface SchedulerOptions {
  /** Requests that may wait; one more is refused with ERR_QUEUE_FULL. Default 256. */
  readonly maxQueue?: number
  /** Sequences that are under way at once. Default 32. */
  readonly maxRunning?: number
  /**
   * Rows of one step. Default: on the CPU 4, which have the bits that one row has; elsewhere 16. More sequences than that take
   * several steps in turn.
   */
  readonly stepRows?: number
  /** Tokens that the pages hold, over all sequences. Default: what a quarter of the device's memory holds. */
  readonly cacheTokens?: number
  /** Prompt tokens that are computed between two steps of those who decode; whole passes of 128. Default 128. */
  readonly prefillTokens?: number
  /** Whether prompts that begin alike share pages. Default true. */
  readonly sharePrefixes?: boolean
}

export interface SchedulerStats {
  readonly running: number
  readonly waiting: number
  /** Pages that sequences or known prefixes have; those that only prefixes have; pages at most. */
  readonly pages: { readonly used: number; readonly idle: number; readonly limit: number }
  /** Since the beginning. */
  readonly promptTokens: number
  readonly prefilledTokens: number
  readonly cachedTokens: number
  readonly generatedTokens: number
  readonly preemptions: number
  readonly steps: number
}

/** One request. Of its ids, `all`, the first `at` are cached and what follows them was sampled. */
interface Job {
  readonly order: number
  readonly sequence: Sequence
  readonly answer: Answer
  readonly reader: TokenReader
  readonly options: GenerateOptions
  /** Prompt and what was generated. */
  readonly all: number[]
  /** Keys of the prompt's pages. */
  readonly keys: readonly string[]
  at: number
  /** The first of `all` go in by passes, the others one by one: as they did at first, so that a second time gives the same bits. */
  passed: number
  ended: boolean
  /** Stops listening to the caller's signal. */
  readonly forget: () => void
}

/** Jobs whose steps are one step. */
interface Group {
  readonly batch: Batch
  readonly jobs: readonly Job[]
  readonly flight: { readonly step: Promise<Sampled[]>; readonly epochs: readonly number[] }[]
}

const isReplaying = (job: Job): boolean => job.at < job.all.length - 1

/**
 * Many requests on one model. They join and leave between steps; prompts are computed in passes between the steps of those who
 * decode; a request waits until there are pages for its prompt. Where pages run out, the youngest gives its own back and is
 * computed again later, which its reader does not see.
 */
export class Scheduler {
  readonly #model: Model
  readonly #pool: KvPool
  readonly #prefixes: Prefixes | undefined
  readonly #options: Required<SchedulerOptions>
  /** Pages for all; falls to what there is where the device has no more memory. */
  #limit: number
  /** In the order of their arrival, both. */
  readonly #waiting: Job[] = []
  readonly #running: Job[] = []
  #groups: Group[] = []
  readonly #batches: Batch[] = []
  /** Who decodes has changed: steps under way end before the next. */
  #changed = false
  #orders = 0
  #work: Promise<void> | undefined
  #state: 'open' | 'draining' | 'closed' = 'open'
  #counts = {
    promptTokens: 0,
    prefilledTokens: 0,
    cachedTokens: 0,
    generatedTokens: 0,
    preemptions: 0,
    steps: 0,
  }

  constructor(model: Model, options: SchedulerOptions = {}) {
    checkOptions('scheduler', options, schedulerNames)
    this.#model = model
    const probe = model.sequence()
    this.#pool = probe.decoder.pool
    const { pageTokens, pagesPerSequence, pageBytes } = this.#pool
    const maxRunning = atLeast('maxRunning', options.maxRunning ?? 32, 1)
    const memoryPages = Math.floor(model.device.info.memory / 4 / pageBytes)
    const most = Math.max(pagesPerSequence, Math.min(memoryPages, maxRunning * pagesPerSequence))
    this.#options = {
      maxQueue: atLeast('maxQueue', options.maxQueue ?? 256, 0),
      maxRunning,
      stepRows: atLeast('stepRows', options.stepRows ?? (model.device.info.backend === 'cpu' ? 4 : 16), 1),
      cacheTokens: atLeast('cacheTokens', options.cacheTokens ?? most * pageTokens, pageTokens),
      prefillTokens: atLeast('prefillTokens', options.prefillTokens ?? passTokens, 1),
      sharePrefixes: options.sharePrefixes ?? true,
    }
    this.#limit = Math.floor(this.#options.cacheTokens / pageTokens)
    this.#pool.limit = this.#limit
    // a page must be what one pass fills
    if (this.#options.sharePrefixes && pageTokens === passTokens) this.#prefixes = new Prefixes(this.#pool)
    probe.dispose()
  }

  /** Tokens that a request and its answer may take together. */
  get context(): number {
    return Math.min(this.#model.context, this.#limit * this.#pool.pageTokens)
  }

  get stats(): SchedulerStats {
    const pages = { used: this.#pool.used, idle: this.#prefixes?.idle ?? 0, limit: this.#limit }
    return { running: this.#running.length, waiting: this.#waiting.length, pages, ...this.#counts }
  }

  /**
   * Takes a request: prompt and options as of `model.generate`, and the same answer. Throws where it can never be answered
   * (ERR_CONTEXT_OVERFLOW), where too many wait (ERR_QUEUE_FULL) or nothing more is taken (ERR_DISPOSED).
   */
  submit(prompt: string | readonly ChatMessage[] | readonly number[], options: GenerateOptions = {}): Answer {
    if (this.#state !== 'open')
      throw new DisposedError(`scheduler: it must be open to take a request, but it is ${this.#state}`)
    const ids = this.#model.encode(prompt)
    const { context } = this
    const { tokenizer, eosIds } = this.#model
    const params = samplingParams(options)
    const seed = seedWords(options.seed)
    const reader = new TokenReader({ promptTokens: ids.length, tokenizer, eosIds, context, options })
    this.#check(ids, context)
    const { signal } = options
    if (signal?.aborted) throw new AbortedError('scheduler: aborted', { cause: signal.reason })
    const cancel = (reason: unknown) => this.#end(job, new AbortedError('generate: aborted', { cause: reason }))
    const onAbort = () => cancel(signal?.reason)
    const job: Job = {
      order: this.#orders++,
      sequence: this.#model.sequence(),
      answer: new Answer(ids.length, reader, cancel),
      reader,
      options,
      all: ids,
      keys: this.#prefixes ? pageKeys(ids, passTokens) : [],
      at: 0,
      passed: ids.length,
      ended: false,
      forget: () => signal?.removeEventListener('abort', onAbort),
    }
    job.sequence.state.configure(params, seed)
    signal?.addEventListener('abort', onAbort, { once: true })
    if (options.maxTokens === 0) {
      reader.stopReason = 'length'
      this.#end(job)
      return job.answer
    }
    this.#waiting.push(job)
    this.#admit()
    if (this.#waiting.length > this.#options.maxQueue) {
      const error = new QueueFullError(
        `scheduler: at most ${this.#options.maxQueue} requests may wait, but ${this.#waiting.length - 1} do already`,
      )
      this.#end(job, error)
      throw error
    }
    this.#counts.promptTokens += ids.length
    this.#work ??= this.#run()
    return job.answer
  }

  /** Takes nothing more, and resolves when the last answer has ended. */
  async drain(): Promise<void> {
    if (this.#state === 'open') this.#state = 'draining'
    await this.#work
  }

  /** Cancels what is under way and frees everything. Idempotent. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return this.#work
    this.#state = 'closed'
    for (const job of [...this.#waiting, ...this.#running])
      this.#end(job, new AbortedError('generate: aborted, since the scheduler is closed'))
    await this.#work
    for (const batch of this.#batches) batch.dispose()
    this.#prefixes?.dispose()
    this.#pool.limit = Number.POSITIVE_INFINITY
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #check(ids: readonly number[], context: number): void {
    const { vocabSize } = this.#model.config
    if (ids.length === 0)
      throw new ArgumentError('ERR_ARGUMENT', 'scheduler: the prompt must have a token, but it is empty')
    checkIds(ids, vocabSize)
    if (ids.length > context)
      throw new ArgumentError(
        'ERR_CONTEXT_OVERFLOW',
        `scheduler: the context must hold ${ids.length} tokens, but it is ${context}`,
      )
  }

  /** Rounds until there is nothing to do. In a round every group steps, and one prompt gets on. */
  async #run(): Promise<void> {
    // what is submitted in the same tick begins together
    await Promise.resolve()
    try {
      while (this.#hasWork()) {
        this.#admit()
        this.#makeRoom()
        await Promise.all([...this.#step(), this.#prefill()])
      }
    } catch (error) {
      for (const job of [...this.#waiting, ...this.#running]) this.#end(job, error)
    }
    this.#groups = []
    this.#changed = true
    this.#work = undefined
  }

  #hasWork(): boolean {
    return this.#waiting.length > 0 || this.#running.length > 0 || this.#groups.some(({ flight }) => flight.length > 0)
  }

  /** Whoever has waited longest, as long as there are pages for all of its prompt. Nobody overtakes. */
  #admit(): void {
    for (let job = this.#waiting[0]; job && this.#running.length < this.#options.maxRunning; job = this.#waiting[0]) {
      // alone it gets what there is
      if (this.#running.length > 0 && this.#pagesFor(job) > this.#freePages()) return
      this.#waiting.shift()
      insert(this.#running, job)
      job.answer.begin()
    }
  }

  /** Pages that a prompt and one token more would take that no sequence uses now. */
  #pagesFor(job: Job): number {
    const long = job.sequence.needsLong(job.passed)
    const known = this.#prefixes?.find(job.keys, long).filter((page) => this.#pool.usesOf(page) > 1) ?? []
    return Math.ceil(Math.min(job.passed + 1, this.context) / this.#pool.pageTokens) - known.length
  }

  /** Pages that nobody has, or prefixes only, and that no prompt under way will take. */
  #freePages(): number {
    let promised = 0
    for (const { at, passed, sequence } of this.#running)
      if (at < passed) promised += sequence.state.wants(passed + 1 - sequence.state.length)
    return this.#limit - this.#pool.used + (this.#prefixes?.idle ?? 0) - promised
  }

  /** Before steps are enqueued: pages for them, and other rotary factors for who needs them. */
  #makeRoom(): void {
    for (const job of [...this.#running]) {
      const { state } = job.sequence
      if (job.at < job.passed || job.ended || !this.#running.includes(job)) continue
      if (job.at === state.length && !job.sequence.canAdvance) {
        job.passed = state.length + 1
        this.#restart(job)
      } else this.#reserve(job, Math.min(defaultStepsInFlight, this.context - state.length))
    }
  }

  /** Its cache is computed anew. */
  #restart(job: Job): void {
    job.sequence.state.rewind(0)
    job.at = 0
    this.#changed = true
  }

  /** False where the job itself had to give up its pages. */
  #reserve(job: Job, count: number): boolean {
    const { state } = job.sequence
    for (;;) {
      if (this.#pool.used + state.wants(count) <= this.#limit && this.#grow(job, count)) return true
      if (this.#prefixes?.evict()) continue
      const victim = this.#running.at(-1) as Job
      // alone it gets what there is
      if (this.#running.length === 1) return this.#grow(job, count) || this.#end(job, noMemory(this.#limit))
      this.#preempt(victim)
      if (victim === job) return false
    }
  }

  /** False where the device has no memory: there are no more pages than now. */
  #grow({ sequence }: Job, count: number): boolean {
    try {
      sequence.state.reserve(count)
      return true
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error
      this.#limit = this.#pool.used
      this.#pool.limit = this.#limit
      return false
    }
  }

  #preempt(job: Job): void {
    this.#counts.preemptions++
    this.#restart(job)
    remove(this.#running, job)
    insert(this.#waiting, job)
  }

  /** Enqueues the steps of all groups, and hands out what they give. */
  #step(): Promise<void>[] {
    if (this.#changed && this.#groups.every(({ flight }) => flight.length === 0)) this.#regroup()
    if (!this.#changed) for (const group of this.#groups) this.#launch(group)
    return this.#groups.filter(({ flight }) => flight.length > 0).map((group) => this.#land(group))
  }

  #regroup(): void {
    const { stepRows } = this.#options
    const decoding = this.#running.filter(({ at, passed }) => at >= passed)
    this.#groups = []
    for (let first = 0; first < decoding.length; first += stepRows) {
      const jobs = decoding.slice(first, first + stepRows)
      const index = this.#groups.length
      this.#batches[index] ??= new Batch(jobs[0]!.sequence.decoder)
      const batch = this.#batches[index]
      batch.states = jobs.map(({ sequence }) => sequence.state)
      this.#groups.push({ batch, jobs, flight: [] })
    }
    this.#changed = false
  }

  #launch({ batch, jobs, flight }: Group): void {
    const logits = jobs.some(({ options }) => (options.logprobs ?? 0) > 0)
    const epochs = jobs.map(({ sequence }) => sequence.state.epoch)
    const enqueue = (step: Promise<Sampled[]>) => {
      step.catch(() => {}) // whoever waits for it hears of its failure
      flight.push({ step, epochs })
      this.#counts.steps++
    }
    if (flight.length === 0)
      enqueue(
        batch.step(
          jobs.map(({ all, at }) => [all[at] as number]),
          { logits },
        ),
      )
    // Somebody about to join must not wait for two steps.
    const joins = this.#waiting.length > 0 || this.#running.some(({ at, passed }) => at < passed)
    while (
      !joins &&
      flight.length < defaultStepsInFlight &&
      jobs.every((job) => job.sequence.canAdvance && !isReplaying(job) && job.sequence.state.length < this.context)
    )
      enqueue(batch.advance({ logits }))
  }

  async #land({ jobs, flight }: Group): Promise<void> {
    const { step, epochs } = flight.shift() as Group['flight'][number]
    try {
      const sampled = await step
      jobs.forEach((job, i) => {
        if (job.ended || job.sequence.state.epoch !== epochs[i]) return
        job.at++
        this.#take(job, sampled[i] as Sampled)
      })
    } catch (error) {
      for (const [i, job] of jobs.entries()) if (job.sequence.state.epoch === epochs[i]) this.#end(job, error)
    }
  }

  /** A few passes over the prompt of whoever came first. */
  async #prefill(): Promise<void> {
    for (let left = this.#options.prefillTokens; left > 0; ) {
      const job = this.#running.find(({ at, passed }) => at < passed)
      if (!job) return
      left -= passTokens
      try {
        await this.#pass(job)
      } catch (error) {
        this.#end(job, error)
      }
      if (job.ended) job.sequence.dispose()
    }
  }

  async #pass(job: Job): Promise<void> {
    const { sequence, all, passed, options } = job
    const { state } = sequence
    if (state.length === 0) state.long = sequence.needsLong(passed)
    this.#adopt(job)
    const first = job.at
    const end = Math.min(first + passTokens, passed)
    if (!this.#reserve(job, end - first)) return
    const { epoch } = state
    const logits = (options.logprobs ?? 0) > 0
    const sampled = await sequence.extend(all.slice(first, end), passed, { logits })
    this.#counts.prefilledTokens += end - first
    if (job.ended || state.epoch !== epoch) return
    job.at = end
    options.onProgress?.({ stage: 'prefill', done: end, total: passed })
    const page = end / passTokens
    if (this.#prefixes && end - first === passTokens && page <= job.keys.length)
      this.#prefixes.add(job.keys.slice(0, page), state)
    if (!sampled) return
    this.#changed = true
    this.#take(job, sampled)
  }

  /** Pages that others computed, as long as they are known and a token is left to sample from. */
  #adopt(job: Job): void {
    const { state } = job.sequence
    if (!this.#prefixes || state.length % passTokens !== 0) return
    const most = Math.floor((job.passed - 1) / passTokens)
    const pages = this.#prefixes.find(job.keys.slice(0, most), state.long).slice(state.pages.length)
    if (pages.length === 0) return
    const end = state.length + pages.length * passTokens
    state.adopt(job.all.slice(state.length, end), pages)
    this.#counts.cachedTokens += end - job.at
    job.answer.cachedTokens += end - job.at
    job.at = end
  }

  /** What was sampled after the first `at` tokens: the next one, unless that is known from before. */
  #take(job: Job, sampled: Sampled): void {
    if (job.at < job.all.length) return
    const token = job.reader.push(sampled)
    job.all.push(sampled.id)
    this.#counts.generatedTokens++
    job.answer.push(token)
    if (job.reader.stopReason) this.#end(job)
  }

  #end(job: Job, error?: unknown): false {
    if (job.ended) return false
    job.ended = true
    job.forget()
    job.answer.end(error)
    remove(this.#waiting, job)
    // one whose prompt is under way is disposed of when the pass has ended
    const inPass = remove(this.#running, job) && job.at < job.passed && job.sequence.busy
    if (!inPass) job.sequence.dispose()
    this.#changed = true
    return false
  }
}

const noMemory = (pages: number): OutOfMemoryError =>
  new OutOfMemoryError(`scheduler: the cache must grow by a page, but the device has memory for ${pages}`)

function insert(jobs: Job[], job: Job): void {
  const later = jobs.findIndex(({ order }) => order > job.order)
  jobs.splice(later < 0 ? jobs.length : later, 0, job)
}

function remove(jobs: Job[], job: Job): boolean {
  const at = jobs.indexOf(job)
  if (at >= 0) jobs.splice(at, 1)
  return at >= 0
}

function atLeast(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value
  throw new ArgumentError(
    'ERR_ARGUMENT',
    `scheduler: ${name} must be a whole number from ${least}, but it is ${String(value)}`,
  )
}

export const schedulerNames: OptionNames<SchedulerOptions> = {
  maxQueue: true,
  maxRunning: true,
  stepRows: true,
  cacheTokens: true,
  prefillTokens: true,
  sharePrefixes: true,
}
