import { FormatError, UnsupportedModelError } from '../errors.js'
import { isObject } from '../formats/json.js'
import type { TokenizerSource } from '../formats/source.js'
import type { GgufEntry } from './gguf-header.js'

// A byte-fallback BPE of tokenizer.json (Llama's, Phi-3's) as GGUF's "llama" vocabulary. That one merges by the score of
// the result where tokenizer.json merges by the rank of the pair: with scores in the order of the ranks both give the same.

const tokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const
const scoreOf = { unmerged: -1e9, unused: -10000, added: -1000, byte: 0 } as const

interface AddedToken {
  readonly id: number
  readonly content: string
  readonly special: boolean
  readonly rstrip: boolean
}

/** The `tokenizer.*` keys for a vocabulary of `vocabSize` ids; `file` is the path of tokenizer.json, for errors. */
export function ggufTokenizer(
  { tokenizer, config, chatTemplate }: Extract<TokenizerSource, { kind: 'huggingface' }>,
  vocabSize: number,
  file: string,
): GgufEntry[] {
  const json = isObject(tokenizer) ? tokenizer : {}
  const model = isObject(json.model) ? json.model : {}
  const addSpacePrefix = checkPipeline(json, model, file)
  const added = readAdded(json.added_tokens, file)
  const pieces = readVocabulary(model.vocab, added, vocabSize, file)
  const ranks = rankPieces(model.merges, file)

  const tokens: string[] = []
  const scores = new Float32Array(vocabSize)
  const types = new Int32Array(vocabSize)
  for (let id = 0; id < vocabSize; id++) {
    const piece = pieces.get(id)
    tokens.push(piece ?? `[PAD${id}]`)
    const special = added.get(id)
    if (piece === undefined) {
      types[id] = tokenType.unused
      scores[id] = scoreOf.unused
    } else if (special) {
      types[id] = special.special ? tokenType.control : tokenType.userDefined
      scores[id] = scoreOf.added
    } else if (/^<0x[0-9A-F]{2}>$/.test(piece)) {
      types[id] = tokenType.byte
      scores[id] = scoreOf.byte
    } else {
      types[id] = tokenType.normal
      scores[id] = ranks.get(piece) ?? scoreOf.unmerged
    }
  }

  const entries: GgufEntry[] = [
    ['tokenizer.ggml.model', 'string', 'llama'],
    ['tokenizer.ggml.pre', 'string', 'default'],
    ['tokenizer.ggml.tokens', 'string[]', tokens],
    ['tokenizer.ggml.scores', 'float32[]', scores],
    ['tokenizer.ggml.token_type', 'int32[]', types],
  ]
  const unknown = typeof model.unk_token === 'string' ? tokens.indexOf(model.unk_token) : -1
  if (unknown >= 0) {
    types[unknown] = tokenType.unknown
    entries.push(['tokenizer.ggml.unknown_token_id', 'uint32', unknown])
  }
  const addBos = config.add_bos_token ?? addsToken(json.post_processor, config.bos_token)
  const addEos = config.add_eos_token ?? addsToken(json.post_processor, config.eos_token)
  const rstrip = [...added.values()].filter((token) => token.rstrip).map(({ id }) => id)
  entries.push(
    ['tokenizer.ggml.add_bos_token', 'bool', addBos === true],
    ['tokenizer.ggml.add_eos_token', 'bool', addEos === true],
    ['tokenizer.ggml.add_space_prefix', 'bool', addSpacePrefix],
    // GGUF has no key for these: llama.cpp decides by the model's name
    ['lophi.tokenizer.rstrip', 'int32[]', Int32Array.from(rstrip)],
  )
  if (chatTemplate !== null) entries.push(['tokenizer.chat_template', 'string', chatTemplate])
  return entries
}

function unsupported(file: string, what: string): UnsupportedModelError {
  return new UnsupportedModelError(`${file}: has ${what}, which a GGUF "llama" vocabulary cannot say`)
}

/** Whether a space is put before each segment; throws where GGUF's vocabulary would give other ids. */
function checkPipeline(json: Record<string, unknown>, model: Record<string, unknown>, file: string): boolean {
  if (model.type !== 'BPE' || model.byte_fallback !== true) throw unsupported(file, 'no BPE model with byte fallback')
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

/** Scores -1, -2, … in the order in which the merges make each piece for the first time. */
function rankPieces(merges: unknown, file: string): Map<string, number> {
  if (!Array.isArray(merges)) throw new FormatError(file, 'model.merges must be a list, but is not')
  const scores = new Map<string, number>()
  let last = ''
  for (const merge of merges) {
    const pair: unknown = typeof merge === 'string' ? merge.split(' ') : merge
    if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== 'string' || typeof pair[1] !== 'string') {
      throw new FormatError(file, 'merges must be pairs of pieces, but one is not')
    }
    const piece = pair[0] + pair[1]
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
