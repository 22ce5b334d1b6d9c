/** Finding the files of a model, and telling formats apart by their first bytes rather than by their names. */
import { readdir } from 'node:fs/promises'
import { FormatError } from '../errors.js'
import { fileError, openFile } from './file.js'
import { isSafetensors } from './safetensors.js'

export function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error) => {
    throw fileError(folder, error)
  })
}

/** The one model among the files of a folder; undefined where there is none. */
export function modelAmong(names: readonly string[], folder: string): string | undefined {
  const found = names.filter((name) => name === 'model.safetensors' || name.endsWith('.gguf')).sort()
  if (found.length > 1)
    throw new FormatError(
      folder,
      `must hold one model, but holds ${found.join(', ')}: name the file`,
      undefined,
      'ERR_FILE',
    )
  return found[0]
}

export async function formatOf(path: string): Promise<'gguf' | 'safetensors' | 'json'> {
  await using file = await openFile(path)
  const head = await file.read(0, Math.min(16, file.size))
  if (String.fromCharCode(...head.subarray(0, 4)) === 'GGUF') return 'gguf'
  if (isSafetensors(head, file.size)) return 'safetensors'
  if (head[0] === '{'.charCodeAt(0)) return 'json'
  throw new FormatError(path, 'must be a GGUF or safetensors file, but begins like neither', 0)
}
