import { describe, expect, test } from 'vitest'
import { patterns, wordPattern } from '../../lib/tokenizer/patterns.js'

const words = (name: keyof typeof patterns, text: string) => text.match(wordPattern(patterns[name]) as RegExp)

// what the reference implementation cuts
const table: [name: keyof typeof patterns, text: string, words: string[]][] = [
  ['cl100k', "x'ſ y", ['x', "'ſ", ' y']],
  ['cl100k', "x'LL", ['x', "'LL"]],
  ['cl100k', 'a\u0085b', ['a', '\u0085b']],
  ['cl100k', 'a \u0085 b', ['a', ' \u0085', ' b']],
  ['cl100k', 'a\ufeffb', ['a', '\ufeffb']],
  ['cl100k', ' \ufeff b', [' \ufeff', ' b']],
  ['cl100k', 'a\u2028\u2029b', ['a', '\u2028', '\u2029b']],
  ['cl100k', 'e\u0301x', ['e', '\u0301x']],
  ['cl100k', 'ab \x1c\x1d c', ['ab', ' \x1c\x1d', ' c']],
  ['gpt2', "x'S 's", ['x', "'", 'S', " '", 's']],
  ['gpt2', 'a\u0085b \u0085 b', ['a', '\u0085', 'b', ' \u0085', ' b']],
  ['gpt2', 'a\ufeffb', ['a', '\ufeff', 'b']],
]
test.each(table)('%s cuts %j as the reference does', (name, text, expected) => {
  expect(words(name, text)).toEqual(expected)
})

test('an expression that nobody published is not run', () => {
  expect(wordPattern('(a+)+b')).toBeNull()
  expect(wordPattern(`${patterns.gpt2}|x`)).toBeNull()
  expect(
    wordPattern("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"),
  ).not.toBeNull()
})

describe.each(Object.keys(patterns) as (keyof typeof patterns)[])(
  '%s takes time in line with the length of',
  (name) => {
    const count = 100_000
    test.each([
      ['blanks', ' '],
      ['blanks before a word', ' ', 'x'],
      ['line ends', '\n'],
      ['line ends and blanks', '\n ', 'x'],
      ['capitals', 'A', '!'],
      ['letters without case', 'あ', '!'],
      ['marks', '\u0301'],
      ['digits', '1'],
      ['signs', '!', 'x'],
      ['apostrophes', "'", 'x'],
    ])('%s', (_, repeated, last = '') => {
      const text = repeated.repeat(count / repeated.length) + last
      const start = performance.now()
      expect(words(name, text)?.join('')).toBe(text)
      // some tens of milliseconds; with the square of the length it would be minutes
      expect(performance.now() - start).toBeLessThan(3000)
    })
  },
)
