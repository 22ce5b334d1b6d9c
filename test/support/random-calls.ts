import { bitsOf, byteLength, type DType, dtypes } from '../../lib/dtype.js'
import { weightPackings } from '../../lib/formats/source.js'
import { type Device, LophiError, ops, record, Tensor } from '../../lib/index.js'
import { type OpName, schema } from '../../lib/ops/schema.js'
import { blockFormats, blocks } from '../ops/reference/weights.js'
import { type Random, random, seedOf } from './random.js'

// Calls of any op with operands that nobody would write. Most follow the op's signature, so that its kernel runs; the rest
// have something wrong in one or two places. Call n depends on n alone.

/** Names of what stands in a call, for whoever has to look at one that broke. */
export interface RandomCall {
  readonly op: OpName
  readonly text: string
  /** Runs it and reads everything back; what it was made of is disposed. */
  run(): Promise<'ran' | 'refused'>
}

type Disposables = { dispose(): void }[]
type Bindings = Record<string, number>
type Values = Record<string, unknown>
type AnyOp = (args: Values) => Tensor | Record<string, Tensor>

interface Source extends Random {
  pick<T>(list: readonly T[]): T
  chance(share: number): boolean
}

function sourceOf(seed: number): Source {
  const source = random(seed)
  return {
    ...source,
    pick: (list) => list[source.integer(0, list.length - 1)]!,
    chance: (share) => source.uniform() < share,
  }
}

/** Operands of more elements are not made; results may be larger, as those of gather are. */
const mostElements = 10_000
const sizes = [0, 1, 1, 2, 3, 4, 5, 7, 8, 16, 17, 31, 32, 33, 64, 96]
const floats: readonly DType[] = ['float32', 'float16', 'bfloat16']
const classes: Readonly<Record<string, readonly DType[]>> = {
  float: floats,
  number: [...floats, 'int32'],
  cache: [...floats, 'int8'],
  any: dtypes,
  dtype: dtypes,
}

const sizeOf = (shape: readonly number[]) => shape.reduce((count, extent) => count * extent, 1)

/** Sizes that an op's own `requires` would refuse nearly always. */
const bindings: Partial<Record<OpName, (source: Source) => Bindings>> = {
  rotaryEmbedding: ({ pick, integer }) => {
    const headDim = pick([2, 4, 8, 16, 64, 96])
    const N = integer(1, 4)
    return { headDim, N, heads: integer(0, N), R: pick([headDim / 2, headDim / 2, 1, 0]), P: pick([1, 5, 9, 64]) }
  },
  attention: ({ pick, integer }) => {
    const G = pick([1, 1, 2, 3])
    const [P, B] = [integer(1, 6), integer(1, 3)]
    return {
      G,
      H: G * pick([1, 1, 2, 3, 4]),
      D: pick([1, 2, 8, 16, 32, 96]),
      P,
      B,
      L: pick([1, 2, 8, 16]),
      M: integer(0, P),
    }
  },
  sample: ({ pick }) => ({ V: pick([1, 2, 17, 256, 1000]), W: pick([1, 2, 64]), B: pick([0, 1, 1, 2, 3]) }),
  topK: ({ integer }) => ({ k: integer(1, 3), N: integer(3, 40) }),
  dequantize: ({ pick }) => ({ columns: pick([0, 1, 31, 32, 33, 64]), blockSize: pick([2, 3, 16, 32, 33]) }),
  matmulInt4: ({ pick }) => ({ blockSize: pick([2, 3, 16, 32, 64]) }),
  quantize: ({ pick }) => ({ blockSize: pick([2, 3, 16, 32, 64]) }),
}

/** Sizes of operands, each bound where it first stands. */
class Shapes {
  readonly #source: Source
  readonly #bound: Bindings
  readonly #prefix: readonly number[]

  constructor(source: Source, bound: Bindings) {
    this.#source = source
    this.#bound = bound
    this.#prefix = Array.from({ length: source.pick([0, 1, 1, 2, 2, 3]) }, () => source.pick(sizes))
  }

