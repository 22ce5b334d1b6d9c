import { type DType, dtypes, type TypedArrays } from './dtype.js'
import { ArgumentError } from './errors.js'
import { type Counters, type DeviceHandle, type DeviceInfo, type MemoryInfo, native, readImage } from './native.js'
import { bytesOf, checkData, Tensor } from './tensor.js'
import { makeWeight, type Weight, type WeightOptions } from './weight.js'

/** `'auto'` takes the best device there is and says why; a name never falls back. */
export type DeviceName = 'auto' | 'cpu' | `cuda:${number}` | `dml:${number}`

/** What `device.handle()` gives: goes through postMessage, and `openDevice` takes it in a worker. */
export interface DeviceReference {
  readonly id: string
}

export interface OpenDeviceOptions {
  /** Threads of the CPU backend, JavaScript's own not counted; default: one per core. A device that is open already keeps its own. */
  readonly threads?: number
}

/** The typed arrays that name a dtype by themselves. */
interface InferredDTypes {
  Float32Array: 'float32'
  Int8Array: 'int8'
  Uint8Array: 'uint8'
  Int32Array: 'int32'
  Uint32Array: 'uint32'
}
type Data = TypedArrays[keyof TypedArrays]
type DTypeOf<A> = A extends { readonly [Symbol.toStringTag]: infer T }
  ? T extends keyof InferredDTypes
    ? InferredDTypes[T]
    : never
  : never

const inferred: Readonly<Record<string, DType>> = {
  Float32Array: 'float32',
  Int8Array: 'int8',
  Uint8Array: 'uint8',
  Int32Array: 'int32',
  Uint32Array: 'uint32',
} satisfies InferredDTypes

/** Devices of this machine, and the backends that have none, each with the reason. */
export async function listDevices(): Promise<{ devices: DeviceInfo[]; absent: { backend: string; reason: string }[] }> {
  return native.listDevices()
}

/** Opens a device; opened twice in a process, it is shared. Rejects with ERR_DEVICE_ABSENT where the named one is missing. */
export async function openDevice(
  name: DeviceName | DeviceReference | { readonly backend: string; readonly adapter?: number } = 'auto',
  { threads = 0 }: OpenDeviceOptions = {},
): Promise<Device> {
  if (!Number.isInteger(threads) || threads < 0 || threads > 1024)
    throw new ArgumentError('ERR_ARGUMENT', `openDevice: threads must be 0 to 1024, but it is ${threads}`)
  if (name === 'auto') return openBest(threads)
  return new Device(await openHandle(idOf(name), threads), null)
}

function idOf(name: unknown): string {
  if (typeof name === 'string') return name
  const { id, backend, adapter = 0 } = (name ?? {}) as { id?: unknown; backend?: unknown; adapter?: number }
  if (typeof id === 'string') return id
  if (typeof backend === 'string') return backend === 'cpu' ? 'cpu' : `${backend}:${adapter}`
  throw new ArgumentError('ERR_ARGUMENT', `openDevice: name must be a device's id, but it is ${String(name)}`)
}

async function openHandle(id: string, threads: number): Promise<DeviceHandle> {
  const image = native.listDevices().devices.find((device) => device.id === id)?.image
  return native.openDevice(id, threads, typeof image === 'string' ? await readImage(image) : null)
}

/** The first real device that has every op; else the CPU, with the reasons why not another. */
async function openBest(threads: number): Promise<Device> {
  const { devices, absent } = native.listDevices()
  const reasons = absent.map(({ backend, reason }) => `${backend}: ${reason}`)
  for (const { id, backend, software } of devices) {
    if (backend === 'cpu') continue
    if (software) {
      reasons.push(`${id}: an emulation, taken only by name`)
      continue
    }
    const handle = await openHandle(id, threads)
    const missing = native.missingOps(handle)
    if (missing.length === 0) return new Device(handle, null)
    reasons.push(`${id}: lacks ${missing.length} ops, ${missing[0]} among them`)
    await native.closeDevice(handle)
  }
  return new Device(await openHandle('cpu', threads), reasons.join('; ') || null)
}

/** A device with its in-order stream. Counted in the process: memory goes when the last user has disposed it. */
export class Device {
  readonly info: DeviceInfo
  /** Why `'auto'` took the CPU; null where nothing was passed over. */
  readonly fallbackReason: string | null
  /** For the package's own use. */
  readonly native: DeviceHandle

  constructor(handle: DeviceHandle, fallbackReason: string | null) {
    this.native = handle
    this.info = native.deviceInfo(handle)
    this.fallbackReason = fallbackReason
  }

  get id(): string {
    return this.info.id
  }

  /**
   * A tensor with a copy of `data`, taken before this returns. The dtype follows from the array; name it for
   * float16 and bfloat16 (bit patterns in a Uint16Array), int4 and uint4 (two a byte, low nibble first).
   */
  tensor<A extends Data, const S extends readonly number[]>(data: A, shape: S): Tensor<DTypeOf<A>, S>
  tensor<D extends DType, const S extends readonly number[]>(data: ArrayBufferView, shape: S, dtype: D): Tensor<D, S>
  tensor(data: ArrayBufferView, shape: readonly number[], dtype?: DType): Tensor {
    if (!ArrayBuffer.isView(data))
      throw new ArgumentError('ERR_ARGUMENT', `tensor: data must be a typed array, but it is ${typeof data}`)
    const type = dtype ?? inferred[(data as Data)[Symbol.toStringTag]]
    if (!type || !dtypes.includes(type))
      throw new ArgumentError('ERR_DTYPE', `tensor: dtype must be one of ${dtypes.join(' ')}, but it is ${type}`)
    checkData(type, shape, data)
    const handle = native.createTensor(this.native, dtypes.indexOf(type), shape, bytesOf(data))
    return new Tensor(this, handle, type, [...shape])
  }

  /**
   * A weight matrix in a file's own format, from memory (copied) or from ranges of files (mapped, shared in the process).
   * What does not lie in rows of unsigned values is repacked before this returns, on all cores, into memory of its own.
   */
  weight(options: WeightOptions): Weight {
    return makeWeight(this, options)
  }

  /** Bytes in use, at the peak, kept for reuse, and in all. Weights count on the CPU where they are not mapped. */
  memory(): MemoryInfo {
    return native.deviceMemory(this.native)
  }

  /** Calls into native code, plans replayed and bytes read back since the device was opened here. */
  counters(): Counters {
    return native.deviceCounters(this.native)
  }

  /** Resolves when everything enqueued so far has run; rejects with its first error. */
  async sync(): Promise<void> {
    await native.syncDevice(this.native)
  }

  /** A plain object for postMessage; the worker's `openDevice` gives the same device. */
  handle(): DeviceReference {
    return { id: this.id }
  }

  /** Refuses new calls at once and resolves when the work under way is done. Idempotent. */
  async dispose(): Promise<void> {
    await native.closeDevice(this.native)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }
}
