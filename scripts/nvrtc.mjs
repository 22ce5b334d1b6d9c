// NVRTC as a compiler ahead of time: fetched from PyPI once (87 MB) unless LOPHI_NVRTC names a libnvrtc, driven by nvrtc.cpp.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { headersOf } from './cuda-kernels.mjs'

/** 12.8's cubins for sm_75 to sm_90a load in every CUDA 12 driver; those of 13 need driver 580. */
const nvrtcVersion = '12.8.93'

const root = fileURLToPath(new URL('..', import.meta.url))
export const cache = `${root}node_modules/.cache/lophi`

export function run(command, args, what) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status === 0) return stdout
  console.error(`${what}: ${error?.message ?? stderr.trim()}`)
  process.exit(1)
}

export const hash = (...texts) => {
  const sum = createHash('sha256')
  for (const text of texts) sum.update(`${text.length}\n`).update(text)
  return sum.digest('hex').slice(0, 16)
}

function findNvrtc() {
  if (process.env.LOPHI_NVRTC) return process.env.LOPHI_NVRTC
  const folder = `${cache}/nvrtc-${nvrtcVersion}`
  const library = `${folder}/nvidia/cuda_nvrtc/lib/libnvrtc.so.12`
  if (!existsSync(library)) {
    console.error(`fetching NVRTC ${nvrtcVersion} from PyPI`)
    const partial = `${folder}.${process.pid}`
    const wheel = `nvidia-cuda-nvrtc-cu12==${nvrtcVersion}`
    const args = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary=:all:', '--target', partial, wheel]
    run('python3', [...args, '--root-user-action=ignore', '--disable-pip-version-check'], 'python3 -m pip')
    rmSync(folder, { recursive: true, force: true })
    renameSync(partial, folder)
  }
  return library
}

function findCompiler() {
  const names = [process.env.CXX, 'c++', 'g++', 'clang++']
  const found = names.find((name) => name && spawnSync(name, ['--version']).status === 0)
  if (found) return found
  console.error('needs a C++ compiler: c++, g++ or clang++, or CXX')
  process.exit(1)
}

/** `compile(source.cu, arch, output)` gives the log; `key` changes with whatever changes its results, headers not counted. */
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
    compile: (source, arch, output) => {
      const headers = headersOf(readFileSync(source, 'utf8')).map(({ name }) => name)
      return run(compiler, [library, arch, source, output, `${root}native`, ...headers], `${source} for ${arch}`)
    },
  }
}
