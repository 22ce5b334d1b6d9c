import type { Device } from './device.js'
import { byteLength, type DType, numbersOf, type TypedArrayOf, typedArray } from './dtype.js'
import { ArgumentError, DisposedError, OutOfMemoryError } from './errors.js'
import { native, type TensorHandle } from './native.js'
import { described } from './options.js'
import { register } from './scope.js'

export type Shape = readonly number[]

/** Elements of a shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((count, dim) => count * dim, 1)
}

/** The bytes of a typed array, without a copy. */
export function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

/**
 * A dense row-major tensor in the memory of a device. Calls only enqueue; `read`, `item` wait off the JS thread, `readSync` blocks.
 * Dispose it, or let a `scope` or `using` do so; the garbage collector is the net below.
 */
export class Tensor<D extends DType = DType, S extends Shape = Shape> {
  readonly device: Device
  readonly dtype: D
  readonly shape: S
  /** For the package's own use. */
  readonly native: TensorHandle
  #disposed = false
  /** The first values as they were last read, for printing. */
  #shown: readonly number[] | undefined

  /** Made by `device.tensor`, ops and views. */
  constructor(device: Device, handle: TensorHandle, dtype: D, shape: S) {
    this.device = device
    this.native = handle
    this.dtype = dtype
    this.shape = shape
    register(this)
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape)
  }

  get disposed(): boolean {
    return this.#disposed
  }

  /** Replaces all elements; `data` is copied before this returns. 16-bit floats are given as bit patterns. */
  write(data: ArrayBufferView): void {
    if (!ArrayBuffer.isView(data))
      throw new ArgumentError('ERR_ARGUMENT', `write: data must be a typed array, but it is ${described(data)}`)
    native.writeTensor(this.#live('write'), bytesOf(data))
  }

  /**
   * All elements, once everything enqueued before has run. Rejects with the first error of that work. float16 and bfloat16
   * come as bit patterns (`numbers`, or `float16ToFloat32`, decodes them), int4 and uint4 two a byte, low nibble first.
   */
  async read(): Promise<TypedArrayOf<D>> {
    const handle = this.#live('read')
    const landing = landingOf(this)
    await native.readTensor(handle, landing)
    return this.#arrived(landing)
  }

  /** As `read`, but blocks the JS thread. */
  readSync(): TypedArrayOf<D> {
    const handle = this.#live('readSync')
    const landing = landingOf(this)
    native.readTensorSync(handle, landing)
    return this.#arrived(landing)
  }

  /** All elements as numbers, row-major, whatever the dtype. */
  async numbers(): Promise<number[]> {
    return numbersOf(this.dtype, await this.read(), this.size)
  }

  /** The one element of a tensor of size 1, as a number. */
  async item(): Promise<number> {
    if (this.size !== 1)
      throw new ArgumentError('ERR_SHAPE', `item: the tensor must have one element, but it is [${this.shape}]`)
    const [number] = await this.numbers()
    return number as number
  }

  /** The same memory under another shape of as many elements. */
  view<const T extends Shape>(shape: T): Tensor<D, T> {
    checkShape('view', shape)
    if (sizeOf(shape) !== this.size)
      throw new ArgumentError(
        'ERR_SHAPE',
        `view: shape must have ${this.size} elements as [${this.shape}] has, but it is [${shape}]`,
      )
    return new Tensor(this.device, native.viewTensor(this.#live('view'), shape, 0), this.dtype, frozen(shape))
  }

  /** Rows start..end-1 of the first axis, in the same memory; bounds as in TypedArray.subarray. */
  subarray(start: number, end?: number): Tensor<D> {
    const [rows, ...rest] = this.shape as readonly number[]
    if (rows === undefined) throw new ArgumentError('ERR_SHAPE', 'subarray: the tensor must have an axis, but it is []')
    const bound = (at: number) => Math.max(0, Math.min(rows, at < 0 ? at + rows : at))
    const from = bound(start)
    const to = Math.max(from, bound(end ?? rows))
    const shape = [to - from, ...rest]
    const handle = native.viewTensor(this.#live('subarray'), shape, from * sizeOf(rest))
    return new Tensor(this.device, handle, this.dtype, shape)
  }

  /** Gives the memory back once the work that uses it is done. Idempotent. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    native.disposeTensor(this.native)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** What console.log shows: a tensor's values live elsewhere, so only those that a read has brought here. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const what = `Tensor ${this.dtype} [${this.shape.join(', ')}] on ${this.device.id}`
    if (this.#disposed) return `${what}, disposed`
    if (!this.#shown) return what
    const more = this.size - this.#shown.length
    return `${what}, last read: ${this.#shown.map(shownNumber).join(' ')}${more > 0 ? ` ... ${more} more` : ''}`
  }

  #arrived(bytes: ArrayBuffer): TypedArrayOf<D> {
    const data = typedArray(this.dtype, bytes)
    this.#shown = numbersOf(this.dtype, data, Math.min(this.size, shownValues))
    return data
  }

  #live(call: string): TensorHandle {
    if (this.#disposed) throw new DisposedError(`${call}: the tensor must be live, but it was disposed`)
    return this.native
  }
}

const shownValues = 16

const shownNumber = (value: number) => String(Number(value.toPrecision(6)))

/** A copy that a later change of the caller's array does not reach. */
export function frozen<S extends Shape>(shape: S): S {
  return Object.freeze([...shape]) as unknown as S
}

function checkShape(where: string, shape: unknown): void {
  if (!Array.isArray(shape))
    throw new ArgumentError(
      'ERR_ARGUMENT',
      `${where}: shape must be an array of whole numbers, but it is ${described(shape)}`,
    )
  for (const dim of shape)
    if (!Number.isSafeInteger(dim) || dim < 0)
      throw new ArgumentError('ERR_SHAPE', `${where}: shape must hold whole numbers, but it is [${shape}]`)
}

/** Memory for what is read from a tensor. */
export function landingOf(tensor: { readonly dtype: DType; readonly shape: Shape }): ArrayBuffer {
  const bytes = byteLength(tensor.dtype, sizeOf(tensor.shape))
  try {
    return new ArrayBuffer(bytes)
  } catch {
    throw new OutOfMemoryError(`read: the machine must have ${bytes} bytes free for the result, but it has not`)
  }
}

/** Checks that `data` fits dtype and shape. */
export function checkData(dtype: DType, shape: Shape, data: ArrayBufferView): void {
  checkShape('tensor', shape)
  const wanted = byteLength(dtype, sizeOf(shape))
  if (data.byteLength !== wanted)
    throw new ArgumentError(
      'ERR_SHAPE',
      `tensor: data must have ${wanted} bytes for ${dtype} [${shape}], but it has ${data.byteLength}`,
    )
}
