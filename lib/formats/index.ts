import { stat } from 'node:fs/promises'
import type { Blueprint } from '../architectures/blueprint.js'
import { architectures } from '../architectures/index.js'
import { FormatError } from '../errors.js'
import { notesBeside } from './beside.js'
import { fileError } from './file.js'
import { detectFormat, type FileFormat, findModel } from './locate.js'
import { isShardIndex } from './safetensors/shards.js'
import type { WeightSource } from './source.js'

/**
 * Opens a model: a GGUF file, a safetensors file or an ONNX graph with its companions beside it, one of the parts of
 * any, or the folder of one. `known` are the architectures that it may have.
 */
export async function openSource(path: string, known: readonly Blueprint[] = architectures): Promise<WeightSource> {
  const info = await stat(path).catch((error) => {
    throw fileError(path, error)
  })
  const file = info.isDirectory() ? await findModel(path) : path
  const format = await detectFormat(file)
  const source = await openFormat(file, format, known)
  return { ...source, notes: await notesBeside(file) }
}

/** Readers are loaded as they are needed: that of ONNX is large. */
async function openFormat(
  file: string,
  format: FileFormat,
  known: readonly Blueprint[],
): Promise<Omit<WeightSource, 'notes'>> {
  if (format === 'gguf') return (await import('./gguf/source.js')).openGguf(file, known)
  if (format === 'onnx') return (await import('./onnx/source.js')).openOnnx(file, known)
  if (format === 'safetensors' || isShardIndex(file)) {
    return (await import('./safetensors/source.js')).openSafetensors(file, known)
  }
  throw new FormatError(file, 'must be a GGUF, safetensors or ONNX file, but begins like JSON', 0)
}
