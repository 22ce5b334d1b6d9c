import { type DType, dtypes } from '../../lib/dtype.js'
import type { ErrorCode } from '../../lib/errors.js'
import { type OpName, schema } from '../../lib/ops/schema.js'
import { isFloat, isWeight, type NdArray, ndarray, type Operand, type WeightArray } from '../support/ndarray.js'
import type { DeviceTensor, Uploads } from '../support/on-device.js'
import type { AnyOperands } from '../support/table.js'
import type { Shape } from './indexing.js'

// Wrong calls, made from a right one by what the schema says of each operand and attribute.

export interface WrongCall {
  readonly name: string
  readonly code: ErrorCode
  /** The operand or attribute that the message names. */
  readonly names: string
  /** Spoils the arguments of a right call. */
  readonly spoil: (args: Record<string, unknown>, uploads: Uploads) => void
}

interface OperandSpec {
  readonly name: string
  readonly dtype: string
  /** None where a shape rule takes their place. */
  readonly dims: readonly string[]
  readonly open: boolean
}

function operandSpecs(op: OpName, operands: AnyOperands): OperandSpec[] {
  const given = Object.entries<string>(schema[op].in).filter(([name]) => name in operands)
  return given.map(([name, text]) => {
    const [, dtype, list = ''] = /^(?:inout )?(\w+)(?:\[(.*)\])?/.exec(text) ?? []
    const dims = list.split(', ').filter((dim) => dim !== '')
    return { name, dtype, dims: dims.filter((dim) => dim !== '...'), open: dims.includes('...') }
  })
}

const zeros = (dtype: DType, shape: Shape): NdArray => ndarray(dtype, shape, () => 0)

/** The operand with another shape, filled with zeros. */
function resized(operand: NdArray | WeightArray, shape: Shape): Operand {
  const blank = zeros('float32', shape)
  if (!isWeight(operand)) return zeros(operand.dtype, shape)
  const [rows, columns] = shape
  return { format: 'float32', shape: [rows, columns], data: blank.data, bytes: new Uint8Array(4 * blank.data.length) }
}

const replace =
  (name: string, operand: Operand): WrongCall['spoil'] =>
  (args, uploads) => {
    args[name] = uploads.argument(operand)
  }
const set =
  (name: string, value: unknown): WrongCall['spoil'] =>
  (args) => {
    args[name] = value
  }

const namesIn = (dim: string): string[] => (dim.match(/[A-Za-z]\w*/g) ?? []).filter((word) => word !== 'ceil')

/** Too few and too many axes, and every dim off by one that the operands before it, or the dim itself, determine. */
function* wrongShapes(op: OpName, operands: AnyOperands): Generator<WrongCall> {
  const known = new Set(Object.keys(schema[op].attrs))
  let leadingKnown = false
  for (const { name, dims, open } of operandSpecs(op, operands)) {
    if (dims.length === 0) continue
    const operand = operands[name] as NdArray | WeightArray
    const wrong = (what: string, shape: Shape): WrongCall => ({
      name: `${name} with ${what}`,
      code: 'ERR_SHAPE',
      names: name,
      spoil: replace(name, resized(operand, shape)),
    })
    const { shape } = operand
    const leading = shape.length - dims.length
    if (!isWeight(operand)) {
      yield wrong('an axis too few', shape.slice(leading + 1))
      if (!open) yield wrong('an axis too many', [1, ...shape])
    }
    for (const [i, dim] of dims.entries()) {
      const unknown = namesIn(dim).filter((word) => !known.has(word))
      if (dim !== unknown[0]) yield wrong(`${dim} off by one`, shape.with(leading + i, shape[leading + i] + 1))
      for (const word of unknown) known.add(word)
    }
    if (open && leadingKnown) yield wrong('... off by one', shape.with(0, shape[0] + 1))
    leadingKnown ||= open
  }
}

/** A dtype that the word does not allow; null where it allows all. */
function wrongDType(word: string, operands: AnyOperands): DType | null {
  if (word === 'any') return null
  if (word === 'number') return 'uint8'
  if (word === 'float' || word === 'cache') return 'int32'
  const wanted = dtypes.find((dtype) => dtype === word) ?? (operands[word] as NdArray).dtype
  return wanted === 'float32' ? 'float16' : 'float32'
}

function* wrongDTypes(op: OpName, operands: AnyOperands): Generator<WrongCall> {
  for (const { name, dtype: word } of operandSpecs(op, operands)) {
    const dtype = word === 'weight' ? null : wrongDType(word, operands)
    if (!dtype) continue
    const { shape } = operands[name] as NdArray
    yield { name: `${name} of ${dtype}`, code: 'ERR_DTYPE', names: name, spoil: replace(name, zeros(dtype, shape)) }
  }
}

