import { Device } from '../device.js'
import { type DType, dtypes } from '../dtype.js'
import { ArgumentError, DisposedError } from '../errors.js'
import { type AttributeValue, type NativeAttribute, type NativeOp, native, type TensorHandle } from '../native.js'
import { described, unknownName } from '../options.js'
import { currentPath } from '../path.js'
import { Tensor } from '../tensor.js'
import { Weight } from '../weight.js'
import type { OpName } from './schema.js'
import type { Ops } from './types.js'

/** An attribute, and what native code gets where none is given; undefined: it must be given. */
type AttributeSpec = NativeAttribute & { readonly preset: AttributeValue | undefined }

/** An op in the form that a call needs. The strings of the schema are parsed by native code alone. */
interface Entry {
  readonly op: number
  readonly name: string
  readonly inputs: NativeOp['in']
  readonly attributes: readonly AttributeSpec[]
  readonly outputs: readonly string[]
  readonly known: ReadonlySet<string>
}

type Arguments = Readonly<Record<string, unknown>>

function entryOf({ name, in: inputs, attributes, out }: NativeOp, op: number): Entry {
  const names = [...inputs, ...attributes].map((operand) => operand.name)
  return {
    op,
    name,
    inputs,
    attributes: attributes.map((spec) => ({
      ...spec,
      preset: spec.initial === null ? undefined : attributeValue(name, spec, fromText(spec.kind, spec.initial)),
    })),
    outputs: out,
    known: new Set([...names, 'out', ...(inputs.length > 0 ? [] : ['device'])]),
  }
}

function fromText(kind: NativeAttribute['kind'], text: string): unknown {
  if (kind === 'bool') return text === 'true'
  return kind === 'int' || kind === 'float' ? Number(text) : text
}

function attributeValue(op: string, spec: NativeAttribute, value: unknown): AttributeValue {
  const wrong = (requirement: string) =>
    new ArgumentError('ERR_ARGUMENT', `${op}: ${spec.name} must be ${requirement}, but it is ${described(value)}`)
  switch (spec.kind) {
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

const none: readonly never[] = []

function attributesOf(entry: Entry, args: Arguments): readonly AttributeValue[] {
  if (entry.attributes.length === 0) return none
  return entry.attributes.map((spec) => {
    const given = args[spec.name]
    if (given !== undefined && given !== null) return attributeValue(entry.name, spec, given)
    if (spec.preset === undefined) throw new ArgumentError('ERR_ARGUMENT', `${entry.name}: ${spec.name} must be given`)
    return spec.preset
  })
}

/** The operand, live. */
function operand(entry: Entry, name: string, value: unknown): Tensor | Weight {
  if (!(value instanceof Tensor || value instanceof Weight))
    throw new ArgumentError(
      'ERR_ARGUMENT',
      `${entry.name}: ${name} must be ${value === undefined ? 'given' : `a tensor or a weight, but it is ${described(value)}`}`,
    )
  if (value.disposed) throw new DisposedError(`${entry.name}: ${name} must be live, but it was disposed`)
  return value
}

/** Operands in the op's order; null where an optional one is absent. */
function operandsOf(entry: Entry, args: Arguments): (Tensor | Weight | null)[] {
  const found: (Tensor | Weight | null)[] = []
  for (const { name, variadic, optional } of entry.inputs) {
    const value = args[name]
    if (!variadic) {
      found.push(value === undefined && optional ? null : operand(entry, name, value))
      continue
    }
    if (!Array.isArray(value))
      throw new ArgumentError(
        'ERR_ARGUMENT',
        `${entry.name}: ${name} must be an array of tensors, but it is ${described(value)}`,
      )
    if (value.length === 0)
      throw new ArgumentError('ERR_ARGUMENT', `${entry.name}: ${name} must hold at least one tensor, but it is empty`)
    for (const part of value) found.push(operand(entry, name, part))
  }
  return found
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

// What native code says of the outputs that it made: for each its dtype, its rank and its dims.
const reply = new Float64Array(256)
native.setReply(reply)

function made(device: Device, handle: TensorHandle, at: number): Tensor {
  const rank = reply[at + 1] as number
  const shape: number[] = []
  for (let i = 0; i < rank; i++) shape.push(reply[at + 2 + i] as number)
  return new Tensor(device, handle, dtypes[reply[at] as number] as DType, shape)
}

/** Runs one op: TypeScript checks the manners, the addon the truth. */
function run(entry: Entry, args: Arguments): unknown {
  if (typeof args !== 'object' || args === null)
    throw new ArgumentError('ERR_ARGUMENT', `${entry.name}: operands must be given by name, but are ${described(args)}`)
  for (const name of Object.keys(args))
    if (!entry.known.has(name)) throw unknownName(entry.name, 'operand or attribute', name, [...entry.known])
  const operands = operandsOf(entry, args)
  const device = operands.find((value) => value !== null)?.device ?? args.device
  if (!(device instanceof Device))
    throw new ArgumentError(
      'ERR_ARGUMENT',
      `${entry.name}: device must be given, because there is no operand to name it`,
    )
  const attributes = attributesOf(entry, args)
  const given = targets(entry, args.out)
  const handles = native.runOp(
    device.native,
    entry.op,
    currentPath(),
    operands.map((value) => value?.native ?? null),
    attributes,
    given?.map((tensor) => tensor?.native ?? null) ?? null,
  )
  if (!given && entry.outputs.length === 1) return made(device, handles[0] as TensorHandle, 0)
  let at = 0
  let next = 0
  const results = entry.outputs.map((_, i) => {
    const target = given?.[i]
    if (target) return target
    const tensor = made(device, handles[next++] as TensorHandle, at)
    at += 2 + tensor.shape.length
    return tensor
  })
  if (entry.outputs.length === 1) return results[0]
  return Object.fromEntries(entry.outputs.map((name, i) => [name, results[i]]))
}

const entries = native.describeOps().map(entryOf)

/** Every op of the schema: `ops.rmsNorm({ x, weight, epsilon: 1e-5 })`. Enqueues and returns at once. */
export const ops = Object.fromEntries(
  entries.map((entry) => [entry.name, (args: Arguments) => run(entry, args)]),
) as unknown as Ops

/**
 * Whether a device has the op. A missing one throws ERR_OP_UNSUPPORTED when called or recorded, and so does a call of
 * an op that is there whose dtypes, weight format or sizes the device cannot run; the message says which.
 */
export function supports(device: Device, name: OpName): boolean {
  return !native.missingOps(device.info.backend).includes(name)
}
