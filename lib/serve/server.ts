import { createHash, timingSafeEqual } from 'node:crypto'
import type { Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, extname } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { ArgumentError } from '../errors.js'
import type { Model } from '../generate/model.js'
import { checkOptions, type OptionNames } from '../options.js'
import { type Completion, readChat, readTextCompletion } from './completion.js'
import { listenOn } from './listen.js'
import { Metrics } from './metrics.js'
import { RequestError, requestErrorOf } from './request-error.js'
import { respond } from './respond.js'
import { Scheduler, type SchedulerOptions, schedulerNames } from './scheduler.js'

export interface ServerOptions extends SchedulerOptions {
  /** What clients must send as `Authorization: Bearer …`. Without one, whoever reaches the port is served. */
  readonly apiKey?: string
  /** The name that clients call the model by; default: that of its file. */
  readonly modelName?: string
  /** Bytes of a body at most. Default 4 MiB. */
  readonly maxBody?: number
  /** Connections at once. Default 1024. */
  readonly maxConnections?: number
  /** Milliseconds that a request may wait for its first step of work. Default 60 000. */
  readonly queueTimeout?: number
  /** Milliseconds that a request may take. Default 600 000. */
  readonly timeout?: number
  /** Told of every request when it has ended. */
  readonly onRequest?: (line: RequestLine) => void
}

/** What is known of a request when it has ended. Neither texts nor keys are in it. */
export interface RequestLine {
  readonly time: string
  readonly id: string | null
  readonly method: string
  readonly path: string
  readonly status: number
  readonly ms: number
  readonly promptTokens?: number
  readonly cachedTokens?: number
  readonly generatedTokens?: number
  readonly queueMs?: number
  readonly firstTokenMs?: number
  readonly stopReasons?: readonly (string | null)[]
  readonly error?: string
}

export interface ListenOptions {
  /** Default 127.0.0.1: nobody else's machine. */
  readonly host?: string
  /** Default: any that is free. */
  readonly port?: number
}

