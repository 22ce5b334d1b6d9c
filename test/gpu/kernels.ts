// node test/gpu/kernels.js [--device cuda:0] [--out FILE] [--seconds N] [--formats q4_0,...]: times the kernels of a step through the
// package's own API, on the shapes of Phi-3-mini, beside the copy bandwidth. Rows are written as they come; what N seconds do not
// suffice for is listed.
import { readFileSync } from 'node:fs'
import { argv } from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type DeviceName, openDevice } from '../../lib/index.js'
import { kinds, timeLinears } from './time-linear.js'
import { type ModelShape, timeAttentions, timeSmallOps } from './time-ops.js'
import { type Limits, Rows, timeCopy } from './timing.js'

interface Model extends ModelShape {
  readonly linears: Readonly<Record<string, readonly [number, number]>>
}

export type Models = Readonly<Record<string, Model>>

interface Sizes {
  readonly limits: Limits
  /** Of the copy. */
  readonly bytes: number
  /** Rows of the small ops. */
  readonly small: readonly number[]
  readonly depths: readonly number[]
  readonly prompts: readonly number[]
}

export const fullSizes: Sizes = {
  limits: { rotation: 200e6, calls: 32, stretch: 20 },
  bytes: 2 ** 28,
  small: [1, 128],
  depths: [200, 2048, 4000],
  prompts: [128, 512, 2048],
}

/** The small ops and the linears of the first model, attention of all; products of many rows last. */
export async function timeKernels(
  deviceName: string,
  models: Models,
  formats: readonly string[],
  rows: readonly number[],
  { limits, bytes, small, depths, prompts }: Sizes,
  results: Rows,
): Promise<void> {
  await using device = await openDevice(deviceName as DeviceName)
  await results.add({ op: 'copy', bytes }, () => timeCopy(device, bytes, limits))
  const [[first, shape]] = Object.entries(models) as [[string, Model]]
  const timeFormat = (name: string, rows: readonly number[]) => {
    const kind = kinds.find((each) => each.name === name)
    if (!kind) throw new Error(`kernels: format must be one of ${kinds.map((each) => each.name)}, but it is ${name}`)
    return timeLinears(device, kind, shape.linears, rows, limits, results)
  }
  const few = rows.filter((m) => m <= 16)
  const many = rows.filter((m) => m > 16)
  const [main, ...others] = formats
  // what decoding is made of comes first
  if (main) await timeFormat(main, few)
  await timeSmallOps(device, first, shape, small, limits, results)
  for (const [model, each] of Object.entries(models))
    await timeAttentions(device, model, each, depths, prompts, limits, results)
  for (const name of others) await timeFormat(name, few)
  if (many.length > 0) for (const name of formats) await timeFormat(name, many)
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      device: { type: 'string', default: 'cuda:0' },
      out: { type: 'string' },
      seconds: { type: 'string', default: '60' },
      formats: { type: 'string', default: kinds.map(({ name }) => name).join() },
      rows: { type: 'string', default: '1,2,4,8,16,128,512' },
    },
  })
  const models = JSON.parse(readFileSync(new URL('shapes.json', import.meta.url), 'utf8')) as Models
  const results = new Rows(values.out, Number(values.seconds), console.log)
  const rows = values.rows.split(',').map(Number)
  await timeKernels(values.device, models, values.formats.split(','), rows, fullSizes, results)
  const failures = results.rows.filter(({ failure }) => failure !== undefined)
  console.log(`${results.rows.length} rows, ${failures.length} failures, ${results.leftOut.length} left out`)
}
