// Builds native/cpu/isa*.cpp with the flags of cmake/isa.cmake and checks every instruction set of this processor.
//   node test/isa/run.mjs                 check
//   node test/isa/run.mjs --sanitize      check under AddressSanitizer and UndefinedBehaviorSanitizer
//   node test/isa/run.mjs --bench [isa [weights]]   GB/s and GFLOP/s
//   node test/isa/run.mjs --compiler      the compiler that would be used; exit status 77 when there is none
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const skipped = 77
const root = fileURLToPath(new URL('../..', import.meta.url))
const options = process.argv.slice(2)

const works = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0
const compiler =
  process.platform === 'win32' ? undefined : [process.env.CXX, 'c++', 'g++', 'clang++'].find((c) => c && works(c))
if (!compiler) {
  console.log('no C++ compiler with the options of GCC and Clang was found (CXX, c++, g++, clang++)')
  process.exit(skipped)
}
if (options.includes('--compiler')) {
  console.log(compiler)
  process.exit(0)
}

/** Flags of isa_<name>.cpp as the build has them. */
function isaFlags() {
  const table = { isa_scalar: '-ffp-contract=off', isa: '-ffp-contract=off' }
  const text = process.arch === 'x64' ? readFileSync(join(root, 'cmake/isa.cmake'), 'utf8') : ''
  for (const [, name, flags] of text.matchAll(/set\((isa_\w+) ((?:-m|\$\{isa_)[^)]*)\)/g)) {
    table[name] = flags.replace(/\$\{(\w+)\}/g, (_, other) => table[other])
  }
  return table
}

const folder = mkdtempSync(join(tmpdir(), 'lophi-isa-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const sanitizers = options.includes('--sanitize')
  ? ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all']
  : ['-O3']
const common = ['-std=c++20', '-Wall', '-Wextra', '-Wpedantic', '-Werror', ...sanitizers, '-I', join(root, 'native')]

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit' })
    child.on('error', reject)
    child.on('exit', (code, signal) => (code === 0 ? resolve() : reject(new Error(`${command}: ${signal ?? code}`))))
  })
}

const flags = isaFlags()
const sources = [
  ...['isa', 'thread_scratch', 'isa_scalar', 'isa_avx2', 'isa_avx512', 'isa_avx512vnni'].map(
    (name) => `native/cpu/${name}.cpp`,
  ),
  'test/isa/isa_test.cpp',
  'test/isa/isa_bench.cpp',
]
const objects = sources.map((source) => join(folder, source.replace(/^.*\/(\w+)\.cpp$/, '$1.o')))

async function main() {
  const waiting = sources.map((source, index) => async () => {
    const own = flags[source.replace(/^.*\/(\w+)\.cpp$/, '$1')]?.split(' ') ?? []
    await run(compiler, [...common, ...own, '-c', join(root, source), '-o', objects[index]])
  })
  // two at a time: a compiler takes a few hundred MB
  await Promise.all(
    [1, 2].map(async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await next()
    }),
  )

  // a weak symbol with wide instructions could be the one that the linker keeps for everybody
  const wide = objects.filter((object) => /isa_avx/.test(object))
  const symbols = spawnSync('nm', ['-C', ...wide], { encoding: 'utf8' })
  if (symbols.status === 0 && !options.includes('--sanitize')) {
    const weak = symbols.stdout.split('\n').filter((line) => / [WVuvw] /.test(line) && !line.includes('DW.ref.'))
    if (weak.length > 0) throw new Error(`weak symbols in the files with wide instructions:\n${weak.join('\n')}`)
  }

  const program = join(folder, 'isa_test')
  await run(compiler, [...sanitizers, ...objects, '-o', program, '-pthread'])
  await run(
    program,
    options.filter((option) => option !== '--sanitize'),
  )
}

main().catch((error) => {
  console.error(error.message)
  process.exit(1)
})
