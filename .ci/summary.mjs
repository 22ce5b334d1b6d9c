// node .ci/summary.mjs REPORT [COUNTS...]: "N passed, N failed, N skipped" from Vitest's JSON report and further files with
// { passed, failed, skipped }, the last line of CI. A file of counts that is missing counts as one failure.
import { existsSync, readFileSync } from 'node:fs'

const [, , file, ...others] = process.argv
const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null
if (!report) console.log('no test report: the tests did not run to their end')

let failed = report?.numFailedTests ?? 0
for (const suite of report?.testResults ?? []) {
  // a file that does not even load counts as one failure
  if (suite.status === 'failed' && !suite.assertionResults.some((test) => test.status === 'failed')) failed++
}
if (!report?.success && failed === 0) failed = 1
let passed = report?.numPassedTests ?? 0
let skipped = (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0)
for (const other of others) {
  const counts = existsSync(other) ? JSON.parse(readFileSync(other, 'utf8')) : { passed: 0, failed: 1, skipped: 0 }
  passed += counts.passed
  failed += counts.failed
  skipped += counts.skipped
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
if (failed > 0) process.exitCode = 1
