// node scripts/sanitize.mjs (--asan | --tsan) [FILE...]: builds the addon with the sanitizers of scripts/build.mjs and runs test files
// under them; without FILE, those where memory and threads meet. GCC or Clang on Linux. docs/sanitizers.md has what they found.
import { spawnSync } from 'node:child_process'
import { env, execPath, exit } from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const [option, ...given] = process.argv.slice(2)

/** Compiling in the background, plans, seam, lost devices, ends of processes and workers, two steps under way. */
const shared = [
  'test/core/tensor.test.ts',
  'test/core/weights.test.ts',
  'test/core/lifetime.test.ts',
  'test/record',
  'test/cuda/cuda.test.ts',
  'test/cuda/devices.test.ts',
  'test/cuda/lost.test.ts',
  'test/generate/batch.test.ts',
]
const kinds = {
  '--asan': {
    library: 'libasan.so',
    // Node itself leaks at its end by intent; an allocation that is too large is an error of the package.
    env: { ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1', UBSAN_OPTIONS: 'print_stacktrace=1' },
    files: [
      ...shared,
      // cmake, which they start, does not end where the library of --tsan is loaded first
      'test/core/units.test.ts',
      'test/core/weight-rows.test.ts',
      'test/ops/ops.test.ts',
      'test/ops/wrong.test.ts',
      'test/ops/random.test.ts',
    ],
    // Freed memory stays with the sanitizer for a while, so that pages of the process say nothing.
    except: ['is the same after 200 models'],
  },
  '--tsan': {
    library: 'libtsan.so',
    // Node is not instrumented: what its own threads do to memory is not looked at.
    env: { TSAN_OPTIONS: `ignore_noninstrumented_modules=1 suppressions=${root}test/support/tsan.supp exitcode=66` },
    files: [...shared, 'test/generate/generate.test.ts'],
    except: ['is the same after 200 models'],
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
const files = given.length > 0 ? given : kind.files
const options = ['--no-file-parallelism', '--testTimeout=600000', '--hookTimeout=600000']
if (given.length === 0) options.push('-t', `^(?!.*(${kind.except.join('|')}))`)
// Without randomised addresses: the thread sanitizer needs its own at fixed places.
run('setarch', ['-R', execPath, 'node_modules/vitest/vitest.mjs', 'run', ...options, ...files], {
  env: { ...env, ...kind.env, LOPHI_PREBUILD: `${root}build/${option.slice(2)}`, LD_PRELOAD: library, ...cuda },
})
