import { AbortedError, ArgumentError } from '../errors.js'
import type { StopReason, Token, TokenReader } from '../generate/token-reader.js'

/** An answer of the scheduler: iterate it once for its tokens; afterwards it tells how it went. Leaving the loop cancels it. */
export class Answer implements AsyncIterable<Token> {
  readonly promptTokens: number
  /** Prompt tokens that were found in pages of others, not computed. */
  cachedTokens = 0
  /** Milliseconds from the request to its first step of work, to its first token, and to its end. */
  queueTime = 0
  firstTokenTime = 0
  totalTime = 0
  readonly #reader: TokenReader
  readonly #cancel: (reason: unknown) => void
  readonly #begun = performance.now()
  /** Tokens that nobody has taken yet: at most a context of them. */
  readonly #tokens: Token[] = []
  #wake: (() => void) | undefined
  #begunWork = false
  #ended = false
  #error: unknown
  #started = false

  /** Made by `scheduler.submit`. */
  constructor(promptTokens: number, reader: TokenReader, cancel: (reason: unknown) => void) {
    this.promptTokens = promptTokens
    this.#reader = reader
    this.#cancel = cancel
  }

  /** Everything generated so far. */
  get text(): string {
    return this.#reader.text
  }

  get ids(): readonly number[] {
    return this.#reader.ids
  }

  get stopReason(): StopReason | null {
    return this.#reader.stopReason
  }

  /** Whether it waits no more. */
  get begun(): boolean {
    return this.#begunWork
  }

  /** Ends it now: its pages are free before the next step. Idempotent. */
  cancel(reason?: unknown): void {
    if (!this.#ended) this.#cancel(reason)
  }

  /** Runs to the end and gives the whole text. */
  async readAll(): Promise<string> {
    for await (const _ of this);
    return this.text
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Token> {
    if (this.#started)
      throw new ArgumentError('ERR_ARGUMENT', 'answer: an answer must be iterated once, but it was before')
    this.#started = true
    try {
      for (;;) {
        const token = this.#tokens.shift()
        if (token) yield token
        else if (this.#error) throw this.#error
        else if (this.#ended) return
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
      }
    } finally {
      this.cancel()
    }
  }

  /** For the scheduler: work on it begins. */
  begin(): void {
    if (this.#begunWork) return
    this.#begunWork = true
    this.queueTime = this.#elapsed()
  }

  /** For the scheduler. */
  push(token: Token): void {
    this.firstTokenTime ||= this.#elapsed()
    this.#tokens.push(token)
    this.#notify()
  }

  /** For the scheduler: nothing follows. */
  end(error?: unknown): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    if (error instanceof AbortedError) {
      this.#reader.stopReason = 'aborted'
      this.#tokens.length = 0
    }
    this.totalTime = this.#elapsed()
    this.#notify()
  }

  #elapsed(): number {
    return performance.now() - this.#begun
  }

  #notify(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
