/** What describes a model beside its weights: small files with fixed names. */
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileError } from './file.js'
import { readJsonObject } from './json.js'

/** The files of the tokenizer, as they are copied from model to model. */
export const tokenizerNames = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'tokenizer.model',
  'chat_template.jinja',
] as const
const companionNames = [
  'config.json',
  'generation_config.json',
  'genai_config.json',
  'quantize_config.json',
  'quant_config.json',
  'model.safetensors.index.json',
  'adapter_config.json',
  ...tokenizerNames,
] as const
export type CompanionName = (typeof companionNames)[number]

/** Paths by name, of those that are there. */
export type Companions = ReadonlyMap<CompanionName, string>

export function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error) => {
    throw fileError(folder, error)
  })
}

/**
 * The companions of a model in `folder`. Packages for the web keep their graphs in a folder onnx/, and what describes
 * them all in the one above.
 */
export async function companionsIn(folder: string): Promise<Companions> {
  const above = dirname(folder)
  const folders = basename(folder) === 'onnx' && above !== folder ? [above, folder] : [folder]
  const found = new Map<CompanionName, string>()
  for (const place of folders) {
    const names = new Set(await namesIn(place))
    for (const name of companionNames) if (names.has(name)) found.set(name, join(place, name))
  }
  return found
}

/** A companion as JSON; null where it is not there. */
export async function companionJson(
  companions: Companions,
  name: CompanionName,
): Promise<Record<string, unknown> | null> {
  const path = companions.get(name)
  return path === undefined ? null : readJsonObject(path)
}
