// node test/gpu/report.mjs FOLDER [EARLIER...]: one table, in Markdown, of what the stages left in FOLDER: measurements beside predictions
// and beside PyTorch. Writes FOLDER/results.json, all of it. What FOLDER lacks of constants and of PyTorch comes from EARLIER runs; what
// else is missing is left out.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gpus, models, predictAttention, predictLinear, predictStep } from './predict.mjs'

const [folder = 'results', ...earlier] = process.argv.slice(2)

function load(name, folders = [folder]) {
  const file = folders.map((each) => join(each, name)).find((path) => existsSync(path))
  if (!file) return undefined
  try {
    const text = readFileSync(file, 'utf8')
    return name.endsWith('l') ? text.trim().split('\n').map(JSON.parse) : JSON.parse(text)
  } catch (error) {
    console.log(`${name} cannot be read: ${error.message}\n`)
    return undefined
  }
}

const number = (value, digits = 3) => {
  if (typeof value !== 'number') return value ?? ''
  return Math.abs(value) >= 10 ** digits ? value.toFixed(0) : String(Number(value.toPrecision(digits)))
}

/** Rows are arrays; columns without any value go. */
function table(title, head, rows) {
  if (rows.length === 0) return
  const used = head.map((_, i) => rows.some((row) => row[i] !== undefined && row[i] !== ''))
  const line = (cells) => `| ${cells.filter((_, i) => used[i]).join(' | ')} |`
  console.log(
    [
      `## ${title}\n`,
      line(head),
      line(head.map(() => '---')),
      ...rows.map((row) => line(row.map((cell) => number(cell)))),
      '',
    ].join('\n'),
  )
}

const parameters = (row, without) =>
  Object.entries(row)
    .filter(([key]) => !without.includes(key))
    .map(([key, value]) => `${key} ${number(value)}`)
    .join(', ')

const stages = load('stages.jsonl') ?? []
const constants = load('constants.json', [folder, ...earlier])
const torch = load('torch.json', [folder, ...earlier])
const kernels = load('kernels.json')
const sanitizer = load('sanitizer.json')
const minis = readdirSync(folder)
  .filter((name) => /^mini-.*\.json$/.test(name))
  .flatMap((name) => load(name) ?? [])
const tests = readdirSync(folder)
  .filter((name) => /^(ops|seam|.*tests?)\.json$/.test(name))
  .map((name) => ({ name: name.slice(0, -5), ...load(name) }))

const device = constants?.rows.find(({ name }) => name === 'device')?.value ?? torch?.device
const known = Object.entries(gpus).find(([, { match }]) => device?.includes(match))
// measured bandwidth, where there is some, says more than a table does
const bandwidths = (constants?.rows ?? []).filter(({ name }) => name.startsWith('read by') && !name.startsWith('L2'))
const reading = Math.max(0, ...bandwidths.map(({ value }) => value ?? 0))
const gpu = known && { ...known[1], ...(reading > 0 && { GBps: reading }) }
const [modelName, model] = Object.entries(models)[0]

console.log(
  `# ${device ?? 'No GPU seen'}${known ? `, predicted as ${known[0]} with ${number(gpu.GBps, 4)} GB/s` : ''}\n`,
)
table(
  'Stages',
  ['stage', 'status', 'seconds', 'of'],
  stages.map(({ stage, status, seconds, limit }) => [
    stage,
    status === 0 ? 'ok' : status === 124 ? 'out of time' : `failed (${status})`,
    seconds,
    limit,
  ]),
)
table(
  'Tests',
  ['file', 'passed', 'failed', 'skipped'],
  tests.map(({ name, passed, failed, skipped }) => [name, passed, failed, skipped]),
)
for (const { name, tests: all = [] } of tests)
  for (const test of all.filter(({ state }) => state === 'fail').slice(0, 40))
    console.log(`- ${name}: FAILED ${test.name}`)
table(
  'compute-sanitizer',
  ['tool', 'cases', 'errors', 'passed', 'failed', 'ended'],
  (sanitizer?.rows ?? []).map(({ tool, group, errors, passed, failed, ended }) => [
    tool,
    group,
    errors,
    passed,
    failed,
    ended,
  ]),
)

// ---- constants: of variants of one reading, the best

function constantRows() {
  const best = new Map()
  const rows = []
  for (const row of constants?.rows ?? []) {
    const { section, name, value, unit } = row
    const cells = [
      section,
      name,
      typeof value === 'number' && unit ? `${number(value, 4)} ${unit}` : value,
      parameters(row, ['section', 'name', 'value', 'unit']),
    ]
    if (unit !== 'GB/s' || row.chunk !== undefined) {
      rows.push(cells)
      continue
    }
    const known = best.get(name)
    if (!known) rows.push(cells)
    if (known && known.value >= value) continue
    if (known) known.cells.splice(0, 4, ...cells)
    best.set(name, { value, cells: known?.cells ?? cells })
  }
  return rows
}
table('Constants', ['section', 'what', 'value', 'at'], constantRows())
for (const { section, failure } of constants?.failures ?? []) console.log(`- constants, ${section}: FAILED: ${failure}`)

// ---- kernels

const copy = kernels?.rows.find(({ op }) => op === 'copy')?.GBps
const torchOf = (name, shape, m) =>
  torch?.rows.find((row) => row.name === name && row.shape === shape && row.m === m)?.us
const torchKind = (format) => (format === 'int4 g128' ? 'int4 g128' : format === 'float16' ? 'fp16 linear' : 'int4 g32')

