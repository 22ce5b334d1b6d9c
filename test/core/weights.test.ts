import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WeightDescription, WeightGroups, WeightPacking, WeightPart } from '../../lib/formats/source.js'
import { type Device, listDevices, openDevice, ops, type Weight, type WeightOptions } from '../../lib/index.js'
import { openWeight } from '../../lib/weight.js'
import { levels, normal, weight } from '../ops/cases/build.js'
import { linear } from '../ops/reference/phi3.js'
import {
  type BlockFormat,
  blocks,
  decodeBlocks,
  decodeLevels,
  halvesOf,
  type Levels,
  packFloats,
  packLevels,
  packZeros,
} from '../ops/reference/weights.js'
import { toBits } from '../support/floats.js'
import { random, seedOf } from '../support/random.js'
import { temporaryFolder } from '../support/shared.js'

let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.dispose())

const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/** All values of a weight, through `embedding` of every row. */
async function valuesOf(table: Weight): Promise<Float32Array> {
  using ids = device.tensor(
    Int32Array.from({ length: table.shape[0] }, (_, i) => i),
    [table.shape[0]],
  )
  using y = ops.embedding({ table, ids })
  return y.read()
}

const open = (parts: readonly WeightPart[], columns: number): Promise<Weight> => {
  const rows = parts.reduce((sum, part) => sum + part.rows, 0)
  return openWeight(device, { shape: [rows, columns], parts })
}

// ---- the formats of GGUF

function fnv1a(bytes: Uint8Array): string {
  let hash = 1469598103934665603n
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 1099511628211n) & 0xffffffffffffffffn
  return hash.toString(16).padStart(16, '0')
}

/** Four blocks of bytes of a linear congruential generator, their float16 scales overwritten. */
function generatedBlocks(format: BlockFormat): Uint8Array {
  const size = blocks[format].bytes
  let s = 1
  const bytes = Uint8Array.from({ length: 4 * size }, () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0
    return s >>> 24
  })
  const view = new DataView(bytes.buffer)
  for (let k = 0; k < 4; k++) {
    const [d, m] = halvesOf[format]!
    view.setUint16(k * size + d, 0x2400 + 0x111 * k, true)
    if (m !== undefined) view.setUint16(k * size + m, 0x2000 + 0x123 * k, true)
  }
  return bytes
}

describe('values of generated blocks are those of ggml', () => {
  test.for<[BlockFormat, string]>([
    ['q4_0', 'c006c8101d2e3140'],
    ['q4_1', '5cc75aaa1be953a1'],
    ['q5_0', '1d792d2ef4fe491d'],
    ['q5_1', '8d29b9b9ada336a0'],
    ['q8_0', '23cc8f8bfb9f9a88'],
    ['q2_k', 'ec260cfb5588a6d8'],
    ['q3_k', '4050b9660afb25cf'],
    ['q4_k', 'd2e1864f0ba8c03a'],
    ['q5_k', '6b684ec4273371f1'],
    ['q6_k', '9cb3d4fa2828bc27'],
    ['iq4_nl', '939fc0d65ecd3ef5'],
    ['iq4_xs', '4efc3be42ffa0382'],
  ])('%s', async ([format, hash]) => {
    const data = generatedBlocks(format)
    using table = device.weight({ format, shape: [1, 4 * blocks[format].values], parts: { data } })
    const values = await valuesOf(table)
    expect(fnv1a(bytesOf(values))).toBe(hash)
    expect(values).toEqual(Float32Array.from(decodeBlocks(format, data)))
  })
})

// ---- int4 and int8

interface Packed {
  readonly packing: WeightPacking
  readonly zeros: 'none' | 'packed' | 'unpadded' | 'float'
  readonly scaleType?: WeightGroups['scaleType']
  readonly gIdx?: Int32Array
}

function storeFloats(values: Float32Array, type: WeightGroups['scaleType']): Uint8Array {
  return bytesOf(type === 'float32' ? values : Uint16Array.from(values, (value) => toBits(type, value)))
}

