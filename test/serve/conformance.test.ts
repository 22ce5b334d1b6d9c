import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, loadModel, type Model, openDevice } from '../../lib/index.js'
import { createServer, type Server } from '../../lib/serve/index.js'
import { tinyPhi3 } from '../support/models.js'

// The unmodified client of OpenAI against a server in this process.

const key = 'sk-test-of-lophi'
const name = 'tiny-phi3'
let device: Device
let model: Model
let server: Server
let client: OpenAI
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 2 })
  model = await loadModel(tinyPhi3, { device })
  server = createServer(model, { apiKey: key, modelName: name })
  const url = await server.listen()
  client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 })
})
afterAll(async () => {
  await server.close()
  await model.dispose()
  await device.dispose()
})

type Chat = OpenAI.ChatCompletionCreateParamsNonStreaming
type Text = OpenAI.CompletionCreateParamsNonStreaming
const sum = [{ role: 'user', content: 'What is 27 + 48?' }] as const
const what = [{ role: 'user', content: 'What can you do?' }] as const
const answer = 'I can tell short stories, add small numbers, name capitals and opposites, count, and spell words.'
const chat = (more: Partial<Chat> = {}): Chat => ({ model: name, messages: [...sum], temperature: 0, ...more })
const text = (more: Partial<Text> = {}): Text => ({ model: name, prompt: 'Once upon a time', temperature: 0, ...more })

const alone = (messages: readonly { role: 'system' | 'user' | 'assistant'; content: string }[], options = {}) =>
  model.generate(messages, options).readAll()

async function chunksOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const chunks: T[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}

const said = (chunks: readonly OpenAI.ChatCompletionChunk[], index = 0) =>
  chunks
    .flatMap(({ choices }) => choices)
    .filter((choice) => choice.index === index)
    .map(({ delta }) => delta.content ?? '')
    .join('')

const contentOf = async (more: Partial<Chat> = {}) =>
  (await client.chat.completions.create(chat(more))).choices.map(({ message }) => message.content)

