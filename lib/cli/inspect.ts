import { type Command, Option } from 'commander'
import { openSource } from '../formats/index.js'
import { partBytes, type WeightDescription, type WeightPart, type WeightSource } from '../formats/source.js'
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

/** Weights of one part of the model and one type together. */
function quantizationOf({ weights }: WeightSource) {
  const rows = new Map<string, { group: string; dtype: string; tensors: number; parameters: number; bytes: number }>()
  const add = (group: string, ...descriptions: (WeightDescription | null)[]) => {
    for (const description of descriptions)
      for (const part of description?.parts ?? []) {
        const dtype = dtypeOf(part)
        const key = `${group} ${dtype}`
        const row = rows.get(key) ?? { group, dtype, tensors: 0, parameters: 0, bytes: 0 }
        rows.set(key, row)
        row.tensors++
        row.parameters += part.rows * description!.shape.at(-1)!
        row.bytes += partBytes(part)
      }
  }
  add('embedding', weights.embed)
  for (const layer of weights.layers) {
    add('norm', layer.inputNorm, layer.postNorm)
    add('attention', layer.qkv, layer.oMultiplier, layer.o)
    add('mlp', layer.gateUp, layer.downMultiplier, layer.down)
  }
  add('norm', weights.norm)
  if (weights.head !== weights.embed) add('head', weights.head)
  return [...rows.values()]
}

function dtypeOf({ format, groups }: WeightPart): string {
  return groups ? `${format} by ${groups.size}${groups.zeros ? ', zero points' : ''}` : format
}

function tokenizerOf({ tokenizer: source, config }: WeightSource) {
  if (!source) return null
  const { vocabSize, bosId, eosIds } = createTokenizer(source, { vocabSize: config.vocabSize })
  return { kind: source.kind, vocabSize, bosId, eosIds, chatTemplate: source.chatTemplate !== null }
}

function windowOf({ window }: WeightSource) {
  const { size, origin } = window.model
  /** Which keys j the query i sees. */
  return { size, rule: size === null ? 'j <= i' : `i - ${size} < j <= i`, source: origin, graph: window.graph }
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
