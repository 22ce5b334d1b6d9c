import { type Command, Option } from 'commander'
import { openSource } from '../formats/index.js'
import { phi3Names } from '../formats/phi3.js'
import type { WeightSource } from '../formats/source.js'
import { createTokenizer } from '../tokenizer/index.js'
import { count } from './arguments.js'
import { addCommonOptions, type CommonFlags, noDevice } from './model-options.js'
import { formatBytes, print, printJson } from './output.js'
import { kvBytesPerToken, weightBytes } from './sizes.js'
import { variantOf } from './variant.js'

interface InspectFlags extends CommonFlags {
  readonly context?: number
  readonly kv: 'f16' | 'f32'
  readonly tensors?: true
}

export function addInspect(program: Command): void {
  const command = program
    .command('inspect')
    .description('what a model file holds and how much memory it takes; reads no weights')
    .argument('<model>', 'a model file, or the folder of one')
    .option('--context <n>', 'tokens to compute memory for (default: what the model was made for)', count(1))
    .addOption(
      new Option('--kv <type>', 'type of the KV cache to compute memory for').choices(['f16', 'f32']).default('f16'),
    )
    .option('--tensors', 'list every tensor (--json always does)')
  addCommonOptions(command, noDevice).action(inspect)
}

async function inspect(path: string, flags: InspectFlags): Promise<void> {
  const source = await openSource(path)
  const report = describe(source, flags.context ?? source.config.maxPositionEmbeddings, flags.kv)
  if (flags.json) printJson(report)
  else printReport(report, flags.tensors ?? false)
}

type Report = ReturnType<typeof describe>

function describe(source: WeightSource, contextLength: number, kv: 'f16' | 'f32') {
  const { format, config } = source
  return {
    format,
    architecture: config.architecture,
    variant: variantOf(config),
    config,
    tensors: source.tensors.map(({ name, shape, dtype }) => ({ name, shape, dtype })),
    quantization: quantizationOf(source),
    tokenizer: tokenizerOf(source),
    window: windowOf(source),
    memory: memoryOf(source, contextLength, kv),
  }
}

/** Tensors of one part of the model and one dtype together. */
function quantizationOf({ format, config, tensors }: WeightSource) {
  const names = phi3Names[format]
  const groups = new Map([
    [names.embed, 'embedding'],
    [names.norm, 'norm'],
    [names.head, 'head'],
  ])
  for (let i = 0; i < config.numHiddenLayers; i++) {
    const { inputNorm, postNorm, qkv, o, gateUp, down } = names.layer(i)
    for (const name of [inputNorm, postNorm]) groups.set(name, 'norm')
    for (const name of [...qkv, o]) groups.set(name, 'attention')
    for (const name of [...gateUp, down]) groups.set(name, 'mlp')
  }
  const rows = new Map<string, { group: string; dtype: string; tensors: number; parameters: number; bytes: number }>()
  for (const { name, dtype, shape, data } of tensors) {
    const group = groups.get(name) ?? 'other'
    const key = `${group} ${dtype}`
    const row = rows.get(key) ?? { group, dtype, tensors: 0, parameters: 0, bytes: 0 }
    rows.set(key, row)
    row.tensors++
    row.parameters += shape.reduce((product, extent) => product * extent, 1)
    row.bytes += data.bytes
  }
  return [...rows.values()]
}

function tokenizerOf({ tokenizer: source, config }: WeightSource) {
  if (!source) return null
  const { vocabSize, bosId, eosIds } = createTokenizer(source, { vocabSize: config.vocabSize })
  return { kind: source.kind, vocabSize, bosId, eosIds, chatTemplate: source.chatTemplate !== null }
}

function windowOf({ format, config, metadata }: WeightSource) {
  const key = 'phi3.attention.sliding_window'
  const size = config.slidingWindow
  const inFile = metadata.has(key) ? key : `layers and context, as ${key} is missing`
  return {
    size,
    /** Which keys j the query i sees. */
    rule: size === null ? 'j <= i' : `i - ${size} < j <= i`,
    source: format === 'gguf' ? inFile : 'config.json sliding_window',
  }
}

function memoryOf(source: WeightSource, contextLength: number, kv: 'f16' | 'f32') {
  const weightsBytes = weightBytes(source)
  const perToken = {
    f16: kvBytesPerToken(source.config, 'float16'),
    f32: kvBytesPerToken(source.config, 'float32'),
  }
  return {
    weightsBytes,
    kvBytesPerToken: perToken,
    at: { contextLength, kv, totalBytes: weightsBytes + contextLength * perToken[kv] },
  }
}

function printReport(report: Report, tensors: boolean): void {
  const { config, tokenizer, window, memory } = report
  const { weightsBytes, kvBytesPerToken, at } = memory
  const heads = `${config.numAttentionHeads} heads of ${config.headDim}, ${config.numKeyValueHeads} of keys and values`
  const facts = {
    format: report.format,
    architecture: `${report.architecture}, ${report.variant}`,
    layers: `${config.numHiddenLayers}, width ${config.hiddenSize}, mlp ${config.intermediateSize}`,
    attention: `${heads}, ${config.rotaryDim} dimensions rotate`,
    context: `${config.maxPositionEmbeddings} tokens${config.ropeScaling ? `, LongRoPE beyond ${config.originalMaxPositionEmbeddings}` : ''}`,
    window: `query i sees ${window.rule} (${window.source})`,
    vocabulary: `${config.vocabSize}${config.tieWordEmbeddings ? ', head tied to the embedding' : ''}`,
    tokenizer: tokenizer
      ? `${tokenizer.kind}, ends with ${tokenizer.eosIds.join(', ')}, ${tokenizer.chatTemplate ? 'chat template' : 'no chat template'}`
      : 'none: takes ids only',
    memory: `${formatBytes(weightsBytes)} of weights; per token ${formatBytes(kvBytesPerToken.f16)} (f16) or ${formatBytes(kvBytesPerToken.f32)} (f32)`,
    [`at ${at.contextLength}`]: `${formatBytes(at.totalBytes)} with a cache of ${at.kv}`,
  }
  for (const [name, value] of Object.entries(facts)) print(`${name.padEnd(14)}${value}`)
  print('')
  for (const { group, dtype, tensors, bytes } of report.quantization)
    print(`${group.padEnd(14)}${dtype.padEnd(6)}${String(tensors).padStart(5)} tensors  ${formatBytes(bytes)}`)
  if (!tensors) return
  print('')
  for (const { name, shape, dtype } of report.tensors) print(`${name}  ${dtype} [${shape.join(', ')}]`)
}
