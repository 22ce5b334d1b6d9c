import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, type GenerateOptions, loadModel, type Model, openDevice, type Token } from '../../lib/index.js'
import type { Answer } from '../../lib/serve/answer.js'
import { Scheduler, type SchedulerOptions } from '../../lib/serve/scheduler.js'
import { tinyPhi3 } from '../support/models.js'

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

const questions = [
  'Tell me a story about a fox and a kite.',
  'What can you do?',
  'Spell the word beaver.',
  'Count from 13 to 18.',
  'What is 27 + 48?',
]
const samplers: GenerateOptions[] = [
  {},
  { temperature: 1.1, seed: 4 },
  { temperature: 0.7, seed: 9, topK: 20, topP: 0.9, repeatPenalty: 1.4 },
  { frequencyPenalty: 3 },
  { temperature: 1.3, seed: 77, logprobs: 3 },
]

interface Asked {
  readonly ids: readonly number[]
  readonly options: GenerateOptions
}

const idsOf = (content: string): number[] => model.encodeMessages([{ role: 'user', content }])

/** The i-th of many: prompts of 8 to 500 tokens, all samplers. */
function asked(i: number): Asked {
  const repeated = `${questions[i % questions.length]} `.repeat(i % 6 === 5 ? 30 : (i % 3) + 1)
  return {
    ids: idsOf(`${i}. ${repeated}`),
    options: { maxTokens: 5 + ((i * 7) % 40), ignoreEos: i % 2 === 0, seed: i, ...samplers[i % samplers.length] },
  }
}

async function tokensOf(answer: AsyncIterable<Token>): Promise<Token[]> {
  const tokens: Token[] = []
  for await (const token of answer) tokens.push(token)
  return tokens
}

const alone = ({ ids, options }: Asked): Promise<Token[]> => tokensOf(model.generate(ids, options))

const pool = () => {
  using sequence = model.sequence()
  return sequence.decoder.pool
}

async function withScheduler<T>(options: SchedulerOptions, use: (scheduler: Scheduler) => Promise<T>): Promise<T> {
  await using scheduler = new Scheduler(model, options)
  return await use(scheduler)
}

const aborted = expect.objectContaining({ code: 'ERR_ABORTED' })

