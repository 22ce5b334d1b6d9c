// node test/wine/build.mjs: the Windows x64 package in build/wine/package: the addon by mingw-w64, lib/ and test/ by tsc.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compiled, rig, root } from './rig.mjs'

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (error) console.error(`${command}: ${error.message}: run node test/wine/setup.mjs`)
  if (status !== 0) process.exit(1)
}

const build = join(rig, 'cmake')
if (!existsSync(join(build, 'build.ninja')))
  run('cmake', [
    '-S',
    '.',
    '-B',
    build,
    '-G',
    'Ninja',
    '-DCMAKE_TOOLCHAIN_FILE=cmake/mingw-w64.cmake',
    '-DCMAKE_BUILD_TYPE=Release',
  ])
run('ninja', ['-C', build, '-j2'])
run('node_modules/.bin/tsc', [
  '-p',
  'test',
  '--noEmit',
  'false',
  '--outDir',
  compiled,
  '--rootDir',
  '.',
  '--declaration',
  'false',
])

// beside the addon, where the loader looks first: Wine's own cannot compile these kernels
const release = join(compiled, 'build/Release')
mkdirSync(release, { recursive: true })
copyFileSync(join(build, 'lophi.node'), join(release, 'lophi.node'))
copyFileSync(join(rig, 'd3dcompiler_47.dll'), join(release, 'd3dcompiler_47.dll'))
// `import 'vitest'` finds this before the real one
const vitest = join(compiled, 'node_modules/vitest')
mkdirSync(vitest, { recursive: true })
copyFileSync(join(root, 'test/wine/vitest.mjs'), join(vitest, 'index.js'))
writeFileSync(join(vitest, 'package.json'), '{ "name": "vitest", "type": "module", "main": "index.js" }\n')
writeFileSync(join(compiled, 'package.json'), '{ "name": "lophi", "version": "0.0.0", "type": "module" }\n')
copyFileSync(join(root, 'test/wine/runner.mjs'), join(compiled, 'runner.mjs'))
