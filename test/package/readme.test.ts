import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/shared.js'

const root = join(import.meta.dirname, '../..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const examples = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code as string)

// A consumer's project: 'lophi' is this checkout, and paths in the examples are relative to it.
const folder = await temporaryFolder()
mkdirSync(join(folder, 'node_modules'))
symlinkSync(root, join(folder, 'node_modules', 'lophi'), 'dir')

test('README has examples', () => expect(examples.length).toBeGreaterThan(4))

test.each(examples.map((code, i) => [i + 1, code] as const))(
  'example %i of README prints what it says',
  async (i, code) => {
    const file = join(folder, `example-${i}.mjs`)
    // Node 20 has no `using`: TypeScript lowers it, as it would in a user's project.
    const { transpileModule, ModuleKind, ScriptTarget } = await import('typescript').then((m) => m.default)
    const { outputText } = transpileModule(code, {
      compilerOptions: { module: ModuleKind.ESNext, target: ScriptTarget.ES2022 },
    })
    writeFileSync(file, outputText)
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: root })
    const expected = [...code.matchAll(/\/\/ → (.*)/g)].map(([, line]) => line as string)
    expect(expected.length).toBeGreaterThan(0)
    expect(stdout.trimEnd().split('\n')).toEqual(expected)
    expect(stderr).toBe('')
  },
)
