import { FormatError } from '../errors.js'
import { described } from '../options.js'
import { isTokenId } from './config-checks.js'
import type { Fields } from './fields.js'
import { isObject } from './json.js'

/** What stands beside config.json and knows more ids that end a text. */
export interface ConfigCompanions {
  /** Parsed generation_config.json. */
  readonly generation?: unknown
  /** `eosTokenIds` of genai_config.json. */
  readonly genaiEos?: readonly number[] | undefined
}

/**
 * The ids that end a text, of all files that name some: generation_config.json lists more of them than config.json,
 * which often knows one.
 */
export function stopIds(config: Fields, { generation, genaiEos }: ConfigCompanions, vocabSize: number): number[] {
  const own = config.get('eos_token_id')
  const generated = isObject(generation) ? generation.eos_token_id : undefined
  if (own === undefined && generated === undefined && !genaiEos) {
    throw config.fail('eos_token_id', 'an id, a list of ids or null')
  }
  const ids = [generated ?? [], own ?? [], genaiEos ?? []].flat()
  const odd = ids.find((id) => typeof id !== 'number')
  if (odd !== undefined) throw new FormatError(config.file, `eos_token_id must be ids, but holds ${described(odd)}`)
  // a number beyond the vocabulary is a token that no model generates
  return [...new Set(ids.filter((id) => isTokenId(id, vocabSize)))]
}
