import { UnsupportedModelError } from '../../errors.js'
import type { Companions } from '../companions.js'
import { type Fields, fieldsOf, limits } from '../fields.js'
import { isObject, readJsonObject } from '../json.js'
import type { Quantization } from '../weights.js'
import { isMlx, mlxQuantization } from './mlx.js'
import { type GroupSettings, quantizedPart } from './quantized-part.js'

/** Where quantisers write their settings, if not into config.json, and the method that such a file is of. */
const ownFiles = [
  ['quantize_config.json', 'gptq'],
  ['quant_config.json', 'awq'],
] as const

/** `quantization_config` of config.json (`config`, at `file`), or a file of its own beside it; null where nothing is quantised. */
export async function readQuantization(
  file: string,
  config: Readonly<Record<string, unknown>>,
  companions: Companions,
): Promise<Quantization | null> {
  // MLX writes both, and wrote the second alone
  const own = config.quantization_config ?? config.quantization ?? null
  if (own !== null) {
    if (!isObject(own)) throw fieldsOf(file, () => own).fail('quantization_config', 'an object')
    return isMlx(own) ? mlxQuantization(file, own) : quantizationOf(file, own, null)
  }
  for (const [name, method] of ownFiles) {
    const path = companions.get(name)
    if (path !== undefined) return quantizationOf(path, await readJsonObject(path), method)
  }
  return null
}

function quantizationOf(file: string, json: Record<string, unknown>, otherwise: string | null): Quantization {
  const fields = fieldsOf(file, (key) => (Object.hasOwn(json, key) ? json[key] : undefined))
  const method = fields.string('quant_method', otherwise ?? quantiserOf(json))
  const refuse = (what: string) =>
    new UnsupportedModelError(`${file}: ${what} is not supported by this version; AWQ (gemm) and GPTQ in 4 bits are`)
  if (method !== 'awq' && method !== 'gptq') throw refuse(`quant_method ${method}`)

  // AutoAWQ once wrote w_bit and q_group_size
  const bits = fields.integer(fields.get('w_bit') === undefined ? 'bits' : 'w_bit', { max: 32 })
  if (bits !== 4) throw refuse(`${method} with ${bits} bits`)
  const groupSize = groupSizeOf(fields, fields.get('q_group_size') === undefined ? 'group_size' : 'q_group_size')
  if (method === 'awq') {
    const version = fields.string('version', 'gemm').toLowerCase()
    if (version !== 'gemm') throw refuse(`awq version ${version}`)
    return grouped({ file, packing: 'awq', groupSize, symmetric: false })
  }
  const format = fields.string('checkpoint_format', 'gptq')
  if (fields.boolean('is_marlin_format', false)) throw refuse('gptq in marlin format')
  if (format !== 'gptq' && format !== 'gptq_v2') throw refuse(`gptq in checkpoint_format ${format}`)
  return grouped({ file, packing: format, groupSize, symmetric: fields.boolean('sym', false) })
}

function grouped(settings: GroupSettings): Quantization {
  return { marker: 'qweight', part: (...of) => quantizedPart(settings, ...of) }
}

/** Who wrote settings without a method, by keys that no other has. */
function quantiserOf(json: Record<string, unknown>): string {
  const keys = Object.keys(json)
  if (keys.some((key) => key.startsWith('bnb_') || key.startsWith('load_in_'))) return 'bitsandbytes'
  if (keys.includes('weight_quant_params')) return 'hqq'
  if (keys.includes('config_groups')) return 'compressed-tensors'
  if (keys.includes('producer') || keys.includes('quant_algo')) return 'modelopt'
  return `of no name (${keys.slice(0, 8).join(', ')})`
}

/** -1 is a whole row; else a power of two that scales in kernels count by. */
function groupSizeOf(fields: Fields, key: string): number | null {
  const size = fields.integer(key, { min: -1, max: limits.width })
  if (size === -1) return null
  if (size < 16 || !Number.isInteger(Math.log2(size))) throw fields.fail(key, 'a power of two from 16 on, or -1')
  return size
}
