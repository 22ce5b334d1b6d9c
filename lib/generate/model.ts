import { Device, type DeviceName, type DeviceReference, openDevice } from '../device.js'
import { ArgumentError, LophiError, TokenizerError } from '../errors.js'
import { openSource } from '../formats/index.js'
import { isQuantized, type ModelConfig, type WeightSource } from '../formats/source.js'
import type { PullProgress } from '../hub/index.js'
import { chooseActivations, loadNetwork } from '../models/index.js'
import type { Network } from '../models/network.js'
import type { Activations } from '../nn/linear.js'
import { checkOptions, described, type OptionNames } from '../options.js'
import { keep } from '../scope.js'
import type { Tensor } from '../tensor.js'
import { type ChatMessage, createTokenizer, type Tokenizer } from '../tokenizer/index.js'
import type { Decoder } from './batch.js'
import { locate } from './find-model.js'
import { Generation } from './generation.js'
import { checkKvType, KvPool, type KvType } from './kv-pool.js'
import { type LongRope, type PrefillOptions, Sequence } from './sequence.js'
import { Session, type SessionOptions } from './session.js'
import type { GenerateOptions } from './token-reader.js'

export type WindowOption = 'model' | 'graph' | number

export interface LoadModelOptions {
  /** Default 'auto'. A device that is passed in stays open when the model is disposed. */
  readonly device?: Device | DeviceName | DeviceReference
  /** Tokens that a sequence may hold; default: what the model was made for. */
  readonly context?: number
  /** 'auto': float16 for weights of at most 8 bits, else float32. */
  readonly kvType?: 'auto' | KvType
  /**
   * Keys a query sees: what the model was trained with, what the graph of an ONNX package says (as ONNX Runtime
   * computes), or a number; 0 = all.
   */
  readonly window?: WindowOption
  /** What happens when a LongRoPE model passes its original context: see Sequence. */
  readonly longrope?: 'switch' | 'planned'
  /** 'auto': int8 where the file allows it, as quantised GGUF does, and MatMulNBits of accuracy level 4; else f32. */
  readonly activations?: 'auto' | Activations
  /**
   * 'map' (the default) computes on the file's pages, which take no memory of their own: the file must stand still. 'copy' reads
   * it into memory.
   */
  readonly load?: 'map' | 'copy'
  /** Of a model that is given by name, org/name: which of its variants, and a branch, tag or commit (main). */
  readonly variant?: string
  readonly revision?: string
  /** Bytes of a download, then layers. */
  readonly onProgress?: (progress: LoadProgress) => void
  readonly signal?: AbortSignal
}

export interface LoadProgress {
  readonly stage: 'download' | 'load'
  readonly done: number
  readonly total: number
}

/** What `model.handle()` gives: goes through postMessage, and `loadModel` takes it in a worker. */
export interface ModelReference {
  readonly path: string
  readonly device: DeviceReference
  readonly options: Pick<LoadModelOptions, 'context' | 'kvType' | 'window' | 'longrope' | 'activations' | 'load'>
}

export interface LogitsOptions extends Pick<PrefillOptions, 'chunk' | 'signal' | 'onProgress'> {
  /** Every position, not only the last. */
  readonly all?: boolean
}

/** A loaded model on a device. Generations run side by side; each has a cache of its own. */
export class Model {
  readonly device: Device
  readonly source: WeightSource
  readonly tokenizer: Tokenizer | null
  /** Ids that end a text. */
  readonly eosIds: readonly number[]
  /** Tokens that a sequence may hold. */
  readonly context: number
  /** Keys a query sees; 0 = all. */
  readonly window: number
  readonly kvType: KvType
  readonly activations: Activations
  /** Why the tokenizer that the model has is not read. */
  readonly #tokenizerProblem: LophiError | undefined
  readonly #network: Network
  readonly #ownsDevice: boolean
  readonly #decoder: Decoder
  readonly #longrope: LongRope
  readonly #load: NonNullable<LoadModelOptions['load']>

  private constructor(
    source: WeightSource,
    network: Network,
    activations: Activations,
    ownsDevice: boolean,
    settings: Settings,
  ) {
    this.source = source
    this.device = network.device
    this.#network = network
    this.#ownsDevice = ownsDevice
    this.tokenizer = settings.tokenizer
    this.#tokenizerProblem = settings.tokenizerProblem
    this.eosIds = [...new Set([...source.config.eosTokenIds, ...(settings.tokenizer?.eosIds ?? [])])]
    this.activations = activations
    this.context = settings.context
    this.window = settings.window
    this.kvType = settings.kvType
    this.#longrope = settings.longrope
    const { context, window } = this
    const pool = new KvPool(this.device, network.kv, this.kvType, context)
    this.#decoder = { network, pool, context, window }
    this.#load = settings.load
  }

