// Checks or times the inner loops of native/cpu/isa*.cpp: the very objects of the addon that `npm run build:native` made.
//   node test/isa/run.mjs                 checks every instruction set of this processor
//   node test/isa/run.mjs NAME            checks one of them; exit status 77 where this processor lacks it
//   node test/isa/run.mjs --bench [isa [weights]]   GB/s and GFLOP/s
//   node test/isa/run.mjs --build         builds the program; exit status 77 where that cannot be
//   --sanitize before any of them takes the objects of `npm run build:asan`
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const sanitize = process.argv[2] === '--sanitize'
const options = process.argv.slice(sanitize ? 3 : 2)
const build = join(root, sanitize ? 'build/asan/build' : 'build')

function run(command, args) {
  const { status, signal, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  if (error) throw error
  if (status !== 0) process.exit(status ?? `${signal}`.length)
}

if (process.platform === 'win32' || !existsSync(join(build, 'CMakeCache.txt'))) {
  console.log(`needs a build with CMake outside Windows: npm run build:${sanitize ? 'asan' : 'native'}`)
  process.exit(77)
}
run('cmake', ['--build', build, '--target', 'isa_test', '--config', 'Release'])

// a weak symbol with wide instructions could be the one that the linker keeps for everybody
const made = join(build, 'CMakeFiles')
const objects = readdirSync(made, { recursive: true })
  .filter((file) => /isa_avx\w+\.cpp\.o$/.test(file))
  .map((file) => join(made, file))
const symbols = spawnSync('nm', ['-C', ...objects], { encoding: 'utf8' })
if (symbols.status === 0 && objects.length > 0 && !sanitize) {
  const weak = symbols.stdout.split('\n').filter((line) => / [WVuvw] /.test(line) && !line.includes('DW.ref.'))
  if (weak.length > 0) throw new Error(`weak symbols in the files with wide instructions:\n${weak.join('\n')}`)
}
if (!options.includes('--build')) run(join(build, 'isa_test'), options)
