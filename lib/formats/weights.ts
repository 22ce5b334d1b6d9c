/** The weights that a blueprint names, among the tensors of a file. */
import { type Blueprint, inLayer, type Naming, type Part } from '../architectures/blueprint.js'
import { FormatError, UnsupportedModelError } from '../errors.js'
import {
  isFloat,
  type LayerWeights,
  type ModelConfig,
  type ModelWeights,
  type SourceTensor,
  type WeightDescription,
  type WeightPart,
} from './source.js'

/** Takes a tensor of a name out of those that are left; undefined where there is none. */
export type TakeTensor = (name: string) => SourceTensor | undefined

/** How a container stores matrices in several tensors, beside those that are one. */
export interface Quantization {
  /** The layer `base` is stored so where there is a tensor `base`.marker. */
  readonly marker: string
  part(file: string, base: string, rows: number, columns: number, take: TakeTensor): WeightPart
}

/**
 * Finds every weight of the model; what is missing, odd or left over throws with its name. With `quantization`, a matrix
 * `x` may be `x`.qweight and so on instead of `x`.weight.
 */
export function weightsOf(
  { parts, layer, ignored, title }: Blueprint,
  config: ModelConfig,
  tensors: readonly SourceTensor[],
  naming: Naming,
  file: string,
  quantization: Quantization | null = null,
): ModelWeights {
  const left = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const takeAny: TakeTensor = (name) => {
    const tensor = left.get(name)
    left.delete(name)
    return tensor
  }
  const take = (name: string, ...shape: number[]): SourceTensor => {
    const tensor = takeAny(name)
    if (!tensor) throw new FormatError(file, `tensor ${name} [${shape.join(', ')}] must be there, but is missing`)
    if (tensor.shape.join() !== shape.join()) {
      throw new FormatError(file, `tensor ${name} must be [${shape.join(', ')}], but is [${tensor.shape.join(', ')}]`)
    }
    return tensor
  }
  const isStored = (name: string) =>
    left.has(name) || (quantization !== null && left.has(`${baseOf(name)}.${quantization.marker}`))

  const vector = (name: string, columns: number): WeightDescription => {
    const { format, dtype, data } = take(name, columns)
    if (format !== null && isFloat(format)) return { shape: [columns], parts: [{ format, rows: 1, data }] }
    throw new UnsupportedModelError(`${file}: tensor ${name} must be F32, F16 or BF16, but is ${dtype}`)
  }
  const piece = (name: string, rows: number, columns: number): WeightPart => {
    const base = baseOf(name)
    if (quantization && left.has(`${base}.${quantization.marker}`))
      return quantization.part(file, base, rows, columns, takeAny)
    if (left.has(`${base}.qweight`)) {
      throw new FormatError(file, `${base} is quantised, and config.json must have a quantization_config, but has none`)
    }
    const { format, dtype, data } = take(name, rows, columns)
    if (format === null) throw new UnsupportedModelError(`${file}: tensor ${name} is ${dtype}, which holds no weights`)
    return { format, rows, data }
  }
  const weight = ({ names, rows, columns }: Part, index = 0): WeightDescription => {
    const [whole, ...pieces] = names[naming].map((name) => inLayer(name, index))
    const width = columns(config)
    if (rows.length === 0) return vector(whole!, width)
    const heights = rows.map((size) => size(config))
    const all = heights.reduce((sum, height) => sum + height, 0)
    const isSplit = pieces.length > 0 && isStored(pieces[0]!)
    return {
      shape: [all, width],
      parts: isSplit ? pieces.map((name, i) => piece(name, heights[i]!, width)) : [piece(whole!, all, width)],
    }
  }

  // where both of a pair are there both count, whatever the config says; of a tied one writers keep either name
  const stored = new Set(Object.keys(parts).filter((key) => isStored(parts[key]!.names[naming][0])))
  const twinOf = (key: string) => {
    const twin = parts[key]!.tiedTo ?? Object.keys(parts).find((other) => parts[other]!.tiedTo === key)
    return config.tieWordEmbeddings && !stored.has(key) ? twin : undefined
  }
  const found: Record<string, WeightDescription> = {}
  for (const [key, part] of Object.entries(parts)) {
    const twin = twinOf(key)
    if (twin === undefined || (part.tiedTo === undefined && !stored.has(twin))) found[key] = weight(part)
  }
  for (const key of Object.keys(parts)) found[key] ??= found[twinOf(key)!]!

  const layers = Array.from({ length: config.numHiddenLayers }, (_, i): LayerWeights => {
    const own: Record<string, WeightDescription | null> = {}
    for (const [key, part] of Object.entries(layer)) {
      if (part.multiplier) own[part.multiplier] = null
      own[key] = weight(part, i)
    }
    return own
  })
  for (const name of left.keys()) {
    if (!ignored[naming].test(name)) {
      throw new UnsupportedModelError(`${file}: tensor ${name} must be part of ${title}, but is not`)
    }
  }
  return { ...found, layers } as unknown as ModelWeights
}

/** `x.weight` is one way to write the layer `x`. */
function baseOf(name: string): string {
  return name.replace(/\.weight$/, '')
}
