// node scripts/bench-eager.mjs [ROOT ...]: what an eager `add` of 6 elements costs the JS thread, for the builds in the given
// folders (default: this one). Processes take turns, so that noise falls on all of them alike. Time is what the thread was
// on a processor (Linux: /proc/self/task/*/schedstat), elsewhere what the clock says.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const rounds = 7
const calls = 2000

/** Nanoseconds that this thread has run. */
function threadTime() {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0])
  } catch {
    return performance.now() * 1e6
  }
}

/** Microseconds a call in each of several runs, disposal of the results not counted. */
async function measure(root) {
  const { openDevice, ops } = await import(pathToFileURL(join(root, 'dist/index.js')).href)
  const device = await openDevice('cpu', { threads: 1 })
  const a = device.tensor(new Float32Array(6), [2, 3])
  const b = device.tensor(new Float32Array(6), [2, 3])
  const results = []
  for (let run = 0; run < 12; run++) {
    const made = []
    const start = threadTime()
    for (let i = 0; i < calls; i++) made.push(ops.add({ a, b }))
    results.push((threadTime() - start) / calls / 1e3)
    for (const tensor of made) tensor.dispose()
    await device.sync()
  }
  await device.dispose()
  return results.slice(2) // the first ones are compiled on the way
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

if (process.argv[2] === '--measure') {
  console.log(JSON.stringify(await measure(process.argv[3])))
} else {
  const self = fileURLToPath(import.meta.url)
  const roots = (process.argv.length > 2 ? process.argv.slice(2) : [join(self, '../..')]).map((root) => resolve(root))
  const found = new Map(roots.map((root) => [root, []]))
  for (let round = 0; round < rounds; round++)
    for (const root of roots) {
      const { stdout, stderr, status } = spawnSync(process.execPath, [self, '--measure', root], { encoding: 'utf8' })
      if (status !== 0) throw new Error(stderr)
      found.get(root).push(...JSON.parse(stdout))
    }
  for (const [root, values] of found)
    console.log(`${root}: min ${Math.min(...values).toFixed(2)} µs, median ${median(values).toFixed(2)} µs a call`)
}
