import type { KvPool } from './kv-pool.js'
import { historyLength } from './sampling.js'

/** A row of hidden state stands in no vocabulary. */
export const noId = -1

/** What a sequence is, apart from how it is computed: its ids, the pages that hold their keys and values, its sampler. */
export class SequenceState {
  readonly pool: KvPool
  /** Of every position whose id the host knows. */
  readonly ids: number[] = []
  /** Positions after those: steps in flight fed them with what the step before had sampled. */
  ahead = 0
  readonly pages: number[] = []
  /** Whether the cached keys were turned by the long factors. */
  long: boolean
  /** The rows of `sample` for it: [8], [2]. Greedy at first. */
  params: Float32Array = new Float32Array(8)
  seed: Uint32Array = new Uint32Array(2)
  /** Counts changes of the ids; of the pages; of params and seed. Whoever holds a copy compares. */
  idsVersion = 0
  pagesVersion = 0
  samplerVersion = 0
  /** Counts rewinds: what was in flight before one belongs to nobody. */
  epoch = 0

  constructor(pool: KvPool, long: boolean) {
    this.pool = pool
    this.long = long
    pool.join()
  }

  /** Positions that are cached, or will be when what is enqueued has run. */
  get length(): number {
    return this.ids.length + this.ahead
  }

  /** Pages that `count` more tokens take beyond those that it has. */
  wants(count: number): number {
    return Math.max(0, Math.ceil((this.length + count) / this.pool.pageTokens) - this.pages.length)
  }

  /** Goes on with ids whose keys and values are in whole pages of others. It must end with a page itself. */
  adopt(ids: readonly number[], pages: readonly number[]): void {
    this.pool.share(pages)
    for (const page of pages) this.pages.push(page)
    this.pagesVersion++
    this.push(ids)
  }

  /** Room for `count` more tokens, on pages that no other sequence sees. */
  reserve(count: number): void {
    const { pageTokens } = this.pool
    const end = Math.ceil((this.length + count) / pageTokens)
    for (let m = Math.floor(this.length / pageTokens); m < Math.min(end, this.pages.length); m++) {
      const page = this.pages[m] as number
      if (this.pool.usesOf(page) === 1) continue
      this.pages[m] = this.pool.unshare(page)
      this.pagesVersion++
    }
    if (end <= this.pages.length) return
    for (const page of this.pool.take(end - this.pages.length)) this.pages.push(page)
    this.pagesVersion++
  }

  configure(params: Float32Array, seed: Uint32Array): void {
    this.params = params
    this.seed = seed
    this.samplerVersion++
  }

  push(ids: readonly number[]): void {
    for (const id of ids) this.ids.push(id)
    this.idsVersion++
  }

  /** Forgets all but the first `length` positions; pages behind them go back. */
  rewind(length: number): void {
    this.ids.length = Math.min(length, this.ids.length)
    this.ahead = 0
    this.epoch++
    this.idsVersion++
    const kept = Math.ceil(this.ids.length / this.pool.pageTokens)
    if (kept === this.pages.length) return
    this.pool.release(this.pages.splice(kept))
    this.pagesVersion++
  }

  /**
   * The ring of recent ids as `sample` wants it at position `at`: the token with index t lies at t - 1 modulo its length.
   * `pending`: ids that are not cached yet.
   */
  history(at: number, pending: readonly number[] = []): Int32Array {
    const ring = new Int32Array(historyLength).fill(-1)
    const idOf = (t: number) => this.ids[t] ?? pending[t - this.ids.length] ?? noId
    for (let t = Math.max(0, at - historyLength + 1); t <= at; t++)
      ring[(t - 1 + historyLength) % historyLength] = idOf(t)
    return ring
  }

  /** The same sequence on the same pages; whoever writes to a page first gets one of its own. */
  fork(): SequenceState {
    const copy = new SequenceState(this.pool, this.long)
    copy.push(this.ids)
    for (const page of this.pages) copy.pages.push(page)
    this.pool.share(this.pages)
    copy.params = this.params
    copy.seed = this.seed
    return copy
  }

  dispose(): void {
    this.pool.leave(this.pages.splice(0))
    this.ids.length = 0
    this.ahead = 0
    this.epoch++
  }
}
