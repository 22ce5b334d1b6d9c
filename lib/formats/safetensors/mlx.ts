/** MLX's affine quantisation: value = q * scale + bias, for groups of columns of every matrix, embedding and head too. */
import { FormatError, UnsupportedModelError } from '../../errors.js'
import { type Fields, fieldsOf } from '../fields.js'
import { isObject } from '../json.js'
import type { WeightGroups, WeightPart } from '../source.js'
import type { Quantization, TakeTensor } from '../weights.js'
import { tensorsOf } from './layer-tensors.js'

interface Settings {
  readonly bits: 4 | 8
  readonly groupSize: number
}

const othersKeys = ['quant_method', 'desc_act', 'sym', 'zero_point', 'damp_percent', 'load_in_4bit', 'load_in_8bit']

/** Whether settings are MLX's: they name bits and groups, and no method. */
export function isMlx(json: Readonly<Record<string, unknown>>): boolean {
  return 'bits' in json && 'group_size' in json && !othersKeys.some((key) => key in json)
}

/** Of settings in `config`, which may hold others for single layers, by their names. */
export function mlxQuantization(config: string, json: Readonly<Record<string, unknown>>): Quantization {
  const mode = json.mode ?? 'affine'
  if (mode !== 'affine')
    throw new UnsupportedModelError(`${config}: MLX's mode ${mode} is not supported by this version; affine is`)
  const common = settingsOf(config, json)
  const own = new Map<string, Settings>()
  for (const [name, value] of Object.entries(json))
    if (isObject(value)) own.set(name, settingsOf(config, { ...json, ...value }))
  return {
    // a layer that is not quantised has its weight alone
    marker: 'scales',
    part: (file, base, ...of) => mlxPart(config, own.get(base) ?? common, file, base, ...of),
  }
}

function settingsOf(file: string, json: Readonly<Record<string, unknown>>): Settings {
  const fields: Fields = fieldsOf(file, (key) => (Object.hasOwn(json, key) ? json[key] : undefined))
  const bits = fields.integer('bits', { max: 32 })
  if (bits !== 4 && bits !== 8)
    throw new UnsupportedModelError(`${file}: MLX with ${bits} bits is not supported by this version; 4 and 8 bits are`)
  const groupSize = fields.integer('group_size', { max: 128 })
  if (![32, 64, 128].includes(groupSize)) throw fields.fail('group_size', '32, 64 or 128')
  return { bits, groupSize }
}

/** The matrix [rows, columns] that `base`.weight holds in words of 32 bits, the first value in the lowest bits. */
function mlxPart(
  config: string,
  { bits, groupSize: size }: Settings,
  file: string,
  base: string,
  rows: number,
  columns: number,
  take: TakeTensor,
): WeightPart {
  if (columns % size !== 0)
    throw new FormatError(config, `group_size must divide the ${columns} columns of ${base}, but is ${size}`)
  const { required } = tensorsOf(file, base, take)
  const { data } = required('weight', ['U32'], rows, (columns * bits) / 32)
  const scales = required('scales', ['F16', 'BF16', 'F32'], rows, columns / size)
  const biases = required('biases', [scales.dtype], rows, columns / size)
  return {
    format: bits === 4 ? 'int4' : 'int8',
    rows,
    data,
    groups: {
      size,
      scales: scales.data,
      scaleType: scales.format as WeightGroups['scaleType'],
      zeros: biases.data,
      zeroType: 'offset',
    },
  }
}