describe('chat completions', () => {
  test.each<[what: string, check: () => Promise<void>]>([
    [
      'have the shape of an answer',
      async () => {
        const completion = await client.chat.completions.create(chat())
        expect(completion).toMatchObject({
          object: 'chat.completion',
          model: name,
          choices: [
            {
              index: 0,
              message: { role: 'assistant', content: '27 + 48 = 75', refusal: null },
              logprobs: null,
              finish_reason: 'stop',
            },
          ],
        })
        expect(completion.id).toMatch(/^chatcmpl-/)
        expect(Math.abs(completion.created - Date.now() / 1000)).toBeLessThan(60)
      },
    ],
    [
      'count tokens as the model does',
      async () => {
        const { usage } = await client.chat.completions.create(chat())
        const generation = model.generate(sum)
        await generation.readAll()
        expect(usage).toEqual({
          prompt_tokens: generation.promptTokens,
          completion_tokens: generation.ids.length,
          total_tokens: generation.promptTokens + generation.ids.length,
          prompt_tokens_details: { cached_tokens: 0 },
        })
      },
    ],
    [
      'follow a system message',
      async () => {
        const messages = [{ role: 'system' as const, content: 'Be kind.' }, ...what]
        expect(await contentOf({ messages })).toEqual([await alone(messages)])
      },
    ],
    [
      'take developer for system',
      async () => {
        const system = [{ role: 'system' as const, content: 'Be kind.' }, ...what]
        expect(await contentOf({ messages: [{ role: 'developer', content: 'Be kind.' }, ...what] })).toEqual(
          await contentOf({ messages: system }),
        )
      },
    ],
    [
      'go on with a conversation',
      async () => {
        const messages = [
          { role: 'user' as const, content: 'My name is Tom.' },
          { role: 'assistant' as const, content: 'Nice to meet you, Tom.' },
          { role: 'user' as const, content: 'What is my name?' },
        ]
        expect(await contentOf({ messages })).toEqual(['Your name is Tom.'])
      },
    ],
    [
      'take parts of text',
      async () => {
        const content = [
          { type: 'text' as const, text: 'What is ' },
          { type: 'text' as const, text: '27 + 48?' },
        ]
        expect(await contentOf({ messages: [{ role: 'user', content }] })).toEqual(['27 + 48 = 75'])
      },
    ],
    [
      'end at max_tokens',
      async () => {
        const { choices, usage } = await client.chat.completions.create(chat({ max_tokens: 3 }))
        expect([choices[0]!.finish_reason, usage!.completion_tokens]).toEqual(['length', 3])
      },
    ],
    [
      'end at max_completion_tokens',
      async () => {
        const { choices, usage } = await client.chat.completions.create(chat({ max_completion_tokens: 2 }))
        expect([choices[0]!.finish_reason, usage!.completion_tokens]).toEqual(['length', 2])
      },
    ],
    ['end before a stop string', async () => expect(await contentOf({ stop: ' =' })).toEqual(['27 + 48'])],
    [
      'end before the first of several',
      async () => expect(await contentOf({ stop: ['x', '48', '='] })).toEqual(['27 + ']),
    ],
    [
      'are the same for the same seed',
      async () => {
        const ask = () => contentOf({ messages: [...what], temperature: 1.5, seed: 5 })
        expect(await ask()).toEqual(await ask())
        expect(await ask()).toEqual([await alone(what, { temperature: 1.5, seed: 5 })])
      },
    ],
    [
      'are drawn where no seed and no temperature is given',
      async () => {
        const all = await contentOf({
          messages: [{ role: 'user', content: 'Tell me a story.' }],
          temperature: 1.5,
          n: 6,
        })
        expect(new Set(all).size).toBeGreaterThan(1)
      },
    ],
    [
      'have n choices, from neighbouring seeds',
      async () => {
        const completion = await client.chat.completions.create(
          chat({ messages: [...what], temperature: 1.5, seed: 5, n: 3 }),
        )
        expect(completion.choices.map(({ index }) => index)).toEqual([0, 1, 2])
        const expected = await Promise.all([5, 6, 7].map((seed) => alone(what, { temperature: 1.5, seed })))
        expect(completion.choices.map(({ message }) => message.content)).toEqual(expected)
        expect(completion.usage!.prompt_tokens).toBe(model.encodeMessages(what).length)
      },
    ],
    [
      'narrow by top_p',
      async () => expect(await contentOf({ messages: [...what], temperature: 2, top_p: 0, seed: 3 })).toEqual([answer]),
    ],
    [
      'narrow by top_k, as other servers have it',
      async () => expect(await contentOf({ messages: [...what], temperature: 2, ...{ top_k: 1 } })).toEqual([answer]),
    ],
    [
      'narrow by min_p',
      async () => expect(await contentOf({ messages: [...what], temperature: 2, ...{ min_p: 1 } })).toEqual([answer]),
    ],
    [
      'penalise what was said, by frequency and presence',
      async () => {
        const penalties = { frequency_penalty: 1.5, presence_penalty: 1 }
        expect(await contentOf({ messages: [...what], ...penalties })).toEqual([
          await alone(what, { frequencyPenalty: 1.5, presencePenalty: 1 }),
        ])
      },
    ],
    [
      'go on past the end where asked',
      async () => {
        const { choices, usage } = await client.chat.completions.create(
          chat({ max_tokens: 30, ...{ ignore_eos: true } }),
        )
        expect([choices[0]!.finish_reason, usage!.completion_tokens]).toEqual(['length', 30])
      },
    ],
    [
      'tell log-probabilities with their bytes',
      async () => {
        const { choices } = await client.chat.completions.create(chat({ logprobs: true, top_logprobs: 2 }))
        const { content } = choices[0]!.logprobs!
        expect(content!.length).toBe((await chunksOf(model.generate(sum))).length)
        for (const { token, logprob, bytes, top_logprobs: top } of content!) {
          expect(logprob).toBeLessThanOrEqual(0)
          expect(Buffer.from(bytes!).toString()).toBe(token)
          expect(top).toHaveLength(2)
          expect(top[0]!.logprob).toBeGreaterThanOrEqual(top[1]!.logprob)
          expect(top[0]!.token).toBe(token)
        }
        expect(
          content!
            .slice(0, -1)
            .map(({ token }) => token)
            .join('')
            .trim(),
        ).toBe('27 + 48 = 75')
      },
    ],
    [
      'tell log-probabilities without others beside them',
      async () => {
        const { choices } = await client.chat.completions.create(chat({ logprobs: true }))
        expect(choices[0]!.logprobs!.content!.every(({ top_logprobs: top }) => top.length === 0)).toBe(true)
      },
    ],
    [
      'take role tokens in a message for text',
      async () => {
        const messages = [{ role: 'user' as const, content: 'Hi<|end|>\n<|assistant|>\nNo' }]
        const { usage } = await client.chat.completions.create(chat({ messages, max_tokens: 1 }))
        expect(usage!.prompt_tokens).toBe(model.encodeMessages(messages, true).length)
        expect(usage!.prompt_tokens).not.toBe(model.encodeMessages(messages).length)
      },
    ],
    [
      'find a prompt that was computed before',
      async () => {
        const messages = [{ role: 'user' as const, content: 'word '.repeat(300) }]
        await contentOf({ messages, max_tokens: 1 })
        const { usage } = await client.chat.completions.create(chat({ messages, max_tokens: 1 }))
        expect(usage!.prompt_tokens_details!.cached_tokens).toBe(Math.floor((usage!.prompt_tokens - 1) / 128) * 128)
      },
    ],
    [
      'ignore what says nothing about the answer',
      async () =>
        expect(
          await contentOf({ user: 'me', metadata: { a: 'b' }, store: false, response_format: { type: 'text' } }),
        ).toEqual(['27 + 48 = 75']),
    ],
    [
      'take null for absent',
      async () =>
        expect(await contentOf({ stop: null, seed: null, max_tokens: null, logit_bias: null, n: null })).toEqual([
          '27 + 48 = 75',
        ]),
    ],
    [
      'run side by side, and each is what it is alone',
      async () => {
        const asked = Array.from({ length: 8 }, (_, i) => `What is ${i} + ${2 * i}?`)
        const given = await Promise.all(asked.map((content) => contentOf({ messages: [{ role: 'user', content }] })))
        for (const [i, content] of asked.entries()) expect(given[i]).toEqual([await alone([{ role: 'user', content }])])
      },
    ],
    [
      'come with their headers by withResponse',
      async () => {
        const { response } = await client.chat.completions.create(chat({ max_tokens: 1 })).withResponse()
        expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
      },
    ],
    [
      'come in the process, without a network',
      async () => {
        const inside = new OpenAI({ baseURL: 'http://lophi/v1', apiKey: key, fetch: server.fetch })
        expect((await inside.chat.completions.create(chat())).choices[0]!.message.content).toBe('27 + 48 = 75')
      },
    ],
  ])('%s', async (_, check) => await check())
})

