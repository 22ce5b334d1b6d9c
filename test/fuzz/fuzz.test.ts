import { rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { openDevice } from '../../lib/device.js'
import { seedOf } from '../support/random.js'
import { temporaryFolder } from '../support/shared.js'
import { attempt, type Outcome } from './attempt.js'
import { corpus } from './corpus.js'
import { watchdog } from './watchdog.js'

// LOPHI_FUZZ is 'seconds first [specimen]': so long from the mutation of this number on, at least that one. Without it, a
// few of each specimen. `npm run fuzz` sets it, and runs native code under sanitizers.
const settings = process.env.LOPHI_FUZZ?.split(' ')
const [seconds, first, only] = [Number(settings?.[0] ?? 0), Number(settings?.[1] ?? 0), settings?.[2]]
const least = settings ? 1 : 200

const root = await temporaryFolder()
const specimens = (await corpus(root)).filter(({ name }) => only === undefined || name === only)
if (specimens.length === 0) throw new Error(`LOPHI_FUZZ must name a specimen, but names ${only}`)
const device = await openDevice('cpu')
const guard = watchdog(20_000)
afterAll(async () => {
  await guard.stop()
  await device.dispose()
  // unless something is in it
  await rmdir(findings).catch(() => {})
})

/** What breaks something stays here; only the process that crashed does not say so. */
const findings = join(fileURLToPath(new URL('../../build/fuzz', import.meta.url)), String(process.pid))
const command = (name: string, mutation: number) =>
  settings
    ? `npm run fuzz -- 0 ${mutation} ${name}`
    : `LOPHI_FUZZ='0 ${mutation} ${name}' npx vitest run test/fuzz/fuzz.test.ts`

describe('a damaged model either runs or is refused with a code', () => {
  test.each(specimens)('$name', { timeout: 120_000 + seconds * 1000 }, async (specimen) => {
    const { name } = specimen
    const outcomes: Partial<Record<Outcome, number>> = {}
    const end = performance.now() + (seconds * 1000) / specimens.length
    let done = 0
    for (; done < least || performance.now() < end; done++) {
      const mutation = first + done
      const folder = join(findings, `${name}-${mutation}`)
      const where = `mutation ${mutation} of ${name}, in ${folder}; again: ${command(name, mutation)}`
      guard.next(where)
      try {
        const outcome = await attempt(specimen, seedOf(`${name} ${mutation}`), folder, device)
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
      } catch (error) {
        throw new Error(`${where}: ${error}`, { cause: error })
      }
    }
    if (settings) console.log(`${name}: ${JSON.stringify(outcomes)}`)
    if (done < 100) return
    // both happen, or the mutations are too tame or too wild to show anything
    expect(outcomes.ran).toBeGreaterThan(done / 50)
    expect(done - outcomes.ran!).toBeGreaterThan(done / 20)
  })
})
