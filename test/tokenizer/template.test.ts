import { describe, expect, test } from 'vitest'
import { ArgumentError, FormatError, UnsupportedModelError } from '../../lib/errors.js'
import { readTemplate } from '../../lib/tokenizer/template.js'

const render = (source: string, variables: Record<string, unknown> = {}, messages = 1) =>
  readTemplate(source)(variables, { messages, characters: 100 })

// expected texts are those of transformers
test('line ends are read as Jinja reads them, one at the end is dropped', () => {
  expect(render("a\r\nb\r{{ 'x\r\ny' }}\r\n{% if true %}\r\nz\r\n{% endif %}\r\n")).toBe('a\nb\nx\ny\nz\n')
  expect(render("{{ 'x\\r\\ny' }}")).toBe('x\r\ny')
})

test('names that are bound to none are defined, and others are not', () => {
  const source = '{{ tools is defined }} {{ tools is none }} {{ other is defined }}'
  expect(render(source, { tools: null })).toBe('true true false')
})

test('today has a date', () => {
  expect(render("{{ strftime_now('%Y-%m') }}")).toMatch(/^\d{4}-\d{2}$/)
})

describe('a template cannot hold the thread or fill the memory:', () => {
  const grown = (rounds: number) =>
    `{% set ns = namespace(x='aaaaaaaaaa') %}{% for i in range(${rounds}) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}`
  test.each([
    ['ranges in ranges', '{% for i in range(20000) %}{% for j in range(20000) %}{% endfor %}{% endfor %}'],
    [
      'a list walked again and again',
      '{% set r = range(90000) %}{% for i in r %}{% for j in r %}{% endfor %}{% endfor %}',
    ],
    [
      'a list searched again and again',
      '{% set r = range(90000) %}{% for i in r %}{% if -1 in r %}{% endif %}{% endfor %}',
    ],
    ['a list sorted again and again', '{% for i in range(9000) %}{% set x = range(90000) | sort %}{% endfor %}'],
    ['a text cut again and again', `${grown(15)}{% for i in range(9000) %}{% set y = ns.x.split('a') %}{% endfor %}`],
    ['a text that doubles', grown(60)],
    ['a list that doubles', grown(60).replace("'aaaaaaaaaa'", 'range(9)').replace('~', '+')],
    ['a filter replace', `${grown(16)}{{ ns.x | replace('a', ns.x) }}`],
    ['a method replace', `${grown(16)}{{ ns.x.replace('a', ns.x) }}`],
    ['join', `${grown(16)}{{ range(90000) | join(ns.x) }}`],
    ['indent', "{{ 'a\nb\nc' | indent(100000000) }}"],
    ['indent of tojson', '{{ [1, 2] | tojson(indent=100000000) }}'],
    ['names that nobody bound', `{% for i in range(90000) %}${'{{ x }}'.repeat(20)}{% endfor %}`],
    [
      'a long macro, defined often',
      `{% for i in range(9000) %}{% macro m() %}${'a'.repeat(1e5)}{% endmacro %}{% endfor %}`,
    ],
    [
      'a macro that calls itself twice',
      '{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}',
    ],
    ['blanks', `a${' '.repeat(120_000)}b`],
    ['length', 'a'.repeat(300_000)],
  ])('%s', (_, source) => {
    const start = performance.now()
    expect(() => render(source)).toThrow(UnsupportedModelError)
    expect(() => render(source)).toThrow(/^chat template: must /)
    // tenths of a second on an idle machine
    expect(performance.now() - start).toBeLessThan(10_000)
  })

  test('depth', () => {
    expect(() => render(`{{ ${'('.repeat(50_000)}1${')'.repeat(50_000)} }}`)).toThrow(FormatError)
    expect(() => render('{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}')).toThrow(ArgumentError)
  })
})

test('the budget grows with the conversation', () => {
  const source = '{% for m in messages %}{% for n in messages[-40:] %}{{ n.content | trim }}{% endfor %}{% endfor %}'
  const messages = Array.from({ length: 3000 }, (_, index) => ({ role: 'user', content: `message ${index}` }))
  expect(render(source, { messages }, messages.length)).toHaveLength(3000 * 40 * 'message 2999'.length)
  expect(() => render(source, { messages }, 1)).toThrow('must render in')
})
