import { FormatError, UnsupportedModelError } from '../errors.js'
import { isObject } from '../formats/json.js'
import type { TokenizerSource } from '../formats/source.js'
import { preTokenizers } from '../tokenizer/gguf-byte-level.js'
import { tokenType } from '../tokenizer/gguf-metadata.js'
import type { GgufEntry } from './gguf-header.js'

// tokenizer.json as a vocabulary of GGUF. Byte-level BPE (Phi-4's) becomes "gpt2", which has the merges in their order.
// Byte-fallback BPE (Llama's, Phi-3's) becomes "llama". That one merges by the score of the result where tokenizer.json
// merges by the rank of the pair: with scores in the order of the ranks both give the same.

const scoreOf = { unmerged: -1e9, unused: -10000, added: -1000, byte: 0 } as const

interface AddedToken {
  readonly id: number
  readonly content: string
  readonly special: boolean
  readonly rstrip: boolean
}

type Json = Readonly<Record<string, unknown>>

/** What the two kinds of vocabulary have of their own. */
interface Kind {
  readonly model: 'llama' | 'gpt2'
  readonly pre: string
  readonly isByte: (piece: string) => boolean
  readonly entries: (tokens: readonly string[], types: Int32Array) => GgufEntry[]
}

/** The `tokenizer.*` keys for a vocabulary of `vocabSize` ids; `file` is the path of tokenizer.json, for errors. */
export function ggufTokenizer(
  { tokenizer, config, chatTemplate }: Extract<TokenizerSource, { kind: 'huggingface' }>,
  vocabSize: number,
  file: string,
): GgufEntry[] {
  const json = isObject(tokenizer) ? tokenizer : {}
  const model = isObject(json.model) ? json.model : {}
  if (model.type !== 'BPE') throw unsupported(file, 'no BPE model')
  const kind = model.byte_fallback === true ? sentencePiece(json, model, file) : byteLevel(json, model, file)
  const added = readAdded(json.added_tokens, file)
  const pieces = readVocabulary(model.vocab, added, vocabSize, file)

  const tokens = Array.from({ length: vocabSize }, (_, id) => pieces.get(id) ?? `[PAD${id}]`)
  const types = Int32Array.from(tokens, (piece, id) => {
    const special = added.get(id)
    if (!pieces.has(id)) return tokenType.unused
    if (special) return special.special ? tokenType.control : tokenType.userDefined
    return kind.isByte(piece) ? tokenType.byte : tokenType.normal
  })
  const unknown = typeof model.unk_token === 'string' ? tokens.indexOf(model.unk_token) : -1
  const unknownEntry: GgufEntry[] = unknown < 0 ? [] : [['tokenizer.ggml.unknown_token_id', 'uint32', unknown]]
  const own = kind.entries(tokens, types)
  if (unknown >= 0) types[unknown] = tokenType.unknown
  const addBos = config.add_bos_token ?? addsToken(json.post_processor, config.bos_token)
  const addEos = config.add_eos_token ?? addsToken(json.post_processor, config.eos_token)
  const rstrip = [...added.values()].filter((token) => token.rstrip).map(({ id }) => id)
  return [
    ['tokenizer.ggml.model', 'string', kind.model],
    ['tokenizer.ggml.pre', 'string', kind.pre],
    ['tokenizer.ggml.tokens', 'string[]', tokens],
    ['tokenizer.ggml.token_type', 'int32[]', types],
    ...own,
    ...unknownEntry,
    ['tokenizer.ggml.add_bos_token', 'bool', addBos === true],
    ['tokenizer.ggml.add_eos_token', 'bool', addEos === true],
    // GGUF has no key for these; readers of Phi-3 know them by its vocabulary or its name
    ['lophi.tokenizer.rstrip', 'int32[]', Int32Array.from(rstrip)],
    ...(chatTemplate === null ? [] : [['tokenizer.chat_template', 'string', chatTemplate] as const]),
  ]
}

function sentencePiece(json: Json, model: Json, file: string): Kind {
  const addSpacePrefix = checkPipeline(json, model, file)
  const ranks = rankPieces(model.merges, file)
  const score = (piece: string, type: number): number => {
    if (type === tokenType.unused) return scoreOf.unused
    if (type === tokenType.byte) return scoreOf.byte
    return type === tokenType.normal ? (ranks.get(piece) ?? scoreOf.unmerged) : scoreOf.added
  }
  return {
    model: 'llama',
    pre: 'default',
    isByte: (piece) => /^<0x[0-9A-F]{2}>$/.test(piece),
    entries: (tokens, types) => [
      ['tokenizer.ggml.scores', 'float32[]', Float32Array.from(tokens, (piece, id) => score(piece, types[id]!))],
      ['tokenizer.ggml.add_space_prefix', 'bool', addSpacePrefix],
    ],
  }
}

function byteLevel(json: Json, { merges, ignore_merges: ignoreMerges = false }: Json, file: string): Kind {
  if ((json.normalizer ?? null) !== null) throw unsupported(file, 'a normalizer before bytes')
  const pattern = splitPattern(json.pre_tokenizer)
  const found = [...preTokenizers].find(([, known]) => known.pattern === pattern && !!known.llama3 === ignoreMerges)
  if (!found) throw unsupported(file, 'a pre-tokenizer other than those of GPT-2, cl100k and o200k')
  const pairs = readMerges(merges, file).map((pair) => pair.join(' '))
  return {
    model: 'gpt2',
    pre: found[0],
    isByte: () => false,
    entries: () => [['tokenizer.ggml.merges', 'string[]', pairs]],
  }
}

