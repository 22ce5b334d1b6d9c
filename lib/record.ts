import type { Device } from './device.js'
import { type TypedArrayOf, typedArray } from './dtype.js'
import { ArgumentError, DisposedError } from './errors.js'
import { native, type PlanHandle } from './native.js'
import { checkNames, checkOptions, described, type OptionNames } from './options.js'
import { keep, madeHere, scope } from './scope.js'
import { bytesOf, landingOf, Tensor } from './tensor.js'

type TensorMap = Readonly<Record<string, Tensor>>
type DTypeOf<T> = T extends Tensor<infer D> ? D : never

/** A value for an input of a plan: as many elements as the tensor has; a number for a tensor of one. */
export type InputValue = ArrayBufferView | number

export interface RunOptions<K extends string> {
  /** The outputs to read back. */
  readonly read?: readonly K[] | undefined
}

const runNames: OptionNames<RunOptions<string>> = { read: true }

export interface RecordOptions<I> {
  /** Tensors whose values `run` may replace. */
  readonly inputs: I
}

/** A step recorded once: checked calls with their buffers, replayed by one native call. */
export class Plan<I extends TensorMap = TensorMap, O extends TensorMap = TensorMap> {
  readonly device: Device
  readonly inputs: I
  /** Written by every run, until the plan is disposed. */
  readonly outputs: O
  readonly #handle: PlanHandle
  readonly #inputs: readonly (readonly [string, Tensor])[]
  readonly #inputNames: readonly string[]
  readonly #names: readonly string[]
  readonly #owned: readonly Tensor[]
  #disposed = false

  /** Made by `record`. */
  constructor(device: Device, handle: PlanHandle, inputs: I, outputs: O, owned: readonly Tensor[]) {
    this.device = device
    this.inputs = inputs
    this.outputs = outputs
    this.#handle = handle
    this.#inputs = Object.entries(inputs)
    this.#inputNames = Object.keys(inputs)
    this.#names = Object.keys(outputs)
    this.#owned = owned
  }

  /** The recorded calls in order, after fusion. */
  get calls(): { path: string; op: string }[] {
    return native.describePlan(this.#live()).map(([path, op]) => ({ path, op }))
  }

  /** Writes the given inputs, replays, and resolves with the outputs named in `read` once that is done. One native call. */
  async run<const K extends keyof O & string = never>(
    values: { readonly [N in keyof I]?: InputValue } = {},
    options: RunOptions<K> = {},
  ): Promise<{ [N in K]: TypedArrayOf<DTypeOf<O[N]>> }> {
    const handle = this.#live()
    checkNames('plan', 'input', values, this.#inputNames)
    checkOptions('plan', options, runNames)
    const { read = [] } = options
    const data = this.#inputs.map(([name, tensor]) => inputBytes(tensor, values[name as keyof I]))
    const indices = read.map((name) => this.#indexOf(name))
    const landings = read.map((name) => landingOf(this.outputs[name] as Tensor))
    await native.runPlan(handle, data, indices, landings)
    return Object.fromEntries(
      read.map((name, i) => [name, typedArray((this.outputs[name] as Tensor).dtype, landings[i] as ArrayBuffer)]),
    ) as { [N in K]: TypedArrayOf<DTypeOf<O[N]>> }
  }

  /** Frees the plan's memory and the outputs that were made for it; what existed before belongs to the caller. Idempotent. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    native.disposePlan(this.#handle)
    for (const output of this.#owned) output.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #live(): PlanHandle {
    if (this.#disposed) throw new DisposedError('plan: must be live, but it was disposed')
    return this.#handle
  }

  #indexOf(name: string): number {
    const index = this.#names.indexOf(name)
    if (index < 0)
      throw new ArgumentError('ERR_ARGUMENT', `plan: read must be among ${this.#names.join(' ')}, but it is ${name}`)
    return index
  }
}

function inputBytes(tensor: Tensor, value: InputValue | undefined): Uint8Array | null {
  if (value === undefined) return null
  if (ArrayBuffer.isView(value)) return bytesOf(value)
  if (typeof value !== 'number')
    throw new ArgumentError(
      'ERR_ARGUMENT',
      `plan: inputs must be typed arrays or numbers, but one is ${described(value)}`,
    )
  switch (tensor.dtype) {
    case 'int32':
      return bytesOf(Int32Array.of(value))
    case 'uint32':
      return bytesOf(Uint32Array.of(value))
    case 'float32':
      return bytesOf(Float32Array.of(value))
    default:
      throw new ArgumentError('ERR_DTYPE', `plan: an input of ${tensor.dtype} must be given as a typed array`)
  }
}

/**
 * Records the ops that `fn` calls on `device`, instead of running them, and compiles them: on a GPU in the background, so
 * that the first `run` may have to wait for it, and rejects where it failed. What changes from run to run must be a
 * tensor: the `inputs`, made before. Only returned tensors and those that existed before are visible afterwards; reading
 * or writing inside throws ERR_RECORDING. `fn` must not be async.
 */
export function record<I extends TensorMap, O extends TensorMap>(
  device: Device,
  options: RecordOptions<I>,
  fn: (inputs: I) => O,
): Plan<I, O> {
  checkOptions('record', options, { inputs: true })
  const { inputs } = options
  if (typeof inputs !== 'object' || inputs === null)
    throw new ArgumentError('ERR_ARGUMENT', `record: inputs must be tensors by name, but are ${described(inputs)}`)
  native.beginRecording(device.native)
  try {
    return scope(() => {
      const outputs = fn(inputs)
      checkOutputs(device, outputs)
      const owned = Object.values(outputs).filter(madeHere)
      const handle = native.endRecording(
        device.native,
        Object.values(inputs).map((tensor) => tensor.native),
        Object.values(outputs).map((tensor) => tensor.native),
      )
      for (const output of owned) keep(output)
      return new Plan(device, handle, inputs, outputs, owned)
    })
  } catch (error) {
    native.cancelRecording(device.native)
    throw error
  }
}

function checkOutputs(device: Device, outputs: unknown): void {
  if (typeof outputs !== 'object' || outputs === null || outputs instanceof Promise)
    throw new ArgumentError('ERR_ARGUMENT', 'record: fn must return tensors by name, at once, but it does not')
  for (const [name, output] of Object.entries(outputs)) {
    if (!(output instanceof Tensor))
      throw new ArgumentError('ERR_ARGUMENT', `record: ${name} must be a tensor, but it is ${String(output)}`)
    if (output.device !== device)
      throw new ArgumentError(
        'ERR_ARGUMENT',
        `record: ${name} must be on ${device.id}, but it is on ${output.device.id}`,
      )
  }
}
