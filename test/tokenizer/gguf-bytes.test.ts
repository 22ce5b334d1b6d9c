import { Tokenizer as Library } from '@huggingface/tokenizers'
import { describe, expect, test } from 'vitest'
import { FormatError, LophiError, UnsupportedModelError } from '../../lib/errors.js'
import type { GgufValue } from '../../lib/formats/source.js'
import { createTokenizer } from '../../lib/tokenizer/index.js'
import { random } from '../support/random.js'
import { randomText } from './data.js'

// Byte-level BPE of Phi-4 and Phi-4-mini, as llama.cpp's converter writes it, on a small vocabulary trained here.

/** The 256 characters that stand for bytes: printable ones for themselves, the others from U+0100 on. */
const byteCharacters = (() => {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff)
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++))
})()
const written = (text: string) => [...new TextEncoder().encode(text)].map((byte) => byteCharacters[byte]!).join('')

const corpus = `Hello, world! don't DON'T I'll we've they're HelloWorld helloWORLD camelCase 1234567 12 3.14
\tthe quick brown fox   jumps over\r\n\r\nthe lazy dog, the end.  naïve café Übergrößen 日本語 안녕하세요 // path/to/file`

/** Merges of the most frequent pairs, ties by order of appearance. */
function train(count: number): [string, string][] {
  const words = corpus.split(/(?<=\s)(?=\S)/).map((word) => [...written(word)])
  const merges: [string, string][] = []
  while (merges.length < count) {
    const pairs = new Map<string, number>()
    for (const word of words) {
      for (let i = 1; i < word.length; i++) {
        const pair = `${word[i - 1]} ${word[i]}`
        pairs.set(pair, (pairs.get(pair) ?? 0) + 1)
      }
    }
    const [best] = [...pairs].sort((a, b) => b[1] - a[1])
    if (!best) break
    const [left, right] = best[0].split(' ') as [string, string]
    merges.push([left, right])
    for (const word of words) {
      for (let i = 1; i < word.length; i++) {
        if (word[i - 1] === left && word[i] === right) word.splice(i - 1, 2, left + right)
      }
    }
  }
  return merges
}

const merges = train(160)
const pieces = [...new Set([...byteCharacters, ...merges.map(([left, right]) => left + right)])]
const specials = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|end|>']
const tokens = [...pieces, ...specials, 'a tool', '[PAD7]']
const id = (text: string) => tokens.indexOf(text)
const types = [...pieces.map(() => 1), ...specials.map(() => 3), 4, 5]

const key = (name: string) => `tokenizer.ggml.${name}`
function metadata(changes: Record<string, GgufValue | undefined> = {}): Map<string, GgufValue> {
  const values: Record<string, GgufValue | undefined> = {
    [key('model')]: 'gpt2',
    [key('pre')]: 'gpt-4o',
    [key('tokens')]: tokens,
    [key('token_type')]: Int32Array.from(types),
    [key('merges')]: merges.map((pair) => pair.join(' ')),
    [key('bos_token_id')]: id('<|endoftext|>'),
    [key('eos_token_id')]: id('<|endoftext|>'),
    [key('padding_token_id')]: id('<|endoftext|>'),
    ...changes,
  }
  return new Map(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  )
}
const tokenizer = (changes: Record<string, GgufValue | undefined> = {}, chatTemplate: string | null = null) =>
  createTokenizer({ kind: 'gguf', metadata: metadata(changes), chatTemplate })

// as the published tokenizer.json of Phi-4 and Phi-4-mini have them
const patterns: Record<string, string> = {
  dbrx: "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  'gpt-4o':
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
}

/** The same vocabulary as tokenizer.json, in the library alone. */
function library(pre: string): Library {
  const json = {
    added_tokens: [...specials, 'a tool'].map((content) => ({
      id: id(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: content !== 'a tool',
    })),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: patterns[pre] }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(pieces.map((piece, i) => [piece, i])),
      merges,
      ignore_merges: false,
    },
  }
  return new Library(json, {})
}

describe.each(['dbrx', 'gpt-4o'])('byte-level BPE of pre-tokenizer %s', (pre) => {
  const ours = tokenizer({ [key('pre')]: pre })

  test('encodes and decodes as an equivalent tokenizer.json does', () => {
    const theirs = library(pre)
    const source = random(31)
    const lines = corpus.split('\n')
    for (let round = 0; round < 400; round++) {
      const line = lines[round % lines.length]!
      const text = `${randomText(source)}<|im_start|>${line}<|im_end|> a tool ${randomText(source)}`
      const ids = ours.encode(text)
      expect([text, ids]).toEqual([text, theirs.encode(text, { add_special_tokens: false }).ids])
      expect(ours.decode(ids, { skipSpecial: false })).toBe(text)
    }
  })
})

