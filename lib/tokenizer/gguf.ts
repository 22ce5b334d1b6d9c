import { FormatError, UnsupportedModelError } from '../errors.js'
import type { GgufValue } from '../formats/source.js'

type Metadata = ReadonlyMap<string, GgufValue>

// values of tokenizer.ggml.token_type
const normal = 1
const unknown = 2
const control = 3
const userDefined = 4
const byte = 6

// longer ones cannot be words, and listing the splits of a piece takes time with the square of its length
const longestPiece = 256

const prefix = 'tokenizer.ggml'

function describe(value: GgufValue | undefined): string {
  if (value === undefined) return 'is missing'
  if (typeof value === 'object') return `is an array of ${value.length}`
  return `is ${JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : each))}`
}

function bad(key: string, requirement: string, value: GgufValue | undefined): FormatError {
  return new FormatError(key, `must be ${requirement}, but ${describe(value)}`)
}

function flag(metadata: Metadata, name: string, otherwise: boolean): boolean {
  const key = `${prefix}.${name}`
  const value = metadata.get(key) ?? otherwise
  if (typeof value !== 'boolean') throw bad(key, 'a boolean', value)
  return value
}

function numbers(metadata: Metadata, name: string, count: number): ArrayLike<number> {
  const key = `${prefix}.${name}`
  const value = metadata.get(key)
  if (typeof value !== 'object' || value.length !== count)
    throw bad(key, `an array of ${count}, one for each token`, value)
  for (let index = 0; index < count; index++) {
    const each = value[index]
    if (typeof each !== 'number' || Number.isNaN(each))
      throw new FormatError(key, `[${index}] must be a number, but is ${each}`)
  }
  return value as ArrayLike<number>
}

function pieces(metadata: Metadata): readonly string[] {
  const key = `${prefix}.tokens`
  const value = metadata.get(key)
  if (!Array.isArray(value) || value.length === 0) throw bad(key, 'an array of strings', value)
  value.forEach((each, index) => {
    if (typeof each !== 'string')
      throw new FormatError(key, `[${index}] must be a string, but is of type ${typeof each}`)
  })
  return value as string[]
}

function tokenId(metadata: Metadata, name: string, count: number, otherwise: number | null): number | null {
  const key = `${prefix}.${name}`
  const value = metadata.get(key)
  const id = value ?? otherwise
  if (id === null) return null
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= count)
    throw bad(key, `an id below ${count}`, value)
  return id
}

/** Ids whose token swallows the white space after it: the file's own list, or llama.cpp's rule for Phi-3 by name. */
function rstripRule(metadata: Metadata, count: number): (id: number, piece: string) => boolean {
  const key = 'lophi.tokenizer.rstrip'
  const own = metadata.get(key)
  if (own === undefined) {
    const name = metadata.get('general.name')
    const isPhi3 = typeof name === 'string' && /phi-?3/i.test(name)
    return (_, piece) => isPhi3 && !['<unk>', '<s>', '<|endoftext|>'].includes(piece)
  }
  if (typeof own !== 'object') throw bad(key, 'an array of ids', own)
  const ids = new Set<unknown>(own)
  for (const id of ids) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= count) {
      throw new FormatError(key, `must hold ids below ${count}, but holds ${id}`)
    }
  }
  return (id) => ids.has(id)
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

/** A GGUF vocabulary in the form of tokenizer.json and tokenizer_config.json. */
export interface RewrittenTokenizer {
  readonly tokenizer: unknown
  readonly config: Readonly<Record<string, unknown>>
  /** End of turn, where the file names one. */
  readonly eotId: number | null
  /** Ids count to here, padding included. */
  readonly size: number
}

/** Rewrites `tokenizer.ggml.*`. Padding (`[PAD n]`, unused) is left out, so it is never matched and decodes to ''. */
export function rewriteGguf(metadata: Metadata): RewrittenTokenizer {
  const model = metadata.get(`${prefix}.model`)
  if (typeof model !== 'string') throw bad(`${prefix}.model`, 'a string', model)
  if (model !== 'llama')
    throw new UnsupportedModelError(`${prefix}.model must be "llama" (SentencePiece), but is "${model}"`)

  const tokens = pieces(metadata)
  const count = tokens.length
  const scores = numbers(metadata, 'scores', count)
  const types = numbers(metadata, 'token_type', count)
  // the defaults are those of llama.cpp
  const bos = tokenId(metadata, 'bos_token_id', count, 1)
  const eos = tokenId(metadata, 'eos_token_id', count, 2)
  const unk = tokenId(metadata, 'unknown_token_id', count, 0)
  const pad = tokenId(metadata, 'padding_token_id', count, null)
  const swallowsSpace = rstripRule(metadata, count)

  const vocab: Record<string, number> = Object.create(null)
  const words: number[] = []
  const added: object[] = []
  tokens.forEach((content, id) => {
    const type = types[id]
    if (content === '') return
    if (type === normal || type === byte || id === unk) vocab[content] = id
    if (type === normal) words.push(id)
    const matched = type === control || type === userDefined || (type === unknown && !/^\[PAD ?\d+\]$/.test(content))
    if (!matched) return
    const rstrip = swallowsSpace(id, content)
    added.push({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip,
      normalized: false,
      special: type !== userDefined,
    })
  })

  const spacePrefix = flag(metadata, 'add_space_prefix', true)
  const replaceSpace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
  const restoreSpace = { type: 'Replace', pattern: { String: '▁' }, content: ' ' }
  const text = (id: number | null) => (id === null ? null : tokens[id])
  return {
    tokenizer: {
      added_tokens: added,
      normalizer: {
        type: 'Sequence',
        normalizers: [...(spacePrefix ? [{ type: 'Prepend', prepend: '▁' }] : []), replaceSpace],
      },
      pre_tokenizer: null,
      post_processor: null,
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
        unk_token: text(unk),
        byte_fallback: true,
        fuse_unk: true,
      },
    },
    config: {
      add_bos_token: flag(metadata, 'add_bos_token', true),
      bos_token: text(bos),
      eos_token: text(eos),
      unk_token: text(unk),
      pad_token: text(pad),
    },
    eotId: tokenId(metadata, 'eot_token_id', count, null),
    size: count,
  }
}
