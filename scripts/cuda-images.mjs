// node scripts/cuda-images.mjs [--release | sm_80 sm_90a ...]: compiles native/cuda/ops/*.cu ahead of time, without a GPU or a
// toolkit, into prebuilds/images/cuda/<arch>.br. NVRTC is fetched from PyPI once (87 MB) unless LOPHI_NVRTC names a libnvrtc.
// Fails where kernels are not what scripts/cuda-gates.mjs says. Results are kept by source, architecture and compiler.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import { kernelsOf, ptxProblems, registerProblems, sassProblems } from './cuda-gates.mjs'
import { cudaKernels, headersOf, instances } from './cuda-kernels.mjs'
import { cache, fromPyPI, hash, nvrtc, run } from './nvrtc.mjs'
import { readSchema } from './schema.mjs'

const defaults = ['sm_80', 'sm_90a']
const release = ['sm_75', 'sm_80', 'sm_86', 'sm_89', 'sm_90a', 'sm_100', 'sm_120', 'compute_75']

/** The oldest driver that is taken has the assembler of CUDA 12.0: PTX must be such as that one reads. */
const ptxVersion = '8.0'
const ptxasVersion = '12.0.76'
const nvdisasmVersion = '13.5.37'
/** Of all images of a release, packed. */
const mostBytes = 8e6

const root = fileURLToPath(new URL('..', import.meta.url))
const images = `${root}prebuilds/images/cuda`
const sources = `${root}native/cuda/ops`
const read = (file) => readFileSync(file, 'utf8')

const asked = process.argv.slice(2)
const wrong = asked.filter((word) => word !== '--release' && !/^(sm|compute)_\d+a?$/.test(word))
if (process.platform !== 'linux' || wrong.length > 0) {
  console.error(wrong.length > 0 ? `${wrong[0]}: must be an architecture such as sm_80` : 'images are made on Linux')
  process.exit(1)
}
const isRelease = asked.includes('--release')
const architectures = isRelease ? release : asked.length > 0 ? asked : defaults

mkdirSync(images, { recursive: true })
const compiler = nvrtc()
const templates = cudaKernels(await readSchema())
const modules = readdirSync(sources)
  .filter((file) => file.endsWith('.cu'))
  .map((file) => file.slice(0, -3))
  .sort()
  .map((name) => {
    const own = templates.filter(({ module }) => module === name)
    const text = read(`${sources}/${name}.cu`) + instances(own)
    return {
      name,
      text,
      headers: headersOf(text).map((header) => header.text),
      kernels: own.flatMap(({ kernels }) => kernels.map((kernel) => kernel.name)),
    }
  })

const { registers: ceilings, ...rules } = JSON.parse(read(`${root}native/cuda/ceilings.json`))
const templateOf = new Map(templates.flatMap(({ template, kernels }) => kernels.map(({ name }) => [name, template])))

/** Of a release: the older assembler, and a disassembler. */
const ptxas = isRelease ? fromPyPI('nvidia-cuda-nvcc-cu12', ptxasVersion, 'cuda_nvcc/bin/ptxas') : null
const nvdisasm = isRelease ? fromPyPI('nvidia-cuda-nvdisasm', nvdisasmVersion, 'cu13/bin/nvdisasm') : null
if (isRelease && !ptxas) console.error('PTX is not checked with an older ptxas: there is none')
if (isRelease && !nvdisasm) console.error('machine code is not checked: there is no nvdisasm')

const stemOf = ({ name, text, headers }, arch) => `${cache}/${name}.${arch}.${hash(...compiler.key, text, ...headers)}`

async function compile(module, arch) {
  const stem = stemOf(module, arch)
  if (existsSync(`${stem}.log`)) return
  writeFileSync(`${stem}.cu`, module.text)
  writeFileSync(`${stem}.log`, await compiler.compile(`${stem}.cu`, arch, `${stem}.bin`))
}

/** Code of one compiled module, and what is wrong with its kernels. */
function judge(module, arch) {
  const { name, kernels: names } = module
  const stem = stemOf(module, arch)
  const isPtx = arch.startsWith('compute_')
  const early = Number(/\d+/.exec(arch)[0]) >= 90
  const kernels = kernelsOf(read(`${stem}.log`)).map((kernel) => ({ ...kernel, template: templateOf.get(kernel.name) }))
  const unseen = isPtx ? [] : names.filter((kernel) => !kernels.some((seen) => seen.name === kernel))
  const problems = [
    ...unseen.map((kernel) => `ptxas says nothing of ${kernel}`),
    ...registerProblems(kernels, ceilings),
    ...ptxProblems(read(isPtx ? `${stem}.bin` : `${stem}.bin.ptx`), early),
    ...(nvdisasm && !isPtx ? sassProblems(disassemble(stem), early, (kernel) => templateOf.get(kernel), rules) : []),
  ]
  if (!isPtx) return { name, code: readFileSync(`${stem}.bin`), kernels, problems }
  const lowered = read(`${stem}.bin`).replace(/^\.version .*/m, `.version ${ptxVersion}`)
  writeFileSync(`${stem}.ptx`, lowered)
  if (ptxas) for (const later of ['sm_75', 'sm_90']) problems.push(...assemblyProblems(`${stem}.ptx`, later))
  return { name, code: Buffer.from(lowered), kernels, problems }
}

function disassemble(stem) {
  if (!existsSync(`${stem}.sass`)) writeFileSync(`${stem}.sass`, run(nvdisasm, ['-c', `${stem}.bin`], 'nvdisasm'))
  return read(`${stem}.sass`)
}

function assemblyProblems(file, arch) {
  const { status, stdout, stderr } = spawnSync(ptxas, [`-arch=${arch}`, file, '-o', '/dev/null'], { encoding: 'utf8' })
  return status === 0 ? [] : [`ptxas ${ptxasVersion} for ${arch}: ${stdout}${stderr}`]
}

const queue = architectures.flatMap((arch) => modules.map((module) => () => compile(module, arch)))
const worker = async () => {
  for (let job = queue.shift(); job; job = queue.shift()) await job()
}
await Promise.all(Array.from({ length: availableParallelism() }, worker))

let failed = false
let bytes = 0
for (const arch of architectures) {
  const compiled = modules.map((module) => judge(module, arch))
  const kernels = compiled.flatMap((module) => module.kernels)
  const problems = compiled.flatMap((module) => module.problems)
  for (const problem of problems) console.error(`${arch}: ${problem}`)
  if (problems.length > 0) {
    failed = true
    continue
  }
  const header = compiled.map(({ name, code }) => `${name} ${code.length}`).join('\n')
  const image = Buffer.concat([Buffer.from(`${header}\n\n`), ...compiled.map(({ code }) => code)])
  const packed = brotliCompressSync(image)
  writeFileSync(`${images}/${arch}.br`, packed)
  bytes += packed.length
  const count = modules.reduce((sum, module) => sum + module.kernels.length, 0)
  const most =
    kernels.length > 0 ? `, at most ${Math.max(...kernels.map((k) => k.registers))} registers, no spills` : ''
  console.log(`${arch}: ${count} kernels${most}, ${image.length} bytes, packed ${packed.length}`)
}
if (isRelease) {
  console.log(`${bytes} bytes of images, packed`)
  if (bytes > mostBytes) {
    console.error(`the images must take at most ${mostBytes} bytes, but they take ${bytes}`)
    failed = true
  }
}
if (failed) process.exit(1)
