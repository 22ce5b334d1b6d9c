/** Element types. Index in this list = the number that native code uses. int4 and uint4 hold two elements a byte, low nibble first. */
export const dtypes = ['float32', 'float16', 'bfloat16', 'int8', 'uint8', 'int4', 'uint4', 'int32', 'uint32'] as const
export type DType = (typeof dtypes)[number]

/** Bits per element. */
export const bitsOf: Readonly<Record<DType, number>> = {
  float32: 32,
  float16: 16,
  bfloat16: 16,
  int8: 8,
  uint8: 8,
  int4: 4,
  uint4: 4,
  int32: 32,
  uint32: 32,
}

/** The typed array that `read()` gives: 16-bit floats come as their bit patterns, 4-bit integers packed. */
export interface TypedArrays {
  float32: Float32Array
  float16: Uint16Array
  bfloat16: Uint16Array
  int8: Int8Array
  uint8: Uint8Array
  int4: Uint8Array
  uint4: Uint8Array
  int32: Int32Array
  uint32: Uint32Array
}
export type TypedArrayOf<D extends DType> = TypedArrays[D]

const arrays = {
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int4: Uint8Array,
  uint4: Uint8Array,
  int32: Int32Array,
  uint32: Uint32Array,
}

/** Bytes of `count` elements of `dtype`. */
export function byteLength(dtype: DType, count: number): number {
  return Math.ceil((count * bitsOf[dtype]) / 8)
}

/** Wraps raw little-endian bytes as the typed array of `dtype`. */
export function typedArray<D extends DType>(dtype: D, bytes: ArrayBuffer): TypedArrayOf<D> {
  return new arrays[dtype](bytes) as TypedArrayOf<D>
}

/** What `read()` gives as `count` numbers: 16-bit floats are decoded, 4-bit integers unpacked. */
export function numbersOf(dtype: DType, data: ArrayLike<number>, count: number): number[] {
  const numbers = new Array<number>(count)
  for (let i = 0; i < count; i++) numbers[i] = numberAt(dtype, data, i)
  return numbers
}

function numberAt(dtype: DType, data: ArrayLike<number>, index: number): number {
  if (dtype === 'float16') return float16(data[index] as number)
  if (dtype === 'bfloat16') return bfloat16(data[index] as number)
  if (dtype !== 'int4' && dtype !== 'uint4') return data[index] as number
  const nibble = ((data[index >> 1] as number) >> ((index & 1) * 4)) & 15
  return dtype === 'int4' && nibble > 7 ? nibble - 16 : nibble
}

/** Bit patterns of float16, as `read()` gives them -> the same numbers; every one is exact. */
export function float16ToFloat32(bits: ArrayLike<number>): Float32Array {
  return Float32Array.from(bits, float16)
}

/** The same of bfloat16. */
export function bfloat16ToFloat32(bits: ArrayLike<number>): Float32Array {
  return Float32Array.from(bits, bfloat16)
}

function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const mantissa = bits & 1023
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (exponent ? (1 + mantissa / 1024) * 2 ** (exponent - 15) : (mantissa / 1024) * 2 ** -14)
}

const word = new Uint32Array(1)
const wordAsFloat = new Float32Array(word.buffer)

function bfloat16(bits: number): number {
  word[0] = bits << 16
  return wordAsFloat[0] as number
}
