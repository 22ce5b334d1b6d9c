import { FormatError } from '../errors.js'
import {
  flag,
  type GgufTokens,
  type Metadata,
  numbers,
  prefix,
  type RewrittenKind,
  tokenId,
  tokenType,
} from './gguf-metadata.js'

// longer ones cannot be words, and listing the splits of a piece takes time with the square of its length
const longestPiece = 256

/** Model "llama": a vocabulary of SentencePiece, whose scores say what merges first. */
export function sentencePiece(metadata: Metadata, { tokens, types }: GgufTokens): RewrittenKind {
  const count = tokens.length
  const scores = numbers(metadata, 'scores', count)
  // the defaults are those of llama.cpp
  const bos = tokenId(metadata, 'bos_token_id', count, 1)
  const eos = tokenId(metadata, 'eos_token_id', count, 2)
  const unknown = tokenId(metadata, 'unknown_token_id', count, 0)

  const vocab: Record<string, number> = Object.create(null)
  const words: number[] = []
  tokens.forEach((content, id) => {
    const type = types[id]
    if (content === '') return
    if (type === tokenType.normal || type === tokenType.byte || id === unknown) vocab[content] = id
    if (type === tokenType.normal) words.push(id)
  })

  const spacePrefix = flag(metadata, 'add_space_prefix', true)
  const replaceSpace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
  const restoreSpace = { type: 'Replace', pattern: { String: '▁' }, content: ' ' }
  return {
    pipeline: {
      normalizer: {
        type: 'Sequence',
        normalizers: [...(spacePrefix ? [{ type: 'Prepend', prepend: '▁' }] : []), replaceSpace],
      },
      pre_tokenizer: null,
      decoder: {
        type: 'Sequence',
        decoders: [
          restoreSpace,
          { type: 'ByteFallback' },
          { type: 'Fuse' },
          ...(spacePrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
        ],
      },
      model: {
        type: 'BPE',
        vocab,
        merges: mergesOf(tokens, scores, words),
        unk_token: unknown === null ? null : tokens[unknown],
        byte_fallback: true,
        fuse_unk: true,
      },
    },
    addBos: flag(metadata, 'add_bos_token', true),
    bos,
    eos,
    unknown,
  }
}

/** Every way to put a piece together from two others, best score first: BPE in this order is what SentencePiece does. */
function mergesOf(tokens: readonly string[], scores: ArrayLike<number>, ids: readonly number[]): [string, string][] {
  const known = new Set(ids.map((id) => tokens[id]))
  const byScore = ids.toSorted((a, b) => (scores[b] as number) - (scores[a] as number) || a - b)
  const merges: [string, string][] = []
  for (const id of byScore) {
    const piece = tokens[id] as string
    if (piece.length > longestPiece) {
      throw new FormatError(
        `${prefix}.tokens`,
        `[${id}] must have at most ${longestPiece} characters, but has ${piece.length}`,
      )
    }
    for (let at = 1; at < piece.length; at++) {
      const left = piece.slice(0, at)
      const right = piece.slice(at)
      if (known.has(left) && known.has(right)) merges.push([left, right])
    }
  }
  return merges
}
