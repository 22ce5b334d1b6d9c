import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'

const root = fileURLToPath(new URL('../../../shared/data/', import.meta.url))

/** Path of a file or folder of the shared test data, or null (and a line on stderr) where this machine lacks it. */
export function sharedData(path: string): string | null {
  const full = join(root, path)
  if (existsSync(full)) return full
  console.warn(`skipped: shared/data/${path} is not on this machine`)
  return null
}

/** A folder for one test file, removed after its last test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lophi-test-'))
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return folder
}
