// npm run fuzz -- [seconds] [seed] [specimen]: damages small models of every format for so many seconds (default 600), opens
// and runs what comes out. What breaks something stays in build/fuzz, and the command that repeats it is printed.
// npm run fuzz:ops -- [seconds] [first]: random calls of every op on every device, from this number on.
// Native code under AddressSanitizer and UndefinedBehaviorSanitizer; the kernels of the emulated GPU without (test:asan has them).
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const ops = process.argv[2] === '--ops'
const [seconds = '600', seed = String(Date.now() % 2 ** 31), ...specimen] = process.argv.slice(ops ? 3 : 2)
if (!(Number(seconds) >= 0) || !Number.isSafeInteger(Number(seed)) || specimen.length > (ops ? 0 : 1)) {
  console.error(`usage: npm run ${ops ? 'fuzz:ops -- [seconds] [first]' : 'fuzz -- [seconds] [seed] [specimen]'}`)
  process.exit(2)
}

const findings = join(root, ops ? 'build/fuzz-ops' : 'build/fuzz')
/** Names of what is there: call-<process>.txt, or <process>/<specimen>-<mutation>. */
const list = () => {
  const found = existsSync(findings) ? readdirSync(findings) : []
  return ops ? found : found.flatMap((run) => readdirSync(join(findings, run)).map((name) => join(run, name)))
}

execFileSync(process.execPath, ['scripts/build.mjs', '--asan'], { cwd: root, stdio: 'inherit' })
const emulated = () =>
  execFileSync(process.execPath, ['scripts/simt-driver.mjs'], { cwd: root, encoding: 'utf8' }).trim()
// damaged models run on the CPU
const driver = process.env.LOPHI_CUDA_DRIVER ?? (ops ? emulated() : 'none')
const library = (name) => execFileSync('c++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim()
const known = new Set(list())
console.log(`fuzzing for ${seconds} s from seed ${seed}`)
const test = ops ? 'test/ops/random.test.ts' : 'test/fuzz/fuzz.test.ts'
const { status } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', test], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    LOPHI_PREBUILD: join(root, 'build/asan'),
    LOPHI_CUDA_DRIVER: driver,
    // vitest's own processes inherit it: the addon needs the runtime to be there before node
    LD_PRELOAD: `${library('libasan.so')}:${library('libubsan.so')}`,
    ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=4096:quarantine_size_mb=64',
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
    [ops ? 'LOPHI_FUZZ_OPS' : 'LOPHI_FUZZ']: [seconds, seed, ...specimen].join(' '),
  },
})
// a process that crashed says no more than what the sanitizer found
for (const finding of list().filter((name) => !known.has(name))) {
  if (ops) {
    console.error(
      `finding: ${readFileSync(join(findings, finding), 'utf8').trim()}; again: npm run fuzz:ops -- 0 <number>`,
    )
    continue
  }
  const [, name, mutation] = /([^/\\]+)-(\d+)$/.exec(finding)
  console.error(`finding: ${join(findings, finding)}; again: npm run fuzz -- 0 ${mutation} ${name}`)
}
process.exit(status ?? 1)
