import { ArgumentError, LophiError } from '../errors.js'
import type { ChatMessage, Tokenizer } from '../tokenizer/index.js'
import { Generation } from './generation.js'
import type { Sequence } from './sequence.js'
import type { GenerateOptions } from './token-reader.js'

export interface SessionOptions {
  /** What the conversation starts with. */
  readonly system?: string
  /** Encodes what the user writes literally, so that it cannot contain role tokens (default true). */
  readonly literal?: boolean
}

/** What a conversation needs of its model. */
export interface SessionModel {
  readonly tokenizer: Tokenizer | null
  readonly eosIds: readonly number[]
  readonly context: number
  encodeMessages(messages: readonly ChatMessage[], literal: boolean): number[]
}

/** A conversation that keeps its KV cache over turns: only what is new is computed. */
export class Session {
  readonly #model: SessionModel
  readonly #options: SessionOptions
  readonly #sequence: Sequence
  #messages: ChatMessage[]
  #running = false

  /** Made by `model.session()`. */
  constructor(model: SessionModel, sequence: Sequence, options: SessionOptions, messages?: readonly ChatMessage[]) {
    this.#model = model
    this.#sequence = sequence
    this.#options = options
    this.#messages = messages ? [...messages] : options.system ? [{ role: 'system', content: options.system }] : []
  }

  get messages(): readonly ChatMessage[] {
    return this.#messages
  }

  /** Tokens in the cache. */
  get length(): number {
    return this.#sequence.length
  }

  /** Says `text` and streams the answer. A turn that is aborted or fails is taken back: the conversation stays as it was. */
  send(text: string, options: GenerateOptions = {}): Generation {
    this.#checkIdle()
    const before = this.#messages
    const messages: ChatMessage[] = [...before, { role: 'user', content: text }]
    const ids = this.#model.encodeMessages(messages, this.#options.literal ?? true)
    return new Generation({
      sequence: this.#sequence,
      ids,
      tokenizer: this.#model.tokenizer,
      eosIds: this.#model.eosIds,
      context: this.#model.context,
      options,
      onStart: () => {
        this.#checkIdle()
        if (this.#messages !== before)
          throw new LophiError('ERR_ARGUMENT', 'session: a message must be answered before the conversation goes on')
        this.#running = true
      },
      onEnd: (generation) => {
        this.#running = false
        if (generation.stopReason !== 'aborted')
          this.#messages = [...messages, { role: 'assistant', content: generation.text }]
      },
    })
  }

  /** Takes back the last `turns` pairs of question and answer. */
  rewind(turns = 1): void {
    this.#checkIdle()
    const users = this.#messages.flatMap((message, i) => (message.role === 'user' ? [i] : []))
    if (!Number.isInteger(turns) || turns < 0 || turns > users.length)
      throw new ArgumentError('ERR_ARGUMENT', `rewind: turns must be 0 to ${users.length}, but it is ${turns}`)
    if (turns > 0) this.#messages = this.#messages.slice(0, users[users.length - turns])
  }

  /** An independent copy of the conversation; the cache is shared until they part. */
  fork(): Session {
    this.#checkIdle()
    return new Session(this.#model, this.#sequence.fork(), this.#options, this.#messages)
  }

  #checkIdle(): void {
    if (this.#running)
      throw new LophiError('ERR_ARGUMENT', 'session: the answer under way must end before anything else happens')
  }

  dispose(): void {
    this.#sequence.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
