import { randomFillSync } from 'node:crypto'
import { type Device, ops, type Tensor } from '../../lib/index.js'
import { copiesOf, type Limits, type Rows, timeCalls } from './timing.js'

// The ops of a step beside the linears: attention by what it reads of the cache, the small ones by their time.

export interface ModelShape {
  readonly hidden: number
  readonly heads: number
  readonly groups: number
  readonly headDim: number
  readonly inner: number
  readonly vocab: number
}

const pageTokens = 128

const floats = (length: number): Float32Array => Float32Array.from({ length }, () => 2 * Math.random() - 1)
/** Halves of magnitudes 2^-6 to 2^2. */
function halves(length: number): Uint16Array {
  const data = randomFillSync(new Uint16Array(length))
  for (let i = 0; i < length; i++) data[i] = (data[i]! & 0x9fff) + 0x2400
  return data
}
const counting = (from: number, length: number): Int32Array => Int32Array.from({ length }, (_, i) => from + i)

/** `tokens` new rows behind `depth` that are cached, for each of `sequences`. */
async function timeAttention(
  device: Device,
  { heads, groups, headDim }: ModelShape,
  depth: number,
  tokens: number,
  sequences: number,
  limits: Limits,
): Promise<{ us: number; GBps: number; TFLOPs: number }> {
  const each = Math.ceil((depth + tokens) / pageTokens)
  const shape = [sequences * each, groups, pageTokens, headDim]
  const count = shape.reduce((product, size) => product * size, 1)
  const read = sequences * 2 * 2 * groups * headDim * (depth + tokens)
  const copies = tokens > 16 ? 1 : copiesOf(4 * count, limits)
  const data = halves(count)
  const rows = sequences * tokens
  const caches = Array.from({ length: copies }, () => ({
    keys: device.tensor(data, shape, 'float16'),
    values: device.tensor(data, shape, 'float16'),
  }))
  const width = (heads + 2 * groups) * headDim
  using qkv = device.tensor(floats(rows * width), [rows, width])
  const positions = Int32Array.from({ length: rows }, (_, i) => depth + (i % tokens))
  using position = device.tensor(positions, [rows])
  using pages = device.tensor(counting(0, sequences * each), [sequences, each])
  try {
    const call = (i: number) => ops.attention({ ...caches[i % copies]!, qkv, position, pages })
    const us = await timeCalls(device, tokens > 16 ? 2 : Math.max(limits.calls, copies), call, limits)
    // each row sees those before it: two products of headDim over depth + tokens / 2 keys
    const flops = rows * heads * 4 * headDim * (depth + tokens / 2)
    return { us, GBps: read / us / 1e3, TFLOPs: flops / us / 1e6 }
  } finally {
    for (const { keys, values } of caches) for (const tensor of [keys, values]) tensor.dispose()
  }
}

export async function timeAttentions(
  device: Device,
  model: string,
  shape: ModelShape,
  depths: readonly number[],
  prompts: readonly number[],
  limits: Limits,
  results: Rows,
): Promise<void> {
  const time = (depth: number, tokens: number, sequences = 1) =>
    results.add({ op: 'attention', model, depth, tokens, sequences }, () =>
      timeAttention(device, shape, depth, tokens, sequences, limits),
    )
  for (const depth of depths) await time(depth, 1)
  const deepest = Math.max(...depths)
  await time(deepest, 8)
  await time(deepest, 1, 4)
  for (const prompt of prompts) await time(0, prompt)
}

/** Ops of a few kilobytes: what a launch costs. */
export async function timeSmallOps(
  device: Device,
  model: string,
  { hidden, heads, groups, headDim, inner, vocab }: ModelShape,
  rows: readonly number[],
  limits: Limits,
  results: Rows,
): Promise<void> {
  const tensor = (...shape: number[]) => device.tensor(floats(shape.reduce((a, b) => a * b, 1)), shape)
  for (const m of rows) {
    const width = (heads + 2 * groups) * headDim
    using x = tensor(m, hidden)
    using residual = tensor(m, hidden)
    using weight = tensor(hidden)
    using gateUp = tensor(m, 2 * inner)
    using qkv = tensor(m, width)
    using cos = tensor(64, headDim / 2)
    using sin = tensor(64, headDim / 2)
    using position = device.tensor(
      counting(0, m).map((i) => i % 64),
      [m],
    )
    using logits = tensor(m, vocab)
    using params = device.tensor(
      Float32Array.from({ length: 8 * m }, (_, i) => [0.7, 40, 0.9][i % 8] ?? 0),
      [m, 8],
    )
    using greedy = device.tensor(new Float32Array(8 * m), [m, 8])
    using seeds = device.tensor(Uint32Array.from(counting(1, 2 * m)), [m, 2])
    using histories = device.tensor(new Int32Array(64 * m).fill(-1), [m, 64])
    const calls: Readonly<Record<string, () => Tensor>> = {
      rmsNorm: () => ops.rmsNorm({ x, weight }),
      addRmsNorm: () => ops.addRmsNorm({ x, residual, weight }).y,
      siluMul: () => ops.siluMul({ x: gateUp }),
      rotaryEmbedding: () => ops.rotaryEmbedding({ x: qkv, cos, sin, position, headDim, heads: heads + groups }),
      add: () => ops.add({ a: x, b: residual }),
      argmax: () => ops.argmax({ x: logits }),
      'sample, greedy': () => ops.sample({ logits, params: greedy, seeds, position, histories }).id,
      'sample, top-k and top-p': () => ops.sample({ logits, params, seeds, position, histories }).id,
    }
    for (const [op, call] of Object.entries(calls))
      await results.add({ op, model, m }, async () => ({ us: await timeCalls(device, limits.calls, call, limits) }))
  }
}
