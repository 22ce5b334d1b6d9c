import { isScattered } from '../../safetensors/quantized-part.js'
import type { WeightGroups } from '../../source.js'
import { elements, shownTensor } from '../../source.js'
import type { Dataflow } from '../dataflow.js'
import { labelOf } from '../flow.js'
import type { OnnxNode } from '../graph.js'
import { constantView, type GraphMatrix, scalesOf } from './matrix.js'

/** MatMulNBits(A, B, scales, zero_points?, g_idx?, bias?) with B uint8 [N, ceil(K/block), block·bits/8]. */
export function matMulNBits(flow: Dataflow, node: OnnxNode): GraphMatrix {
  flow.onlyAttributes(node, {
    K: null,
    N: null,
    bits: null,
    block_size: null,
    accuracy_level: null,
    weight_prepacked: 0,
  })
  flow.noInputs(node, 5, 'a bias')
  const [columns, rows, size] = ['K', 'N', 'block_size'].map((name) => flow.integer(node, name))
  const bits = flow.integer(node, 'bits', 4)
  if (bits !== 4 && bits !== 8) throw flow.unsupported(node, `attribute bits must be 4 or 8, but is ${bits}`)
  if (columns < 1 || rows < 1 || size < 1)
    throw flow.malformed(node, `K, N and block_size must be positive, but are ${columns}, ${rows} and ${size}`)

  const scales = scalesOf(flow, node, node.inputs[2], size, columns, rows)
  const blocks = Math.ceil(columns / size)
  const data = flow.constant(node.inputs[1])
  const bytes = (rows * blocks * size * bits) / 8
  if (data?.dtype !== 'uint8' || elements(data.shape) !== bytes) {
    const actual = data ? shownTensor(data) : flow.describe(node.inputs[1])
    throw flow.malformed(node, `its weight must be uint8 [${rows}, ${blocks}, ${(size * bits) / 8}], but is ${actual}`)
  }
  const groups: WeightGroups = {
    ...scales,
    ...zerosOf(flow, node, node.inputs[3] ?? '', rows, blocks, bits, scales.scaleType),
    ...groupIndex(flow, node, node.inputs[4] ?? '', columns, size),
  }
  const format = bits === 4 ? 'int4' : 'int8'
  return { rows, columns, part: { format, rows, data: data.data, groups } }
}

/** Packed as the values are, rows padded to whole bytes or not at all; or floats. */
export function zerosOf(
  flow: Dataflow,
  node: OnnxNode,
  value: string,
  rows: number,
  blocks: number,
  bits: 4 | 8,
  scaleType: WeightGroups['scaleType'],
): Pick<WeightGroups, 'zeros' | 'zeroType'> {
  if (value === '') return {}
  const zeros = constantView(flow, value)
  const count = zeros ? elements(zeros.shape) : 0
  if (zeros?.dtype === 'uint8') {
    const padded = rows * Math.ceil((blocks * bits) / 8)
    if (count === padded || count === Math.ceil((rows * blocks * bits) / 8))
      return { zeros: zeros.data, zeroType: 'packed' }
    throw flow.malformed(node, `its zero points must be ${padded} bytes, but are ${count}`)
  }
  if (zeros?.dtype === scaleType) {
    if (count === rows * blocks) return { zeros: zeros.data, zeroType: 'float' }
    throw flow.malformed(node, `its zero points must be ${rows * blocks} values, but are ${count}`)
  }
  const actual = zeros?.dtype ?? flow.describe(value)
  throw flow.unsupported(node, `its zero points must be constants of uint8 or ${scaleType}, but are ${actual}`)
}

function groupIndex(
  flow: Dataflow,
  node: OnnxNode,
  value: string,
  columns: number,
  size: number,
): Pick<WeightGroups, 'gIdx'> {
  if (value === '') return {}
  const index = flow.constant(value)
  if (index?.dtype !== 'int32' || elements(index.shape) !== columns) {
    const actual = index ? shownTensor(index) : flow.describe(value)
    throw flow.malformed(node, `g_idx must be int32 [${columns}], but is ${actual}`)
  }
  const groups = Math.ceil(columns / size)
  return isScattered(flow.path, `g_idx of ${labelOf(node)}`, index.data, groups, size) ? { gIdx: index.data } : {}
}

/** Whether the activations of a MatMulNBits may be rounded to int8. */
export function allowsInt8(flow: Dataflow, node: OnnxNode): boolean {
  return flow.integer(node, 'accuracy_level', 0) === 4
}
