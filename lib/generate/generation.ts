import { AbortedError, ArgumentError } from '../errors.js'
import { samplingParams, seedWords } from './sampling.js'
import type { Sampled, SampleOptions, Sequence } from './sequence.js'
import { type ReaderInput, type StopReason, type Token, TokenReader } from './token-reader.js'

/** What the loop needs beside the sequence. */
export interface GenerationInput extends Omit<ReaderInput, 'promptTokens'> {
  readonly sequence: Sequence
  /** Ids of the whole prompt; those that the sequence has cached already are not computed again. */
  readonly ids: readonly number[]
  /** Steps that may be under way at once; 1 waits for each before the next is enqueued. */
  readonly stepsInFlight?: number
  /** Called when the caller begins to iterate; may refuse by throwing. */
  readonly onStart?: () => void
  /** Called once, when the text has ended for whatever reason. */
  readonly onEnd: (generation: Generation) => void
}

/** One is computed while the host looks at what the one before gave: the device never waits, and a stop costs one step. */
export const defaultStepsInFlight = 2

/** A running generation: iterate it once for its tokens; afterwards it tells how it went. */
export class Generation implements AsyncIterable<Token> {
  readonly promptTokens: number
  /** Milliseconds. */
  prefillTime = 0
  decodeTime = 0
  /** Prompt tokens that were computed, not found in the cache. */
  prefilledTokens = 0
  readonly #input: GenerationInput
  readonly #reader: TokenReader
  readonly #params: Float32Array
  readonly #seed: Uint32Array
  #started = false

  constructor(input: GenerationInput) {
    this.promptTokens = input.ids.length
    this.#reader = new TokenReader({ ...input, promptTokens: this.promptTokens })
    this.#input = input
    this.#params = samplingParams(input.options)
    this.#seed = seedWords(input.options.seed)
  }

  /** Everything shown so far. */
  get text(): string {
    return this.#reader.text
  }

  /** Generated so far, an end-of-text token included. */
  get ids(): readonly number[] {
    return this.#reader.ids
  }

  get stopReason(): StopReason | null {
    return this.#reader.stopReason
  }

  /** Tokens per second; the first generated token counts as prefill. */
  get prefillTokensPerSecond(): number {
    return this.prefillTime > 0 ? (this.prefilledTokens / this.prefillTime) * 1000 : 0
  }

  get decodeTokensPerSecond(): number {
    return this.decodeTime > 0 ? ((this.ids.length - 1) / this.decodeTime) * 1000 : 0
  }

  /** Runs to the end and gives the whole text. */
  async readAll(): Promise<string> {
    for await (const _ of this);
    return this.text
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Token> {
    if (this.#started)
      throw new ArgumentError('ERR_ARGUMENT', 'generate: a generation must be iterated once, but it was before')
    this.#input.onStart?.()
    this.#started = true
    try {
      yield* this.#tokens()
    } catch (error) {
      if (error instanceof AbortedError) this.#reader.stopReason = 'aborted'
      throw error
    } finally {
      this.#reader.stopReason ??= 'aborted' // the caller left the loop
      this.#input.onEnd(this)
    }
  }

  async *#tokens(): AsyncGenerator<Token> {
    const { sequence, ids, options } = this.#input
    const { maxTokens = Number.POSITIVE_INFINITY, signal } = options
    sequence.rewind(Math.min(commonPrefix(sequence.ids, ids), ids.length - 1))
    sequence.state.configure(this.#params, this.#seed)
    if (maxTokens <= 0) {
      this.#reader.stopReason = 'length'
      return
    }
    const wanted = { signal, onProgress: options.onProgress, logits: (options.logprobs ?? 0) > 0 }
    this.prefilledTokens = ids.length - sequence.length
    const clock = performance.now()
    const sampled = await sequence.prefillAndSample(ids.slice(sequence.length), wanted)
    this.prefillTime = performance.now() - clock
    const steps = new Steps(sequence, wanted, this.#input.stepsInFlight ?? defaultStepsInFlight)
    try {
      yield* this.#decode(sampled, steps)
    } finally {
      // The last token was not fed, or by a step whose token nobody sees.
      sequence.settle(ids.length + this.ids.length - 1)
    }
  }

  async *#decode(first: Sampled, steps: Steps): AsyncGenerator<Token> {
    const { maxTokens = Number.POSITIVE_INFINITY, signal } = this.#input.options
    let sampled = first
    for (;;) {
      yield this.#reader.push(sampled)
      if (this.stopReason) return
      if (signal?.aborted) throw new AbortedError('generate: aborted', { cause: signal.reason })
      const clock = performance.now()
      sampled = await steps.next(sampled.id, maxTokens - this.ids.length)
      this.decodeTime += performance.now() - clock
    }
  }
}

/** The steps of one generation, enqueued ahead of what the host has seen. */
class Steps {
  readonly #sequence: Sequence
  readonly #options: SampleOptions
  readonly #most: number
  /** Oldest first. */
  readonly #flight: Promise<Sampled>[] = []
  /** Whether what is under way leaves its id where the next step is fed from. */
  #chained = false

  constructor(sequence: Sequence, options: SampleOptions, most: number) {
    this.#sequence = sequence
    this.#options = options
    this.#most = most
  }

  /** The token after `id`, which is the last one seen; at most `wanted` tokens are asked of the device. */
  next(id: number, wanted: number): Promise<Sampled> {
    this.#sequence.checkLive('generate')
    if (this.#flight.length === 0) {
      this.#chained = this.#sequence.canAdvance
      this.#launch(this.#sequence.step(id, this.#options))
    }
    while (this.#chained && this.#flight.length < Math.min(wanted, this.#most) && this.#sequence.canAdvance)
      this.#launch(this.#sequence.advance(this.#options))
    return this.#flight.shift() as Promise<Sampled>
  }

  #launch(step: Promise<Sampled>): void {
    step.catch(() => {}) // whoever waits for it hears of its failure
    this.#flight.push(step)
  }
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  let n = 0
  while (n < a.length && n < b.length && a[n] === b[n]) n++
  return n
}
