import { describe, expect, test } from 'vitest'
import { native } from '../../lib/native.js'
import { schema } from '../../lib/ops/schema.js'
import { random } from '../support/random.js'

const entries = Object.entries(schema) as [
  string,
  { in: object; attrs: object; out: object; requires?: readonly string[] },
][]
const parse = (spec: string) => native.parseOp('op', { x: spec }, {}, { y: 'x[...]' }, [])
const refused = expect.objectContaining({ code: 'ERR_ARGUMENT' })

describe('the grammar of ops', () => {
  test('gives for strings what it gives for the schema', () => {
    const parsed = entries.map(([name, op]) =>
      native.parseOp(name, { ...op.in }, { ...op.attrs }, { ...op.out }, op.requires ?? []),
    )
    expect(parsed).toEqual(native.describeOps())
  })

  test.each([
    '',
    'float[',
    'float[N',
    'float[N,]',
    'float[N]]',
    'float[ceil(N)]',
    'floot[N]',
    'float[99999999999999999999]',
  ])('refuses %j', (spec) => expect(() => parse(spec)).toThrow(refused))

  test.each([
    'int = x',
    'int = 1.5',
    'bool = yes',
    'dtype = float8',
    'dtype float = int8',
    'a | b = c',
    'number',
    '| a',
  ])('refuses the attribute %j', (spec) =>
    expect(() => native.parseOp('op', {}, { a: spec }, { y: 'float32[1]' }, [])).toThrow(refused),
  )

  test('refuses depth and length instead of running out of stack', () => {
    expect(() => parse(`float[${'('.repeat(400)}N${')'.repeat(400)}]`)).toThrow(refused)
    expect(() => parse(`float[${'N+'.repeat(5000)}N]`)).toThrow(refused)
  })

  test('takes or refuses whatever comes, with a typed error', () => {
    const { integer } = random(7)
    const words = [
      'float',
      'inout ',
      '[',
      ']',
      '...',
      ',',
      'N',
      '+',
      '*',
      '/',
      'ceil(',
      '(',
      ')',
      '?',
      ' ',
      '9',
      'x',
      'weight',
      '=',
      '|',
    ]
    for (let i = 0; i < 5000; i++) {
      const spec = Array.from({ length: integer(0, 12) }, () => words[integer(0, words.length - 1)]).join('')
      try {
        native.parseOp('op', { x: spec }, { a: spec }, { y: spec }, [spec])
      } catch (error) {
        expect(error, spec).toMatchObject({ code: 'ERR_ARGUMENT' })
      }
    }
  })
})
