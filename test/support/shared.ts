import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'

const shared = fileURLToPath(new URL('../../../shared/data/', import.meta.url))
/** What every clone has: parts of some sets, so never a whole one. */
const own = fileURLToPath(new URL('../data/', import.meta.url))

/**
 * Path of a file or folder of the test data, or null (and a line on stderr) where this machine lacks it. With
 * LOPHI_REQUIRE_DATA=1 what is lacking is an error: nothing is skipped unseen.
 */
export function sharedData(path: string): string | null {
  const places = [join(shared, path), ...(path.includes('/') ? [join(own, path)] : [])]
  const found = places.find(existsSync)
  if (found) return found
  if (process.env.LOPHI_REQUIRE_DATA === '1')
    throw new Error(`shared/data/${path} must be on this machine, as LOPHI_REQUIRE_DATA is set, but is not`)
  console.warn(`skipped: shared/data/${path} is not on this machine`)
  return null
}

/** A folder for one test file, removed after its last test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lophi-test-'))
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return folder
}
