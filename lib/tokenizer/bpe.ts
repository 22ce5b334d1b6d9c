import { byteCharacters } from './byte-characters.js'

/** What byte-pair encoding needs of a vocabulary. */
export interface BpeModel {
  readonly ids: ReadonlyMap<string, number>
  /** Pairs of pieces, the first merged first; each makes a third piece. */
  readonly merges: readonly (readonly [left: string, right: string])[]
  /** Stands for what is no piece; null leaves it out. */
  readonly unknown: number | null
  /** Spells what is no piece in bytes, `<0xNN>`. */
  readonly byteFallback: boolean
  /** One unknown for a run of them. */
  readonly fuseUnknown: boolean
  /** A word that is a piece is taken whole, whatever the merges. */
  readonly ignoreMerges: boolean
  /** Words come as GPT-2's table writes their bytes. */
  readonly bytesOnly: boolean
}

export interface BpeEncoder {
  /** Appends the ids of `word` to `ids`. */
  encode(word: string, ids: number[]): void
  /** Characters that one id stands for at most: so many that a long word has many ids. */
  readonly longest: number
}

/** Pairs of integers from 0 with two integers each. Random multipliers, so that no file can choose what collides. */
class PairTable {
  readonly #slots: Int32Array // left, right, rank, result
  readonly #bits: number
  readonly #left = (Math.random() * 2 ** 32) | 1
  readonly #right = (Math.random() * 2 ** 32) | 1

  constructor(most: number) {
    this.#bits = Math.max(Math.ceil(Math.log2(most / 0.6)), 4)
    this.#slots = new Int32Array(4 << this.#bits).fill(-1)
  }

