import type { Device } from './device.js'
import { byteLength, type DType, numberAt, type TypedArrayOf, typedArray } from './dtype.js'
import { ArgumentError, DisposedError } from './errors.js'
import { native, type TensorHandle } from './native.js'
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

  /** Made by `device.tensor`, ops and views. */
  constructor(device: Device, handle: TensorHandle, dtype: D, shape: S) {
    this.device = device
    this.native = handle
    this.dtype = dtype
    this.shape = shape
    register(this as unknown as Tensor)
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
    native.writeTensor(this.#live('write'), bytesOf(data))
  }

  /** All elements, once everything enqueued before has run. Rejects with the first error of that work. */
  async read(): Promise<TypedArrayOf<D>> {
    return typedArray(this.dtype, await native.readTensor(this.#live('read')))
  }

  /** As `read`, but blocks the JS thread. */
  readSync(): TypedArrayOf<D> {
    return typedArray(this.dtype, native.readTensorSync(this.#live('readSync')))
  }

  /** The one element of a tensor of size 1, as a number. */
  async item(): Promise<number> {
    if (this.size !== 1)
      throw new ArgumentError('ERR_SHAPE', `item: the tensor must have one element, but it is [${this.shape}]`)
    return numberAt(this.dtype, await this.read(), 0)
  }

  /** The same memory under another shape of as many elements. */
  view<const T extends Shape>(shape: T): Tensor<D, T> {
    if (sizeOf(shape) !== this.size)
      throw new ArgumentError(
        'ERR_SHAPE',
        `view: shape must have ${this.size} elements as [${this.shape}] has, but it is [${shape}]`,
      )
    return new Tensor(this.device, native.viewTensor(this.#live('view'), shape, 0), this.dtype, shape)
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

  #live(call: string): TensorHandle {
    if (this.#disposed) throw new DisposedError(`${call}: the tensor must be live, but it was disposed`)
    return this.native
  }
}

/** Checks that `data` fits dtype and shape. */
export function checkData(dtype: DType, shape: Shape, data: ArrayBufferView): void {
  for (const dim of shape)
    if (!Number.isSafeInteger(dim) || dim < 0)
      throw new ArgumentError('ERR_SHAPE', `tensor: shape must hold whole numbers, but it is [${shape}]`)
  const wanted = byteLength(dtype, sizeOf(shape))
  if (data.byteLength !== wanted)
    throw new ArgumentError(
      'ERR_SHAPE',
      `tensor: data must have ${wanted} bytes for ${dtype} [${shape}], but it has ${data.byteLength}`,
    )
}
