import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { partsOf } from '../../lib/architectures/blueprint.js'
import { phi3Weights } from '../../lib/architectures/phi3.js'
import { openSource } from '../../lib/formats/index.js'
import { readSafetensors } from '../../lib/formats/safetensors/read.js'
import type { FileRange, WeightDescription, WeightSource } from '../../lib/formats/source.js'
import { temporaryFolder } from '../support/shared.js'
import { buildGguf, buildSafetensors, ggufString, ggufUint32, smallConfig, writeCheckpoint } from './files.js'

const root = await temporaryFolder()

/** The bytes that a weight is made of. */
async function contents({ parts }: WeightDescription): Promise<Buffer> {
  const pieces = parts.map(async ({ data }) => {
    const { file, offset, bytes } = data as FileRange
    return (await readFile(file)).subarray(offset, offset + bytes)
  })
  return Buffer.concat(await Promise.all(pieces))
}

async function expectSame(actual: WeightSource, expected: WeightSource): Promise<void> {
  expect(actual.config).toEqual(expected.config)
  const all = ({ blueprint, weights }: WeightSource) => [...partsOf(blueprint, weights)].map(({ weight }) => weight)
  const [ours, theirs] = [all(actual), all(expected)]
  for (const [i, weight] of ours.entries()) {
    expect(weight.shape).toEqual(theirs[i]!.shape)
    expect((await contents(weight)).equals(await contents(theirs[i]!)), `weight ${i}`).toBe(true)
  }
}

