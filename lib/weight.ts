import type { Device } from './device.js'
import { dtypes } from './dtype.js'
import { ArgumentError } from './errors.js'
import {
  type FileRange,
  type Payload,
  type WeightDescription,
  type WeightFormat,
  type WeightGroups,
  type WeightPacking,
  type WeightPart,
  weightFormats,
  weightPackings,
} from './formats/source.js'
import { type NativeGroups, type NativePart, native, type WeightHandle } from './native.js'
import { checkNames, checkOptions, described, type OptionNames } from './options.js'
import { bytesOf } from './tensor.js'

/** A typed array (copied) or a range of a file (mapped). */
export type WeightData = ArrayBufferView | FileRange

export interface WeightOptions {
  readonly format: WeightFormat
  /** [rows N, columns K]: y = x · wᵀ has N columns. */
  readonly shape: readonly [number, number]
  readonly parts: {
    /** Several are stacked in order: whole rows each, of a format without groups. */
    readonly data: WeightData | readonly WeightData[]
    /** int4 and int8 alone: one per row and group. */
    readonly scales?: WeightData
    /** Zero points; absent: 8 or 128, or 0 where the values are signed. */
    readonly zeros?: WeightData
    /** int32, the group of every column, where groups are not consecutive columns. */
    readonly gIdx?: WeightData
  }
  /** int4 and int8: consecutive columns that share a scale, a power of two from 16 on or all of them. */
  readonly group?: number
  /** Default: float32 for a Float32Array of scales, else float16. */
  readonly scaleType?: WeightGroups['scaleType']
  /** 'packed' as the data are (the default), floats of `scaleType`, or 'offset': floats that are added, q * scale + offset. */
  readonly zeroType?: 'packed' | 'float' | 'offset'
  /** Values and packed zero points are two's complement. */
  readonly signed?: boolean
  /** How the bytes are arranged, default 'rows'; the others are repacked into rows, on the calling thread. */
  readonly packing?: WeightPacking
}

/** A matrix in the format of its file, for `linear` and `embedding`. The CPU computes on mapped rows in place. */
export class Weight {
  readonly device: Device
  readonly shape: readonly [number, number]
  /** 'mixed' where parts of several formats are stacked. */
  readonly format: WeightFormat | 'mixed'
  /** For the package's own use. */
  readonly native: WeightHandle
  #disposed = false

  /** Made by `device.weight`. */
  constructor(device: Device, shape: readonly [number, number], format: Weight['format'], handle: WeightHandle) {
    this.device = device
    this.shape = shape
    this.format = format
    this.native = handle
  }

  get disposed(): boolean {
    return this.#disposed
  }

