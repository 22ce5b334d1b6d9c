import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WeightPart } from '../../lib/formats/source.js'
import { type WeightFormat, weightFormats } from '../../lib/formats/weight-formats.js'
import { type Device, openDevice, ops, type Tensor } from '../../lib/index.js'
import { openWeight } from '../../lib/weight.js'
import { openRows, readRows } from '../../lib/weight-rows.js'
import { levels, weight } from '../ops/cases/build.js'
import { blocks, decodeLevels, packFloats, packLevels, packZeros } from '../ops/reference/weights.js'
import { fromBits, roundoff, toBits } from '../support/floats.js'
import { type Random, random, seedOf } from '../support/random.js'

// Rows go through the canonical form that backends read, and back to floats: what the formats define must come out bit for bit, and
// what the CPU computes on in place, but for the signs of its zeros, which instruction sets disagree on.

let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.dispose())

const positiveZeros = (values: Float32Array) => bytesOf(values.map((value) => value + 0))
const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/** Rows, and their values as the format defines them. */
interface Part {
  readonly part: WeightPart
  readonly values: Float64Array
}

interface Stack {
  readonly columns: number
  readonly parts: readonly Part[]
}

const isGrouped = (format: WeightFormat): format is 'int4' | 'int8' => format === 'int4' || format === 'int8'

/** Rows of any blocks: scales, minima and levels of every bit pattern that has finite values. */
function blockPart(draw: Random, format: Exclude<WeightFormat, 'int4' | 'int8'>, rows: number, columns: number): Part {
  const { bytes, data } = weight(draw, format, [rows, columns])
  return { part: { format, rows, data: bytes }, values: data }
}

type Packed = Pick<Required<WeightPart>, 'packing'> & {
  readonly zeros: 'none' | 'packed' | 'unpadded' | 'float' | 'offset'
  readonly signed?: boolean
  readonly shuffled?: boolean
  readonly scaleType?: 'float32' | 'float16' | 'bfloat16'
}

function groupedPart(
  draw: Random,
  bits: 4 | 8,
  rows: number,
  columns: number,
  size: number,
  { packing, zeros, signed = false, shuffled = false, scaleType = 'float32' }: Packed,
): Part {
  const gIdx = Int32Array.from({ length: columns }, (_, k) => Math.floor(k / size))
  if (shuffled)
    for (let k = columns - 1; k > 0; k--) {
      const other = draw.integer(0, k)
      ;[gIdx[k], gIdx[other]] = [gIdx[other]!, gIdx[k]!]
    }
  const drawn = levels(draw, bits, [rows, columns], size, { zeros: zeros !== 'none', signed, gIdx })
  const stored = (values: Float32Array) =>
    scaleType === 'float32' ? values : values.map((value) => fromBits(scaleType, toBits(scaleType, value)))
  const between = zeros === 'float' || zeros === 'offset'
  const matrix = {
    ...drawn,
    scales: stored(drawn.scales),
    zeros: between ? stored(drawn.zeros!.map((zero) => zero + 0.5)) : drawn.zeros,
  }
  const floats = (values: Float32Array) => {
    const packed = packFloats(matrix, values, packing)
    return bytesOf(scaleType === 'float32' ? packed : Uint16Array.from(packed, (value) => toBits(scaleType, value)))
  }
  const part: WeightPart = {
    format: bits === 4 ? 'int4' : 'int8',
    rows,
    packing,
    data: packLevels(matrix, packing),
    groups: {
      size,
      scaleType,
      scales: floats(matrix.scales),
      ...(between && {
        zeros: floats(matrix.zeros!),
        zeroType: zeros,
      }),
      ...((zeros === 'packed' || zeros === 'unpadded') && { zeros: packZeros(matrix, packing, zeros === 'packed') }),
      ...(signed && { signed }),
      ...(shuffled && { gIdx: bytesOf(gIdx) }),
    },
  }
  const perRow = Math.ceil(columns / size)
  const offset = (i: number) => {
    const at = Math.floor(i / columns) * perRow + gIdx[i % columns]!
    return matrix.q[i]! * matrix.scales[at]! + matrix.zeros![at]!
  }
  const values = zeros === 'offset' ? Float64Array.from(matrix.q, (_, i) => offset(i)) : decodeLevels(matrix)
  return { part, values }
}

const cases: [string, (draw: Random) => Stack][] = []
for (const format of weightFormats) {
  if (isGrouped(format)) continue
  const block = blocks[format].values
  for (const [rows, columns] of [
    [1, block * 3],
    [37, block === 1 ? 45 : block * 2],
    [300, block === 1 ? 257 : block * 3],
  ] as const)
    cases.push([
      `${format} [${rows}, ${columns}]`,
      (draw) => ({ columns, parts: [blockPart(draw, format, rows, columns)] }),
    ])
}
for (const format of ['float32', 'float16', 'bfloat16'] as const)
  cases.push([
    `${format} in columns`,
    (draw) => {
      const { part, values } = blockPart(draw, format, 131, 67)
      const turned = values.map((_, i) => values[(i % 67) * 131 + Math.floor(i / 67)]!)
      return { columns: 67, parts: [{ part: { ...part, packing: 'columns' }, values: turned }] }
    },
  ])
