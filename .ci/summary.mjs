// node .ci/summary.mjs REPORT: "N passed, N failed, N skipped" from Vitest's JSON report, the last line of CI.
import { existsSync, readFileSync } from 'node:fs'

const [, , file] = process.argv
const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null
if (!report) console.log('no test report: the tests did not run to their end')

let failed = report?.numFailedTests ?? 0
for (const suite of report?.testResults ?? []) {
  // a file that does not even load counts as one failure
  if (suite.status === 'failed' && !suite.assertionResults.some((test) => test.status === 'failed')) failed++
}
if (!report?.success && failed === 0) failed = 1
const skipped = (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0)
console.log(`${report?.numPassedTests ?? 0} passed, ${failed} failed, ${skipped} skipped`)
if (failed > 0) process.exitCode = 1
