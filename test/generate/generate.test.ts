import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  AbortedError,
  ArgumentError,
  type Device,
  type GenerateOptions,
  type Generation,
  loadModel,
  type Model,
  openDevice,
  type Token,
  TokenizerError,
} from '../../lib/index.js'
import { tinyPhi3 } from '../support/models.js'
import { sharedData, temporaryFolder } from '../support/shared.js'

let device: Device
let model: Model
beforeAll(async () => {
  device = await openDevice('cpu')
  model = await loadModel(tinyPhi3, { device })
})
afterAll(async () => {
  await model.dispose()
  await device.dispose()
})

const ask = (content: string) => [{ role: 'user', content }] as const
const question = ask('What can you do?')
const answer = 'I can tell short stories, add small numbers, name capitals and opposites, count, and spell words.'
const story = ask('Tell me a story about a fox and a kite.')

async function tokensOf(generation: Generation): Promise<Token[]> {
  const tokens: Token[] = []
  for await (const token of generation) tokens.push(token)
  return tokens
}

async function textOf(prompt: Parameters<Model['generate']>[0], options?: GenerateOptions): Promise<string> {
  return await model.generate(prompt, options).readAll()
}

/** The error that a promise rejects with. */
async function failure(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => expect.fail('must reject, but it resolved'),
    (error) => error,
  )
}

/** Memory of a tensor goes when the last work on it is done. */
async function bytesUsed(): Promise<number> {
  await device.sync()
  return device.memory().used
}

describe('tokens and text', () => {
  test('the pieces of text add up to the decoded ids, at any temperature', async () => {
    let all = ''
    const beyondAscii = /[^\0-\x7f\ufffd]/
    // Hot enough for tokens of single bytes, whole characters and broken ones: which ones come is up to rounding.
    for (let seed = 1; seed <= 6 || (seed < 60 && !beyondAscii.test(all)); seed++) {
      const [temperature, maxTokens] = seed <= 6 ? [seed, 60] : [1e4, 600]
      const generation = model.generate(story, { temperature, seed, maxTokens, ignoreEos: true })
      const tokens = await tokensOf(generation)
      expect(tokens.map(({ id }) => id)).toEqual(generation.ids)
      expect(tokens.map(({ text }) => text).join('')).toBe(generation.text)
      expect(generation.text).toBe(model.tokenizer!.decode(generation.ids))
      all += generation.text
    }
    expect(all).toMatch(/\ufffd/)
    expect(all).toMatch(beyondAscii)
  })

  test('ends at an end-of-text token, which counts but is not shown', async () => {
    const generation = model.generate(question)
    expect(generation.stopReason).toBeNull()
    const tokens = await tokensOf(generation)
    expect(generation).toMatchObject({ text: answer, stopReason: 'eos' })
    expect(model.eosIds).toContain(generation.ids.at(-1))
    expect(tokens.at(-1)!.text).toBe('')
    expect(generation.promptTokens).toBe(model.encodeMessages(question).length)
    expect(generation.prefilledTokens).toBe(generation.promptTokens)
  })

  test('a text, messages and ids are the same prompt', async () => {
    const text = model.tokenizer!.applyChatTemplate(question)
    const ids = model.encodeMessages(question)
    expect(model.tokenizer!.encode(text)).toEqual(ids)
    expect(await textOf(text)).toBe(answer)
    expect(await textOf(ids)).toBe(answer)
  })

  test('goes past end-of-text tokens when told to', async () => {
    const generation = model.generate(question, { ignoreEos: true, maxTokens: 40 })
    await generation.readAll()
    expect(generation.ids).toHaveLength(40)
    expect(generation.ids.some((id) => model.eosIds.includes(id))).toBe(true)
    expect(generation.stopReason).toBe('length')
    expect(generation.text.startsWith(answer)).toBe(true)
  })

  test.each([0, 1, 5])('stops after %i tokens', async (maxTokens) => {
    const whole = model.generate(question)
    await whole.readAll()
    const generation = model.generate(question, { maxTokens })
    const tokens = await tokensOf(generation)
    expect(tokens).toHaveLength(maxTokens)
    expect(generation).toMatchObject({ ids: whole.ids.slice(0, maxTokens), stopReason: 'length' })
    expect(generation.text).toBe(model.tokenizer!.decode(generation.ids))
  })

  test('is iterated only once', async () => {
    const generation = model.generate(question, { maxTokens: 1 })
    await generation.readAll()
    expect(await failure(generation.readAll())).toMatchObject({ code: 'ERR_ARGUMENT' })
  })

  test('two generations on one model give what they give alone', async () => {
    const prompts = [question, story, ask('Spell the word beaver.')]
    const alone = [await textOf(prompts[0]), await textOf(prompts[1]), await textOf(prompts[2])]
    expect(await Promise.all(prompts.map((prompt) => textOf(prompt)))).toEqual(alone)

    // Strictly in turns, too.
    const streams = prompts.map((prompt) => model.generate(prompt))
    const iterators = streams.map((stream) => stream[Symbol.asyncIterator]())
    let open = iterators
    while (open.length > 0) {
      const steps = await Promise.all(open.map((iterator) => iterator.next()))
      open = open.filter((_, i) => !steps[i].done)
    }
    expect(streams.map(({ text }) => text)).toEqual(alone)
  })
})

