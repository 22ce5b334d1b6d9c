import { describe, expect, test } from 'vitest'
import { ArgumentError, FormatError, LophiError, UnsupportedModelError } from '../../lib/errors.js'
import { createTokenizer } from '../../lib/tokenizer/index.js'
import { byteLevel, type Json, sentencePiece, token } from './files.js'

type Path = (string | number)[]

const open = (tokenizer: unknown, config: Record<string, unknown> = {}, vocabSize?: number) =>
  createTokenizer({ kind: 'huggingface', tokenizer, config, chatTemplate: null }, vocabSize ? { vocabSize } : {})

function changed(json: { [key: string]: Json }, path: Path, value: Json | undefined) {
  const copy = structuredClone(json)
  let at: Record<string | number, Json> = copy
  for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, Json>
  const last = path.at(-1) as string
  if (value !== undefined) at[last] = value
  else if (Array.isArray(at)) at.splice(Number(last), 1)
  else delete at[last]
  return copy
}

function* paths(value: Json, path: Path = []): Generator<Path> {
  if (path.length > 0) yield path
  if (typeof value !== 'object' || value === null) return
  const entries: [string | number, Json][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  for (const [key, each] of entries.slice(0, 12)) yield* paths(each, [...path, key])
}

describe('tokenizer.json', () => {
  const plain = { addBos: false }

  test('takes merges as pairs or as one string', () => {
    const pairs = [
      ['a', 'b'],
      ['▁', 'ab'],
    ]
    for (const json of [sentencePiece(), changed(sentencePiece(), ['model', 'merges'], pairs)]) {
      expect(open(json).encode('ab ab', plain)).toEqual([5, 5])
    }
  })

  test('says by its post-processor that BOS goes first, unless the config says otherwise', () => {
    expect(open(sentencePiece()).encode('ab')).toEqual([7, 5])
    expect(open(sentencePiece(), { add_bos_token: false }).encode('ab')).toEqual([5])
    expect(open(changed(sentencePiece(), ['post_processor'], null)).encode('ab')).toEqual([5])
    expect(open(changed(sentencePiece(), ['post_processor'], null)).bosId).toBeNull()
    expect(() => open(changed(sentencePiece(), ['post_processor'], null)).encode('ab', { addBos: true })).toThrow(
      'encode: addBos must be false, but the tokenizer has no BOS',
    )
    expect(() => open(sentencePiece(), { bos_token: '<none>' }).encode('ab')).toThrow('the tokenizer has no BOS')
  })

  test('takes names of tokens from the config, plain or as objects', () => {
    expect(open(sentencePiece(), { eos_token: { content: '<unk>' } }).eosIds).toEqual([0, 6])
    expect(open(sentencePiece(), { eos_token: '<s>' }).eosIds).toEqual([6, 7])
  })

  test('ends at the turn ends of the family, whatever their flags are', () => {
    const typed = changed(sentencePiece(), ['added_tokens', 1, 'special'], false)
    expect(open(typed).eosIds).toEqual([6])
    expect(open(typed).decode([5, 6])).toBe('ab<|end|>')
  })

  describe('takes the tokens of tokenizer_config.json', () => {
    const flags = { lstrip: false, rstrip: false, single_word: false, normalized: false, special: true }
    const opened = (table: object, json: unknown = sentencePiece()) => open(json, { added_tokens_decoder: table })

    test('with their flags', () => {
      const kept = opened({ 6: { ...flags, content: '<|end|>' } })
      expect(open(sentencePiece()).encode('<|end|> ab', plain)).toEqual([6, 5])
      expect(kept.encode('<|end|> ab', plain)).toEqual([6, 1, 5])
      expect(opened({ 6: { ...flags, content: '<|end|>', special: false } }).isSpecial(6)).toBe(true)
      expect(
        opened({ 4: { ...flags, content: 'ab' } })
          .encode('xab', plain)
          .at(-1),
      ).toBe(4)
    })

    test('at the next free ids, in the order of theirs', () => {
      const table = { 71: { ...flags, content: '<|tool|>' }, 65: { ...flags, content: '<|zz|>', special: false } }
      const more = opened(table)
      expect(more.encode('ab<|tool|>ab<|zz|>', plain)).toEqual([5, 9, 5, 8])
      expect(more.decode([5, 9, 5, 8])).toBe('ab ab<|zz|>')
      expect([more.vocabSize, more.piece(9), more.idOf('<|zz|>')]).toEqual([10, '<|tool|>', 8])
    })

    test('unless they are damaged', () => {
      expect(() => opened([])).toThrow(FormatError)
      expect(() => opened({ 8: { content: 5 } })).toThrow(
        'added_tokens_decoder["8"].content must be a string, but is 5',
      )
    })
  })

  test('has room for the padding rows of the model', () => {
    const padded = open(sentencePiece(), {}, 64)
    expect(padded.vocabSize).toBe(64)
    expect([padded.piece(63), padded.decode([5, 63, 5])]).toEqual(['', 'ab ab'])
  })

  test('has no token beyond the rows of the model, and has all others', () => {
    const rows7 = open(sentencePiece(), {}, 7)
    expect([rows7.vocabSize, rows7.bosId, rows7.piece(7), rows7.idOf('<s>')]).toEqual([7, null, '', null])
    expect(rows7.encode('ab<|end|>', { addBos: false })).toEqual([5, 6])
    expect(() => rows7.encode('ab')).toThrow('encode: addBos must be false, but the tokenizer has no BOS')
    const rows5 = open(sentencePiece(), {}, 5)
    expect(rows5.encode('ab<|end|>', { addBos: false })).toEqual([1, 4, 0])
  })

  test.each([
    ['first', [5, 6, 4]],
    ['always', [5, 6, 5]],
    ['never', [4, 6, 4]],
  ])('prepends with Metaspace: %s', (scheme, ids) => {
    const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split: false }
    const json = changed(changed(sentencePiece(), ['normalizer'], null), ['pre_tokenizer'], metaspace)
    expect(open(json).encode('ab<|end|>ab', plain)).toEqual(ids)
    expect(open(json).encode(' ab', plain)).toEqual([5])
  })

  test('is refused where Metaspace puts more than one character for a space', () => {
    const metaspace = { type: 'Metaspace', replacement: '▁▁', prepend_scheme: 'first', split: false }
    const json = changed(changed(sentencePiece(), ['normalizer'], null), ['pre_tokenizer'], metaspace)
    expect(() => open(json)).toThrow('pre_tokenizer.replacement must be one character, but is "▁▁"')
  })

  test('is refused where its normalizer would blow a text up', () => {
    const doubling = { type: 'Replace', pattern: { String: 'a' }, content: 'aa' }
    const normalizer = (steps: Json[]) => changed(sentencePiece(), ['normalizer', 'normalizers'], steps)
    expect(() => open(normalizer(Array(7).fill(doubling)))).toThrow(
      'normalizer must be steps that make a text at most 1024 times longer, but is 2187',
    )
    expect(() => open(normalizer([{ type: 'Prepend', prepend: 'a'.repeat(1024) }]))).toThrow('but is 1025')
    expect(open(normalizer(Array(6).fill(doubling))).encode('a', plain)).toHaveLength(64)
  })

  test('matches whole words, white space to the left and normalised tokens', () => {
    const json = sentencePiece()
    json.added_tokens = [
      ...(json.added_tokens as Json[]),
      token(8, 'cat', { single_word: true }),
      token(9, '!', { lstrip: true }),
      token(10, 'bb', { normalized: true, special: false }),
    ]
    const tokenizer = open(json)
    expect(tokenizer.encode('cat', plain)).toEqual([8])
    expect(tokenizer.encode('cats', plain)).not.toContain(8)
    expect(tokenizer.encode('acat', plain)).not.toContain(8)
    expect(tokenizer.encode('ab \n !', plain)).toEqual([5, 9])
    expect(tokenizer.encode('ab bb', plain)).toEqual([5, 10])
    expect(tokenizer.encode('abb', plain)).not.toContain(10)
    expect(tokenizer.encode('ab bb', { addBos: false, special: false })).not.toContain(10)
    expect(tokenizer.decode([5, 10])).toBe('ab bb')
    expect(tokenizer.idOf('bb')).toBe(10)
  })
})

