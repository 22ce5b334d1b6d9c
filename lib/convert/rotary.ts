import type { Device } from '../device.js'
import { UnsupportedModelError } from '../errors.js'
import type { WeightSource } from '../formats/source.js'
import { rotaryTables, storedRotaryTables } from '../nn/rotary.js'

// An ONNX package without config.json has its rotary embedding as tables alone. Other containers want base and factors.

/** cos and sin, [positions, R/2] each. */
export interface RotaryValues {
  readonly positions: number
  readonly cos: Float32Array
  readonly sin: Float32Array
}

/** The tables of positions 0.. : those of the file where it has them, else computed. */
export async function rotaryValues(
  device: Device,
  { config, rotary }: Pick<WeightSource, 'config' | 'rotary'>,
  long: boolean,
  positions: number,
): Promise<RotaryValues> {
  const stored = rotary && (long ? rotary.long : rotary.short)
  const tables = stored ? storedRotaryTables(device, stored, positions) : rotaryTables(device, config, long, positions)
  using cosTensor = tables.cos
  using sinTensor = tables.sin
  const [cos, sin] = await Promise.all([cosTensor.read(), sinTensor.read()])
  return { positions: cos.length / (config.rotaryDim / 2), cos, sin }
}

// float16 tables err by 2^-11, those of a bfloat16 package by 2^-8
const tolerance = 2 ** -7
const probed = 64

/** Why the config does not give the tables of the file; null where it does. */
export async function rotaryProblem(device: Device, source: WeightSource): Promise<string | null> {
  const { rotary, config } = source
  if (rotary === null) return null
  if (rotary.long !== null && config.ropeScaling === null)
    return 'the long and short factors of its rotary embedding are known as tables alone, for lack of a config.json'
  for (const long of rotary.long === null ? [false] : [false, true]) {
    const theirs = await rotaryValues(device, source, long, probed)
    const ours = await rotaryValues(device, { config, rotary: null }, long, probed)
    for (const table of ['cos', 'sin'] as const)
      for (const [i, value] of theirs[table].entries())
        if (!(Math.abs(value - ours[table][i]!) <= tolerance))
          return `its rotary tables are not those of base ${config.ropeTheta}${config.ropeScaling ? ' and the factors' : ''} in its config`
  }
  return null
}

/** For containers that have no tables. */
export async function checkRotary(device: Device, source: WeightSource, container: string): Promise<void> {
  const problem = await rotaryProblem(device, source)
  if (problem !== null) throw new UnsupportedModelError(`${source.path}: cannot become ${container}: ${problem}`)
}