  /** For `loadModel`: options are checked before weights are opened. */
  static async load(
    device: Device,
    ownsDevice: boolean,
    source: WeightSource,
    options: LoadModelOptions,
  ): Promise<Model> {
    const settings = chooseSettings(source, options)
    const total = source.config.numHiddenLayers
    const activations = chooseActivations(options.activations ?? 'auto', source)
    const network = await loadNetwork(device, source, {
      activations,
      signal: options.signal,
      inPlace: settings.load === 'map',
      onLayer: (done) => options.onProgress?.({ stage: 'load', done, total }),
    })
    return new Model(source, network, activations, ownsDevice, settings)
  }

  get config(): ModelConfig {
    return this.source.config
  }

  /** Continues a text, answers messages, or continues ids. Iterate the result: `for await (const t of ...) t.text`. */
  generate(prompt: string | readonly ChatMessage[] | readonly number[], options: GenerateOptions = {}): Generation {
    const ids = this.encode(prompt)
    if (ids.length === 0)
      throw new ArgumentError('ERR_ARGUMENT', 'generate: the prompt must have a token, but it is empty')
    const sequence = this.sequence()
    try {
      return new Generation({
        sequence,
        ids,
        tokenizer: this.tokenizer,
        eosIds: this.eosIds,
        context: this.context,
        options,
        onEnd: () => sequence.dispose(),
      })
    } catch (error) {
      sequence.dispose()
      throw error
    }
  }

  /** A conversation that keeps its cache over turns. */
  session(options: SessionOptions = {}): Session {
    checkOptions('session', options, { system: true, literal: true })
    this.#needTokenizer('session')
    return new Session(this, this.sequence(), options)
  }

