import { type Command, Option } from 'commander'
import type { DeviceName } from '../device.js'
import { count } from './arguments.js'
import { addCommonOptions, type CommonFlags } from './common-options.js'
import { addHubOptions, type HubFlags, modelArgument, modelPath } from './model-path.js'
import { formatBytes, print, printJson } from './output.js'
import { type Kind, type Report, reportOf } from './report.js'
import type { MemoryOptions } from './sizes.js'

interface InspectFlags extends CommonFlags, HubFlags {
  readonly context?: number
  readonly kv: 'f16' | 'f32'
  readonly tensors?: true
}

export function addInspect(program: Command): void {
  const command = program
    .command('inspect')
    .description('what a model file holds and how much memory it takes; reads no weights')
    .argument('<model>', modelArgument)
    .option('--context <n>', 'tokens to compute memory for (default: what the model was made for)', count(1))
    .addOption(
      new Option('--kv <type>', 'type of the KV cache to compute memory for').choices(['f16', 'f32']).default('f16'),
    )
    .option('--tensors', 'list every tensor (--json always does)')
  addCommonOptions(
    addHubOptions(command),
    'compare the memory with what this one has; nothing is opened unless it is given',
  )
  command.action((model: string, flags: InspectFlags) =>
    inspect(model, flags, command.getOptionValueSource('device') === 'cli'),
  )
}

async function inspect(model: string, flags: InspectFlags, deviceGiven: boolean): Promise<void> {
  const path = await modelPath(model, flags)
  const device = deviceGiven ? await describeDevice(flags.device) : null
  const report = await reportOf(path, { context: flags.context, kv: flags.kv, device })
  if (flags.json) printJson(report)
  else printReport(report, flags.tensors ?? false)
}

async function describeDevice(name: string): Promise<MemoryOptions['device']> {
  // here and not above: files must be readable where no binary loads
  const { openDevice } = await import('../device.js')
  await using device = await openDevice(name as DeviceName)
  const { id, backend, memory } = device.info
  return { id, backend, memory }
}

function printReport(report: Report, tensors: boolean): void {
  for (const [name, value] of Object.entries(factsOf(report))) print(`${name.padEnd(14)}${value}`)
  print('')
  for (const { group, tensors, bytes, bitsPerWeight, ...kind } of report.quantization) {
    const size = `${String(tensors).padStart(5)} tensors  ${formatBytes(bytes).padStart(9)}  ${bitsPerWeight} bits`
    print(`${group.padEnd(14)}${kind.dtype.padEnd(6)}${size}${kindFact(kind)}`)
  }
  if (!tensors) return
  print('')
  for (const { name, shape, dtype } of report.tensors) print(`${name}  ${dtype} [${shape.join(', ')}]`)
}

function kindFact({ groupSize, zeroPoints, packing }: Kind): string {
  const words = [groupSize && `groups of ${groupSize}`, zeroPoints && 'zero points', packing && `packed as ${packing}`]
  const said = words.filter(Boolean)
  return said.length > 0 ? `, ${said.join(', ')}` : ''
}

function factsOf(report: Report): Record<string, string> {
  const { config, variant, architecture, reason } = report
  return {
    format: report.format,
    architecture: [architecture ?? 'unknown', variant].filter(Boolean).join(', '),
    ...(reason === null ? {} : { 'not supported': `\n  ${reason}` }),
    ...(config ? configFacts(config) : {}),
    ...(report.window ? { window: windowFact(report.window) } : {}),
    ...(report.rope ? { rope: `${report.rope.rule} (${report.rope.source})` } : {}),
    tokenizer: tokenizerFact(report.tokenizer),
    ...(report.memory ? memoryFacts(report.memory) : {}),
    ...(report.notes.length > 0 ? { notes: report.notes.join('\n              ') } : {}),
  }
}

function configFacts(config: NonNullable<Report['config']>): Record<string, string> {
  const heads = `${config.numAttentionHeads} heads of ${config.headDim}, ${config.numKeyValueHeads} of keys and values`
  return {
    layers: `${config.numHiddenLayers}, width ${config.hiddenSize}, mlp ${config.intermediateSize}`,
    attention: `${heads}, ${config.rotaryDim} dimensions rotate`,
    context: `${config.maxPositionEmbeddings} tokens`,
    vocabulary: `${config.vocabSize}${config.tieWordEmbeddings ? ', head tied to the embedding' : ''}`,
  }
}

function windowFact({ rule, source, size, graph }: NonNullable<Report['window']>): string {
  const other = graph && graph.size !== size ? `; the graph: ${graph.size ?? 'all'} keys (${graph.origin})` : ''
  return `query i sees ${rule} (${source})${other}`
}

function tokenizerFact(tokenizer: Report['tokenizer']): string {
  if (tokenizer === null) return 'none: takes ids only'
  if ('problem' in tokenizer) return `${tokenizer.kind}: ${tokenizer.problem}`
  const template = tokenizer.chatTemplate ? 'chat template' : 'no chat template'
  return `${tokenizer.kind}, ends with ${tokenizer.eosIds.join(', ')}, ${template}`
}

function memoryFacts({ weights, kvBytesPerToken, at, device }: NonNullable<Report['memory']>): Record<string, string> {
  const { f16, f32 } = kvBytesPerToken
  const places = [
    weights.inPlaceBytes > 0 && `${formatBytes(weights.inPlaceBytes)} in place`,
    weights.copiedBytes > 0 && `${formatBytes(weights.copiedBytes)} copied`,
  ]
  const room = device ? `; ${device.id} has ${formatBytes(device.memoryBytes)}${device.fits ? '' : ': too little'}` : ''
  return {
    memory: `${formatBytes(at.weightsBytes)} of weights (${places.filter(Boolean).join(', ')}); per token ${formatBytes(f16)} (f16) or ${formatBytes(f32)} (f32)`,
    [`at ${at.contextLength}`]: `${formatBytes(at.totalBytes)} with a cache of ${at.kv}: ${formatBytes(at.kvBytes)} of cache, ${formatBytes(at.rotaryBytes + at.activationBytes)} of work${room}`,
  }
}
