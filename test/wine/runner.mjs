// node runner.mjs [-t PATTERN] FILE...: runs compiled test files in this process and prints `N passed, N failed, N skipped`.
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { startTests } from '@vitest/runner'

const { values, positionals } = parseArgs({ options: { t: { type: 'string', short: 't' } }, allowPositionals: true })
const count = { pass: 0, fail: 0, skip: 0 }
const reasons = new Map()

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
    testNamePattern: values.t ? new RegExp(values.t) : undefined,
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
console.log(`${count.pass} passed, ${count.fail} failed, ${count.skip} skipped`)
process.exitCode = count.fail > 0 || count.pass === 0 ? 1 : 0
