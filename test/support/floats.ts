import type { DType } from '../../lib/dtype.js'

export type FloatDType = Extract<DType, 'float32' | 'float16' | 'bfloat16'>
type Float16DType = Exclude<FloatDType, 'float32'>

const layouts = {
  float16: { fractionBits: 10, minExponent: -14, infinity: 0x7c00 },
  bfloat16: { fractionBits: 7, minExponent: -126, infinity: 0x7f80 },
} as const

/** Half an ulp of 1: the largest relative error of one rounding to nearest. */
export const roundoff: Readonly<Record<FloatDType, number>> = {
  float32: 2 ** -24,
  float16: 2 ** -11,
  bfloat16: 2 ** -8,
}
/** The smallest normal number: below it errors are absolute. */
export const smallestNormal: Readonly<Record<FloatDType, number>> = {
  float32: 2 ** -126,
  float16: 2 ** -14,
  bfloat16: 2 ** -126,
}

const view = new DataView(new ArrayBuffer(8))
function exponentOf(value: number): number {
  view.setFloat64(0, value)
  return ((view.getUint16(0) >> 4) & 0x7ff) - 1023
}

export function roundHalfEven(value: number): number {
  const up = Math.round(value)
  return up - value === 0.5 && up % 2 !== 0 ? up - 1 : up
}

/** Bit pattern of the nearest 16-bit float, ties to even; straight from float64, so that nothing is rounded twice. */
export function toBits(dtype: Float16DType, value: number): number {
  const { fractionBits, minExponent, infinity } = layouts[dtype]
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  if (Number.isNaN(value)) return infinity | (1 << (fractionBits - 1))
  if (!Number.isFinite(value)) return sign | infinity
  const magnitude = Math.abs(value)
  const exponent = Math.max(exponentOf(magnitude), minExponent)
  // the hidden bit of a normal number carries into the exponent field, and so does a fraction that rounds up
  const bits = (exponent - minExponent) * 2 ** fractionBits + roundHalfEven(magnitude / 2 ** (exponent - fractionBits))
  return sign | Math.min(bits, infinity)
}

export function fromBits(dtype: Float16DType, bits: number): number {
  const { fractionBits, minExponent, infinity } = layouts[dtype]
  const sign = bits & 0x8000 ? -1 : 1
  const magnitude = bits & 0x7fff
  if (magnitude >= infinity) return magnitude > infinity ? Number.NaN : sign * Number.POSITIVE_INFINITY
  const field = magnitude >> fractionBits
  const fraction = magnitude & (2 ** fractionBits - 1)
  const significand = field === 0 ? fraction : fraction + 2 ** fractionBits
  return sign * significand * 2 ** (Math.max(field - 1, 0) + minExponent - fractionBits)
}

/** The nearest value that `dtype` holds. */
export function roundFloat(dtype: FloatDType, value: number): number {
  return dtype === 'float32' ? Math.fround(value) : fromBits(dtype, toBits(dtype, value))
}
