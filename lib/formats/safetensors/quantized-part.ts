import { FormatError } from '../../errors.js'
import { inMemory } from '../in-memory.js'
import type { FileTensor, Payload, SourceTensor, WeightGroups, WeightPart } from '../source.js'
import type { TakeTensor } from '../weights.js'
import { tensorsOf } from './layer-tensors.js'

/** How AWQ and GPTQ have quantised the linear layers of a checkpoint; `file` says so. */
export interface GroupSettings {
  readonly file: string
  readonly packing: 'awq' | 'gptq' | 'gptq_v2'
  /** Consecutive columns that share a scale; null is a whole row. */
  readonly groupSize: number | null
  /** Zero points may be left out. */
  readonly symmetric: boolean
}

/** Values of 4 bits in an int32. */
const perWord = 8

/**
 * The int4 part of a linear layer [rows, columns] whose tensors are `base`.qweight and so on. Those of g_idx are expected
 * to be in memory (`groupIndicesInMemory`).
 */
export function quantizedPart(
  { file: config, packing, groupSize, symmetric }: GroupSettings,
  file: string,
  base: string,
  rows: number,
  columns: number,
  take: TakeTensor,
): WeightPart {
  const size = groupSize ?? columns
  if (columns % size !== 0) {
    throw new FormatError(config, `group_size must divide the ${columns} columns of ${base}, but is ${size}`)
  }
  if (rows % perWord !== 0 || columns % perWord !== 0) {
    throw new FormatError(
      file,
      `${base} must have multiples of ${perWord} rows and columns, but is ${rows} x ${columns}`,
    )
  }
  const groups = columns / size
  const words = packing === 'awq' ? [columns, rows / perWord] : [columns / perWord, rows]

  const { optional, required } = tensorsOf(file, base, take)

  const { data } = required('qweight', ['I32'], ...words)
  const scales = required('scales', ['F16', 'BF16', 'F32'], groups, rows)
  const zerosOf = symmetric ? optional : required
  const zeros = zerosOf('qzeros', ['I32'], groups, rows / perWord)?.data
  const gIdx = packing === 'awq' ? undefined : optional('g_idx', ['I32'], columns)?.data
  const scattered = gIdx && isScattered(file, `${base}.g_idx`, gIdx, groups, size) ? gIdx : undefined
  return {
    format: 'int4',
    rows,
    data,
    packing,
    groups: {
      size,
      scales: scales.data,
      scaleType: scales.format as WeightGroups['scaleType'],
      ...(zeros && { zeros }),
      ...(scattered && { gIdx: scattered }),
    },
  }
}

/** `tensors` with the contents of every g_idx read, since it decides how its weight is computed with. */
export function groupIndicesInMemory(model: string, tensors: readonly FileTensor[]): Promise<SourceTensor[]> {
  return inMemory<SourceTensor>(model, tensors, ({ name }) => name.endsWith('.g_idx'))
}

/** Whether the groups are not simply runs of `size` columns. Quantisers write g_idx in either case. */
export function isScattered(file: string, name: string, payload: Payload, groups: number, size: number): boolean {
  if (!(payload instanceof Uint8Array)) throw new TypeError(`${name} is not in memory`)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  let scattered = false
  for (let column = 0; column < payload.length / 4; column++) {
    const group = view.getInt32(4 * column, true)
    if (group < 0 || group >= groups) {
      throw new FormatError(file, `${name} must hold groups below ${groups}, but column ${column} is in ${group}`)
    }
    scattered ||= group !== Math.floor(column / size)
  }
  return scattered
}
