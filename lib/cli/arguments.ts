/** Parsers of option arguments: what is wrong with one is a usage error that names the option. */
import { InvalidArgumentError } from 'commander'
import { LophiError } from '../errors.js'
import type { WindowOption } from '../generate/model.js'
import { type SamplingOptions, samplingParams, seedWords } from '../generate/sampling.js'

/** A whole number, at least `least`. */
export function count(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least && Number.isSafeInteger(value)) return value
    throw new InvalidArgumentError(`It must be a whole number from ${least}.`)
  }
}

/** Whole numbers separated by commas. */
export function counts(least: number): (text: string) => number[] {
  return (text) => text.split(',').map((part) => count(least)(part.trim()))
}

/** A number that the sampler takes for `name`. */
export function sampling(name: keyof SamplingOptions): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    try {
      if (name === 'seed') seedWords(value)
      else samplingParams({ [name]: value })
    } catch (error) {
      if (error instanceof LophiError) throw new InvalidArgumentError(`${error.message}.`)
      throw error
    }
    return value
  }
}

/** 'model', 'graph', or a number of keys. */
export function window(text: string): WindowOption {
  return text === 'model' || text === 'graph' ? text : count(0)(text)
}
