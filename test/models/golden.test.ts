import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, loadModel, type Model, openDevice, type PrefillProgress } from '../../lib/index.js'
import { type GoldenPrompt, goldenPrompts, largestError, standardDeviation } from '../support/models.js'
import { sharedData } from '../support/shared.js'

// Tiny random checkpoints against float64 logits of every position. Errors are fractions of the logits' standard deviation.

/** Float32 arithmetic, whatever the cutting of the prompt. */
const float32Bound = 1e-4
/** Keys and values rounded to 11 bits. */
const float16CacheBound = 1e-2

const golden = sharedData('golden')
const checkpoints = ['mha', 'gqa', 'head96', 'window', 'longrope', 'partial-tied']

function relativeError(actual: Float32Array, expected: Float32Array): number {
  return largestError(actual, expected) / standardDeviation(expected)
}

/** Logits of positions first.. by way of the recorded step, after a prefill of those before. */
async function stepLogits(model: Model, ids: readonly number[], first: number): Promise<Float32Array> {
  const sequence = model.sequence()
  try {
    await sequence.prefill(ids.slice(0, first))
    const rows = new Float32Array((ids.length - first) * model.config.vocabSize)
    for (let i = first; i < ids.length; i++) {
      const { logits } = await sequence.step(ids[i], { logits: true })
      rows.set(logits!, (i - first) * model.config.vocabSize)
    }
    return rows
  } finally {
    sequence.dispose()
  }
}

/** How many greedy ids are told apart from the second best by more than twice the bound. */
function certain({ gap, logits }: GoldenPrompt, bound: number): number {
  const least = 2 * bound * standardDeviation(logits)
  const close = gap.findIndex((distance) => distance <= least)
  return close < 0 ? gap.length : close
}

let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.dispose())

describe.skipIf(golden === null).each(checkpoints)('golden checkpoint %s', (name) => {
  let model: Model
  let rounded: Model
  let prompts: GoldenPrompt[]

  beforeAll(async () => {
    const folder = join(golden as string, name)
    prompts = await goldenPrompts(folder)
    model = await loadModel(folder, { device })
    rounded = await loadModel(folder, { device, kvType: 'float16' })
    expect(prompts.map((prompt) => prompt.name)).toEqual(expect.arrayContaining(['short']))
  })
  afterAll(async () => {
    await model.dispose()
    await rounded.dispose()
  })

  test.each([1, 7, 64, 1024])('logits of every position in passes of %i tokens', async (chunk) => {
    for (const { name, ids, logits } of prompts) {
      const actual = await model.logits(ids, { all: true, chunk })
      expect(relativeError(actual, logits), name).toBeLessThan(float32Bound)
    }
  })

  test('the last position alone', async () => {
    for (const { ids, logits } of prompts) {
      const last = await model.logits(ids)
      expect(relativeError(last, logits.slice(-model.config.vocabSize))).toBeLessThan(float32Bound)
    }
  })

  test('logits of the recorded step', async () => {
    const { originalMaxPositionEmbeddings: original, ropeScaling, vocabSize } = model.config
    for (const { name, ids, logits } of prompts) {
      const first = 5
      // Expected rows have the factors of the whole prompt, so rows before a switch have no reference here.
      const from = ropeScaling && ids.length > original ? original : first
      const actual = await stepLogits(model, ids, first)
      const error = relativeError(actual.subarray((from - first) * vocabSize), logits.subarray(from * vocabSize))
      expect(error, name).toBeLessThan(float32Bound)
    }
  })

  test('the greedy continuation, past end-of-text ids', async () => {
    for (const prompt of prompts) {
      const generation = model.generate(prompt.ids, { maxTokens: prompt.greedy.length, ignoreEos: true })
      await generation.readAll()
      const count = certain(prompt, float32Bound)
      expect(count, prompt.name).toBeGreaterThan(0)
      expect(generation.ids.slice(0, count), prompt.name).toEqual(prompt.greedy.slice(0, count))
      expect(generation.stopReason).toBe('length')
    }
  })

  test('a float16 cache costs less than its bound', async () => {
    for (const prompt of prompts) {
      const { name, ids, logits } = prompt
      expect(relativeError(await rounded.logits(ids, { all: true, chunk: 16 }), logits), name).toBeLessThan(
        float16CacheBound,
      )
      const generation = rounded.generate(ids, { maxTokens: prompt.greedy.length, ignoreEos: true })
      await generation.readAll()
      const count = certain(prompt, float16CacheBound)
      expect(generation.ids.slice(0, count), name).toEqual(prompt.greedy.slice(0, count))
    }
  })
})

