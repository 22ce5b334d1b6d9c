// node test/wine/build.mjs: the Windows x64 package in build/wine/package: the addon by mingw-w64, lib/ and test/ by tsc.
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { writePackage } from '../bare/package.mjs'
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
writePackage(compiled, join(build, 'lophi.node'))
cpSync(join(root, 'models'), join(compiled, 'models'), { recursive: true })
// beside the addon, where the loader looks first: Wine's own cannot compile these kernels
copyFileSync(join(rig, 'd3dcompiler_47.dll'), join(compiled, 'build/Release/d3dcompiler_47.dll'))
