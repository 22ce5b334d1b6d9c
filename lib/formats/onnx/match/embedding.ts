/** The table of embeddings: Gather of a float matrix, or GatherBlockQuantized of a 4- or 8-bit one. */

import { UnsupportedModelError } from '../../../errors.js'
import { shownTensor } from '../../source.js'
import type { Dataflow } from '../dataflow.js'
import { labelOf } from '../flow.js'
import type { OnnxNode } from '../graph.js'
import { zerosOf } from './matmul-nbits.js'
import { axisOf, constantView, type GraphMatrix, groupsOf, matrixOf, quantizedType, scalesOf } from './matrix.js'

export interface Embedding extends GraphMatrix {
  readonly node: OnnxNode
  readonly output: string
}

/** The one node that looks ids, an input of the graph, up in a constant table [V, C]. */
export function embedding(flow: Dataflow): Embedding {
  const found = flow.nodes.filter(
    (node) =>
      (node.opType === 'Gather' || node.opType === 'GatherBlockQuantized') &&
      flow.isInput(flow.above(node.inputs[1] ?? '', 'Cast')),
  )
  if (found.length !== 1) {
    const some = found.slice(0, 3).map(labelOf).join(', ')
    throw new UnsupportedModelError(
      `${flow.path}: one Gather must look input ids up in a table of embeddings, but ${some || 'none'} do`,
    )
  }
  const node = found[0]
  const matrix = node.opType === 'Gather' ? gathered(flow, node) : gatheredBlocks(flow, node)
  return { ...matrix, node, output: node.outputs[0] }
}

function gathered(flow: Dataflow, node: OnnxNode): GraphMatrix {
  flow.onlyAttributes(node, { axis: 0 })
  return matrixOf(flow, node, node.inputs[0], false)
}

/** GatherBlockQuantized(data, ids, scales, zeros?): data int4 or uint4 [V, C], or uint8 [V, C·bits/8]. */
function gatheredBlocks(flow: Dataflow, node: OnnxNode): GraphMatrix {
  flow.onlyAttributes(node, { bits: null, block_size: null, gather_axis: 0, quantize_axis: null })
  if (axisOf(flow, node, 'quantize_axis', 1, 2) !== 1)
    throw flow.unsupported(node, 'attribute quantize_axis must be 1, but is 0')
  const [, , scales, zeros = ''] = node.inputs
  const data = constantView(flow, node.inputs[0])
  const type = data && quantizedType(data)
  if (!data || !type || data.shape.length !== 2) {
    const actual = data ? shownTensor(data) : flow.describe(node.inputs[0])
    throw flow.unsupported(node, `its table must be a constant matrix of int4, uint4 or uint8, but is ${actual}`)
  }
  const bits = flow.integer(node, 'bits', 4)
  if (bits !== 4 && (bits !== 8 || data.dtype !== 'uint8'))
    throw flow.unsupported(node, `attribute bits must be 4, or 8 for uint8, but is ${bits} for ${data.dtype}`)
  const size = flow.integer(node, 'block_size', 128)
  const [rows, width] = data.shape
  const packed = data.dtype === 'uint8'
  const columns = packed ? (width * 8) / bits : width
  if (rows < 1 || columns < 1 || size < 1 || columns % size !== 0)
    throw flow.unsupported(node, `blocks of ${size} must divide rows of ${columns} values`)

  // bytes are what MatMulNBits has; typed values are what DequantizeLinear has
  if (!packed) {
    const groups = groupsOf(flow, node, { rows, columns, size }, scales, zeros, data)
    return { rows, columns, part: { format: type.format, rows, data: data.data, groups } }
  }
  const own = scalesOf(flow, node, scales, size, columns, rows)
  const groups = { ...own, ...zerosOf(flow, node, zeros, rows, columns / size, bits, own.scaleType) }
  return {
    rows,
    columns,
    part: { format: bits === 4 ? 'int4' : 'int8', rows, data: data.data, groups },
  }
}
