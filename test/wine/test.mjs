// node test/wine/test.mjs [--without-directml] [-t PATTERN] [FILE...]: runs compiled test files under Windows' node on every device there;
// without FILE, those that the seam rests on, and the seam again with no DirectML.dll; without a pattern, their tests on DirectML devices (-t .
// takes all). --without-directml: all of it with no DirectML.dll.

import { mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { argv } from 'node:process'
import { compiled, root, windowsPath } from './rig.mjs'
import { windowsNode } from './run.mjs'

const nowhere = { LOPHI_DIRECTML_DLL: 'Z:\\nowhere\\DirectML.dll' }
const given = argv.slice(2)
const without = given.includes('--without-directml')
if (without) given.splice(given.indexOf('--without-directml'), 1)
const at = given.indexOf('-t')
const options = at < 0 ? ['-t', 'dml:'] : given.splice(at, 2)
const files =
  given.length > 0
    ? given
    : [
        'test/ops/ops.test.ts',
        'test/record/seam.test.ts',
        'test/record/seam.failures.test.ts',
        'test/record/compile.test.ts',
        'test/generate/dml.test.ts',
        'test/ops/random.test.ts',
        'test/dml/shader-cache.test.ts',
        'test/dml/directml.test.ts',
        'test/dml/lifetime.test.ts',
      ]
const runs = files.map((file) => ({ file, env: without ? nowhere : {} }))
if (given.length === 0 && !without) runs.push({ file: 'test/record/seam.test.ts', env: nowhere })
const compiledFile = (file) => windowsPath(join(compiled, file.replace(/\.ts$/, '.js')))

// for .ci/run, which adds the counts to those of the suite
const report = join(root, 'build', 'dml-report.json')
mkdirSync(dirname(report), { recursive: true })
rmSync(report, { force: true })

const start = performance.now()
const { status, stdout, stderr } = await windowsNode([
  windowsPath(join(compiled, 'runner.mjs')),
  ...options,
  '--report',
  windowsPath(report),
  ...files.map(compiledFile),
])
process.stderr.write(stderr)
process.stdout.write(stdout)
console.log(`Windows' node under Wine: ${((performance.now() - start) / 1000).toFixed(1)} s`)
process.exitCode = status === 0 ? 0 : 1