/** As a file has the matrix; scales and zeros must be values of the scale's type. */
function partOf(matrix: Levels, { packing, zeros, scaleType = 'float32', gIdx }: Packed): WeightPart {
  return {
    format: matrix.bits === 4 ? 'int4' : 'int8',
    rows: matrix.rows,
    packing,
    data: packLevels(matrix, packing),
    groups: {
      size: matrix.size,
      scaleType,
      scales: storeFloats(packFloats(matrix, matrix.scales, packing), scaleType),
      ...(zeros === 'float' && {
        zeros: storeFloats(packFloats(matrix, matrix.zeros!, packing), scaleType),
        zeroType: 'float',
      }),
      ...((zeros === 'packed' || zeros === 'unpadded') && { zeros: packZeros(matrix, packing, zeros === 'packed') }),
      ...(matrix.signed && { signed: true }),
      ...(gIdx && { gIdx: bytesOf(gIdx) }),
    },
  }
}

/** Columns of every group in an order that is not theirs. */
function shuffledGroups(columns: number, size: number, seed: number): Int32Array {
  const draw = random(seed)
  const gIdx = Int32Array.from({ length: columns }, (_, k) => Math.floor(k / size))
  for (let k = columns - 1; k > 0; k--) {
    const other = draw.integer(0, k)
    ;[gIdx[k], gIdx[other]] = [gIdx[other], gIdx[k]]
  }
  return gIdx
}

interface GroupCase extends Packed {
  readonly bits: 4 | 8
  readonly shape: readonly [number, number]
  readonly size: number
  readonly signed?: boolean
}

const groupCases: [string, GroupCase][] = []
for (const bits of [4, 8] as const)
  for (const packing of ['rows', 'columns'] as const)
    for (const signed of [false, true])
      for (const zeros of ['none', 'packed', 'unpadded', 'float'] as const) {
        if (signed && zeros === 'float') continue
        for (const [shape, size] of [
          [[70, 96], 32],
          [[9, 80], 16],
          [[3, 45], 45],
          [[5, 45], 16],
          [[2, 40], 64],
          [[261, 337], 16],
        ] as const) {
          // unpadded nibbles of an odd number begin in the middle of a byte: a file has them only where rows are even
          const name = `int${bits} ${packing} ${signed ? 'signed ' : ''}[${shape}] groups of ${size}, zeros: ${zeros}`
          groupCases.push([name, { bits, packing, signed, zeros, shape, size }])
        }
      }
for (const packing of ['awq', 'gptq', 'gptq_v2'] as const)
  for (const zeros of ['none', 'packed'] as const)
    for (const [shape, size] of [
      [[72, 96], 32],
      [[8, 128], 128],
      [[16, 40], 16],
      [[264, 1168], 16],
    ] as const)
      groupCases.push([
        `${packing} [${shape}] groups of ${size}, zeros: ${zeros}`,
        { bits: 4, packing, zeros, shape, size },
      ])
for (const scaleType of ['float16', 'bfloat16'] as const)
  for (const zeros of ['packed', 'float'] as const)
    groupCases.push([
      `int4 rows, scales in ${scaleType}, zeros: ${zeros}`,
      { bits: 4, packing: 'rows', zeros, scaleType, shape: [7, 96], size: 32 },
    ])
for (const [packing, bits] of [
  ['rows', 4],
  ['rows', 8],
  ['columns', 4],
  ['gptq', 4],
  ['gptq_v2', 4],
] as const)
  for (const [rows, columns] of [
    [24, 96],
    [24, 80],
    [136, 1136],
  ] as const) {
    const gIdx = shuffledGroups(columns, 32, columns)
    groupCases.push([
      `int${bits} ${packing}, ${rows} rows, ${columns} columns of groups in any order`,
      { bits, packing, zeros: 'packed', shape: [rows, columns], size: 32, gIdx },
    ])
  }

