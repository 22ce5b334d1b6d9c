import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FormatError, LophiError } from '../../lib/errors.js'
import { readGguf } from '../../lib/formats/gguf/read.js'
import { random } from '../support/random.js'
import { sharedData, temporaryFolder } from '../support/shared.js'
import { buildGguf, type GgufFields, ggufString, ggufUint32, join8, text, u32, u64 } from './files.js'

const folder = await temporaryFolder()
const vocabulary = sharedData('ggml-vocab-phi-3/ggml-vocab-phi-3.gguf')

let count = 0
async function file(bytes: Uint8Array): Promise<string> {
  const path = join(folder, `${count++}.gguf`)
  await writeFile(path, bytes)
  return path
}

/** Two F32 tensors of [3, 4] and [8], and two keys. */
const good: GgufFields = {
  pairs: [ggufString('general.architecture', 'phi3'), ggufUint32('phi3.block_count', 2)],
  tensors: [
    { name: 'a', extents: [4, 3], type: 0, offset: 0 },
    { name: 'b', extents: [8], type: 0, offset: 64 },
  ],
  dataBytes: 96,
}
const [a, b] = good.tensors!

describe('the Phi-3 vocabulary file', () => {
  test.skipIf(vocabulary === null)('has the counts, types and ids that it is known for', async () => {
    const { version, metadata, tensors, dataOffset, alignment } = await readGguf(vocabulary!)
    expect({ version, alignment, tensors: tensors.length, pairs: metadata.size, dataOffset }).toEqual({
      version: 3,
      alignment: 32,
      tensors: 0,
      pairs: 26,
      dataOffset: 726048, // beyond the file's end: with no tensors the padding is left out
    })
    const counts: Record<number, number> = {}
    for (const type of metadata.get('tokenizer.ggml.token_type') as Int32Array) counts[type] = (counts[type] ?? 0) + 1
    expect(counts).toEqual({ 1: 31741, 2: 53, 3: 13, 4: 1, 6: 256 })
    expect(metadata.get('tokenizer.ggml.bos_token_id')).toBe(1)
    expect(metadata.get('tokenizer.ggml.eos_token_id')).toBe(32000)
    expect(metadata.get('tokenizer.ggml.add_bos_token')).toBe(true)
    expect(metadata.get('phi3.attention.layer_norm_rms_epsilon')).toBe(Math.fround(1e-5))
    expect((metadata.get('tokenizer.ggml.scores') as Float32Array)[260]).toBe(-1)
  })

  test.skipIf(vocabulary === null)('keeps the token that is a byte order mark', async () => {
    const { metadata } = await readGguf(vocabulary!)
    const tokens = metadata.get('tokenizer.ggml.tokens') as string[]
    expect(tokens[30143]).toBe('\uFEFF')
    expect(new Set(tokens).size).toBe(32064)
  })
})

