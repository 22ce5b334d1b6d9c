import type { Device } from './device.js'
import { ArgumentError, UnsupportedModelError } from './errors.js'
import { type FileRange, type WeightDescription, type WeightFormat, weightFormats } from './formats/source.js'
import { native, type WeightHandle } from './native.js'
import { bytesOf } from './tensor.js'

export interface WeightOptions {
  readonly format: WeightFormat
  /** [rows N, columns K]: y = x · wᵀ has N columns. */
  readonly shape: readonly [number, number]
  /** Whole rows in the format's own layout: typed arrays (copied) or ranges of files (mapped), stacked in order. */
  readonly parts: { readonly data: ArrayBufferView | FileRange | readonly (ArrayBufferView | FileRange)[] }
}

/** A matrix in the format of its file, for `linear` and `embedding`. The CPU computes on mapped files in place. */
export class Weight {
  readonly device: Device
  readonly format: WeightFormat
  readonly shape: readonly [number, number]
  /** For the package's own use. */
  readonly native: WeightHandle
  #disposed = false

  constructor(device: Device, handle: WeightHandle, options: WeightOptions) {
    this.device = device
    this.native = handle
    this.format = options.format
    this.shape = options.shape
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

/** Checks the manners of the options; the addon checks lengths and ranges. */
export function weightSegments(options: WeightOptions): (Uint8Array | FileRange)[] {
  if (!weightFormats.includes(options.format))
    throw new ArgumentError(
      'ERR_ARGUMENT',
      `weight: format must be one of ${weightFormats.join(' ')}, but it is ${options.format}`,
    )
  for (const part of Object.keys(options.parts))
    if (part !== 'data')
      throw new ArgumentError('ERR_ARGUMENT', `weight: ${options.format} takes no part ${part}, only data`)
  const { data } = options.parts
  const segments = Array.isArray(data) ? data : [data]
  return segments.map((segment) => (ArrayBuffer.isView(segment) ? bytesOf(segment) : segment))
}

/** A weight from a source's description. A vector counts as one row. */
export function openWeight(device: Device, { shape, parts }: WeightDescription): Weight {
  const [rows, columns] = shape.length === 2 ? shape : ([1, shape[0]] as const)
  const { format } = parts[0]!
  for (const part of parts) {
    if (part.format !== format) throw new UnsupportedModelError(`weight: parts of ${format} and ${part.format}`)
    if (part.groups || part.packing) throw new UnsupportedModelError(`weight: groups and packing`)
  }
  return device.weight({ format, shape: [rows, columns], parts: { data: parts.map(({ data }) => data) } })
}
