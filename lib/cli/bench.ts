import { readFileSync } from 'node:fs'
import { platform } from 'node:process'
import type { Command } from 'commander'
import type { DeviceName } from '../device.js'
import { AbortedError, ArgumentError } from '../errors.js'
import type { Model } from '../generate/model.js'
import { count, counts } from './arguments.js'
import { addModelOptions, type ModelFlags, openModel } from './model-options.js'
import { modelArgument } from './model-path.js'
import { formatBytes, formatNumber, print, printJson } from './output.js'
import { type ProgressBar, progressBar } from './progress.js'
import { abortOnInterrupt } from './signal.js'
import { kvBytesPerToken, weightBytesPerToken } from './sizes.js'

interface BenchFlags extends ModelFlags {
  readonly prompt: number[]
  readonly depth: number[]
  readonly gen: number
  readonly reps: number
  readonly threads?: number
}

export function addBench(program: Command): void {
  const command = program
    .command('bench')
    .description('how fast a model loads, reads prompts and generates; medians with the spread')
    .argument('<model>', modelArgument)
    .option('--prompt <lengths>', 'prompt lengths to time', counts(1), [128, 512])
    .option('--depth <lengths>', 'tokens in the cache when generation is timed', counts(0), [128])
    .option('--gen <n>', 'tokens to generate each time', count(1), 64)
    .option('--reps <n>', 'repetitions of each measurement', count(1), 3)
    .option('--threads <n>', 'threads of the cpu (default: one per core)', count(1))
  addModelOptions(command).action(bench)
}

/** One benchmark: what every measurement needs. */
interface Bench {
  readonly model: Model
  readonly flags: BenchFlags
  readonly signal: AbortSignal
  readonly step: () => void
}

async function bench(path: string, flags: BenchFlags): Promise<void> {
  const signal = abortOnInterrupt()
  const { openDevice } = await import('../device.js')
  const { copyBandwidth } = await import('./bandwidth.js')
  await import('../generate/model.js') // reading the program is not reading the model
  const options = flags.threads === undefined ? {} : { threads: flags.threads }
  await using device = await openDevice(flags.device as DeviceName, options)

  const before = privateBytes()
  const start = performance.now()
  await using model = await openModel(path, flags, { device, signal })
  const load = { ms: performance.now() - start, extraBytes: Math.max(0, privateBytes() - before) }
  checkLengths(model, flags)

  const bar = progressBar('measuring')
  const run: Bench = {
    model,
    flags,
    signal,
    step: stepper(bar, (flags.prompt.length + flags.depth.length) * flags.reps),
  }
  try {
    const prefill: Awaited<ReturnType<typeof timePrefill>>[] = []
    for (const tokens of flags.prompt) prefill.push(await timePrefill(run, tokens))
    const decode: Awaited<ReturnType<typeof timeDecode>>[] = []
    for (const depth of flags.depth) decode.push(await timeDecode(run, depth))
    // before the buffers of the bandwidth measurement add to it
    const peakRssBytes = process.resourceUsage().maxRSS * 1024
    const bandwidthGBs = await copyBandwidth(device)
    const report = {
      load,
      prefill,
      decode: decode.map((row) => ({ ...row, shareOfBandwidth: row.gbPerSecond / bandwidthGBs })),
      device: { id: device.id, name: device.info.name, bandwidthGBs },
      peakRssBytes,
    }
    bar.stop()
    if (flags.json) printJson(report)
    else printReport(report)
  } finally {
    bar.stop()
  }
}

function stepper(bar: ProgressBar, total: number): () => void {
  let done = 0
  return () => bar.update(++done, total)
}

function checkLengths(model: Model, { prompt, depth, gen }: BenchFlags): void {
  const check = (what: string, tokens: number) => {
    if (tokens <= model.context) return
    throw new ArgumentError(
      'ERR_CONTEXT_OVERFLOW',
      `bench: ${what} must fit into the context of ${model.context} tokens, but takes ${tokens}`,
    )
  }
  for (const tokens of prompt) check('--prompt', tokens)
  // one token more: the first, which records the step, is not timed
  for (const tokens of depth) check('--depth with --gen', tokens + gen + 1)
}

