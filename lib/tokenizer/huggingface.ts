import { ArgumentError } from '../errors.js'
import { type FieldReader, fieldReader, type Json } from '../fields.js'
import { type AddedToken, addedTokenSplitter, type TextRange } from './added-tokens.js'
import { type BpeModel, bpeEncoder } from './bpe.js'
import type { Decoding } from './detokenizer.js'
import { readNormalizer } from './normalizer.js'
import { readPreTokenizer } from './pre-tokenizer.js'
import { fields, stepsOf } from './steps.js'

export interface Vocabulary {
  readonly pieces: ReadonlyMap<number, string>
  readonly ids: ReadonlyMap<string, number>
  /** Ids that decoding leaves out. */
  readonly special: ReadonlySet<number>
  /** Largest id + 1. */
  readonly size: number
}

/** A tokenizer.json and its tokenizer_config.json, checked and ready. */
export interface Pipeline {
  readonly vocabulary: Vocabulary
  readonly decoding: Decoding
  readonly addBos: boolean
  readonly bosId: number | null
  readonly eosId: number | null
  /** `bos_token`, `eos_token`, `unk_token`, `pad_token` as a chat template sees them. */
  readonly namedTokens: Readonly<Record<string, string>>
  /** At most `limit` ids, without BOS: a text that needs more is refused before it is encoded. No added token is matched inside a range of `literal` (ascending, disjoint, not empty). */
  encode(text: string, literal: readonly TextRange[], limit?: number): number[]
}

const configFields = fieldReader('tokenizer_config.json')
const mostId = 2 ** 31 - 1

const bpeExtras = ['dropout', 'continuing_subword_prefix', 'end_of_word_suffix'] as const

/** The pieces of `model.vocab` below `rows`, and the merges among them. */
function readModel(value: unknown, rows: number): Omit<BpeModel, 'bytesOnly'> {
  const model = fields.object('model', value)
  if (model.type !== 'BPE') throw fields.unsupported('model.type', '"BPE"', model.type)
  for (const key of bpeExtras) if (model[key]) throw fields.unsupported(`model.${key}`, 'null', model[key])

  const vocab = fields.object('model.vocab', model.vocab)
  const ids = new Map<string, number>()
  for (const piece of Object.keys(vocab))
    ids.set(piece, fields.integer(`model.vocab[${JSON.stringify(piece)}]`, vocab[piece], 0, mostId))

  const merges = fields.array('model.merges', model.merges).map((merge, rank): [string, string] => {
    const pair = typeof merge === 'string' ? merge.split(' ') : merge
    if (!Array.isArray(pair) || pair.length !== 2 || !ids.has(pair[0]) || !ids.has(pair[1])) {
      throw fields.bad(`model.merges[${rank}]`, 'two pieces of model.vocab', merge)
    }
    if (!ids.has(pair[0] + pair[1]))
      throw fields.bad(`model.merges[${rank}]`, 'a merge into a piece of model.vocab', merge)
    return [pair[0], pair[1]]
  })

  const unknown = model.unk_token ?? null
  if (unknown !== null && !ids.has(fields.string('model.unk_token', unknown))) {
    throw fields.bad('model.unk_token', 'a piece of model.vocab', unknown)
  }
  const size = ids.size
  for (const [piece, id] of ids) if (id >= rows) ids.delete(piece)
  const isWhole = ([left, right]: [string, string]) => ids.has(left) && ids.has(right) && ids.has(left + right)
  return {
    ids,
    merges: ids.size === size ? merges : merges.filter(isWhole),
    unknown: ids.get(unknown as string) ?? null,
    byteFallback: fields.boolean('model.byte_fallback', model.byte_fallback, false),
    fuseUnknown: fields.boolean('model.fuse_unk', model.fuse_unk, false),
    ignoreMerges: fields.boolean('model.ignore_merges', model.ignore_merges, false),
  }
}

function readFlags(reader: FieldReader, field: string, token: Json): Omit<AddedToken, 'id'> {
  const special = reader.boolean(`${field}.special`, token.special, false)
  return {
    content: reader.string(`${field}.content`, token.content),
    singleWord: reader.boolean(`${field}.single_word`, token.single_word, false),
    lstrip: reader.boolean(`${field}.lstrip`, token.lstrip, false),
    rstrip: reader.boolean(`${field}.rstrip`, token.rstrip, false),
    normalized: reader.boolean(`${field}.normalized`, token.normalized, !special),
    special,
  }
}

