import { Tokenizer as Library } from '@huggingface/tokenizers'
import { FormatError, UnsupportedModelError } from '../errors.js'
import { type AddedToken, addedTokenSplitter, type TextRange } from './added-tokens.js'
import type { Decoding } from './detokenizer.js'
import {
  arrayField,
  badField,
  booleanField,
  type Fields,
  idField,
  objectField,
  stringField,
  unsupportedField,
} from './fields.js'

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
  /** Ids without BOS. No added token is matched inside a range of `literal` (ascending, disjoint, not empty). */
  encode(text: string, literal: readonly TextRange[]): number[]
}

const bpeExtras = ['dropout', 'continuing_subword_prefix', 'end_of_word_suffix'] as const

function readModel(value: unknown): Fields {
  const model = objectField('model', value)
  if (model.type !== 'BPE') throw unsupportedField('model.type', '"BPE"', model.type)
  for (const key of bpeExtras) if (model[key]) throw unsupportedField(`model.${key}`, 'null', model[key])

  const vocab = objectField('model.vocab', model.vocab)
  const pieces = new Set(Object.keys(vocab))
  for (const piece of pieces) idField(`model.vocab[${JSON.stringify(piece)}]`, vocab[piece])

  const merges = arrayField('model.merges', model.merges).map((merge, rank): [string, string] => {
    const pair = typeof merge === 'string' ? merge.split(' ') : merge
    if (!Array.isArray(pair) || pair.length !== 2 || !pieces.has(pair[0]) || !pieces.has(pair[1])) {
      throw badField(`model.merges[${rank}]`, 'two pieces of model.vocab', merge)
    }
    if (!pieces.has(pair[0] + pair[1]))
      throw badField(`model.merges[${rank}]`, 'a merge into a piece of model.vocab', merge)
    return [pair[0], pair[1]]
  })

  const unknown = model.unk_token ?? null
  if (unknown !== null && !pieces.has(stringField('model.unk_token', unknown))) {
    throw badField('model.unk_token', 'a piece of model.vocab', unknown)
  }
  return {
    type: 'BPE',
    vocab,
    merges,
    unk_token: unknown,
    byte_fallback: booleanField('model.byte_fallback', model.byte_fallback, false),
    fuse_unk: booleanField('model.fuse_unk', model.fuse_unk, false),
    ignore_merges: booleanField('model.ignore_merges', model.ignore_merges, false),
  }
}

function readAddedTokens(value: unknown, vocab: Fields): AddedToken[] {
  return arrayField('added_tokens', value ?? []).map((each, index) => {
    const field = `added_tokens[${index}]`
    const token = objectField(field, each)
    const content = stringField(`${field}.content`, token.content)
    if (content === '') throw badField(`${field}.content`, 'a string of one character or more', content)
    const special = booleanField(`${field}.special`, token.special, false)
    const id = idField(`${field}.id`, token.id)
    const own = Object.hasOwn(vocab, content) ? vocab[content] : id
    if (id !== own) throw badField(`${field}.id`, `${own} as in model.vocab`, id)
    return {
      id,
      content,
      singleWord: booleanField(`${field}.single_word`, token.single_word, false),
      lstrip: booleanField(`${field}.lstrip`, token.lstrip, false),
      rstrip: booleanField(`${field}.rstrip`, token.rstrip, false),
      normalized: booleanField(`${field}.normalized`, token.normalized, !special),
      special,
    }
  })
}

/** The steps of a component: those of a Sequence, one, or none. */
function stepsOf(field: string, value: unknown, list: string): { field: string; step: Fields }[] {
  if (value === undefined || value === null) return []
  const component = objectField(field, value)
  if (component.type !== 'Sequence') return [{ field, step: component }]
  return arrayField(`${field}.${list}`, component[list]).map((step, index) => {
    const name = `${field}.${list}[${index}]`
    return { field: name, step: objectField(name, step) }
  })
}

function checkPattern(field: string, value: unknown): void {
  const pattern = objectField(field, value)
  if (pattern.Regex === undefined) stringField(`${field}.String`, pattern.String)
  else stringField(`${field}.Regex`, pattern.Regex)
}

/** How many times longer a text becomes at most; steps multiply, and Phi-3's make it 4. */
const maxGrowth = 1024

function checkNormalizers(steps: readonly { field: string; step: Fields }[]): void {
  let growth = 1
  for (const { field, step } of steps) {
    checkNormalizer({ field, step })
    growth *= 1 + String(step.content ?? step.prepend ?? '').length
  }
  if (growth > maxGrowth)
    throw unsupportedField('normalizer', `steps that make a text at most ${maxGrowth} times longer`, growth)
}

