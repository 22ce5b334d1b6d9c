import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { env, platform } from 'node:process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

// Native code alone, over a device that is made up: units.cpp beside this file.

const root = fileURLToPath(new URL('../..', import.meta.url))
// a sanitized build has units of its own
const build = join(env.LOPHI_PREBUILD ?? root, 'build')
const program = join(build, platform === 'win32' ? 'units.exe' : 'units')
const made = existsSync(join(build, 'CMakeCache.txt'))
  ? spawnSync('cmake', ['--build', build, '--target', 'units'], { encoding: 'utf8' })
  : null
if (!made) console.warn('native units are not tested: the addon was not built by CMake')

describe.runIf(made)('native units', () => {
  const names = made?.status === 0 ? spawnSync(program, ['--list'], { encoding: 'utf8' }).stdout.trim().split('\n') : []

  test('are built', () => {
    expect(made?.status, `${made?.stdout}${made?.stderr}`).toBe(0)
    expect(names.length).toBeGreaterThan(5)
  })

  test.each(names)('%s', (name) => {
    const { stdout, stderr, status, signal } = spawnSync(program, [name], { encoding: 'utf8' })
    expect({ stdout, stderr, status, signal }).toEqual({ stdout: '', stderr: '', status: 0, signal: null })
  })
})
