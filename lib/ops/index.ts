import { Device } from '../device.js'
import { type DType, dtypes } from '../dtype.js'
import { ArgumentError, DisposedError } from '../errors.js'
import { type AttributeValue, native, type TensorHandle, type WeightHandle } from '../native.js'
import { described, unknownName } from '../options.js'
import { currentPath } from '../path.js'
import { type Shape, Tensor } from '../tensor.js'
import { Weight } from '../weight.js'
import { type OpName, schema } from './schema.js'
import type { Ops } from './types.js'

interface AttributeSpec {
  readonly name: string
  readonly type: 'int' | 'float' | 'bool' | 'dtype' | 'ints' | 'choice'
  readonly words: readonly string[]
  readonly initial: string | undefined
}

/** The schema's entry in the form that a call needs. */
interface Entry {
  readonly op: number
  readonly name: OpName
  readonly inputs: readonly { readonly name: string; readonly variadic: boolean; readonly optional: boolean }[]
  readonly attributes: readonly AttributeSpec[]
  readonly outputs: readonly string[]
  readonly known: ReadonlySet<string>
}

type Arguments = Readonly<Record<string, unknown>>

function parseAttribute([name, spec]: [string, string]): AttributeSpec {
  const [left = '', initial] = spec.split('=').map((part) => part.trim())
  const words = left.includes('|') ? left.split('|').map((word) => word.trim()) : []
  const [type] = left.split(' ')
  return { name, type: words.length > 0 ? 'choice' : (type as AttributeSpec['type']), words, initial }
}

function parseEntry(name: OpName, op: number): Entry {
  const { in: inputs, attrs, out } = schema[name]
  const entries = Object.entries(inputs) as [string, string][]
  return {
    op,
    name,
    inputs: entries.map(([key, spec]) => ({ name: key, variadic: spec.endsWith('*'), optional: spec.endsWith('?') })),
    attributes: (Object.entries(attrs) as [string, string][]).map(parseAttribute),
    outputs: Object.keys(out),
    known: new Set([...Object.keys(inputs), ...Object.keys(attrs), 'out', ...(entries.length > 0 ? [] : ['device'])]),
  }
}

function attributeValue(op: string, spec: AttributeSpec, given: unknown): AttributeValue {
  const wrong = (requirement: string) =>
    new ArgumentError('ERR_ARGUMENT', `${op}: ${spec.name} must be ${requirement}, but it is ${described(given)}`)
  const value = given ?? (spec.initial === undefined ? undefined : fromText(spec))
  if (value === undefined) throw new ArgumentError('ERR_ARGUMENT', `${op}: ${spec.name} must be given`)
  switch (spec.type) {
    case 'int':
      if (!Number.isSafeInteger(value)) throw wrong('a whole number')
      return value as number
    case 'float':
      if (typeof value !== 'number') throw wrong('a number')
      return value
    case 'bool':
      if (typeof value !== 'boolean') throw wrong('true or false')
      return value
    case 'ints':
      if (!Array.isArray(value) || !value.every(Number.isSafeInteger)) throw wrong('an array of whole numbers')
      return value
    case 'dtype':
      if (!dtypes.includes(value as DType)) throw wrong(`one of ${dtypes.join(' ')}`)
      return dtypes.indexOf(value as DType)
    case 'choice':
      if (!spec.words.includes(value as string)) throw wrong(`one of ${spec.words.join(' ')}`)
      return spec.words.indexOf(value as string)
  }
}

function fromText({ type, initial }: AttributeSpec): unknown {
  if (type === 'bool') return initial === 'true'
  return type === 'int' || type === 'float' ? Number(initial) : initial
}