const notOperands: Record<string, unknown> = {
  'a number': 5,
  'a string': 'x',
  'an object': {},
  data: new Float32Array(4),
}

function* wrongOperands(op: OpName, operands: AnyOperands): Generator<WrongCall> {
  const weight = resized(
    { format: 'float32', shape: [2, 32], data: new Float64Array(), bytes: new Uint8Array() },
    [2, 32],
  )
  for (const { name, dtype } of operandSpecs(op, operands)) {
    const required = !(schema[op].in as Record<string, string>)[name].endsWith('?')
    const wrong = (what: string, spoil: WrongCall['spoil'], code: ErrorCode = 'ERR_ARGUMENT'): WrongCall => ({
      name: `${name} ${what}`,
      code,
      names: name,
      spoil,
    })
    if (required) yield wrong('missing', set(name, undefined))
    if (required) yield wrong('null', set(name, null))
    for (const [kind, value] of Object.entries(notOperands)) yield wrong(`given as ${kind}`, set(name, value))
    if (dtype === 'weight') yield wrong('given as a tensor', replace(name, zeros('float32', [2, 32])))
    else yield wrong('given as a weight', replace(name, weight))
    const dispose: WrongCall['spoil'] = (args) => (args[name] as DeviceTensor).dispose()
    if (!Array.isArray(operands[name])) yield wrong('disposed', dispose, 'ERR_DISPOSED')
  }
}

const wrongValues: Record<string, readonly unknown[]> = {
  int: [1.5, '1', Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, [1]],
  float: ['1', [1], true],
  bool: [1, 'true'],
  dtype: ['float64', 3],
  ints: [3, '3', [1.5], ['1'], [Number.NaN]],
}

function* wrongAttributes(op: OpName): Generator<WrongCall> {
  for (const [name, declaration] of Object.entries<string>(schema[op].attrs)) {
    const [type, initial] = declaration.split(' = ')
    const missing = initial === undefined ? [undefined] : []
    for (const value of [...missing, ...(wrongValues[type] ?? ['none of the words', 0])]) {
      const shown = value === undefined ? 'missing' : `given as ${JSON.stringify(value) ?? value}`
      yield { name: `${name} ${shown}`, code: 'ERR_ARGUMENT', names: name, spoil: set(name, value) }
    }
  }
}

function* wrongDevices(op: OpName): Generator<WrongCall> {
  if (Object.keys(schema[op].in).length > 0) return
  for (const device of [undefined, 'cpu', {}]) {
    const shown = JSON.stringify(device) ?? 'missing'
    yield { name: `device ${shown}`, code: 'ERR_ARGUMENT', names: 'device', spoil: set('device', device) }
  }
}

function* wrongOutputs(op: OpName, expected: Readonly<Record<string, NdArray>>): Generator<WrongCall> {
  const names = Object.keys(schema[op].out)
  for (const name of names) {
    const { dtype, shape } = expected[name]
    const other = isFloat(dtype) ? 'uint8' : 'float32'
    const wrong = (what: string, code: ErrorCode, output: NdArray | number): WrongCall => ({
      name: `out.${name} ${what}`,
      code,
      names: name,
      spoil: (args, uploads) => {
        const right = names.map((each) => [each, uploads.argument(zeros(expected[each].dtype, expected[each].shape))])
        const spoilt = typeof output === 'number' ? output : uploads.argument(output)
        args.out = { ...Object.fromEntries(right), [name]: spoilt }
      },
    })
    yield wrong(`of ${other}`, 'ERR_DTYPE', zeros(other, shape))
    yield wrong('of another shape', 'ERR_SHAPE', zeros(dtype, [...shape, 2]))
    yield wrong('as a number', 'ERR_ARGUMENT', 1)
  }
  yield { name: 'out for an unknown output', code: 'ERR_ARGUMENT', names: 'nothing', spoil: set('out', { nothing: 1 }) }
  yield { name: 'out as a number', code: 'ERR_ARGUMENT', names: 'out', spoil: set('out', 1) }
}

/** `operands` and `expected` are those of the right call. */
export function wrongCalls(
  op: OpName,
  operands: AnyOperands,
  expected: Readonly<Record<string, NdArray>>,
): WrongCall[] {
  return [
    ...wrongShapes(op, operands),
    ...wrongDTypes(op, operands),
    ...wrongOperands(op, operands),
    ...wrongAttributes(op),
    ...wrongDevices(op),
    ...wrongOutputs(op, expected),
    { name: 'an unknown name', code: 'ERR_ARGUMENT', names: 'bogus', spoil: set('bogus', 1) },
  ]
}
