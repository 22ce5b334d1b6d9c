import { type DType, dtypes } from './dtype.js'
import { ArgumentError } from './errors.js'
import { type Counters, type DeviceHandle, type DeviceInfo, type MemoryInfo, native, readImage } from './native.js'
import { checkNames, checkOptions, described } from './options.js'
import { bytesOf, checkData, frozen, Tensor } from './tensor.js'
import { makeWeight, type Weight, type WeightOptions } from './weight.js'

/** `'auto'` takes the best device there is and says why; a name never falls back. */
export type DeviceName = 'auto' | 'cpu' | `cuda:${number}` | `dml:${number}`

/** What `device.handle()` gives: goes through postMessage, and `openDevice` takes it in a worker. */
export interface DeviceReference {
  readonly id: string
}

/** A device by its parts. `adapter` counts from 0, the default; 'cpu' has one. */
export interface DeviceAddress {
  readonly backend: 'cpu' | 'cuda' | 'dml'
  readonly adapter?: number
}

export interface OpenDeviceOptions {
  /** Threads of the CPU backend, JavaScript's own not counted; default: one per core. A device that is open already keeps its own. */
  readonly threads?: number
}

/** The typed arrays that name a dtype by themselves. */
const inferred = {
  Float32Array: 'float32',
  Float16Array: 'float16',
  Int8Array: 'int8',
  Uint8Array: 'uint8',
  Int32Array: 'int32',
  Uint32Array: 'uint32',
} as const satisfies Readonly<Record<string, DType>>
type Inferred = typeof inferred
type Data = ArrayBufferView & { readonly [Symbol.toStringTag]: keyof Inferred }
type DTypeOf<A> = A extends { readonly [Symbol.toStringTag]: infer T extends keyof Inferred } ? Inferred[T] : never

/** What to do with the typed arrays that name none. */
const conversions: Readonly<Record<string, string>> = {
  Uint16Array: "name 'float16' or 'bfloat16' where it holds their bit patterns, or give Int32Array.from(data)",
  Int16Array: 'give Int32Array.from(data)',
  Uint8ClampedArray: 'give Uint8Array.from(data)',
  Float64Array: 'give Float32Array.from(data)',
  BigInt64Array: 'give Int32Array.from(data, Number)',
  BigUint64Array: 'give Uint32Array.from(data, Number)',
}

function dtypeOf(data: ArrayBufferView, named: DType | undefined): DType {
  const array = (data as Data)[Symbol.toStringTag] as string
  const dtype = named ?? (inferred as Readonly<Record<string, DType>>)[array]
  if (dtypes.includes(dtype as DType)) return dtype as DType
  const help =
    named === undefined ? `${array} has none of its own: ${conversions[array] ?? 'name one'}` : `it is ${named}`
  throw new ArgumentError('ERR_DTYPE', `tensor: dtype must be one of ${dtypes.join(' ')}, but ${help}`)
}

/** Devices of this machine, and the backends that have none, each with the reason. */
export async function listDevices(): Promise<{ devices: DeviceInfo[]; absent: { backend: string; reason: string }[] }> {
  return native.listDevices(null)
}

/** Opens a device; opened twice in a process, it is shared. Rejects with ERR_DEVICE_ABSENT where the named one is missing. */
export async function openDevice(
  device: DeviceName | DeviceReference | DeviceAddress = 'auto',
  options: OpenDeviceOptions = {},
): Promise<Device> {
  checkOptions('openDevice', options, { threads: true })
  const { threads = 0 } = options
  if (!Number.isInteger(threads) || threads < 0 || threads > 1024)
    throw new ArgumentError('ERR_ARGUMENT', `openDevice: threads must be 0 to 1024, but it is ${threads}`)
  if (device === 'auto') return openBest(threads)
  return new Device(await openHandle(idOf(device), threads), null)
}

function idOf(device: DeviceName | DeviceReference | DeviceAddress): string {
  if (typeof device === 'string') return device
  const { id, backend, adapter = 0 } = (device ?? {}) as Partial<DeviceReference & DeviceAddress>
  if (typeof id === 'string') return id
  if (typeof backend !== 'string')
    throw new ArgumentError('ERR_ARGUMENT', `openDevice: device must be a device's id, but it is ${described(device)}`)
  checkNames('openDevice', 'part', device, ['backend', 'adapter'])
  if (!Number.isInteger(adapter) || adapter < 0)
    throw new ArgumentError(
      'ERR_ARGUMENT',
      `openDevice: adapter must be a whole number, but it is ${described(adapter)}`,
    )
  return backend === 'cpu' && adapter === 0 ? 'cpu' : `${backend}:${adapter}`
}

async function openHandle(id: string, threads: number): Promise<DeviceHandle> {
  // the CPU has no device code, and nobody who asks for it waits for a driver
  const [backend = ''] = id.split(':')
  const { devices } = backend === 'cpu' ? { devices: [] } : await native.listDevices(backend)
  const image = devices.find((device) => device.id === id)?.details.image
  return native.openDevice(id, threads, image === undefined ? null : await readImage(image))
}

/** The first real device that opens and has every op; else the CPU, with the reasons why not another. */
async function openBest(threads: number): Promise<Device> {
  const { devices, absent } = await listDevices()
  const reasons = absent.map(({ backend, reason }) => `${backend}: ${reason}`)
  for (const { id, backend, software } of devices) {
    if (backend === 'cpu') continue
    const handle = software ? 'an emulation, taken only by name' : await tryDevice(id, backend, threads)
    if (typeof handle !== 'string') return new Device(handle, null)
    reasons.push(`${id}: ${handle}`)
  }
  return new Device(await openHandle('cpu', threads), reasons.join('; ') || null)
}

/** A device whose backend has every op, or why it cannot be taken. What lacks ops is not opened. */
async function tryDevice(id: string, backend: string, threads: number): Promise<DeviceHandle | string> {
  const missing = native.missingOps(backend)
  if (missing.length > 0) return `lacks ${missing.length} ops, ${missing[0]} among them`
  try {
    return await openHandle(id, threads)
  } catch (error) {
    return (error as Error).message
  }
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
      throw new ArgumentError('ERR_ARGUMENT', `tensor: data must be a typed array, but it is ${described(data)}`)
    const type = dtypeOf(data, dtype)
    checkData(type, shape, data)
    const handle = native.createTensor(this.native, dtypes.indexOf(type), shape, bytesOf(data))
    return new Tensor(this, handle, type, frozen(shape))
  }

  /** A tensor whose contents are whatever the memory held: for those that are written before they are read. */
  empty<D extends DType>(dtype: D, shape: readonly number[]): Tensor<D> {
    if (!dtypes.includes(dtype))
      throw new ArgumentError('ERR_DTYPE', `empty: dtype must be one of ${dtypes.join(' ')}, but it is ${dtype}`)
    const handle = native.createTensor(this.native, dtypes.indexOf(dtype), shape, null)
    return new Tensor(this, handle, dtype, frozen(shape))
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

  /** Refuses new calls at once and resolves when the work under way is done, failed or not. Idempotent. */
  async dispose(): Promise<void> {
    const closed = native.closeDevice(this.native)
    // what failed and was never waited for is of interest to nobody, and must not hide the error that ends a block of `using`
    await closed?.catch(() => {})
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `Device ${this.id} (${this.info.name})`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }
}