describe('a byte-level vocabulary in GGUF', () => {
  test('of Phi-4 and of Phi-4-mini cut contractions and capitals differently', () => {
    const merged = ['HelloWorld', "DON'T"].map(written)
    // a vocabulary in which these words are whole tokens where they are whole words
    const more: [string, string][] = merged.flatMap((word) =>
      [...word].slice(1).map((_, i): [string, string] => [word.slice(0, i + 1), word[i + 1]!]),
    )
    const extra = more.map(([left, right]) => left + right)
    const own = [...byteCharacters, ...extra]
    const changes = {
      [key('tokens')]: own,
      [key('token_type')]: Int32Array.from(own, () => 1),
      [key('merges')]: more.map((pair) => pair.join(' ')),
      [key('bos_token_id')]: undefined,
      [key('eos_token_id')]: undefined,
      [key('padding_token_id')]: undefined,
    }
    const words = (pre: string, text: string) => {
      const each = tokenizer({ ...changes, [key('pre')]: pre, [key('add_bos_token')]: false })
      return each.encode(text).map((one) => each.piece(one))
    }
    expect(words('dbrx', 'HelloWorld')).toEqual(['HelloWorld'])
    expect(words('gpt-4o', 'HelloWorld').slice(0, 1)).toEqual(['Hello'])
    expect(words('gpt-4o', "DON'T")).toEqual(["DON'T"])
    expect(words('dbrx', "DON'T").slice(0, 1)).toEqual(['DON'])
    expect(words('llama-bpe', 'HelloWorld')).toEqual(['HelloWorld'])
  })

  test('asks for BOS where the file or its pre-tokenizer does', () => {
    const first = (changes: Record<string, GgufValue>) => tokenizer(changes).encode('x')[0]
    const bos = id('<|endoftext|>')
    expect(first({})).toBe(id('x'))
    expect(first({ [key('add_bos_token')]: true })).toBe(bos)
    expect(first({ [key('pre')]: 'llama-bpe' })).toBe(bos)
    expect(first({ [key('pre')]: 'llama-bpe', [key('add_bos_token')]: false })).toBe(id('x'))
  })

  test('ends at eos and at the turn ends of the family, even where they are typed as words', () => {
    const ends = [id('<|endoftext|>'), id('<|im_end|>'), id('<|end|>')].toSorted((a, b) => a - b)
    expect(tokenizer().eosIds).toEqual(ends)
    const typed = Int32Array.from(types, (type, i) =>
      tokens[i] === '<|im_end|>' ? 4 : tokens[i] === '<|end|>' ? 1 : type,
    )
    const ours = tokenizer({ [key('token_type')]: typed })
    expect(ours.eosIds).toEqual(ends)
    expect(ours.decode([id('x'), id('<|end|>')])).toBe('x')
  })

  test('decodes padding to nothing, and user-defined tokens as they are', () => {
    expect(tokenizer().decode([id('[PAD7]'), id('a tool')])).toBe('a tool')
    expect(tokenizer().vocabSize).toBe(tokens.length)
  })

  test('has its chat template', () => {
    const template = "{% for m in messages %}{{ '<|im_start|>' + m.role + m.content + '<|im_end|>' }}{% endfor %}"
    const ids = tokenizer({}, template).encodeChat([{ role: 'user', content: 'x' }])
    expect([ids[0], ids.at(-1)]).toEqual([id('<|im_start|>'), id('<|im_end|>')])
  })

  test.each([['default'], ['deepseek-llm'], ['toString']])('of pre-tokenizer %s is not supported', (pre) => {
    expect(() => tokenizer({ [key('pre')]: pre })).toThrow(UnsupportedModelError)
    expect(() => tokenizer({ [key('pre')]: pre })).toThrow(`tokenizer.ggml.pre must be one of gpt-2, dbrx`)
  })

  test.each<[string, string, GgufValue | undefined]>([
    ['pre', 'must be a string, but is missing', undefined],
    ['merges', 'must be an array of strings, but is missing', undefined],
    ['merges', '[0] must be two tokens that make a third, but is "a b c"', ['a b c']],
    ['merges', '[0] must be two tokens that make a third, but is "a"', ['a']],
    ['merges', '[0] must be two tokens that make a third, but is "§ \\u0001"', ['§ \u0001']],
    ['merges', '[0] must be two tokens that make a third, but is "x q"', ['x q']],
    ['merges', '[1] must be a string, but is of type number', ['a b', 1]],
    ['token_type', 'must be an array of', new Int32Array(3)],
    ['eos_token_id', 'must be an id', 1.5],
  ])('with %s that %s is refused', (name, message, value) => {
    expect(() => tokenizer({ [key(name)]: value })).toThrow(FormatError)
    expect(() => tokenizer({ [key(name)]: value })).toThrow(`${key(name)}: ${message}`)
  })

  test('with any other value in any key gives a typed error or a tokenizer', () => {
    const odd: GgufValue[] = [0, -1, 2 ** 40, 3n, true, 'x', '', [], ['x'], [0], new Float32Array(2), new Uint8Array(0)]
    for (const name of [...metadata().keys(), key('add_bos_token'), key('eot_token_id')]) {
      for (const value of odd) {
        try {
          tokenizer({ [name]: value }).encode('ab <|end|>', { addBos: false })
        } catch (error) {
          expect([name, value, error instanceof LophiError]).toEqual([name, value, true])
        }
      }
    }
  })
})
