import { afterEach, expect, test, vi } from 'vitest'
import { loadModel, Plan } from '../../lib/index.js'
import { tinyPhi3 } from '../support/models.js'

afterEach(() => vi.restoreAllMocks())

test('every sum of a recorded step of Phi-3 that a norm reads is fused with it, over the ends of layers too', async () => {
  const { run } = Plan.prototype
  let calls: Plan['calls'] = []
  vi.spyOn(Plan.prototype, 'run').mockImplementation(function (this: Plan, ...args) {
    calls = this.calls
    return run.apply(this, args)
  })
  const model = await loadModel(tinyPhi3, { device: 'cpu', activations: 'f32' })
  try {
    for await (const _ of model.generate('Once', { maxTokens: 3, temperature: 0 }));
    const count = (name: string) => calls.filter(({ op }) => op === name).length
    const layers = new Set(calls.flatMap(({ path }) => /^layer\.\d+/.exec(path) ?? [])).size
    expect(layers).toBeGreaterThan(1)
    expect(count('addRmsNorm')).toBe(2 * layers)
    // the other sum counts positions
    const sums = calls.filter(({ op }) => op === 'add').map(({ path }) => path)
    expect([sums, count('rmsNorm')]).toEqual([['advance'], 1])
    expect(calls.find(({ op }) => op === 'siluMul')?.path).toBe('layer.0.mlp')
  } finally {
    await model.dispose()
  }
})
