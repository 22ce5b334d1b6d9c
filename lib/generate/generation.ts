import { AbortedError, ArgumentError } from '../errors.js'
import { checkOptions, type OptionNames } from '../options.js'
import type { Tokenizer, TokenStream } from '../tokenizer/index.js'
import { type SamplingOptions, samplingNames, samplingParams, seedWords } from './sampling.js'
import type { PrefillOptions, Sampled, SampleOptions, Sequence } from './sequence.js'
import { StopStrings } from './stop.js'

export interface GenerateOptions extends SamplingOptions {
  /** Tokens to generate at most; default: until the context is full. */
  readonly maxTokens?: number
  /** Ends the text before any of these strings. */
  readonly stop?: string | readonly string[]
  /** Goes on past the model's end-of-text tokens. */
  readonly ignoreEos?: boolean
  /** The n likeliest tokens at every step. */
  readonly logprobs?: number
  readonly signal?: AbortSignal
  readonly onProgress?: PrefillOptions['onProgress']
}

export type StopReason = 'eos' | 'stop' | 'length' | 'aborted'

/** One generated token. */
export interface Token {
  readonly id: number
  /** Text that became certain with this token; '' while a character or a possible stop string is incomplete. */
  readonly text: string
  /** Natural logarithm of the probability under the model's own distribution. */
  readonly logprob: number
  /** With `logprobs`: the likeliest ids, likeliest first. */
  readonly top?: readonly { readonly id: number; readonly logprob: number }[]
}

/** What the loop needs beside the sequence. */
export interface GenerationInput {
  readonly sequence: Sequence
  /** Ids of the whole prompt; those that the sequence has cached already are not computed again. */
  readonly ids: readonly number[]
  readonly tokenizer: Tokenizer | null
  readonly eosIds: readonly number[]
  /** Tokens that the sequence may hold. */
  readonly context: number
  readonly options: GenerateOptions
  /** Steps that may be under way at once; 1 waits for each before the next is enqueued. */
  readonly stepsInFlight?: number
  /** Called when the caller begins to iterate; may refuse by throwing. */
  readonly onStart?: () => void
  /** Called once, when the text has ended for whatever reason. */
  readonly onEnd: (generation: Generation) => void
}

/** One is computed while the host looks at what the one before gave: the device never waits, and a stop costs one step. */
const defaultStepsInFlight = 2

/** A running generation: iterate it once for its tokens; afterwards it tells how it went. */
export class Generation implements AsyncIterable<Token> {
  readonly promptTokens: number
  /** Everything shown so far. */
  text = ''
  /** Generated so far, an end-of-text token included. */
  readonly ids: number[] = []
  stopReason: StopReason | null = null
  /** Milliseconds. */
  prefillTime = 0
  decodeTime = 0
  /** Prompt tokens that were computed, not found in the cache. */
  prefilledTokens = 0
  readonly #input: GenerationInput
  readonly #params: Float32Array
  readonly #seed: Uint32Array
  #started = false

