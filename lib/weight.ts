import type { Device } from './device.js'
import { dtypes } from './dtype.js'
import { ArgumentError, DisposedError } from './errors.js'
import type {
  FileRange,
  Payload,
  WeightDescription,
  WeightFormat,
  WeightGroups,
  WeightPacking,
} from './formats/source.js'
import { type NativeUse, type NativeWeight, native, type WeightHandle } from './native.js'
import { checkNames, checkOptions, described, type OptionNames } from './options.js'
import { currentPath } from './path.js'
import { bytesOf, frozen, Tensor } from './tensor.js'

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

const embedding = native.describeOps().findIndex(({ name }) => name === 'embedding')

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

  /**
   * All values, [rows, columns], in the memory of the weight's device: the `embedding` of every row, so a device without that op
   * throws ERR_OP_UNSUPPORTED. Columns stand where x has them, whatever the order of groups. Enqueues, as ops do.
   */
  dequantize(): Tensor<'float32', readonly [number, number]> {
    if (this.#disposed) throw new DisposedError('dequantize: the weight must be live, but it was disposed')
    const [rows] = this.shape
    const ids = this.device.tensor(
      Int32Array.from({ length: rows }, (_, i) => i),
      [rows],
    )
    try {
      const operands = [this.native, ids.native]
      const [handle] = native.runOp(
        this.device.native,
        embedding,
        currentPath(),
        operands,
        [dtypes.indexOf('float32')],
        null,
      )
      return new Tensor(this.device, handle!, 'float32', frozen(this.shape))
    } finally {
      ids.dispose()
    }
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

/** Checks the manners of the options; the addon checks words, lengths and ranges. */
export function makeWeight(device: Device, options: WeightOptions): Weight {
  checkOptions('weight', options, weightOptions)
  const { format, shape, parts, packing = 'rows', group } = options
  const grouped = format === 'int4' || format === 'int8'
  const taken = grouped ? ['data', 'scales', 'zeros', 'gIdx'] : ['data']
  checkNames(`weight of ${format}`, 'part', parts, taken)
  if (!Array.isArray(shape) || shape.length !== 2)
    throw new ArgumentError('ERR_ARGUMENT', `weight: shape must be [rows, columns], but it is ${described(shape)}`)
  if (!grouped && group !== undefined)
    throw new ArgumentError('ERR_ARGUMENT', `weight: ${format} takes no group, but it is ${group}`)
  const data = isList(parts.data) ? parts.data : [parts.data]
  if (!grouped && packing === 'rows') {
    const stacked = data.map((each) => ({ format, data: payloadOf(each) }))
    return create(device, { shape, parts: stacked })
  }
  const [first, ...more] = data
  if (!first || more.length > 0)
    throw new ArgumentError(
      'ERR_ARGUMENT',
      `weight: data must be one part in ${format} ${packing}, but are ${data.length}`,
    )
  const groups = grouped ? groupsOf(options) : undefined
  const part = { format, rows: shape[0], data: payloadOf(first), packing, ...(groups && { groups }) }
  return create(device, { shape, parts: [part] })
}

export interface OpenWeightOptions {
  /** False: mapped files are copied into memory; true: the CPU computes on their rows where they lie. */
  readonly inPlace?: boolean
  /** Ops that the weight is for: ERR_OP_UNSUPPORTED where the device refuses one of them, before a byte is read. */
  readonly uses?: readonly NativeUse[]
}

/** A weight from a source's description; a vector counts as one row. Made off the JS thread. */
export async function openWeight(
  device: Device,
  description: WeightDescription,
  { inPlace = true, uses = [] }: OpenWeightOptions = {},
): Promise<Weight> {
  const handle = await native.createWeight(device.native, description, inPlace, uses)
  return new Weight(device, matrixShape(description), formatOf(description), handle)
}

/** Throws ERR_FILE where a file that one of the weights is read from, whenever it is used, has changed since it was mapped. */
export function checkFiles(weights: readonly Weight[]): void {
  native.checkFiles(weights.map(({ native }) => native))
}

function create(device: Device, description: NativeWeight): Weight {
  const handle = native.createWeightSync(device.native, description)
  return new Weight(device, matrixShape(description), formatOf(description), handle)
}

function matrixShape({ shape }: NativeWeight): readonly [number, number] {
  return shape.length === 2 ? shape : [1, shape[0]]
}

function formatOf({ parts }: NativeWeight): Weight['format'] {
  const formats = new Set(parts.map(({ format }) => format))
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
