import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openDevice } from '../lib/device.js'
import { attempt } from './fuzz/attempt.js'
import { corpus } from './fuzz/corpus.js'
import { seedOf } from './random.js'
import { temporaryFolder } from './shared.js'

const root = await temporaryFolder()
const specimens = await corpus(join(root, 'corpus'))
const device = await openDevice('cpu')
afterAll(() => device.dispose())

/** Mutations of each specimen: a few hundred in the suite, `npm run fuzz` for hours. */
const seconds = Number(process.env.LOPHI_FUZZ_SECONDS ?? 0)
const first = Number(process.env.LOPHI_FUZZ_SEED ?? 0)
const count = 400

describe('a damaged model either runs or is refused with a code', () => {
  test.each(specimens)('$name', { timeout: 120_000 + seconds * 1000 }, async (specimen) => {
    const outcomes = { ran: 0, refused: 0 }
    const end = performance.now() + (seconds * 1000) / specimens.length
    for (let i = 0; i < count || performance.now() < end; i++) {
      const seed = seedOf(`${specimen.name} ${first + i}`)
      const folder = join(root, `${seed}`)
      try {
        outcomes[await attempt(specimen, seed, folder, device)]++
      } catch (error) {
        throw new Error(`${specimen.name}, mutation ${first + i}: no error of lophi's own`, { cause: error })
      }
    }
    // both happen, or the mutations are too tame or too wild to show anything
    expect(outcomes.ran).toBeGreaterThan(0)
    expect(outcomes.refused).toBeGreaterThan(count / 20)
  })
})
