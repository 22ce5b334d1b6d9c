import { expect, test } from 'vitest'
import { listDevices } from '../../lib/index.js'
import { type Models, timeKernels } from './kernels.js'
import { kinds } from './time-linear.js'
import { Rows } from './timing.js'

const models: Models = {
  toy: {
    ...{ hidden: 64, heads: 2, groups: 2, headDim: 32, inner: 64, vocab: 96 },
    linears: { qkv: [16, 256] },
  },
}

const { devices } = await listDevices()
const formats = kinds.map(({ name }) => name)
const sizes = { limits: { rotation: 0, calls: 2, stretch: 0 }, bytes: 4096, small: [2], depths: [40], prompts: [33] }

test.each(devices.map(({ id }) => id))(
  'the kernels of a step are timed on %s, and right; what it refuses says so',
  async (id) => {
    const results = new Rows(undefined, Number.POSITIVE_INFINITY, () => {})
    await timeKernels(id, models, formats, [2], sizes, results)
    const linears = results.rows.filter(({ op }) => op === 'linear')
    expect(linears.length).toBe(2 * formats.length - 1)
    for (const row of linears) expect(row.us, JSON.stringify(row)).toBeGreaterThan(0)
    for (const row of results.rows.filter(({ failure }) => failure !== undefined))
      expect(row.failure, JSON.stringify(row)).toMatch(/ on (cuda|dml)$|must be .* on (cuda|dml), but/)
    expect(results.leftOut).toEqual([])
  },
  180_000,
)