describe('stop strings', () => {
  test('every part of an answer ends it there and is never shown', async () => {
    const answer = 'A banana is yellow.'
    const prompt = ask('What color is a banana?')
    expect(await textOf(prompt)).toBe(answer)
    for (const length of [1, 2, 5, 11])
      for (let start = 0; start + length <= answer.length; start++) {
        const stop = answer.slice(start, start + length)
        const generation = model.generate(prompt, { stop })
        let shown = ''
        for await (const { text } of generation) {
          shown += text
          expect(answer.slice(0, answer.indexOf(stop)).startsWith(shown)).toBe(true)
        }
        expect([stop, generation.text, generation.stopReason]).toEqual([
          stop,
          answer.slice(0, answer.indexOf(stop)),
          'stop',
        ])
      }
  })

  test('the earliest of several wins, an empty one never does', async () => {
    expect(await textOf(question, { stop: ['count', 'stories', ''] })).toBe('I can tell short ')
    expect(await textOf(question, { stop: [''] })).toBe(answer)
  })

  test('text held back for a stop string that does not come is shown at the end', async () => {
    const generation = model.generate(question, { stop: ['words. And', 'spell it'] })
    expect(await generation.readAll()).toBe(answer)
    expect(generation.stopReason).toBe('eos')
    const cut = model.generate(question, { stop: 'short story', maxTokens: 4 })
    expect(await cut.readAll()).toBe(model.tokenizer!.decode(cut.ids))
  })
})

describe('sampling', () => {
  test('one seed gives one text, other seeds give others', async () => {
    const told = (seed: number) => textOf(story, { temperature: 1, seed, maxTokens: 40 })
    const texts = [await told(1), await told(2), await told(3), await told(2 ** 40)]
    expect(await told(1)).toBe(texts[0])
    expect(await told(2 ** 40)).toBe(texts[3])
    expect(new Set(texts).size).toBe(4)
  })

  test('without a seed, texts differ', async () => {
    const texts = new Set<string>()
    for (let i = 0; i < 4; i++) texts.add(await textOf(story, { temperature: 1.5, maxTokens: 30 }))
    expect(texts.size).toBeGreaterThan(1)
  })

  test.each([{ topK: 1 }, { topP: 0 }, { topP: 1e-6 }, { minP: 1 }])(
    '%o at any temperature is greedy',
    async (options) => {
      expect(await textOf(story, { temperature: 1.5, seed: 5, maxTokens: 40, ...options })).toBe(
        await textOf(story, { maxTokens: 40 }),
      )
    },
  )

  test('a repeat penalty changes what is repeated', async () => {
    const prompt = ask('Repeat after me: boat boat boat')
    const plain = await textOf(prompt, { maxTokens: 12 })
    expect(await textOf(prompt, { maxTokens: 12, repeatPenalty: 1 })).toBe(plain)
    for (const options of [{ repeatPenalty: 5 }, { frequencyPenalty: 20 }, { presencePenalty: 30 }])
      expect(await textOf(prompt, { maxTokens: 12, ...options })).not.toBe(plain)
  })

  test('penalties see the prompt: its own tokens can be ruled out', async () => {
    const ids = model.encodeMessages(ask('Repeat after me: boat black'))
    const generation = model.generate(ids, { maxTokens: 20, presencePenalty: 1000, ignoreEos: true })
    await generation.readAll()
    expect(generation.ids.filter((id) => ids.includes(id))).toEqual([])
    // No token comes twice either.
    expect(new Set(generation.ids).size).toBe(20)
  })
})

