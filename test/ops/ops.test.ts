import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { type Device, type LophiError, listDevices, openDevice } from '../../lib/index.js'
import { type OpName, schema } from '../../lib/ops/schema.js'
import { differences } from '../support/compare.js'
import { isFloat, type NdArray, ndarray, type Operand } from '../support/ndarray.js'
import {
  type Argument,
  type Arguments,
  callOp,
  type DeviceTensor,
  isTensor,
  opsOf,
  readBack,
  Uploads,
} from '../support/on-device.js'
import { type AnyCase, casesOf, expectedOf, operandsOf, seedOfCase } from '../support/table.js'
import { bounds } from './cases.js'
import { missing } from './refusals.js'
import { opNames } from './signature.js'

const { devices, absent } = await listDevices()
for (const { backend, reason } of absent) console.warn(`ops on ${backend} are not tested: ${reason}`)

const columns = await Promise.all(devices.map(opsOf))
for (const { id, lacks } of columns)
  if (lacks.length > 0) console.warn(`${id} lacks ${lacks.length} of ${opNames.length} ops: ${lacks.join(' ')}`)

interface Run {
  readonly where: string
  readonly uploads: Uploads
  readonly operands: Readonly<Record<string, Operand>>
  readonly args: Readonly<Record<string, Argument>>
  /** Outputs and in-out operands. */
  readonly expected: Readonly<Record<string, NdArray>>
}

function prepare(device: Device, id: string, op: OpName, opCase: AnyCase): Run {
  const uploads = new Uploads(device)
  const operands = operandsOf(op, opCase)
  return {
    where: `${op} on ${id}, case '${opCase.name}', seed ${seedOfCase(op, opCase)}`,
    uploads,
    operands,
    args: Object.fromEntries(Object.entries(operands).map(([name, value]) => [name, uploads.argument(value)])),
    expected: expectedOf(op, operands, opCase.attributes),
  }
}

/** Compares outputs, in-out operands, and the operands that had only to be read, `overwritten` aside. */
async function compare(op: OpName, run: Run, outputs: Record<string, DeviceTensor>, overwritten?: DeviceTensor) {
  const { where, operands, args, expected } = run
  const fail = (name: string, difference: string | null): void => {
    if (difference) expect.fail(`${where}: ${name}: ${difference}`)
  }
  for (const [name, values] of Object.entries(expected)) {
    const inOut = args[name] as DeviceTensor
    if (name in outputs) fail(name, differences(values, await readBack(outputs[name]), bounds[op]))
    else fail(name, differences(values, await readBack(inOut), 'exact'))
  }
  for (const [name, argument] of Object.entries(args)) {
    if (name in expected || argument === overwritten || !isTensor(argument)) continue
    fail(`${name}, an operand`, differences(operands[name] as NdArray, await readBack(argument), 'exact'))
  }
}

/** The first operand where the op may write over it, and its shape and dtype are those of the output. */
function writableOperand(op: OpName, { args, expected }: Run): DeviceTensor | null {
  const first = Object.values(args)[0] as DeviceTensor
  const fits = 'inPlace' in schema[op] && first.dtype === expected.y.dtype && `${first.shape}` === `${expected.y.shape}`
  return fits ? first : null
}

/** Refusals that were met, by backend: "op: reason". */
const met = new Map<string, Set<string>>()

function expectedRefusals(backend: string): string[] {
  return Object.entries(missing[backend]?.calls ?? {}).flatMap(([reason, names]) =>
    names.map((op) => `${op}: ${reason}`),
  )
}

/** Skips a case that the table says is refused; any other refusal fails it. */
function skipRefused<T>(backend: string, context: TestContext, call: () => T): T {
  try {
    return call()
  } catch (error) {
    const { code, message } = error as LophiError
    if (code !== 'ERR_OP_UNSUPPORTED' || !expectedRefusals(backend).includes(message)) throw error
    met.set(backend, (met.get(backend) ?? new Set()).add(message))
    return context.skip(message)
  }
}

describe.each(columns)('$id', ({ id, has, lacks }) => {
  let device: Device
  beforeAll(async () => {
    device = await openDevice({ id })
  })
  afterAll(() => device[Symbol.asyncDispose]())

  const call = (
    op: OpName,
    { attributes }: AnyCase,
    { args, uploads }: Run,
    out?: Arguments,
  ): Record<string, DeviceTensor> => uploads.own(callOp(op, device, { ...attributes, ...args, ...out }))

  describe.each(has)('%s', (op) => {
    for (const opCase of casesOf(op)) {
      test(opCase.name, async (context) => {
        const run = skipRefused(device.info.backend, context, () => prepare(device, id, op, opCase))
        using _ = run.uploads
        const made = skipRefused(device.info.backend, context, () => call(op, opCase, run))
        await compare(op, run, made)

        const first = writableOperand(op, run)
        if (!first) return
        const outputs = call(op, opCase, run, { out: first })
        expect(outputs.y, 'in place').toBe(first)
        await compare(op, run, outputs, first)
      })
    }

    const outputNames = Object.keys(schema[op].out)
    // all of them, and, of several, each one alone
    const subsets = outputNames.length === 1 ? [outputNames] : [outputNames, ...outputNames.map((name) => [name])]
    test.for(subsets.map((names) => ({ names })))('writes into $names given as out', async ({ names }, context) => {
      for (const opCase of casesOf(op).slice(0, 3)) {
        const run = prepare(device, id, op, opCase)
        using _ = run.uploads
        const out = Object.fromEntries(
          names.map((name) => {
            const { dtype, shape } = run.expected[name]
            // whatever they held
            return [name, run.uploads.tensor(ndarray(dtype, shape, () => (isFloat(dtype) ? Number.NaN : 1)))]
          }),
        )
        const outputs = skipRefused(device.info.backend, context, () => call(op, opCase, run, { out }))
        for (const name of Object.keys(out)) expect(outputs[name], name).toBe(out[name])
        await compare(op, run, outputs)
      }
    })
  })

  test.skipIf(lacks.length === 0)('an op that the device lacks is refused by name', () => {
    for (const op of lacks) {
      const [right] = casesOf(op)
      const run = prepare(device, id, op, right)
      using _ = run.uploads
      const refusal = expect.objectContaining({
        code: 'ERR_OP_UNSUPPORTED',
        message: `${op} on ${device.info.backend}`,
      })
      expect(() => call(op, right, run), op).toThrow(refusal)
    }
  })

  // behind all cases, so that each has had the chance to be refused
  test('what the device refuses is what the table says, all of it', () => {
    const { backend } = device.info
    expect([...lacks].sort()).toEqual([...(missing[backend]?.ops ?? [])].sort())
    expect([...(met.get(backend) ?? [])].sort()).toEqual(expectedRefusals(backend).sort())
  })
})
