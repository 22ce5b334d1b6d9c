import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Batch } from '../../lib/generate/batch.js'
import { Generation } from '../../lib/generate/generation.js'
import { type Device, type GenerateOptions, loadModel, type Model, openDevice, type Sequence } from '../../lib/index.js'
import { tinyPhi3 } from '../support/models.js'

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

const prompts = [
  'Tell me a story about a fox and a kite.',
  'What can you do?',
  'Spell the word beaver.',
  'Count from 13 to 18.',
].map((content) => () => model.encodeMessages([{ role: 'user', content }]))

const samplers = [
  {},
  { temperature: 1.1, seed: 4 },
  { temperature: 0.7, seed: 9, topK: 20, topP: 0.9, repeatPenalty: 1.4 },
  { frequencyPenalty: 3 },
]

interface Line {
  readonly ids: number[]
  readonly logits: Float32Array[]
}

async function started(i: number): Promise<{ sequence: Sequence; id: number }> {
  const sequence = model.sequence()
  sequence.configure({ seed: 0, ...samplers[i] })
  const { id } = await sequence.prefillAndSample(prompts[i]!())
  return { sequence, id }
}

/** What a sequence gives alone, step by step. */
async function alone(i: number, count: number): Promise<Line> {
  const { sequence, id } = await started(i)
  const line: Line = { ids: [id], logits: [] }
  while (line.ids.length < count) {
    const sampled = await sequence.step(line.ids.at(-1)!, { logits: true })
    line.ids.push(sampled.id)
    line.logits.push(sampled.logits!)
  }
  sequence.dispose()
  return line
}

const batchOf = (sequences: readonly Sequence[]): Batch => {
  const batch = new Batch(sequences[0]!.decoder)
  batch.states = sequences.map(({ state }) => state)
  return batch
}

describe('a batch', () => {
  test.each([2, 3, 4])('of %i gives each sequence the ids and the very logits that it gets alone', async (count) => {
    const steps = 150
    const members = await Promise.all(Array.from({ length: count }, (_, i) => started(i)))
    const batch = batchOf(members.map(({ sequence }) => sequence))
    const lines: Line[] = members.map(({ id }) => ({ ids: [id], logits: [] }))
    while (lines[0]!.ids.length < steps) {
      const sampled = await batch.step(
        lines.map(({ ids }) => [ids.at(-1)!]),
        { logits: true },
      )
      sampled.forEach(({ id, logits }, i) => {
        lines[i]!.ids.push(id)
        lines[i]!.logits.push(logits!)
      })
    }
    for (const [i, { ids, logits }] of lines.entries()) {
      const expected = await alone(i, steps)
      expect(ids).toEqual(expected.ids)
      const different = logits.findIndex((row, t) => row.some((value, j) => value !== expected.logits[t]![j]))
      expect(different, `the first step of sequence ${i} whose logits differ`).toBe(-1)
    }
    batch.dispose()
    for (const { sequence } of members) sequence.dispose()
  })

  test('runs ahead of the host: steps fed on the device give the same, with one native call and eight bytes a row', async () => {
    const count = 60
    const members = await Promise.all([0, 1, 2, 3].map(started))
    const batch = batchOf(members.map(({ sequence }) => sequence))
    const lines = members.map(({ id }) => [id])
    const flight = [batch.step(members.map(({ id }) => [id]))]
    // what a page more costs is an upload in the same call
    const before = device.counters()
    while (flight.length < count - 1) flight.push(batch.advance())
    const after = device.counters()
    expect(after.calls - before.calls).toBe(count - 2)
    expect(after.replays - before.replays).toBe(count - 2)
    expect(after.bytesRead - before.bytesRead).toBe((count - 2) * 4 * 8)
    for (const step of flight) (await step).forEach(({ id }, i) => void lines[i]!.push(id))
    for (const [i, ids] of lines.entries()) {
      expect(ids).toEqual((await alone(i, count)).ids)
      expect(members[i]!.sequence.ids).toEqual([...prompts[i]!(), ...ids.slice(0, -1)])
    }
    batch.dispose()
    for (const { sequence } of members) sequence.dispose()
  })

  test('goes on as sequences leave it and join it', async () => {
    const members = await Promise.all([0, 1, 2, 3].map(started))
    const lines = members.map(({ id }) => [id])
    const batch = batchOf([members[0]!.sequence])
    const among = [[0], [0, 1], [0, 1, 2], [3, 1, 2], [1, 3], [2, 0, 3, 1], [2]]
    for (const rows of among) {
      batch.states = rows.map((i) => members[i]!.sequence.state)
      for (let n = 0; n < 11; n++) {
        const sampled = await batch.step(rows.map((i) => [lines[i]!.at(-1)!]))
        for (const [row, i] of rows.entries()) lines[i]!.push(sampled[row]!.id)
      }
    }
    for (const [i, ids] of lines.entries()) expect(ids).toEqual((await alone(i, ids.length)).ids)
    batch.dispose()
    for (const { sequence } of members) sequence.dispose()
  })

  test('refuses to run ahead of nothing, and to be fed while it runs ahead', async () => {
    const members = await Promise.all([0, 1].map(started))
    const batch = batchOf(members.map(({ sequence }) => sequence))
    expect(() => batch.advance()).toThrow(expect.objectContaining({ code: 'ERR_BUSY' }))
    const first = batch.step(members.map(({ id }) => [id]))
    const second = batch.advance()
    expect(() => batch.step([[1], [2]])).toThrow(expect.objectContaining({ code: 'ERR_BUSY' }))
    await Promise.all([first, second])
    batch.dispose()
    for (const { sequence } of members) sequence.dispose()
  })
})