  /** '[..., K]' or 'broadcast' or 'free'. */
  of(dims: string): number[] {
    if (dims === 'broadcast') return this.#broadcast()
    if (dims === 'free') return this.any().map((extent) => Math.min(extent, 5))
    return dims.split(/,\s*(?![^(]*\))/).flatMap((dim) => (dim === '...' ? this.#prefix : [this.#value(dim)]))
  }

  any(): number[] {
    return Array.from({ length: this.#source.pick([0, 1, 1, 2, 2, 2, 3, 4]) }, () => this.#source.pick(sizes))
  }

  #broadcast(): number[] {
    const shape = this.#prefix.map((extent) => (this.#source.chance(0.3) ? 1 : extent))
    return shape.slice(this.#source.chance(0.3) ? this.#source.integer(0, shape.length) : 0)
  }

  #value(expression: string): number {
    const names = [...new Set(expression.match(/[A-Za-z]\w*/g))].filter((name) => name !== 'ceil')
    for (const name of names) this.#bound[name] ??= this.#source.pick(sizes)
    const text = expression.replace(/\bceil\(/g, 'Math.ceil(')
    const value = new Function(...names, `return ${text}`)(...names.map((name) => this.#bound[name])) as number
    return Number.isFinite(value) ? Math.max(0, Math.floor(value)) : 0
  }
}

const hostileIntegers = [
  0,
  -1,
  -2,
  1,
  2,
  3,
  7,
  16,
  31,
  64,
  4096,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 53 - 1,
  -(2 ** 53 - 1),
]
const hostileFloats = [0, 1, -1, 1e-5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300, -1e38]

function attribute(source: Source, declaration: string, name: string, bound: Bindings, wild: boolean): unknown {
  const [type = ''] = declaration.split('=').map((part) => part.trim())
  if (type.includes('|')) return source.pick(type.split('|').map((word) => word.trim()))
  switch (type) {
    case 'int':
      // what asks for gigabytes by these two gets them
      if (wild)
        return source.pick(name === 'count' || name === 'blockSize' ? [-1, 0, 1, 4096, 2 ** 53 - 1] : hostileIntegers)
      return bound[name] ?? (name === 'axis' ? source.integer(-2, 1) : source.integer(0, 4))
    case 'float':
      return source.pick(wild ? hostileFloats : [0, 1, -1, 1e-5, 0.5])
    case 'bool':
      return source.chance(0.5)
    case 'ints':
      if (name === 'permutation' && !wild) return source.pick([[], [0], [1, 0], [0, 1], [2, 1, 0], [0, 2, 1]])
      return wild
        ? source.pick([[5, 0], [3, 2 ** 40, 0], [-1], [7, 7], new Array(40).fill(1)])
        : source.pick([[], [0], [3], [2, 5]])
    default: // a class of dtypes, by whatever word
      return source.pick(wild ? dtypes : (classes[type] ?? dtypes))
  }
}

/** Bytes of a tensor; what `name` counts or points at is small and mostly in order. */
function fill(source: Source, name: string, dtype: DType, shape: readonly number[]): Uint8Array {
  const count = sizeOf(shape)
  if (dtype === 'int32' || dtype === 'uint32') {
    const words = new Int32Array(count)
    const [first, step] = [source.integer(0, 4), source.pick([0, 1, 1, 1, 2])]
    for (let i = 0; i < count; i++)
      words[i] = name === 'rows' ? i : name === 'position' ? first + i * step : source.integer(0, 5)
    if (count > 0 && source.chance(0.2)) words[source.integer(0, count - 1)] = source.pick(hostileIntegers)
    return new Uint8Array(words.buffer)
  }
  const bytes = new Uint8Array(byteLength(dtype, count))
  if (dtype === 'float32' && source.chance(0.7)) {
    new Float32Array(bytes.buffer).forEach((_, i, data) => {
      data[i] = source.chance(0.002) ? source.pick(hostileFloats) : source.normal()
    })
    return bytes
  }
  // 16-bit floats of any bits are NaN now and then
  if (source.chance(0.9)) for (let i = 0; i < bytes.length; i++) bytes[i] = source.integer(0, 255)
  return bytes
}

/** A weight of any format, packing and kind of groups; throws where they do not go together. */
function weight(source: Source, device: Device, [rows, columns]: readonly [number, number]) {
  const bytes = (length: number) => Uint8Array.from({ length }, () => source.integer(0, 255))
  const any = device as unknown as { weight(options: object): { dispose(): void } }
  if (source.chance(0.5)) {
    const format = source.pick(blockFormats)
    const { values, bytes: size } = blocks[format]
    const whole = Math.ceil(columns / values) * values
    return any.weight({ format, shape: [rows, whole], parts: { data: bytes(((rows * whole) / values) * size) } })
  }
  const format = source.pick(['int4', 'int8'] as const)
  const group = source.pick([16, 32, 64, Math.max(columns, 1)])
  const groups = Math.ceil(columns / group)
  const per = format === 'int4' ? 2 : 1
  const packing = source.chance(0.7) ? 'rows' : source.pick(weightPackings)
  const scaleType = source.pick(['float32', 'float16', 'bfloat16'] as const)
  const scales = bytes((rows * groups * bitsOf[scaleType]) / 8)
  const zeroType = source.pick(['packed', 'float'] as const)
  const packedZeros = packing === 'rows' ? rows * Math.ceil(groups / per) : Math.ceil((groups * rows) / per)
  const zeros = zeroType === 'float' ? bytes(scales.length) : bytes(packedZeros)
  const gIdx = Int32Array.from({ length: columns }, () => source.integer(0, Math.max(0, groups - 1)))
  return any.weight({
    format,
    shape: [rows, columns],
    group,
    packing,
    scaleType,
    signed: source.chance(0.3),
    parts: {
      data: bytes(packing === 'rows' ? (rows * groups * group) / per : Math.ceil((rows * columns) / per)),
      scales,
      ...(source.chance(0.6) && { zeros }),
      ...(source.chance(0.2) && { gIdx }),
    },
    ...(source.chance(0.5) && { zeroType }),
  })
}

const spell = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(spell)}]`
  const { dtype, format, shape } = (value ?? {}) as { dtype?: string; format?: string; shape?: readonly number[] }
  return shape ? `${dtype ?? format}[${shape}]` : String(value)
}

/** Call `n` of the ops in `names`. Making it throws where a weight cannot be, by an error of the package. */
export function randomCall(device: Device, names: readonly OpName[], n: number): RandomCall {
  const source = sourceOf(seedOf(`call ${n}`))
  const op = source.pick(names)
  const owned: Disposables = []
  const own = <T extends { dispose(): void }>(made: T): T => {
    owned.push(made)
    return made
  }
  const wild = source.chance(0.35)
  const args: Values = {}
  try {
    fillArguments(source, device, op, args, own, wild)
  } catch (error) {
    for (const each of owned) each.dispose()
    throw error
  }
  const text = `${op}(${Object.entries(args)
    .filter(([name]) => name !== 'device')
    .map(([name, value]) => `${name}: ${spell(value)}`)
    .join(', ')})`
  return { op, text, run: () => runCall(source, device, op, args, owned) }
}

function fillArguments(
  source: Source,
  device: Device,
  op: OpName,
  args: Values,
  own: <T extends { dispose(): void }>(made: T) => T,
  wild: boolean,
): void {
  const { in: inputs, attrs } = schema[op] as { in: Record<string, string>; attrs: Record<string, string> }
  const bound: Bindings = bindings[op]?.(source) ?? {}
  const shapes = new Shapes(source, bound)
  const chosen: Record<string, DType> = {}
  for (const [name, spec] of Object.entries(inputs)) {
    if (spec.endsWith('?') && source.chance(0.5)) continue
    const [, word = '', dims = ''] = /^(?:inout )?(\w+)(?:\[(.*)\]| (broadcast|free))?[?*]?$/.exec(spec) ?? []
    const rule = dims || / (broadcast|free)[?*]?$/.exec(spec)?.[1] || ''
    if (word === 'weight') {
      const [rows = 1, columns = 1] = shapes.of(rule)
      const made = own(weight(source, device, [Math.min(rows, 64), Math.min(columns, 512)]))
      // blocks may have made it wider: what multiplies it is as wide
      const [, second = ''] = rule.split(', ')
      bound[second] = (made as unknown as { shape: readonly number[] }).shape[1]!
      args[name] = made
      continue
    }
    const dtype = chosen[word] ?? (classes[word] ? source.pick(classes[word]) : (word as DType))
    chosen[name] = dtype
    const make = () => {
      const spoilt = wild && source.chance(0.3)
      const type = spoilt && source.chance(0.5) ? source.pick(dtypes) : dtype
      let shape = shapes.of(rule)
      if (spoilt && source.chance(0.6)) shape = spoil(source, shape)
      shape = affordable(shape)
      const before = Object.values(args).filter((value): value is Tensor => value instanceof Tensor)
      if (spoilt && before.length > 0 && source.chance(0.3)) return source.pick(before)
      return own(tensor(source, device, name, type, shape))
    }
    args[name] = spec.endsWith('*') ? Array.from({ length: source.integer(1, 3) }, make) : make()
  }
  // x of a linear was made before its weight told how wide it is
  if (op === 'linear' && !wild) {
    const { shape, dtype } = args.x as Tensor
    args.x = own(tensor(source, device, 'x', dtype, [...shape.slice(0, -1), bound.K ?? 1].slice(-3)))
  }
  for (const [name, declaration] of Object.entries(attrs))
    if (name in bound || !declaration.includes('=') || source.chance(0.6))
      args[name] = attribute(source, declaration, name, bound, wild && source.chance(0.4))
  if (Object.keys(inputs).length === 0) args.device = device
}

/** A tensor, now and then one that begins in the middle of another's memory. */
function tensor(source: Source, device: Device, name: string, dtype: DType, shape: readonly number[]): Tensor {
  if (shape.length === 0 || source.chance(0.8)) return device.tensor(fill(source, name, dtype, shape), shape, dtype)
  const [rows = 0, ...rest] = shape
  const skipped = source.integer(1, 2) * (bitsOf[dtype] === 4 ? 2 : 1)
  const larger = [rows + skipped + 1, ...rest]
  const whole = device.tensor(fill(source, name, dtype, larger), larger, dtype)
  try {
    return whole.subarray(skipped, skipped + rows)
  } catch {
    return device.tensor(fill(source, name, dtype, shape), shape, dtype) // 4-bit elements begin at whole bytes
  } finally {
    whole.dispose()
  }
}

function affordable(shape: readonly number[]): number[] {
  let extents = [...shape]
  for (let most = 32; sizeOf(extents) > mostElements; most /= 2)
    extents = extents.map((extent) => Math.min(extent, most))
  return extents
}

function spoil(source: Source, shape: readonly number[]): number[] {
  const at = source.integer(0, Math.max(0, shape.length - 1))
  switch (source.integer(0, 4)) {
    case 0:
      return [...shape, source.pick(sizes)]
    case 1:
      return shape.slice(0, -1)
    case 2:
      return shape.map((extent, i) => (i === at ? extent + 1 : extent))
    case 3:
      return shape.map((extent, i) => (i === at ? 0 : extent))
    default:
      return shape.map(() => source.pick(sizes))
  }
}

async function runCall(source: Source, device: Device, op: OpName, args: Values, owned: Disposables) {
  const call = (ops as unknown as Record<string, AnyOp>)[op]!
  const outputs = Object.keys(schema[op].out)
  const named = (result: ReturnType<AnyOp>): Record<string, Tensor> =>
    outputs.length === 1 ? { [outputs[0]!]: result as Tensor } : { ...(result as Record<string, Tensor>) }
  const take = (result: Record<string, Tensor>): Record<string, Tensor> => {
    owned.push(...Object.values(result))
    return result
  }
  const read = async (tensors: Record<string, Tensor>) => {
    for (const made of Object.values(tensors)) if (made.size < 1e6) await made.read()
  }
  try {
    if (source.chance(0.2)) {
      const plan = record(device, { inputs: {} }, () => named(call(args)))
      owned.push(plan)
      for (let i = 0; i < 2; i++) await plan.run({}, { read: outputs.filter((name) => plan.outputs[name]!.size < 1e6) })
      return 'ran'
    }
    const made = take(named(call(args)))
    await read(made)
    if (source.chance(0.3)) {
      // into memory that is there: as large as it must be, or an operand, or something else
      const target = (name: string): Tensor => {
        const { dtype, shape } = made[name]!
        const operands = Object.values(args).filter((value): value is Tensor => value instanceof Tensor)
        if (operands.length > 0 && source.chance(0.3)) return source.pick(operands)
        const fresh = tensor(
          source,
          device,
          'out',
          dtype,
          source.chance(0.9) ? shape : affordable(spoil(source, shape)),
        )
        owned.push(fresh)
        return fresh
      }
      const out = Object.fromEntries(outputs.filter(() => source.chance(0.8)).map((name) => [name, target(name)]))
      await read(take(named(call({ ...args, out: outputs.length === 1 ? (out[outputs[0]!] ?? {}) : out }))))
    }
    return 'ran'
  } catch (error) {
    if (!(error instanceof LophiError) || error.message.includes('internal error')) throw error
    return 'refused'
  } finally {
    for (const each of owned) each.dispose()
  }
}
