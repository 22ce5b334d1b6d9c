import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { random } from '../support/random.js'
import { sharedData } from '../support/shared.js'
import { all, early, gguf, late, randomText, readJson, tiny } from './data.js'

const chat = [
  { role: 'system', content: 'You are a helpful assistant.' },
  { role: 'user', content: 'How to explain Internet for a medieval knight?' },
] as const
const chatText = `<|system|>\n${chat[0].content}<|end|>\n<|user|>\n${chat[1].content}<|end|>\n<|assistant|>\n`

// text, ids with early flags, ids with late flags where they differ; from the reference implementation
const table: [text: string, early: string, late?: string][] = [
  ['', ''],
  ['Hello', '15043'],
  [' Hello', '29871 15043'],
  ['Hello world', '15043 3186'],
  ['  two', '259 1023'],
  ['\n', '29871 13'],
  ['a\tb', '263 12 29890'],
  ['1234567', '29871 29896 29906 29941 29946 29945 29953 29955'],
  ['é', '904'],
  ['🦙', '29871 243 162 169 156'],
  ['\ufeffx', '29871 30143 29916'],
  ['<0x0A>', '529 29900 29916 29900 29909 29958'],
  ['▁', '259'],
  ['<|end|> Hi', '32007 6324', '32007 29871 6324'],
  ['</s> Hi', '2 6324'],
  ['<s> Hi', '1 29871 6324'],
  ['<|assistant|>\u0085x', '32001 921'],
  ['<|assistant|>\ufeffx', '32001 29871 30143 29916'],
  ['<|user|>\nHello<|end|>\n<|assistant|>\n', '32010 15043 32007 32001', '32010 29871 13 10994 32007 29871 13 32001'],
  [
    chatText,
    '32006 887 526 263 8444 20255 29889 32007 32010 1128 304 5649 4685 363 263 27690 889 523 29973 32007 32001',
    '32006 29871 13 3492 526 263 8444 20255 29889 32007 29871 13 32010 29871 13 5328 304 5649 4685 363 263 27690 889 523 29973 32007 29871 13 32001',
  ],
]

function vectors(): { text: string; ids: string }[] {
  const path = sharedData('ggml-vocab-phi-3/ggml-vocab-phi-3.gguf')
  if (path === null) return []
  const lines = readFileSync(`${path}.out`, 'utf8').trimEnd().split('\n')
  const texts = readFileSync(`${path}.inp`, 'utf8').split('\n__ggml_vocab_test__\n')
  return lines.map((ids, index) => ({ text: texts[index] as string, ids: ids.trim() }))
}

const encoders = [
  { name: 'tokenizer.json with early flags', tokenizer: early, column: 1 },
  { name: 'tokenizer.json with late flags', tokenizer: late, column: 2 },
  { name: 'the GGUF vocabulary', tokenizer: gguf, column: 1 },
] as const