for (const bits of [4, 8] as const)
  for (const packing of ['rows', 'columns', 'awq', 'gptq', 'gptq_v2'] as const)
    for (const zeros of ['none', 'packed', 'unpadded', 'float', 'offset'] as const)
      for (const variant of ['', 'signed', 'shuffled', 'float16', 'bfloat16'] as const) {
        const words = packing !== 'rows' && packing !== 'columns'
        if (
          words &&
          (bits === 8 || zeros === 'unpadded' || zeros === 'float' || zeros === 'offset' || variant === 'signed')
        )
          continue
        if (packing === 'awq' && variant === 'shuffled') continue
        if (variant === 'signed' && (zeros === 'float' || zeros === 'offset')) continue
        for (const [rows, columns, size] of words
          ? ([
              [24, 96, 32],
              [264, 400, 16],
            ] as const)
          : ([
              [37, 96, 32],
              [261, 337, 16],
              [9, 45, 45],
            ] as const)) {
          // offsets are exact beside 16-bit scales alone, which is what files have
          const plain = zeros === 'offset' ? 'float16' : 'float32'
          const scaleType = variant === 'float16' || variant === 'bfloat16' ? variant : plain
          const packed = {
            packing,
            zeros,
            signed: variant === 'signed',
            shuffled: variant === 'shuffled',
            scaleType,
          } as const
          cases.push([
            `int${bits} ${packing} [${rows}, ${columns}] groups of ${size}, zeros: ${zeros} ${variant}`,
            (draw) => ({ columns, parts: [groupedPart(draw, bits, rows, columns, size, packed)] }),
          ])
        }
      }
cases.push([
  'parts of every kind, stacked',
  (draw) => ({
    columns: 256,
    parts: [
      ...weightFormats.flatMap((format, i) => (isGrouped(format) ? [] : [blockPart(draw, format, 5 + i, 256)])),
      groupedPart(draw, 4, 16, 256, 64, { packing: 'awq', zeros: 'packed' }),
      groupedPart(draw, 4, 8, 256, 32, { packing: 'gptq', zeros: 'packed', shuffled: true }),
      groupedPart(draw, 8, 7, 256, 16, { packing: 'columns', zeros: 'float' }),
    ],
  }),
])

describe('rows in canonical form are those that the CPU computes on, bit for bit', () => {
  test.for(cases)('%s', async ([name, make]) => {
    const { columns, parts: made } = make(random(seedOf(name)))
    const parts = made.map(({ part }) => part)
    const rows = parts.reduce((sum, part) => sum + part.rows, 0)
    const description = { shape: [rows, columns] as const, parts }
    using table = await openWeight(device, description)
    using ids = device.tensor(
      Int32Array.from({ length: rows }, (_, i) => i),
      [rows],
    )
    using embedded = ops.embedding({ table, ids })
    const expected = positiveZeros(await embedded.read())
    const expectRows = async (tensor: Tensor<'float32'>, first: number, count: number) => {
      using read = tensor
      expect(read.shape).toEqual([count, columns])
      const bytes = positiveZeros(await read.read())
      expect(Buffer.compare(bytes, expected.subarray(first * columns * 4, (first + count) * columns * 4))).toBe(0)
    }
    await expectRows(readRows(device, description, { rows }), 0, rows)
    using whole = readRows(device, description, { rows })
    const defined = Float32Array.from(made.flatMap(({ values }) => [...values]))
    expect(Buffer.compare(bytesOf(await whole.read()), bytesOf(defined)), 'signs of zeros included').toBe(0)
    const draw = random(seedOf(`${name} bands`))
    for (let i = 0; i < 4; i++) {
      const first = draw.integer(0, rows - 1)
      const count = draw.integer(1, rows - first)
      await expectRows(await openRows(device, description, { first, rows: count }), first, count)
    }
  })

  // What no file has. Here the product is rounded before the offset is added, or both at once.
  test.for([4, 8] as const)('offsets beside float32 scales of int%i are exact to two roundings', async (bits) => {
    const [rows, columns, size] = [37, 337, 16]
    const draw = random(bits)
    const { part, values } = groupedPart(draw, bits, rows, columns, size, { packing: 'rows', zeros: 'offset' })
    const description = { shape: [rows, columns] as const, parts: [part] }
    const offsets = new Float32Array((part.groups!.zeros as Uint8Array).slice().buffer)
    const bound = (i: number) => {
      const offset = offsets[Math.floor(i / columns) * Math.ceil(columns / size) + Math.floor((i % columns) / size)]!
      return roundoff.float32 * (Math.abs(values[i]! - offset) * (1 + roundoff.float32) + Math.abs(values[i]!)) * 1.001
    }
    using read = readRows(device, description, { rows })
    using table = await openWeight(device, description)
    using embedded = ops.embedding({
      table,
      ids: device.tensor(
        Int32Array.from({ length: rows }, (_, i) => i),
        [rows],
      ),
    })
    for (const tensor of [read, embedded])
      (await tensor.read()).forEach((value, i) => {
        expect(Math.abs(value - values[i]!)).toBeLessThanOrEqual(bound(i))
      })
  })

  test('rows beyond the weight are refused', async () => {
    const description = {
      shape: [2, 3] as const,
      parts: [{ format: 'float32', rows: 2, data: new Uint8Array(24) }] as const,
    }
    for (const [first, rows] of [
      [0, 3],
      [3, 0],
      [-1, 1],
      [1, -1],
    ] as const)
      await expect(openRows(device, description, { first, rows })).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
  })
})