describe('safetensors in shards', () => {
  const shardName = (i: number, of = 3) => `model-0000${i}-of-0000${of}.safetensors`
  const index = 'model.safetensors.index.json'

  /** The small checkpoint, and the same in three shards; `change` may spoil what is written. */
  async function shards(change: (map: Record<string, string>) => void = () => {}) {
    const folder = await mkdtemp(join(root, 'shards-'))
    const whole = join(folder, 'whole')
    const sharded = join(folder, 'sharded')
    await mkdir(whole)
    await mkdir(sharded)
    await writeCheckpoint(whole, smallConfig)
    await writeFile(join(sharded, 'config.json'), JSON.stringify(smallConfig))
    const { tensors } = await readSafetensors(join(whole, 'model.safetensors'))
    const bytes = await readFile(join(whole, 'model.safetensors'))
    const map: Record<string, string> = {}
    for (let i = 1; i <= 3; i++) {
      const own = tensors.filter((_, n) => (n % 3) + 1 === i)
      const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
      const pieces: Uint8Array[] = []
      let offset = 0
      for (const { name, dtype, shape, data } of own) {
        header[name] = { dtype, shape, data_offsets: [offset, offset + data.bytes] }
        pieces.push(bytes.subarray(data.offset, data.offset + data.bytes))
        offset += data.bytes
        map[name] = shardName(i)
      }
      await writeFile(join(sharded, shardName(i)), buildSafetensors(header, Buffer.concat(pieces)))
    }
    change(map)
    await writeFile(join(sharded, index), JSON.stringify({ metadata: { total_size: 1 }, weight_map: map }))
    return { folder, whole, sharded }
  }

  test('open as the whole does, by folder, index or any shard', async () => {
    const { whole, sharded } = await shards()
    const expected = await openSource(whole)
    for (const path of [sharded, join(sharded, index), join(sharded, shardName(2))]) {
      const source = await openSource(path)
      expect(source.path).toBe(join(sharded, index))
      expect([...source.metadata]).toEqual([['format', 'pt']])
      await expectSame(source, expected)
    }
  })

  test.each([
    ['../out.safetensors', 'must hold names of files beside it'],
    ['/etc/passwd', 'must hold names of files beside it'],
    ['C:\\x.safetensors', 'must hold names of files beside it'],
    ['sub/x.safetensors', 'must hold names of files beside it'],
    ['..', 'must hold names of files beside it'],
    ['', 'must hold names of files beside it'],
    [7, 'must hold names of files beside it, but lm_head.weight is in 7'],
    ['config.json', 'must'],
    [shardName(1), 'puts tensor lm_head.weight into'],
  ])('with lm_head in %j are refused', async (name, message) => {
    const { sharded } = await shards((map) => {
      // three shards in turn leave the last name in none of the first
      expect(map['lm_head.weight']).not.toBe(shardName(1))
      map['lm_head.weight'] = name as string
    })
    await expect(openSource(sharded)).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      message: expect.stringContaining(message),
    })
  })

  test('of which one is missing are refused by its name', async () => {
    const { sharded } = await shards()
    await rm(join(sharded, shardName(2)))
    await expect(openSource(sharded)).rejects.toMatchObject({ code: 'ERR_FILE', file: join(sharded, shardName(2)) })
    await rm(join(sharded, index))
    await expect(openSource(sharded)).rejects.toThrow('must hold model.safetensors.index.json')
    await expect(openSource(join(sharded, shardName(1)))).rejects.toThrow(`${index} must be beside it`)
  })

  test('that hold a tensor twice are refused by its name', async () => {
    const { sharded } = await shards()
    const twice = { 'model.norm.weight': { dtype: 'F32', shape: [64], data_offsets: [0, 256] } }
    const extra = { 'lm_head.weight': { dtype: 'F32', shape: [80, 64], data_offsets: [256, 256 + 4 * 80 * 64] } }
    for (let i = 1; i <= 3; i++) {
      const { tensors } = await readSafetensors(join(sharded, shardName(i)))
      if (tensors.some(({ name }) => name === 'model.norm.weight')) continue
      const header = { ...twice, ...extra }
      const names = tensors.filter(({ name }) => name !== 'lm_head.weight' && name !== 'model.norm.weight')
      let offset = 256 + 4 * 80 * 64
      for (const { name, dtype, shape, data } of names) {
        Object.assign(header, { [name]: { dtype, shape, data_offsets: [offset, offset + data.bytes] } })
        offset += data.bytes
      }
      await writeFile(join(sharded, shardName(i)), buildSafetensors(header, offset))
    }
    await expect(openSource(sharded)).rejects.toThrow(/tensor \S+ must be in one shard, but is in two/)
  })

  test.each([[{}], [{ weight_map: [] }], [{ weight_map: {} }]])('with the index %j are refused', async (json) => {
    const { sharded } = await shards()
    await writeFile(join(sharded, index), JSON.stringify(json))
    await expect(openSource(sharded)).rejects.toThrow('weight_map must')
  })

  test('may be links: within the folder, to another disk or to the blobs of a hub cache', async () => {
    const { folder, whole, sharded } = await shards()
    const expected = await openSource(whole)
    const shard = join(sharded, shardName(1))
    const bytes = await readFile(shard)
    await rm(shard)
    await writeFile(join(sharded, 'inside'), bytes)
    await symlink('inside', shard)
    await expectSame(await openSource(sharded), expected)

    const outside = join(folder, 'outside.safetensors')
    await writeFile(outside, bytes)
    await rm(shard)
    await symlink(outside, shard)
    await expectSame(await openSource(sharded), expected)

    const cache = join(folder, 'models--microsoft--phi')
    const snapshot = join(cache, 'snapshots/0123')
    await mkdir(join(cache, 'blobs'), { recursive: true })
    await mkdir(snapshot, { recursive: true })
    for (const [i, name] of ['config.json', index, shardName(1), shardName(2), shardName(3)].entries()) {
      const source = name === shardName(1) ? join(sharded, 'inside') : join(sharded, name)
      await writeFile(join(cache, `blobs/${i}`), await readFile(source))
      await symlink(`../../blobs/${i}`, join(snapshot, name))
    }
    await expectSame(await openSource(snapshot), expected)
    await expectSame(await openSource(cache), expected)
  })
})

