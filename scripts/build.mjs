// node scripts/build.mjs [--gyp | --asan | --tsan]: builds build/Release/lophi.node from native/, without a network: with CMake
// (through cmake-js) where both are there, else with node-gyp. --gyp takes node-gyp anyway; --asan builds build/asan with the
// sanitizers of addresses and undefined behaviour, --tsan build/tsan with that of threads.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = realpathSync(fileURLToPath(new URL('..', import.meta.url)))
const require = createRequire(import.meta.url)
const windows = process.platform === 'win32'
const sanitizers = { '--asan': 'address,undefined', '--tsan': 'thread' }
const sanitized = Object.keys(sanitizers).find((option) => process.argv.includes(option))
const jobs = String(availableParallelism())

/** What `command --version` prints, or null where there is no such command. */
function versionOf(command) {
  const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' })
  return status === 0 ? stdout : null
}

function packageFile(file) {
  try {
    return require.resolve(file)
  } catch {
    return null
  }
}

function run(script, args) {
  const { status } = spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

function cmakeProblem() {
  if (!packageFile('cmake-js/package.json')) return 'the npm package cmake-js'
  const [, major, minor] = versionOf('cmake')?.match(/(\d+)\.(\d+)/) ?? []
  if (!major) return 'CMake 3.20 or newer'
  return Number(major) * 100 + Number(minor) >= 320 ? null : `CMake 3.20 or newer (this is ${major}.${minor})`
}

function gypProblem() {
  const missing = []
  if (!nodeGyp) missing.push('node-gyp (part of npm: run this through `npm run`)')
  if (![process.env.PYTHON, 'python3', 'python', 'py'].some((name) => name && versionOf(name))) missing.push('Python 3')
  if (!windows && !versionOf('make')) missing.push('make')
  return missing.length > 0 ? missing.join(' and ') : null
}

/** Both tools write to build/ and trip over what the other, or a build that was moved here, left there. */
function clearForeign(build, wanted) {
  const cache = join(build, 'CMakeCache.txt')
  const home = existsSync(cache) && /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(readFileSync(cache, 'utf8'))?.[1]
  const tool = existsSync(cache) ? 'cmake' : existsSync(join(build, 'config.gypi')) ? 'gyp' : wanted
  if (tool !== wanted || (home && join(home) !== root)) rmSync(build, { recursive: true })
}

function buildWithCmake() {
  const build = join(root, sanitized ? `build/${sanitized.slice(2)}/build` : 'build')
  clearForeign(build, 'cmake')
  const cmake = packageFile('cmake-js/bin/cmake-js')
  const args = ['--directory', root, '--out', build, '--config', 'Release', '--log-level', 'warn']
  // Warnings of a sanitized build are often false.
  const options = sanitized ? [`--CDLOPHI_SANITIZE=${sanitizers[sanitized]}`, '--CDLOPHI_WERROR=OFF'] : []
  run(cmake, ['configure', ...args, ...options])
  run(cmake, ['build', ...args, '--parallel', jobs])
}

function buildWithGyp() {
  clearForeign(join(root, 'build'), 'gyp')
  // Windows links node.lib, which only Node's own headers package has: node-gyp finds or fetches it.
  const headers = windows ? [] : [`--nodedir=${join(root, 'scripts/gyp')}`]
  run(nodeGyp, ['configure', 'build', '--release', ...headers, '--jobs', jobs, '--loglevel', 'warn'])
}

const nodeGyp = packageFile('node-gyp/bin/node-gyp.js') ?? process.env.npm_config_node_gyp
const compiler = windows || [process.env.CXX, 'c++', 'g++', 'clang++'].some((name) => name && versionOf(name))
const noCmake = process.argv.includes('--gyp') ? 'to be run without --gyp' : cmakeProblem()
const noGyp = sanitized ? `to be run without ${sanitized}` : gypProblem()

if (!compiler || (noCmake && noGyp)) {
  const lines = ['lophi cannot be compiled here.']
  if (!compiler) lines.push('  Needs a C++20 compiler: GCC 11+, Clang 14+ or Visual Studio 2022.')
  if (noCmake && noGyp) lines.push(`  Needs ${noCmake}, or else ${noGyp}.`)
  lines.push(
    '  Debian, Ubuntu: apt-get install g++ cmake, or g++ python3 make',
    '  Fedora, RHEL: dnf install gcc-c++ cmake, or gcc-c++ python3 make',
    '  macOS: xcode-select --install',
    '  Windows: Visual Studio Build Tools, workload "Desktop development with C++", and Python 3 or CMake',
  )
  console.error(lines.join('\n'))
  process.exit(1)
}
if (noCmake) buildWithGyp()
else buildWithCmake()
