import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FormatError, LophiError, UnsupportedModelError } from '../../lib/errors.js'
import { readSafetensors } from '../../lib/formats/safetensors/read.js'
import { random } from '../support/random.js'
import { sharedData, temporaryFolder } from '../support/shared.js'
import { buildSafetensors } from './files.js'

const folder = await temporaryFolder()
const golden = sharedData('golden/mha/model.safetensors')

let count = 0
async function file(bytes: Uint8Array): Promise<string> {
  const path = join(folder, `${count++}.safetensors`)
  await writeFile(path, bytes)
  return path
}

const good = {
  __metadata__: { format: 'pt' },
  a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
  b: { dtype: 'BF16', shape: [4], data_offsets: [24, 32] },
}

describe('a header', () => {
  test('gives tensors with ranges of the file, and its metadata', async () => {
    const path = await file(buildSafetensors(`${JSON.stringify(good)}   `, 32)) // may be padded with spaces
    const { tensors, metadata, dataOffset } = await readSafetensors(path)
    expect([...metadata]).toEqual([['format', 'pt']])
    expect(tensors).toEqual([
      {
        name: 'a',
        shape: [2, 3],
        dtype: 'F32',
        format: 'float32',
        data: { file: path, offset: dataOffset, bytes: 24 },
      },
      {
        name: 'b',
        shape: [4],
        dtype: 'BF16',
        format: 'bfloat16',
        data: { file: path, offset: dataOffset + 24, bytes: 8 },
      },
    ])
  })

  test.each([
    ['F64', 8, null],
    ['F32', 4, 'float32'],
    ['F16', 2, 'float16'],
    ['BF16', 2, 'bfloat16'],
    ['I64', 8, null],
    ['I32', 4, null],
    ['I16', 2, null],
    ['I8', 1, null],
    ['U8', 1, null],
    ['BOOL', 1, null],
    ['F8_E4M3', 1, null],
    ['F8_E5M2', 1, null],
  ])('lists dtype %s', async (dtype, size, format) => {
    const header = (bytes: number) => ({ t: { dtype, shape: [3, 5], data_offsets: [0, bytes] } })
    const { tensors } = await readSafetensors(await file(buildSafetensors(header(15 * size), 15 * size)))
    expect(tensors[0]).toMatchObject({ dtype, format, data: { bytes: 15 * size } })
    const longer = readSafetensors(await file(buildSafetensors(header(15 * size + 1), 15 * size + 1)))
    await expect(longer).rejects.toThrow(/must have \d+ bytes of data/)
  })

  test.skipIf(golden === null)('of a checkpoint that transformers wrote names its weights', async () => {
    const { tensors } = await readSafetensors(golden!)
    expect(tensors).toHaveLength(15)
    expect(tensors.find(({ name }) => name === 'model.layers.1.mlp.gate_up_proj.weight')).toMatchObject({
      shape: [512, 128],
      dtype: 'BF16',
      format: 'bfloat16',
    })
  })

  test('may hold tensors in any order, and empty ones', async () => {
    const header = {
      late: { dtype: 'U8', shape: [4], data_offsets: [4, 8] },
      empty: { dtype: 'U8', shape: [0, 7], data_offsets: [4, 4] },
      early: { dtype: 'U8', shape: [4], data_offsets: [0, 4] },
    }
    const { tensors } = await readSafetensors(await file(buildSafetensors(header, 8)))
    expect(tensors.map(({ data }) => data.bytes)).toEqual([4, 0, 4])
  })
})

