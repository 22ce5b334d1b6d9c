import type { Device } from '../device.js'
import { ArgumentError } from '../errors.js'
import type { LayerCache } from '../nn/attention.js'
import { ops } from '../ops/index.js'
import { scope } from '../scope.js'
import type { Tensor } from '../tensor.js'

export type KvType = 'float32' | 'float16'
type Pages = Tensor<'float32'> | Tensor<'float16'>

export interface KvShape {
  readonly layers: number
  readonly groups: number
  readonly headDim: number
}

/** Tokens of a page, unless the context is shorter: few enough to waste little, enough for long runs of one head. */
const longestPage = 128
/** What the first sequence gets at once. */
const firstTokens = 256

/**
 * Pages of rotated keys and of values, for all sequences of a model: [pages, groups, tokens, headDim] per layer. Pages are
 * handed out by number, to several sequences at once where they begin alike. The memory doubles as pages are wanted, which
 * copies what is there once and touches nothing else, and goes with the last sequence.
 */
export class KvPool {
  readonly device: Device
  readonly type: KvType
  /** Tokens of a page. */
  readonly pageTokens: number
  /** Pages of a sequence that fills its context. */
  readonly pagesPerSequence: number
  readonly #shape: KvShape
  #keys: Pages[] = []
  #values: Pages[] = []
  /** Sequences that have a page; none has it where it is 0. */
  readonly #uses: number[] = []
  readonly #free: number[] = []
  /** Pages that growing ahead of need stops at. */
  limit = Number.POSITIVE_INFINITY
  #version = 0
  #sequences = 0

  constructor(device: Device, shape: KvShape, type: KvType, context: number) {
    this.device = device
    this.#shape = shape
    this.type = type
    this.pageTokens = Math.min(longestPage, Math.ceil(context / 16) * 16)
    this.pagesPerSequence = Math.ceil(context / this.pageTokens)
  }

  /** Another number after the tensors were replaced: plans recorded over the old ones are stale. */
  get version(): number {
    return this.#version
  }

  /** Pages that somebody has. */
  get used(): number {
    return this.#uses.length - this.#free.length
  }

  /** What a page takes on the device, over all layers. */
  get pageBytes(): number {
    const { layers, groups, headDim } = this.#shape
    return 2 * layers * groups * this.pageTokens * headDim * (this.type === 'float16' ? 2 : 4)
  }

  layer(layer: number): LayerCache {
    return { keys: this.#keys[layer] as Pages, values: this.#values[layer] as Pages }
  }

  /** A sequence that may take pages. */
  join(): void {
    this.#sequences++
  }

  leave(pages: readonly number[]): void {
    this.#sequences--
    this.release(pages)
    if (this.#sequences === 0) this.dispose()
  }

  /** Pages of one's own; what they hold is whatever was there. */
  take(count: number): number[] {
    if (this.#free.length < count) this.#grow(count - this.#free.length)
    return Array.from({ length: count }, () => {
      const page = this.#free.pop() as number
      this.#uses[page] = 1
      return page
    })
  }

  /** One more sequence has these pages. */
  share(pages: readonly number[]): void {
    for (const page of pages) this.#uses[page] = this.usesOf(page) + 1
  }

  release(pages: readonly number[]): void {
    for (const page of pages) {
      const uses = this.usesOf(page) - 1
      this.#uses[page] = uses
      if (uses === 0) this.#free.push(page)
    }
  }

  usesOf(page: number): number {
    return this.#uses[page] as number
  }

  /** A page of one's own with what `page` holds, instead of it. */
  unshare(page: number): number {
    const [own] = this.take(1) as [number]
    scope(() => {
      for (const tensor of [...this.#keys, ...this.#values])
        ops.copy({ x: tensor.subarray(page, page + 1), out: tensor.subarray(own, own + 1) })
    })
    this.release([page])
    return own
  }

  /** Frees the memory, once the work that uses it is done. */
  dispose(): void {
    for (const tensor of [...this.#keys, ...this.#values]) tensor.dispose()
    this.#keys = []
    this.#values = []
    this.#uses.length = 0
    this.#free.length = 0
    this.#version++
  }

  /** At least `missing` more pages: twice as many, unless that is more than the sequences can ever fill. */
  #grow(missing: number): void {
    const { layers, groups, headDim } = this.#shape
    const now = this.#uses.length
    const most = Math.min(this.limit, this.#sequences * this.pagesPerSequence)
    const count = Math.max(now + missing, Math.min(most, Math.max(2 * now, Math.ceil(firstTokens / this.pageTokens))))
    const shape = [count, groups, this.pageTokens, headDim]
    const grown = (old: Pages | undefined): Pages => {
      // those that grew before memory ran out
      if (old && (old.shape[0] as number) >= count) return old
      const made = this.device.empty(this.type, shape) as Pages
      if (old) {
        const [used] = old.shape as readonly number[]
        scope(() => void ops.copy({ x: old, out: made.subarray(0, used) }))
        old.dispose()
      }
      return made
    }
    this.#version++
    // One after the other, so that there is one tensor at a time of which two sizes exist.
    for (let i = 0; i < layers; i++) {
      this.#keys[i] = grown(this.#keys[i])
      this.#values[i] = grown(this.#values[i])
    }
    for (let page = count - 1; page >= now; page--) {
      this.#uses[page] = 0
      this.#free.push(page)
    }
  }
}

/** Checks what `loadModel` was asked for. */
export function checkKvType(wanted: string): KvType {
  if (wanted === 'float16' || wanted === 'float32') return wanted
  throw new ArgumentError('ERR_ARGUMENT', `loadModel: kvType must be auto, float16 or float32, but it is ${wanted}`)
}
