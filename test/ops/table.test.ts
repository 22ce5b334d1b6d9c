import { expect, test } from 'vitest'
import { casesOf } from '../support/table.js'
import { missing } from './refusals.js'
import { opNames } from './signature.js'

// docs/op-table.md says which backend runs which op, with how many cases. After a change: npx vitest run test/ops/table.test.ts -u

const backends = Object.keys(missing)

/** Of an op on a backend: runs, lacks, or the calls of it that are refused. ops.test.ts holds `missing` against what is refused. */
function cell(backend: string, op: string): string {
  const { ops, calls } = missing[backend]!
  if (ops.includes(op)) return 'lacks'
  const refused = Object.entries(calls).flatMap(([reason, names]) => (names.includes(op) ? [reason] : []))
  return refused.length > 0 ? `runs, but: ${refused.join('; ')}` : 'runs'
}

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`

test('the table of ops and backends is that of the docs', async () => {
  const cases = opNames.map((op) => casesOf(op).length)
  const table = [
    '# Ops by backend',
    '',
    'Written by `test/ops/table.test.ts`. Cases are those of `test/ops/ops.test.ts`, each held against float64 loops on every device that runs the op;',
    'what is refused says why with `ERR_OP_UNSUPPORTED`.',
    '',
    row(['op', 'cases', ...backends]),
    row(['---', '---:', ...backends.map(() => '---')]),
    ...opNames.map((op, at) => row([op, cases[at]!, ...backends.map((backend) => cell(backend, op))])),
    row([
      'all',
      cases.reduce((sum, count) => sum + count),
      ...backends.map((backend) => `${opNames.filter((op) => cell(backend, op) !== 'lacks').length} ops`),
    ]),
    '',
  ]
  await expect(table.join('\n')).toMatchFileSnapshot('../../docs/op-table.md')
})