  /** Logits after ids: float32 [V] of the last position, or [T, V] of every one. */
  async logits(ids: readonly number[], options: LogitsOptions = {}): Promise<Float32Array> {
    checkOptions('logits', options, logitsOptions)
    if (!Array.isArray(ids) || ids.length === 0)
      throw new ArgumentError('ERR_ARGUMENT', `logits: ids must be an array of ids, but it is ${described(ids)}`)
    const { all, ...passes } = options
    const sequence = this.sequence()
    const rows: Tensor<'float32'>[] = []
    try {
      await sequence.prefill(ids, {
        ...passes,
        onHidden: (hidden, first) => {
          const count = hidden.shape[0] as number
          if (all) rows.push(keep(this.#network.logits(hidden)))
          else if (first + count === ids.length) rows.push(keep(this.#network.logits(hidden.subarray(-1))))
        },
      })
      const parts = await Promise.all(rows.map((part) => part.read()))
      const result = new Float32Array(parts.reduce((length, part) => length + part.length, 0))
      let at = 0
      for (const part of parts) {
        result.set(part, at)
        at += part.length
      }
      return result
    } finally {
      for (const part of rows) part.dispose()
      sequence.dispose()
    }
  }

  /** An empty sequence: the layer below generate and session, for those who write their own loop. */
  sequence(): Sequence {
    return new Sequence(this.#decoder, this.#longrope)
  }

  /** Ids of a conversation, ready for the answer. `literal` keeps role tokens out of the contents. */
  encodeMessages(messages: readonly ChatMessage[], literal = false): number[] {
    return this.#needTokenizer('messages').encodeChat(messages, { special: !literal, limit: this.context })
  }

  /** A plain object for postMessage: `loadModel` in a worker then shares device and weights. */
  handle(): ModelReference {
    const { context, window, kvType, activations } = this
    return {
      path: this.source.path,
      device: this.device.handle(),
      options: { context, window, kvType, activations, longrope: this.#longrope, load: this.#load },
    }
  }

  /** Frees weights and, if the model opened it, the device. Generations under way fail. Idempotent. */
  async dispose(): Promise<void> {
    this.#network.dispose()
    this.#decoder.pool.dispose()
    if (this.#ownsDevice) await this.device.dispose()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  /** Ids of a prompt as `generate` takes it. For the package's own use. */
  encode(prompt: string | readonly ChatMessage[] | readonly number[]): number[] {
    if (typeof prompt === 'string') return this.#needTokenizer('a text prompt').encode(prompt, { limit: this.context })
    if (!Array.isArray(prompt))
      throw new ArgumentError(
        'ERR_ARGUMENT',
        `generate: the prompt must be a text, messages or ids, but it is ${described(prompt)}`,
      )
    if (prompt.every((part) => typeof part === 'number')) return [...(prompt as readonly number[])]
    return this.encodeMessages(prompt as readonly ChatMessage[])
  }

  #needTokenizer(what: string): Tokenizer {
    if (this.tokenizer) return this.tokenizer
    const cause = this.#tokenizerProblem
    const actual = cause
      ? `that of ${this.source.path} cannot be read: ${cause.message}`
      : `${this.source.path} has none`
    throw new TokenizerError(`${what}: the model must have a tokenizer, but ${actual}; pass ids`, { cause })
  }
}

/** What a model needs beside its weights. */
interface Settings {
  /** Tokens that a sequence may hold. */
  readonly context: number
  readonly kvType: KvType
  /** Keys seen per query; 0 = all. */
  readonly window: number
  readonly longrope: LongRope
  readonly tokenizer: Tokenizer | null
  readonly tokenizerProblem?: LophiError
  readonly load: NonNullable<LoadModelOptions['load']>
}

function chooseSettings(source: WeightSource, options: LoadModelOptions): Settings {
  const { config } = source
  return {
    context: chooseContext(config, options.context),
    kvType: chooseKvType(source, options.kvType),
    window: chooseWindow(source, options.window),
    longrope: chooseLongRope(options.longrope),
    ...openTokenizer(source),
    load: chooseLoad(options.load),
  }
}

/** A tokenizer that is not supported or damaged leaves the model to those who have ids. */
function openTokenizer({ config, tokenizer }: WeightSource): Pick<Settings, 'tokenizer' | 'tokenizerProblem'> {
  try {
    return { tokenizer: tokenizer && createTokenizer(tokenizer, { vocabSize: config.vocabSize }) }
  } catch (error) {
    if (error instanceof LophiError) return { tokenizer: null, tokenizerProblem: error }
    throw error
  }
}

function chooseLoad(wanted: Settings['load'] = 'map'): Settings['load'] {
  if (wanted === 'map' || wanted === 'copy') return wanted
  throw new ArgumentError('ERR_ARGUMENT', `loadModel: load must be map or copy, but it is ${wanted}`)
}

function chooseContext(config: ModelConfig, wanted = config.maxPositionEmbeddings): number {
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > config.maxPositionEmbeddings)
    throw new ArgumentError(
      'ERR_ARGUMENT',
      `loadModel: context must be 1 to ${config.maxPositionEmbeddings}, what the model was made for, but it is ${wanted}`,
    )
  return wanted
}

function chooseWindow({ window, path }: WeightSource, wanted: WindowOption = 'model'): number {
  const fail = (must: string) => new ArgumentError('ERR_ARGUMENT', `loadModel: window must be ${must}`)
  if (wanted === 'model') return window.model.size ?? 0
  if (wanted === 'graph') {
    if (!window.graph) throw fail(`'model' or a number, but it is graph, and ${path} has no graph`)
    return window.graph.size ?? 0
  }
  if (!Number.isInteger(wanted) || wanted < 0) throw fail(`'model', 'graph' or a whole number, but it is ${wanted}`)
  return wanted
}

function chooseLongRope(wanted: LoadModelOptions['longrope'] = 'switch'): LongRope {
  if (wanted !== 'switch' && wanted !== 'planned')
    throw new ArgumentError('ERR_ARGUMENT', `loadModel: longrope must be switch or planned, but it is ${wanted}`)
  return wanted
}

function chooseKvType(source: WeightSource, wanted: 'auto' | KvType = 'auto'): KvType {
  if (wanted === 'auto') return isQuantized(source) ? 'float16' : 'float32'
  return checkKvType(wanted)
}

const logitsOptions: OptionNames<LogitsOptions> = { all: true, chunk: true, signal: true, onProgress: true }

const loadOptions: OptionNames<LoadModelOptions> = {
  device: true,
  context: true,
  kvType: true,
  window: true,
  longrope: true,
  activations: true,
  variant: true,
  revision: true,
  load: true,
  onProgress: true,
  signal: true,
}

/** Puts a model on a device: a file, a folder, org/name from the hub or its cache, or a handle from another thread. */
export async function loadModel(model: string | ModelReference, options: LoadModelOptions = {}): Promise<Model> {
  checkOptions('loadModel', options, loadOptions)
  if (typeof model === 'object' && typeof model?.path === 'string')
    return loadModel(model.path, { device: model.device, ...model.options, ...options })
  if (typeof model !== 'string' || model === '')
    throw new ArgumentError(
      'ERR_ARGUMENT',
      `loadModel: model must be a path, org/name or a model's handle, but it is ${described(model)}`,
    )
  const { device = 'auto', variant, revision, signal, onProgress } = options
  const report = onProgress && (({ done, total }: PullProgress) => onProgress({ stage: 'download', done, total }))
  const source = await openSource(await locate(model, { device, variant, revision, signal, onProgress: report }))
  const owns = !(device instanceof Device)
  const opened = owns ? await openDevice(device) : device
  try {
    return await Model.load(opened, owns, source, options)
  } catch (error) {
    if (owns) await opened.dispose()
    throw error
  }
}
