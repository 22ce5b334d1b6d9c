/** Requests to the hub and to where it redirects: token, redirects, time limits, what errors mean, retries. */
import { setTimeout as sleep } from 'node:timers/promises'
import { AbortedError, DownloadError } from '../errors.js'

export interface Connection {
  /** The repository that errors speak of. */
  readonly id: string
  readonly endpoint: string
  readonly token: string | null
  readonly signal?: AbortSignal | undefined
  /** Pause before the first retry; it doubles from there. */
  readonly retryMs?: number | undefined
  /** A connection on which nothing arrives for so long is dropped. */
  readonly stallMs?: number | undefined
}

/** Worth another attempt: a dropped connection, a server that is busy. */
export class TransientError extends Error {
  readonly status: number | undefined
  readonly retryAfterMs: number
  constructor(message: string, { status, retryAfterMs = 0, ...options }: TransientErrorOptions = {}) {
    super(message, options)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

interface TransientErrorOptions extends ErrorOptions {
  readonly status?: number
  readonly retryAfterMs?: number
}

export interface Reply extends Disposable {
  readonly status: number
  readonly headers: Headers
  /** Of the hub's own answer, before a redirect: what identifies the content of a file there. */
  readonly linkedEtag: string | null
  chunks(): AsyncGenerator<Uint8Array>
}

const maxRedirects = 5
const maxRetryAfterMs = 120_000

/** A GET whose answer is 2xx; anything else throws. The token goes to the endpoint's origin only. */
export async function request(connection: Connection, url: string, headers: Record<string, string>): Promise<Reply> {
  const { endpoint, token, signal, stallMs = 60_000 } = connection
  const home = new URL(endpoint).origin
  const stall = new AbortController()
  const timer = setTimeout(() => stall.abort(new TransientError(`nothing arrived for ${stallMs / 1000} s`)), stallMs)
  const dispose = () => {
    clearTimeout(timer)
    stall.abort()
  }
  const signals = AbortSignal.any(signal ? [signal, stall.signal] : [stall.signal])
  try {
    let linkedEtag: string | null = null
    let target = new URL(url)
    for (let hop = 0; ; hop++) {
      const authorization = token && target.origin === home ? { authorization: `Bearer ${token}` } : {}
      const response = await fetch(target, {
        headers: { 'user-agent': 'lophi', 'accept-encoding': 'identity', ...headers, ...authorization },
        redirect: 'manual',
        signal: signals,
      }).catch(dropped)
      linkedEtag ??= response.headers.get('x-linked-etag')
      const location = response.headers.get('location')
      if (response.status >= 300 && response.status < 400 && location) {
        await response.body?.cancel()
        target = redirected(connection, target, location, hop)
        continue
      }
      if (!response.ok) throw failure(connection, response)
      return {
        status: response.status,
        headers: response.headers,
        linkedEtag: linkedEtag ?? (hop === 0 ? response.headers.get('etag') : null),
        async *chunks() {
          const reader = response.body?.getReader()
          for (;;) {
            const { done, value } = (await reader?.read().catch(dropped)) ?? { done: true }
            if (done) return
            timer.refresh()
            yield value
          }
        },
        [Symbol.dispose]: dispose,
      }
    }
  } catch (error) {
    dispose()
    throw error
  }
}

/** fetch rejects with a TypeError where the network fails; its cause says why. */
function dropped(error: unknown): never {
  if (!(error instanceof TypeError)) throw error
  const cause = error.cause instanceof Error ? error.cause : error
  throw new TransientError(cause.message || cause.name, { cause: error })
}

function redirected({ id }: Connection, from: URL, location: string, hop: number): URL {
  if (hop === maxRedirects) throw new DownloadError(`${id}: a request must end within ${maxRedirects} redirects`)
  const to = URL.canParse(location, from.href) ? new URL(location, from) : null
  if (to?.protocol === 'https:' || (to?.protocol === 'http:' && from.protocol === 'http:')) return to
  throw new DownloadError(`${id}: ${from.host} must redirect to an https address, but redirects to ${location}`)
}

function failure(connection: Connection, response: Response): Error {
  const { id, endpoint, token } = connection
  const { status, headers } = response
  if (status === 408 || status === 429 || status >= 500) {
    const retryAfterMs = retryAfter(headers.get('retry-after'))
    if (retryAfterMs <= maxRetryAfterMs)
      return new TransientError(`the server answered ${status}`, { status, retryAfterMs })
    return new DownloadError(`${id}: the server is busy (${status}): try again in ${retryAfterMs / 1000} s`, { status })
  }
  const code = headers.get('x-error-code')
  const page = `${endpoint}/${id}`
  if (code === 'GatedRepo')
    return new DownloadError(
      `${id}: is gated (${status}): accept its licence at ${page}, then set HF_TOKEN to a token of that account`,
      { status },
    )
  if (status === 401 || status === 403) {
    const with_ = token ? 'the token of HF_TOKEN or its file is not enough' : 'HF_TOKEN is not set'
    return new DownloadError(
      `${id}: must exist and be readable, but the hub answered ${status} and ${with_}: check the name, and for a private or gated one the page ${page}`,
      { status },
    )
  }
  if (status === 404) {
    const what = { RevisionNotFound: 'this revision', EntryNotFound: 'this file' }[code ?? ''] ?? 'this name'
    return new DownloadError(`${id}: the hub at ${endpoint} has nothing of ${what} (404)`, { status })
  }
  return new DownloadError(`${id}: the server must answer with the file, but answered ${status}`, { status })
}

/** Seconds, or a date. */
function retryAfter(value: string | null): number {
  if (value === null) return 0
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isNaN(ms) ? 0 : Math.max(0, ms)
}

/** Runs `attempt` again after transient failures; those after which `progress()` has grown do not count. */
export async function retrying<T>(
  { id, signal, retryMs = 500 }: Connection,
  attempts: number,
  attempt: () => Promise<T>,
  progress: () => number = () => 0,
): Promise<T> {
  let before = progress()
  for (let failures = 1; ; failures++) {
    try {
      return await attempt()
    } catch (error) {
      if (signal?.aborted)
        throw new AbortedError(`${id}: download aborted; the next one resumes it`, { cause: signal.reason })
      if (!(error instanceof TransientError)) throw error
      if (progress() > before) failures = 1
      before = progress()
      if (failures === attempts) throw givenUp(id, error, attempts)
      const pause = Math.min(retryMs * 2 ** (failures - 1), 8000)
      await sleep(Math.max(error.retryAfterMs, pause), undefined, { signal }).catch(() => {})
    }
  }
}

function givenUp(id: string, { message, status, cause }: TransientError, attempts: number): DownloadError {
  return new DownloadError(`${id}: download failed ${attempts} times, at last: ${message}`, {
    cause,
    ...(status === undefined ? {} : { status }),
  })
}

const maxApiBytes = 64 * 2 ** 20

/** A `fetch` for @huggingface/hub: its requests with our token rule, limits and retries. The answer must be JSON. */
export function apiFetch(connection: Connection): typeof fetch {
  return async (input) => {
    const url = input instanceof Request ? input.url : String(input)
    return retrying(connection, 3, async () => {
      using reply = await request(connection, url, { accept: 'application/json' })
      const parts: Uint8Array[] = []
      let bytes = 0
      for await (const chunk of reply.chunks()) {
        parts.push(chunk)
        bytes += chunk.length
        if (bytes > maxApiBytes)
          throw new DownloadError(`${connection.id}: a list must have at most ${maxApiBytes} bytes, but has more`)
      }
      const text = Buffer.concat(parts).toString()
      try {
        JSON.parse(text)
      } catch {
        throw new DownloadError(`${connection.id}: ${new URL(url).host} must answer in JSON; is it a hub?`)
      }
      const link = reply.headers.get('link')
      return new Response(text, link === null ? {} : { headers: { link } })
    })
  }
}
