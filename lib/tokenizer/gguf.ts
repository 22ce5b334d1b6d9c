import { FormatError, UnsupportedModelError } from '../errors.js'
import { turnEnds } from '../formats/source.js'
import { byteLevel } from './gguf-byte-level.js'
import {
  bad,
  type GgufTokens,
  type Metadata,
  numbers,
  prefix,
  type RewrittenKind,
  strings,
  tokenId,
  tokenType,
} from './gguf-metadata.js'
import { sentencePiece } from './gguf-sentencepiece.js'

/** A GGUF vocabulary in the form of tokenizer.json and tokenizer_config.json. */
export interface RewrittenTokenizer {
  readonly tokenizer: unknown
  readonly config: Readonly<Record<string, unknown>>
  /** End of turn, where the file names one. */
  readonly eotId: number | null
  /** Ids count to here, padding included. */
  readonly size: number
}

const kinds: ReadonlyMap<string, (metadata: Metadata, tokens: GgufTokens) => RewrittenKind> = new Map([
  ['llama', sentencePiece],
  ['gpt2', byteLevel],
])

/** Rewrites `tokenizer.ggml.*`. Padding (`[PAD n]`, unused) is left out, so it is never matched and decodes to ''. */
export function rewriteGguf(metadata: Metadata): RewrittenTokenizer {
  const model = metadata.get(`${prefix}.model`)
  if (typeof model !== 'string') throw bad(`${prefix}.model`, 'a string', model)
  const rewrite = kinds.get(model)
  if (!rewrite) {
    throw new UnsupportedModelError(
      `${prefix}.model must be "llama" (SentencePiece) or "gpt2" (byte-level BPE), but is "${model}"`,
    )
  }
  const tokens = strings(metadata, 'tokens')
  const count = tokens.length
  const types = Int32Array.from(numbers(metadata, 'token_type', count))
  // converters have typed some of them as words
  for (const text of turnEnds) {
    const id = tokens.indexOf(text)
    if (id >= 0) types[id] = tokenType.control
  }

  const { pipeline, addBos, bos, eos, unknown } = rewrite(metadata, { tokens, types })
  const pad = tokenId(metadata, 'padding_token_id', count, null)
  const text = (id: number | null) => (id === null ? null : tokens[id])
  return {
    tokenizer: { added_tokens: addedTokens(metadata, { tokens, types }), post_processor: null, ...pipeline },
    config: {
      add_bos_token: addBos,
      bos_token: text(bos),
      eos_token: text(eos),
      unk_token: text(unknown),
      pad_token: text(pad),
    },
    eotId: tokenId(metadata, 'eot_token_id', count, null),
    size: count,
  }
}

/** Tokens that are matched in the text itself. */
function addedTokens(metadata: Metadata, { tokens, types }: GgufTokens): object[] {
  const swallowsSpace = rstripRule(metadata, { tokens, types })
  return tokens.flatMap((content, id) => {
    const type = types[id]
    const unknown = type === tokenType.unknown && !/^\[PAD ?\d+\]$/.test(content)
    if (content === '' || !(type === tokenType.control || type === tokenType.userDefined || unknown)) return []
    return {
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: swallowsSpace(id, content),
      normalized: false,
      special: type !== tokenType.userDefined,
    }
  })
}

// by what a vocabulary of Phi-3 is known, whatever its model calls itself
const phi3Roles = ['<|user|>', '<|assistant|>', '<|end|>']
const keepsSpace = ['<unk>', '<s>', '<|endoftext|>']

/**
 * Ids whose token swallows the white space after it, for which GGUF has no key: the file's own list, or what the
 * tokenizer of Phi-3 does, where the vocabulary is SentencePiece with its role tokens.
 */
function rstripRule(metadata: Metadata, { tokens, types }: GgufTokens): (id: number, piece: string) => boolean {
  const key = 'lophi.tokenizer.rstrip'
  const own = metadata.get(key)
  if (own === undefined) {
    const isRole = (text: string) => {
      const type = types[tokens.indexOf(text)]
      return type === tokenType.control || type === tokenType.userDefined
    }
    const isPhi3 = metadata.get(`${prefix}.model`) === 'llama' && phi3Roles.every(isRole)
    return (_, piece) => isPhi3 && !keepsSpace.includes(piece)
  }
  if (typeof own !== 'object') throw bad(key, 'an array of ids', own)
  const ids = new Set<unknown>(own)
  for (const id of ids) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= tokens.length) {
      throw new FormatError(key, `must hold ids below ${tokens.length}, but holds ${id}`)
    }
  }
  return (id) => ids.has(id)
}
