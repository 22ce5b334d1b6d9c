// node test/gpu/sanitizer.mjs --runner runner.mjs --tests test/ops/ops.test.js --logs FOLDER --out FILE [--seconds N]: op cases under
// compute-sanitizer, each group by each tool in a process of its own, several at a time. Without the tool there is one row that says so.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { parseArgs } from 'node:util'

const tools = ['memcheck', 'racecheck', 'synccheck']
/** Patterns of the names of cases, which are joined by ' ' in one place and by ' > ' in another. */
const groups = {
  'linear, float32': 'linear\\W+float32',
  'linear, float16': 'linear\\W+float16',
  'linear, groups': 'linear\\W+\\d+',
  attention: 'attention',
  'sample, topK, softmax, argmax': '(sample|topK|softmax|argmax)',
  'norms, embedding, rotary, mlp': '(rmsNorm|addRmsNorm|embedding|rotaryEmbedding|siluMul)',
  'matmul, quantize': '(matmul|matmulInt4|quantize|dequantize)',
  'reductions, layout': '(sum|mean|max|gather|concat|slice|transpose|cast|where|copy)',
}

const { values } = parseArgs({
  options: {
    runner: { type: 'string' },
    tests: { type: 'string' },
    logs: { type: 'string', default: '.' },
    out: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    device: { type: 'string', default: 'cuda:0' },
  },
})
const end = performance.now() + Number(values.seconds) * 1000
const rows = []

function save(row) {
  rows.push(row)
  console.log(Object.values(row).join(' | '))
  if (values.out) writeFileSync(values.out, JSON.stringify({ stage: 'sanitizer', rows }, null, 1))
}

function findSanitizer() {
  const places = ['compute-sanitizer', '/usr/local/cuda/bin/compute-sanitizer']
  return places.find((path) => existsSync(path) || spawnSync(path, ['--version']).status === 0)
}

/** Errors that the tool counted: "ERROR SUMMARY: 2 errors", "RACECHECK SUMMARY: 1 hazard displayed (1 error, 0 warnings)". */
function countOf(text) {
  const found = [...text.matchAll(/(?:ERROR SUMMARY: (\d+) error)|(?:RACECHECK SUMMARY: (\d+) hazard)/g)]
  return found.length > 0 ? found.reduce((sum, [, errors, hazards]) => sum + Number(errors ?? hazards), 0) : null
}

function check(sanitizer, tool, group, number) {
  const pattern = `${values.device}\\W+${groups[group]}\\b`
  const args = ['--tool', tool, '--report-api-errors', 'no', '--print-limit', '20', execPath, values.runner]
  return new Promise((done) => {
    const child = spawn(sanitizer, [...args, '-t', pattern, values.tests], { detached: true })
    let text = ''
    const take = (data) => {
      text += data
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    const left = Math.max(0, end - performance.now())
    // the sanitizer's own children too
    const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), left)
    child.on('error', (error) => take(error.message))
    child.on('close', (status, signal) => {
      clearTimeout(timer)
      writeFileSync(join(values.logs, `sanitizer-${tool}-${number}.log`), text)
      const tests = /(\d+) passed, (\d+) failed, \d+ skipped/.exec(text)
      save({
        tool,
        group,
        errors: countOf(text) ?? 'none counted',
        passed: tests ? Number(tests[1]) : 0,
        failed: tests ? Number(tests[2]) : 0,
        ended: signal ?? status,
      })
      done()
    })
  })
}

const sanitizer = findSanitizer()
if (sanitizer) {
  const jobs = tools.flatMap((tool) => Object.keys(groups).map((group, i) => () => check(sanitizer, tool, group, i)))
  const work = async () => {
    for (let job = jobs.shift(); job && performance.now() < end; job = jobs.shift()) await job()
  }
  await Promise.all(Array.from({ length: Math.min(8, availableParallelism()) }, work))
} else save({ tool: 'compute-sanitizer', errors: 'is not on this machine' })
process.exitCode = rows.every(({ errors }) => errors === 0) ? 0 : 1