describe('a header', () => {
  test.each([2, 3])('of version %i gives tensors row-major, with ranges of the file', async (version) => {
    const path = await file(buildGguf({ ...good, version }))
    const { tensors, dataOffset, metadata } = await readGguf(path)
    expect(dataOffset % 32).toBe(0)
    expect(tensors).toEqual([
      {
        name: 'a',
        shape: [3, 4],
        dtype: 'F32',
        format: 'float32',
        data: { file: path, offset: dataOffset, bytes: 48 },
      },
      {
        name: 'b',
        shape: [8],
        dtype: 'F32',
        format: 'float32',
        data: { file: path, offset: dataOffset + 64, bytes: 32 },
      },
    ])
    expect(metadata.get('phi3.block_count')).toBe(2)
  })

  test('gives metadata of every type', async () => {
    const array = (type: number, length: number, data: ArrayBufferLike | Uint8Array) =>
      join8(u32(type), u64(length), new Uint8Array(data as ArrayBuffer))
    const values: [number, Uint8Array, unknown, string][] = [
      [0, Uint8Array.of(200), 200, 'uint8'],
      [1, Uint8Array.of(200), -56, 'int8'],
      [2, Uint8Array.of(1, 200), 51201, 'uint16'],
      [3, Uint8Array.of(1, 200), -14335, 'int16'],
      [4, u32(4e9), 4e9, 'uint32'],
      [5, u32(4e9), 4e9 - 2 ** 32, 'int32'],
      [6, new Uint8Array(Float32Array.of(0.1).buffer), Math.fround(0.1), 'float32'],
      [7, Uint8Array.of(1), true, 'bool'],
      [8, text('\uFEFFé🦙'), '\uFEFFé🦙', 'string'],
      [10, u64(2n ** 60n), 2n ** 60n, 'uint64'],
      [10, u64(2 ** 52), 2 ** 52, 'uint64'],
      [11, u64(2n ** 64n - 5n), -5, 'int64'],
      [12, new Uint8Array(Float64Array.of(0.1).buffer), 0.1, 'float64'],
      [9, array(0, 3, Uint8Array.of(1, 2, 3)), Uint8Array.of(1, 2, 3), 'uint8[]'],
      [9, array(5, 2, Int32Array.of(-1, 7).buffer), Int32Array.of(-1, 7), 'int32[]'],
      [9, array(6, 2, Float32Array.of(0.5, -2).buffer), Float32Array.of(0.5, -2), 'float32[]'],
      [9, array(7, 2, Uint8Array.of(0, 1)), [false, true], 'bool[]'],
      [9, array(8, 2, join8(text('x'), text(''))), ['x', ''], 'string[]'],
      [9, array(4, 2, join8(u32(1), u32(3e9))), [1, 3e9], 'uint32[]'],
      [9, array(8, 0, new Uint8Array()), [], 'string[]'],
    ]
    const pairs = values.map(([type, bytes], i): [string, number, Uint8Array] => [`k${i}`, type, bytes])
    const { metadata, types } = await readGguf(await file(buildGguf({ pairs })))
    expect([...metadata.values()]).toEqual(values.map(([, , value]) => value))
    expect([...types.values()]).toEqual(values.map(([, , , type]) => type))
  })

  // bytes of 512 values, from the table of block formats
  test.each([
    [0, 'F32', 2048, 'float32'],
    [1, 'F16', 1024, 'float16'],
    [2, 'Q4_0', 288, 'q4_0'],
    [3, 'Q4_1', 320, 'q4_1'],
    [6, 'Q5_0', 352, 'q5_0'],
    [7, 'Q5_1', 384, 'q5_1'],
    [8, 'Q8_0', 544, 'q8_0'],
    [10, 'Q2_K', 168, 'q2_k'],
    [11, 'Q3_K', 220, 'q3_k'],
    [12, 'Q4_K', 288, 'q4_k'],
    [13, 'Q5_K', 352, 'q5_k'],
    [14, 'Q6_K', 420, 'q6_k'],
    [20, 'IQ4_NL', 288, 'iq4_nl'],
    [23, 'IQ4_XS', 272, 'iq4_xs'],
    [30, 'BF16', 1024, 'bfloat16'],
  ])('measures tensor type %i, %s', async (type, dtype, bytes, format) => {
    const fields = { tensors: [{ name: 't', extents: [256, 2], type, offset: 0 }], dataBytes: bytes }
    const { tensors } = await readGguf(await file(buildGguf(fields)))
    expect(tensors[0]).toMatchObject({ dtype, format, data: { bytes } })
    await expect(readGguf(await file(buildGguf({ ...fields, dataBytes: bytes - 1 })))).rejects.toThrow(
      'must end within',
    )
  })

  test('may align its data otherwise than at 32', async () => {
    const fields = { ...good, alignment: 64, pairs: [ggufUint32('general.alignment', 64)] }
    const { alignment, dataOffset } = await readGguf(await file(buildGguf(fields)))
    expect([alignment, dataOffset % 64]).toEqual([64, 0])
  })

  test('longer than the first read is read on', async () => {
    const tokens = Array.from({ length: 40000 }, (_, i) => text(`a rather long token, number ${i}`))
    const value = join8(u32(8), u64(tokens.length), ...tokens)
    const { metadata } = await readGguf(await file(buildGguf({ ...good, pairs: [['tokens', 9, value]] })))
    expect((metadata.get('tokens') as string[])[39999]).toBe('a rather long token, number 39999')
  })
})

