import { FormatError, UnsupportedModelError } from '../errors.js'
import {
  bad,
  flag,
  type GgufTokens,
  type Metadata,
  prefix,
  type RewrittenKind,
  strings,
  tokenId,
  tokenType,
} from './gguf-metadata.js'
import { patterns } from './patterns.js'

interface PreTokenizer {
  readonly pattern: string
  /** Words that are tokens stay whole, whatever the merges; the text begins with BOS. */
  readonly llama3?: boolean
}

/** By tokenizer.ggml.pre: Phi-4 is converted as "dbrx", Phi-4-mini as "gpt-4o". */
export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map([
  ['gpt-2', { pattern: patterns.gpt2 }],
  ['dbrx', { pattern: patterns.cl100k }],
  ['smaug-bpe', { pattern: patterns.cl100k }],
  ['llama-bpe', { pattern: patterns.cl100k, llama3: true }],
  ['llama3', { pattern: patterns.cl100k, llama3: true }],
  ['gpt-4o', { pattern: patterns.o200k }],
  ['qwen2', { pattern: patterns.qwen2 }],
])

/** Model "gpt2": byte-level BPE with a list of merges. */
export function byteLevel(metadata: Metadata, { tokens, types }: GgufTokens): RewrittenKind {
  const key = `${prefix}.pre`
  const pre = metadata.get(key)
  if (typeof pre !== 'string') throw bad(key, 'a string', pre)
  const preTokenizer = preTokenizers.get(pre)
  if (!preTokenizer) {
    const known = [...preTokenizers.keys()].join(', ')
    throw new UnsupportedModelError(`${key} must be one of ${known}, but is "${pre}"`)
  }
  const { pattern, llama3 = false } = preTokenizer

  const vocab: Record<string, number> = Object.create(null)
  tokens.forEach((content, id) => {
    if (types[id] === tokenType.normal && content !== '') vocab[content] = id
  })
  const count = tokens.length
  return {
    pipeline: {
      normalizer: null,
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
          { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
        ],
      },
      decoder: { type: 'ByteLevel' },
      model: { type: 'BPE', vocab, merges: mergesOf(metadata, vocab), ignore_merges: llama3 },
    },
    addBos: flag(metadata, 'add_bos_token', llama3),
    bos: tokenId(metadata, 'bos_token_id', count, null),
    eos: tokenId(metadata, 'eos_token_id', count, null),
    unknown: tokenId(metadata, 'unknown_token_id', count, null),
  }
}

function mergesOf(metadata: Metadata, vocab: Readonly<Record<string, number>>): [string, string][] {
  // asked three times for each merge, for which an object would intern every string
  const known = new Set(Object.keys(vocab))
  return strings(metadata, 'merges').map((merge, rank) => {
    const space = merge.indexOf(' ')
    const pair: [string, string] = [merge.slice(0, Math.max(space, 0)), merge.slice(space + 1)]
    if (known.has(pair[0]) && known.has(pair[1]) && known.has(pair[0] + pair[1])) return pair
    throw new FormatError(
      `${prefix}.merges`,
      `[${rank}] must be two tokens that make a third, but is ${JSON.stringify(merge.slice(0, 80))}`,
    )
  })
}
