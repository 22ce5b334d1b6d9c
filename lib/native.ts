/** Loads the addon; the only file that knows a .node file exists. */
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join, resolve, sep } from 'node:path'
import { arch, env, execPath, platform, report, version } from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliDecompress } from 'node:zlib'
import { BinaryMissingError, type ErrorCode, errorOf } from './errors.js'
import type { WeightDescription, WeightPart } from './formats/description.js'

/** Opaque native objects; `unique symbol` brands keep them apart at compile time, type tags at run time. */
declare const brand: unique symbol
export type DeviceHandle = { readonly [brand]: 'device' }
export type TensorHandle = { readonly [brand]: 'tensor' }
export type WeightHandle = { readonly [brand]: 'weight' }
export type PlanHandle = { readonly [brand]: 'plan' }

/** What only some backends tell. */
export interface DeviceDetails {
  /** cpu: the instruction set in use, and those that this processor has. */
  readonly isa?: string
  readonly isas?: readonly string[]
  /** cpu: that compute, JavaScript's own not counted. */
  readonly threads?: number
  /** cuda: what the driver supports, as CUDA counts; dml: the driver's own version. */
  readonly driver?: string
  readonly computeCapability?: string
  /** cuda: the device code in the package that it takes. */
  readonly image?: string
  /** dml: the adapter's number while Windows runs, as two hexadecimal words. */
  readonly luid?: string
  /** dml: full path of DirectML.dll, or why there is none; its version and feature level. */
  readonly directml?: string
  readonly directmlVersion?: string
  readonly featureLevel?: string
}

/** A device as it describes itself. */
export interface DeviceInfo {
  /** 'cpu', 'cuda:0', 'dml:1': what openDevice takes. */
  readonly id: string
  readonly backend: string
  /** The processor's or adapter's own name. */
  readonly name: string
  readonly vendor: string
  /** Bytes that the device has in all. */
  readonly memory: number
  /** True for an emulation of a device. */
  readonly software: boolean
  readonly details: DeviceDetails
}

/** Bytes. */
export interface MemoryInfo {
  readonly used: number
  readonly peak: number
  readonly cached: number
  readonly total: number
}

/** What crossed the border between JavaScript and native code. */
export interface Counters {
  readonly calls: number
  readonly replays: number
  readonly bytesRead: number
}

/** An attribute of an op; words are those of a choice, `initial` is the default in the schema's words, null where it must be given. */
export interface NativeAttribute {
  readonly name: string
  readonly kind: 'int' | 'float' | 'bool' | 'dtype' | 'ints' | 'choice'
  readonly words: readonly string[]
  readonly initial: string | null
}

/** What a call of an op must know of it, in the order in which it is handed over. */
export interface NativeOp {
  readonly name: string
  readonly in: readonly { readonly name: string; readonly variadic: boolean; readonly optional: boolean }[]
  readonly attributes: readonly NativeAttribute[]
  readonly out: readonly string[]
}

export type AttributeValue = number | boolean | readonly number[]

/** A WeightDescription of lib/formats/description.ts; a part without rows has as many as its data hold. */
export type NativeWeight = Omit<WeightDescription, 'parts'> & {
  readonly parts: readonly (Omit<WeightPart, 'rows'> & { readonly rows?: number })[]
}

/** An op that a weight is to be an operand of. */
export type NativeUse = { readonly op: 'embedding' } | { readonly op: 'linear'; readonly activations: 'f32' | 'int8' }