describe('steps in flight', () => {
  interface Run {
    readonly tokens: unknown[]
    readonly text: string
    readonly stopReason: string | null
    readonly cached: readonly number[]
    /** What the sequence says when it goes on. */
    readonly after: readonly number[]
  }

  async function run(
    stepsInFlight: number,
    options: GenerateOptions & { leaveAt?: number; abortAt?: number },
  ): Promise<Run> {
    const { leaveAt, abortAt, ...rest } = options
    const controller = new AbortController()
    const sequence = model.sequence()
    const generation = new Generation({
      sequence,
      ids: prompts[0]!(),
      tokenizer: model.tokenizer,
      eosIds: model.eosIds,
      context: model.context,
      options: { seed: 1, ...rest, signal: controller.signal },
      stepsInFlight,
      onEnd: () => {},
    })
    const tokens: unknown[] = []
    try {
      for await (const token of generation) {
        tokens.push(token)
        if (tokens.length === leaveAt) break
        if (tokens.length === abortAt) controller.abort()
      }
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_ABORTED' })
    }
    const cached = sequence.ids
    const after: number[] = []
    for (let id = 42; after.length < 20; after.push(id)) id = (await sequence.step(id)).id
    sequence.dispose()
    return { tokens, text: generation.text, stopReason: generation.stopReason, cached, after }
  }

  test.each<[string, GenerateOptions & { leaveAt?: number; abortAt?: number }]>([
    ['the end of the text', {}],
    ['a stop string', { stop: 'kite' }],
    ['several stop strings', { stop: ['wind', ' took'] }],
    ['so many tokens', { maxTokens: 17 }],
    ['one token', { maxTokens: 1 }],
    ['the end of a page', { maxTokens: 128, ignoreEos: true }],
    ['the growth of the pool', { maxTokens: 300, ignoreEos: true }],
    ['an abort', { abortAt: 9 }],
    ['an abort at the first token', { abortAt: 1 }],
    ['a loop that is left', { leaveAt: 9 }],
    ['a loop that is left at once', { leaveAt: 1 }],
    ['penalties', { repeatPenalty: 1.6, frequencyPenalty: 1, presencePenalty: 0.5, maxTokens: 90 }],
    ['draws', { temperature: 1.3, topP: 0.95, maxTokens: 90, ignoreEos: true }],
    ['log-probabilities', { temperature: 0.9, logprobs: 3, maxTokens: 40 }],
  ])('change nothing: %s', async (_, options) => {
    const expected = await run(1, options)
    for (const stepsInFlight of [2, 3, 8]) expect(await run(stepsInFlight, options)).toEqual(expected)
  })

  test('change nothing at the end of the context', async () => {
    await using small = await loadModel(tinyPhi3, { device, context: 60 })
    const ids = async (stepsInFlight: number) => {
      using sequence = small.sequence()
      const generation = new Generation({
        sequence,
        ids: prompts[0]!(),
        tokenizer: null,
        eosIds: [],
        context: small.context,
        options: {},
        stepsInFlight,
        onEnd: () => {},
      })
      await generation.readAll()
      expect(generation.stopReason).toBe('length')
      return generation.ids
    }
    const expected = await ids(1)
    expect(expected).toHaveLength(60 - prompts[0]!().length + 1)
    for (const stepsInFlight of [2, 5]) expect(await ids(stepsInFlight)).toEqual(expected)
  })
})
