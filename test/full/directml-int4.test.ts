import { readFile } from 'node:fs/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { openDevice } from '../../lib/device.js'
import { openSource } from '../../lib/formats/index.js'
import { Model as ModelOfSource } from '../../lib/generate/model.js'
import { loadModel, type Model } from '../../lib/index.js'
import { startLophi } from '../cli/run.js'
import { sharedData } from '../support/shared.js'
import { directmlPackage } from './directml-package.js'

// Golden values: ONNX Runtime 1.30 on the CPU (float16) and an independent float32 forward pass agree on these.
const prompt = [32010, 15043, 32007, 32001]
const greedy = [14952, 22470, 1282, 31781, 4310, 13197, 7718]
const greedyLogits = [5.137, 4.09, 4.781, 3.926, 3.783, 3.912, 3.904]
const question = [
  32006, 887, 526, 263, 8444, 20255, 29889, 32007, 32010, 1128, 304, 5649, 4685, 363, 263, 27690, 889, 523, 29973,
  32007, 32001,
]
const tolerance = 0.02
const vocab = 32064

const source = sharedData('phi3-mini-directml-int4')
const folder = source && (await directmlPackage(source))

function top(logits: Float32Array, count: number): [id: number, logit: number][] {
  const ids = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]!)
  return ids.slice(0, count).map((id) => [id, logits[id]!])
}

/** Both list ids by logit; neighbours closer than the tolerance may change places. */
function expectTop(logits: Float32Array, expected: readonly (readonly [number, number])[]) {
  for (const [id, logit] of expected) expect(Math.abs(logits[id]! - logit), `logit of ${id}`).toBeLessThan(tolerance)
  const ids = top(logits, expected.length).map(([id]) => id)
  expect(new Set(ids)).toEqual(new Set(expected.map(([id]) => id)))
}

describe.skipIf(!folder)("Microsoft's DirectML graph of Phi-3-mini with synthetic weights", () => {
  let model: Model
  afterAll(() => model?.dispose())

  test('gives the logits of ONNX Runtime at the first and the last position', async () => {
    model = await loadModel(folder!, { activations: 'f32', kvType: 'float32' })
    const logits = await model.logits(prompt, { all: true })
    expectTop(logits.subarray(0, vocab), [
      [9230, 4.012],
      [22618, 3.988],
      [26493, 3.897],
      [27711, 3.58],
      [28057, 3.527],
    ])
    expectTop(logits.subarray(-vocab), [
      [14952, 5.137],
      [12603, 3.889],
      [5372, 3.809],
      [18534, 3.797],
      [14565, 3.772],
    ])
  })

  test('continues greedily as ONNX Runtime does', async () => {
    // the fourth and the seventh lead by less than the tolerance: the listed ids are forced
    for (let i = 0; i < greedy.length; i++) {
      const logits = await model.logits([...prompt, ...greedy.slice(0, i)])
      expect(Math.abs(logits[greedy[i]!]! - greedyLogits[i]!), `step ${i}`).toBeLessThan(tolerance)
      expect(top(logits, 1)[0]![1] - logits[greedy[i]!]!, `step ${i}`).toBeLessThan(tolerance)
    }
    const ids: number[] = []
    for await (const { id } of model.generate(prompt, { maxTokens: 3, ignoreEos: true })) ids.push(id)
    expect(ids).toEqual(greedy.slice(0, 3))
  })

  test('answers a chat prompt of 21 tokens alike', async () => {
    const logits = await model.logits(question)
    expectTop(logits, [
      [15304, 3.793],
      [11129, 3.7715],
      [12101, 3.7715],
      [8249, 3.75],
      [22590, 3.746],
    ])
    const squares = logits.reduce((sum, value) => sum + value * value, 0)
    expect(Math.sqrt(squares / vocab)).toBeCloseTo(1.03, 2)
  })

  test.runIf(process.platform === 'linux')('takes at most 300 MB beside its mapped weights and its cache', async () => {
    const args = ['run', folder!, '--ids', prompt.join(), '--max-tokens', '40', '--ignore-eos', '--context', '64']
    const { child, ended } = startLophi([...args, '--json'])
    // RssAnon leaves mapped files out, whose pages come and go
    let peak = 0
    const timer = setInterval(async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '')
      peak = Math.max(peak, 1024 * Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0))
    }, 10)
    child.on('exit', () => clearInterval(timer))
    expect((await ended).status).toBe(0)
    expect(peak).toBeGreaterThan(0)
    expect(peak).toBeLessThan(3e8 + 64 * 393_216) // float16 keys and values of 64 tokens
  })

  test('needs its activation multipliers: without them other tokens lead', async () => {
    const real = await openSource(folder!)
    const layers = real.weights.layers.map((layer) => ({ ...layer, oMultiplier: null, downMultiplier: null }))
    const device = await openDevice('cpu')
    const without = await ModelOfSource.load(
      device,
      true,
      { ...real, weights: { ...real.weights, layers } },
      { activations: 'f32', kvType: 'float32' },
    )
    try {
      const logits = await without.logits(prompt)
      expect(top(logits, 5).map(([id]) => id)).toEqual([18355, 22523, 20710, 15357, 28101])
      expect(logits[14952]! - 5.137).toBeLessThan(-tolerance)
    } finally {
      await without.dispose()
    }
  })
})