function readAddedTokens(value: unknown, vocab: ReadonlyMap<string, number>): Map<string, AddedToken> {
  const tokens = new Map<string, AddedToken>()
  fields.array('added_tokens', value ?? []).forEach((each, index) => {
    const field = `added_tokens[${index}]`
    const token = fields.object(field, each)
    const flags = readFlags(fields, field, token)
    if (flags.content === '') throw fields.bad(`${field}.content`, 'a string of one character or more', '')
    const id = fields.integer(`${field}.id`, token.id, 0, mostId)
    const own = vocab.get(flags.content) ?? id
    if (id !== own) throw fields.bad(`${field}.id`, `${own} as in model.vocab`, id)
    if (!tokens.has(flags.content)) tokens.set(flags.content, { id, ...flags })
  })
  return tokens
}

/**
 * `added_tokens_decoder` of tokenizer_config.json, in the order of its ids: its flags count, and tokens that
 * tokenizer.json lacks get the next free ids, whatever theirs are.
 */
function addConfigured(tokens: Map<string, AddedToken>, value: unknown, vocab: ReadonlyMap<string, number>): void {
  let next = vocab.size
  for (const { id } of tokens.values()) next = Math.max(next, id + 1)
  const table = Object.entries(configFields.object('added_tokens_decoder', value ?? {}))
  for (const [key, each] of table.toSorted(([a], [b]) => Number(a) - Number(b))) {
    const field = `added_tokens_decoder[${JSON.stringify(key)}]`
    const flags = readFlags(configFields, field, configFields.object(field, each))
    if (flags.content === '') continue
    const known = tokens.get(flags.content)
    const id = known?.id ?? vocab.get(flags.content) ?? next
    if (id >= next) next = id + 1
    tokens.set(flags.content, { ...flags, id, special: flags.special || known?.special === true })
  }
}

const sentencePieceSteps = ['Replace', 'ByteFallback', 'Fuse', 'Strip']

function readDecoder(value: unknown): Decoding {
  const steps = stepsOf('decoder', value, 'decoders')
  const types = steps.map(({ step }) => String(step.type))
  if (types.join() === 'ByteLevel') return { kind: 'byteLevel' }
  const known = types.length >= 3 && types.every((type, index) => type === sentencePieceSteps[index])
  if (!known)
    throw fields.unsupported('decoder', 'ByteLevel, or Replace, ByteFallback, Fuse and Strip', types.join(', ') || null)

  const replace = steps[0]?.step as Json
  const pattern = fields.object('decoder.decoders[0].pattern', replace.pattern)
  const mark = fields.string('decoder.decoders[0].pattern.String', pattern.String)
  if (mark === '') throw fields.bad('decoder.decoders[0].pattern.String', 'a string of one character or more', mark)
  if (replace.content !== ' ') throw fields.unsupported('decoder.decoders[0].content', '" "', replace.content)
  const strip = steps[3]?.step
  if (!strip) return { kind: 'sentencepiece', mark, strip: 0 }
  if (strip.content !== ' ') throw fields.unsupported('decoder.decoders[3].content', '" "', strip.content)
  if (strip.stop !== 0) throw fields.unsupported('decoder.decoders[3].stop', '0', strip.stop)
  return { kind: 'sentencepiece', mark, strip: fields.integer('decoder.decoders[3].start', strip.start, 0, mostId) }
}

/** The token that the post-processor puts in front of a text. */
function readPrefix(value: unknown): string | null {
  const template = stepsOf('post_processor', value, 'processors').find(({ step }) => step.type === 'TemplateProcessing')
  if (!template) return null
  const field = `${template.field}.single`
  const items = fields
    .array(field, template.step.single)
    .map((item, index) => fields.object(`${field}[${index}]`, item))
  const text = items.findIndex((item) => item.Sequence !== undefined)
  const prefix = items.slice(0, Math.max(text, 0))
  if (prefix.length > 1) throw fields.unsupported(field, 'the text with at most one token before it', items)
  const token = prefix[0]?.SpecialToken
  return token === undefined ? null : fields.string(`${field}[0].SpecialToken.id`, fields.object(field, token).id)
}

function readNamedTokens(config: Json): Record<string, string> {
  const named: Record<string, string> = {}
  for (const name of ['bos_token', 'eos_token', 'unk_token', 'pad_token']) {
    const value = config[name]
    const content = typeof value === 'object' && value !== null ? (value as Json).content : value
    if (content === undefined || content === null) continue
    if (typeof content !== 'string') throw configFields.bad(name, 'a string or a token', value)
    named[name] = content
  }
  return named
}

/** `added` are `tokens` with their contents as they stand in normalised text, which is how they are decoded. */
function readVocabulary(
  model: Pick<BpeModel, 'ids'>,
  tokens: readonly AddedToken[],
  added: readonly AddedToken[],
): Vocabulary {
  const ids = new Map(model.ids)
  const pieces = new Map<number, string>()
  for (const [piece, id] of ids) pieces.set(id, piece)
  for (const { content, id } of tokens) ids.set(content, id)
  for (const { content, id } of added) pieces.set(id, content)
  let size = 0
  for (const id of pieces.keys()) size = Math.max(size, id + 1)
  return { pieces, ids, special: new Set(added.filter((token) => token.special).map((token) => token.id)), size }
}