function checkNormalizer({ field, step }: { field: string; step: Fields }): void {
  switch (step.type) {
    case 'Prepend':
      stringField(`${field}.prepend`, step.prepend)
      return
    case 'Replace':
      checkPattern(`${field}.pattern`, step.pattern)
      stringField(`${field}.content`, step.content)
      return
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return
    default:
      throw unsupportedField(`${field}.type`, 'Prepend, Replace, NFC, NFD, NFKC or NFKD', step.type)
  }
}

function checkPreTokenizer({ field, step }: { field: string; step: Fields }): void {
  switch (step.type) {
    case 'Split': {
      checkPattern(`${field}.pattern`, step.pattern)
      const invert = booleanField(`${field}.invert`, step.invert, false)
      const behavior = stringField(`${field}.behavior`, step.behavior)
      if (behavior === 'Removed' || (behavior === 'Isolated' && !invert)) return
      throw unsupportedField(`${field}.behavior`, 'Removed, or Isolated without invert', behavior)
    }
    case 'ByteLevel':
      booleanField(`${field}.add_prefix_space`, step.add_prefix_space, true)
      booleanField(`${field}.use_regex`, step.use_regex, true)
      return
    default:
      throw unsupportedField(`${field}.type`, 'Split or ByteLevel', step.type)
  }
}

/** What is done to a segment before the library has it; `first` says that the segment opens the text. */
type Prepare = (segment: string, first: boolean) => string

/**
 * Metaspace done here, because the library cannot know which segment opens the text: spaces become the mark, and one
 * goes in front of a segment that has none.
 */
function readMetaspace(field: string, step: Fields): Prepare {
  const mark = stringField(`${field}.replacement`, step.replacement)
  if ([...mark].length !== 1) throw badField(`${field}.replacement`, 'one character', mark)
  const scheme = stringField(`${field}.prepend_scheme`, step.prepend_scheme ?? 'always')
  if (!['always', 'first', 'never'].includes(scheme)) {
    throw badField(`${field}.prepend_scheme`, 'always, first or never', scheme)
  }
  if (step.split !== false) throw unsupportedField(`${field}.split`, 'false', step.split)
  return (segment, first) => {
    const text = segment.replaceAll(' ', mark)
    const prefixed = scheme === 'always' || (scheme === 'first' && first)
    return prefixed && !text.startsWith(mark) ? mark + text : text
  }
}

function readPreTokenizer(value: unknown, normalizer: unknown): { preTokenizer: unknown; prepare: Prepare } {
  const steps = stepsOf('pre_tokenizer', value, 'pretokenizers')
  const [only] = steps
  if (steps.length === 1 && only?.step.type === 'Metaspace') {
    if (normalizer !== null) throw unsupportedField('normalizer', 'null beside Metaspace', normalizer)
    return { preTokenizer: null, prepare: readMetaspace(only.field, only.step) }
  }
  for (const step of steps) checkPreTokenizer(step)
  return { preTokenizer: value, prepare: (segment) => segment }
}

const sentencePieceSteps = ['Replace', 'ByteFallback', 'Fuse', 'Strip']

function readDecoder(value: unknown): Decoding {
  const steps = stepsOf('decoder', value, 'decoders')
  const types = steps.map(({ step }) => String(step.type))
  if (types.join() === 'ByteLevel') return { kind: 'byteLevel' }
  const known = types.length >= 3 && types.every((type, index) => type === sentencePieceSteps[index])
  if (!known)
    throw unsupportedField('decoder', 'ByteLevel, or Replace, ByteFallback, Fuse and Strip', types.join(', ') || null)

  const replace = steps[0]?.step as Fields
  const pattern = objectField('decoder.decoders[0].pattern', replace.pattern)
  const mark = stringField('decoder.decoders[0].pattern.String', pattern.String)
  if (mark === '') throw badField('decoder.decoders[0].pattern.String', 'a string of one character or more', mark)
  if (replace.content !== ' ') throw unsupportedField('decoder.decoders[0].content', '" "', replace.content)
  const strip = steps[3]?.step
  if (!strip) return { kind: 'sentencepiece', mark, strip: 0 }
  if (strip.content !== ' ') throw unsupportedField('decoder.decoders[3].content', '" "', strip.content)
  if (strip.stop !== 0) throw unsupportedField('decoder.decoders[3].stop', '0', strip.stop)
  return { kind: 'sentencepiece', mark, strip: idField('decoder.decoders[3].start', strip.start) }
}

/** The token that the post-processor puts in front of a text. */
function readPrefix(value: unknown): string | null {
  const template = stepsOf('post_processor', value, 'processors').find(({ step }) => step.type === 'TemplateProcessing')
  if (!template) return null
  const field = `${template.field}.single`
  const items = arrayField(field, template.step.single).map((item, index) => objectField(`${field}[${index}]`, item))
  const text = items.findIndex((item) => item.Sequence !== undefined)
  const prefix = items.slice(0, Math.max(text, 0))
  if (prefix.length > 1) throw unsupportedField(field, 'the text with at most one token before it', items)
  const token = prefix[0]?.SpecialToken
  return token === undefined ? null : stringField(`${field}[0].SpecialToken.id`, objectField(field, token).id)
}

