import { request } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, loadModel, type Model, openDevice } from '../../lib/index.js'
import { createServer, type RequestLine, type Server, type ServerOptions } from '../../lib/serve/index.js'
import { startLophi } from '../cli/run.js'
import { tinyPhi3 } from '../support/models.js'

// What the client of OpenAI does not do: limits, ends, and what is told of requests.

const modelName = 'tiny-phi3'
let device: Device
let model: Model
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 2 })
  model = await loadModel(tinyPhi3, { device })
})
afterAll(async () => {
  await model.dispose()
  await device.dispose()
})

const sum = { model: modelName, temperature: 0, messages: [{ role: 'user', content: 'What is 27 + 48?' }] }
const endless = { ...sum, max_tokens: 1900, ignore_eos: true }

async function withServer<T>(options: ServerOptions, use: (url: string, server: Server) => Promise<T>): Promise<T> {
  await using server = createServer(model, { modelName, ...options })
  return await use(await server.listen(), server)
}

const post = (url: string, body: object | string, headers: Record<string, string> = {}, signal?: AbortSignal) =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal: signal ?? null,
  })

const errorOf = async (response: Response) => {
  const { error } = (await response.json()) as { error: { message: string; code: string | null } }
  return [response.status, error.code]
}

/** Bytes over a socket as they are, and what comes back until it closes. */
function raw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(port), hostname, () => socket.write(text))
    socket.setEncoding('utf8').on('data', (part: string) => {
      answer += part
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? resolve(answer) : reject(error),
    )
  })
}

const idle = (server: Server) =>
  expect.poll(() => server.scheduler.stats, { timeout: 20_000 }).toMatchObject({ running: 0, waiting: 0 })

