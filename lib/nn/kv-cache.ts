import type { Device } from '../device.js'
import type { ModelConfig } from '../formats/source.js'
import { ops } from '../ops/index.js'
import { scope } from '../scope.js'
import type { Tensor } from '../tensor.js'

export type KvType = 'float32' | 'float16'
type Cached = Tensor<'float32'> | Tensor<'float16'>

/** Keys (rotated) and values of one sequence: one page [1, kvHeads, capacity, headDim] per layer. Its owner knows how much of it is filled. */
export class KvCache {
  readonly device: Device
  readonly type: KvType
  readonly #shape: (capacity: number) => [number, number, number, number]
  #capacity: number
  #keys: Cached[]
  #values: Cached[]

  constructor(device: Device, config: ModelConfig, type: KvType, capacity: number) {
    this.device = device
    this.type = type
    this.#shape = (tokens) => [1, config.numKeyValueHeads, tokens, config.headDim]
    this.#capacity = capacity
    this.#keys = []
    this.#values = []
    try {
      for (let i = 0; i < config.numHiddenLayers; i++) {
        this.#keys.push(this.#zeros(capacity))
        this.#values.push(this.#zeros(capacity))
      }
    } catch (error) {
      this.dispose()
      throw error
    }
  }

  /** Tokens that fit. */
  get capacity(): number {
    return this.#capacity
  }

  keys(layer: number): Cached {
    return this.#keys[layer] as Cached
  }

  values(layer: number): Cached {
    return this.#values[layer] as Cached
  }

  /** Makes room for `capacity` tokens; what is cached stays. Plans that were recorded over the cache are stale then. */
  grow(capacity: number): void {
    const widen = (old: Cached): Cached =>
      scope(() => {
        const room = this.#zeros(capacity - this.#capacity)
        return ops.concat({ xs: [old, room], axis: 2 }) as Cached
      })
    // All new tensors exist before an old one goes, so that running out of memory leaves the cache as it was.
    const made: Cached[] = []
    try {
      for (const tensor of [...this.#keys, ...this.#values]) made.push(widen(tensor))
    } catch (error) {
      for (const tensor of made) tensor.dispose()
      throw error
    }
    this.dispose()
    this.#keys = made.slice(0, made.length / 2)
    this.#values = made.slice(made.length / 2)
    this.#capacity = capacity
  }

  /** Copies everything from a cache of the same shape. */
  copyFrom(other: KvCache): void {
    this.#keys.forEach((tensor, i) => void ops.copy({ x: other.keys(i), out: tensor }))
    this.#values.forEach((tensor, i) => void ops.copy({ x: other.values(i), out: tensor }))
  }

  dispose(): void {
    for (const tensor of [...this.#keys, ...this.#values]) tensor.dispose()
  }

  #zeros(tokens: number): Cached {
    return ops.zeros({ device: this.device, shape: this.#shape(tokens), dtype: this.type }) as Cached
  }
}
