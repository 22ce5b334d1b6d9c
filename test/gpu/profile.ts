// ncu ... node test/gpu/profile.js [--device cuda:0] [--only PATTERN]: runs the products of a step once each, in the order that is
// printed, for a profiler to look at. run.sh names the kernels and the sections.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type DeviceName, openDevice, ops } from '../../lib/index.js'
import type { Models } from './kernels.js'
import { kinds, matrixOf } from './time-linear.js'

const { values } = parseArgs({
  options: { device: { type: 'string', default: 'cuda:0' }, only: { type: 'string', default: '' } },
})
const { linears } = Object.values(
  JSON.parse(readFileSync(new URL('shapes.json', import.meta.url), 'utf8')) as Models,
)[0]!

const products: readonly (readonly [format: string, shape: string, m: number, activations: 'f32' | 'int8'])[] = [
  ['q4_0', 'gate_up', 1, 'f32'],
  ['q4_0', 'gate_up', 1, 'int8'],
  ['q4_0', 'o', 1, 'f32'],
  ['q4_0', 'down', 1, 'f32'],
  ['q4_0', 'head', 1, 'f32'],
  ['q4_0', 'gate_up', 8, 'f32'],
  ['q4_0', 'gate_up', 16, 'f32'],
  ['q4_0', 'gate_up', 512, 'f32'],
  ['q4_k', 'gate_up', 1, 'f32'],
  ['q6_k', 'gate_up', 1, 'f32'],
  ['q8_0', 'gate_up', 1, 'f32'],
  ['float16', 'gate_up', 1, 'f32'],
  ['float16', 'gate_up', 512, 'f32'],
]

await using device = await openDevice(values.device as DeviceName)
for (const [format, shape, m, activations] of products) {
  const name = `${format} ${shape} M=${m} ${activations}`
  if (!new RegExp(values.only).test(name)) continue
  const size = linears[shape]!
  using w = device.weight(matrixOf(kinds.find((kind) => kind.name === format)!, size).options)
  using x = device.tensor(
    Float32Array.from({ length: m * size[1] }, () => 2 * Math.random() - 1),
    [m, size[1]],
  )
  await device.sync()
  using _ = ops.linear({ x, w, activations })
  await device.sync()
  console.log(name)
}