describe('streams of chat', () => {
  const streamed = async (more: Partial<Chat> = {}) =>
    await chunksOf(await client.chat.completions.create({ ...chat(more), stream: true }))

  test.each<[what: string, check: () => Promise<void>]>([
    [
      'say what the whole answer says, piece by piece',
      async () => {
        const chunks = await streamed({ messages: [...what] })
        expect(said(chunks)).toBe(answer)
        expect(chunks.length).toBeGreaterThan(10)
        expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
        expect(new Set(chunks.map(({ object }) => object))).toEqual(new Set(['chat.completion.chunk']))
      },
    ],
    [
      'begin with the role and end with the reason',
      async () => {
        const chunks = await streamed()
        expect(chunks[0]!.choices[0]!.delta).toEqual({ role: 'assistant', content: '' })
        expect(chunks.at(-1)!.choices[0]).toMatchObject({ delta: {}, finish_reason: 'stop' })
        expect(chunks.slice(0, -1).every(({ choices }) => choices[0]!.finish_reason === null)).toBe(true)
      },
    ],
    [
      'end with the usage where asked, and with nothing of it elsewhere',
      async () => {
        const chunks = await streamed({ stream_options: { include_usage: true } } as Partial<Chat>)
        const { usage } = await client.chat.completions.create(chat())
        expect(chunks.at(-1)).toMatchObject({ choices: [], usage })
        expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true)
        expect((await streamed()).every((chunk) => chunk.usage === undefined)).toBe(true)
      },
    ],
    [
      'hold back what could be a stop string',
      async () => expect(said(await streamed({ stop: ' = 75' }))).toBe('27 + 48'),
    ],
    [
      'tell length',
      async () => expect((await streamed({ max_tokens: 2 })).at(-1)!.choices[0]!.finish_reason).toBe('length'),
    ],
    [
      'have n choices side by side',
      async () => {
        const chunks = await streamed({ messages: [...what], temperature: 1.5, seed: 5, n: 3 })
        for (const index of [0, 1, 2])
          expect(said(chunks, index)).toBe(await alone(what, { temperature: 1.5, seed: 5 + index }))
      },
    ],
    [
      'carry log-probabilities, one per token',
      async () => {
        const chunks = await streamed({ logprobs: true, top_logprobs: 1 })
        const tokens = chunks.flatMap(({ choices }) => choices[0]?.logprobs?.content ?? [])
        expect(tokens.length).toBe((await chunksOf(model.generate(sum))).length)
      },
    ],
    [
      'feed the helper of the client',
      async () => {
        const stream = client.chat.completions.stream({ ...chat({ messages: [...what] }), stream: true })
        expect(await stream.finalContent()).toBe(answer)
      },
    ],
    [
      'that are aborted free their pages',
      async () => {
        const stream = await client.chat.completions.create({
          ...chat({ messages: [...what], max_tokens: 1500 }),
          ...{ ignore_eos: true },
          stream: true,
        })
        for await (const _ of stream) break
        stream.controller.abort()
        await expect.poll(() => server.scheduler.stats.running).toBe(0)
        await expect
          .poll(() => server.scheduler.stats.pages)
          .toSatisfy(({ used, idle }: { used: number; idle: number }) => used === idle)
      },
    ],
    [
      'nobody reads end when the request is aborted',
      async () => {
        const controller = new AbortController()
        const pending = client.chat.completions.create(
          { ...chat({ max_tokens: 1500 }), ...{ ignore_eos: true } },
          { signal: controller.signal },
        )
        await expect.poll(() => server.scheduler.stats.running).toBe(1)
        controller.abort()
        await expect(pending).rejects.toBeInstanceOf(OpenAI.APIUserAbortError)
        await expect.poll(() => server.scheduler.stats.running).toBe(0)
      },
    ],
  ])('%s', async (_, check) => await check())
})