  constructor(input: GenerationInput) {
    checkOptions('generate', input.options, generateOptions)
    checkValues(input.options)
    this.#input = input
    this.promptTokens = input.ids.length
    this.#params = samplingParams(input.options)
    this.#seed = seedWords(input.options.seed)
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
      if (error instanceof AbortedError) this.stopReason = 'aborted'
      throw error
    } finally {
      this.stopReason ??= 'aborted' // the caller left the loop
      this.#input.onEnd(this)
    }
  }

  async *#tokens(): AsyncGenerator<Token> {
    const { sequence, ids, options } = this.#input
    const { maxTokens = Number.POSITIVE_INFINITY, signal } = options
    const text = new TextAssembler(this.#input.tokenizer, [options.stop ?? []].flat())
    sequence.rewind(Math.min(commonPrefix(sequence.ids, ids), ids.length - 1))
    sequence.state.configure(this.#params, this.#seed)
    if (maxTokens <= 0) {
      this.stopReason = 'length'
      return
    }
    const wanted = { signal, onProgress: options.onProgress, logits: (options.logprobs ?? 0) > 0 }
    this.prefilledTokens = ids.length - sequence.length
    const clock = performance.now()
    const sampled = await sequence.prefillAndSample(ids.slice(sequence.length), wanted)
    this.prefillTime = performance.now() - clock
    const steps = new Steps(sequence, wanted, this.#input.stepsInFlight ?? defaultStepsInFlight)
    try {
      yield* this.#decode(sampled, text, steps)
    } finally {
      // The last token was not fed, or by a step whose token nobody sees.
      sequence.settle(ids.length + this.ids.length - 1)
    }
  }

  async *#decode(first: Sampled, text: TextAssembler, steps: Steps): AsyncGenerator<Token> {
    const { ids, eosIds, options, context } = this.#input
    const { maxTokens = Number.POSITIVE_INFINITY, ignoreEos = false, signal } = options
    let sampled = first
    for (;;) {
      this.ids.push(sampled.id)
      const isEos = !ignoreEos && eosIds.includes(sampled.id)
      const shown = isEos ? { text: '', stopped: false } : text.push(sampled.id)
      const reason = isEos
        ? 'eos'
        : shown.stopped
          ? 'stop'
          : this.ids.length >= maxTokens || ids.length + this.ids.length > context
            ? 'length'
            : null
      const piece = reason && !shown.stopped ? shown.text + text.end() : shown.text
      this.text += piece
      this.stopReason = reason
      yield { id: sampled.id, text: piece, logprob: sampled.logprob, ...topOf(sampled, options.logprobs) }
      if (reason) return
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

const generateOptions: OptionNames<GenerateOptions> = {
  maxTokens: true,
  ...samplingNames,
  stop: true,
  ignoreEos: true,
  logprobs: true,
  signal: true,
  onProgress: true,
}

function checkValues({ maxTokens = 0, logprobs = 0, stop = [] }: GenerateOptions): void {
  const isCount = (value: number) => Number.isInteger(value) && value >= 0
  const wrong = (name: string, requirement: string, value: unknown) =>
    new ArgumentError('ERR_ARGUMENT', `generate: ${name} must be ${requirement}, but it is ${String(value)}`)
  if (!isCount(maxTokens) && maxTokens !== Number.POSITIVE_INFINITY)
    throw wrong('maxTokens', 'a whole number from 0', maxTokens)
  if (!isCount(logprobs)) throw wrong('logprobs', 'a whole number from 0', logprobs)
  for (const text of [stop].flat()) if (typeof text !== 'string') throw wrong('stop', 'a string or several', text)
}

/** Ids -> text, minus what could still become a stop string. Without a tokenizer there is no text. */
class TextAssembler {
  readonly #stream: TokenStream | undefined
  readonly #stops: StopStrings

  constructor(tokenizer: Tokenizer | null, stops: readonly string[]) {
    this.#stream = tokenizer?.stream()
    this.#stops = new StopStrings(stops)
  }

  push(id: number): { text: string; stopped: boolean } {
    return this.#stops.push(this.#stream?.push(id) ?? '')
  }

  end(): string {
    const last = this.#stops.push(this.#stream?.end() ?? '')
    return last.text + this.#stops.end()
  }
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  let n = 0
  while (n < a.length && n < b.length && a[n] === b[n]) n++
  return n
}

/** The n likeliest ids with their log-probabilities. */
function topOf({ logits }: Sampled, n = 0): Pick<Token, 'top'> | undefined {
  if (!logits || n <= 0) return undefined
  let largest = Number.NEGATIVE_INFINITY
  for (const logit of logits) if (logit > largest) largest = logit
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - largest)
  const shift = largest + Math.log(sum)
  return { top: topLogits(logits, n).map(({ id, logit }) => ({ id, logprob: logit - shift })) }
}

/** The n largest logits, largest first; equal ones by id. */
export function topLogits(logits: Float32Array, n: number): { id: number; logit: number }[] {
  const top: { id: number; logit: number }[] = []
  if (n <= 0) return top
  logits.forEach((logit, id) => {
    if (top.length === n && logit <= (top[n - 1] as { logit: number }).logit) return
    let at = top.length
    while (at > 0 && (top[at - 1] as { logit: number }).logit < logit) at--
    top.splice(at, 0, { id, logit })
    if (top.length > n) top.pop()
  })
  return top
}