/** A model behind OpenAI's interface: over HTTP by `listen`, or in the process by `fetch`. */
export interface Server {
  readonly scheduler: Scheduler
  readonly modelName: string
  /** Answers a request without a network: `new OpenAI({ baseURL: 'http://lophi/v1', fetch: server.fetch })`. */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>
  /** Gives the address: http://127.0.0.1:8080. */
  listen(options?: ListenOptions): Promise<string>
  /** Takes nothing more, and resolves when what is under way has been answered. */
  drain(): Promise<void>
  /** Cancels what is under way and closes all connections. The model stays. Idempotent. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

type Log = { -readonly [N in keyof RequestLine]?: RequestLine[N] }
type Env = { Variables: { log: Log }; Bindings: { incoming?: unknown } }

const paths = ['/health', '/metrics', '/v1/models', '/v1/chat/completions', '/v1/completions']

/** Serves a model by OpenAI's interface. */
export function createServer(model: Model, options: ServerOptions = {}): Server {
  checkOptions('createServer', options, serverNames)
  const { apiKey, modelName = nameOf(model.source.path), maxBody = 4 * 2 ** 20, maxConnections = 1024 } = options
  const { queueTimeout = 60_000, timeout = 600_000, onRequest, ...rest } = options
  if (apiKey !== undefined && (typeof apiKey !== 'string' || apiKey === ''))
    throw new ArgumentError('ERR_ARGUMENT', 'createServer: apiKey must be a text, but it is empty or none')
  for (const [name, value] of Object.entries({ maxBody, maxConnections, queueTimeout, timeout }))
    if (!Number.isInteger(value) || value < 1 || value >= 2 ** 31)
      throw new ArgumentError(
        'ERR_ARGUMENT',
        `createServer: ${name} must be a whole number from 1 to 2^31 - 1, but it is ${String(value)}`,
      )
  const scheduler = new Scheduler(model, schedulerOptions(rest))
  const metrics = new Metrics(scheduler)
  const created = Math.floor(Date.now() / 1000)
  const times = { queueTimeout, timeout }
  const app = new Hono<Env>()
  const listeners = new Set<HttpServer>()

  app.use(async (c, next) => {
    const begun = performance.now()
    const log: Log = { id: null }
    c.set('log', log)
    await next()
    const path = paths.includes(c.req.path) ? c.req.path : c.req.path.startsWith('/v1/models/') ? '/v1/models' : 'other'
    const end = () => {
      const ms = Math.round((performance.now() - begun) * 10) / 10
      metrics.request(path, c.res.status)
      onRequest?.({
        time: new Date().toISOString(),
        method: c.req.method,
        path: c.req.path.slice(0, 200),
        status: c.res.status,
        ms,
        ...log,
      } as RequestLine)
    }
    const streamed = streams.get(log)
    if (streamed) streamed.then(end)
    else end()
  })
  app.use(async (c, next) => {
    if (listeners.size > 0 && !apiKey && c.env?.incoming) checkHost(c)
    if (apiKey !== undefined && c.req.path !== '/health') checkKey(c.req.header('authorization'), apiKey)
    await next()
  })
  app.use(
    bodyLimit({
      maxSize: maxBody,
      onError: () => {
        throw new RequestError(413, `the body must have at most ${maxBody} bytes`, { code: 'body_too_large' })
      },
    }),
  )
  app.get('/health', (c) => c.json({ status: 'ok', model: modelName, running: scheduler.stats.running }))
  app.get('/metrics', async (c) => c.text(await metrics.text(), 200, { 'content-type': metrics.contentType }))
  const description = { id: modelName, object: 'model', created, owned_by: 'lophi' }
  app.get('/v1/models', (c) => c.json({ object: 'list', data: [description] }))
  app.get('/v1/models/*', (c) => {
    checkModel(decoded(c.req.path.slice('/v1/models/'.length)), modelName)
    return c.json(description)
  })

  const complete =
    (read: (json: unknown, model: Model, name: string) => Completion) =>
    async (c: Context<Env>): Promise<Response> => {
      const json = await readJson(c)
      checkModel((json as { model?: unknown } | null)?.model, modelName)
      let completion: Completion
      try {
        completion = read(json, model, modelName)
      } catch (error) {
        throw requestErrorOf(error, read === readChat ? 'messages' : 'prompt')
      }
      const log = c.get('log')
      log.id = completion.format.id
      let ended = () => {}
      const end = new Promise<void>((resolve) => {
        ended = resolve
      })
      if (completion.sampling.stream) streams.set(log, end)
      try {
        return await respond(c, scheduler, completion, times, (answers, error) => {
          Object.assign(log, lineOf(answers))
          if (error) log.error = error.code ?? error.message
          for (const { queueTime, firstTokenTime, totalTime } of answers)
            if (firstTokenTime > 0) metrics.answer(queueTime, firstTokenTime, totalTime)
          ended()
        })
      } catch (error) {
        streams.delete(log)
        throw error
      }
    }
  app.post('/v1/chat/completions', complete(readChat))
  app.post('/v1/completions', complete(readTextCompletion))
  app.all('*', (c) => {
    const known = paths.includes(c.req.path)
    throw new RequestError(
      known ? 405 : 404,
      known ? `${c.req.method} is not a method of ${c.req.path}` : `there is nothing at ${c.req.path.slice(0, 200)}`,
    )
  })
  app.onError((error, c) => {
    const told = requestErrorOf(error)
    const log = c.get('log')
    if (log) log.error ??= told.code ?? told.message
    // later is better than at once
    if (told.status === 429 || told.status === 503) c.header('retry-after', '1')
    return c.json(told.body, told.status)
  })

  const server: Server = {
    scheduler,
    modelName,
    fetch: async (input, init) => app.fetch(input instanceof Request && !init ? input : new Request(input, init)),
    async listen({ host = '127.0.0.1', port = 0 } = {}) {
      const listener = await listenOn(getRequestListener(app.fetch), { host, port, maxConnections })
      listeners.add(listener)
      const { address, family, port: bound } = listener.address() as AddressInfo
      return `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`
    },
    async drain() {
      const closed = Array.from(listeners, (listener) => new Promise((resolve) => listener.close(resolve)))
      await scheduler.drain()
      for (const listener of listeners) listener.closeIdleConnections()
      await Promise.all(closed)
      listeners.clear()
    },
    async close() {
      await scheduler.close()
      const closed = Array.from(listeners, (listener) => new Promise((resolve) => listener.close(resolve)))
      for (const listener of listeners) listener.closeAllConnections()
      await Promise.all(closed)
      listeners.clear()
    },
    [Symbol.asyncDispose]: () => server.close(),
  }
  return server
}

/** When the stream that answers a request has ended. */
const streams = new WeakMap<Log, Promise<void>>()

async function readJson(c: Context): Promise<unknown> {
  // a page of another site can send plain text without asking, JSON it cannot
  const type = c.req.header('content-type') ?? ''
  if (!/^application\/json\b/i.test(type))
    throw new RequestError(415, `content-type must be application/json, but it is ${type || 'missing'}`)
  const text = await c.req.text()
  try {
    return JSON.parse(text)
  } catch {
    throw new RequestError(400, 'the body must be JSON, but it cannot be parsed', { code: 'invalid_json' })
  }
}

/** A name as it stands in a path; what is encoded wrongly is no name. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function checkModel(wanted: unknown, name: string): void {
  if (typeof wanted !== 'string')
    throw new RequestError(400, `model must be a string, and this server's is ${name}`, { param: 'model' })
  if (wanted !== name)
    throw new RequestError(404, `The model '${wanted.slice(0, 100)}' does not exist; this server has '${name}'`, {
      param: 'model',
      code: 'model_not_found',
    })
}

function checkKey(header: string | undefined, key: string): void {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const [, given] = /^Bearer +(.+)$/i.exec(header ?? '') ?? []
  if (given === undefined)
    throw new RequestError(401, 'an API key must be given: Authorization: Bearer KEY', { code: 'invalid_api_key' })
  // digests are of one length, and take as long whatever differs
  if (!timingSafeEqual(digest(given), digest(key)))
    throw new RequestError(401, 'Incorrect API key provided', { code: 'invalid_api_key' })
}

/** A page whose name was made to point here sends its own name as the host: without a key that is refused on loopback. */
function checkHost(c: Context): void {
  const { socket } = c.env.incoming as { socket: { localAddress?: string } }
  const isLoopback = /^(127\.|::1$|::ffff:127\.)/.test(socket.localAddress ?? '')
  const host = (c.req.header('host') ?? '').replace(/:\d+$/, '').toLowerCase()
  if (isLoopback && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host))
    throw new RequestError(403, `the host must be that of this machine, but it is ${host.slice(0, 100)}`)
}