/** The same ids in every run, spread over the vocabulary. */
function syntheticIds(model: Model, length: number): number[] {
  const { vocabSize } = model.config
  return Array.from({ length }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 0).map((hash) => hash % vocabSize)
}

async function timePrefill({ model, flags, signal, step }: Bench, tokens: number) {
  const ids = syntheticIds(model, tokens)
  const sequence = model.sequence()
  try {
    // the first pass brings weights into memory and makes room in the cache
    await sequence.prefill(ids, { signal })
    const rates: number[] = []
    for (let i = 0; i < flags.reps; i++) {
      sequence.rewind(0)
      const start = performance.now()
      await sequence.prefill(ids, { signal })
      rates.push((tokens / (performance.now() - start)) * 1000)
      step()
    }
    return { tokens, ...spread(rates) }
  } finally {
    sequence.dispose()
  }
}

async function timeDecode({ model, flags, signal, step }: Bench, depth: number) {
  const ids = syntheticIds(model, depth + flags.gen + 1)
  const sequence = model.sequence()
  try {
    sequence.configure({ seed: 0 })
    // all of it once, so that the cache has its size before the step is recorded
    await sequence.prefill(ids, { signal })
    const rates: number[] = []
    for (let i = 0; i < flags.reps; i++) {
      sequence.rewind(depth)
      await sequence.step(ids[depth] as number)
      const start = performance.now()
      for (const id of ids.slice(depth + 1)) {
        if (signal.aborted) throw new AbortedError('bench: aborted')
        await sequence.step(id)
      }
      rates.push((flags.gen / (performance.now() - start)) * 1000)
      step()
    }
    const seen = model.window > 0 ? Math.min(depth, model.window) : depth
    const bytesPerToken = weightBytesPerToken(model.source) + seen * kvBytesPerToken(model.config, model.kvType)
    const rate = spread(rates)
    return { depth, ...rate, bytesPerToken, gbPerSecond: (bytesPerToken * rate.tokensPerSecond) / 1e9 }
  } finally {
    sequence.dispose()
  }
}

function spread(rates: readonly number[]): { tokensPerSecond: number; min: number; max: number } {
  const sorted = rates.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const median = ((sorted[Math.ceil(middle) - 1] as number) + (sorted[Math.floor(middle)] as number)) / 2
  return { tokensPerSecond: median, min: sorted[0] as number, max: sorted.at(-1) as number }
}

/** Memory of this process that is no file: mapped weights do not count. Off Linux, where that is not told, all that is resident. */
function privateBytes(): number {
  if (platform !== 'linux') return process.memoryUsage.rss()
  const anonymous = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return anonymous ? Number(anonymous[1]) * 1024 : process.memoryUsage.rss()
}

interface Rate {
  readonly tokensPerSecond: number
  readonly min: number
  readonly max: number
}

interface Report {
  readonly load: { readonly ms: number; readonly extraBytes: number }
  readonly prefill: readonly (Rate & { readonly tokens: number })[]
  readonly decode: readonly (Rate & {
    readonly depth: number
    readonly gbPerSecond: number
    readonly shareOfBandwidth: number
  })[]
  readonly device: { readonly id: string; readonly name: string; readonly bandwidthGBs: number }
  readonly peakRssBytes: number
}

function printReport({ load, prefill, decode, device, peakRssBytes }: Report): void {
  const rate = ({ tokensPerSecond, min, max }: Rate) =>
    `${formatNumber(tokensPerSecond).padStart(8)} tokens/s  (${formatNumber(min)} to ${formatNumber(max)})`
  print(`${device.id}: ${device.name}, copies ${formatNumber(device.bandwidthGBs)} GB/s`)
  print(`load          ${formatNumber(load.ms)} ms, ${formatBytes(load.extraBytes)} beside the mapped file`)
  for (const row of prefill) print(`prefill ${String(row.tokens).padEnd(6)}${rate(row)}`)
  for (const row of decode) {
    const share = `${formatNumber(row.gbPerSecond)} GB/s, ${formatNumber(100 * row.shareOfBandwidth)} % of the copy speed`
    print(`decode ${`@${row.depth}`.padEnd(7)}${rate(row)}  ${share}`)
  }
  print(`peak memory   ${formatBytes(peakRssBytes)}`)
}