describe('answers', () => {
  test('of 30 requests of mixed lengths are those of generate alone, token by token with their log-probabilities', async () => {
    const all = Array.from({ length: 30 }, (_, i) => asked(i))
    const given = await withScheduler({}, async (scheduler) => {
      const answers = all.map(({ ids, options }) => scheduler.submit(ids, options))
      const given = await Promise.all(answers.map(tokensOf))
      expect(answers.map(({ stopReason }) => stopReason)).not.toContain(null)
      expect(scheduler.stats).toMatchObject({ running: 0, waiting: 0, preemptions: 0 })
      expect(scheduler.stats.pages.used).toBe(scheduler.stats.pages.idle)
      return given
    })
    for (const [i, one] of all.entries()) expect(given[i], `request ${i}`).toEqual(await alone(one))
    expect(pool().used).toBe(0)
  })

  test('do not depend on who joins and who leaves in the middle', async () => {
    const first = asked(0)
    const long = { ...asked(11), options: { maxTokens: 60, ignoreEos: true } }
    const [given, later] = await withScheduler({}, async (scheduler) => {
      const answer = scheduler.submit(first.ids, { ...first.options, maxTokens: 80, ignoreEos: true })
      const joined: Answer[] = []
      const tokens: Token[] = []
      for await (const token of answer) {
        tokens.push(token)
        if (tokens.length === 3) joined.push(scheduler.submit(long.ids, long.options))
        if (tokens.length === 9) joined.push(scheduler.submit(asked(1).ids, { maxTokens: 200, ignoreEos: true }))
        if (tokens.length === 20) joined[1]!.cancel()
        if (tokens.length === 25) joined.push(scheduler.submit(asked(2).ids, asked(2).options))
      }
      await expect(joined[1]!.readAll()).rejects.toEqual(aborted)
      return [tokens, [await tokensOf(joined[0]!), await tokensOf(joined[2]!)]] as const
    })
    expect(given).toEqual(
      await alone({ ids: first.ids, options: { ...first.options, maxTokens: 80, ignoreEos: true } }),
    )
    expect(later).toEqual([await alone(long), await alone(asked(2))])
  })

  test('are the same where pages run out and the youngest are computed again', async () => {
    const all = Array.from({ length: 4 }, (_, i) => ({
      ids: idsOf(`${i} ${questions[i]}`),
      options: { maxTokens: 300, ignoreEos: true, ...samplers[i] },
    }))
    const given = await withScheduler({ cacheTokens: 5 * 128 }, async (scheduler) => {
      const given = await Promise.all(all.map(({ ids, options }) => tokensOf(scheduler.submit(ids, options))))
      expect(scheduler.stats.preemptions).toBeGreaterThan(0)
      expect(scheduler.stats.pages.used).toBe(scheduler.stats.pages.idle)
      return given
    })
    for (const [i, one] of all.entries()) expect(given[i], `request ${i}`).toEqual(await alone(one))
  })

  test('in steps of more rows than have the bits of one differ by rounding alone', async () => {
    const all = Array.from({ length: 12 }, (_, i) => asked(i + 30))
    const given = await withScheduler({ stepRows: 12 }, (scheduler) =>
      Promise.all(all.map(({ ids, options }) => tokensOf(scheduler.submit(ids, options)))),
    )
    for (const [i, one] of all.entries()) {
      const expected = await alone(one)
      const same = given[i]!.findIndex(({ id }, t) => id !== expected[t]?.id)
      const common = same < 0 ? expected.length : same
      // a token that rounding tips over ends what can be compared
      expect(common).toBeGreaterThan(0)
      for (let t = 0; t < common; t++) expect(Math.abs(given[i]![t]!.logprob - expected[t]!.logprob)).toBeLessThan(0.25)
    }
  })

  test('end by maxTokens 0 at once, and by a stop string as those of generate do', async () => {
    await withScheduler({}, async (scheduler) => {
      expect(await tokensOf(scheduler.submit(asked(0).ids, { maxTokens: 0 }))).toEqual([])
      const stop = scheduler.submit(idsOf(questions[1]!), { stop: ['numbers'] })
      expect(await stop.readAll()).toBe('I can tell short stories, add small ')
      expect(stop.stopReason).toBe('stop')
    })
  })

  test('end at the end of the context', async () => {
    await using small = await loadModel(tinyPhi3, { device, context: 60 })
    await using scheduler = new Scheduler(small)
    const ids = idsOf(questions[0]!)
    const answer = scheduler.submit(ids, { ignoreEos: true })
    expect(await tokensOf(answer)).toEqual(await tokensOf(small.generate(ids, { ignoreEos: true })))
    expect(answer.stopReason).toBe('length')
  })
})

describe('order', () => {
  test('a long prompt goes in by passes between the steps of others: nobody waits for two', async () => {
    await withScheduler({ sharePrefixes: false }, async (scheduler) => {
      const decoding = scheduler.submit(asked(0).ids, { maxTokens: 40, ignoreEos: true })
      const seen: number[] = []
      let long: Answer | undefined
      for await (const _ of decoding) {
        long ??= scheduler.submit(idsOf('word '.repeat(900)), { maxTokens: 1 })
        seen.push(scheduler.stats.prefilledTokens)
      }
      await long!.readAll()
      const between = seen.slice(1).map((tokens, i) => tokens - seen[i]!)
      expect(Math.max(...between)).toBeLessThanOrEqual(128)
      expect(between.filter((tokens) => tokens > 0).length).toBeGreaterThanOrEqual(7)
    })
  })

  test('is that of arrival, and nobody overtakes who waits for pages', async () => {
    await withScheduler({ maxRunning: 1 }, async (scheduler) => {
      const ended: number[] = []
      const answers = [0, 1, 2, 3].map((i) => scheduler.submit(asked(i).ids, { maxTokens: 3 }))
      await Promise.all(answers.map((answer, i) => answer.readAll().then(() => ended.push(i))))
      expect(ended).toEqual([0, 1, 2, 3])
      for (const [i, answer] of answers.entries())
        if (i > 0) expect(answer.queueTime).toBeGreaterThan(answers[i - 1]!.queueTime)
    })
  })
})

