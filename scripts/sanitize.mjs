// node scripts/sanitize.mjs (--asan | --tsan) [FILE...]: builds the addon with the sanitizers of scripts/build.mjs and runs test files
// under them; without FILE, those of devices, plans, ends of processes and workers, and failures. GCC or Clang on Linux.
import { spawnSync } from 'node:child_process'
import { env, execPath, exit } from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const [option, ...given] = process.argv.slice(2)
const kinds = {
  // Node itself leaks at its end by intent.
  '--asan': { library: 'libasan.so', env: { ASAN_OPTIONS: 'detect_leaks=0' } },
  // Node is not instrumented: what its own threads do to memory is not looked at.
  '--tsan': {
    library: 'libtsan.so',
    env: { TSAN_OPTIONS: `ignore_noninstrumented_modules=1 suppressions=${root}test/support/tsan.supp exitcode=66` },
  },
}
const kind = kinds[option]
if (!kind) {
  console.error('sanitize: --asan or --tsan must be given')
  exit(1)
}

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (status === 0) return
  if (error) console.error(`${command}: ${error.message}`)
  exit(status ?? 1)
}

const output = (command, args) => spawnSync(command, args, { cwd: root, encoding: 'utf8' }).stdout?.trim()

run(execPath, ['scripts/build.mjs', option])
run(execPath, ['node_modules/typescript/bin/tsc'])
const compiler = env.CXX ?? 'c++'
const library = output(compiler, [`-print-file-name=${kind.library}`])
if (!library?.includes('/')) {
  console.error(`sanitize: ${compiler} must have ${kind.library}, but it has not`)
  exit(1)
}
// Kernels of the emulated GPU are looked at too.
const emulated = option === '--asan' && env.LOPHI_CUDA_DRIVER === undefined
const driver = emulated ? output(execPath, ['scripts/simt-driver.mjs', '--asan']) : ''
const cuda = driver ? { LOPHI_CUDA_DRIVER: driver } : {}
const files = given.length > 0 ? given : ['test/core', 'test/record', 'test/cuda']
// Without randomised addresses: the thread sanitizer needs its own at fixed places.
run('setarch', ['-R', execPath, 'node_modules/vitest/vitest.mjs', 'run', '--no-file-parallelism', ...files], {
  env: { ...env, ...kind.env, LOPHI_PREBUILD: `${root}build/${option.slice(2)}`, LD_PRELOAD: library, ...cuda },
})
