// node runner.mjs [-t PATTERN] [--report FILE] FILE...: runs compiled test files in this process, prints `N passed, N failed,
// N skipped` and writes the same with every test to the report. Tests that the pattern leaves out do not count.
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { startTests } from '@vitest/runner'

const { values, positionals } = parseArgs({
  options: { t: { type: 'string', short: 't' }, report: { type: 'string' } },
  allowPositionals: true,
})
const count = { pass: 0, fail: 0, skip: 0 }
const reasons = new Map()
const tests = []
const pattern = values.t ? new RegExp(values.t) : undefined

function fullName(task) {
  return task.suite?.name ? `${fullName(task.suite)} > ${task.name}` : task.name
}

function fail(task) {
  count.fail += 1
  console.log(`FAILED ${fullName(task)}`)
  for (const error of task.result?.errors ?? [])
    console.log(`  ${error.stack || error.message}`.replaceAll('\n', '\n  '))
}

function report(task) {
  if (task.type === 'suite') {
    if (task.result?.errors?.length) fail(task)
    return task.tasks.forEach(report)
  }
  if (pattern && !pattern.test(fullName(task))) return
  tests.push({ name: fullName(task), state: task.result?.state ?? 'skip' })
  if (task.result?.state === 'fail') return fail(task)
  if (task.result?.state === 'pass') count.pass += 1
  else {
    count.skip += 1
    const reason = task.result?.note ?? 'skipped by its file'
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  }
}

const runner = {
  config: {
    root: process.cwd(),
    setupFiles: [],
    passWithNoTests: false,
    testNamePattern: pattern,
    allowOnly: false,
    sequence: { seed: 0, hooks: 'stack', setupFiles: 'list' },
    maxConcurrency: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    retry: 0,
    tags: [],
    strictTags: false,
  },
  importFile: (file) => import(pathToFileURL(file).href),
}

const files = await startTests(
  positionals.map((file) => resolve(file)),
  runner,
)
for (const file of files) {
  if (file.result?.errors?.length) fail(file)
  file.tasks.forEach(report)
}
for (const [reason, times] of reasons) console.log(`skipped ${times}: ${reason}`)
if (values.report)
  writeFileSync(
    values.report,
    JSON.stringify({ passed: count.pass, failed: count.fail, skipped: count.skip, tests }, null, 1),
  )
console.log(`${count.pass} passed, ${count.fail} failed, ${count.skip} skipped`)
process.exitCode = count.fail > 0 || count.pass === 0 ? 1 : 0