describe('what is refused', () => {
  test('a body that is too long, whether its length is told or not', async () => {
    await withServer({ maxBody: 1000 }, async (url) => {
      expect(await errorOf(await post(url, { ...sum, user: 'x'.repeat(2000) }))).toEqual([413, 'body_too_large'])
      const chunked = await new Promise<number | undefined>((resolve, reject) => {
        const out = request(`${url}/v1/chat/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
        })
        out.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject)
        for (let i = 0; i < 10; i++) out.write('x'.repeat(500))
        out.end()
      })
      expect(chunked).toBe(413)
      expect((await post(url, sum)).status).toBe(200)
    })
  })

  test('a flood of headers, and what is no HTTP', async () => {
    await withServer({}, async (url, server) => {
      const flood = Array.from({ length: 2000 }, (_, i) => `x-${i}: ${'y'.repeat(20)}`).join('\r\n')
      expect(await raw(url, `GET /health HTTP/1.1\r\nhost: localhost\r\n${flood}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /)
      expect(await raw(url, 'what is this\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /)
      expect(server.scheduler.stats.running).toBe(0)
      expect((await fetch(`${url}/health`)).status).toBe(200)
    })
  })

  test.each<[string, string, RequestInit, unknown[]]>([
    ['what is no JSON', '/v1/chat/completions', { body: '{' }, [400, 'invalid_json']],
    ['JSON of endless depth', '/v1/chat/completions', { body: '['.repeat(1e6) }, [400, 'invalid_json']],
    ['JSON that is no object', '/v1/completions', { body: '[]' }, [400, null]],
    ['null', '/v1/completions', { body: 'null' }, [400, null]],
    [
      'plain text, which any page may send',
      '/v1/completions',
      { headers: { 'content-type': 'text/plain' } },
      [415, null],
    ],
    ['another method', '/v1/completions', { method: 'PUT' }, [405, null]],
    ['another path', '/v1/embeddings', {}, [404, null]],
    ['a model that is not there', '/v1/models/a%2Fb', { method: 'GET' }, [404, 'model_not_found']],
    ['a name that is encoded wrongly', '/v1/models/%zz', { method: 'GET' }, [404, 'model_not_found']],
  ])('%s', async (_, path, init, expected) => {
    await using server = createServer(model, { modelName })
    const { body, ...rest } = { method: 'POST', body: '{}', ...init }
    const headers = { 'content-type': 'application/json', ...init.headers }
    const response = await server.fetch(`http://lophi${path}`, {
      ...rest,
      ...(rest.method === 'GET' ? {} : { body }),
      headers,
    })
    expect(await errorOf(response)).toEqual(expected)
  })

  test('the name of another site, where no key is asked for', async () => {
    const get = (url: string, host: string) =>
      raw(url, `GET /v1/models HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
    await withServer({}, async (url) => {
      expect(await get(url, 'evil.example:80')).toMatch(/^HTTP\/1.1 403 /)
      expect(await get(url, 'localhost:8080')).toMatch(/^HTTP\/1.1 200 /)
    })
  })

  test.each([{ apiKey: '' }, { maxBody: 0 }, { timeout: 1.5 }, { maxQueue: -1 }, { apikey: 'x' } as ServerOptions])(
    'options %j',
    (options) => {
      expect(() => createServer(model, options)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }))
    },
  )
})

describe('times', () => {
  test('a request that waits too long is told so', async () => {
    await withServer({ maxRunning: 1, queueTimeout: 50 }, async (url, server) => {
      const controller = new AbortController()
      const first = post(url, endless, {}, controller.signal).catch(() => {})
      await expect.poll(() => server.scheduler.stats.running).toBe(1)
      const late = await post(url, sum)
      expect(late.headers.get('retry-after')).toBe('1')
      expect(await errorOf(late)).toEqual([503, 'timeout'])
      controller.abort()
      await first
      await idle(server)
    })
  })

  test('a request that takes too long ends, whole or as a stream', async () => {
    await withServer({ timeout: 30 }, async (url, server) => {
      expect(await errorOf(await post(url, endless))).toEqual([504, 'timeout'])
      const stream = await (await post(url, { ...endless, stream: true })).text()
      const last = stream.trim().split('\n\n').at(-1)!.replace('data: ', '')
      expect(JSON.parse(last)).toMatchObject({ error: { type: 'server_error', code: 'timeout' } })
      await idle(server)
    })
  })
})

describe('clients that leave', () => {
  test('free their pages, whether they read a stream, wait for an answer, or wait in the queue', async () => {
    await withServer({ maxRunning: 2, sharePrefixes: false }, async (url, server) => {
      const controllers = [0, 1, 2].map(() => new AbortController())
      const bodies = [{ ...endless, stream: true }, endless, endless]
      const left = bodies.map(async (body, i) => {
        const response = await post(url, body, {}, controllers[i]!.signal)
        await response.text()
      })
      await expect.poll(() => server.scheduler.stats).toMatchObject({ running: 2, waiting: 1 })
      for (const controller of controllers) controller.abort()
      expect((await Promise.allSettled(left)).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
      await idle(server)
      // a pass over a prompt that was under way ends first
      await expect.poll(() => server.scheduler.stats.pages.used).toBe(0)
    })
  })

  test('and one that does not read does not hold up others', async () => {
    await withServer({}, async (url, server) => {
      const { hostname, port } = new URL(url)
      const body = JSON.stringify({ ...endless, stream: true, n: 2, logprobs: true, top_logprobs: 20 })
      const socket = connect(Number(port), hostname, () =>
        socket.write(
          `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        ),
      )
      socket.pause()
      await expect.poll(() => server.scheduler.stats.running).toBe(2)
      const answer = (await (await post(url, sum)).json()) as { choices: { message: { content: string } }[] }
      expect(answer.choices[0]!.message.content).toBe('27 + 48 = 75')
      socket.destroy()
      await idle(server)
    })
  })
})

describe('what is told', () => {
  test('one line per request, without text or key', async () => {
    const lines: RequestLine[] = []
    await withServer({ apiKey: 'sk-secret', onRequest: (line) => lines.push(line) }, async (url) => {
      await (await post(url, sum, { authorization: 'Bearer sk-secret' })).json()
      await (await post(url, { ...sum, stream: true }, { authorization: 'Bearer sk-secret' })).text()
      await post(url, sum, { authorization: 'Bearer sk-wrong' })
      expect((await fetch(`${url}/health`)).status).toBe(200)
      await expect.poll(() => lines.length).toBe(4)
    })
    expect(lines.slice(0, 2)).toEqual([
      expect.objectContaining({ status: 200, path: '/v1/chat/completions', stopReasons: ['eos'], method: 'POST' }),
      expect.objectContaining({ status: 200, path: '/v1/chat/completions', stopReasons: ['eos'] }),
    ])
    expect(lines[0]!.generatedTokens).toBe(lines[1]!.generatedTokens)
    expect(lines[0]!.id).toMatch(/^chatcmpl-/)
    expect(lines[2]).toMatchObject({ status: 401, error: 'invalid_api_key', id: null })
    expect(JSON.stringify(lines)).not.toMatch(/sk-|What is/)
  })

  test('metrics, in the form of Prometheus', async () => {
    await withServer({}, async (url) => {
      await (await post(url, sum)).json()
      const response = await fetch(`${url}/metrics`)
      expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0.0.4/)
      const text = await response.text()
      expect(text).toContain('lophi_requests_total{path="/v1/chat/completions",status="200"} 1')
      expect(text).toMatch(/^lophi_generated_tokens_total [1-9]\d*$/m)
      expect(text).toMatch(/^lophi_first_token_seconds_count 1$/m)
      expect(text).toMatch(/^lophi_running 0$/m)
    })
  })
})