/** What native/addon.cpp exports: flat functions over handles. Shapes are row-major, dtypes the index in lib/dtype.ts. */
export interface NativeModule {
  setErrorFactory(factory: (code: ErrorCode, message: string, file: string, stack: string) => Error): void
  /** Tells the variables that native code knows, once in a process: reading them itself would race with writes to process.env. */
  setEnvironment(variables: Readonly<Record<string, string | undefined>>): void
  /** Tells which device code lies in the package, before the first listDevices: "cuda/sm_90a". */
  setImageNames(names: readonly string[]): void
  /** Of one backend, or of all. Asks drivers on a thread of its own. */
  listDevices(backend: string | null): Promise<{ devices: DeviceInfo[]; absent: { backend: string; reason: string }[] }>
  /** `image`: the unpacked device code that DeviceInfo.image names. */
  openDevice(id: string, threads: number, image: Uint8Array | null): Promise<DeviceHandle>
  deviceInfo(device: DeviceHandle): DeviceInfo
  deviceMemory(device: DeviceHandle): MemoryInfo
  deviceCounters(device: DeviceHandle): Counters
  syncDevice(device: DeviceHandle): Promise<void>
  closeDevice(device: DeviceHandle): Promise<void> | undefined
  /** null: the contents are whatever the memory held. */
  createTensor(device: DeviceHandle, dtype: number, shape: readonly number[], bytes: Uint8Array | null): TensorHandle
  viewTensor(tensor: TensorHandle, shape: readonly number[], first: number): TensorHandle
  writeTensor(tensor: TensorHandle, bytes: Uint8Array): void
  /** The device writes to `to`, which has as many bytes as the tensor, until the promise is settled. */
  readTensor(tensor: TensorHandle, to: ArrayBuffer): Promise<void>
  readTensorSync(tensor: TensorHandle, to: ArrayBuffer): void
  disposeTensor(tensor: TensorHandle): void
  /**
   * Typed arrays are copied before this returns, and refused uses throw; all else happens on a thread of its own. `inPlace`:
   * mapped files may be computed on.
   */
  createWeight(
    device: DeviceHandle,
    weight: NativeWeight,
    inPlace: boolean,
    uses: readonly NativeUse[],
  ): Promise<WeightHandle>
  createWeightSync(device: DeviceHandle, weight: NativeWeight): WeightHandle
  /** Rows `first` .. of a weight as float32 [rows, columns]. */
  readRows(device: DeviceHandle, weight: NativeWeight, first: number, rows: number): Promise<TensorHandle>
  readRowsSync(device: DeviceHandle, weight: NativeWeight, first: number, rows: number): TensorHandle
  /** Throws where a file that a weight is computed on in place has changed since it was mapped. */
  checkFiles(weights: readonly WeightHandle[]): void
  disposeWeight(weight: WeightHandle): void
  /** The outputs that `out` does not give, as [handle, dtype, shape]. */
  /** Gives `runOp` the array in which it tells dtype, rank and dims of each output that it made. */
  setReply(reply: Float64Array): void
  runOp(
    device: DeviceHandle,
    op: number,
    path: number,
    operands: readonly (TensorHandle | WeightHandle | null)[],
    attributes: readonly AttributeValue[],
    out: readonly (TensorHandle | null)[] | null,
  ): TensorHandle[]
  /** The schema as native code has parsed it. */
  describeOps(): NativeOp[]
  /** An op from strings of the schema's grammar; throws ERR_ARGUMENT where they break it. */
  parseOp(
    name: string,
    inputs: Readonly<Record<string, string>>,
    attributes: Readonly<Record<string, string>>,
    outputs: Readonly<Record<string, string>>,
    requirements: readonly string[],
  ): NativeOp
  /** Names of the ops that no device of a backend has. Opens nothing. */
  missingOps(backend: string): string[]
  /** The number of a path, or of a line of the script there, for calls to carry. What a call fails of gets the stack. */
  internPath(path: string, stack: string): number
  beginRecording(device: DeviceHandle): void
  endRecording(device: DeviceHandle, inputs: readonly TensorHandle[], outputs: readonly TensorHandle[]): PlanHandle
  cancelRecording(device: DeviceHandle): void
  /** The outputs of these indices land in `to`, one after the other. */
  runPlan(
    plan: PlanHandle,
    inputs: readonly (Uint8Array | null)[],
    reads: readonly number[],
    to: readonly ArrayBuffer[],
  ): Promise<void>
  describePlan(plan: PlanHandle): [path: string, op: string][]
  disposePlan(plan: PlanHandle): void
}

