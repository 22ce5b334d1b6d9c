import { FormatError } from '../../errors.js'
import { type SourceTensor, shownTensor } from '../source.js'
import type { TakeTensor } from '../weights.js'

type Take<T> = (name: string, dtypes: readonly string[], ...shape: number[]) => T

/** Takes the tensors `base`.* that a quantised layer is stored in; one of another dtype or shape is damage. */
export function tensorsOf(
  file: string,
  base: string,
  take: TakeTensor,
): { readonly optional: Take<SourceTensor | undefined>; readonly required: Take<SourceTensor> } {
  const optional: Take<SourceTensor | undefined> = (name, dtypes, ...shape) => {
    const tensor = take(`${base}.${name}`)
    if (!tensor || (dtypes.includes(tensor.dtype) && tensor.shape.join() === shape.join())) return tensor
    throw new FormatError(
      file,
      `tensor ${base}.${name} must be ${dtypes.join(', ')} [${shape.join(', ')}], but is ${shownTensor(tensor)}`,
    )
  }
  const required: Take<SourceTensor> = (name, dtypes, ...shape) => {
    const tensor = optional(name, dtypes, ...shape)
    if (tensor) return tensor
    throw new FormatError(file, `tensor ${base}.${name} [${shape.join(', ')}] must be there, but is missing`)
  }
  return { optional, required }
}