describe.each(encoders)('$name', ({ tokenizer, column }) => {
  test.skipIf(tokenizer === null)('encodes the table of the reference', () => {
    for (const row of table) {
      const ids = tokenizer?.encode(row[0], { addBos: false }).join(' ')
      expect([row[0], ids]).toEqual([row[0], row[column] ?? row[1]])
    }
  })

  test.skipIf(tokenizer === null)('encodes all 46 vectors of llama.cpp', () => {
    const cases = vectors()
    expect(cases).toHaveLength(46)
    for (const { text, ids } of cases) {
      expect([text, tokenizer?.encode(text, { addBos: false }).join(' ')]).toEqual([text, ids])
    }
  })

  test.skipIf(tokenizer === null)('decodes as the reference does', () => {
    const decode = (ids: number[], skipSpecial = true) => tokenizer?.decode(ids, { skipSpecial })
    expect(decode([])).toBe('')
    expect(decode([15043, 3186])).toBe('Hello world')
    expect(decode([29871, 15043])).toBe(' Hello')
    expect(decode([3186])).toBe('world')
    expect(decode([29871])).toBe('')
    expect(decode([243, 162])).toBe('\ufffd\ufffd')
    expect(decode([15043, 29871, 243, 162, 169, 156])).toBe('Hello 🦙')
    expect(decode([32007, 3186])).toBe('world')
    expect(decode([32007, 3186], false)).toBe('<|end|> world')
    expect(decode([2, 15043])).toBe('</s> Hello')
    expect(decode([15043, 32050, 3186])).toBe('Hello world')
    expect(decode([30143, 15043])).toBe('\ufeff Hello')
  })

  test.skipIf(tokenizer === null)('leaves role tokens in the text alone where special is false', () => {
    const text = 'a<|end|><s></s><|system|>b'
    const ids = tokenizer?.encode(text, { special: false, addBos: false }) ?? []
    expect(tokenizer?.decode(ids, { skipSpecial: false })).toBe(text)
    expect(ids.filter((id) => id < 259 || id >= 32000)).toEqual([])
    expect(tokenizer?.encode(text, { addBos: false })).toEqual([263, 32007, 1, 2, 32006, 289])
  })

  test.skipIf(tokenizer === null)('knows its tokens', () => {
    expect(tokenizer?.piece(15043)).toBe('▁Hello')
    expect(tokenizer?.piece(30143)).toBe('\ufeff')
    expect(tokenizer?.piece(32063)).toBe('')
    expect(tokenizer?.idOf('<|user|>')).toBe(32010)
    expect(tokenizer?.idOf('no such piece')).toBeNull()
    expect([1, 2, 32000, 32007, 15043].map((id) => tokenizer?.isSpecial(id))).toEqual([true, false, true, true, false])
    expect(tokenizer?.bosId).toBe(1)
    expect(tokenizer?.eosIds).toEqual([32000, 32007])
  })
})

test.skipIf(!early || !gguf)('the GGUF vocabulary has the texts of tokenizer.json', () => {
  for (let id = 0; id < 32011; id++) expect(gguf?.piece(id)).toBe(early?.piece(id))
  expect(gguf?.vocabSize).toBe(32064)
  expect(early?.vocabSize).toBe(32011)
})

test.skipIf(!early || !late || !gguf)('BOS comes by the flag of the package, or by addBos', () => {
  expect(early?.encode('Hello')).toEqual([15043])
  expect(late?.encode('Hello')).toEqual([1, 15043])
  expect(gguf?.encode('Hello')).toEqual([1, 15043])
  expect(early?.encode('Hello', { addBos: true })).toEqual([1, 15043])
  expect(late?.encode('', { addBos: true })).toEqual([1])
})

test.skipIf(!early || !gguf)('GGUF and tokenizer.json agree on random text', () => {
  const seeded = random(4)
  for (let round = 0; round < 300; round++) {
    const text = randomText(seeded, 30)
    expect([text, gguf?.encode(text, { addBos: false })]).toEqual([text, early?.encode(text)])
  }
})

test.skipIf(all.length === 0)('text comes back from its ids', () => {
  const seeded = random(5)
  for (const { tokenizer } of all) {
    for (let round = 0; round < 200; round++) {
      const text = randomText(seeded)
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
    }
  }
})

test.skipIf(!early)('a lone surrogate is encoded as U+FFFD', () => {
  expect(early?.encode('a\ud83eb')).toEqual(early?.encode('a\ufffdb'))
})

test.skipIf(!tiny)('prompts of the tiny model have the ids it was trained on', () => {
  const path = sharedData('tiny-phi3/checks.json')
  const { answers } = readJson(path as string)
  expect(answers.length).toBe(48)
  for (const { messages, promptIds, ids, answer } of answers) {
    expect(tiny?.encodeChat(messages)).toEqual(promptIds)
    expect(tiny?.encodeChat(messages, { special: false })).toEqual(promptIds)
    expect(tiny?.decode(ids)).toBe(answer)
  }
  expect(tiny?.eosIds).toEqual([2048, 2055])
})
