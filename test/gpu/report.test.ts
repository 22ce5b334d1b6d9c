import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'lophi-report-'))
const earlier = join(folder, 'earlier')
afterAll(() => rmSync(folder, { recursive: true }))

function run(script: string, ...args: string[]): string {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const { status, stdout, stderr } = spawnSync(execPath, [path, ...args], { encoding: 'utf8' })
  expect([status, stderr]).toEqual([0, ''])
  return stdout
}

test('the report of a run shows measurements beside predictions, and PyTorch of an earlier run; what was not run is left out', () => {
  mkdirSync(earlier)
  const write = (name: string, value: object) => writeFileSync(join(folder, name), JSON.stringify(value))
  const device = { section: 'device', name: 'device', value: 'NVIDIA H100 80GB HBM3', unit: '' }
  const read = { section: 'read', name: 'read by ld.nc', unit: 'GB/s', value: 3000, loads: 8 }
  write('constants.json', { rows: [device, { ...read, value: 1000, loads: 1 }, read], failures: [] })
  const linear = { op: 'linear', format: 'q4_0', activations: 'f32', shape: 'o', n: 3072, k: 3072, m: 1 }
  write('kernels.json', {
    rows: [
      { op: 'copy', us: 1, GBps: 2000 },
      { ...linear, us: 5, GBps: 1062 },
    ],
    leftOut: [],
  })
  write('earlier/torch.json', { rows: [{ name: 'int4 g32', shape: 'o', m: 1, us: 6.24, GBps: 946 }], failures: [] })
  writeFileSync(join(folder, 'stages.jsonl'), '{"stage":"kernels","status":124,"seconds":9,"limit":9}\n')
  const report = run('report.mjs', folder, earlier)
  expect(report).toContain('# NVIDIA H100 80GB HBM3, predicted as H100 with 3000 GB/s')
  expect(report).toContain('| kernels | out of time | 9 | 9 |')
  expect(report).toContain('| read | read by ld.nc | 3000 GB/s | loads 8 |')
  // 5.3 MB at 3000 GB/s are 1.78 us, and 0.8 us lie between two kernels
  expect(report).toContain('| q4_0 | f32 | o | 1 | 5 | 1062 | 53.1 | 2.58 | 6.24 |')
  expect(report).not.toContain('compute-sanitizer')
  expect(JSON.parse(readFileSync(join(folder, 'results.json'), 'utf8')).kernels.rows.length).toBe(2)
})

test('a step of Phi-3-mini in Q4_0 reads the 2.09 GB of its weights and little more', () => {
  const rows = JSON.parse(run('predict.mjs', '--json')) as readonly Record<string, string | number>[]
  const step = rows.find((row) => row.op === 'step' && row.model === 'Phi-3-mini' && row.format === 'q4_0')
  expect(step?.bytes).toBeGreaterThan(2.094e9)
  expect(step?.bytes).toBeLessThan(2.11e9)
})
