/** What inspect says of a model file: as much of it as the file gives, from its header alone. */
import { partsOf } from '../architectures/blueprint.js'
import { ArgumentError, LophiError } from '../errors.js'
import { openSource } from '../formats/index.js'
import {
  elements,
  hasLongRotary,
  type ModelConfig,
  partBytes,
  payloadBytes,
  type SourceTensor,
  type WeightPart,
  type WeightSource,
} from '../formats/source.js'
import { checkOptions, described } from '../options.js'
import { createTokenizer } from '../tokenizer/index.js'
import { type Container, openContainer } from './container.js'
import { estimateMemory, type KvType, type MemoryOptions } from './sizes.js'
import { variantOf } from './variant.js'

export type Report = Awaited<ReturnType<typeof reportOf>>

export interface InspectOptions {
  /** Tokens to compute the memory for; default: what the model was made for. */
  readonly context?: number
  /** Of the cache that is computed; default float16. */
  readonly kvType?: KvType
}

/** What a model file holds and how much memory it takes, as `lophi inspect --json` prints it. Reads no weights, opens no device. */
export async function inspect(path: string, options: InspectOptions = {}): Promise<Report> {
  if (typeof path !== 'string' || path === '')
    throw new ArgumentError('ERR_ARGUMENT', `inspect: path must be a file or a folder, but is ${described(path)}`)
  checkOptions('inspect', options, { context: true, kvType: true })
  const { context, kvType = 'float16' } = options
  if (context !== undefined && !(Number.isSafeInteger(context) && context > 0))
    throw new ArgumentError(
      'ERR_ARGUMENT',
      `inspect: context must be a whole number from 1, but is ${described(context)}`,
    )
  if (kvType !== 'float16' && kvType !== 'float32')
    throw new ArgumentError('ERR_ARGUMENT', `inspect: kvType must be float16 or float32, but is ${described(kvType)}`)
  return reportOf(path, { context, kv: kvType === 'float16' ? 'f16' : 'f32', device: null })
}

/**
 * A model that lophi does not run has `supported` false with the reason, and what its container tells; a container that
 * is damaged throws.
 */
export async function reportOf(path: string, options: MemoryOptions) {
  let source: WeightSource
  try {
    source = await openSource(path)
  } catch (error) {
    if (!(error instanceof LophiError)) throw error
    const container = await openContainer(path).catch(() => null)
    if (container === null) throw error
    return containerReport(container, error.message)
  }
  return { supported: true, reason: null, ...modelReport(source, options) }
}

function modelReport(source: WeightSource, options: MemoryOptions) {
  const { format, config } = source
  return {
    format,
    architecture: config.architecture as string | null,
    variant: variantOf(config) as string | null,
    config: config as ModelConfig | null,
    tensors: source.tensors.map(listed),
    quantization: quantizationOf(source),
    tokenizer: tokenizerOf(source.tokenizer, config.vocabSize),
    window: windowOf(source) as ReturnType<typeof windowOf> | null,
    rope: ropeOf(source) as ReturnType<typeof ropeOf> | null,
    memory: estimateMemory(source, options) as ReturnType<typeof estimateMemory> | null,
    notes: source.notes,
  }
}

function containerReport({ format, architecture, tensors, tokenizer }: Container, reason: string) {
  const none = { variant: null, config: null, window: null, rope: null, memory: null, notes: [] }
  const groups = new Groups()
  for (const { name, shape, dtype, data } of tensors) {
    groups.add(groupOf(name), { dtype }, elements(shape), payloadBytes(data))
  }
  return {
    supported: false,
    reason: reason as string | null,
    format,
    architecture,
    ...none,
    tensors: tensors.map(listed),
    quantization: groups.rows(),
    tokenizer: tokenizerOf(tokenizer, null),
  }
}

function listed({ name, shape, dtype }: SourceTensor) {
  return { name, shape, dtype }
}

