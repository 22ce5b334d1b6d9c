import { stat } from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'
import { type Device, openDevice } from '../device.js'
import { ArgumentError } from '../errors.js'
import { fileError } from '../formats/file.js'
import { openSource } from '../formats/index.js'
import type { WeightSource } from '../formats/source.js'
import { described } from '../options.js'
import { checkTargets, type OutputFile, writeFiles } from './output.js'
import { checkRotary } from './rotary.js'
import { type ConvertOptions, type ConvertResult, type Kept, type Target, targetOf } from './types.js'

export type { ConvertOptions, ConvertResult } from './types.js'

interface Plan {
  readonly files: readonly OutputFile[]
  readonly tensors: number
  readonly kept?: readonly Kept[]
}

/**
 * Writes the model at `input` as a GGUF file, a safetensors checkpoint or an ONNX package, a few MiB at a time. `output`
 * is the file with the weights, or for the latter two a folder.
 */
export async function convert(input: string, output: string, options: ConvertOptions): Promise<ConvertResult> {
  if (typeof input !== 'string' || input === '')
    throw new ArgumentError('ERR_ARGUMENT', `convert: input must be a path, but is ${described(input)}`)
  const target = targetOf(output, options)
  const { signal, onProgress, overwrite = false } = options
  const source = await openSource(input)
  await using device = await openDevice('cpu')
  const path = await weightsPath(output, target)
  const above = dirname(resolve(output))
  await stat(above).catch((error) => {
    throw fileError(above, error)
  })
  const isFile = path === output
  const plan = await planOf(device, source, path, target, isFile ? Infinity : options.shardBytes)
  const { files, tensors, kept = [] } = plan
  const paths = files.map((file) => file.path)
  await checkTargets(source, paths, overwrite)
  const bytes = await writeFiles(isFile ? null : output, files, { signal, onProgress })
  return { input, output, format: target.to, type: target.type, bytes, tensors, files: paths, kept }
}

/** The file with the weights: `output` itself, or one in the folder of that name. */
async function weightsPath(output: string, { to }: Target): Promise<string> {
  const isFolder = (await stat(output).catch(() => null))?.isDirectory() ?? false
  if (to === 'gguf' || (extname(output).toLowerCase() === `.${to}` && !isFolder)) return output
  return join(output, `model.${to}`)
}

async function planOf(
  device: Device,
  source: WeightSource,
  path: string,
  target: Target,
  shardBytes = 5e9,
): Promise<Plan> {
  // writers are loaded as they are needed: that of ONNX is large
  switch (target.to) {
    case 'gguf':
      await checkRotary(device, source, 'GGUF')
      return (await import('./gguf.js')).ggufFile(device, source, path, target)
    case 'safetensors':
      await checkRotary(device, source, 'safetensors')
      return (await import('./safetensors.js')).safetensorsFiles(device, source, path, target, shardBytes)
    case 'onnx':
      return (await import('./onnx.js')).onnxFiles(device, source, path, target)
  }
}