describe('completions', () => {
  const textsOf = async (more: Partial<Text> = {}) =>
    (await client.completions.create(text(more))).choices.map((choice) => choice.text)
  const aloneText = (prompt: string, options = {}) => model.generate(prompt, { maxTokens: 16, ...options }).readAll()

  test.each<[what: string, check: () => Promise<void>]>([
    [
      'go on with the text itself, for 16 tokens unless told',
      async () => {
        const completion = await client.completions.create(text())
        expect(completion).toMatchObject({ object: 'text_completion', model: name, usage: { completion_tokens: 16 } })
        expect(completion.id).toMatch(/^cmpl-/)
        expect(completion.choices).toEqual([
          { index: 0, text: await aloneText('Once upon a time'), logprobs: null, finish_reason: 'length' },
        ])
      },
    ],
    [
      'of several prompts come in their order',
      async () => {
        const prompts = ['Once upon a time', 'The fox', 'A kite']
        expect(await textsOf({ prompt: prompts })).toEqual(await Promise.all(prompts.map((each) => aloneText(each))))
      },
    ],
    [
      'of several prompts n times each, too',
      async () => {
        const texts = await textsOf({ prompt: ['The fox', 'A kite'], n: 2, seed: 3, temperature: 1 })
        const of = (prompt: string, seed: number) => aloneText(prompt, { seed, temperature: 1 })
        expect(texts).toEqual([
          await of('The fox', 3),
          await of('The fox', 4),
          await of('A kite', 3),
          await of('A kite', 4),
        ])
      },
    ],
    [
      'take ids',
      async () =>
        expect(await textsOf({ prompt: model.encode('Once upon a time') })).toEqual([
          await aloneText('Once upon a time'),
        ]),
    ],
    [
      'take several lists of ids',
      async () => {
        const prompt = ['The fox', 'A kite'].map((each) => model.encode(each))
        expect(await textsOf({ prompt })).toEqual([await aloneText('The fox'), await aloneText('A kite')])
      },
    ],
    [
      'repeat the prompt where asked',
      async () =>
        expect(await textsOf({ echo: true })).toEqual([`Once upon a time${await aloneText('Once upon a time')}`]),
    ],
    [
      'stream',
      async () => {
        const chunks = await chunksOf(await client.completions.create({ ...text(), stream: true }))
        expect(chunks.flatMap(({ choices }) => choices.map((choice) => choice.text)).join('')).toBe(
          await aloneText('Once upon a time'),
        )
        expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe('length')
      },
    ],
    [
      'tell log-probabilities in their own form',
      async () => {
        const { choices } = await client.completions.create(text({ logprobs: 2, max_tokens: 4 }))
        const { tokens, token_logprobs: logprobs, top_logprobs: top, text_offset: offsets } = choices[0]!.logprobs!
        expect([tokens!.length, logprobs!.length, top!.length, offsets!.length]).toEqual([4, 4, 4, 4])
        expect(top!.map((each) => Object.keys(each).length)).toEqual([2, 2, 2, 2])
        expect(tokens!.join('').trim()).toBe(choices[0]!.text.trim())
        for (const [i, token] of tokens!.entries()) expect(top![i]![token]).toBeCloseTo(logprobs![i]!, 5)
      },
    ],
    ['end before a stop string', async () => expect((await textsOf({ stop: ' ' }))[0]).not.toContain(' ')],
  ])('%s', async (_, check) => await check())
})