/** Scales and zeros that every scale type holds. */
function matrixOf(name: string, { bits, shape, size, zeros, signed, gIdx }: GroupCase): Levels {
  const draw = random(seedOf(name))
  const matrix = levels(draw, bits, shape, size, {
    zeros: zeros !== 'none',
    ...(signed && { signed }),
    ...(gIdx && { gIdx }),
  })
  const scales = matrix.scales.map(() => draw.integer(-100, 100) / 1024)
  return { ...matrix, scales, zeros: zeros === 'float' ? matrix.zeros!.map((zero) => zero + 0.5) : matrix.zeros }
}

describe('int4 and int8', () => {
  test.for(groupCases)('%s', async ([name, groupCase]) => {
    const matrix = matrixOf(name, groupCase)
    using table = await open([partOf(matrix, groupCase)], matrix.columns)
    expect(await valuesOf(table)).toEqual(Float32Array.from(decodeLevels(matrix)))
  })

  test.for([
    [4, 'float32'],
    [4, 'float16'],
    [8, 'bfloat16'],
  ] as const)('int%i rows with offsets in %s are q * scale + offset, in products too', async ([bits, scaleType]) => {
    const [rows, columns] = [9, 96]
    const matrix = matrixOf('offsets', { bits, packing: 'rows', zeros: 'none', shape: [rows, columns], size: 32 })
    const offsets = matrix.scales.map((_, i) => (i % 7) / 4 - 0.5)
    const { groups, ...part } = partOf(matrix, { packing: 'rows', zeros: 'none', scaleType })
    const zeros = storeFloats(offsets, scaleType)
    using w = await open([{ ...part, groups: { ...groups!, zeros, zeroType: 'offset' } }], columns)
    // levels, as decodeLevels gives (q - middle) * scale
    const group = (i: number) => Math.floor(i / columns) * 3 + Math.floor((i % columns) / 32)
    const middle = bits === 4 ? 8 : 128
    const values = Float64Array.from(
      decodeLevels(matrix),
      (value, i) => value + middle * matrix.scales[group(i)]! + offsets[group(i)]!,
    )
    expect(await valuesOf(w)).toEqual(Float32Array.from(values))

    const x = normal(random(1), 'float32', [3, columns])
    const data = { format: 'int4', shape: [rows, columns], data: values, bytes: new Uint8Array() } as const
    const expected = linear({ x, w: data }, { activations: 'f32' }).y
    using tensor = device.tensor(Float32Array.from(x.data), [3, columns])
    for (const activations of ['f32', 'int8'] as const) {
      using y = ops.linear({ x: tensor, w, activations })
      const largest = Math.max(...expected.data.map(Math.abs))
      const tolerance = activations === 'f32' ? 1e-6 : 0.02
      for (const [i, value] of (await y.read()).entries())
        expect(Math.abs(value - expected.data[i]!)).toBeLessThan(tolerance * largest)
    }
  })

  test.for(groupCases.filter(([, { gIdx }]) => gIdx))('%s: products', async ([name, groupCase]) => {
    const matrix = matrixOf(name, groupCase)
    const { rows, columns } = matrix
    using w = await open([partOf(matrix, groupCase)], columns)
    const x = normal(random(1), 'float32', [3, columns])
    const expected = linear(
      { x, w: { format: 'int4', shape: [rows, columns], data: decodeLevels(matrix), bytes: new Uint8Array() } },
      { activations: 'f32' },
    ).y
    using tensor = device.tensor(Float32Array.from(x.data), [3, columns])
    for (const activations of ['f32', 'int8'] as const) {
      using y = ops.linear({ x: tensor, w, activations })
      const largest = Math.max(...expected.data.map(Math.abs))
      const tolerance = activations === 'f32' ? 1e-6 : 0.02
      const values = await y.read()
      values.forEach((value, i) => {
        expect(Math.abs(value - expected.data[i])).toBeLessThan(tolerance * largest)
      })
    }
  })

  test('groups that lie in order already are read in place, with gIdx or without', async () => {
    const gIdx = Int32Array.from({ length: 96 }, (_, k) => Math.floor(k / 32))
    const matrix = levels(random(2), 4, [5, 96], 32)
    using table = await open([partOf(matrix, { packing: 'rows', zeros: 'packed', gIdx })], 96)
    expect(await valuesOf(table)).toEqual(Float32Array.from(decodeLevels(matrix)))
  })
})

