import { FormatError } from '../errors.js'
import { openFile } from './file.js'

const maxBytes = 256 * 2 ** 20
// a value costs the parser up to 50 bytes and 0.2 µs; the largest tokenizer.json in use has about a million
const maxValues = 8_000_000

const opensValue = new Uint8Array(256)
for (const character of '[{,') opensValue[character.charCodeAt(0)] = 1

/** Parses JSON of bounded size and number of values; `offset` is where `bytes` begin in `file`. */
export function parseJson(file: string, bytes: Uint8Array, offset?: number): unknown {
  let values = 0
  for (let i = 0; i < bytes.length; i++) values += opensValue[bytes[i]!]!
  if (values > maxValues) {
    throw new FormatError(file, `JSON must hold at most ${maxValues} values, but has ${values}`, offset)
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new FormatError(file, `must be JSON in UTF-8, but ${(error as Error).message}`, offset)
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A whole text file of at most 256 MiB. */
export async function readText(path: string): Promise<Uint8Array> {
  await using file = await openFile(path)
  if (file.size > maxBytes) {
    throw new FormatError(path, `must have at most ${maxBytes} bytes, but has ${file.size}`)
  }
  return file.read(0, file.size)
}

export async function readJsonObject(path: string): Promise<Record<string, unknown>> {
  const value = parseJson(path, await readText(path))
  if (!isObject(value)) throw new FormatError(path, 'must hold a JSON object, but does not')
  return value
}
