// node test/wine/test.mjs [--without-directml] [-t PATTERN] [FILE...]: runs compiled test files under Windows' node on every device there;
// without FILE, those that the seam rests on, and the seam again with no DirectML.dll; without a pattern, their tests on DirectML devices (-t .
// takes all). --without-directml: all of it with no DirectML.dll.

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
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
const runs = [{ files, env: without ? nowhere : {}, report: 'dml-report.json' }]
if (given.length === 0 && !without)
  runs.push({ files: ['test/record/seam.test.ts'], env: nowhere, report: 'dml-without-directml-report.json' })
const compiledFile = (file) => windowsPath(join(compiled, file.replace(/\.ts$/, '.js')))

// reports for .ci/run, which adds the counts of the first to those of the suite
mkdirSync(join(root, 'build'), { recursive: true })

const start = performance.now()
let failed = false
for (const { files, env, report } of runs) {
  const file = join(root, 'build', report)
  rmSync(file, { force: true })
  const { status, stdout, stderr } = await windowsNode(
    [windowsPath(join(compiled, 'runner.mjs')), ...options, '--report', windowsPath(file), ...files.map(compiledFile)],
    { env },
  )
  process.stderr.write(stderr)
  process.stdout.write(stdout)
  failed ||= status !== 0
}
console.log(`Windows' node under Wine: ${((performance.now() - start) / 1000).toFixed(1)} s`)
process.exitCode = failed ? 1 : 0