describe('floats in columns', () => {
  test.for(
    (['float32', 'float16', 'bfloat16'] as const).flatMap((format) =>
      (
        [
          [70, 33],
          [1, 5],
          [300, 517],
        ] as const
      ).map((shape) => [format, shape] as const),
    ),
  )('%s %j', async ([format, [rows, columns]]) => {
    const { data, bytes } = weight(random(3), format, [rows, columns])
    const size = blocks[format].bytes
    const turned = new Uint8Array(bytes.length)
    for (let n = 0; n < rows; n++)
      for (let k = 0; k < columns; k++) {
        const from = (n * columns + k) * size
        turned.set(bytes.subarray(from, from + size), (k * rows + n) * size)
      }
    using table = device.weight({ format, shape: [rows, columns], parts: { data: turned }, packing: 'columns' })
    expect(await valuesOf(table)).toEqual(Float32Array.from(data))
  })
})

describe('parts', () => {
  test('of different formats are stacked in order, for embedding and linear', async () => {
    const draw = random(4)
    const made = (['q4_k', 'q6_k', 'float16', 'q8_0'] as const).map((format, i) => weight(draw, format, [3 + i, 256]))
    const int8 = levels(draw, 8, [16, 256], 128)
    const parts = made.map(({ format, shape, bytes }): WeightPart => ({ format, rows: shape[0], data: bytes }))
    using w = await open([...parts, partOf(int8, { packing: 'columns', zeros: 'packed' })], 256)
    expect(w.format).toBe('mixed')
    const data = [...made.map((part) => part.data), decodeLevels(int8)].flatMap((values) => [...values])
    expect(await valuesOf(w)).toEqual(Float32Array.from(data))

    const x = normal(draw, 'float32', [2, 256])
    const matrix = {
      format: 'float32',
      shape: w.shape,
      data: Float64Array.from(data),
      bytes: new Uint8Array(),
    } as const
    const floats = linear({ x, w: matrix }, { activations: 'f32' }).y.data
    const rounded = linear({ x, w: { ...matrix, format: 'q8_0' } }, { activations: 'int8' }).y.data
    const isFloat16 = (row: number) => row >= 7 && row < 12
    using tensor = device.tensor(Float32Array.from(x.data), [2, 256])
    for (const activations of ['f32', 'int8'] as const) {
      using y = ops.linear({ x: tensor, w, activations })
      const values = await y.read()
      values.forEach((value, i) => {
        const isRounded = activations === 'int8' && !isFloat16(i % w.shape[0])
        expect(value).toBeCloseTo((isRounded ? rounded : floats)[i], 4)
      })
    }
  })

  test('come from ranges of files, scales and zeros as well', async () => {
    const file = join(await temporaryFolder(), 'weights')
    const matrix = levels(random(5), 4, [16, 64], 32)
    const part = partOf(matrix, { packing: 'awq', zeros: 'packed' })
    const { data, groups } = part as { data: Uint8Array; groups: { scales: Uint8Array; zeros: Uint8Array } }
    await writeFile(file, Buffer.concat([new Uint8Array(3), data, groups.scales, groups.zeros]))
    let offset = 3
    const range = ({ length }: Uint8Array) => {
      offset += length
      return { file, offset: offset - length, bytes: length }
    }
    const inFile: WeightPart = {
      ...part,
      data: range(data),
      groups: { ...part.groups!, scales: range(groups.scales), zeros: range(groups.zeros) },
    }
    using table = await open([inFile], 64)
    expect(await valuesOf(table)).toEqual(Float32Array.from(decodeLevels(matrix)))
  })

  test('a vector counts as one row', async () => {
    const description: WeightDescription = {
      shape: [3],
      parts: [{ format: 'float32', rows: 1, data: bytesOf(Float32Array.of(1, 2, 3)) }],
    }
    using vector = await openWeight(device, description)
    expect(vector.shape).toEqual([1, 3])
    expect([...(await valuesOf(vector))]).toEqual([1, 2, 3])
  })
})