/** BOS and the other tokens with a name. */
function readNames(json: Json, config: Json, { ids }: Vocabulary) {
  const namedTokens = readNamedTokens(config)
  const idOf = (token: string | null | undefined) => (token ? ids.get(token) : undefined) ?? null
  const prefix = readPrefix(json.post_processor)
  const addBos = configFields.boolean('add_bos_token', config.add_bos_token, prefix !== null)
  return { addBos, bosId: idOf(namedTokens.bos_token ?? prefix), eosId: idOf(namedTokens.eos_token), namedTokens }
}

function tooLong(limit: number): ArgumentError {
  return new ArgumentError('ERR_CONTEXT_OVERFLOW', `encode: the text must have at most ${limit} tokens, but has more`)
}

/** Whether no step before the merges makes a text shorter. */
function keepsLength(json: Json): boolean {
  const grows = stepsOf('normalizer', json.normalizer, 'normalizers').every(({ step }) => {
    const replaced = String((step.pattern as Json | undefined)?.String)
    return step.type === 'Prepend' || (step.type === 'Replace' && replaced.length <= String(step.content).length)
  })
  const steps = stepsOf('pre_tokenizer', json.pre_tokenizer, 'pretokenizers')
  return grows && steps.every(({ step }) => step.behavior !== 'Removed' || step.invert === true)
}

/** Whether a text has more than `count` characters beside white space, which added tokens may swallow. */
function hasMore(text: string, count: number): boolean {
  if (text.length <= count) return false
  let seen = 0
  for (const { 0: run } of text.matchAll(/\P{White_Space}{1,256}/gu)) {
    seen += run.length
    if (seen > count) return true
  }
  return false
}

/** Reads a tokenizer.json; tokens with ids from `rows` on, which the model lacks, are left out. */
export function readPipeline(tokenizer: unknown, config: Json, rows: number): Pipeline {
  const json = fields.object('the file', tokenizer)
  const model = readModel(json.model, rows)
  const known = readAddedTokens(json.added_tokens, model.ids)
  addConfigured(known, config.added_tokens_decoder, model.ids)
  const tokens = [...known.values()].filter(({ id }) => id < rows)
  const decoding = readDecoder(json.decoder)
  const normalize = readNormalizer(json.normalizer)
  const preTokenize = readPreTokenizer(json.pre_tokenizer, json.normalizer !== undefined && json.normalizer !== null)

  const added = tokens.map((token) => (token.normalized ? { ...token, content: normalize(token.content) } : token))
  const splitRaw = addedTokenSplitter(added.filter((token) => !token.normalized))
  const splitNormalized = addedTokenSplitter(added.filter((token) => token.normalized))
  const vocabulary = readVocabulary(model, tokens, added)
  const bytesOnly = stepsOf('pre_tokenizer', json.pre_tokenizer, 'pretokenizers').at(-1)?.step.type === 'ByteLevel'
  const bpe = bpeEncoder({ ...model, bytesOnly })

  const longest = added.reduce((most, { content }) => Math.max(most, content.length), bpe.longest)
  const longestText = keepsLength(json) ? longest : Number.POSITIVE_INFINITY

  function checkRoom(ids: readonly number[], word: number, limit: number): void {
    if (ids.length + word / bpe.longest > limit) throw tooLong(limit)
  }

  function encodeSegment(segment: string, first: boolean, literal: boolean, ids: number[], limit: number): void {
    const text = normalize(segment)
    for (const part of splitNormalized(text, literal ? [{ start: 0, end: text.length }] : [])) {
      if ('id' in part) ids.push(part.id)
      else {
        const words = preTokenize(text.slice(part.start, part.end), first && part.start === 0)
        for (const word of words) {
          checkRoom(ids, word.length, limit)
          bpe.encode(word, ids)
        }
      }
    }
  }

  return {
    vocabulary,
    decoding,
    ...readNames(json, config, vocabulary),
    encode(text, literal, limit = Number.POSITIVE_INFINITY) {
      if (hasMore(text, limit * longestText)) throw tooLong(limit)
      const ids: number[] = []
      let next = 0
      for (const part of splitRaw(text, literal)) {
        if ('id' in part) {
          ids.push(part.id)
          continue
        }
        while (next < literal.length && (literal[next] as TextRange).end <= part.start) next++
        const touched = next < literal.length && (literal[next] as TextRange).start < part.end
        encodeSegment(text.slice(part.start, part.end), part.start === 0, touched, ids, limit)
      }
      checkRoom(ids, 0, limit)
      return ids
    },
  }
}