describe('refusals', () => {
  test('one request more than may wait is told so, and the others are answered', async () => {
    await withScheduler({ maxQueue: 2, maxRunning: 1 }, async (scheduler) => {
      const answers = [0, 1, 2].map((i) => scheduler.submit(asked(i).ids, { maxTokens: 2 }))
      expect(scheduler.stats).toMatchObject({ running: 1, waiting: 2 })
      expect(() => scheduler.submit(asked(3).ids)).toThrow(
        expect.objectContaining({
          code: 'ERR_QUEUE_FULL',
          message: 'scheduler: at most 2 requests may wait, but 2 do already',
        }),
      )
      expect(scheduler.stats).toMatchObject({ running: 1, waiting: 2 })
      for (const answer of answers) await answer.readAll()
      expect(answers.map(({ ids }) => ids.length)).toEqual([2, 2, 2])
    })
  })

  test('a prompt that can never fit is refused at once, by the context or by the pages', async () => {
    await withScheduler({}, async (scheduler) => {
      expect(() => scheduler.submit(new Array<number>(2049).fill(5))).toThrow(
        expect.objectContaining({ code: 'ERR_CONTEXT_OVERFLOW' }),
      )
    })
    await withScheduler({ cacheTokens: 256 }, async (scheduler) => {
      expect(scheduler.context).toBe(256)
      expect(() => scheduler.submit(new Array<number>(257).fill(5))).toThrow(
        'scheduler: the context must hold 257 tokens, but it is 256',
      )
      const answer = scheduler.submit(new Array<number>(250).fill(5), { ignoreEos: true })
      expect((await tokensOf(answer)).length).toBe(7)
      expect(answer.stopReason).toBe('length')
    })
  })

  test.each<[string, () => Parameters<Scheduler['submit']>, string]>([
    ['an empty prompt', () => [[]], 'ERR_ARGUMENT'],
    ['an id that is none', () => [[5, 1e9]], 'ERR_OUT_OF_RANGE'],
    ['an option that nobody knows', () => [[5], { topk: 3 } as GenerateOptions], 'ERR_ARGUMENT'],
    ['a temperature below 0', () => [[5], { temperature: -1 }], 'ERR_ARGUMENT'],
    ['a signal that has fired', () => [[5], { signal: AbortSignal.abort() }], 'ERR_ABORTED'],
  ])('%s throws and leaves nothing behind', async (_, call, code) => {
    await withScheduler({}, async (scheduler) => {
      expect(() => scheduler.submit(...call())).toThrow(expect.objectContaining({ code }))
      expect(scheduler.stats).toMatchObject({ running: 0, waiting: 0 })
    })
    expect(pool().used).toBe(0)
  })

  test('a scheduler that drains takes nothing more and ends what it has', async () => {
    await withScheduler({}, async (scheduler) => {
      const answer = scheduler.submit(asked(0).ids, asked(0).options)
      const drained = scheduler.drain()
      expect(() => scheduler.submit(asked(1).ids)).toThrow('but it is draining')
      await drained
      expect(await tokensOf(answer)).toEqual(await alone(asked(0)))
    })
  })

  test.each([
    { maxQueue: -1 },
    { maxRunning: 0 },
    { stepRows: 1.5 },
    { cacheTokens: 5 },
    { rows: 3 } as SchedulerOptions,
  ])('options %j are refused', (options) => {
    expect(() => new Scheduler(model, options)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }))
  })
})

describe('cancelling', () => {
  test('frees the pages before the next step, whether the request decodes, is read, or waits', async () => {
    await withScheduler({ maxRunning: 3, sharePrefixes: false }, async (scheduler) => {
      const controllers = [0, 1, 2, 3].map(() => new AbortController())
      const prompts = [asked(0).ids, asked(1).ids, idsOf('word '.repeat(900)), asked(3).ids]
      const answers = prompts.map((ids, i) =>
        scheduler.submit(ids, { maxTokens: 500, ignoreEos: true, signal: controllers[i]!.signal }),
      )
      const other = answers[0]![Symbol.asyncIterator]()
      for (let t = 0; t < 3; t++) await other.next()
      for (const controller of controllers.slice(1)) controller.abort()
      for (const answer of answers.slice(1)) await expect(answer.readAll()).rejects.toEqual(aborted)
      for (let t = 0; t < 3; t++) expect((await other.next()).done).toBe(false)
      expect(scheduler.stats).toMatchObject({ running: 1, waiting: 0 })
      expect(scheduler.stats.pages.used).toBeLessThanOrEqual(1)
      await other.return?.(undefined)
      await scheduler.drain()
      expect(scheduler.stats.pages.used).toBe(0)
    })
  })

  test('by leaving the loop ends the work', async () => {
    await withScheduler({ sharePrefixes: false }, async (scheduler) => {
      const answer = scheduler.submit(asked(0).ids, { ignoreEos: true })
      for await (const _ of answer) break
      expect(answer.stopReason).toBe('aborted')
      await scheduler.drain()
      expect(scheduler.stats.pages.used).toBe(0)
    })
  })

  test('by closing ends all, and the memory is as before', async () => {
    await device.sync()
    const before = device.memory().used
    const scheduler = new Scheduler(model)
    const answers = [0, 1, 5, 3].map((i) => scheduler.submit(asked(i).ids, { ignoreEos: true }))
    for await (const _ of answers[0]!) break
    await scheduler.close()
    for (const answer of answers.slice(1)) await expect(answer.readAll()).rejects.toEqual(aborted)
    await device.sync()
    // tables of rotary angles stay with the model
    expect(device.memory().used - before).toBeLessThan(2 ** 20)
    expect(pool().used).toBe(0)
  })
})