// ---- other devices

const { devices } = await listDevices()
const gpus = devices.filter(({ backend }) => backend !== 'cpu')
if (gpus.length === 0) console.warn('weights of GPUs are not tested: there is no device but the CPU')

describe.each(gpus)('$id', ({ id }) => {
  test('multiplies by parts of several formats', async () => {
    await using gpu = await openDevice({ id })
    const draw = random(7)
    const made = (['q4_0', 'q5_k', 'float16'] as const).map((format, i) => weight(draw, format, [2 + i, 256]))
    const parts = made.map(({ format, shape, bytes }): WeightPart => ({ format, rows: shape[0], data: bytes }))
    const data = made.flatMap((part) => [...part.data])
    using w = await openWeight(gpu, { shape: [9, 256], parts })
    const x = normal(draw, 'float32', [2, 256])
    const matrix = {
      format: 'float32',
      shape: w.shape,
      data: Float64Array.from(data),
      bytes: new Uint8Array(),
    } as const
    const expected = linear({ x, w: matrix }, { activations: 'f32' }).y.data
    using tensor = gpu.tensor(Float32Array.from(x.data), [2, 256])
    using y = ops.linear({ x: tensor, w })
    const values = await y.read()
    values.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 4)
    })
  })
})

// ---- the public method

describe('device.weight', () => {
  const matrix = levels(random(6), 4, [8, 64], 32)
  const options: WeightOptions = {
    format: 'int4',
    shape: [8, 64],
    group: 32,
    parts: { data: packLevels(matrix, 'rows'), scales: matrix.scales, zeros: packZeros(matrix, 'rows') },
  }

  test('takes scales and zeros beside the data', async () => {
    using table = device.weight(options)
    expect(await valuesOf(table)).toEqual(Float32Array.from(decodeLevels(matrix)))
  })

  test('takes 16-bit scales for float16 unless told otherwise', async () => {
    const halves = { ...matrix, scales: matrix.scales.map(() => 0.5) }
    const scales = Uint16Array.from(halves.scales, (value) => toBits('float16', value))
    using table = device.weight({ ...options, parts: { ...options.parts, scales } })
    expect(await valuesOf(table)).toEqual(Float32Array.from(decodeLevels(halves)))
  })

  const none = new Uint8Array()
  test.for<[string, Partial<WeightOptions>, string, RegExp]>([
    ['no scales', { parts: { data: none } }, 'ERR_ARGUMENT', /must have parts.scales and group/],
    ['no group', { group: 0 }, 'ERR_ARGUMENT', /must have parts.scales and group/],
    [
      'scales of a block format',
      { format: 'q4_0' },
      'ERR_ARGUMENT',
      /weight of q4_0: unknown part scales; there are data/,
    ],
    ['a group of a block format', { format: 'q4_0', parts: { data: none } }, 'ERR_ARGUMENT', /q4_0 takes no group/],
    ['an unknown packing', { packing: 'tiles' as 'rows' }, 'ERR_ARGUMENT', /packing must be one of rows columns awq/],
    [
      'an unknown type of scales',
      { scaleType: 'f16' as 'float16' },
      'ERR_ARGUMENT',
      /scaleType must be one of float32/,
    ],
    [
      'an unknown type of zeros',
      { zeroType: 'int4' as 'packed' },
      'ERR_ARGUMENT',
      /zeroType must be one of packed float offset/,
    ],
    ['a group of 24', { group: 24 }, 'ERR_ARGUMENT', /group must be a power of two from 16 on or all 64/],
    ['a group of 8', { group: 8 }, 'ERR_ARGUMENT', /power of two from 16 on/],
    ['a group beyond reason', { group: 2 ** 40 }, 'ERR_ARGUMENT', /power of two from 16 on/],
    ['a negative group', { group: -32 }, 'ERR_ARGUMENT', /must not be empty/],
    ['two parts of data', { parts: { ...options.parts, data: [none, none] } }, 'ERR_ARGUMENT', /must be one part/],
    [
      'too few data',
      { parts: { ...options.parts, data: none } },
      'ERR_SHAPE',
      /data must have 256 bytes for \[8, 64\]/,
    ],
    [
      'too many scales',
      { parts: { ...options.parts, scales: new Float32Array(17) } },
      'ERR_SHAPE',
      /scales must have 64/,
    ],
    [
      'too few zeros',
      { parts: { ...options.parts, zeros: new Uint8Array(7) } },
      'ERR_SHAPE',
      /zeros must have 8 bytes/,
    ],
    ['too short a gIdx', { parts: { ...options.parts, gIdx: new Int32Array(63) } }, 'ERR_SHAPE', /gIdx must have 256/],
    ['an empty gIdx', { parts: { ...options.parts, gIdx: new Int32Array(0) } }, 'ERR_SHAPE', /gIdx must have 256/],
    [
      'a group that is not there',
      { parts: { ...options.parts, gIdx: Int32Array.from({ length: 64 }, (_, k) => k >> 4) } },
      'ERR_OUT_OF_RANGE',
      /gIdx\[32\] must be below 2, but it is 2/,
    ],
    [
      'a negative group number',
      { parts: { ...options.parts, gIdx: new Int32Array(64).fill(-1) } },
      'ERR_OUT_OF_RANGE',
      /gIdx\[0\] must be below 2, but it is -1/,
    ],
    [
      'groups of unequal sizes',
      { parts: { ...options.parts, gIdx: new Int32Array(64) } },
      'ERR_MODEL_UNSUPPORTED',
      /gIdx must give group 0 32 columns, but it gives 64/,
    ],
    ['AWQ of bytes', { format: 'int8', packing: 'awq' }, 'ERR_ARGUMENT', /awq must be of int4, but is of int8/],
    ['AWQ of signed values', { signed: true, packing: 'awq' }, 'ERR_ARGUMENT', /awq must be of unsigned values/],
    ['AWQ of 7 rows', { shape: [7, 64], packing: 'awq' }, 'ERR_ARGUMENT', /multiple of 8 rows, but is of 7/],
    ['GPTQ of 60 columns', { shape: [8, 60], packing: 'gptq' }, 'ERR_ARGUMENT', /multiple of 8 columns, but is of 60/],
    ['GPTQ with floats', { zeroType: 'float', packing: 'gptq' }, 'ERR_ARGUMENT', /gptq must be of packed zeros/],
    [
      'float zeros of signed values',
      { zeroType: 'float', signed: true },
      'ERR_ARGUMENT',
      /zeros of signed values must be packed/,
    ],
    [
      'columns of a block format',
      { format: 'q4_0', group: undefined as never, parts: { data: none }, packing: 'columns' },
      'ERR_ARGUMENT',
      /columns must be of floats, int4 or int8, but is of q4_0/,
    ],
    [
      'a row of 64 values in blocks of 256',
      { format: 'q4_k', group: undefined as never, parts: { data: none } },
      'ERR_SHAPE',
      /a row of q4_k must be a multiple of 256 values, but it is 64/,
    ],
  ])('refuses %s', ([, wrong, code, message]) => {
    expect(() => device.weight({ ...options, ...wrong } as WeightOptions)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    )
  })
})