function badConfig(problem: string): FormatError {
  return new FormatError('tokenizer_config.json', problem)
}

function readNamedTokens(config: Fields): Record<string, string> {
  const named: Record<string, string> = {}
  for (const name of ['bos_token', 'eos_token', 'unk_token', 'pad_token']) {
    const value = config[name]
    const content = typeof value === 'object' && value !== null ? (value as Fields).content : value
    if (content === undefined || content === null) continue
    if (typeof content !== 'string') throw badConfig(`${name} must be a string or a token`)
    named[name] = content
  }
  return named
}

/** `added` are `tokens` with their contents as they stand in normalised text, which is how they are decoded. */
function readVocabulary(model: Fields, tokens: readonly AddedToken[], added: readonly AddedToken[]): Vocabulary {
  const ids = new Map(Object.entries(model.vocab as Record<string, number>))
  const pieces = new Map<number, string>()
  for (const [piece, id] of ids) pieces.set(id, piece)
  for (const { content, id } of tokens) ids.set(content, id)
  for (const { content, id } of added) pieces.set(id, content)
  let size = 0
  for (const id of pieces.keys()) size = Math.max(size, id + 1)
  return { pieces, ids, special: new Set(added.filter((token) => token.special).map((token) => token.id)), size }
}

/** BOS and the other tokens with a name. */
function readNames(json: Fields, config: Fields, { ids }: Vocabulary) {
  const namedTokens = readNamedTokens(config)
  const idOf = (token: string | null | undefined) => (token ? ids.get(token) : undefined) ?? null
  const prefix = readPrefix(json.post_processor)
  const addBos = config.add_bos_token ?? prefix !== null
  if (typeof addBos !== 'boolean') throw badConfig('add_bos_token must be a boolean')
  const bosId = idOf(namedTokens.bos_token ?? prefix)
  if (addBos && bosId === null) throw badConfig('bos_token must be in the vocabulary where add_bos_token is true')
  return { addBos, bosId, eosId: idOf(namedTokens.eos_token), namedTokens }
}

function newLibrary(tokenizer: Fields): Library {
  try {
    return new Library(tokenizer, {})
  } catch (error) {
    // what is left to fail is a regular expression that does not translate
    throw new UnsupportedModelError(`tokenizer.json: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/**
 * Reads a tokenizer.json. The library does normalising, pre-tokenising and BPE; added tokens are matched here, since it
 * strips white space after them by JavaScript's rule and cannot leave them unmatched.
 */
export function readPipeline(tokenizer: unknown, config: Fields): Pipeline {
  const json = objectField('the file', tokenizer)
  const model = readModel(json.model)
  const tokens = readAddedTokens(json.added_tokens, model.vocab as Fields)
  const decoding = readDecoder(json.decoder)
  const normalizer = json.normalizer ?? null
  checkNormalizers(stepsOf('normalizer', normalizer, 'normalizers'))
  const { preTokenizer, prepare } = readPreTokenizer(json.pre_tokenizer ?? null, normalizer)

  const library = newLibrary({
    normalizer,
    pre_tokenizer: preTokenizer,
    model,
    post_processor: null,
    decoder: null,
    added_tokens: [],
  })
  // taken out of the library's hands, because some added tokens are matched between normalising and the rest
  const { normalizer: normalizing } = library
  library.normalizer = null
  const normalize = (text: string) => normalizing?.normalize(text) ?? text
  const added = tokens.map((token) => (token.normalized ? { ...token, content: normalize(token.content) } : token))
  const splitRaw = addedTokenSplitter(added.filter((token) => !token.normalized))
  const splitNormalized = addedTokenSplitter(added.filter((token) => token.normalized))
  const vocabulary = readVocabulary(model, tokens, added)

  function encodeSegment(segment: string, first: boolean, literal: boolean): number[] {
    const text = normalize(segment)
    return splitNormalized(text, literal ? [{ start: 0, end: text.length }] : []).flatMap((part) => {
      if ('id' in part) return part.id
      const input = prepare(text.slice(part.start, part.end), first && part.start === 0)
      return library.encode(input, { add_special_tokens: false }).ids
    })
  }

  return {
    vocabulary,
    decoding,
    ...readNames(json, config, vocabulary),
    encode: (text, literal) =>
      splitRaw(text, literal).flatMap((part) => {
        if ('id' in part) return part.id
        const touched = literal.some((range) => range.start < part.end && part.start < range.end)
        return encodeSegment(text.slice(part.start, part.end), part.start === 0, touched)
      }),
  }
}