type Loader = ((folder: string) => NativeModule) & { resolve(folder: string): string }

// lib/ and dist/ lie side by side in the package
const root = dirname(dirname(fileURLToPath(import.meta.url)))

export const native: NativeModule = load()
native.setErrorFactory(errorOf)
native.setEnvironment({ ...env, LOPHI_CACHE: cacheFolder() })

// Device code is the same for every platform: one set of files serves all binaries of the package.
const images = join(env.LOPHI_PREBUILD || root, 'prebuilds', 'images')
native.setImageNames(
  ['cuda'].flatMap((backend) =>
    (list(join(images, backend)) ?? [])
      .filter((file) => file.endsWith('.br'))
      .map((file) => `${backend}/${file.slice(0, -3)}`),
  ),
)

/** The device code of a name that was told, unpacked. */
export async function readImage(name: string): Promise<Uint8Array> {
  return promisify(brotliDecompress)(await readFile(join(images, `${name}.br`)))
}

/** Where compiled device code is kept from process to process; '' where it is not. */
function cacheFolder(): string {
  const { LOPHI_CACHE: named, LOCALAPPDATA, XDG_CACHE_HOME } = env
  if (named) return named === 'off' ? '' : resolve(named)
  const caches =
    platform === 'win32'
      ? LOCALAPPDATA || join(homedir(), 'AppData', 'Local')
      : XDG_CACHE_HOME || join(homedir(), '.cache')
  return join(caches, 'lophi')
}

function load(): NativeModule {
  const require = createRequire(import.meta.url)
  let found: string | undefined
  try {
    const loader = require('node-gyp-build') as Loader
    found = loader.resolve(root)
    return loader(root)
  } catch (cause) {
    throw new BinaryMissingError(explain(found, (cause as Error).message), { cause })
  }
}

/** Every place that node-gyp-build looks at, in its order, and what helps. `found` is the file it settled on. */
function explain(found: string | undefined, reason: string): string {
  const folder = env.LOPHI_PREBUILD || root
  const target = `${platform}-${arch}`
  const places = [
    ...(env.PREBUILDS_ONLY ? [] : [join(folder, 'build', 'Release'), join(folder, 'build', 'Debug')]),
    join(folder, 'prebuilds', target),
    join(dirname(execPath), 'prebuilds', target),
  ]
  const tried: string[] = []
  for (const place of places) {
    const binaries = list(place)?.filter((file) => file.endsWith('.node'))
    if (found && dirname(found) === place) {
      tried.push(`${found}: ${reason}`)
      break
    }
    if (!binaries) tried.push(`${place}: no such folder`)
    else
      tried.push(
        `${place}: ${binaries.length > 0 ? `nothing for this system in ${binaries.join(', ')}` : 'no .node file'}`,
      )
  }
  if (!reason.startsWith('No native build') && !found) tried.push(reason)
  return [
    `lophi: no native binary loads on ${target} (${libc()}Node ${version.slice(1)})`,
    ...tried.map((line) => `  ${line.trim()}`),
    ...remedies(),
  ].join('\n')
}

function remedies(): string[] {
  if (!root.includes(`${sep}node_modules${sep}`)) return ['Build it: npm run build']
  const platforms =
    list(join(root, 'prebuilds'))
      ?.filter((name) => name !== 'images')
      .join(', ') || 'no platform'
  return [
    `This installation holds binaries for ${platforms}.`,
    'Install it again: npm uninstall lophi && npm install lophi',
    `Or compile it, with a C++20 compiler, Python 3 and make: npm --prefix "${root}" run build:native`,
  ]
}

function libc(): string {
  if (platform !== 'linux') return ''
  const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return header?.glibcVersionRuntime ? `glibc ${header.glibcVersionRuntime}, ` : 'no glibc, '
}

function list(folder: string): string[] | undefined {
  try {
    return readdirSync(folder)
  } catch {
    return undefined
  }
}
