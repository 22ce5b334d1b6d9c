import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Device } from '../../lib/device.js'
import { LophiError } from '../../lib/errors.js'
import { loadModel } from '../../lib/generate/model.js'
import { random } from '../random.js'
import type { Specimen } from './corpus.js'
import { mutate } from './mutate.js'

export type Outcome = 'ran' | 'refused'

/** Milliseconds after which a file counts as one that hangs the reader. */
const patience = 20_000

/**
 * Changes one file of a specimen by `seed`, and loads and runs what comes out. Whatever it is, either the model runs or
 * an error with a code says why not; anything else throws, and the files stay in `folder` for a look.
 */
export async function attempt(specimen: Specimen, seed: number, folder: string, device: Device): Promise<Outcome> {
  const source = random(seed)
  const target = specimen.targets[source.integer(0, specimen.targets.length - 1)]!
  await mkdir(folder, { recursive: true })
  for (const [name, bytes] of specimen.files) {
    const head = specimen.heads.get(name) ?? bytes.length
    await writeFile(join(folder, name), name === target ? mutate(bytes, head, source) : bytes)
  }
  const start = performance.now()
  const outcome = await run(join(folder, specimen.open), device)
  const took = performance.now() - start
  if (took > patience) throw new Error(`loading must end soon, but took ${Math.round(took)} ms`)
  await rm(folder, { recursive: true })
  return outcome
}

async function run(path: string, device: Device): Promise<Outcome> {
  try {
    await using model = await loadModel(path, { device, context: 4 })
    await model.logits([1, 2, 3])
    return 'ran'
  } catch (error) {
    if (error instanceof LophiError) return 'refused'
    throw error
  }
}