describe('a hostile file', () => {
  const pair = (type: number, value: Uint8Array): GgufFields => ({ pairs: [['k', type, value]] })
  const tensors = (...list: Partial<NonNullable<GgufFields['tensors']>[number]>[]): GgufFields => ({
    ...good,
    tensors: list.map((change, i) => ({ ...(i === 0 ? a! : b!), ...change })),
  })
  const cases: [string, GgufFields, RegExp][] = [
    ['another magic', { ...good, magic: 'GGML' }, /must begin with "GGUF"/],
    ['version 1', { ...good, version: 1 }, /version must be 2 or 3, but is 1/],
    ['version 4', { ...good, version: 4 }, /version must be 2 or 3, but is 4/],
    ['big-endian numbers', { ...good, version: 0x03000000 }, /big-endian/],
    [
      '2^63 tensors',
      { ...good, tensorCount: 2n ** 63n },
      /tensor count must be below 2\^53, but is 9223372036854775808/,
    ],
    ['2^53 keys', { ...good, pairCount: 2n ** 53n }, /metadata count must be below 2\^53/],
    ['more keys than bytes', { ...good, pairCount: 60000 }, /metadata must fit into the \d+ bytes left/],
    ['a billion keys', { ...good, pairCount: 1e9 }, /metadata count must be at most 65536/],
    ['more tensors than bytes', { ...good, tensorCount: 100000 }, /tensor list must fit/],
    ['a billion tensors', { ...good, tensorCount: 1e9 }, /tensor count must be at most/],
    ['a key twice', { ...good, pairs: [...good.pairs!, good.pairs![0]!] }, /general.architecture comes twice/],
    ['an unknown type of value', pair(13, u32(0)), /type of k must be 0 to 12, but is 13/],
    ['a bool of 2', pair(7, Uint8Array.of(2)), /k must be 0 or 1, but is 2/],
    ['a string beyond the file', pair(8, u64(1000)), /k must lie within the file/],
    ['a string of 2^64 - 1', pair(8, u64(2n ** 64n - 1n)), /must be below 2\^53/],
    ['an array beyond the file', pair(9, join8(u32(8), u64(1e6))), /array k must fit into the \d+ bytes left/],
    ['an array of 2^62', pair(9, join8(u32(0), u64(2n ** 62n))), /length of k must be below 2\^53/],
    ['an array of 2^52 numbers', pair(9, join8(u32(6), u64(2 ** 52))), /array k must fit/],
    ['an array of arrays', pair(9, join8(u32(9), u64(1))), /must be a flat array/],
    ['an alignment of 0', { pairs: [ggufUint32('general.alignment', 0)] }, /power of two, but is 0/],
    ['an alignment of 48', { pairs: [ggufUint32('general.alignment', 48)] }, /power of two, but is 48/],
    ['an alignment in words', { pairs: [ggufString('general.alignment', '32')] }, /power of two, but is 32/],
    ['an alignment of 2^31', { ...good, pairs: [ggufUint32('general.alignment', 2 ** 31)] }, /multiple of 2147483648/],
    ['a tensor twice', tensors({}, { name: 'a' }), /tensor a: names must differ/],
    ['no axis', tensors({ axes: 0 }), /number of axes must be 1 to 4, but is 0/],
    ['five axes', tensors({ extents: [1, 1, 1, 1, 1] }), /number of axes must be 1 to 4, but is 5/],
    ['an extent of 0', tensors({ extents: [4, 0] }), /extents must be positive/],
    ['an extent of 2^63', tensors({ extents: [4, 2n ** 63n] }), /extent must be below 2\^53/],
    ['extents whose product overflows', tensors({ extents: [2 ** 32, 2 ** 32, 2 ** 32, 2 ** 32] }), /must end within/],
    [
      'rows of half a block',
      tensors({ extents: [48, 1], type: 8 }),
      /rows of Q8_0 must be multiples of 32, but are 48/,
    ],
    ['a removed type', tensors({ type: 4 }), /type number 4, which was removed/],
    ['an unknown type', tensors({ type: 99 }), /type number 99, which is not supported/],
    ['a type without an implementation', tensors({ type: 21 }), /has type IQ3_S, which is not supported/],
    ['an unaligned offset', tensors({}, { offset: 65 }), /offset must be a multiple of 32, but is 65/],
    ['an offset beyond the file', tensors({}, { offset: 96 }), /tensor b must end within/],
    ['an offset of 2^53 - 32', tensors({}, { offset: 2n ** 53n - 32n }), /tensor b must end within/],
    ['an offset of 2^63', tensors({}, { offset: 2n ** 63n }), /tensor offset must be below 2\^53/],
    ['overlapping tensors', tensors({}, { offset: 32 }), /b begins within a/],
    ['the same range twice', tensors({}, { offset: 0 }), /must not overlap/],
    ['data cut short', { ...good, dataBytes: 95 }, /tensor b must end within/],
  ]
  test.each(cases)('with %s is refused', async (_, fields, message) => {
    await expect(readGguf(await file(buildGguf(fields)))).rejects.toThrow(message)
    await expect(readGguf(await file(buildGguf(fields)))).rejects.toBeInstanceOf(LophiError)
  })

  test('cut off anywhere is refused, naming the file and where it stopped', async () => {
    const whole = buildGguf(good)
    const path = await file(whole)
    for (let length = whole.length - 1; length >= 0; length--) {
      await truncate(path, length)
      const error = await readGguf(path).catch((thrown) => thrown)
      if (!(error instanceof FormatError) || error.file !== path) expect.fail(`at ${length}: ${error}`)
    }
  })

  test('with a bit flipped in any byte of its header is read or refused, never another exception', async () => {
    const whole = buildGguf(good)
    const header = whole.length - good.dataBytes!
    const path = join(folder, 'flipped.gguf')
    const source = random(1)
    let refused = 0
    for (let round = 0; round < 3 * header; round++) {
      const bytes = whole.slice()
      bytes[round % header]! ^= 1 << source.integer(0, 7)
      await writeFile(path, bytes)
      const outcome = await readGguf(path).catch((error) => error)
      if (outcome instanceof LophiError) refused++
      else if (outcome instanceof Error) expect.fail(`round ${round}: ${outcome.stack}`)
    }
    expect(refused).toBeGreaterThan(header) // more than a third of the bytes carry structure
  })

  test('of great length does not make the reader take its claims as memory', async () => {
    const path = await file(buildGguf({ pairs: [['k', 8, u64(250 * 2 ** 20)]] }))
    await truncate(path, 300 * 2 ** 20) // a hole: takes no disk
    const before = process.memoryUsage()
    await expect(readGguf(path)).rejects.toThrow(/header must have at most 134217728 bytes/)
    const after = process.memoryUsage()
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(16 * 2 ** 20)
  })

  test('that is missing or no file is told with ERR_FILE and its path', async () => {
    const missing = join(folder, 'missing.gguf')
    await expect(readGguf(missing)).rejects.toMatchObject({ code: 'ERR_FILE', file: missing })
    await expect(readGguf(folder)).rejects.toMatchObject({ code: 'ERR_FILE', file: folder })
  })
})