describe('a hostile file', () => {
  const entry = (change: object) => ({ ...good, b: { ...good.b, ...change } })
  const cases: [string, unknown, RegExp][] = [
    ['text that is not JSON', '{"a":', /must be JSON in UTF-8/],
    ['a list for a header', '[1, 2]', /header must be a JSON object/],
    ['metadata that are numbers', { __metadata__: { a: 1 } }, /__metadata__.a must be a string/],
    ['metadata that are a list', { __metadata__: ['a'] }, /__metadata__ must be an object/],
    ['an entry that is text', { a: 'F32' }, /tensor a: entry must be an object/],
    ['no dtype', entry({ dtype: undefined }), /tensor b: dtype must be a string/],
    ['a shape of text', entry({ shape: ['4'] }), /shape must be/],
    ['a negative extent', entry({ shape: [-4] }), /shape must be/],
    ['a broken extent', entry({ shape: [4.5] }), /shape must be/],
    ['an extent of 2^60', entry({ shape: [2 ** 60] }), /shape must be/],
    ['extents whose product overflows', entry({ shape: [2 ** 50, 2 ** 50] }), /must have .* bytes of data, but has 8/],
    ['a hundred axes', entry({ shape: Array(100).fill(1) }), /shape must be/],
    ['one offset', entry({ data_offsets: [24] }), /data_offsets must be two/],
    ['a negative offset', entry({ data_offsets: [-8, 0] }), /data_offsets must be two/],
    ['offsets that decrease', entry({ data_offsets: [32, 24] }), /data_offsets must not decrease/],
    ['offsets beyond the file', entry({ data_offsets: [32, 40] }), /must end within the 32 bytes/],
    ['an offset of 2^53 - 1', entry({ data_offsets: [24, 2 ** 53 - 1] }), /must end within the 32 bytes/],
    ['too many bytes for the shape', entry({ shape: [3] }), /BF16 \[3\] must have 6 bytes of data, but has 8/],
    ['overlapping tensors', entry({ data_offsets: [20, 28] }), /b begins within a/],
    ['a prototype for a name', '{"__proto__": 1}', /tensor __proto__: entry must be an object/],
  ]
  test.each(cases)('with %s is refused', async (_, header, message) => {
    const error = await readSafetensors(await file(buildSafetensors(header, 32))).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(FormatError)
    expect(error.message).toMatch(message)
  })

  test.each(['F128', 'toString'])('with dtype %s is not supported', async (dtype) => {
    const reading = readSafetensors(await file(buildSafetensors(entry({ dtype }), 32)))
    await expect(reading).rejects.toBeInstanceOf(UnsupportedModelError)
  })

  test.each([2n ** 64n - 1n, 2n ** 63n, 100_000_001n, 1000n])(
    'with a header of %i bytes is refused',
    async (length) => {
      const reading = readSafetensors(await file(buildSafetensors(good, 32, length)))
      await expect(reading).rejects.toThrow(/header must have at most \d+ bytes, but has/)
    },
  )

  test('with a header of more than 100 MB is refused before it is read', async () => {
    const path = await file(buildSafetensors(good, 32, 150_000_000n))
    await truncate(path, 200_000_000) // a hole: takes no disk
    await expect(readSafetensors(path)).rejects.toThrow(/header must have at most 100000000 bytes/)
  })

  test('with millions of empty values is refused before they are made', async () => {
    const path = await file(buildSafetensors(`{"a":[${'[],'.repeat(5_000_000)}0]}`, 0))
    await expect(readSafetensors(path)).rejects.toThrow(/JSON must hold at most 8000000 values, but has/)
  })

  test('cut off anywhere is refused', async () => {
    const whole = buildSafetensors(good, 32)
    const path = await file(whole)
    for (let length = whole.length - 1; length >= 0; length--) {
      await truncate(path, length)
      const error = await readSafetensors(path).catch((thrown) => thrown)
      if (!(error instanceof FormatError)) expect.fail(`at ${length}: ${error}`)
    }
  })

  test('with a bit flipped in any byte is read or refused, never another exception', async () => {
    const whole = buildSafetensors(good, 32)
    const path = join(folder, 'flipped.safetensors')
    const source = random(2)
    let refused = 0
    for (let round = 0; round < 4 * (whole.length - 32); round++) {
      const bytes = whole.slice()
      bytes[round % (whole.length - 32)]! ^= 1 << source.integer(0, 7)
      await writeFile(path, bytes)
      const outcome = await readSafetensors(path).catch((error) => error)
      if (outcome instanceof LophiError) refused++
      else if (outcome instanceof Error) expect.fail(`round ${round}: ${outcome.stack}`)
    }
    expect(refused).toBeGreaterThan(whole.length)
  })
})
