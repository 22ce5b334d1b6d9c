import type { Device } from '../device.js'
import type { LongRope, RotaryCache } from '../formats/source.js'
import { ops } from '../ops/index.js'
import type { Tensor } from '../tensor.js'
import { readRows } from '../weight-rows.js'

/** cos and sin of every position's angles: [positions, R/2] each, R the rotary dimensions. */
export interface RotaryTables {
  readonly cos: Tensor<'float32'>
  readonly sin: Tensor<'float32'>
}

/** Tables with a part for short sequences and, behind it, one for long ones: LongRoPE turns them differently. */
export interface JoinedRotaryTables extends RotaryTables {
  /** Positions of each part; 0 where it was never asked for. */
  readonly short: number
  readonly long: number
}

/** How positions become angles. */
export interface RotaryShape {
  /** R: dimensions that rotate. */
  readonly rotaryDim: number
  readonly ropeTheta: number
  readonly ropeScaling: LongRope | null
}

/** Angular step of each pair, per position: 1 / (factor_i · base^(2i/R)), with LongRoPE's factors where the model has them. */
function inverseFrequencies(shape: RotaryShape, long: boolean): Float64Array {
  const { rotaryDim, ropeTheta, ropeScaling } = shape
  const factors = ropeScaling && (long ? ropeScaling.longFactor : ropeScaling.shortFactor)
  return Float64Array.from(
    { length: rotaryDim / 2 },
    (_, i) => 1 / ((factors?.[i] ?? 1) * ropeTheta ** ((2 * i) / rotaryDim)),
  )
}

/** Tables for positions 0..positions-1. Angles are computed in double precision, LongRoPE's attention factor is multiplied in. */
export function rotaryTables(device: Device, shape: RotaryShape, long: boolean, positions: number): RotaryTables {
  const inverse = inverseFrequencies(shape, long)
  const factor = shape.ropeScaling?.attentionFactor ?? 1
  const half = inverse.length
  const cos = new Float32Array(positions * half)
  const sin = new Float32Array(positions * half)
  for (let p = 0; p < positions; p++)
    for (let i = 0; i < half; i++) {
      const angle = p * (inverse[i] as number)
      cos[p * half + i] = Math.cos(angle) * factor
      sin[p * half + i] = Math.sin(angle) * factor
    }
  return { cos: device.tensor(cos, [positions, half]), sin: device.tensor(sin, [positions, half]) }
}

/** The tables that a file stores, as float32: bit for bit what its writer computed. Beyond its last row there is nothing. */
export function storedRotaryTables(device: Device, { cos, sin }: RotaryCache, positions: number): RotaryTables {
  const rows = Math.min(positions, cos.shape[0])
  return { cos: readRows(device, cos, { rows }), sin: readRows(device, sin, { rows }) }
}

/** Rotates the first `heads` heads of each row of x [T, heads' · headDim], in place, by row angles[t] of the tables. */
export function rotate(
  x: Tensor,
  { cos, sin }: RotaryTables,
  angles: Tensor<'int32'>,
  headDim: number,
  heads: number,
): void {
  ops.rotaryEmbedding({ x: x as Tensor<'float32'>, cos, sin, position: angles, headDim, heads, out: x })
}
