// node test/gpu/predict.mjs [--json]: what the kernels of a step should take, from shapes.json and gpus.json: the larger of bytes over
// bandwidth, instructions over issue slots, and products over the tensor cores' rate, and a launch boundary.
import { readFileSync } from 'node:fs'
import { argv } from 'node:process'
import { fileURLToPath } from 'node:url'

const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'))
export const models = read('shapes.json')
/**
 * Bandwidth of reading, tensor-core rate of mma.sync in float16, microseconds between two kernels of a graph (launched early where
 * the GPU can). Of the H100 all but the tensor cores' rate was measured (constants.py), of the others it is an estimate.
 */
export const gpus = read('gpus.json')

/**
 * Bits of a weight in memory, and instructions of a lane for one: its share of loads, of unpacking, of the mma that takes 8
 * rows of x, and of what is done once per group. `many`: instructions of a warp for a product of 16 x 8 by 16 where there are many
 * rows, counted in the machine code of the largest block (docs/measurements, 2026-11-26, instructions).
 */
export const formats = {
  q4_0: { bits: 4.5, instructions: 1.35, many: 9.9 },
  q4_k: { bits: 4.5, instructions: 1.5, many: 30.8 },
  q5_k: { bits: 5.5, instructions: 2.4, many: 32.8 },
  q6_k: { bits: 6.5625, instructions: 2.4, many: 65.1 },
  q8_0: { bits: 8.5, instructions: 1.3, many: 13.2 },
  'int4 g32': { bits: 4.625, instructions: 1.45, many: 30.8 },
  'int4 g128': { bits: 4.15625, instructions: 1.0, many: 30.8 },
  float16: { bits: 16, instructions: 0.45, many: 4.4 },
}
/** Lane-instructions that an SM issues in a clock. */
const lanes = 128
/** Of a weight, for each further 8 rows of x: one mma per 8 weights of a lane. */
const nextRows = 1 / 8

export function predictLinear(gpu, format, [n, k], m) {
  const { bits, instructions, many } = formats[format]
  const weights = n * k
  const bytes = (weights * bits) / 8 + 4 * m * (n + k)
  // from 64 rows on tiles of weights are unpacked once for many rows; x is one plane (linear_many.cu)
  const slots =
    m < 64 ? weights * (instructions + nextRows * (Math.ceil(m / 8) - 1)) : (weights * m * many * 32) / (16 * 8 * 16)
  const streaming = bytes / gpu.GBps / 1e3
  const issuing = slots / (gpu.sms * lanes * gpu.ghz) / 1e3
  const products = (2 * weights * m) / gpu.mmaTFLOPs / 1e6
  const us = gpu.boundary + Math.max(streaming, issuing, products)
  return { bytes, slots, us }
}

export function predictAttention(gpu, { heads, groups, headDim }, depth, tokens, sequences = 1) {
  const bytes = sequences * 4 * groups * headDim * (depth + tokens)
  const flops = sequences * tokens * heads * 4 * headDim * (depth + tokens / 2)
  return { bytes, us: gpu.boundary + Math.max(bytes / gpu.GBps / 1e3, flops / gpu.mmaTFLOPs / 1e6) }
}

/** A token by one graph of 5 kernels a layer (norm and rope in qkv, attention, o, gate·up, down), head and 3 small ones. */
export function predictStep(gpu, model, format, depth) {
  const { linears, layers } = model
  const parts = Object.entries(linears).map(([name, shape]) => {
    const { bytes, us } = predictLinear(gpu, format, shape, 1)
    return { bytes: (name === 'head' ? 1 : layers) * bytes, us: (name === 'head' ? 1 : layers) * us }
  })
  const attention = predictAttention(gpu, model, depth, 1)
  const sum = (key) => parts.reduce((total, part) => total + part[key], 0) + layers * attention[key]
  return { bytes: sum('bytes'), us: sum('us') + 3 * gpu.boundary }
}

export function predictions() {
  const rows = []
  for (const [gpuName, gpu] of Object.entries(gpus))
    for (const [modelName, model] of Object.entries(models)) {
      const place = { gpu: gpuName, model: modelName }
      for (const format of Object.keys(formats)) {
        for (const [shape, size] of Object.entries(model.linears))
          for (const m of [1, 8, 16, 512])
            rows.push({ ...place, op: 'linear', format, shape, m, ...predictLinear(gpu, format, size, m) })
        for (const depth of [0, 2048, 4096])
          rows.push({ ...place, op: 'step', format, depth, ...predictStep(gpu, model, format, depth) })
      }
      for (const [depth, tokens] of [
        [200, 1],
        [2048, 1],
        [4000, 1],
        [0, 512],
        [0, 2048],
      ])
        rows.push({ ...place, op: 'attention', depth, tokens, ...predictAttention(gpu, model, depth, tokens) })
    }
  return rows
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const rows = predictions()
  if (argv.includes('--json')) console.log(JSON.stringify(rows, null, 1))
  else
    for (const { bytes, slots, us, ...place } of rows) {
      const issue = slots === undefined ? '' : `, ${(slots / 1e6).toFixed(1)} M lane-instructions`
      console.log(`${Object.values(place).join(', ')}: ${(bytes / 1e6).toFixed(2)} MB${issue}, ${us.toFixed(1)} us`)
    }
}