/** Handles of the operands in schema order, and the device that they name. */
function operands(entry: Entry, args: Arguments) {
  const handles: (TensorHandle | WeightHandle | null)[] = []
  let device: Device | undefined
  const take = (name: string, value: unknown) => {
    if (!(value instanceof Tensor) && !(value instanceof Weight))
      throw new ArgumentError(
        'ERR_ARGUMENT',
        `${entry.name}: ${name} must be ${value === undefined ? 'given' : `a tensor or a weight, but it is ${described(value)}`}`,
      )
    if (value.disposed) throw new DisposedError(`${entry.name}: ${name} must be live, but it was disposed`)
    device ??= value.device
    handles.push(value.native)
  }
  for (const { name, variadic, optional } of entry.inputs) {
    const value = args[name]
    if (variadic) {
      if (!Array.isArray(value))
        throw new ArgumentError(
          'ERR_ARGUMENT',
          `${entry.name}: ${name} must be an array of tensors, but it is ${described(value)}`,
        )
      if (value.length === 0)
        throw new ArgumentError('ERR_ARGUMENT', `${entry.name}: ${name} must hold at least one tensor, but it is empty`)
      for (const part of value) take(name, part)
    } else if (value === undefined && optional) handles.push(null)
    else take(name, value)
  }
  return { handles, device }
}

/** `out` as tensors by position; null where the op makes its own. */
function targets(entry: Entry, out: unknown): (Tensor | null)[] | null {
  if (out === undefined) return null
  if (typeof out !== 'object' || out === null)
    throw new ArgumentError(
      'ERR_ARGUMENT',
      `${entry.name}: out must be a tensor or tensors by name, but it is ${described(out)}`,
    )
  const byName = out instanceof Tensor ? { [entry.outputs[0] as string]: out } : (out as Record<string, unknown>)
  for (const name of Object.keys(byName))
    if (!entry.outputs.includes(name))
      throw new ArgumentError(
        'ERR_ARGUMENT',
        `${entry.name}: out must be among ${entry.outputs.join(' ')}, but it is ${name}`,
      )
  return entry.outputs.map((name) => {
    const tensor = byName[name]
    if (tensor === undefined) return null
    if (!(tensor instanceof Tensor))
      throw new ArgumentError('ERR_ARGUMENT', `${entry.name}: ${name} must be a tensor, but it is ${described(tensor)}`)
    if (tensor.disposed) throw new DisposedError(`${entry.name}: ${name} must be live, but it was disposed`)
    return tensor
  })
}

/** Runs one op: TypeScript checks the manners, the addon the truth. */
function run(entry: Entry, args: Arguments): unknown {
  if (typeof args !== 'object' || args === null)
    throw new ArgumentError('ERR_ARGUMENT', `${entry.name}: operands must be given by name, but are ${described(args)}`)
  for (const name of Object.keys(args))
    if (!entry.known.has(name)) throw unknownName(entry.name, 'operand or attribute', name, [...entry.known])
  const { handles, device: named } = operands(entry, args)
  const device = named ?? args.device
  if (!(device instanceof Device))
    throw new ArgumentError(
      'ERR_ARGUMENT',
      `${entry.name}: device must be given, because there is no operand to name it`,
    )
  const attributes = entry.attributes.map((spec) => attributeValue(entry.name, spec, args[spec.name]))
  const given = targets(entry, args.out)
  const made = native.runOp(
    device.native,
    entry.op,
    handles,
    attributes,
    given?.map((tensor) => tensor?.native ?? null) ?? null,
    currentPath(),
  )
  const results = entry.outputs.map((_, i) => {
    const target = given?.[i]
    if (target) return target
    const [handle, dtype, shape] = made.shift() as [TensorHandle, number, Shape]
    return new Tensor(device, handle, dtypes[dtype] as DType, shape)
  })
  if (entry.outputs.length === 1) return results[0]
  return Object.fromEntries(entry.outputs.map((name, i) => [name, results[i]]))
}

const entries = new Map((Object.keys(schema) as OpName[]).map((name, op) => [name, parseEntry(name, op)]))

/** Every op of the schema: `ops.rmsNorm({ x, weight, epsilon: 1e-5 })`. Enqueues and returns at once. */
export const ops = Object.fromEntries(
  [...entries].map(([name, entry]) => [name, (args: Arguments) => run(entry, args)]),
) as unknown as Ops

/**
 * Whether a device has the op. A missing one throws ERR_OP_UNSUPPORTED when called or recorded, and so does a call of
 * an op that is there whose dtypes, weight format or sizes the device cannot run; the message says which.
 */
export function supports(device: Device, name: OpName): boolean {
  return !native.missingOps(device.info.backend).includes(name)
}