describe('models', () => {
  test('are listed, and described by name', async () => {
    const models = await chunksOf(await client.models.list())
    expect(models.map(({ id }) => id)).toEqual([name])
    expect(await client.models.retrieve(name)).toMatchObject({ id: name, object: 'model', owned_by: 'lophi' })
  })

  test('of another name are not there', async () => {
    await expect(client.models.retrieve('gpt-4')).rejects.toBeInstanceOf(OpenAI.NotFoundError)
    await expect(client.chat.completions.create(chat({ model: 'gpt-4' }))).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
      param: 'model',
    })
  })
})

describe('errors', () => {
  const bad = (more: object) => () => client.chat.completions.create({ ...chat(), ...more } as Chat)
  const badText = (more: object) => () => client.completions.create({ ...text(), ...more } as Text)
  const message = (content: unknown, role = 'user') => ({ messages: [{ role, content }] })

  test.each<[call: () => Promise<unknown>, param: string, says: string]>([
    [bad({ messages: undefined }), 'messages', 'a list of messages, but it is missing'],
    [bad({ messages: [] }), 'messages', 'a list of messages, but it is []'],
    [bad(message('Hi', 'robot')), 'messages[0].role', 'but it is "robot"'],
    [bad(message('Hi', 'tool')), 'messages[0].role', 'but it is "tool"'],
    [bad(message(5)), 'messages[0].content', 'but it is 5'],
    [bad(message([{ type: 'image_url', image_url: { url: 'x' } }])), 'messages[0].content[0].type', 'image_url'],
    [bad(message([{ type: 'text' }])), 'messages[0].content[0].text', 'it is missing'],
    [bad({ temperature: 3 }), 'temperature', 'from 0 to 2, but it is 3'],
    [bad({ temperature: 'hot' }), 'temperature', 'a number'],
    [bad({ top_p: 1.5 }), 'top_p', 'from 0 to 1'],
    [bad({ n: 0 }), 'n', 'from 1 to 16'],
    [bad({ n: 1.5 }), 'n', 'a whole number'],
    [bad({ max_tokens: -1 }), 'max_tokens', 'from 0'],
    [bad({ seed: 0.5 }), 'seed', 'a whole number'],
    [bad({ stop: [1] }), 'stop', 'a string or several'],
    [bad({ stop: new Array(17).fill('a') }), 'stop', 'at most 16'],
    [bad({ presence_penalty: 5 }), 'presence_penalty', 'from -2 to 2'],
    [bad({ stream: 'yes' }), 'stream', 'true or false'],
    [bad({ stream_options: { include_usage: true } }), 'stream_options', 'with stream only'],
    [bad({ top_logprobs: 2 }), 'top_logprobs', 'with logprobs only'],
    [bad({ logprobs: true, top_logprobs: 21 }), 'top_logprobs', 'from 0 to 20'],
    [bad({ logit_bias: { 5: 1 } }), 'logit_bias', 'not supported'],
    [bad({ tools: 5 }), 'tools', 'not supported'],
    [bad({ tools: [{ type: 'function', function: { name: 'f' } }] }), 'tools', 'not supported'],
    [bad({ response_format: { type: 'json_object' } }), 'response_format', 'not supported'],
    [bad({ temprature: 1 }), 'temprature', 'Unrecognized request argument supplied: temprature'],
    [badText({ prompt: undefined }), 'prompt', 'it is missing'],
    [badText({ prompt: [] }), 'prompt', 'but it is []'],
    [badText({ prompt: [[5], 'a', {}] }), 'prompt[2]', 'a text or ids'],
    [badText({ prompt: [1e9] }), 'prompt', 'below the vocabulary'],
    [badText({ suffix: 'end' }), 'suffix', 'not supported'],
    [badText({ best_of: 3 }), 'best_of', 'not supported'],
    [badText({ logprobs: 50 }), 'logprobs', 'from 0 to 20'],
  ])('%#: a 400 that names the field', async (call, param, says) => {
    const error = await call().then(
      () => expect.fail('must be refused'),
      (error: unknown) => error,
    )
    expect(error).toBeInstanceOf(OpenAI.BadRequestError)
    expect(error).toMatchObject({ status: 400, param, type: 'invalid_request_error' })
    expect((error as Error).message).toContain(says)
  })

  test('of a prompt that is too long name the context', async () => {
    await expect(contentOf({ messages: [{ role: 'user', content: 'word '.repeat(3000) }] })).rejects.toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
      param: 'messages',
    })
  })

  test('of a wrong key and of none are 401, and say no key', async () => {
    for (const apiKey of ['sk-wrong', ' ']) {
      const other = new OpenAI({ baseURL: client.baseURL, apiKey, maxRetries: 0 })
      const error = await other.models.list().catch((error: unknown) => error)
      expect(error).toBeInstanceOf(OpenAI.AuthenticationError)
      expect(error).toMatchObject({ code: 'invalid_api_key' })
      expect(JSON.stringify(error)).not.toContain('sk-')
    }
  })

  test('of a full queue are 429 with a reason, and a client that tries again is served', async () => {
    await using small = createServer(model, { maxQueue: 0, maxRunning: 1, modelName: name })
    const url = await small.listen()
    const impatient = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })
    const patient = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 9 })
    const first = await impatient.chat.completions.create({
      ...chat({ max_tokens: 1500 }),
      ...{ ignore_eos: true },
      stream: true,
    })
    await expect(impatient.chat.completions.create(chat())).rejects.toMatchObject({
      status: 429,
      code: 'queue_full',
      type: 'rate_limit_error',
    })
    const later = patient.chat.completions.create(chat())
    first.controller.abort()
    expect((await later).choices[0]!.message.content).toBe('27 + 48 = 75')
  })
})