  /** The slot of a pair, or the free one where it would stand. */
  #slot(left: number, right: number): number {
    const slots = this.#slots
    const hash = (Math.imul(left, this.#left) + Math.imul(right, this.#right)) | 0
    let slot = (hash >>> (32 - this.#bits)) * 4
    for (;;) {
      const found = slots[slot]
      if (found === -1 || (found === left && slots[slot + 1] === right)) return slot
      slot = slot + 4 === slots.length ? 0 : slot + 4
    }
  }

  set(left: number, right: number, rank: number, result: number): void {
    this.#slots.set([left, right, rank, result], this.#slot(left, right))
  }

  /** -1 where the pair is absent. */
  rank(left: number, right: number): number {
    return this.#slots[this.#slot(left, right) + 2] as number
  }

  result(left: number, right: number): number {
    return this.#slots[this.#slot(left, right) + 3] as number
  }
}

/** Numbers, the least first. */
class Heap {
  #items = new Float64Array(64)
  #size = 0

  get size(): number {
    return this.#size
  }

  push(item: number): void {
    if (this.#size === this.#items.length) {
      const larger = new Float64Array(this.#size * 2)
      larger.set(this.#items)
      this.#items = larger
    }
    const items = this.#items
    let at = this.#size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if ((items[parent] as number) <= item) break
      items[at] = items[parent] as number
      at = parent
    }
    items[at] = item
  }

  pop(): number {
    const items = this.#items
    const least = items[0] as number
    const item = items[--this.#size] as number
    const size = this.#size
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && (items[child + 1] as number) < (items[child] as number)) child++
      if ((items[child] as number) >= item) break
      items[at] = items[child] as number
      at = child
    }
    items[at] = item
    return least
  }
}

/** Ranks and places share a float64: a rank below 2^26 and a place in a word below 2^27. */
const placeCount = 2 ** 27

/**
 * The merges of byte-pair encoding: of all neighbours the pair of the lowest rank is merged first, the leftmost among
 * equal ones. Takes time n log n for a word of n characters.
 */
export function bpeEncoder(model: BpeModel): BpeEncoder {
  const { ids, merges } = model
  const { characters, astral, bytes } = symbolsOf(ids)
  const pairs = new PairTable(merges.length)
  // characters that some merge brings together; between any others a word falls into parts
  const joins = new PairTable(merges.length)
  merges.forEach(([left, right], rank) => {
    pairs.set(ids.get(left) as number, ids.get(right) as number, rank, ids.get(left + right) as number)
    joins.set(lastCodePoint(left), right.codePointAt(0) as number, 0, 0)
  })

  // the symbols of a part as a list that is linked by index; -1 is merged away
  let symbols = new Int32Array(64)
  let next = new Int32Array(64)
  let previous = new Int32Array(64)
  let count = 0
  const heap = new Heap()

  function add(symbol: number): void {
    if (count === symbols.length) {
      const grown = (old: Int32Array) => {
        const larger = new Int32Array(old.length * 2)
        larger.set(old)
        return larger
      }
      symbols = grown(symbols)
      next = grown(next)
      previous = grown(previous)
    }
    symbols[count++] = symbol
  }

  function consider(place: number, following: number): void {
    const rank = pairs.rank(symbols[place] as number, symbols[following] as number)
    if (rank >= 0) heap.push(rank * placeCount + place)
  }

  /** Merges the symbols and appends them to `out`. */
  function flush(out: number[]): void {
    for (let place = 0; place < count; place++) {
      next[place] = place + 1
      previous[place] = place - 1
      if (place > 0) consider(place - 1, place)
    }
    while (heap.size > 0) {
      const best = heap.pop()
      const rank = Math.floor(best / placeCount)
      const place = best - rank * placeCount
      const right = next[place] as number
      const symbol = symbols[place] as number
      if (symbol < 0 || right === count) continue
      // what stood here may have merged since
      if (pairs.rank(symbol, symbols[right] as number) !== rank) continue
      symbols[place] = pairs.result(symbol, symbols[right] as number)
      symbols[right] = -1
      const after = next[right] as number
      const before = previous[place] as number
      next[place] = after
      if (after < count) {
        previous[after] = place
        consider(place, after)
      }
      if (before >= 0) consider(before, place)
    }
    for (let place = 0; place < count; place = next[place] as number) out.push(symbols[place] as number)
    count = 0
  }

  /** The bytes of a character as symbols; false where a byte is no piece. */
  function spell(character: number): boolean {
    const parts = utf8(character)
    if (parts.some((byte) => bytes[byte] === -1)) return false
    for (const byte of parts) add(bytes[byte] as number)
    return true
  }

  function encode(word: string, out: number[]): void {
    const whole = model.ignoreMerges ? ids.get(word) : undefined
    if (whole !== undefined) {
      out.push(whole)
      return
    }
    let last = -1 // the character before, where it is a piece
    let inUnknown = false
    for (let at = 0; at < word.length; at++) {
      const character = word.codePointAt(at) as number
      if (character > 0xffff) at++
      const symbol = character > 0xffff ? (astral.get(character) ?? -1) : (characters[character] as number)
      if (symbol >= 0) {
        if (last >= 0 && joins.rank(last, character) < 0) flush(out)
        add(symbol)
        last = character
        inUnknown = false
        continue
      }
      last = -1
      if (model.byteFallback && spell(character)) continue
      if (model.unknown === null || (inUnknown && model.fuseUnknown)) continue
      inUnknown = true
      add(model.unknown)
    }
    flush(out)
  }

  // where characters may be left out or run together, there is no telling
  const takesAll = model.byteFallback && bytes.every((id) => id >= 0)
  const alphabet = byteCharacters.every((character) => ids.has(character)) && model.bytesOnly
  const counts = takesAll || alphabet || (model.unknown !== null && !model.fuseUnknown)
  let longest = counts ? 1 : Number.POSITIVE_INFINITY
  for (const piece of ids.keys()) longest = Math.max(longest, piece.length)
  return { encode, longest }
}

/** The pieces of one character, by code point, and those that stand for a byte; -1 is none. */
function symbolsOf(ids: ReadonlyMap<string, number>) {
  const characters = new Int32Array(0x10000).fill(-1)
  const astral = new Map<number, number>()
  const bytes = new Int32Array(256).fill(-1)
  for (const [piece, id] of ids) {
    if (piece.length === 1) characters[piece.charCodeAt(0)] = id
    else if (piece.length === 2 && (piece.codePointAt(0) as number) > 0xffff)
      astral.set(piece.codePointAt(0) as number, id)
    else if (/^<0x[0-9A-F]{2}>$/.test(piece)) bytes[Number.parseInt(piece.slice(3, 5), 16)] = id
  }
  return { characters, astral, bytes }
}

function lastCodePoint(text: string): number {
  const wide = text.length > 1 ? (text.codePointAt(text.length - 2) as number) : 0
  return wide > 0xffff ? wide : text.charCodeAt(text.length - 1)
}

function utf8(character: number): number[] {
  const tail = (shift: number) => 0x80 | ((character >> shift) & 0x3f)
  if (character < 0x80) return [character]
  if (character < 0x800) return [0xc0 | (character >> 6), tail(0)]
  if (character < 0x10000) return [0xe0 | (character >> 12), tail(6), tail(0)]
  return [0xf0 | (character >> 18), tail(12), tail(6), tail(0)]
}