  /** Idempotent; a plan that uses the weight keeps it. */
  dispose(): void {
    this.#disposed = true
    native.disposeWeight(this.native)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

const weightOptions: OptionNames<WeightOptions> = {
  format: true,
  shape: true,
  parts: true,
  group: true,
  scaleType: true,
  zeroType: true,
  signed: true,
  packing: true,
}

/** Checks the manners of the options; the addon checks lengths and ranges. */
export function makeWeight(device: Device, options: WeightOptions): Weight {
  checkOptions('weight', options, weightOptions)
  const { format, shape, parts, packing = 'rows', group } = options
  requireOneOf('format', format, weightFormats)
  requireOneOf('packing', packing, weightPackings)
  const grouped = format === 'int4' || format === 'int8'
  const taken = grouped ? ['data', 'scales', 'zeros', 'gIdx'] : ['data']
  checkNames(`weight of ${format}`, 'part', parts, taken)
  if (!Array.isArray(shape) || shape.length !== 2)
    throw new ArgumentError('ERR_ARGUMENT', `weight: shape must be [rows, columns], but it is ${described(shape)}`)
  if (!grouped && group !== undefined)
    throw new ArgumentError('ERR_ARGUMENT', `weight: ${format} takes no group, but it is ${group}`)
  const data = isList(parts.data) ? parts.data : [parts.data]
  if (!grouped && packing === 'rows') {
    const stacked = data.map((each) => ({ ...nativePart({ format, rows: 0, data: payloadOf(each) }), rows: null }))
    return create(device, shape, stacked)
  }
  const [first, ...more] = data
  if (!first || more.length > 0)
    throw new ArgumentError(
      'ERR_ARGUMENT',
      `weight: data must be one part in ${format} ${packing}, but are ${data.length}`,
    )
  const groups = grouped ? groupsOf(options) : undefined
  const part: WeightPart = { format, rows: shape[0], data: payloadOf(first), packing, ...(groups && { groups }) }
  return create(device, shape, [nativePart(part)])
}

/** A weight from a source's description; a vector counts as one row. Repacks off the JS thread. */
export async function openWeight(device: Device, { shape, parts }: WeightDescription): Promise<Weight> {
  const [rows, columns] = matrixShape(shape)
  const described = parts.map(nativePart)
  const handle = await native.createWeight(device.native, rows, columns, described)
  return new Weight(device, [rows, columns], formatOf(described), handle)
}

/** The same on the calling thread: for what lies in rows, where nothing is repacked. */
export function openWeightSync(device: Device, { shape, parts }: WeightDescription): Weight {
  return create(device, matrixShape(shape), parts.map(nativePart))
}

function create(device: Device, shape: readonly [number, number], parts: readonly NativePart[]): Weight {
  return new Weight(device, shape, formatOf(parts), native.createWeightSync(device.native, shape[0], shape[1], parts))
}

function matrixShape(shape: WeightDescription['shape']): readonly [number, number] {
  return shape.length === 2 ? shape : [1, shape[0]]
}

function formatOf(parts: readonly NativePart[]): Weight['format'] {
  const formats = new Set(parts.map(({ format }) => weightFormats[format]!))
  return formats.size > 1 ? 'mixed' : [...formats][0]!
}

const isList = (data: WeightData | readonly WeightData[]): data is readonly WeightData[] => Array.isArray(data)

const payloadOf = (data: WeightData): Payload => (ArrayBuffer.isView(data) ? bytesOf(data) : data)

function groupsOf({ parts, group, scaleType, zeroType, signed }: WeightOptions): WeightGroups {
  const { scales, zeros, gIdx } = parts
  if (!scales || !group)
    throw new ArgumentError(
      'ERR_ARGUMENT',
      'weight: int4 and int8 must have parts.scales and group, but one is missing',
    )
  if (scaleType) requireOneOf('scaleType', scaleType, scaleTypes)
  if (zeroType) requireOneOf('zeroType', zeroType, ['packed', 'float', 'offset'])
  return {
    size: group,
    scales: payloadOf(scales),
    scaleType: scaleType ?? (scales instanceof Float32Array ? 'float32' : 'float16'),
    ...(zeros && { zeros: payloadOf(zeros) }),
    ...(zeroType && { zeroType }),
    ...(signed && { signed }),
    ...(gIdx && { gIdx: payloadOf(gIdx) }),
  }
}

function nativePart({ format, rows, data, packing = 'rows', groups }: WeightPart): NativePart {
  return {
    format: weightFormats.indexOf(format),
    packing: weightPackings.indexOf(packing),
    rows,
    data,
    groups: groups ? nativeGroups(groups) : null,
  }
}

const scaleTypes = ['float32', 'float16', 'bfloat16']
const zeroTypes = [undefined, 'packed', 'float', 'offset']

function nativeGroups({
  size,
  scales,
  scaleType,
  zeros,
  zeroType = 'packed',
  signed,
  gIdx,
}: WeightGroups): NativeGroups {
  return {
    size,
    scales,
    scaleType: dtypes.indexOf(scaleType),
    zeros,
    zeroType: zeros ? zeroTypes.indexOf(zeroType) : 0,
    signed,
    gIdx,
  }
}

function requireOneOf(name: string, value: string, words: readonly string[]): void {
  if (!words.includes(value))
    throw new ArgumentError('ERR_ARGUMENT', `weight: ${name} must be one of ${words.join(' ')}, but it is ${value}`)
}