table(
  `Linears of ${modelName} (GB/s of the weight; copy, read + write: ${number(copy)} GB/s)`,
  [
    'format',
    'activations',
    'shape',
    'M',
    'us',
    'GB/s',
    '% of copy',
    'TFLOP/s',
    'predicted us',
    'torch us',
    'torch fp16 us',
    'error',
  ],
  (kernels?.rows ?? [])
    .filter(({ op }) => op === 'linear')
    .map((row) => [
      row.format,
      row.activations,
      row.shape,
      row.m,
      row.failure ? `FAILED: ${row.failure}` : row.us,
      row.GBps,
      copy && row.GBps && (100 * row.GBps) / copy,
      row.TFLOPs,
      gpu && predictLinear(gpu, row.format, [row.n, row.k], row.m).us,
      torchOf(torchKind(row.format), row.shape, row.m),
      torchOf('fp16 linear', row.shape, row.m),
      row.error,
    ]),
)
/** Microseconds of the linears of a step, of those that were measured for every shape. */
function stepOf(us) {
  const parts = Object.keys(model.linears).map((shape) => (shape === 'head' ? 1 : model.layers) * us(shape))
  return parts.every((part) => part > 0) ? parts.reduce((sum, part) => sum + part, 0) : undefined
}
const linears = (kernels?.rows ?? []).filter(({ op }) => op === 'linear')
const series = [...new Map(linears.map((row) => [`${row.format} ${row.activations} ${row.m}`, row])).values()]
table(
  `All linears of a step of ${modelName}, added up`,
  ['format', 'activations', 'M', 'us', 'M = 1 times', 'predicted us', 'torch us', 'torch fp16 us'],
  series.map(({ format, activations, m }) => {
    const of = (rows) => (shape) =>
      linears.find(
        (row) => row.format === format && row.activations === activations && row.m === rows && row.shape === shape,
      )?.us
    const us = stepOf(of(m))
    const one = stepOf(of(1))
    return [
      format,
      activations,
      m,
      us,
      us && one && m > 1 ? us / one : undefined,
      gpu && stepOf((shape) => predictLinear(gpu, format, model.linears[shape], m).us),
      stepOf((shape) => torchOf(torchKind(format), shape, m)),
      stepOf((shape) => torchOf('fp16 linear', shape, m)),
    ]
  }),
)
const torchAttention = ({ depth, tokens }) =>
  torch?.rows.find((row) =>
    tokens === 1 ? row.depth !== undefined && Math.abs(row.depth - depth) < 100 : row.length === tokens && depth === 0,
  )?.us
table(
  'Attention',
  ['model', 'depth', 'tokens', 'sequences', 'us', 'GB/s', 'TFLOP/s', 'predicted us', 'torch us'],
  (kernels?.rows ?? [])
    .filter(({ op }) => op === 'attention')
    .map((row) => [
      row.model,
      row.depth,
      row.tokens,
      row.sequences,
      row.failure ? `FAILED: ${row.failure}` : row.us,
      row.GBps,
      row.TFLOPs,
      gpu && predictAttention(gpu, models[row.model], row.depth, row.tokens, row.sequences).us,
      row.model === modelName && row.sequences === 1 ? torchAttention(row) : undefined,
    ]),
)
table(
  'Small ops',
  ['op', 'M', 'us'],
  (kernels?.rows ?? [])
    .filter(({ op }) => !['copy', 'linear', 'attention'].includes(op))
    .map((row) => [row.op, row.m, row.failure ? `FAILED: ${row.failure}` : row.us]),
)
if (kernels?.leftOut.length) console.log(`- kernels: no time for ${kernels.leftOut.length} rows\n`)

// ---- models

table(
  'Synthetic Phi-3-mini',
  ['format', 'load s', 'worst logit / deviation', 'same best', 'generate tokens/s', 'error'],
  minis.map((mini) => [
    mini.format,
    mini.loading,
    mini.worstLogit,
    String(mini.sameBest ?? ''),
    mini.generatedPerSecond,
    mini.error,
  ]),
)
const formatOf = { q4_k_m: 'q4_k', f16: 'float16' }
table(
  'Decoding (lophi bench)',
  ['format', 'depth', 'tokens/s', 'us a token', 'predicted us', 'predicted tokens/s'],
  minis.flatMap(({ format, bench }) =>
    (bench?.decode ?? []).map((row) => {
      const rate = row.tokensPerSecond
      const predicted = gpu && predictStep(gpu, model, formatOf[format] ?? format, row.depth).us
      return [format, row.depth, rate, rate && 1e6 / rate, predicted, predicted && 1e6 / predicted]
    }),
  ),
)
table(
  'Prefill (lophi bench)',
  ['format', 'tokens', 'tokens/s', 'ms'],
  minis.flatMap(({ format, bench }) =>
    (bench?.prefill ?? []).map((row) => {
      const rate = row.tokensPerSecond
      return [format, row.tokens, rate, rate && (1000 * row.tokens) / rate]
    }),
  ),
)
table(
  'PyTorch',
  ['what', 'shape', 'M', 'us', 'GB/s', 'TFLOP/s', 'steps/s', 'at'],
  (torch?.rows ?? []).map((row) => [
    row.name,
    row.shape,
    row.m,
    row.us,
    row.GBps,
    row.TFLOPs,
    row.steps_per_second,
    row.depth ?? row.length,
  ]),
)
for (const { failure, ...what } of torch?.failures ?? [])
  console.log(`- torch, ${parameters(what, [])}: FAILED: ${failure}`)

const results = {
  device,
  gpu: known?.[0],
  stages,
  tests: tests.map(({ tests: _, ...counts }) => counts),
  sanitizer,
  constants,
  kernels,
  torch,
  minis,
}
writeFileSync(join(folder, 'results.json'), JSON.stringify(results, null, 1))