test('memory is flat over many requests', async () => {
  await withScheduler({ cacheTokens: 1024, maxRunning: 3 }, async (scheduler) => {
    const round = async () => {
      await Promise.all(Array.from({ length: 8 }, (_, i) => tokensOf(scheduler.submit(asked(i).ids, { maxTokens: 4 }))))
      await device.sync()
      return device.memory().used
    }
    // plans for one, two and three rows are recorded, and pages grow to what is allowed
    const first = [await round(), await round(), await round()]
    for (let n = 0; n < 12; n++) expect(await round()).toBeLessThanOrEqual(Math.max(...first))
  })
})

describe('prompts that begin alike', () => {
  const system = `Remember: ${'the kite is red and the fox is brown. '.repeat(30)}`
  const chat = (content: string) =>
    model.encodeMessages([
      { role: 'system', content: system },
      { role: 'user', content },
    ])

  test('are computed once where they are the same, and the answers stay those of generate alone', async () => {
    const prompts = questions.map(chat)
    const shared = Math.floor(prompts[0]!.findIndex((id, t) => id !== prompts[1]![t]) / 128) * 128
    expect(shared).toBeGreaterThanOrEqual(256)
    await withScheduler({}, async (scheduler) => {
      const answers = prompts.map((ids) => scheduler.submit(ids, { maxTokens: 12 }))
      const given = await Promise.all(answers.map(tokensOf))
      const all = prompts.reduce((sum, ids) => sum + ids.length, 0)
      expect(scheduler.stats.prefilledTokens).toBe(all - (prompts.length - 1) * shared)
      expect(answers.map(({ cachedTokens }) => cachedTokens)).toEqual([0, shared, shared, shared, shared])
      for (const [i, ids] of prompts.entries())
        expect(given[i]).toEqual(await alone({ ids, options: { maxTokens: 12 } }))
      // long after the first have gone, too
      const again = scheduler.submit(prompts[2]!, { maxTokens: 12 })
      expect(await tokensOf(again)).toEqual(given[2])
      expect(again.cachedTokens).toBe(Math.floor((prompts[2]!.length - 1) / 128) * 128)
    })
    expect(pool().used).toBe(0)
  })

  test('give their pages up where others need them', async () => {
    await withScheduler({ cacheTokens: 8 * 128 }, async (scheduler) => {
      await scheduler.submit(chat('Hi!'), { maxTokens: 2 }).readAll()
      const { idle } = scheduler.stats.pages
      expect(idle).toBeGreaterThanOrEqual(2)
      const other = { ids: idsOf('word '.repeat(800)), options: { maxTokens: 3 } }
      expect(await tokensOf(scheduler.submit(other.ids, other.options))).toEqual(await alone(other))
      expect(scheduler.stats.pages.used).toBeLessThanOrEqual(8)
      const again = scheduler.submit(chat('Hi!'), { maxTokens: 2 })
      await again.readAll()
      expect(again.cachedTokens).toBeLessThan(idle * 128)
    })
  })

  test('are computed apart where that is asked for', async () => {
    await withScheduler({ sharePrefixes: false }, async (scheduler) => {
      for (const _ of [1, 2]) await scheduler.submit(chat('Hi!'), { maxTokens: 2 }).readAll()
      expect(scheduler.stats).toMatchObject({ cachedTokens: 0, prefilledTokens: 2 * chat('Hi!').length })
      expect(scheduler.stats.pages.idle).toBe(0)
    })
  })
})
