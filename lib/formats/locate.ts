/** Finding the files of a model, and telling formats apart by their first bytes rather than by their names. */
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { FormatError } from '../errors.js'
import { adapterFile, ggufModels } from './beside.js'
import { companionsIn, namesIn } from './companions.js'
import { openFile } from './file.js'
import { readGenaiConfig } from './genai-config.js'
import { firstPart } from './gguf/split.js'
import { isSafetensors } from './safetensors/read.js'
import { isShard, isShardIndex } from './safetensors/shards.js'

/** The files that open a model, among those of a folder: one for each model, however many files it has. */
function modelsAmong(names: readonly string[]): string[] {
  const gguf = names.filter((name) => name.endsWith('.gguf')).map((name) => firstPart(name) ?? name)
  const onnx = names.filter((name) => name.endsWith('.onnx'))
  const safetensors = names.includes('model.safetensors') ? ['model.safetensors'] : names.filter(isShardIndex)
  const models = [...new Set(gguf), ...onnx, ...safetensors].sort()
  // .safetensors of other names: GPTQ tools write such models, but beside a model they are something else
  if (models.length > 0) return models
  const others = names.filter((name) => name.endsWith('.safetensors') && !isShard(name)).sort()
  return others.length > 1 ? others.filter((name) => name !== adapterFile) : others
}

/** The path of the one model in a folder, or in the only one of its subfolders that has any. */
export async function findModel(folder: string): Promise<string> {
  const names = await namesIn(folder)
  let models = modelsAmong(names)
  const genai = await readGenaiConfig(await companionsIn(folder))
  if (genai) {
    if (!names.includes(genai.decoderFile)) {
      throw missing(folder, `${genai.decoderFile}, which genai_config.json names, must be there, but is missing`)
    }
    models = [...models.filter((name) => !name.endsWith('.onnx')), genai.decoderFile]
  }
  if (models.length > 1) {
    const gguf = models.filter((name) => name.endsWith('.gguf'))
    const found = new Set(await ggufModels(folder, gguf))
    // where none is a model each is something else, which the reader tells
    if (gguf.length < models.length || found.size > 0)
      models = models.filter((name) => !gguf.includes(name) || found.has(name))
  }
  if (models.length > 1) {
    throw missing(folder, `must hold one model, but holds ${models.join(', ')}: name the file`)
  }
  if (models[0] !== undefined) return join(folder, models[0])
  if (names.some(isShard)) {
    throw missing(folder, 'must hold model.safetensors.index.json, which lists the shards, but does not')
  }

  const variants = await foldersOfModels(folder)
  if (variants.length === 1) return findModel(variants[0]!)
  if (variants.length === 0) throw missing(folder, 'must hold a .gguf, .safetensors or .onnx file, but holds none')
  const list = variants.map((variant) => relative(folder, variant)).join(', ')
  throw missing(folder, `must hold one model, but has several below it: ${list}; open one, as in ${variants[0]}`)
}

const deepest = 3
const mostFolders = 1000

/** Folders below this one that hold models: the variants of a downloaded repository, or snapshots of a hub's cache. */
async function foldersOfModels(folder: string): Promise<string[]> {
  const found: string[] = []
  let level = [folder]
  let seen = 0
  for (let depth = 0; depth < deepest && seen < mostFolders; depth++) {
    const next: string[] = []
    for (const parent of level) {
      const entries = await readdir(parent, { withFileTypes: true }).catch(() => [])
      const below = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      for (const { name } of below.slice(0, mostFolders - seen)) {
        const path = join(parent, name)
        const names = await readdir(path).catch((): string[] => [])
        if (modelsAmong(names).length > 0) found.push(path)
        else next.push(path)
        seen++
      }
    }
    level = next
  }
  return found.sort()
}

function missing(folder: string, problem: string): FormatError {
  return new FormatError(folder, problem, undefined, 'ERR_FILE')
}

export type FileFormat = 'gguf' | 'safetensors' | 'onnx' | 'json'

export async function detectFormat(path: string): Promise<FileFormat> {
  await using file = await openFile(path)
  const head = await file.read(0, Math.min(16, file.size))
  if (Buffer.from(head.subarray(0, 4)).toString('latin1') === 'GGUF') return 'gguf'
  if (isSafetensors(head, file.size)) return 'safetensors'
  if (head[0] === '{'.charCodeAt(0)) return 'json'
  if (path.endsWith('.onnx') && isModelProto(head)) return 'onnx'
  throw new FormatError(path, 'must be a GGUF, safetensors or ONNX file, but begins like none', 0)
}

/** Fields of ONNX's ModelProto by protobuf wire type: numbers, and what begins with its length. */
const modelProtoFields: Readonly<Record<number, readonly number[]>> = { 0: [1, 5], 2: [2, 3, 4, 6, 7, 8, 14] }

/** Protobuf has no magic: the first byte must be the key of a field that ONNX has. */
function isModelProto([key]: Uint8Array): boolean {
  return key !== undefined && (modelProtoFields[key & 7]?.includes(key >> 3) ?? false)
}
