import { describe, expect, test } from 'vitest'
import { FormatError, LophiError, UnsupportedModelError } from '../../lib/errors.js'
import type { GgufValue } from '../../lib/formats/source.js'
import { rewriteGguf } from '../../lib/tokenizer/gguf.js'
import { createTokenizer } from '../../lib/tokenizer/index.js'
import { random } from '../support/random.js'
import { earlySource, ggufSource, randomText, tiny, tinySource } from './data.js'

// [piece, score, type]: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte
const hex = (byte: number) => byte.toString(16).toUpperCase().padStart(2, '0')
const vocabulary: [piece: string, score: number, type: number][] = [
  ['<unk>', 0, 2],
  ['<s>', 0, 3],
  ['</s>', 0, 4],
  ...Array.from({ length: 256 }, (_, byte): [string, number, number] => [`<0x${hex(byte)}>`, 0, 6]),
  ['ab', -1, 1], // 259
  ['bc', -2, 1],
  ['abc', -3, 1],
  ['▁ab', -2.5, 1], // 262
  ['▁', -1e9, 1],
  ['a', -1e9, 1],
  ['b', -1e9, 1],
  ['c', -1e9, 1], // 266
  ['<|end|>', 0, 3],
  ['<|user|>', 0, 3], // 268
  ['spare', 0, 5],
  ['[PAD 270]', 0, 2],
  ['<|assistant|>', 0, 3],
]

function metadata(changes: Record<string, GgufValue | undefined> = {}): Map<string, GgufValue> {
  const values: Record<string, GgufValue | undefined> = {
    'general.name': 'Phi3',
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': vocabulary.map(([piece]) => piece),
    'tokenizer.ggml.scores': Float32Array.from(vocabulary, ([, score]) => score),
    'tokenizer.ggml.token_type': Int32Array.from(vocabulary, ([, , type]) => type),
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
    'tokenizer.ggml.unknown_token_id': 0,
    ...changes,
  }
  return new Map(Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])))
}

const tokenizer = (changes: Record<string, GgufValue | undefined> = {}) =>
  createTokenizer({ kind: 'gguf', metadata: metadata(changes), chatTemplate: null })

describe('a vocabulary of SentencePiece in GGUF', () => {
  const plain = { addBos: false }

  test('is merged by score, not by length or order', () => {
    expect(tokenizer().encode('abc', plain)).toEqual([262, 266])
    expect(tokenizer({ 'tokenizer.ggml.add_space_prefix': false }).encode('abc', plain)).toEqual([261])
    const scores = Float32Array.from(vocabulary, ([, score]) => score)
    scores[262] = -5
    expect(tokenizer({ 'tokenizer.ggml.scores': scores }).encode('abc', plain)).toEqual([263, 261])
  })

  test('falls back to bytes', () => {
    expect(tokenizer().encode('é', plain)).toEqual([263, 3 + 0xc3, 3 + 0xa9])
    expect(tokenizer().decode([3 + 0xc3, 3 + 0xa9])).toBe('é')
  })

  test('writes no space in front where add_space_prefix is false, and takes none off', () => {
    const bare = tokenizer({ 'tokenizer.ggml.add_space_prefix': false })
    expect(bare.encode(' b', plain)).toEqual([263, 265])
    expect(bare.decode([263, 265])).toBe(' b')
  })

  test('asks for BOS unless add_bos_token is false', () => {
    expect(tokenizer().encode('b')).toEqual([1, 263, 265])
    expect(tokenizer({ 'tokenizer.ggml.add_bos_token': false }).encode('b')).toEqual([263, 265])
  })

  test('ends at eos, at eot and at the turn ends of the family', () => {
    expect(tokenizer().eosIds).toEqual([2, 267])
    expect(tokenizer({ 'tokenizer.ggml.eot_token_id': 268 }).eosIds).toEqual([2, 267, 268])
  })

  test('strips white space after a token where it is that of Phi-3, whatever the model is called, or by a list', () => {
    const text = '<|user|>\n b<s> b'
    const stripped = [268, 263, 265, 1, 263, 263, 265]
    const kept = [268, 263, 13, 263, 265, 1, 263, 263, 265]
    for (const name of ['Phi3', 'Phi 3.5 Mini Instruct', 'my tune', undefined])
      expect(tokenizer({ 'general.name': name }).encode(text, plain)).toEqual(stripped)
    const types = Int32Array.from(vocabulary, ([, , type]) => type)
    const lacking = (id: number) =>
      tokenizer({ 'tokenizer.ggml.token_type': types.with(id, 1), 'general.name': 'Phi-3' })
    // a role token that is an ordinary word
    expect(lacking(271).encode(text, plain)).toEqual(kept)
    const list = (ids: number[]) => tokenizer({ 'lophi.tokenizer.rstrip': Int32Array.from(ids) })
    expect(list([]).encode(text, plain)).toEqual(kept)
    expect(list([1]).encode(text, plain)).toEqual([268, 263, 13, 263, 265, 1, 263, 265])
  })

  test('takes ids that no token has for none, and then those of llama.cpp', () => {
    for (const none of [-1, 2 ** 32 - 1, vocabulary.length, 2n ** 63n]) {
      const names = ['bos', 'eos', 'eot', 'padding', 'unknown'].map((name) => [`tokenizer.ggml.${name}_token_id`, none])
      const odd = tokenizer(Object.fromEntries(names))
      expect([none, odd.bosId, odd.eosIds, odd.encode('b')]).toEqual([none, 1, [2, 267], [1, 263, 265]])
    }
  })

  test('has no padding: it is not matched in a text and decodes to nothing', () => {
    expect(tokenizer().decode([269, 270], { skipSpecial: false })).toBe('')
    expect(tokenizer().piece(270)).toBe('')
    expect(tokenizer().vocabSize).toBe(272)
    expect(tokenizer().encode('[PAD 270]')).not.toContain(270)
  })
})

