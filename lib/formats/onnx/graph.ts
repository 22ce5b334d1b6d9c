/** An ONNX graph as the loader sees it: everything that the file says has been checked, and no tensor has been read. */
import type { Payload } from '../source.js'

/** TensorProto.DataType by number; the others are refused. */
export const onnxDtypes = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  16: 'bfloat16',
  21: 'uint4',
  22: 'int4',
} as const
export type OnnxDtype = (typeof onnxDtypes)[keyof typeof onnxDtypes]

/** An initializer, or the value of a Constant. */
export interface OnnxTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: OnnxDtype
  /**
   * Little endian, row-major, as raw_data is: typed fields (int32_data, ...) have been brought into this form. 4-bit
   * values lie two in a byte, the first in the low nibble, without padding between rows.
   */
  readonly data: Payload
}

export type OnnxAttribute =
  | { readonly type: 'float' | 'int'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'floats' | 'ints'; readonly value: readonly number[] }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'tensor'; readonly value: OnnxTensor }
  | { readonly type: 'graph'; readonly value: OnnxGraph }

export interface OnnxNode {
  readonly name: string
  readonly opType: string
  /** '' is ONNX's own. */
  readonly domain: string
  /** Value names; '' is an absent operand. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, OnnxAttribute>
}

/** An input or output of a graph; a dimension is a number, a name, or null. */
export interface OnnxValue {
  readonly name: string
  readonly dtype: OnnxDtype | null
  readonly shape: readonly (number | string | null)[] | null
}

export interface OnnxGraph {
  /** As the file lists them. */
  readonly nodes: readonly OnnxNode[]
  /** Initializers and the tensors of Constant nodes (which `nodes` does not repeat), by the value that they are. */
  readonly constants: ReadonlyMap<string, OnnxTensor>
  /** Without those that are initializers too. */
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
}

export interface OnnxModel {
  readonly path: string
  readonly irVersion: number
  /** Name and version of what wrote the file. */
  readonly producer: string
  /** Version by domain. */
  readonly opsets: ReadonlyMap<string, number>
  readonly metadata: ReadonlyMap<string, string>
  readonly graph: OnnxGraph
}
