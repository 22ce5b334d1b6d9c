import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { beforeEach, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/shared.js'

const project = fileURLToPath(new URL('../..', import.meta.url))
const target = `${process.platform}-${process.arch}`
const temporary = realpathSync(await temporaryFolder())
let root = ''

/** A package with the loader alone, compiled from lib/, and no binary; installed below node_modules or not. */
function makePackage(installed: boolean): string {
  const folder = mkdtempSync(join(temporary, 'case-'))
  const place = installed ? join(folder, 'node_modules', 'lophi') : join(folder, 'lophi')
  mkdirSync(join(place, 'lib'), { recursive: true })
  writeFileSync(join(place, 'package.json'), JSON.stringify({ name: 'lophi', type: 'module' }))
  for (const name of ['native', 'errors']) {
    const source = readFileSync(join(project, `lib/${name}.ts`), 'utf8')
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 },
    })
    writeFileSync(join(place, `lib/${name}.js`), outputText)
  }
  mkdirSync(join(place, 'node_modules'))
  symlinkSync(join(project, 'node_modules/node-gyp-build'), join(place, 'node_modules/node-gyp-build'), 'junction')
  return place
}

function put(file: string, bytes: string): string {
  const path = join(root, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
  return path
}

/** Imports the loader in a process of its own and prints what it throws. */
function load(env: Record<string, string> = {}): { name: string; code: string; message: string } {
  const script = `import('./lib/native.js').then(() => console.log('loaded'), ({ name, code, message }) => console.log(JSON.stringify({ name, code, message })))`
  const { LOPHI_PREBUILD: _, PREBUILDS_ONLY: __, ...inherited } = process.env
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: root,
    encoding: 'utf8',
    env: { ...inherited, ...env },
  })
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  return JSON.parse(stdout)
}

beforeEach(() => {
  root = makePackage(true)
})

describe('without a native binary', () => {
  test('importing throws one BinaryMissingError that lists every place and what helps', () => {
    const error = load()
    expect(error).toMatchObject({ name: 'BinaryMissingError', code: 'ERR_BINARY_MISSING' })
    const lines = error.message.split('\n')
    expect(lines[0]).toContain(`no native binary loads on ${target} (`)
    expect(lines[0]).toContain(`Node ${process.versions.node})`)
    expect(lines.slice(1, 5)).toEqual([
      `  ${join(root, 'build/Release')}: no such folder`,
      `  ${join(root, 'build/Debug')}: no such folder`,
      `  ${join(root, 'prebuilds', target)}: no such folder`,
      `  ${join(dirname(process.execPath), 'prebuilds', target)}: no such folder`,
    ])
    expect(lines).toContain('This installation holds binaries for no platform.')
    expect(lines).toContain('Install it again: npm uninstall lophi && npm install lophi')
    expect(lines.at(-1)).toContain(`npm --prefix "${root}" run build:native`)
  })

  test('a checkout is told to build', () => {
    root = makePackage(false)
    expect(load().message.split('\n').at(-1)).toBe('Build it: npm run build')
  })

  test('a binary that does not load is named with the reason of the system', () => {
    const file = put('build/Release/lophi.node', 'not a library')
    const { message } = load()
    expect(message).toMatch(/lophi\.node: .*\S/)
    expect(message).toContain(`  ${file}: `)
    expect(message).not.toContain('build/Debug')
  })

  test.runIf(process.platform === 'linux')('a binary for another libc is named as unfit', () => {
    put(`prebuilds/${target}/lophi.musl.node`, '')
    const { message } = load({ LIBC: 'glibc' })
    expect(message).toContain(`${join(root, 'prebuilds', target)}: nothing for this system in lophi.musl.node`)
    expect(message).toContain(`This installation holds binaries for ${target}.`)
  })

  test('LOPHI_PREBUILD and PREBUILDS_ONLY move the search', () => {
    const elsewhere = join(root, 'elsewhere')
    const { message } = load({ LOPHI_PREBUILD: elsewhere, PREBUILDS_ONLY: '1' })
    expect(message).toContain(`  ${join(elsewhere, 'prebuilds', target)}: no such folder`)
    expect(message).not.toContain('Release')
  })
})
