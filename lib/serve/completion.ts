import { randomUUID } from 'node:crypto'
import type { Model } from '../generate/model.js'
import type { GenerateOptions, StopReason, Token } from '../generate/token-reader.js'
import type { Answer } from './answer.js'
import { Body, readMessages, readSampling, type Sampling, samplingFields, wrong } from './body.js'
import { chatLogprob, tokenText } from './token-text.js'

/** A request that was read: what to submit, and how its tokens and its end look to the client. */
export interface Completion {
  /** The field that the prompts stand in. */
  readonly param: string
  /** Each is answered n times. */
  readonly prompts: readonly number[][]
  readonly sampling: Sampling
  readonly format: Format
}

/** How answers look: whole, or as pieces of a stream. */
export interface Format {
  readonly id: string
  whole(choices: readonly Choice[], usage: Usage): object
  /** What a choice begins with, where it begins with something. */
  begin(index: number): object | null
  /** null where nothing is to be said yet. */
  token(index: number, token: Token): object | null
  end(index: number, reason: string): object
  usage(usage: Usage): object
}

export interface Choice {
  readonly answer: Answer
  readonly tokens: readonly Token[]
}

export interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  readonly prompt_tokens_details: { readonly cached_tokens: number }
}

export const finishReason = (reason: StopReason | null): string => (reason === 'length' ? 'length' : 'stop')

const chatFields = [...samplingFields, 'messages', 'max_tokens', 'max_completion_tokens', 'logprobs', 'top_logprobs']
const completionFields = [...samplingFields, 'prompt', 'max_tokens', 'logprobs', 'echo']
const mostPrompts = 64
const mostTokens = 2 ** 31

/** `/v1/chat/completions`. */
export function readChat(json: unknown, model: Model, name: string): Completion {
  const body = new Body(json, chatFields)
  const sampling = readSampling(body)
  const messages = readMessages(body.get('messages'))
  const maxTokens = body.integer('max_completion_tokens', 0, mostTokens) ?? body.integer('max_tokens', 0, mostTokens)
  const wanted = body.boolean('logprobs')
  const top = body.integer('top_logprobs', 0, 20)
  if (top !== undefined && !wanted) throw wrong('top_logprobs', 'given with logprobs only', top)
  const options = { ...sampling.options, logprobs: top ?? 0, ...limited(maxTokens) }
  const { tokenizer } = model
  const base = head('chatcmpl', name)
  const chunk = (choices: readonly object[], usage: Usage | null = null) => ({
    ...base,
    object: 'chat.completion.chunk',
    choices,
    ...(sampling.includeUsage && { usage }),
  })
  const logprobs = (tokens: readonly Token[]) =>
    wanted ? { content: tokens.map((token) => chatLogprob(tokenizer, token)), refusal: null } : null
  return {
    param: 'messages',
    // what stands in a message is text: role tokens in it do not count
    prompts: [model.encodeMessages(messages, true)],
    sampling: { ...sampling, options },
    format: {
      id: base.id,
      whole: (choices, usage) => ({
        ...base,
        object: 'chat.completion',
        choices: choices.map(({ answer, tokens }, index) => ({
          index,
          message: { role: 'assistant', content: answer.text, refusal: null },
          logprobs: logprobs(tokens),
          finish_reason: finishReason(answer.stopReason),
        })),
        usage,
      }),
      begin: (index) =>
        chunk([{ index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }]),
      token: (index, token) =>
        token.text === '' && !wanted
          ? null
          : chunk([{ index, delta: { content: token.text }, logprobs: logprobs([token]), finish_reason: null }]),
      end: (index, reason) => chunk([{ index, delta: {}, logprobs: null, finish_reason: reason }]),
      usage: (usage) => chunk([], usage),
    },
  }
}

