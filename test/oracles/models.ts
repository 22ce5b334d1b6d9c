import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { convert } from '../../lib/convert/index.js'
import type { ConvertType } from '../../lib/convert/types.js'

const generator = fileURLToPath(new URL('../../../shared/tools/mkphi3.py', import.meta.url))
const cache = process.env.LOPHI_BENCH_MODELS ?? join(tmpdir(), 'lophi-models')

const pathOf = (preset: string, type: string) => join(cache, `${preset}-${type}.gguf`)

/** Whether this synthetic model is there, or the script that writes it. */
export function canGenerate(preset: string, type: string): boolean {
  const path = pathOf(preset, type)
  if (existsSync(path) || existsSync(generator)) return true
  console.warn(`skipped: neither ${path} nor shared/tools/mkphi3.py is on this machine`)
  return false
}

/** A GGUF file with seeded random weights, kept between runs: the benchmarks use the same files. */
export async function synthetic(preset: string, type: string): Promise<string> {
  const path = pathOf(preset, type)
  if (!existsSync(path)) {
    const python = process.env.PYTHON ?? 'python3'
    await promisify(execFile)(python, [generator, '--preset', preset, '--quant', type, '--dir', cache])
  }
  return path
}

/** `input` in another type, written anew in every run: the converter is under test, too. */
export async function converted(input: string, folder: string, type: ConvertType): Promise<string> {
  const path = join(folder, `${basename(input, '.gguf')}-as-${type}.gguf`)
  await convert(input, path, { type, overwrite: true })
  return path
}
