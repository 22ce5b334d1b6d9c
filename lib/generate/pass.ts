import { type Plan, record } from '../record.js'
import { scope } from '../scope.js'
import { Tensor } from '../tensor.js'
import { type Decoder, rotaryFor } from './batch.js'
import type { SequenceState } from './sequence-state.js'

/** Tokens of a pass of prefill, where nothing else is asked. */
export const passTokens = 128

/** Ids, or rows of hidden state [T, C] in place of their embeddings. */
export type Input = readonly number[] | Tensor<'float32'>

export const lengthOf = (input: Input): number => (input instanceof Tensor ? (input.shape[0] as number) : input.length)

/** Rows first..end-1 of an input. */
export const partOf = (input: Input, first: number, end: number): Input =>
  input instanceof Tensor ? input.subarray(first, end) : input.slice(first, end)

/** What a pass of `count` tokens behind a sequence reads. */
function valuesOf(decoder: Decoder, state: SequenceState, count: number) {
  const rotary = rotaryFor(decoder, state.long, state.length + count)
  const offset = state.long ? rotary.short : 0
  return {
    rotary,
    position: Int32Array.from({ length: count }, (_, t) => state.length + t),
    angles: Int32Array.from({ length: count }, (_, t) => state.length + t + offset),
    pages: new Int32Array(decoder.pool.pagesPerSequence).fill(-1).map((none, m) => state.pages[m] ?? none),
  }
}

type Hidden = (hidden: Tensor<'float32'>) => void

/** Enqueues one pass over an input; `onHidden` gets its hidden states [T, C]. The sequence has the room already. */
export function pass(decoder: Decoder, state: SequenceState, input: Input, onHidden?: Hidden): void {
  const { network, pool, window } = decoder
  scope(() => {
    const { rotary, ...values } = valuesOf(decoder, state, lengthOf(input))
    const ints = (data: Int32Array) => network.device.tensor(data, [data.length])
    const x = input instanceof Tensor ? input : network.embed(ints(Int32Array.from(input)))
    const pages = network.device.tensor(values.pages, [1, values.pages.length])
    const [position, angles] = [ints(values.position), ints(values.angles)]
    const cache = (layer: number) => pool.layer(layer)
    onHidden?.(network.forward(x, { cache, pages, position, rotary, angles, window }))
  })
}

type Inputs = { ids: Tensor<'int32'>; position: Tensor<'int32'>; angles: Tensor<'int32'>; pages: Tensor<'int32'> }

/** The pass over `tokens` ids, recorded: a long prompt goes through it many times, by one native call each. */
export class RecordedPass {
  readonly tokens: number
  readonly #decoder: Decoder
  #made:
    | { readonly plan: Plan<Inputs, { hidden: Tensor<'float32'> }>; readonly rotary: unknown; readonly pool: number }
    | undefined

  constructor(decoder: Decoder, tokens: number) {
    this.#decoder = decoder
    this.tokens = tokens
  }

  /** As `pass`; resolves when the pass is done. */
  async run(state: SequenceState, ids: readonly number[], onHidden?: Hidden): Promise<void> {
    const { rotary, ...values } = valuesOf(this.#decoder, state, this.tokens)
    const { pool } = this.#decoder
    if (this.#made?.rotary !== rotary || this.#made.pool !== pool.version) {
      this.dispose()
      this.#made = { plan: this.#record(rotary), rotary, pool: pool.version }
    }
    const { plan } = this.#made
    const done = plan.run({ ids: Int32Array.from(ids), ...values })
    scope(() => onHidden?.(plan.outputs.hidden))
    await done
  }

  dispose(): void {
    for (const tensor of Object.values(this.#made?.plan.inputs ?? {})) tensor.dispose()
    this.#made?.plan.dispose()
    this.#made = undefined
  }

  #record(rotary: ReturnType<typeof rotaryFor>): Plan<Inputs, { hidden: Tensor<'float32'> }> {
    const { network, pool, window } = this.#decoder
    const ints = (...shape: number[]) => network.device.empty('int32', shape)
    const { tokens } = this
    const inputs = scope(() => ({
      ids: ints(tokens),
      position: ints(tokens),
      angles: ints(tokens),
      pages: ints(1, pool.pagesPerSequence),
    }))
    try {
      return record(network.device, { inputs }, ({ ids, position, angles, pages }) => {
        const cache = (layer: number) => pool.layer(layer)
        return { hidden: network.forward(network.embed(ids), { cache, pages, position, rotary, angles, window }) }
      })
    } catch (error) {
      for (const tensor of Object.values(inputs)) tensor.dispose()
      throw error
    }
  }
}
