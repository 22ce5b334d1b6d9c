// node test/wine/clang.mjs: clang reads all of native/ for Windows, with the warnings that MSVC would have as errors. It compiles
// nothing: the headers of Windows and of the standard library are mingw's, so a second front end is what it adds.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { rig, root } from './rig.mjs'

const build = join(rig, 'cmake')
const standard = readdirSync('/usr/lib/gcc/x86_64-w64-mingw32')
  .filter((version) => version.endsWith('-posix'))
  .map((version) => `/usr/lib/gcc/x86_64-w64-mingw32/${version}/include/c++`)
  .find(existsSync)
if (!standard || !existsSync(join(build, 'generated'))) {
  console.error('mingw and its build must be there: run npm run dml:build')
  process.exit(1)
}
const modules = join(root, 'node_modules')
const system = [
  standard,
  join(standard, 'x86_64-w64-mingw32'),
  join(build, 'directx'),
  join(modules, 'node-addon-api'),
  join(modules, 'node-api-headers/include'),
]
const wide = { avx2: ['-mavx2', '-mfma', '-mf16c'] }
wide.avx512 = [...wide.avx2, '-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq']
wide.avx512vnni = [...wide.avx512, '-mavx512vnni']

const sources = readdirSync(join(root, 'native'), { recursive: true })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.cpp') && file !== 'dml/absent.cpp')
let refused = 0
for (const file of sources) {
  const { status, error } = spawnSync(
    'clang++',
    [
      '--target=x86_64-w64-mingw32',
      '-std=c++20',
      '-fsyntax-only',
      ...['-Wall', '-Wextra', '-Wpedantic', '-Werror'],
      ...(wide[/isa_(\w+)\.cpp$/.exec(file)?.[1]] ?? []),
      ...['-DNAPI_VERSION=8', '-DNODE_ADDON_API_CPP_EXCEPTIONS'],
      ...system.flatMap((folder) => ['-isystem', folder]),
      ...['native', join(build, 'generated')].map((folder) => `-I${folder}`),
      `native/${file}`,
    ],
    { cwd: root, stdio: 'inherit' },
  )
  if (error) console.error(`clang++: ${error.message}: run node test/wine/setup.mjs`)
  if (error) process.exit(1)
  if (status !== 0) refused++
}
console.log(`clang read ${sources.length} files for Windows and refused ${refused}`)
process.exitCode = refused > 0 ? 1 : 0
