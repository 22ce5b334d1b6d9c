// npm run fuzz -- [seconds] [seed]: damages small models of every format for so many seconds (default 600) and loads them,
// native code under AddressSanitizer and UndefinedBehaviorSanitizer. A finding names specimen and mutation, and ends the run.
import { execFileSync, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const [seconds = '600', seed = String(Date.now() % 2 ** 31)] = process.argv.slice(2)
if (!(Number(seconds) > 0) || !Number.isInteger(Number(seed))) {
  console.error('usage: npm run fuzz -- [seconds] [seed]')
  process.exit(2)
}

execFileSync(process.execPath, ['scripts/build.mjs', '--asan'], { cwd: root, stdio: 'inherit' })
const library = (name) => execFileSync('c++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim()
console.log(`fuzzing for ${seconds} s from seed ${seed}`)
const { status } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'test/fuzz.test.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    LOPHI_PREBUILD: `${root}build/asan`,
    // vitest's own processes inherit it: the addon needs the runtime to be there before node
    LD_PRELOAD: `${library('libasan.so')}:${library('libubsan.so')}`,
    ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1',
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
    LOPHI_FUZZ_SECONDS: seconds,
    LOPHI_FUZZ_SEED: seed,
  },
})
process.exit(status ?? 1)
