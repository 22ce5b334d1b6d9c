import { describe, expect, test } from 'vitest'
import type { Tokenizer } from '../../lib/tokenizer/index.js'
import { random } from '../support/random.js'
import { all, early, randomText } from './data.js'

/** The longest valid UTF-8 character at the front of `bytes`, else one U+FFFD for the first byte. */
function front(bytes: number[]): [text: string, length: number] {
  for (let length = 1; length <= 4 && length <= bytes.length; length++) {
    try {
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
        Uint8Array.from(bytes.slice(0, length)),
      )
      return [text, length]
    } catch {}
  }
  return ['\ufffd', 1]
}

/** The whole list at once: bytes of a run together, then one leading space off. */
function decodeWhole(tokenizer: Tokenizer, ids: number[], skipSpecial: boolean): string {
  let text = ''
  let run: number[] = []
  const pieces = ids.filter((id) => !(skipSpecial && tokenizer.isSpecial(id))).map((id) => tokenizer.piece(id))
  for (const piece of [...pieces.filter((each) => each !== ''), 'end']) {
    const byte = /^<0x(..)>$/.exec(piece)
    if (byte) {
      run.push(Number.parseInt(byte[1] as string, 16))
      continue
    }
    while (run.length > 0) {
      const [character, length] = front(run)
      text += character
      run = run.slice(length)
    }
    text += piece.replaceAll('▁', ' ')
  }
  return text.slice(0, -'end'.length).replace(/^ /, '')
}

function streamed(tokenizer: Tokenizer, ids: number[], skipSpecial: boolean): string {
  const stream = tokenizer.stream({ skipSpecial })
  return ids.map((id) => stream.push(id)).join('') + stream.end()
}

describe.each(all)('a stream of the $name vocabulary', ({ tokenizer }) => {
  test('equals the whole decoded at once, for random ids', () => {
    const seeded = random(6)
    for (let round = 0; round < 1500; round++) {
      const id = () => (seeded.uniform() < 0.5 ? seeded.integer(0, 260) : seeded.integer(0, tokenizer.vocabSize + 20))
      const ids = Array.from({ length: seeded.integer(0, 12) }, id)
      const skipSpecial = round % 2 === 0
      const whole = decodeWhole(tokenizer, ids, skipSpecial)
      expect([ids, streamed(tokenizer, ids, skipSpecial)]).toEqual([ids, whole])
      expect(tokenizer.decode(ids, { skipSpecial })).toBe(whole)
    }
  })

  test('equals the text that was encoded', () => {
    const seeded = random(7)
    for (let round = 0; round < 200; round++) {
      const text = randomText(seeded)
      expect(streamed(tokenizer, tokenizer.encode(text), true)).toBe(text)
    }
  })
})

describe.skipIf(!early)('a stream', () => {
  const push = (ids: number[], skipSpecial = true) => {
    const stream = early?.stream({ skipSpecial })
    return [...ids.map((id) => stream?.push(id)), stream?.end()]
  }

  test('gives a character with its last byte', () => {
    expect(push([15043, 29871, 243, 162, 169, 156])).toEqual(['Hello', ' ', '', '', '', '🦙', ''])
  })

  test('gives bytes that became nothing at the next piece or at the end', () => {
    expect(push([243, 162, 3186])).toEqual(['', '', '\ufffd\ufffd world', ''])
    expect(push([243, 162])).toEqual(['', '', '\ufffd\ufffd'])
    expect(push([243, 68])).toEqual(['', '\ufffdA', ''])
  })

  test('keeps a character together over a skipped token', () => {
    expect(push([198, 32007, 172])).toEqual(['', '', 'é', ''])
  })

  test('drops the leading space once, also after skipped tokens', () => {
    expect(push([32010, 3186, 3186])).toEqual(['', 'world', ' world', ''])
    expect(push([29871, 29871, 3186])).toEqual(['', ' ', ' world', ''])
  })

  test('refuses what is no id', () => {
    expect(() => push([-1])).toThrow('decode: id must be an integer of 0 or more, but is -1')
    expect(() => push([1.5])).toThrow('but is 1.5')
  })
})