function lineOf(answers: Parameters<Parameters<typeof respond>[4]>[0]): Log {
  const sum = (of: (answer: (typeof answers)[number]) => number) =>
    answers.reduce((total, answer) => total + of(answer), 0)
  const most = (of: (answer: (typeof answers)[number]) => number) =>
    Math.round(answers.reduce((largest, answer) => Math.max(largest, of(answer)), 0) * 10) / 10
  return {
    promptTokens: sum(({ promptTokens }) => promptTokens),
    cachedTokens: sum(({ cachedTokens }) => cachedTokens),
    generatedTokens: sum(({ ids }) => ids.length),
    queueMs: most(({ queueTime }) => queueTime),
    firstTokenMs: most(({ firstTokenTime }) => firstTokenTime),
    stopReasons: answers.map(({ stopReason }) => stopReason),
  }
}

const nameOf = (path: string): string => basename(path, extname(path)) || 'model'

const serverNames: OptionNames<ServerOptions> = {
  ...schedulerNames,
  apiKey: true,
  modelName: true,
  maxBody: true,
  maxConnections: true,
  queueTimeout: true,
  timeout: true,
  onRequest: true,
}

const schedulerOptions = (options: ServerOptions): SchedulerOptions =>
  Object.fromEntries(Object.entries(options).filter(([name]) => name in schedulerNames))
