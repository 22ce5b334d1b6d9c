import type { DType, TypedArrayOf } from '../../lib/dtype.js'
import { type Device, openDevice, ops, supports } from '../../lib/index.js'
import { type OpName, schema } from '../../lib/ops/schema.js'
import { opNames } from '../ops/signature.js'
import { fromTypedArray, isWeight, type NdArray, type Operand, toTypedArray } from './ndarray.js'

// The package as a loop over all ops sees it: without the types of one op.

export interface DeviceTensor {
  readonly dtype: DType
  readonly shape: readonly number[]
  read(): Promise<ArrayLike<number>>
  dispose(): void
}
interface Disposable {
  dispose(): void
}
interface AnyDevice {
  tensor(data: TypedArrayOf<DType>, shape: readonly number[], dtype: DType): DeviceTensor
  weight(description: object): Disposable
}

export type Argument = DeviceTensor | Disposable | readonly DeviceTensor[]
export const isTensor = (argument: Argument): argument is DeviceTensor => 'read' in argument
export type Arguments = Readonly<Record<string, unknown>>

const isList = (operand: Operand): operand is readonly NdArray[] => Array.isArray(operand)

/** Makes tensors and weights of one device, and disposes of all of them at once. */
export class Uploads {
  private readonly owned: Disposable[] = []
  readonly device: Device

  constructor(device: Device) {
    this.device = device
  }

  private get any(): AnyDevice {
    return this.device as unknown as AnyDevice
  }

  tensor(values: NdArray): DeviceTensor {
    const tensor = this.any.tensor(toTypedArray(values), values.shape, values.dtype)
    this.owned.push(tensor)
    return tensor
  }

  argument(operand: Operand): Argument {
    if (isList(operand)) return operand.map((values) => this.tensor(values))
    if (!isWeight(operand)) return this.tensor(operand)
    const { format, shape, bytes, groups } = operand
    const { size, ...beside } = groups ?? {}
    const weight = this.any.weight({ format, shape, parts: { data: bytes, ...beside }, ...(size && { group: size }) })
    this.owned.push(weight)
    return weight
  }

  /** Takes what an op gave. */
  own<T extends Readonly<Record<string, DeviceTensor>>>(tensors: T): T {
    this.owned.push(...Object.values(tensors))
    return tensors
  }

  [Symbol.dispose](): void {
    for (const owned of this.owned) owned.dispose()
  }
}

/** Outputs by name; an op of one output gives the tensor itself. Without operands, `device` says where. */
export function callOp(op: OpName, device: Device, args: Arguments): Record<string, DeviceTensor> {
  const { in: operands, out } = schema[op]
  const call = (ops as unknown as Record<string, (args: Arguments) => unknown>)[op]
  const result = call(Object.keys(operands).length > 0 ? args : { device, ...args })
  const names = Object.keys(out)
  return names.length === 1 ? { [names[0]]: result as DeviceTensor } : (result as Record<string, DeviceTensor>)
}

export async function readBack(tensor: DeviceTensor): Promise<NdArray> {
  return fromTypedArray(tensor.dtype, tensor.shape, await tensor.read())
}

/** The ops that a device has, and those that it lacks. */
export async function opsOf({ id }: { id: string }): Promise<{ id: string; has: OpName[]; lacks: OpName[] }> {
  await using device = await openDevice({ id })
  const has = opNames.filter((op) => supports(device, op))
  return { id, has, lacks: opNames.filter((op) => !has.includes(op)) }
}