describe.skipIf(golden === null).each(['longrope', 'partial-tied'])('LongRoPE switch of %s', (name) => {
  let model: Model
  let prompts: Map<string, GoldenPrompt>
  const original = 64

  beforeAll(async () => {
    const folder = join(golden as string, name)
    prompts = new Map((await goldenPrompts(folder)).map((prompt) => [prompt.name, prompt]))
    model = await loadModel(folder, { device })
    expect(model.config.originalMaxPositionEmbeddings).toBe(original)
  })
  afterAll(() => model.dispose())

  test('a generation that passes the original context recomputes its cache once, and says so', async () => {
    const { ids, greedy } = prompts.get('edge64') as GoldenPrompt
    expect(ids.length).toBe(original)
    const events: PrefillProgress[] = []
    const generation = model.generate(ids, {
      maxTokens: greedy.length,
      ignoreEos: true,
      onProgress: (event) => events.push(event),
    })
    await generation.readAll()
    expect(events).toEqual([
      { stage: 'prefill', done: 64, total: 64 },
      { stage: 'rope-switch', done: 65, total: 65 },
    ])
  })

  test('a prompt beyond the original context has the long factors from the start', async () => {
    const stages: string[] = []
    const { ids } = prompts.get('edge65') as GoldenPrompt
    await model.logits(ids, { onProgress: ({ stage }) => stages.push(stage) })
    expect(stages).toEqual(['prefill'])
  })

  test('rewinding below the original context switches back, and growing again switches forth', async () => {
    const { vocabSize } = model.config
    const long = prompts.get('long') as GoldenPrompt
    const short = prompts.get('short') as GoldenPrompt
    const stages: string[] = []
    const options = {
      logits: true,
      onProgress: ({ stage, done, total }: PrefillProgress) => {
        if (done === total) stages.push(stage)
      },
    }
    const sequence = model.sequence()
    const beyond = await sequence.prefillAndSample(long.ids, options)
    expect(relativeError(beyond.logits!, long.logits.slice(-vocabSize))).toBeLessThan(float32Bound)

    sequence.rewind(20)
    const below = await sequence.prefillAndSample(long.ids.slice(20, 50), options)
    expect(relativeError(below.logits!, await model.logits(long.ids.slice(0, 50)))).toBeLessThan(float32Bound)
    sequence.rewind(0)
    const fresh = await sequence.prefillAndSample(short.ids, options)
    expect(relativeError(fresh.logits!, short.logits.slice(-vocabSize))).toBeLessThan(float32Bound)
    sequence.rewind(0)
    const { onProgress } = options
    await sequence.prefill(long.ids.slice(0, original), { onProgress })
    let last = fresh
    for (const id of long.ids.slice(original)) last = await sequence.step(id, options)
    expect(relativeError(last.logits!, long.logits.slice(-vocabSize))).toBeLessThan(float32Bound)
    sequence.dispose()
    expect(stages).toEqual(['prefill', 'rope-switch', 'prefill', 'prefill', 'rope-switch'])
  })

  test('planned by context: one decision for the whole sequence', async () => {
    const folder = join(golden as string, name)
    const planned = await loadModel(folder, { device, longrope: 'planned' })
    const small = await loadModel(folder, { device, longrope: 'planned', context: original })
    const { ids, logits } = prompts.get('edge64') as GoldenPrompt
    const stages: string[] = []
    const options = {
      maxTokens: 4,
      ignoreEos: true,
      onProgress: ({ stage }: PrefillProgress) => void stages.push(stage),
    }
    await planned.generate(ids, options).readAll()
    expect(stages).toEqual(['prefill'])
    expect(relativeError(await small.logits(ids, { all: true }), logits)).toBeLessThan(float32Bound)
    // The long factors from the first token on: what a sequence beyond the original context sees.
    const { ids: longIds, logits: longLogits } = prompts.get('long') as GoldenPrompt
    const first = await planned.logits(longIds.slice(0, 40), { all: true })
    expect(relativeError(first, longLogits.slice(0, first.length))).toBeLessThan(float32Bound)
    await planned.dispose()
    await small.dispose()
  })
})
