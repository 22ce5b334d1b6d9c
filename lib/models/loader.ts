import { setImmediate as turn } from 'node:timers/promises'
import type { Device } from '../device.js'
import { AbortedError } from '../errors.js'
import type { WeightDescription } from '../formats/source.js'
import type { NativeUse } from '../native.js'
import type { Tensor } from '../tensor.js'
import { openWeight, type Weight } from '../weight.js'
import { openRows } from '../weight-rows.js'

/** Weights on their way at a time: while one is read, those before it travel to the device. */
const inFlight = 4

export interface LoaderOptions {
  readonly signal?: AbortSignal | undefined
  /** False: mapped files are copied and not computed on. */
  readonly inPlace?: boolean
}

/** Opens the parts of a model, a few at a time and in the order in which they are asked for. Owns what it opened. */
export class Loader {
  readonly #device: Device
  readonly #options: LoaderOptions
  readonly #owned: Disposable[] = []
  readonly #waiting: (() => void)[] = []
  #running = 0
  #failed = false

  constructor(device: Device, options: LoaderOptions) {
    this.#device = device
    this.#options = options
  }

  /** `uses`: what the model does with it. */
  weight(description: WeightDescription, ...uses: readonly NativeUse[]): Promise<Weight> {
    const { inPlace = true } = this.#options
    return this.#open(() => openWeight(this.#device, description, { inPlace, uses }))
  }

  /** A vector [C] as float32. */
  vector(description: WeightDescription): Promise<Tensor<'float32'>> {
    return this.#open(async () => {
      using row = await openRows(this.#device, description)
      return row.view([row.size])
    })
  }

  /**
   * What `open` asked for, and everything that was opened, for the caller to dispose. Where a part fails or the signal aborts
   * nothing more is begun, what is under way ends, and all of it is disposed before this rejects.
   */
  async all<T>(open: () => Promise<T>): Promise<{ parts: T; owned: readonly Disposable[] }> {
    try {
      const parts = await open()
      this.#checkRunning()
      return { parts, owned: this.#owned }
    } catch (error) {
      this.#failed = true
      while (this.#running > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
      for (const each of this.#owned) each[Symbol.dispose]()
      throw error
    }
  }

  async #open<T extends Disposable>(open: () => Promise<T>): Promise<T> {
    while (this.#running >= inFlight) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running++
    try {
      // an abort, and whatever else waits for the event loop, comes between two parts
      await turn()
      this.#checkRunning()
      const made = await open()
      this.#owned.push(made)
      return made
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }

  #checkRunning(): void {
    const { signal } = this.#options
    if (signal?.aborted) throw new AbortedError('loadModel: aborted', { cause: signal.reason })
    if (this.#failed) throw new AbortedError('loadModel: another part failed')
  }
}
