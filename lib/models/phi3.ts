import { type Phi3Weights, phi3Weights } from '../architectures/phi3.js'
import type { Device } from '../device.js'
import { hasLongRotary, type ModelConfig, type WeightDescription, type WeightSource } from '../formats/source.js'
import { type AttentionShape, attention, type Pass } from '../nn/attention.js'
import { type Activations, linear } from '../nn/linear.js'
import { mlp } from '../nn/mlp.js'
import { type JoinedRotaryTables, type RotaryTables, rotaryTables, storedRotaryTables } from '../nn/rotary.js'
import { ops } from '../ops/index.js'
import { path } from '../path.js'
import { keep, scope } from '../scope.js'
import type { Tensor } from '../tensor.js'
import { checkFiles, Weight } from '../weight.js'
import { Loader } from './loader.js'
import type { Network, NetworkOptions } from './network.js'

interface Block {
  readonly inputNorm: Tensor<'float32'>
  readonly qkv: Weight
  readonly oMultiplier: Tensor<'float32'> | null
  readonly o: Weight
  readonly postNorm: Tensor<'float32'>
  readonly gateUp: Weight
  readonly downMultiplier: Tensor<'float32'> | null
  readonly down: Weight
}

interface Parts {
  readonly embed: Weight
  readonly blocks: readonly Block[]
  readonly norm: Tensor<'float32'>
  readonly head: Weight
}

/** The dense Phi-3 family on one device: weights and the forward pass. */
export class Phi3 implements Network {
  readonly device: Device
  readonly config: ModelConfig
  readonly activations: Activations
  readonly #owned: readonly Disposable[]
  readonly #weights: readonly Weight[]
  readonly #embed: Weight
  readonly #blocks: readonly Block[]
  readonly #norm: Tensor<'float32'>
  readonly #head: Weight
  /** The tables that the file has, for short and long contexts. */
  readonly #stored: WeightSource['rotary']
  readonly #attention: AttentionShape
  /** As long as anybody needed so far, and how much that was. */
  #rotary: JoinedRotaryTables | undefined
  readonly #asked = { short: 0, long: 0 }
  #disposed = false

  private constructor(
    device: Device,
    source: WeightSource,
    activations: Activations,
    parts: Parts,
    owned: readonly Disposable[],
  ) {
    this.device = device
    this.config = source.config
    this.activations = activations
    this.#stored = source.rotary
    this.#embed = parts.embed
    this.#blocks = parts.blocks
    this.#norm = parts.norm
    this.#head = parts.head
    this.#owned = owned
    const { numAttentionHeads: heads, numKeyValueHeads: groups, headDim } = source.config
    this.#attention = { heads, groups, headDim, activations }
    this.#weights = owned.filter((each) => each instanceof Weight)
  }

  /** Opens a few weights at a time; an abort takes effect before the next. */
  static async load(device: Device, source: WeightSource, options: NetworkOptions): Promise<Phi3> {
    const loader = new Loader(device, options)
    const { parts, owned } = await loader.all(() => open(loader, phi3Weights(source), options))
    return new Phi3(device, source, options.activations, parts, owned)
  }

  get vocabSize(): number {
    return this.config.vocabSize
  }

  get hiddenSize(): number {
    return this.config.hiddenSize
  }

