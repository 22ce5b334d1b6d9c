import { Tokenizer as Library } from '@huggingface/tokenizers'
import { describe, expect, test } from 'vitest'
import { createTokenizer } from '../../lib/tokenizer/index.js'
import { random } from '../support/random.js'
import { all, early, earlySource, randomText } from './data.js'
import { sentencePiece, token } from './files.js'

const open = (tokenizer: unknown) => createTokenizer({ kind: 'huggingface', tokenizer, config: {}, chatTemplate: null })

/** A tokenizer.json of random merges over few letters, of which one is spelled in bytes and one is unknown. */
function randomModel(seed: number) {
  const source = random(seed)
  const pieces = [
    '<unk>',
    ...'abcdé',
    '🦙',
    ...[0xe2, 0x82, 0xac].map((byte) => `<0x${byte.toString(16).toUpperCase()}>`),
  ]
  const merges: [string, string][] = []
  while (merges.length < 40) {
    const pair = () => pieces[source.integer(0, pieces.length - 1)] as string
    const [left, right] = [pair(), pair()]
    if ((left + right).length > 12 || merges.some(([a, b]) => a === left && b === right)) continue
    merges.push([left, right])
    if (!pieces.includes(left + right)) pieces.push(left + right)
  }
  return {
    ...sentencePiece(),
    added_tokens: [],
    normalizer: null,
    post_processor: null,
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges,
      unk_token: '<unk>',
      byte_fallback: source.uniform() < 0.5,
      fuse_unk: source.uniform() < 0.5,
      ignore_merges: source.uniform() < 0.2,
    },
  }
}

/** The definition: of all pairs the one of lowest rank, leftmost first, until none is left. */
function plainly({ model }: ReturnType<typeof randomModel>, text: string): string[] {
  if (model.ignore_merges && Object.hasOwn(model.vocab, text)) return [text]
  const symbols: string[] = []
  let unknownBefore = false
  for (const character of text) {
    const known = Object.hasOwn(model.vocab, character)
    const bytes = [...new TextEncoder().encode(character)].map((byte) => `<0x${byte.toString(16).toUpperCase()}>`)
    const spelled = !known && model.byte_fallback && bytes.every((byte) => Object.hasOwn(model.vocab, byte))
    if (known) symbols.push(character)
    else if (spelled) symbols.push(...bytes)
    else if (!(unknownBefore && model.fuse_unk)) symbols.push('<unk>')
    unknownBefore = !known && !spelled
  }
  const rank = (at: number) => {
    const found = model.merges.findIndex(([left, right]) => left === symbols[at] && right === symbols[at + 1])
    return found < 0 ? Number.POSITIVE_INFINITY : found
  }
  for (;;) {
    const ranks = symbols.map((_, at) => rank(at))
    const best = Math.min(...ranks)
    if (best === Number.POSITIVE_INFINITY) return symbols
    symbols.splice(ranks.indexOf(best), 2, (model.merges[best] as [string, string]).join(''))
  }
}

test('pairs merge by rank, the leftmost first, whatever the merges are', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const json = randomModel(seed)
    const tokenizer = open(json)
    const source = random(seed + 1000)
    for (let round = 0; round < 30; round++) {
      const text = Array.from({ length: source.integer(1, 40) }, () => [...'aabbccddé🦙€'][source.integer(0, 10)]).join(
        '',
      )
      const pieces = tokenizer.encode(text).map((id) => tokenizer.piece(id))
      expect([seed, text, pieces]).toEqual([seed, text, plainly(json, text)])
    }
  }
})

test.skipIf(!earlySource)('long words give the ids of the library', () => {
  if (earlySource?.kind !== 'huggingface') return
  const theirs = new Library({ ...(earlySource.tokenizer as object), added_tokens: [] }, {})
  const source = random(12)
  for (const text of [' '.repeat(3000), 'a'.repeat(3000), '=-'.repeat(1500), randomText(source, 600)]) {
    expect(early?.encode(text)).toEqual(theirs.encode(text, { add_special_tokens: false }).ids)
  }
})

describe.skipIf(all.length === 0)('a text of 120,000 characters is encoded while a person blinks:', () => {
  test.each(['a', ' ', '<|user', '😀', '\n', 'hello world '])('%j', (repeated) => {
    const text = repeated.repeat(120_000 / repeated.length)
    for (const { tokenizer } of all) {
      const start = performance.now()
      const ids = tokenizer.encode(text, { addBos: false })
      // tens of milliseconds; the library took seconds for the blanks
      expect(performance.now() - start).toBeLessThan(3000)
      expect(tokenizer.decode(ids)).toBe(text)
    }
  })
})

test('50,000 added tokens that begin alike cost no more than one', () => {
  const json = sentencePiece()
  const many = Array.from({ length: 50_000 }, (_, index) => token(100 + index, `<|x${index}|>`))
  json.added_tokens = many
  json.post_processor = null
  const tokenizer = open(json)
  const start = performance.now()
  expect(tokenizer.encode('<|x'.repeat(20_000), { addBos: false }).every((id) => id < 100)).toBe(true)
  expect(tokenizer.encode('<|x49999|><|x7|>', { addBos: false })).toEqual([50_099, 107])
  expect(performance.now() - start).toBeLessThan(3000)
})
