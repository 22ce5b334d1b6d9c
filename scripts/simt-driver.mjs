// node scripts/simt-driver.mjs: builds the fake CUDA driver of test/simt with the kernels of native/cuda, and prints its path for
// LOPHI_CUDA_DRIVER. `--check`: instead of it a program that runs planted kernels. `--asan`: AddressSanitizer finds what kernels read and
// write outside of the memory that they were given; a process that loads the driver must have loaded its library before. Objects are
// kept by what they are made of.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { cudaKernels, headersOf, instances } from './cuda-kernels.mjs'
import { readSchema } from './schema.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const build = `${root}build/simt`
const flags = ['-std=c++20', '-O2', '-g1', '-fPIC', '-fvisibility=hidden', '-fno-strict-aliasing', '-ffp-contract=off']
// the stacks are those of fibers, which it does not know
const asan = ['-fsanitize=address', '--param=asan-stack=0', '-fno-omit-frame-pointer']
const withAsan = process.argv.includes('--asan')
if (withAsan) flags.push(...asan)
const includes = [`-I${root}native`, `-I${root}test/simt`]
const compiler = [process.env.CXX, 'c++', 'g++', 'clang++'].find((name) => name && versionOf(name))

function versionOf(command) {
  const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' })
  return status === 0 ? stdout : null
}

const hash = (...texts) => {
  const sum = createHash('sha256')
  for (const text of texts) sum.update(`${text.length}\n`).update(text)
  return sum.digest('hex').slice(0, 16)
}

const list = (folder, pattern) =>
  readdirSync(`${root}${folder}`)
    .filter((file) => pattern.test(file))
    .sort()
    .map((file) => `${folder}/${file}`)
const read = (file) => readFileSync(`${root}${file}`, 'utf8')
const templates = cudaKernels(await readSchema())

/** A translation unit: a .cu file, the instances of its templates and the table that finds its kernels by name. */
function unit(file) {
  const name = file.replace(/^.*\/|\.cu$/g, '')
  const made = file.startsWith('native/') ? instances(templates.filter(({ module }) => module === name)) : ''
  const kernels = [...(read(file) + made).matchAll(/^(?:BOUNDED_)?KERNEL\((\w+)/gm)].map(([, kernel]) => kernel)
  const rows = kernels.map((kernel) => `  kernels.push_back(simt::kernel("${kernel}", ${kernel}));`)
  return {
    name,
    text: `#include "${root}${file}"\n${made}void add_${name}(std::vector<simt::Kernel>& kernels) {\n${rows.join('\n')}\n}\n`,
    source: [read(file), ...headersOf(read(file)).map((header) => header.text)].join('\n'),
  }
}

function table(units) {
  const lines = units.map(({ name }) => `void add_${name}(std::vector<simt::Kernel>&);`)
  const calls = units.map(({ name }) => `  add_${name}(kernels);`)
  return `#include "simt.h"\n${lines.join('\n')}\nstd::vector<simt::Kernel> all_kernels() {\n  std::vector<simt::Kernel> kernels;\n${calls.join('\n')}\n  return kernels;\n}\n`
}

function run(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(compiler, args, { stdio: ['ignore', 2, 2] })
    child.on('close', (status) =>
      status === 0 ? resolve() : reject(new Error(`${compiler} ${args.join(' ')} failed`)),
    )
  })
}

/** Written under another name first: several runs may build at once. */
async function make(target, args) {
  const temporary = `${target}.${process.pid}`
  if (existsSync(target)) return
  await run([...args, '-o', temporary])
  renameSync(temporary, target)
}

if (!compiler) {
  console.error('the fake CUDA driver needs a C++20 compiler: c++, g++ or clang++, or CXX')
  process.exit(1)
}
mkdirSync(build, { recursive: true })
const tools = hash(versionOf(compiler), ...flags, ...list('test/simt', /\.h$/).map(read))

/** The object file of a source; `text` is what is compiled, `key` all that it depends on besides the emulator's headers. */
async function object(name, text, key) {
  const stem = `${build}/${name}.${hash(tools, text, key)}`
  if (!existsSync(`${stem}.o`)) {
    writeFileSync(`${stem}.cpp`, text)
    await make(`${stem}.o`, [...flags, ...includes, '-c', `${stem}.cpp`])
  }
  return `${stem}.o`
}

const include = (file) => ({ text: `#include "${root}${file}"\n`, source: read(file) })
async function library(name, main, units, link) {
  const parts = [
    ...units,
    { name: `${name}_kernels`, text: table(units), source: '' },
    ...['fiber', 'simt'].map((file) => ({ name: file, ...include(`test/simt/${file}.cpp`) })),
    { name: main, ...include(`test/simt/${main}.cpp`) },
  ]
  const objects = []
  const queue = parts.map((part, at) => async () => {
    objects[at] = await object(part.name, part.text, part.source)
  })
  const worker = async () => {
    for (let job = queue.shift(); job; job = queue.shift()) await job()
  }
  await Promise.all([worker(), worker()])
  const [stem, suffix] = link.target
  const target = `${build}/${stem}.${hash(...objects)}${suffix}`
  await make(target, [...link.flags, ...objects])
  return target
}

const sanitizers = withAsan ? asan : []
const made = process.argv.includes('--check')
  ? await library('check', 'check', list('test/simt/planted', /\.cu$/).map(unit), {
      target: ['check', ''],
      flags: ['-pthread', ...sanitizers],
    })
  : await library('driver', 'fake_cuda', list('native/cuda/ops', /\.cu$/).map(unit), {
      target: ['libcuda', '.so'],
      flags: ['-shared', '-pthread', ...sanitizers],
    })
console.log(made)