describe('log-probabilities', () => {
  const logSumExp = (logits: Float32Array) => {
    const largest = Math.max(...logits)
    return largest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0))
  }

  test('equal log_softmax of the logits after the tokens so far', async () => {
    const prompt = model.encodeMessages(question)
    const generation = model.generate(prompt, { maxTokens: 8, temperature: 1, seed: 3 })
    const tokens = await tokensOf(generation)
    for (const [i, { id, logprob }] of tokens.entries()) {
      const logits = await model.logits([...prompt, ...generation.ids.slice(0, i)])
      expect(logprob).toBeCloseTo(logits[id] - logSumExp(logits), 1)
    }
  })

  test('equal them closely where activations are not rounded', async () => {
    await using exact = await loadModel(tinyPhi3, { device, activations: 'f32', kvType: 'float32' })
    const prompt = exact.encodeMessages(question)
    const generation = exact.generate(prompt, { maxTokens: 8, temperature: 1, seed: 3 })
    const tokens = await tokensOf(generation)
    for (const [i, { id, logprob }] of tokens.entries()) {
      const logits = await exact.logits([...prompt, ...generation.ids.slice(0, i)])
      expect(logprob).toBeCloseTo(logits[id] - logSumExp(logits), 3)
    }
  })

  test('top lists the likeliest ids; all of them together are certain', async () => {
    const tokens = await tokensOf(model.generate(question, { maxTokens: 5, logprobs: model.config.vocabSize }))
    for (const { id, logprob, top } of tokens) {
      expect(top).toHaveLength(model.config.vocabSize)
      expect(top![0].id).toBe(id)
      expect(top![0].logprob).toBeCloseTo(logprob, 4)
      expect(top!.every((entry, i) => i === 0 || entry.logprob <= top![i - 1].logprob)).toBe(true)
      expect(new Set(top!.map((entry) => entry.id)).size).toBe(top!.length)
      expect(top!.reduce((sum, entry) => sum + Math.exp(entry.logprob), 0)).toBeCloseTo(1, 4)
    }
  })

  test('are the same with and without top, which only comes when asked for', async () => {
    const plain = await tokensOf(model.generate(question))
    const listed = await tokensOf(model.generate(question, { logprobs: 3 }))
    expect(listed.map(({ top, ...token }) => token)).toEqual(plain)
    expect(listed.every(({ top }) => top?.length === 3)).toBe(true)
    expect(plain.some((token) => 'top' in token)).toBe(false)
  })
})

