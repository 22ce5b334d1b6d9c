import type { GenerateOptions } from '../generate/token-reader.js'
import { described } from '../options.js'
import type { ChatMessage } from '../tokenizer/index.js'
import { RequestError } from './request-error.js'

/** A JSON object of a client, read field by field: what is wrong is a 400 that names the field. */
export class Body {
  readonly #json: Readonly<Record<string, unknown>>

  /** Every field must be among those that are read, without effect, or refused. */
  constructor(json: unknown, known: readonly string[]) {
    if (typeof json !== 'object' || json === null || Array.isArray(json))
      throw new RequestError(400, `the body must be a JSON object, but it is ${described(json)}`)
    this.#json = json as Readonly<Record<string, unknown>>
    for (const [name, value] of Object.entries(json)) {
      if (known.includes(name) || withoutEffect.includes(name)) continue
      const neutral = refused[name]
      if (!neutral) throw new RequestError(400, `Unrecognized request argument supplied: ${name}`, { param: name })
      if (value !== null && !neutral(value))
        throw new RequestError(400, `${name} is not supported by this server`, {
          param: name,
          code: 'unsupported_parameter',
        })
    }
  }

  /** null is as good as missing, here and below. */
  get(name: string): unknown {
    return this.#json[name] ?? undefined
  }

  number(name: string, low: number, high: number): number | undefined {
    const value = this.get(name)
    if (value === undefined) return undefined
    if (typeof value === 'number' && value >= low && value <= high) return value
    throw wrong(name, `a number from ${low} to ${high}`, value)
  }

  integer(name: string, low: number, high: number): number | undefined {
    const value = this.get(name)
    if (value === undefined) return undefined
    if (Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high) return value as number
    throw wrong(name, `a whole number from ${low} to ${high}`, value)
  }

  boolean(name: string): boolean {
    const value = this.get(name)
    if (value === undefined || typeof value === 'boolean') return value ?? false
    throw wrong(name, 'true or false', value)
  }

  string(name: string): string {
    const value = this.get(name)
    if (typeof value === 'string') return value
    throw wrong(name, 'a string', value)
  }
}

export function wrong(param: string, must: string, value: unknown): RequestError {
  const is = value === undefined ? 'it is missing' : `it is ${described(value)}`
  return new RequestError(400, `${param} must be ${must}, but ${is}`, { param, code: 'invalid_value' })
}

/** Fields that say nothing about the answer. */
const withoutEffect: readonly string[] = [
  'user',
  'metadata',
  'store',
  'service_tier',
  'parallel_tool_calls',
  'prompt_cache_key',
  'prompt_cache_retention',
  'safety_identifier',
]

const isEmpty = (value: unknown): boolean => typeof value === 'object' && Object.keys(value as object).length === 0

/** Fields that this server does not do, and the values of theirs that ask for nothing. */
const refused: Readonly<Record<string, (value: unknown) => boolean>> = {
  logit_bias: isEmpty,
  tools: isEmpty,
  tool_choice: (value) => value === 'none' || value === 'auto',
  functions: isEmpty,
  function_call: (value) => value === 'none' || value === 'auto',
  response_format: (value) => (value as { type?: unknown }).type === 'text',
  modalities: (value) => Array.isArray(value) && value.every((each) => each === 'text'),
  audio: () => false,
  prediction: () => false,
  web_search_options: () => false,
  reasoning_effort: () => false,
  verbosity: () => false,
  suffix: (value) => value === '',
  best_of: (value) => value === 1,
}

export const samplingFields: readonly string[] = [
  'model',
  'temperature',
  'top_p',
  'n',
  'stream',
  'stream_options',
  'stop',
  'seed',
  'frequency_penalty',
  'presence_penalty',
  // of vLLM and llama.cpp's server
  'top_k',
  'min_p',
  'repetition_penalty',
  'ignore_eos',
]

/** Choices of a request at most. */
const mostChoices = 16
const mostStops = 16

export interface Sampling {
  readonly options: GenerateOptions
  readonly n: number
  readonly stream: boolean
  readonly includeUsage: boolean
}

/** What chat and completions have in common. */
export function readSampling(body: Body): Sampling {
  const numbers = {
    temperature: body.number('temperature', 0, 2) ?? 1,
    topP: body.number('top_p', 0, 1),
    topK: body.integer('top_k', 0, 2 ** 24),
    minP: body.number('min_p', 0, 1),
    repeatPenalty: body.number('repetition_penalty', 1e-3, 1e3),
    frequencyPenalty: body.number('frequency_penalty', -2, 2),
    presencePenalty: body.number('presence_penalty', -2, 2),
    seed: body.integer('seed', 0, Number.MAX_SAFE_INTEGER),
  }
  const given = Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== undefined))
  const stream = body.boolean('stream')
  return {
    options: { ...given, stop: readStop(body.get('stop')), ignoreEos: body.boolean('ignore_eos') },
    n: body.integer('n', 1, mostChoices) ?? 1,
    stream,
    includeUsage: readStreamOptions(body.get('stream_options'), stream),
  }
}

function readStop(value: unknown): readonly string[] {
  if (value === undefined) return []
  const stops = Array.isArray(value) ? value : [value]
  if (stops.length > mostStops) throw wrong('stop', `at most ${mostStops} strings`, value)
  if (!stops.every((stop) => typeof stop === 'string' && stop !== '')) throw wrong('stop', 'a string or several', value)
  return stops as string[]
}

function readStreamOptions(value: unknown, stream: boolean): boolean {
  if (value === undefined) return false
  if (!stream) throw new RequestError(400, 'stream_options goes with stream only', { param: 'stream_options' })
  const { include_usage: usage = false, ...others } = value as Record<string, unknown>
  if (typeof value !== 'object' || typeof usage !== 'boolean' || Object.keys(others).length > 0)
    throw wrong('stream_options', '{ "include_usage": true or false }', value)
  return usage
}

/** Messages of text. What a part of one is not is named by its path. */
export function readMessages(value: unknown): ChatMessage[] {
  if (!Array.isArray(value) || value.length === 0) throw wrong('messages', 'a list of messages', value)
  return value.map((message: unknown, i) => {
    const at = `messages[${i}]`
    if (typeof message !== 'object' || message === null) throw wrong(at, 'a message', message)
    const { role, content } = message as Record<string, unknown>
    if (role === 'developer') return { role: 'system', content: readContent(`${at}.content`, content) }
    if (role !== 'system' && role !== 'user' && role !== 'assistant')
      throw wrong(`${at}.role`, 'system, developer, user or assistant', role)
    return { role, content: readContent(`${at}.content`, content) }
  })
}

function readContent(at: string, content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content) || content.length === 0) throw wrong(at, 'a text or parts of text', content)
  return content
    .map((part: unknown, i) => {
      const { type, text } = (part ?? {}) as Record<string, unknown>
      if (type !== 'text') throw wrong(`${at}[${i}].type`, 'text', type)
      if (typeof text !== 'string') throw wrong(`${at}[${i}].text`, 'a string', text)
      return text
    })
    .join('')
}