describe('GGUF in parts', () => {
  const shapes: [string, number[]][] = [
    ['token_embd.weight', [64, 80]],
    ['blk.0.attn_norm.weight', [64]],
    ['blk.0.attn_qkv.weight', [64, 128]],
    ['blk.0.attn_output.weight', [64, 64]],
    ['blk.0.ffn_norm.weight', [64]],
    ['blk.0.ffn_up.weight', [64, 192]],
    ['blk.0.ffn_down.weight', [96, 64]],
    ['output_norm.weight', [64]],
  ]
  const uint16 = (key: string, value: number): [string, number, Uint8Array] => {
    return [key, 2, new Uint8Array(Uint16Array.of(value).buffer)]
  }
  const pairs: [string, number, Uint8Array][] = [
    ggufString('general.architecture', 'phi3'),
    ggufUint32('phi3.context_length', 128),
    ggufUint32('phi3.embedding_length', 64),
    ggufUint32('phi3.feed_forward_length', 96),
    ggufUint32('phi3.block_count', 1),
    ggufUint32('phi3.attention.head_count', 4),
    ggufUint32('phi3.attention.head_count_kv', 2),
    ggufUint32('phi3.attention.sliding_window', 0),
    ['phi3.attention.layer_norm_rms_epsilon', 6, new Uint8Array(Float32Array.of(1e-5).buffer)],
  ]
  const partName = (i: number, of = 3) => `phi-0000${i}-of-0000${of}.gguf`

  interface Part {
    no: number
    count: number
    tensors: number
    names: string[]
  }
  const whole: Part[] = [0, 1, 2].map((no) => {
    const names = shapes.filter((_, n) => n % 3 === no).map(([name]) => name)
    return { no, count: 3, tensors: shapes.length, names }
  })

  async function parts(list: Part[] = whole) {
    const folder = await mkdtemp(join(root, 'parts-'))
    for (const [i, { no, count, tensors, names }] of list.entries()) {
      let offset = 0
      const fields = names.map((name) => {
        const extents = shapes.find(([other]) => other === name)![1]
        const tensor = { name, extents, type: 0, offset }
        offset += extents.reduce((product, extent) => product * extent, 4)
        return tensor
      })
      const split = [uint16('split.no', no), uint16('split.count', count), ggufUint32('split.tensors.count', tensors)]
      const own = i === 0 ? [...pairs, ...split] : split
      const bytes = buildGguf({ pairs: own, tensors: fields, dataBytes: offset }).fill(i, -offset)
      await writeFile(join(folder, partName(i + 1)), bytes)
    }
    return folder
  }

  test('open by the folder or any part, each tensor from its own file', async () => {
    const folder = await parts()
    for (const path of [folder, ...[1, 2, 3].map((i) => join(folder, partName(i)))]) {
      const source = await openSource(path)
      const { path: first, tensors, metadata } = source
      const weights = phi3Weights(source)
      expect(first).toBe(join(folder, partName(1)))
      expect(tensors).toHaveLength(shapes.length)
      expect([...metadata.keys()].filter((key) => key.startsWith('split'))).toEqual([])
      const files = [weights.embed, weights.layers[0]!.inputNorm, weights.layers[0]!.qkv].map(
        ({ parts }) => (parts[0]!.data as FileRange).file,
      )
      expect(files).toEqual([1, 2, 3].map((i) => join(folder, partName(i))))
      expect((await contents(weights.layers[0]!.qkv)).every((byte) => byte === 2)).toBe(true)
    }
  })

  test('of which one is missing are refused by its name', async () => {
    const folder = await parts()
    await rm(join(folder, partName(2)))
    await expect(openSource(join(folder, partName(3)))).rejects.toMatchObject({
      code: 'ERR_FILE',
      file: join(folder, partName(2)),
    })
  })

  const changed = (i: number, change: Partial<Part>) =>
    whole.map((part, n) => (n === i ? { ...part, ...change } : part))
  test.each([
    ['another number', changed(1, { no: 2 }), /-00002-.*split\.no must be 1, but is 2/],
    ['another count', changed(2, { count: 4 }), /-00003-.*split\.count must be 3, but is 4/],
    ['a count of tensors that is not theirs', changed(0, { tensors: 7 }), /split\.tensors\.count must be 8/],
    [
      'a tensor twice',
      changed(1, { names: [...whole[1]!.names, 'token_embd.weight'] }),
      /token_embd\.weight must be in one part/,
    ],
    ['too many parts', whole.map((part) => ({ ...part, count: 60000 })), /split\.count must be from 1 to 1024/],
  ])('with %s are refused', async (_, list, message) => {
    const folder = await parts(list)
    await expect(openSource(join(folder, partName(1)))).rejects.toThrow(message)
  })

  test('under names that do not count are refused', async () => {
    const folder = await parts()
    await writeFile(join(folder, 'renamed.gguf'), await readFile(join(folder, partName(1))))
    await expect(openSource(join(folder, 'renamed.gguf'))).rejects.toThrow('must end in -00001-of-00003.gguf')
  })

  test('beside another model ask for one', async () => {
    const folder = await parts()
    await writeFile(join(folder, 'other.gguf'), 'x')
    await expect(openSource(folder)).rejects.toThrow(`must hold one model, but holds other.gguf, ${partName(1)}`)
  })
})