describe('byte-level BPE', () => {
  const tokenizer = open(byteLevel())
  const pieces = (text: string) => tokenizer.encode(text).map((id) => tokenizer.piece(id))

  test('encodes by the pattern and the merges', () => {
    expect(pieces('bc a')).toEqual(['bc', 'Ġa'])
    expect(pieces('é')).toEqual(['Ã', '©'])
    expect(pieces('bc <|end|>\na')).toEqual(['bc', '<|end|>', 'a'])
  })

  test('decodes, and streams characters when they are complete', () => {
    for (const text of ['bc a', ' é🦙\n', 'two words', '\ufeffx\u0000']) {
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
    }
    const ids = tokenizer.encode('é')
    const stream = tokenizer.stream()
    expect([...ids, ...ids.slice(0, 1)].map((id) => stream.push(id))).toEqual(['', 'é', ''])
    expect(stream.end()).toBe('\ufffd')
    expect(tokenizer.decode([...ids.slice(1), 258, ...ids])).toBe('\ufffdé')
  })
})

describe('a damaged file is refused by field:', () => {
  const cases: [path: Path, value: Json | undefined, message: string][] = [
    [['model'], undefined, 'tokenizer.json: model must be an object, but is missing'],
    [['model', 'vocab'], undefined, 'tokenizer.json: model.vocab must be an object, but is missing'],
    [
      ['model', 'vocab', 'ab'],
      -4,
      'tokenizer.json: model.vocab["ab"] must be an integer from 0 to 2147483647, but is -4',
    ],
    [['model', 'vocab', 'ab'], '4', 'model.vocab["ab"] must be an integer from 0 to 2147483647, but is "4"'],
    [['model', 'vocab', 'ab'], 2 ** 31, 'but is 2147483648'],
    [['model', 'merges'], 'a b', 'tokenizer.json: model.merges must be an array, but is "a b"'],
    [['model', 'merges', 1], 'a b c', 'model.merges[1] must be two pieces of model.vocab, but is "a b c"'],
    [['model', 'merges', 1], ['a', 5], 'model.merges[1] must be two pieces of model.vocab, but is ["a",5]'],
    [['model', 'merges', 0], 'b a', 'model.merges[0] must be a merge into a piece of model.vocab, but is "b a"'],
    [['model', 'unk_token'], 'x', 'model.unk_token must be a piece of model.vocab, but is "x"'],
    [['model', 'byte_fallback'], 1, 'model.byte_fallback must be true or false, but is 1'],
    [['added_tokens'], {}, 'added_tokens must be an array, but is {}'],
    [['added_tokens', 1, 'content'], '', 'added_tokens[1].content must be a string of one character or more'],
    [['added_tokens', 1, 'id'], 1.5, 'added_tokens[1].id must be an integer from 0 to 2147483647, but is 1.5'],
    [['added_tokens', 0, 'id'], 9, 'added_tokens[0].id must be 0 as in model.vocab, but is 9'],
    [['added_tokens', 2, 'rstrip'], 'yes', 'added_tokens[2].rstrip must be true or false, but is "yes"'],
    [['normalizer', 'normalizers', 0, 'prepend'], 5, 'normalizer.normalizers[0].prepend must be a string, but is 5'],
    [
      ['decoder', 'decoders', 3, 'start'],
      null,
      'decoder.decoders[3].start must be an integer from 0 to 2147483647, but is null',
    ],
    [['post_processor', 'single'], null, 'post_processor.single must be an array, but is null'],
  ]
  test.each(cases)('%j = %j', (path, value, message) => {
    expect(() => open(changed(sentencePiece(), path, value))).toThrow(FormatError)
    expect(() => open(changed(sentencePiece(), path, value))).toThrow(message)
  })

  const foreign: [path: Path, value: Json, message: string][] = [
    [['model', 'type'], 'Unigram', 'tokenizer.json: model.type must be "BPE", but is "Unigram"'],
    [['model', 'dropout'], 0.1, 'model.dropout must be null, but is 0.1'],
    [
      ['decoder'],
      { type: 'WordPiece' },
      'decoder must be ByteLevel, or Replace, ByteFallback, Fuse and Strip, but is "WordPiece"',
    ],
    [['normalizer'], { type: 'Lowercase' }, 'normalizer.type must be Prepend, Replace, NFC, NFD, NFKC or NFKD'],
    [['pre_tokenizer'], { type: 'Digits' }, 'pre_tokenizer.type must be Split or ByteLevel, but is "Digits"'],
    [
      ['pre_tokenizer'],
      { type: 'Split', pattern: { Regex: '(a+)+b' }, behavior: 'Isolated' },
      'pre_tokenizer.pattern.Regex must be that of GPT-2, cl100k, Qwen2 or o200k, but is "(a+)+b"',
    ],
    [
      ['normalizer'],
      { type: 'Replace', pattern: { Regex: '(a+)+b' }, content: '' },
      'normalizer.pattern must be a String, but is "(a+)+b"',
    ],
  ]
  test.each(foreign)('%j = %j is not supported', (path, value, message) => {
    expect(() => open(changed(sentencePiece(), path, value))).toThrow(UnsupportedModelError)
    expect(() => open(changed(sentencePiece(), path, value))).toThrow(message)
  })

  test('the config, too', () => {
    expect(() => open(sentencePiece(), { add_bos_token: 'yes' })).toThrow('tokenizer_config.json: add_bos_token')
    expect(() => open(sentencePiece(), { eos_token: 5 })).toThrow('tokenizer_config.json: eos_token')
    for (const json of [null, [], 'x', 5])
      expect(() => open(json)).toThrow('tokenizer.json: the file must be an object')
  })

  test('any other value anywhere gives a typed error or a tokenizer', () => {
    const odd: (Json | undefined)[] = [
      undefined,
      null,
      true,
      0,
      -1,
      1.5,
      2 ** 40,
      '',
      'x',
      [],
      ['x'],
      [null],
      {},
      { type: 'Sequence' },
    ]
    let refused = 0
    for (const json of [sentencePiece(), byteLevel()]) {
      for (const path of paths(json)) {
        for (const value of odd) {
          try {
            const tokenizer = open(changed(json, path, value))
            tokenizer.decode(tokenizer.encode('ab <|end|> é', { addBos: false }))
          } catch (error) {
            expect([path, value, error instanceof LophiError]).toEqual([path, value, true])
            refused++
          }
        }
      }
    }
    expect(refused).toBeGreaterThan(500)
  })
})

describe('a limit of ids', () => {
  test.each([
    ['pieces and bytes', sentencePiece()],
    ['bytes alone', byteLevel()],
  ])('is kept exactly: %s', (_, json) => {
    const tokenizer = open(json)
    for (const text of ['', 'ab', 'ab ab<|end|>ab', `<|end|>${' '.repeat(5000)}ab`, 'é🦙']) {
      const ids = tokenizer.encode(text, { addBos: false })
      expect(tokenizer.encode(text, { addBos: false, limit: ids.length })).toEqual(ids)
      if (ids.length > 0)
        expect(() => tokenizer.encode(text, { addBos: false, limit: ids.length - 1 })).toThrow(
          `encode: the text must have at most ${ids.length - 1} tokens, but has more`,
        )
    }
  })
})

test('a text that is none is refused', () => {
  const encode = open(sentencePiece()).encode as (text: unknown) => number[]
  expect(() => encode(undefined)).toThrow(ArgumentError)
  expect(() => encode(5)).toThrow('encode: text must be a string, but is of type number')
})
