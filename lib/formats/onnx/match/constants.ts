import { FormatError } from '../../../errors.js'
import {
  elements,
  isFloat,
  type Payload,
  shownTensor,
  type WeightDescription,
  type WeightFormat,
} from '../../source.js'
import type { Dataflow } from '../dataflow.js'
import type { OnnxNode, OnnxTensor } from '../graph.js'

/** Values of a small integer constant; undefined where `value` is none. */
export function integers(flow: Dataflow, value: string): number[] | undefined {
  const tensor = flow.constant(value)
  if (tensor?.dtype !== 'int64' && tensor?.dtype !== 'int32') return undefined
  const { data, dtype } = tensor
  if (!(data instanceof Uint8Array)) {
    throw new FormatError(flow.path, `constant ${value}, a size, must lie within the graph, but lies in ${data.file}`)
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const bytes = dtype === 'int64' ? 8 : 4
  return Array.from({ length: data.length / bytes }, (_, i) =>
    dtype === 'int64' ? Number(view.getBigInt64(8 * i, true)) : view.getInt32(4 * i, true),
  )
}

/** The one value of an integer constant. */
export function integer(flow: Dataflow, value: string): number | undefined {
  const values = integers(flow, value)
  return values?.length === 1 ? values[0] : undefined
}

/** float32, float16 or bfloat16 as formats of weights; null for every other type. */
export function floatFormat({ dtype }: OnnxTensor): 'float32' | 'float16' | 'bfloat16' | null {
  return isFloat(dtype as WeightFormat) ? (dtype as 'float32' | 'float16' | 'bfloat16') : null
}

/** A constant vector [columns]. `operand` names it in errors about `node`, which reads it. */
export function vector(flow: Dataflow, node: OnnxNode, operand: string, value: string): WeightDescription {
  const tensor = flow.constant(value)
  const format = tensor && floatFormat(tensor)
  if (!tensor || !format) {
    const actual = tensor ? shownTensor(tensor) : flow.describe(value)
    throw flow.unsupported(node, `${operand} must be a constant of float32, float16 or bfloat16, but is ${actual}`)
  }
  const columns = elements(tensor.shape)
  if (tensor.shape.at(-1) !== columns) {
    throw flow.malformed(node, `${operand} must be a vector, but is [${tensor.shape.join(', ')}]`)
  }
  return { shape: [columns], parts: [{ format, rows: 1, data: tensor.data }] }
}

/** Bytes begin.. of a payload, `bytes` of them. */
export function slice(data: Payload, begin: number, bytes: number): Payload {
  if (data instanceof Uint8Array) return data.subarray(begin, begin + bytes)
  return { file: data.file, offset: data.offset + begin, bytes }
}
