import { readFile } from 'node:fs/promises'
import { phi3Weights } from '../../lib/architectures/phi3.js'
import type { Payload, WeightDescription, WeightPart, WeightSource } from '../../lib/formats/source.js'
import { add, mul } from '../ops/reference/elementwise.js'
import { attention, linear, rmsNorm, rotaryEmbedding, siluMul } from '../ops/reference/phi3.js'
import { type BlockFormat, decodeBlocks } from '../ops/reference/weights.js'
import type { FloatDType } from '../support/floats.js'
import { fromBits } from '../support/floats.js'
import { exactly, type NdArray } from '../support/ndarray.js'

// A float64 pass over a source: what its weights say, read by way of the contract's own words.

const isFloat = (format: WeightPart['format']): format is FloatDType =>
  format === 'float32' || format === 'float16' || format === 'bfloat16'

/** Reads payloads; every file once. */
export class Payloads {
  readonly #files = new Map<string, Buffer>()

  async bytes(payload: Payload): Promise<Uint8Array> {
    if (payload instanceof Uint8Array) return payload
    const { file, offset, bytes } = payload
    const whole = this.#files.get(file) ?? (await readFile(file))
    this.#files.set(file, whole)
    return whole.subarray(offset, offset + bytes)
  }

  async floats(dtype: FloatDType, payload: Payload): Promise<Float64Array> {
    const bytes = await this.bytes(payload)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return dtype === 'float32'
      ? Float64Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true))
      : Float64Array.from({ length: bytes.length / 2 }, (_, i) => fromBits(dtype, view.getUint16(2 * i, true)))
  }

  /** All rows of a weight. */
  async values({ shape, parts }: WeightDescription): Promise<NdArray> {
    const columns = shape.at(-1)!
    const data = new Float64Array(shape.reduce((product, extent) => product * extent, 1))
    let filled = 0
    for (const part of parts) {
      const values = await (part.groups ? this.#grouped(part, columns) : this.#dense(part))
      data.set(values, filled)
      filled += values.length
    }
    if (filled !== data.length) throw new Error(`[${shape}] must have ${data.length} values, but has ${filled}`)
    return exactly('float32', [...shape], data)
  }

  async #dense({ format, rows, data, packing }: WeightPart): Promise<Float64Array> {
    if (!isFloat(format)) return decodeBlocks(format as BlockFormat, await this.bytes(data))
    const values = await this.floats(format, data)
    const columns = values.length / rows
    if (packing !== 'columns') return values
    return values.map((_, i) => values[(i % columns) * rows + Math.floor(i / columns)]!)
  }

  /** (q - zero) * scale of int4 and int8 in rows or columns. */
  async #grouped({ format, rows, data, packing, groups }: WeightPart, columns: number): Promise<Float64Array> {
    const { size, signed, scaleType, zeroType } = groups!
    const bits = format === 'int4' ? 4 : 8
    const perRow = Math.ceil(columns / size)
    const transposed = packing === 'columns'
    const code = (bytes: Uint8Array, index: number) => {
      const value = bits === 8 ? bytes[index]! : (bytes[index >> 1]! >> (4 * (index & 1))) & 15
      return signed && value >= 2 ** (bits - 1) ? value - 2 ** bits : value
    }
    const q = await this.bytes(data)
    const scales = await this.floats(scaleType, groups!.scales)
    const zeros =
      groups!.zeros &&
      (await (zeroType === 'float' ? this.floats(scaleType, groups!.zeros) : this.bytes(groups!.zeros)))
    const index = groups!.gIdx && new DataView(Uint8Array.from(await this.bytes(groups!.gIdx)).buffer)
    const padded = zeros !== undefined && zeros.length === rows * Math.ceil((perRow * bits) / 8)
    const zero = (n: number, b: number): number => {
      if (!zeros) return signed ? 0 : 2 ** (bits - 1)
      const flat = transposed ? b * rows + n : n * perRow + b
      if (zeroType === 'float') return zeros[flat]!
      return code(zeros as Uint8Array, !transposed && padded && bits === 4 ? n * 2 * Math.ceil(perRow / 2) + b : flat)
    }
    return Float64Array.from({ length: rows * columns }, (_, i) => {
      const [n, k] = [Math.floor(i / columns), i % columns]
      const b = index ? index.getInt32(4 * k, true) : Math.floor(k / size)
      const level = code(q, transposed ? k * rows + n : n * perRow * size + k)
      return (level - zero(n, b)) * scales[transposed ? b * rows + n : n * perRow + b]!
    })
  }
}

