import type { Context } from 'hono'
import { type SSEStreamingApi, streamSSE } from 'hono/streaming'
import type { GenerateOptions, Token } from '../generate/token-reader.js'
import type { Answer } from './answer.js'
import { type Completion, finishReason, usageOf } from './completion.js'
import { RequestError, requestErrorOf } from './request-error.js'
import type { Scheduler } from './scheduler.js'

/** Milliseconds that a request may wait, and take in all. */
export interface Times {
  readonly queueTimeout: number
  readonly timeout: number
}

/** Answers under way for one request. All of them end together where one fails or the client leaves. */
interface Running {
  readonly answers: readonly Answer[]
  cancel(reason?: unknown): void
  /** Once, when all have ended. */
  end(): void
}

function submitAll(
  scheduler: Scheduler,
  { prompts, sampling, param }: Completion,
  times: Times,
  left: AbortSignal,
): Running {
  const controller = new AbortController()
  const cancel = (reason?: unknown) => controller.abort(reason)
  const onLeave = () => cancel(new RequestError(408, 'the client left', { code: 'client_left' }))
  if (left.aborted) onLeave()
  else left.addEventListener('abort', onLeave, { once: true })
  const timers: NodeJS.Timeout[] = []
  const end = () => {
    left.removeEventListener('abort', onLeave)
    for (const timer of timers) clearTimeout(timer)
  }
  const answers: Answer[] = []
  try {
    for (const ids of prompts)
      for (let i = 0; i < sampling.n; i++)
        answers.push(scheduler.submit(ids, optionsOf(sampling.options, i, controller)))
  } catch (error) {
    cancel(error)
    end()
    throw requestErrorOf(error, param)
  }
  const over = (ms: number, status: 503 | 504, what: string, isLate: () => boolean) =>
    timers.push(
      setTimeout(() => {
        if (isLate()) cancel(new RequestError(status, `${what} within ${ms} ms`, { code: 'timeout' }))
      }, ms),
    )
  over(times.queueTimeout, 503, 'the request must begin', () => answers.some(({ begun }) => !begun))
  over(times.timeout, 504, 'the request must end', () => true)
  return { answers, cancel, end }
}

/** Choices of one request draw from neighbouring seeds. */
function optionsOf(options: GenerateOptions, choice: number, { signal }: AbortController): GenerateOptions {
  const seed = options.seed === undefined ? {} : { seed: (options.seed + choice) % Number.MAX_SAFE_INTEGER }
  return { ...options, ...seed, signal }
}

async function tokensOf(answer: Answer): Promise<Token[]> {
  const tokens: Token[] = []
  for await (const token of answer) tokens.push(token)
  return tokens
}

/** Told once per request, when its answers have ended. */
export type OnEnd = (answers: readonly Answer[], error: RequestError | null) => void

export async function respond(
  c: Context,
  scheduler: Scheduler,
  completion: Completion,
  times: Times,
  onEnd: OnEnd,
): Promise<Response> {
  const running = submitAll(scheduler, completion, times, c.req.raw.signal)
  if (completion.sampling.stream) return stream(c, completion, running, onEnd)
  const { format, sampling } = completion
  try {
    const tokens = await allOf(running, tokensOf)
    const choices = running.answers.map((answer, i) => ({ answer, tokens: tokens[i] as Token[] }))
    onEnd(running.answers, null)
    return c.json(format.whole(choices, usageOf(running.answers, sampling.n)))
  } catch (error) {
    const told = requestErrorOf(error)
    onEnd(running.answers, told)
    throw told
  } finally {
    running.end()
  }
}

/** The first failure ends the others. */
async function allOf<T>(running: Running, of: (answer: Answer, index: number) => Promise<T>): Promise<T[]> {
  try {
    return await Promise.all(running.answers.map(of))
  } catch (error) {
    running.cancel(error)
    throw error
  }
}

/** Server-sent events, one per piece, [DONE] last. A reader that is slow holds back its own pieces alone. */
function stream(c: Context, { format, sampling }: Completion, running: Running, onEnd: OnEnd): Response {
  return streamSSE(c, async (sse) => {
    sse.onAbort(() => running.cancel(new RequestError(408, 'the client left', { code: 'client_left' })))
    const send = (piece: object | null) => piece && sse.writeSSE({ data: JSON.stringify(piece) })
    try {
      await allOf(running, async (answer, index) => {
        await send(format.begin(index))
        for await (const token of answer) await send(format.token(index, token))
        await send(format.end(index, finishReason(answer.stopReason)))
      })
      if (sampling.includeUsage) await send(format.usage(usageOf(running.answers, sampling.n)))
      await sse.writeSSE({ data: '[DONE]' })
      onEnd(running.answers, null)
    } catch (error) {
      const told = requestErrorOf(error)
      await sendError(sse, told)
      onEnd(running.answers, told)
    } finally {
      running.end()
    }
  })
}

/** In a stream the status has gone out already: the error is an event of its own. */
async function sendError(sse: SSEStreamingApi, error: RequestError): Promise<void> {
  if (!sse.aborted) await sse.writeSSE({ data: JSON.stringify(error.body) })
}
