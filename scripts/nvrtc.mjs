// NVRTC as a compiler ahead of time: fetched from PyPI once (87 MB) unless LOPHI_NVRTC names a libnvrtc, driven by nvrtc.cpp.
import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { headersOf } from './cuda-kernels.mjs'

/** 12.8's cubins for sm_75 to sm_90a load in every CUDA 12 driver; those of 13 need driver 580. */
const nvrtcVersion = '12.8.93'

const execute = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
export const cache = `${root}node_modules/.cache/lophi`

export function run(command, args, what) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 30 })
  if (status === 0) return stdout
  console.error(`${what}: ${error?.message ?? stderr.trim()}`)
  process.exit(1)
}

export const hash = (...texts) => {
  const sum = createHash('sha256')
  for (const text of texts) sum.update(`${text.length}\n`).update(text)
  return sum.digest('hex').slice(0, 16)
}

/** A file of a wheel from PyPI, fetched once; null where that fails. */
export function fromPyPI(name, version, file) {
  const folder = `${cache}/${name}-${version}`
  const path = `${folder}/nvidia/${file}`
  if (existsSync(path)) return path
  console.error(`fetching ${name} ${version} from PyPI`)
  const partial = `${folder}.${process.pid}`
  const options = [
    '--quiet',
    '--no-deps',
    '--only-binary=:all:',
    '--root-user-action=ignore',
    '--disable-pip-version-check',
  ]
  const args = ['-m', 'pip', 'install', ...options, '--target', partial, `${name}==${version}`]
  const { status, stderr, error } = spawnSync('python3', args, { encoding: 'utf8' })
  if (status !== 0) {
    console.error(`python3 -m pip: ${error?.message ?? stderr.trim()}`)
    return null
  }
  rmSync(folder, { recursive: true, force: true })
  renameSync(partial, folder)
  return path
}

function findNvrtc() {
  const found =
    process.env.LOPHI_NVRTC || fromPyPI('nvidia-cuda-nvrtc-cu12', nvrtcVersion, 'cuda_nvrtc/lib/libnvrtc.so.12')
  if (!found) process.exit(1)
  return found
}

function findCompiler() {
  const names = [process.env.CXX, 'c++', 'g++', 'clang++']
  const found = names.find((name) => name && spawnSync(name, ['--version']).status === 0)
  if (found) return found
  console.error('needs a C++ compiler: c++, g++ or clang++, or CXX')
  process.exit(1)
}

/** `await compile(source.cu, arch, output)` gives the log; `key` changes with whatever changes its results, headers not counted. */
export function nvrtc() {
  mkdirSync(cache, { recursive: true })
  const library = findNvrtc()
  const compiler = `${cache}/nvrtc.${hash(readFileSync(`${root}scripts/nvrtc.cpp`, 'utf8'))}`
  if (!existsSync(compiler)) {
    const partial = `${compiler}.${process.pid}`
    run(findCompiler(), ['-std=c++17', '-O1', `${root}scripts/nvrtc.cpp`, '-o', partial, '-ldl'], 'c++')
    renameSync(partial, compiler)
  }
  return {
    key: [compiler, process.env.LOPHI_NVRTC ?? nvrtcVersion],
    compile: async (source, arch, output) => {
      const headers = headersOf(readFileSync(source, 'utf8')).map(({ name }) => name)
      const args = [library, arch, source, output, `${root}native`, ...headers]
      const { stdout } = await execute(compiler, args, { maxBuffer: 2 ** 30 }).catch((error) => {
        console.error(`${source} for ${arch}: ${error.stderr || error.message}`)
        process.exit(1)
      })
      return stdout
    },
  }
}
