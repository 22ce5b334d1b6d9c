// node test/wine/shaders.mjs: compiles every HLSL kernel with Microsoft's d3dcompiler_47.dll under Wine.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { rig, root, windowsPath } from './rig.mjs'
import { windowsProgram } from './run.mjs'

const program = join(rig, 'shaders.exe')
const { status, error } = spawnSync(
  'x86_64-w64-mingw32-g++-posix',
  [
    ...['-std=c++20', '-O1', '-static', '-I', 'native', '-I', join(rig, 'cmake/generated')],
    ...['test/wine/shaders.cpp', '-o', program],
  ],
  { cwd: root, stdio: 'inherit' },
)
if (status !== 0) {
  console.error(
    `shaders.cpp must compile, but it does not${error ? `: ${error.message}` : ''}: run npm run dml:build first`,
  )
  process.exit(1)
}
const run = await windowsProgram(program, [windowsPath(join(rig, 'd3dcompiler_47.dll'))])
process.stdout.write(run.stdout)
process.exitCode = run.status === 0 ? 0 : 1
