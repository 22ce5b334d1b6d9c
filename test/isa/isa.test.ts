import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const script = fileURLToPath(new URL('run.mjs', import.meta.url))
const run = (...options: string[]) =>
  spawnSync(process.execPath, [script, ...options], { encoding: 'utf8', timeout: 300_000 })

const compiler = run('--compiler')
if (compiler.status !== 0) console.warn(`isa.test.ts skipped: ${compiler.stdout.trim()}`)

describe.skipIf(compiler.status !== 0)('the inner loops of the CPU backend', () => {
  test('agree with double-precision loops on every instruction set of this processor', { timeout: 300_000 }, () => {
    const { status, stdout, stderr } = run()
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const ran = stdout.match(/^\w+: ok$/gm) ?? []
    expect(ran).toContain('scalar: ok')
    console.info(ran.join(', '))
  })
})