describe('aborting', () => {
  /** The model answers as ever, and nothing of the aborted generation is left on the device. */
  async function expectIntact(used: number): Promise<void> {
    expect(await bytesUsed()).toBe(used)
    expect(await textOf(question)).toBe(answer)
  }

  test('before the start: no token is computed', async () => {
    const used = await bytesUsed()
    const generation = model.generate(question, { signal: AbortSignal.abort('enough') })
    const error = await failure(generation.readAll())
    expect(error).toBeInstanceOf(AbortedError)
    expect(error).toMatchObject({ code: 'ERR_ABORTED', cause: 'enough' })
    expect(generation).toMatchObject({ stopReason: 'aborted', text: '', ids: [] })
    await expectIntact(used)
  })

  test('between two passes of the prompt', async () => {
    const prompt = Array.from({ length: 400 }, (_, i) => 300 + (i % 50))
    // The rotary tables, which are the model's, are as long as the longest sequence so far.
    await model.logits(prompt)
    const used = await bytesUsed()
    const controller = new AbortController()
    const seen: number[] = []
    const generation = model.generate(prompt, {
      signal: controller.signal,
      onProgress: ({ done }) => {
        seen.push(done)
        if (seen.length === 2) controller.abort()
      },
    })
    expect(await failure(generation.readAll())).toBeInstanceOf(AbortedError)
    expect(seen).toHaveLength(2)
    expect(seen[1]).toBeLessThan(400)
    expect(generation).toMatchObject({ stopReason: 'aborted', ids: [] })
    await expectIntact(used)
  })

  test('between two tokens: what came so far stays', async () => {
    const used = await bytesUsed()
    const controller = new AbortController()
    const generation = model.generate(question, { signal: controller.signal })
    const error = await failure(
      (async () => {
        for await (const _ of generation) if (generation.ids.length === 4) controller.abort()
      })(),
    )
    expect(error).toBeInstanceOf(AbortedError)
    expect(generation.ids).toHaveLength(4)
    expect(generation.stopReason).toBe('aborted')
    expect(generation.text).not.toBe('')
    expect(answer.startsWith(generation.text)).toBe(true)
    await expectIntact(used)
  })

  test('leaving the loop frees the sequence', async () => {
    const used = await bytesUsed()
    const generation = model.generate(question)
    for await (const _ of generation) if (generation.ids.length === 3) break
    expect(generation).toMatchObject({ stopReason: 'aborted' })
    expect(generation.ids).toHaveLength(3)
    await expectIntact(used)
  })

  test('a throw in the loop frees the sequence', async () => {
    const used = await bytesUsed()
    const error = new Error('mine')
    const loop = async () => {
      for await (const _ of model.generate(question)) throw error
    }
    expect(await failure(loop())).toBe(error)
    await expectIntact(used)
  })

  test('a finished generation frees the sequence', async () => {
    const used = await bytesUsed()
    await textOf(question)
    await expectIntact(used)
  })

  test('logits and loading', async () => {
    const used = await bytesUsed()
    expect(await failure(model.logits([1, 2, 3], { signal: AbortSignal.abort() }))).toBeInstanceOf(AbortedError)
    expect(await failure(loadModel(tinyPhi3, { device, signal: AbortSignal.abort() }))).toBeInstanceOf(AbortedError)
    await expectIntact(used)
  })

  test('loading, from a later turn of the event loop', async () => {
    const used = await bytesUsed()
    const controller = new AbortController()
    const layers: number[] = []
    const loading = loadModel(tinyPhi3, {
      device,
      signal: controller.signal,
      onProgress: ({ done }) => {
        layers.push(done)
        setImmediate(() => controller.abort())
      },
    })
    expect(await failure(loading)).toBeInstanceOf(AbortedError)
    expect(layers.length).toBeLessThan(model.config.numHiddenLayers)
    await expectIntact(used)
  })

  test('loading of a device that is disposed meanwhile', async () => {
    const other = await openDevice('cpu')
    const used = await bytesUsed()
    const loading = loadModel(tinyPhi3, { device: other, onProgress: () => void other.dispose() })
    expect(await failure(loading)).toMatchObject({ code: 'ERR_DISPOSED' })
    await expectIntact(used)
  })
})