/** The regular expression that cuts a text into words whose bytes merge; null where something else happens to it. */
function splitPattern(preTokenizer: unknown): string | null {
  const steps = isObject(preTokenizer) && Array.isArray(preTokenizer.pretokenizers) ? preTokenizer.pretokenizers : []
  const [split, bytes] = steps.filter(isObject)
  if (steps.length !== 2 || split?.type !== 'Split' || bytes?.type !== 'ByteLevel') return null
  const cuts = split.behavior === 'Isolated' || (split.behavior === 'Removed' && split.invert === true)
  const plain = bytes.add_prefix_space === false && bytes.use_regex === false
  return cuts && plain && isObject(split.pattern) ? String(split.pattern.Regex) : null
}

function unsupported(file: string, what: string): UnsupportedModelError {
  return new UnsupportedModelError(`${file}: has ${what}, which a vocabulary of GGUF cannot say`)
}

/** Whether a space is put before each segment; throws where GGUF's vocabulary would give other ids. */
function checkPipeline(json: Json, model: Json, file: string): boolean {
  if (model.ignore_merges === true) throw unsupported(file, 'ignore_merges')
  if ((json.pre_tokenizer ?? null) !== null) throw unsupported(file, 'a pre-tokenizer')
  const normalizer = isObject(json.normalizer) ? json.normalizer : {}
  const steps: unknown = normalizer.type === 'Sequence' ? normalizer.normalizers : [normalizer]
  if (Array.isArray(steps) && isSpaceReplacement(steps.at(-1))) {
    if (steps.length === 1) return false
    if (steps.length === 2 && steps[0]?.type === 'Prepend' && steps[0].prepend === '▁') return true
  }
  throw unsupported(file, 'a normalizer other than a leading ▁ and ▁ for spaces')
}

function isSpaceReplacement(step: unknown): boolean {
  if (!isObject(step) || !isObject(step.pattern)) return false
  return step.type === 'Replace' && step.pattern.String === ' ' && step.content === '▁'
}

function readAdded(list: unknown, file: string): Map<number, AddedToken> {
  const added = new Map<number, AddedToken>()
  if (!Array.isArray(list ?? [])) throw new FormatError(file, 'added_tokens must be a list, but is not')
  for (const token of (list ?? []) as unknown[]) {
    if (!isObject(token) || !Number.isInteger(token.id) || typeof token.content !== 'string') {
      throw new FormatError(file, 'added_tokens must have id and content, but one lacks them')
    }
    for (const flag of ['lstrip', 'single_word', 'normalized']) {
      if (token[flag] === true) throw unsupported(file, `${flag} on ${token.content}`)
    }
    const id = token.id as number
    added.set(id, {
      id,
      content: token.content,
      special: token.special === true,
      rstrip: token.rstrip === true,
    })
  }
  return added
}

function readVocabulary(vocab: unknown, added: Map<number, AddedToken>, vocabSize: number, file: string) {
  if (!isObject(vocab)) throw new FormatError(file, 'model.vocab must be an object, but is not')
  const pieces = new Map<number, string>()
  const all: [string, unknown][] = Object.entries(vocab)
  for (const { id, content } of added.values()) all.push([content, id])
  for (const [piece, id] of all) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= vocabSize) {
      throw new FormatError(file, `ids must be 0 to ${vocabSize - 1}, but ${piece} has ${id}`)
    }
    const other = pieces.get(id)
    if (other !== undefined && other !== piece) {
      throw new FormatError(file, `ids must differ, but ${id} is both ${other} and ${piece}`)
    }
    pieces.set(id, piece)
  }
  return pieces
}

function readMerges(merges: unknown, file: string): [string, string][] {
  if (!Array.isArray(merges)) throw new FormatError(file, 'model.merges must be a list, but is not')
  return merges.map((merge) => {
    const pair: unknown = typeof merge === 'string' ? merge.split(' ') : merge
    if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== 'string' || typeof pair[1] !== 'string') {
      throw new FormatError(file, 'merges must be pairs of pieces, but one is not')
    }
    return pair as [string, string]
  })
}

/** Scores -1, -2, … in the order in which the merges make each piece for the first time. */
function rankPieces(merges: unknown, file: string): Map<string, number> {
  const scores = new Map<string, number>()
  let last = ''
  for (const pair of readMerges(merges, file)) {
    const piece = pair.join('')
    if (piece === last) continue
    if (scores.has(piece)) throw unsupported(file, `merges of ${piece} at several ranks`)
    scores.set(piece, -1 - scores.size)
    last = piece
  }
  return scores
}

/** Whether the post-processor's template puts this special token around a text. */
function addsToken(processor: unknown, token: unknown): boolean {
  const text = isObject(token) ? token.content : token
  const single = isObject(processor) ? processor.single : undefined
  if (!Array.isArray(single)) return false
  return single.some((item) => isObject(item) && isObject(item.SpecialToken) && item.SpecialToken.id === text)
}
