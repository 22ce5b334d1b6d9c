import { ArgumentError } from '../errors.js'
import { checkOptions, type OptionNames } from '../options.js'
import type { Tokenizer, TokenStream } from '../tokenizer/index.js'
import type { Sampled } from './batch.js'
import { type SamplingOptions, samplingNames } from './sampling.js'
import type { PrefillOptions } from './sequence.js'
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

/** What the reading of tokens needs to know. */
export interface ReaderInput {
  readonly promptTokens: number
  readonly tokenizer: Tokenizer | null
  readonly eosIds: readonly number[]
  /** Tokens that the sequence may hold. */
  readonly context: number
  readonly options: GenerateOptions
}

/** What was sampled -> tokens with their text, and why they end. */
export class TokenReader {
  /** Everything shown so far. */
  text = ''
  /** Generated so far, an end-of-text token included. */
  readonly ids: number[] = []
  stopReason: StopReason | null = null
  readonly #input: ReaderInput
  readonly #stream: TokenStream | undefined
  readonly #stops: StopStrings

  constructor(input: ReaderInput) {
    checkOptions('generate', input.options, generateOptions)
    checkValues(input.options)
    this.#input = input
    // without a tokenizer there is no text
    this.#stream = input.tokenizer?.stream()
    this.#stops = new StopStrings([input.options.stop ?? []].flat())
  }

  push(sampled: Sampled): Token {
    const { promptTokens, eosIds, context, options } = this.#input
    const { maxTokens = Number.POSITIVE_INFINITY, ignoreEos = false } = options
    this.ids.push(sampled.id)
    const isEos = !ignoreEos && eosIds.includes(sampled.id)
    const shown = isEos ? { text: '', stopped: false } : this.#stops.push(this.#stream?.push(sampled.id) ?? '')
    this.stopReason = isEos
      ? 'eos'
      : shown.stopped
        ? 'stop'
        : this.ids.length >= maxTokens || promptTokens + this.ids.length > context
          ? 'length'
          : null
    const text = this.stopReason && !shown.stopped ? shown.text + this.#end() : shown.text
    this.text += text
    return { id: sampled.id, text, logprob: sampled.logprob, ...topOf(sampled, options.logprobs) }
  }

  /** What was held back for a stop string or a character that did not come. */
  #end(): string {
    const last = this.#stops.push(this.#stream?.end() ?? '')
    return last.text + this.#stops.end()
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
