import type { Device } from '../device.js'
import { ArgumentError } from '../errors.js'
import type { Phi3Config, WeightDescription, WeightSource } from '../formats/source.js'
import { type AttentionState, attention } from '../nn/attention.js'
import { type Activations, linear } from '../nn/linear.js'
import { mlp } from '../nn/mlp.js'
import { type RotaryTables, rotaryTables, storedRotaryTables } from '../nn/rotary.js'
import { readRows } from '../nn/rows.js'
import { ops } from '../ops/index.js'
import { segment } from '../record.js'
import { keep, scope } from '../scope.js'
import type { Tensor } from '../tensor.js'
import { openWeight, type Weight } from '../weight.js'

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

/** The dense Phi-3 family on one device: weights and the forward pass. Immutable; sequences bring their caches. */
export class Phi3 {
  readonly device: Device
  readonly config: Phi3Config
  readonly activations: Activations
  readonly #owned: { dispose(): void }[] = []
  readonly #embed: Weight
  readonly #blocks: Block[] = []
  readonly #norm: Tensor<'float32'>
  readonly #head: Weight
  /** The tables that the file has, for short and long contexts. */
  readonly #stored: WeightSource['rotary']
  /** One set of tables per factor list, as long as anybody needed so far. */
  readonly #rotary = new Map<boolean, RotaryTables>()

  constructor(device: Device, source: WeightSource, activations: Activations, onLayer: (layer: number) => void) {
    this.device = device
    this.config = source.config
    this.activations = activations
    this.#stored = source.rotary
    const { embed, layers, norm, head } = source.weights
    try {
      this.#embed = this.#weight(embed)
      this.#head = head === embed ? this.#embed : this.#weight(head)
      this.#norm = this.#vector(norm)
      layers.forEach((layer, i) => {
        this.#blocks.push({
          inputNorm: this.#vector(layer.inputNorm),
          qkv: this.#weight(layer.qkv),
          oMultiplier: layer.oMultiplier && this.#vector(layer.oMultiplier),
          o: this.#weight(layer.o),
          postNorm: this.#vector(layer.postNorm),
          gateUp: this.#weight(layer.gateUp),
          downMultiplier: layer.downMultiplier && this.#vector(layer.downMultiplier),
          down: this.#weight(layer.down),
        })
        onLayer(i + 1)
      })
    } catch (error) {
      this.dispose()
      throw error
    }
  }

  /**
   * Hidden states of T tokens after the final norm: ids int32[T] at state.position.. -> float32 [T, C].
   * Appends to state.cache. Made for a scope: intermediates are the caller's to dispose.
   */
  forward(ids: Tensor<'int32'>, state: AttentionState): Tensor<'float32'> {
    const { rmsNormEps: epsilon } = this.config
    let x: Tensor<'float32'> = ops.embedding({ table: this.#embed, ids })
    this.#blocks.forEach((block, i) => {
      x = segment(`layer.${i}`, () => {
        const attended = attention(
          ops.rmsNorm({ x, weight: block.inputNorm, epsilon }),
          block,
          i,
          this.config,
          state,
          this.activations,
        )
        const middle = ops.add({ a: x, b: attended as Tensor<'float32'> })
        const normed = ops.rmsNorm({ x: middle, weight: block.postNorm, epsilon })
        return ops.add({ a: middle, b: mlp(normed, block, this.activations) as Tensor<'float32'> })
      })
    })
    return segment('norm', () => ops.rmsNorm({ x, weight: this.#norm, epsilon }))
  }

  /** Logits of hidden states [T, C] -> float32 [T, V]. */
  logits(hidden: Tensor<'float32'>): Tensor<'float32'> {
    return segment('head', () => linear(hidden, this.#head, this.activations) as Tensor<'float32'>)
  }

  /** Whether contexts of more than `originalMaxPositionEmbeddings` tokens need other tables than shorter ones. */
  get hasLongRotary(): boolean {
    return this.#stored ? this.#stored.long !== null : this.config.ropeScaling !== null
  }

  /** Tables for at least `positions` positions, with LongRoPE's long or short factors. */
  rotary(long: boolean, positions: number): RotaryTables {
    const known = this.#rotary.get(long)
    if (known && known.positions >= positions) return known
    const stored = this.#stored && (long ? this.#stored.long : this.#stored.short)
    const tables = scope(() => {
      const made = stored
        ? storedRotaryTables(this.device, stored, positions)
        : rotaryTables(this.device, this.config, long, positions)
      keep(made.cos)
      keep(made.sin)
      return made
    })
    this.#rotary.set(long, tables)
    known?.cos.dispose()
    known?.sin.dispose()
    return tables
  }

  dispose(): void {
    const tables = [...this.#rotary.values()].flatMap(({ cos, sin }) => [cos, sin])
    for (const owned of [...this.#owned, ...tables]) owned.dispose()
  }

  #weight(description: WeightDescription): Weight {
    const weight = openWeight(this.device, description)
    this.#owned.push(weight)
    return weight
  }

  /** A vector [C] as float32. */
  #vector(description: WeightDescription): Tensor<'float32'> {
    const vector = scope(() => readRows(this.device, description).view([description.shape.at(-1)!]))
    this.#owned.push(vector)
    return vector
  }
}

/** 'auto' rounds activations where the file allows it: it gave up that precision already. */
export function chooseActivations(wanted: 'auto' | Activations, source: WeightSource): Activations {
  if (wanted !== 'auto' && wanted !== 'f32' && wanted !== 'int8')
    throw new ArgumentError('ERR_ARGUMENT', `loadModel: activations must be auto, f32 or int8, but it is ${wanted}`)
  if (wanted !== 'auto') return wanted
  return source.allowsInt8 ? 'int8' : 'f32'
}
