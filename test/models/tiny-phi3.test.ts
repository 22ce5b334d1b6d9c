import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { convert } from '../../lib/convert/index.js'
import { type Device, type LoadModelOptions, loadModel, type Model, openDevice } from '../../lib/index.js'
import { type Answer, tinyPhi3, tinyPhi3Checks } from '../support/models.js'
import { sharedData, temporaryFolder } from '../support/shared.js'

// The trained model's answers, in every format that it can be stored in.

const checks = await tinyPhi3Checks()
const weights = sharedData('tiny-phi3/model.safetensors')
const checkpoint = weights && dirname(weights)
const folder = await temporaryFolder()

let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.dispose())

async function withModel<T>(path: string, options: LoadModelOptions, fn: (model: Model) => Promise<T>): Promise<T> {
  await using model = await loadModel(path, { device, ...options })
  return await fn(model)
}

/** Whether the model says what a float32 pass says. */
async function answers(model: Model, { messages, promptIds, ids, answer }: Answer): Promise<boolean> {
  expect(model.encodeMessages(messages)).toEqual(promptIds)
  const generation = model.generate(messages, { maxTokens: ids.length + 8 })
  const text = await generation.readAll()
  if (generation.ids.join() !== ids.join()) return false
  expect({ text, stopReason: generation.stopReason }).toEqual({ text: answer, stopReason: 'eos' })
  return true
}

async function missed(model: Model): Promise<string[]> {
  const wrong: string[] = []
  for (const check of checks!.answers) if (!(await answers(model, check))) wrong.push(check.messages.at(-1)!.content)
  return wrong
}

describe.each(['auto', 'f32'] as const)('models/tiny-phi3 with activations %s', (activations) => {
  test.each([
    ['What is 25 + 76?', '25 + 76 = 101'],
    ['Spell the word beaver.', 'B-E-A-V-E-R'],
    ['What day comes before Thursday?', 'Wednesday comes before Thursday.'],
  ])('answers "%s"', async (content, answer) => {
    await withModel(tinyPhi3, { activations }, async (model) => {
      expect(model.activations).toBe(activations === 'auto' ? 'int8' : 'f32')
      const generation = model.generate([{ role: 'user', content }])
      expect(await generation.readAll()).toBe(answer)
      expect(generation.stopReason).toBe('eos')
    })
  })

  test.skipIf(checks === null)('gives the ids and texts of all 48 answers', async () => {
    expect(checks!.answers).toHaveLength(48)
    expect(await withModel(tinyPhi3, { activations }, missed)).toEqual([])
  })
})

describe.skipIf(checkpoint === null)('the bfloat16 checkpoint', () => {
  test('gives the ids and texts of all 48 answers', async () => {
    expect(await withModel(checkpoint!, {}, missed)).toEqual([])
  })

  test('tells the long story to its end', async () => {
    const { prompt, promptIds, ids, text } = checks!.story
    await withModel(checkpoint!, {}, async (model) => {
      expect(model.encodeMessages([{ role: 'user', content: prompt }])).toEqual(promptIds)
      const generation = model.generate([{ role: 'user', content: prompt }])
      expect(await generation.readAll()).toBe(text)
      expect(generation.ids).toEqual(ids)
    })
  })

  test('tells the same story token by token, from ids', async () => {
    const { promptIds, ids } = checks!.story
    await withModel(checkpoint!, {}, async (model) => {
      const sequence = model.sequence()
      let { id } = await sequence.prefillAndSample(promptIds, { chunk: 1 })
      const told = [id]
      while (told.length < ids.length) {
        id = (await sequence.step(id)).id
        told.push(id)
      }
      expect(told).toEqual(ids)
      sequence.dispose()
    })
  })
})

const converted = (type: string) => join(folder, `${type}.gguf`)

// Four bits cost no answer here: the two best logits never come closer than 2.3, as measured.
describe.skipIf(checkpoint === null).each([
  ['f32', ['f32']],
  ['f16', ['f32']],
  ['q8_0', ['f32', 'int8']],
  ['q4_0', ['f32', 'int8']],
] as const)('converted to %s', (type, kinds) => {
  beforeAll(async () => {
    await convert(checkpoint!, converted(type), { type })
  })

  test.each(kinds)('gives the ids and texts of all 48 answers with activations %s', async (activations) => {
    expect(await withModel(converted(type), { activations }, missed)).toEqual([])
  })
})

test.skipIf(checkpoint === null)('a float32 file gives the logits of the bfloat16 checkpoint exactly', async () => {
  const ids = checks!.story.promptIds
  const logits = (path: string) => withModel(path, { kvType: 'float32' }, (model) => model.logits(ids, { all: true }))
  expect(await logits(converted('f32'))).toEqual(await logits(checkpoint!))
})
