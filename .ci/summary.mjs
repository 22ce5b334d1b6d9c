// node .ci/summary.mjs REPORT...: "N passed, N failed, N skipped", the last line of CI, from Vitest's JSON reports and from
// files with { passed, failed, skipped }. A file that is missing counts as one failure: those tests did not run to their end.
import { existsSync, readFileSync } from 'node:fs'

/** { passed, failed, skipped } of one file. */
function countsOf(file) {
  if (!existsSync(file)) {
    console.log(`no ${file}: its tests did not run to their end`)
    return { passed: 0, failed: 1, skipped: 0 }
  }
  const report = JSON.parse(readFileSync(file, 'utf8'))
  if (!report.testResults) return report
  let failed = report.numFailedTests
  for (const suite of report.testResults) {
    for (const { fullName, status, failureMessages = [] } of suite.assertionResults) {
      if (failureMessages.length === 0) continue
      const [message] = failureMessages[0].split('\n')
      console.log(
        `${status === 'failed' ? 'failed' : 'passed at its second try'}: ${suite.name}: ${fullName}: ${message}`,
      )
    }
    // a file that does not even load counts as one failure
    if (suite.status === 'failed' && !suite.assertionResults.some((test) => test.status === 'failed')) failed++
  }
  if (!report.success && failed === 0) failed = 1
  return { passed: report.numPassedTests, failed, skipped: report.numPendingTests + report.numTodoTests }
}

const all = process.argv.slice(2).map(countsOf)
const sum = (key) => all.reduce((total, counts) => total + counts[key], 0)
console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`)
if (sum('failed') > 0) process.exitCode = 1
