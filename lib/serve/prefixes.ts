import type { KvPool } from '../generate/kv-pool.js'
import type { SequenceState } from '../generate/sequence-state.js'

interface Entry {
  readonly page: number
  readonly parent: Map<string, Entry>
  readonly key: string
  readonly children: Map<string, Entry>
  /** When it was last wanted, by the clock of uses. */
  used: number
}

/**
 * Pages of prompts that were computed, by the ids that lead to them: what begins alike shares them. It holds one use of each
 * page, and gives up those that nobody else uses, longest unused first. Only pages that one pass filled from their first token
 * are kept: their bits are those that a prefill of the same ids computes.
 */
export class Prefixes {
  readonly #pool: KvPool
  /** Pages turned by the short and by the long rotary factors. */
  readonly #roots = { short: new Map<string, Entry>(), long: new Map<string, Entry>() }
  readonly #entries = new Set<Entry>()
  #clock = 0

  constructor(pool: KvPool) {
    this.#pool = pool
    pool.join()
  }

  /** Pages that it has and nobody else uses. */
  get idle(): number {
    let count = 0
    for (const { page } of this.#entries) if (this.#pool.usesOf(page) === 1) count++
    return count
  }

  get size(): number {
    return this.#entries.size
  }

  /** The pages that hold the beginning of ids with these `keys`, as far as they are known. */
  find(keys: readonly string[], long: boolean): number[] {
    const pages: number[] = []
    let level: Map<string, Entry> | undefined = this.#root(long)
    for (const key of keys) {
      const entry: Entry | undefined = level?.get(key)
      if (!entry) break
      entry.used = ++this.#clock
      pages.push(entry.page)
      level = entry.children
    }
    return pages
  }

  /** Keeps the page behind the first `keys`; those before it must be known. */
  add(keys: readonly string[], state: SequenceState): void {
    let level = this.#root(state.long)
    for (const key of keys.slice(0, -1)) {
      const entry = level.get(key)
      if (!entry) return
      level = entry.children
    }
    const key = keys.at(-1) as string
    if (level.has(key)) return
    const page = state.pages[keys.length - 1] as number
    const entry: Entry = { page, parent: level, key, children: new Map(), used: ++this.#clock }
    level.set(key, entry)
    this.#entries.add(entry)
    this.#pool.share([page])
  }

  /** Gives back one page that nobody else uses; false where there is none. */
  evict(): boolean {
    let oldest: Entry | undefined
    for (const entry of this.#entries)
      if (entry.children.size === 0 && this.#pool.usesOf(entry.page) === 1 && !(oldest && oldest.used <= entry.used))
        oldest = entry
    if (!oldest) return false
    oldest.parent.delete(oldest.key)
    this.#entries.delete(oldest)
    this.#pool.release([oldest.page])
    return true
  }

  dispose(): void {
    const pages = Array.from(this.#entries, ({ page }) => page)
    this.#entries.clear()
    this.#roots.short.clear()
    this.#roots.long.clear()
    this.#pool.leave(pages)
  }

  #root(long: boolean): Map<string, Entry> {
    return long ? this.#roots.long : this.#roots.short
  }
}

/** A key per page that the ids fill. */
export function pageKeys(ids: readonly number[], pageTokens: number): string[] {
  return Array.from({ length: Math.floor(ids.length / pageTokens) }, (_, i) =>
    ids.slice(i * pageTokens, (i + 1) * pageTokens).join(),
  )
}