/** What a tensor of an unknown model belongs to, as far as its name tells. */
function groupOf(name: string): string {
  if (/norm/i.test(name)) return 'norm'
  if (/embed|embd|wte/i.test(name)) return 'embedding'
  if (/attn|attention/i.test(name)) return 'attention'
  if (/mlp|ffn|feed_forward|expert/i.test(name)) return 'mlp'
  return /^(lm_head|output)\b/.test(name) ? 'head' : 'other'
}

export interface Kind {
  readonly dtype: string
  /** Columns that share a scale, where that is no part of the dtype. */
  readonly groupSize?: number
  readonly zeroPoints?: boolean
  /** Absent: row after row. */
  readonly packing?: string
}

/** Weights of one part of the model and one kind, taken together. */
class Groups {
  readonly #rows = new Map<string, { group: string; kind: Kind; tensors: number; parameters: number; bytes: number }>()

  add(group: string, kind: Kind, parameters: number, bytes: number): void {
    const key = JSON.stringify([group, kind])
    const row = this.#rows.get(key) ?? { group, kind, tensors: 0, parameters: 0, bytes: 0 }
    this.#rows.set(key, row)
    row.tensors++
    row.parameters += parameters
    row.bytes += bytes
  }

  rows() {
    return [...this.#rows.values()].map(({ group, kind, tensors, parameters, bytes }) => {
      const bitsPerWeight = Math.round((800 * bytes) / Math.max(parameters, 1)) / 100
      return { group, ...kind, tensors, parameters, bytes, bitsPerWeight }
    })
  }
}

function quantizationOf({ blueprint, weights }: WeightSource) {
  const groups = new Groups()
  for (const { part, weight, multiplier } of partsOf(blueprint, weights))
    for (const { shape, parts } of multiplier ? [multiplier, weight] : [weight])
      for (const each of parts) groups.add(part.group, kindOf(each), each.rows * shape.at(-1)!, partBytes(each))
  return groups.rows()
}

const floatWords: Readonly<Record<string, string>> = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' }

function kindOf({ format, groups, packing }: WeightPart): Kind {
  const dtype = floatWords[format] ?? format.toUpperCase()
  const kind = groups ? { dtype, groupSize: groups.size, zeroPoints: groups.zeros !== undefined } : { dtype }
  return packing && packing !== 'rows' ? { ...kind, packing } : kind
}

function tokenizerOf(source: WeightSource['tokenizer'], size: number | null) {
  if (!source) return null
  try {
    const { vocabSize, bosId, eosIds } = createTokenizer(source, size === null ? {} : { vocabSize: size })
    return { kind: source.kind, vocabSize, bosId, eosIds, chatTemplate: source.chatTemplate !== null }
  } catch (error) {
    if (!(error instanceof LophiError)) throw error
    return { kind: source.kind, problem: error.message }
  }
}

function windowOf({ window }: WeightSource) {
  const { size, origin } = window.model
  /** Which keys j the query i sees. */
  return { size, rule: size === null ? 'j <= i' : `i - ${size} < j <= i`, source: origin, graph: window.graph }
}

/** How positions become angles, and where that is written. */
function ropeOf(source: WeightSource) {
  const { format, config, rotary, path, companions } = source
  const { ropeScaling, ropeTheta, rotaryDim, originalMaxPositionEmbeddings: original } = config
  const isLong = hasLongRotary(source)
  return {
    type: isLong ? 'longrope' : 'default',
    // tables with factors do not tell the base
    theta: isLong && !ropeScaling ? null : ropeTheta,
    dimensions: rotaryDim,
    attentionFactor: ropeScaling?.attentionFactor ?? null,
    rule: isLong
      ? `short factors for contexts of up to ${original} tokens, long ones beyond; crossing recomputes the cache`
      : 'one base for all positions',
    source: rotary
      ? `tables in ${path}`
      : format === 'gguf'
        ? `${config.architecture}.rope keys`
        : (companions.get('config.json') ?? path),
  }
}
