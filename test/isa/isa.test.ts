import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const script = fileURLToPath(new URL('run.mjs', import.meta.url))
const run = (...options: string[]) =>
  spawnSync(process.execPath, [script, ...options], { encoding: 'utf8', timeout: 240_000 })
const absent = 77

const build = run('--build')
if (build.status === absent) console.warn(`isa.test.ts skipped: ${build.stdout.trim()}`)

describe.skipIf(build.status === absent)('the inner loops of the CPU backend', () => {
  test('are built, without weak symbols in the files with wide instructions', () => {
    expect({ status: build.status, stderr: build.stderr }).toEqual({ status: 0, stderr: '' })
  })

  test.for(['scalar', 'avx2', 'avx512', 'avx512vnni'])(
    '%s agrees with loops in double precision, and no format falls far behind q4_0',
    { timeout: 120_000 },
    (isa, { skip }) => {
      const { status, stdout, stderr } = run(isa)
      if (status === absent) skip(stdout.trim())
      expect({ status, stdout, stderr }).toEqual({
        status: 0,
        stdout: expect.stringContaining(`${isa}: ok`),
        stderr: '',
      })
    },
  )
})
