import { ArgumentError } from '../errors.js'
import type { OptionNames } from '../options.js'

/** How a token is picked from the logits. */
export interface SamplingOptions {
  /** 0 (the default) takes the likeliest token; 1 samples from the model's own distribution. */
  readonly temperature?: number
  /** Only the k likeliest; 0 = all. */
  readonly topK?: number
  /** Only the likeliest whose probabilities add up to p; 1 = all. */
  readonly topP?: number
  /** Only those at least p times as likely as the likeliest; 0 = all. */
  readonly minP?: number
  /** Divides the positive and multiplies the negative logits of recent tokens; 1 = off. */
  readonly repeatPenalty?: number
  /** Subtracted once per occurrence among the recent tokens. */
  readonly frequencyPenalty?: number
  /** Subtracted once from every recent token. */
  readonly presencePenalty?: number
  /** The same seed, prompt and device give the same text. Default: a fresh one. */
  readonly seed?: number
}

export const samplingNames: OptionNames<SamplingOptions> = {
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  repeatPenalty: true,
  frequencyPenalty: true,
  presencePenalty: true,
  seed: true,
}

/** Recent tokens that penalties look at. */
export const historyLength = 64

interface Range {
  readonly initial: number
  readonly low: number
  readonly high: number
}

/** In the order of the op's `params`. */
const ranges: Readonly<Record<Exclude<keyof SamplingOptions, 'seed'>, Range>> = {
  temperature: { initial: 0, low: 0, high: 1e4 },
  topK: { initial: 0, low: 0, high: 2 ** 24 },
  topP: { initial: 1, low: 0, high: 1 },
  minP: { initial: 0, low: 0, high: 1 },
  repeatPenalty: { initial: 1, low: 1e-3, high: 1e3 },
  frequencyPenalty: { initial: 0, low: -1e3, high: 1e3 },
  presencePenalty: { initial: 0, low: -1e3, high: 1e3 },
}

/** The op's `params` [8]. */
export function samplingParams(options: SamplingOptions): Float32Array {
  const params = new Float32Array(8)
  Object.entries(ranges).forEach(([name, { initial, low, high }], i) => {
    const value = options[name as keyof SamplingOptions] ?? initial
    if (typeof value !== 'number' || !(value >= low && value <= high) || (name === 'topK' && !Number.isInteger(value)))
      throw new ArgumentError(
        'ERR_ARGUMENT',
        `generate: ${name} must be ${name === 'topK' ? 'a whole number ' : ''}from ${low} to ${high}, but it is ${value}`,
      )
    params[i] = value
  })
  return params
}

/** The op's `seed` [2]: the low and the high word. */
export function seedWords(seed = Math.floor(Math.random() * 2 ** 52)): Uint32Array {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new ArgumentError(
      'ERR_ARGUMENT',
      `generate: seed must be a whole number from 0 to 2^53 - 1, but it is ${seed}`,
    )
  return Uint32Array.of(seed % 2 ** 32, Math.floor(seed / 2 ** 32))
}
