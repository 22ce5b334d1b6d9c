// node scripts/cuda-images.mjs [--release | sm_80 sm_90a ...]: compiles native/cuda/ops/*.cu ahead of time, without a GPU or a
// toolkit, into prebuilds/images/cuda/<arch>.br. NVRTC is fetched from PyPI once (87 MB) unless LOPHI_NVRTC names a libnvrtc.
// Fails where a kernel spills registers. Results are kept by source, architecture and compiler.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import { cudaKernels, headersOf, instances } from './cuda-kernels.mjs'
import { cache, hash, nvrtc } from './nvrtc.mjs'
import { readSchema } from './schema.mjs'

const defaults = ['sm_80', 'sm_90a']
const release = ['sm_75', 'sm_80', 'sm_86', 'sm_89', 'sm_90a', 'sm_100', 'sm_120', 'compute_75']

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
const architectures = asked.includes('--release') ? release : asked.length > 0 ? asked : defaults

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

/** Code of one module, and what ptxas says of its kernels. */
function compile({ name, text, headers }, arch) {
  const stem = `${cache}/${name}.${arch}.${hash(...compiler.key, text, ...headers)}`
  if (!existsSync(`${stem}.log`)) {
    writeFileSync(`${stem}.cu`, text)
    writeFileSync(`${stem}.log`, compiler.compile(`${stem}.cu`, arch, `${stem}.bin`))
  }
  return { name, code: readFileSync(`${stem}.bin`), log: read(`${stem}.log`) }
}

/** "ptxas info : Compiling entry function 'add_float32' ...", "... 0 bytes spill stores, 0 bytes spill loads", "Used 20 registers" */
function kernelsOf(log) {
  return log
    .split('Compiling entry function ')
    .slice(1)
    .map((part) => ({
      name: /'(\w+)'/.exec(part)?.[1],
      registers: Number(/Used (\d+) registers/.exec(part)?.[1]),
      stack: Number(/(\d+) bytes stack frame/.exec(part)?.[1]),
      spills: [...part.matchAll(/(\d+) bytes spill/g)].reduce((sum, [, bytes]) => sum + Number(bytes), 0),
    }))
}

let failed = false
for (const arch of architectures) {
  const start = performance.now()
  const compiled = modules.map((module) => compile(module, arch))
  const kernels = compiled.flatMap(({ log }) => kernelsOf(log))
  const names = modules.flatMap((module) => module.kernels)
  const unseen = arch.startsWith('sm_') ? names.filter((name) => !kernels.some((kernel) => kernel.name === name)) : []
  for (const name of unseen) console.error(`${arch}: ptxas says nothing of ${name}`)
  const spilling = kernels.filter(({ spills, stack }) => !(spills === 0 && stack === 0))
  for (const { name, spills, stack } of spilling)
    console.error(`${arch}: ${name} must not spill, but it spills ${spills} bytes and has ${stack} bytes of stack`)
  if (spilling.length > 0 || unseen.length > 0) {
    failed = true
    continue
  }
  const header = compiled.map(({ name, code }) => `${name} ${code.length}`).join('\n')
  const image = Buffer.concat([Buffer.from(`${header}\n\n`), ...compiled.map(({ code }) => code)])
  const packed = brotliCompressSync(image)
  writeFileSync(`${images}/${arch}.br`, packed)
  const most =
    kernels.length > 0 ? `, at most ${Math.max(...kernels.map((k) => k.registers))} registers, no spills` : ''
  const time = ((performance.now() - start) / 1000).toFixed(1)
  console.log(`${arch}: ${names.length} kernels${most}, ${image.length} bytes, packed ${packed.length}, ${time} s`)
}
if (failed) process.exit(1)