test('a tokenizer that is not supported leaves the model to those who have ids', async () => {
  const folder = sharedData('tiny-phi3')
  if (folder === null) return
  const copy = join(await temporaryFolder(), 'unigram')
  await cp(folder, copy, { recursive: true })
  await writeFile(join(copy, 'tokenizer.json'), JSON.stringify({ model: { type: 'Unigram' } }))
  await using foreign = await loadModel(copy, { device })
  expect(foreign.tokenizer).toBeNull()
  const generation = foreign.generate([2058, 294, 275], { maxTokens: 3, ignoreEos: true })
  await generation.readAll()
  expect([generation.ids.length, generation.text]).toEqual([3, ''])
  expect(await foreign.logits([2058])).toHaveLength(foreign.config.vocabSize)
  for (const use of [() => foreign.generate('text'), () => foreign.generate(question), () => foreign.session()]) {
    expect(use).toThrow(TokenizerError)
    expect(use).toThrow(/cannot be read: tokenizer.json: model.type must be "BPE", but is "Unigram"; pass ids$/)
  }
})

describe('limits', () => {
  test('a text that cannot fit is refused before it is encoded', async () => {
    await using small = await loadModel(tinyPhi3, { device, context: 32 })
    const long = 'a'.repeat(10_000_000)
    const start = performance.now()
    for (const use of [
      () => small.generate(long),
      () => small.generate(ask(long)),
      () => small.session().send(long),
      () => small.generate('hello world '.repeat(60)),
    ]) {
      expect(use).toThrow('must have at most 32 tokens, but has more')
      expect(use).toThrow(expect.objectContaining({ code: 'ERR_CONTEXT_OVERFLOW' }))
    }
    // encoding these would take a minute
    expect(performance.now() - start).toBeLessThan(15_000)
  })

  test('a prompt longer than the context is refused', async () => {
    await using small = await loadModel(tinyPhi3, { device, context: 32 })
    const used = await bytesUsed()
    const ids = Array.from({ length: 33 }, (_, i) => 300 + i)
    expect(small.context).toBe(32)
    expect(await failure(small.generate(ids).readAll())).toMatchObject({ code: 'ERR_CONTEXT_OVERFLOW' })
    expect(await failure(small.logits(ids))).toMatchObject({ code: 'ERR_CONTEXT_OVERFLOW' })
    expect(await bytesUsed()).toBe(used)
  })

  test.each([32, 31, 20])('a prompt of %i ids in a context of 32 leaves room for what fits', async (length) => {
    await using small = await loadModel(tinyPhi3, { device, context: 32 })
    const ids = Array.from({ length }, (_, i) => 300 + i)
    const generation = small.generate(ids, { ignoreEos: true })
    await generation.readAll()
    // The last token needs no place of its own: nothing comes after it.
    expect(generation).toMatchObject({ stopReason: 'length' })
    expect(generation.ids).toHaveLength(32 - length + 1)
  })

  test('a sequence refuses one token too many and stays usable', async () => {
    await using small = await loadModel(tinyPhi3, { device, context: 32 })
    const sequence = small.sequence()
    const ids = Array.from({ length: 32 }, (_, i) => 300 + i)
    const first = await sequence.prefillAndSample(ids)
    expect(sequence.full).toBe(true)
    expect(await failure(sequence.step(first.id))).toMatchObject({ code: 'ERR_CONTEXT_OVERFLOW' })
    sequence.rewind(31)
    expect(await sequence.step(ids[31])).toMatchObject({ id: first.id })
    sequence.dispose()
  })

  test.each([[[-1]], [[2112]], [[1.5]], [[Number.NaN]], [[5, 2112]]])('ids %j are out of range', async (ids) => {
    const error = { code: 'ERR_OUT_OF_RANGE', message: expect.stringContaining(`ids[${ids.length - 1}]`) }
    expect(await failure(model.generate(ids).readAll())).toMatchObject(error)
    expect(await failure(model.logits(ids))).toMatchObject(error)
  })

  test('an empty prompt is refused', async () => {
    expect(() => model.generate([])).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }))
    expect(await failure(model.logits([]))).toMatchObject({ code: 'ERR_ARGUMENT' })
    const sequence = model.sequence()
    expect(await failure(sequence.prefillAndSample([]))).toMatchObject({ code: 'ERR_ARGUMENT' })
    sequence.dispose()
  })

  test.each([
    ['temperature', [-1, Number.NaN, Number.POSITIVE_INFINITY, '1']],
    ['topK', [-1, 1.5, '3']],
    ['topP', [-0.1, 1.1]],
    ['minP', [-0.1, 1.1]],
    ['repeatPenalty', [0, -1]],
    ['frequencyPenalty', [Number.NaN]],
    ['presencePenalty', [Number.NEGATIVE_INFINITY]],
    ['seed', [-1, 0.5, 2 ** 53]],
    ['maxTokens', [-1, 1.5, Number.NaN, '5']],
    ['logprobs', [-1, 1.5, '3']],
    ['stop', [5, [null]]],
  ])('%s out of range is an argument error that names it', async (name, values) => {
    const used = await bytesUsed()
    for (const value of values) {
      const call = () => model.generate(question, { [name]: value } as GenerateOptions)
      expect(call, String(value)).toThrow(ArgumentError)
      expect(call).toThrow(name)
    }
    expect(await bytesUsed()).toBe(used)
  })

  test.each([0, -1, 1.5, Number.NaN])('a pass of %d tokens is refused', async (chunk) => {
    expect(await failure(model.logits([1, 2, 3], { chunk }))).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringContaining('chunk'),
    })
  })

  test.each([
    ['context', [0, 2049, 1.5]],
    ['window', [-1, 1.5]],
    ['kvType', ['int8']],
    ['activations', ['f16']],
    ['longrope', ['never']],
  ])('loading with a wrong %s is an argument error that names it', async (name, values) => {
    for (const value of values) {
      const error = await failure(loadModel(tinyPhi3, { device, [name]: value }))
      expect(error, String(value)).toBeInstanceOf(ArgumentError)
      expect((error as Error).message).toContain(name)
    }
  })
})