test.skipIf(!ggufSource || !earlySource)('merges made from scores are those of tokenizer.json', () => {
  if (ggufSource?.kind !== 'gguf' || earlySource?.kind !== 'huggingface') return
  const made = rewriteGguf(ggufSource.metadata).tokenizer as { model: { merges: [string, string][] } }
  const { model } = earlySource.tokenizer as { model: { merges: string[] } }
  expect(made.model.merges.map((pair) => pair.join(' ')).toSorted()).toEqual(model.merges.toSorted())
})

test.skipIf(!tinySource)('the tiny model as GGUF, scored by id, encodes as its tokenizer.json', () => {
  const json = (tinySource?.kind === 'huggingface' ? tinySource.tokenizer : null) as {
    model: { vocab: Record<string, number> }
    added_tokens: { id: number; content: string; rstrip: boolean; special: boolean }[]
  }
  const ids = new Map(Object.entries(json.model.vocab))
  for (const { content, id } of json.added_tokens) ids.set(content, id)
  const tokens = [...ids].toSorted((a, b) => a[1] - b[1]).map(([piece]) => piece)
  const types: number[] = tokens.map((piece) => (/^<0x..>$/.test(piece) ? 6 : 1))
  for (const { id, special } of json.added_tokens) types[id] = special ? 3 : 4
  const same = tokenizer({
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.scores': Float32Array.from(tokens, (_, id) => -id),
    'tokenizer.ggml.token_type': Int32Array.from(types),
    'lophi.tokenizer.rstrip': Int32Array.from(json.added_tokens.flatMap(({ id, rstrip }) => (rstrip ? [id] : []))),
  })
  const seeded = random(9)
  for (let round = 0; round < 300; round++) {
    const text = `${randomText(seeded)}<|end|>\n${randomText(seeded)}`
    expect([text, same.encode(text, { addBos: false })]).toEqual([text, tiny?.encode(text)])
  }
})

describe('a damaged vocabulary is refused by key:', () => {
  const key = (name: string) => `tokenizer.ggml.${name}`
  const count = vocabulary.length
  const cases: [key: string, message: string, value: GgufValue | undefined][] = [
    [key('model'), 'must be a string, but is missing', undefined],
    [key('tokens'), 'must be an array of strings, but is missing', undefined],
    [key('tokens'), 'must be an array of strings, but is an array of 0', []],
    [key('tokens'), '[1] must be a string, but is of type number', ['a', 5]],
    [
      key('tokens'),
      '[264] must have at most 256 characters, but has 1000',
      vocabulary.map(([piece], id) => (id === 264 ? 'a'.repeat(1000) : piece)),
    ],
    [key('scores'), `must be an array of ${count}, one for each token, but is missing`, undefined],
    [key('scores'), `must be an array of ${count}, one for each token, but is an array of 3`, new Float32Array(3)],
    [key('scores'), '[0] must be a number, but is NaN', new Float32Array(count).fill(Number.NaN)],
    [key('token_type'), `must be an array of ${count}`, new Int32Array(count + 1)],
    [key('token_type'), `must be an array of ${count}, one for each token, but is 7`, 7],
    [key('bos_token_id'), 'must be an id, but is "1"', '1'],
    [key('padding_token_id'), 'must be an id, but is 1.5', 1.5],
    [key('add_bos_token'), 'must be a boolean, but is 1', 1],
    [key('add_space_prefix'), 'must be a boolean, but is "no"', 'no'],
    ['lophi.tokenizer.rstrip', `must hold ids below ${count}, but holds ${count}`, Int32Array.of(count)],
    ['lophi.tokenizer.rstrip', 'must be an array of ids, but is true', true],
  ]
  test.each(cases)('%s %s', (name, message, value) => {
    expect(() => tokenizer({ [name]: value })).toThrow(FormatError)
    expect(() => tokenizer({ [name]: value })).toThrow(new RegExp(`^${name}: `))
    expect(() => tokenizer({ [name]: value })).toThrow(message)
  })

  test('another kind of vocabulary is named as not supported', () => {
    expect(() => tokenizer({ [key('model')]: 't5' })).toThrow(UnsupportedModelError)
    expect(() => tokenizer({ [key('model')]: 't5' })).toThrow(
      'must be "llama" (SentencePiece) or "gpt2" (byte-level BPE), but is "t5"',
    )
  })

  test('any other value in any key gives a typed error or a tokenizer', () => {
    const odd: GgufValue[] = [0, -1, 2 ** 40, 3n, true, 'x', '', [], ['x'], [0], new Float32Array(2), new Uint8Array(0)]
    let refused = 0
    for (const name of [...metadata().keys(), 'lophi.tokenizer.rstrip', key('add_bos_token'), key('eot_token_id')]) {
      for (const value of odd) {
        try {
          tokenizer({ [name]: value }).encode('ab <|end|>', { addBos: false })
        } catch (error) {
          expect([name, value, error instanceof LophiError]).toEqual([name, value, true])
          refused++
        }
      }
    }
    expect(refused).toBeGreaterThan(80)
  })
})
