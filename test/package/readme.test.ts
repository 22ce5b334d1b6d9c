import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/shared.js'

const root = join(import.meta.dirname, '../..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const examples = [...readme.matchAll(/```(js|ts)\n([\s\S]*?)```/g)].map(([, language, code = '']) => ({
  language,
  code,
}))

// A consumer's project: 'lophi' is this checkout, and paths in the examples are relative to it.
const folder = await temporaryFolder()
mkdirSync(join(folder, 'node_modules'))
symlinkSync(root, join(folder, 'node_modules', 'lophi'), 'dir')

/** JavaScript runs as it is printed, by whatever Node runs this test: the oldest that engines names must take it. */
async function runnable(language: string | undefined, code: string): Promise<string> {
  if (language === 'js' || hasUsing()) return code
  // only what is printed as TypeScript, whose compiler lowers `using` in a user's project too
  const { transpileModule, ModuleKind, ScriptTarget } = await import('typescript').then((m) => m.default)
  const compilerOptions = { module: ModuleKind.ESNext, target: ScriptTarget.ES2022 }
  return transpileModule(code, { compilerOptions }).outputText
}

function hasUsing(): boolean {
  try {
    new Function('{ using x = null }')
    return true
  } catch {
    return false
  }
}

test('README has examples, and those in JavaScript are most', () => {
  expect(examples.filter(({ language }) => language === 'js').length).toBeGreaterThan(4)
  expect(examples.filter(({ language }) => language === 'ts').length).toBe(1)
})

test.each(examples.map(({ language, code }, i) => [i + 1, language, code] as const))(
  'example %i of README, in %s, prints what it says',
  async (i, language, code) => {
    const file = join(folder, `example-${i}.mjs`)
    writeFileSync(file, await runnable(language, code))
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: root })
    const expected = [...code.matchAll(/\/\/ → (.*)/g)].map(([, line]) => line as string)
    expect(expected.length).toBeGreaterThan(0)
    expect(stdout.trimEnd().split('\n')).toEqual(expected)
    expect(stderr).toBe('')
  },
)
