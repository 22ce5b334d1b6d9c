import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../lib/errors.js'
import { ArgumentError, type Device, DisposedError, LophiError, listDevices, openDevice } from '../../lib/index.js'
import type { OpName } from '../../lib/ops/schema.js'
import { callOp, type DeviceTensor, opsOf, readBack, Uploads } from '../support/on-device.js'
import { type AnyOperands, casesOf, expectedOf, operandsOf } from '../support/table.js'
import { attentionOperands, f32, failing, i32, refused } from './cases/wrong.js'
import { wrongCalls } from './wrong-calls.js'

const { devices } = await listDevices()
const columns = await Promise.all(devices.map(opsOf))

/** What `fn` throws at once. */
function thrownBy(fn: () => unknown): unknown {
  try {
    fn()
  } catch (error) {
    return error
  }
  return undefined
}

function expectError(error: unknown, op: OpName, code: ErrorCode, names: string): void {
  expect(error, 'nothing was thrown, or no error of this package').toBeInstanceOf(LophiError)
  const { message, code: actual } = error as LophiError
  expect(`${actual} ${message}`).toMatch(new RegExp(`^${code} ${op}: .*\\b${names}\\b`))
  expect(error).toBeInstanceOf(code === 'ERR_DISPOSED' ? DisposedError : ArgumentError)
}

describe.each(columns)('$id', ({ id, has }) => {
  const possible = ({ op }: { op: OpName }) => has.includes(op)

  let device: Device
  beforeAll(async () => {
    device = await openDevice({ id })
  })
  afterAll(() => device[Symbol.asyncDispose]())

  const upload = (uploads: Uploads, operands: AnyOperands): Record<string, unknown> =>
    Object.fromEntries(Object.entries(operands).map(([name, operand]) => [name, uploads.argument(operand)]))

  describe.each(has)('%s refuses', (op) => {
    const [right] = casesOf(op)
    const operands = operandsOf(op, right)
    for (const { name, code, names, spoil } of wrongCalls(op, operands, expectedOf(op, operands, right.attributes))) {
      test(name, () => {
        using uploads = new Uploads(device)
        const args = { ...right.attributes, ...upload(uploads, operands) }
        spoil(args, uploads)
        expectError(
          thrownBy(() => callOp(op, device, args)),
          op,
          code,
          names,
        )
      })
    }
  })

  test.each(refused.filter(possible))('$op refuses $what', ({ op, operands, attributes, code, names }) => {
    using uploads = new Uploads(device)
    expectError(
      thrownBy(() => callOp(op, device, { ...attributes, ...upload(uploads, operands) })),
      op,
      code,
      names,
    )
  })

  test.each(failing.filter(possible))(
    '$op fails on $what, and the device goes on',
    async ({ op, operands, attributes, code, names }) => {
      using uploads = new Uploads(device)
      const attempt = async () => {
        const outputs = uploads.own(callOp(op, device, { ...attributes, ...upload(uploads, operands) }))
        await Promise.all(Object.values(outputs).map(readBack))
      }
      expectError(await attempt().catch((error: unknown) => error), op, code, names)
      const { y } = uploads.own(callOp('copy', device, { x: uploads.tensor(i32(3)) }))
      expect([...(await readBack(y)).data]).toEqual([3])
    },
  )

  test('an output must not be an operand, unless the op allows it for the first', () => {
    using uploads = new Uploads(device)
    const square = uploads.tensor(f32(3, 3))
    const other = uploads.tensor(f32(3, 3))
    const wrong: [OpName, Record<string, DeviceTensor>, DeviceTensor][] = [
      ['matmul', { a: square, b: other }, square],
      ['matmul', { a: other, b: square }, square],
      ['transpose', { x: square }, square],
      ['add', { a: other, b: square }, square],
    ]
    for (const [op, operands, out] of wrong.filter(([op]) => has.includes(op))) {
      const attributes = op === 'transpose' ? { permutation: [1, 0] } : {}
      expectError(
        thrownBy(() => callOp(op, device, { ...operands, ...attributes, out })),
        op,
        'ERR_ARGUMENT',
        'y',
      )
    }
  })

  test.runIf(has.includes('attention'))('attention refuses one tensor for keys and values', () => {
    using uploads = new Uploads(device)
    const args = upload(uploads, attentionOperands(2, 2, 0))
    const error = thrownBy(() => callOp('attention', device, { ...args, values: args.keys }))
    expectError(error, 'attention', 'ERR_ARGUMENT', 'keys')
  })
})