/** `/v1/completions`: continues the text itself, without a chat template. */
export function readTextCompletion(json: unknown, model: Model, name: string): Completion {
  const body = new Body(json, completionFields)
  const sampling = readSampling(body)
  const prompts = readPrompts(body.get('prompt'), model)
  const top = body.integer('logprobs', 0, 20)
  const options = {
    ...sampling.options,
    logprobs: top ?? 0,
    ...limited(body.integer('max_tokens', 0, mostTokens) ?? 16),
  }
  const { tokenizer } = model
  const echo = body.boolean('echo')
  if (echo && top !== undefined) throw wrong('logprobs', 'absent with echo', top)
  const echoed = (index: number) =>
    echo && tokenizer ? tokenizer.decode(prompts[Math.floor(index / sampling.n)] as number[]) : ''
  const base = { ...head('cmpl', name), object: 'text_completion' }
  const logprobs = (tokens: readonly Token[]) =>
    top === undefined ? null : completionLogprobs(tokens, top, (id) => tokenText(tokenizer, id).token)
  const chunk = (choices: readonly object[], usage: Usage | null = null) => ({
    ...base,
    choices,
    ...(sampling.includeUsage && { usage }),
  })
  return {
    param: 'prompt',
    prompts,
    sampling: { ...sampling, options },
    format: {
      id: base.id,
      whole: (choices, usage) => ({
        ...base,
        choices: choices.map(({ answer, tokens }, index) => ({
          index,
          text: echoed(index) + answer.text,
          logprobs: logprobs(tokens),
          finish_reason: finishReason(answer.stopReason),
        })),
        usage,
      }),
      begin: (index) => (echo ? chunk([{ index, text: echoed(index), logprobs: null, finish_reason: null }]) : null),
      token: (index, token) =>
        token.text === '' && top === undefined
          ? null
          : chunk([{ index, text: token.text, logprobs: logprobs([token]), finish_reason: null }]),
      end: (index, reason) => chunk([{ index, text: '', logprobs: null, finish_reason: reason }]),
      usage: (usage) => chunk([], usage),
    },
  }
}

function head(kind: string, model: string) {
  return { id: `${kind}-${randomUUID()}`, object: '', created: Math.floor(Date.now() / 1000), model }
}

const limited = (maxTokens: number | undefined): Pick<GenerateOptions, 'maxTokens'> =>
  maxTokens === undefined ? {} : { maxTokens }

/** A text, ids, or several of either. */
function readPrompts(value: unknown, model: Model): number[][] {
  const isIds = (list: unknown): list is number[] =>
    Array.isArray(list) && list.length > 0 && list.every((id) => typeof id === 'number')
  if (typeof value === 'string' || isIds(value)) return [encoded(value, model)]
  if (!Array.isArray(value) || value.length === 0 || value.length > mostPrompts)
    throw wrong('prompt', `a text, ids, or up to ${mostPrompts} of them`, value)
  return value.map((each: unknown, i) => {
    if (typeof each !== 'string' && !isIds(each)) throw wrong(`prompt[${i}]`, 'a text or ids', each)
    return encoded(each, model)
  })
}

function encoded(prompt: string | number[], model: Model): number[] {
  const ids = model.encode(prompt)
  if (ids.length === 0) throw wrong('prompt', 'a text of at least one token', prompt)
  return ids
}

function completionLogprobs(tokens: readonly Token[], top: number, textOf: (id: number) => string) {
  let offset = 0
  return {
    tokens: tokens.map(({ id }) => textOf(id)),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map((token) =>
      top === 0 ? null : Object.fromEntries((token.top ?? []).map(({ id, logprob }) => [textOf(id), logprob])),
    ),
    text_offset: tokens.map(({ text }) => {
      offset += text.length
      return offset - text.length
    }),
  }
}

export function usageOf(answers: readonly Answer[], n: number): Usage {
  // of each prompt once, however often it was answered
  const asked = answers.filter((_, i) => i % n === 0)
  const sum = (list: readonly Answer[], of: (answer: Answer) => number) =>
    list.reduce((total, answer) => total + of(answer), 0)
  const prompt = sum(asked, ({ promptTokens }) => promptTokens)
  const completion = sum(answers, ({ ids }) => ids.length)
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: sum(asked, ({ cachedTokens }) => cachedTokens) },
  }
}