  get kv(): Network['kv'] {
    const { groups, headDim } = this.#attention
    return { layers: this.#blocks.length, groups, headDim }
  }

  get shortContext(): number {
    const hasLong = hasLongRotary({ config: this.config, rotary: this.#stored })
    return hasLong ? this.config.originalMaxPositionEmbeddings : Number.POSITIVE_INFINITY
  }

  get disposed(): boolean {
    return this.#disposed
  }

  embed(ids: Tensor<'int32'>): Tensor<'float32'> {
    return path('embed', () => ops.embedding({ table: this.#embed, ids }))
  }

  forward(input: Tensor<'float32'>, pass: Pass): Tensor<'float32'> {
    const { rmsNormEps: epsilon } = this.config
    let x = input
    this.#blocks.forEach((block, i) => {
      x = path(`layer.${i}`, () => {
        const normedInput = ops.rmsNorm({ x, weight: block.inputNorm, epsilon })
        const attended = path('attention', () => attention(normedInput, block, this.#attention, pass.cache(i), pass))
        const middle = ops.add({ a: x, b: attended as Tensor<'float32'> })
        const normed = ops.rmsNorm({ x: middle, weight: block.postNorm, epsilon })
        const out = path('mlp', () => mlp(normed, block, this.activations))
        return ops.add({ a: middle, b: out as Tensor<'float32'> })
      })
    })
    return path('norm', () => ops.rmsNorm({ x, weight: this.#norm, epsilon }))
  }

  logits(hidden: Tensor<'float32'>): Tensor<'float32'> {
    return path('head', () => linear(hidden, this.#head, this.activations) as Tensor<'float32'>)
  }

  checkFiles(): void {
    checkFiles(this.#weights)
  }

  rotary(long: boolean, positions: number): JoinedRotaryTables {
    const part = long ? 'long' : 'short'
    const old = this.#rotary
    if (old && this.#asked[part] >= positions) return old
    const tables = scope(() => {
      const made = this.#tables(long, positions)
      const rows = { short: old?.short ?? 0, long: old?.long ?? 0, [part]: made.cos.shape[0] as number }
      const joined = (name: 'cos' | 'sin'): Tensor<'float32'> => {
        if (!old || (long ? old.short : old.long) === 0) return made[name]
        const xs = long ? [old[name].subarray(0, old.short), made[name]] : [made[name], old[name].subarray(old.short)]
        return ops.concat({ xs, axis: 0 })
      }
      return { cos: keep(joined('cos')), sin: keep(joined('sin')), ...rows }
    })
    this.#asked[part] = positions
    this.#rotary = tables
    old?.cos.dispose()
    old?.sin.dispose()
    return tables
  }

  dispose(): void {
    this.#disposed = true
    disposeAll([...this.#owned, ...(this.#rotary ? [this.#rotary.cos, this.#rotary.sin] : [])])
  }

  #tables(long: boolean, positions: number): RotaryTables {
    const stored = this.#stored && (long ? this.#stored.long : this.#stored.short)
    return stored
      ? storedRotaryTables(this.device, stored, positions)
      : rotaryTables(this.device, this.config, long, positions)
  }
}

function disposeAll(owned: readonly Disposable[]): void {
  for (const each of owned) each[Symbol.dispose]()
}

async function open(
  loader: Loader,
  { embed, layers, norm, head }: Phi3Weights,
  { onLayer, activations }: NetworkOptions,
): Promise<Parts> {
  const product = { op: 'linear', activations } as const
  const tied = head === embed
  const embedding = loader.weight(embed, { op: 'embedding' }, ...(tied ? [product] : []))
  let done = 0
  const block = async (layer: Phi3Weights['layers'][number]): Promise<Block> => {
    const maybe = (vector: WeightDescription | null) => vector && loader.vector(vector)
    const [inputNorm, qkv, oMultiplier, o, postNorm, gateUp, downMultiplier, down] = await Promise.all([
      loader.vector(layer.inputNorm),
      loader.weight(layer.qkv, product),
      maybe(layer.oMultiplier),
      loader.weight(layer.o, product),
      loader.vector(layer.postNorm),
      loader.weight({ ...layer.gateUp, pairRows: true }, product),
      maybe(layer.downMultiplier),
      loader.weight(layer.down, product),
    ])
    onLayer?.(++done)
    return { inputNorm, qkv, oMultiplier, o, postNorm, gateUp, downMultiplier, down }
  }
  const blocks = Promise.all(layers.map(block))
  const last = loader.vector(norm)
  const [embedded, made, normed, logits] = await Promise.all([
    embedding,
    blocks,
    last,
    tied ? embedding : loader.weight(head, product),
  ])
  return { embed: embedded, blocks: made, norm: normed, head: logits }
}
