/** Finds stop strings in a stream of text; holds back what could be the beginning of one. */
export class StopStrings {
  readonly #stops: readonly string[]
  #held = ''

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop.length > 0)
  }

  /** Text that is safe to show, and whether a stop string has ended it; the stop string itself is never shown. */
  push(text: string): { text: string; stopped: boolean } {
    this.#held += text
    const found = this.#stops.map((stop) => this.#held.indexOf(stop)).filter((at) => at >= 0)
    if (found.length > 0) {
      const shown = this.#held.slice(
        0,
        found.reduce((first, at) => Math.min(first, at)),
      )
      this.#held = ''
      return { text: shown, stopped: true }
    }
    const safe = this.#held.length - this.#longestBeginning()
    const shown = this.#held.slice(0, safe)
    this.#held = this.#held.slice(safe)
    return { text: shown, stopped: false }
  }

  /** What was held back and turned out not to be a stop string. */
  end(): string {
    const rest = this.#held
    this.#held = ''
    return rest
  }

  /** Length of the longest end of the held text that begins a stop string. */
  #longestBeginning(): number {
    let longest = 0
    for (const stop of this.#stops)
      for (let n = Math.min(stop.length - 1, this.#held.length); n > longest; n--)
        if (this.#held.endsWith(stop.slice(0, n))) {
          longest = n
          break
        }
    return longest
  }
}
