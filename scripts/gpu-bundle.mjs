// node scripts/gpu-bundle.mjs [sm_90a ...]: writes build/gpu, all that a bare machine with a GPU needs to judge the CUDA backend: Node,
// the addon, kernel images (of every architecture, or of those named), compiled tests and their data. There, `bash build/gpu/run.sh`.
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { writePackage } from '../test/bare/package.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'build/gpu')
const limit = 60e6 // bytes

const architectures = process.argv.slice(2)
run('node', ['scripts/cuda-images.mjs', ...(architectures.length > 0 ? architectures : ['--release'])])

rmSync(folder, { recursive: true, force: true })
const staging = join(folder, 'lophi')
mkdirSync(staging, { recursive: true })
writePackage(staging, join(root, 'build/Release/lophi.node'))
for (const path of ['prebuilds/images/cuda', 'models/tiny-phi3', 'test/data', 'test/fixtures', 'test/gpu'])
  cpSync(join(root, path), join(staging, path), { recursive: true })
for (const name of packagesFor(['@vitest/runner', '@vitest/expect']))
  cpSync(join(root, 'node_modules', name), join(staging, 'node_modules', name), {
    recursive: true,
    filter: (path) => !/\.(d\.[cm]?ts|map|md)$/.test(path),
  })
run('node', ['scripts/gpu-constants.mjs', join(staging, 'constants')])
copyFileSync(execPath, join(staging, 'node'))

// Node is most of it, and the same every time: packed once
pack('node.tar.xz', ['node'], `${root}node_modules/.cache/lophi/node-${process.version}.tar.xz`)
rmSync(join(staging, 'node'))
pack('lophi.tar.xz', readdirSync(staging))
rmSync(staging, { recursive: true })
copyFileSync(join(root, 'test/gpu/run.sh'), join(folder, 'run.sh'))

const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
console.log(`build/gpu: ${(bytes / 1e6).toFixed(1)} MB; on the machine with the GPU: bash build/gpu/run.sh`)
if (bytes > limit) fail(`the bundle must be at most ${limit / 1e6} MB`)

/** Those packages, the package's own dependencies, and what these need. */
function packagesFor(names) {
  const read = (file) => JSON.parse(readFileSync(join(root, file), 'utf8'))
  const { packages } = read('package-lock.json')
  const wanted = new Set()
  const queue = [...names, ...Object.keys(read('package.json').dependencies)]
  for (let name = queue.pop(); name; name = queue.pop()) {
    if (wanted.has(name)) continue
    wanted.add(name)
    queue.push(...Object.keys(packages[`node_modules/${name}`].dependencies ?? {}))
  }
  return wanted
}

function pack(name, paths, cached) {
  const file = join(folder, name)
  try {
    if (cached) return copyFileSync(cached, file)
  } catch {}
  run('tar', ['-cJf', file, '-C', staging, ...paths])
  if (!cached) return
  mkdirSync(dirname(cached), { recursive: true })
  copyFileSync(file, cached)
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) fail(`${command} ${args.join(' ')}: ${error?.message ?? `ended with ${status}`}`)
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