describe('the decode step', () => {
  test('is one native call and reads back eight bytes', async () => {
    const generation = model.generate(story, { maxTokens: 40 })
    const iterator = generation[Symbol.asyncIterator]()
    // The first token comes from the prefill, the second records the plan.
    await iterator.next()
    await iterator.next()
    const before = device.counters()
    for (let i = 0; i < 30; i++) await iterator.next()
    const after = device.counters()
    await iterator.return?.(undefined)
    expect(after.replays - before.replays).toBe(30)
    expect(after.bytesRead - before.bytesRead).toBe(30 * 8)
    expect(after.calls - before.calls).toBe(30)
  })

  test('keeps its ids while the cache grows past 256 and 512 tokens', async () => {
    const prompt = model.encodeMessages(story)
    const count = 540
    const generation = model.generate(prompt, { maxTokens: count, ignoreEos: true })
    await generation.readAll()
    expect(generation.ids).toHaveLength(count)

    // The same with room for all from the start.
    const roomy = model.sequence()
    await roomy.prefill(Array.from({ length: 600 }, () => 300))
    roomy.rewind(0)
    const ids = [(await roomy.prefillAndSample(prompt)).id]
    while (ids.length < count) ids.push((await roomy.step(ids.at(-1)!)).id)
    roomy.dispose()
    expect(generation.ids).toEqual(ids)
  })

  test('sees a context grown by prefill as one computed at once', async () => {
    const ids = Array.from({ length: 700 }, (_, i) => 300 + ((i * 7) % 90))
    const sequence = model.sequence()
    for (const end of [200, 257, 300, 520, 700])
      await sequence.prefill(ids.slice(sequence.ids.length, end), { chunk: 64 })
    sequence.rewind(699)
    const { logits } = await sequence.step(ids[699], { logits: true })
    const whole = await model.logits(ids)
    const argmax = (values: Float32Array) => values.indexOf(Math.max(...values))
    expect(argmax(logits!)).toBe(argmax(whole))
    sequence.dispose()
  })
})