test('draining answers what is under way and takes nothing more', async () => {
  await withServer({}, async (url, server) => {
    const first = post(url, { ...sum, stream: true })
    await expect.poll(() => server.scheduler.stats.promptTokens).toBeGreaterThan(0)
    const drained = server.drain()
    expect(
      await errorOf(
        await server.fetch(`${url}/v1/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ model: modelName, prompt: 'x' }),
        }),
      ),
    ).toEqual([503, 'shutting_down'])
    expect(await (await first).text()).toContain('[DONE]')
    await drained
    await expect(fetch(`${url}/health`)).rejects.toThrow()
  })
})

describe('lophi serve', () => {
  async function started(more: string[] = []) {
    const { child, ended } = startLophi(['serve', tinyPhi3, '--port', '0', '--device', 'cpu', '--json', ...more])
    const line = await new Promise<string>((resolve) => child.stdout.once('data', (text) => resolve(`${text}`)))
    return { child, ended, url: (JSON.parse(line) as { url: string }).url }
  }

  test('says where it listens, answers, and ends on SIGTERM when all is answered', async () => {
    const { child, ended, url } = await started(['--api-key', 'sk-secret', '--max-queue', '3'])
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect((await post(url, sum)).status).toBe(401)
    const answering = await post(url, { ...sum, stream: true }, { authorization: 'Bearer sk-secret' })
    child.kill('SIGTERM')
    expect(await answering.text()).toContain('[DONE]')
    const { status, stdout, stderr } = await ended
    expect(status).toBe(0)
    expect(stdout.trim().split('\n')).toHaveLength(1)
    expect(stderr).not.toContain('sk-secret')
    const lines = stderr.trim().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as RequestLine).status)).toEqual([401, 200])
  })

  test('ends at once at the second signal', async () => {
    const { child, ended, url } = await started()
    const never = post(url, { ...endless, stream: true, n: 16 }).then((response) => response.text())
    never.catch(() => {})
    await expect
      .poll(async () => ((await (await fetch(`${url}/health`)).json()) as { running: number }).running)
      .toBe(16)
    child.kill('SIGTERM')
    await expect
      .poll(() =>
        fetch(`${url}/health`).then(
          () => 'open',
          () => 'closed',
        ),
      )
      .toBe('closed')
    child.kill('SIGTERM')
    expect((await ended).status).toBe(130)
    await expect(never).rejects.toThrow()
  })
})
