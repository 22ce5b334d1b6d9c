import type { Json } from '../fields.js'
import { byteCharacters } from './byte-characters.js'
import { patterns, wordPattern } from './patterns.js'
import { fields, stepsOf } from './steps.js'

/** Cuts a segment into the words that merge on their own; `first` says that the segment opens the text. */
export type PreTokenize = (segment: string, first: boolean) => Iterable<string>

type Step = (texts: Iterable<string>) => Iterable<string>

/** `pre_tokenizer` of tokenizer.json. */
export function readPreTokenizer(value: unknown, hasNormalizer: boolean): PreTokenize {
  const steps = stepsOf('pre_tokenizer', value, 'pretokenizers')
  const [only] = steps
  if (steps.length === 1 && only?.step.type === 'Metaspace') {
    if (hasNormalizer) throw fields.unsupported('normalizer', 'null beside Metaspace', 'another')
    return readMetaspace(only.field, only.step)
  }
  const each = steps.map(({ field, step }) => readStep(field, step))
  return (segment) => each.reduce<Iterable<string>>((texts, step) => step(texts), [segment])
}

/** Spaces become the mark, and one goes in front of a segment that has none. */
function readMetaspace(field: string, step: Json): PreTokenize {
  const mark = fields.string(`${field}.replacement`, step.replacement)
  if ([...mark].length !== 1) throw fields.bad(`${field}.replacement`, 'one character', mark)
  const scheme = fields.string(`${field}.prepend_scheme`, step.prepend_scheme ?? 'always')
  if (!['always', 'first', 'never'].includes(scheme)) {
    throw fields.bad(`${field}.prepend_scheme`, 'always, first or never', scheme)
  }
  if (step.split !== false) throw fields.unsupported(`${field}.split`, 'false', step.split)
  return (segment, first) => {
    const text = segment.replaceAll(' ', mark)
    const prefixed = scheme === 'always' || (scheme === 'first' && first)
    return [prefixed && !text.startsWith(mark) ? mark + text : text]
  }
}

function readStep(field: string, step: Json): Step {
  switch (step.type) {
    case 'Split': {
      const pattern = readPattern(`${field}.pattern`, step.pattern)
      const invert = fields.boolean(`${field}.invert`, step.invert, false)
      const behavior = fields.string(`${field}.behavior`, step.behavior)
      if (behavior === 'Removed') return (texts) => cut(texts, pattern, invert, !invert)
      if (behavior === 'Isolated' && !invert) return (texts) => cut(texts, pattern, true, true)
      throw fields.unsupported(`${field}.behavior`, 'Removed, or Isolated without invert', behavior)
    }
    case 'ByteLevel': {
      const prefix = fields.boolean(`${field}.add_prefix_space`, step.add_prefix_space, true)
      const pattern = fields.boolean(`${field}.use_regex`, step.use_regex, true) ? wordPattern(patterns.gpt2) : null
      return (texts) => {
        const spaced = prefix ? withSpace(texts) : texts
        return inBytes(pattern ? cut(spaced, pattern, true, true) : spaced)
      }
    }
    default:
      throw fields.unsupported(`${field}.type`, 'Split or ByteLevel', step.type)
  }
}

function readPattern(field: string, value: unknown): RegExp {
  const pattern = fields.object(field, value)
  if (pattern.Regex === undefined) {
    const text = fields.string(`${field}.String`, pattern.String)
    if (text === '') throw fields.bad(`${field}.String`, 'a string of one character or more', text)
    return new RegExp(text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&'), 'gu')
  }
  const known = wordPattern(fields.string(`${field}.Regex`, pattern.Regex))
  if (!known) throw fields.unsupported(`${field}.Regex`, 'that of GPT-2, cl100k, Qwen2 or o200k', pattern.Regex)
  return known
}

/** The matches of a pattern, what is between them, or both in order. */
function* cut(texts: Iterable<string>, pattern: RegExp, matches: boolean, between: boolean): Generator<string> {
  for (const text of texts) {
    let at = 0
    for (const { 0: match, index } of text.matchAll(pattern)) {
      if (between && index > at) yield text.slice(at, index)
      if (matches) yield match
      at = index + match.length
    }
    if (between && at < text.length) yield text.slice(at)
  }
}

function* withSpace(texts: Iterable<string>): Generator<string> {
  for (const text of texts) yield text.startsWith(' ') ? text : ` ${text}`
}

/** Words as GPT-2's table writes their bytes. */
function* inBytes(words: Iterable<string>): Generator<string> {
  const encoder = new TextEncoder()
  for (const word of words) {
    let written = ''
    for (const byte of encoder.encode(word)) written += byteCharacters[byte]
    yield written
  }
}