/** Logits of every position, [T, V]; keys and values are rounded to float32. */
export async function forward(source: WeightSource, ids: readonly number[]): Promise<Float64Array> {
  const { config, rotary, window } = source
  const weights = phi3Weights(source)
  const { headDim, numAttentionHeads: heads, numKeyValueHeads: groups, rmsNormEps: epsilon } = config
  const payloads = new Payloads()
  const tokens = ids.length
  const position = exactly('int32', [tokens], [...ids.keys()])
  const project = async (x: NdArray, description: WeightDescription): Promise<NdArray> => {
    const w = await payloads.values(description)
    const [rows, columns] = w.shape as [number, number]
    const matrix = { format: 'float32', shape: [rows, columns], data: w.data, bytes: new Uint8Array() } as const
    return linear({ x, w: matrix }, { activations: 'f32' }).y
  }
  const norm = async (x: NdArray, description: WeightDescription): Promise<NdArray> =>
    rmsNorm({ x, weight: await payloads.values(description) }, { epsilon }).y
  const times = async (x: NdArray, description: WeightDescription | null): Promise<NdArray> =>
    description === null ? x : mul({ a: x, b: await payloads.values(description) }).y

  /** What the source stores, or else plain ones. */
  const angles = async (): Promise<[cos: NdArray, sin: NdArray]> => {
    if (rotary) {
      const { cos, sin } = (tokens > config.originalMaxPositionEmbeddings && rotary.long) || rotary.short
      return [await payloads.values(cos), await payloads.values(sin)]
    }
    if (config.ropeScaling) throw new Error('a source without tables must have no LongRoPE')
    const pairs = config.rotaryDim / 2
    const angle = (i: number) => Math.floor(i / pairs) / config.ropeTheta ** ((i % pairs) / pairs)
    const table = (fn: (angle: number) => number) =>
      exactly(
        'float32',
        [tokens, pairs],
        Array.from({ length: tokens * pairs }, (_, i) => fn(angle(i))),
      )
    return [table(Math.cos), table(Math.sin)]
  }
  const [cos, sin] = await angles()
  const table = await payloads.values(weights.embed)
  const width = config.hiddenSize
  let x = exactly(
    'float32',
    [tokens, width],
    ids.flatMap((id) => [...table.data.subarray(id * width, (id + 1) * width)]),
  )
  for (const layer of weights.layers) {
    const qkv = rotaryEmbedding(
      { x: await project(await norm(x, layer.inputNorm), layer.qkv), cos, sin, position },
      { headDim, heads: heads + groups },
    ).y
    const cache = exactly('float32', [1, groups, tokens, headDim], new Float64Array(groups * tokens * headDim))
    const operands = { qkv, keys: cache, values: cache, position }
    const attended = attention(operands, { window: (window.graph ?? window.model).size ?? 0, scale: 0 }).y
    x = add({ a: x, b: await project(await times(attended, layer.oMultiplier), layer.o) }).y
    const gated = siluMul({ x: await project(await norm(x, layer.postNorm), layer.gateUp) }, {}).y
    x = add({ a: x, b: await project(await times(gated, layer.downMultiplier), layer.down) }).y
  }
  return (await project(await norm(x, weights.norm), weights.head)).data
}
