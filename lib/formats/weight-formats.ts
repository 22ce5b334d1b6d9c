// Written once: `npm run gen` makes native/core/tables.gen.h of it.

/**
 * Storage formats of a weight matrix: how one row of K values lies in memory, K / block records of `bytes` bytes. The GGUF
 * types are records of 32 or 256 values, `gguf` their number in such a file; int4 and int8 are those of ONNX's MatMulNBits,
 * with groups of any size, whose scales and zero points are tensors of their own.
 */
export const formatTable = {
  float32: { block: 1, bytes: 4, gguf: 0 },
  float16: { block: 1, bytes: 2, gguf: 1 },
  bfloat16: { block: 1, bytes: 2, gguf: 30 },
  q8_0: { block: 32, bytes: 34, gguf: 8 },
  q4_0: { block: 32, bytes: 18, gguf: 2 },
  q4_1: { block: 32, bytes: 20, gguf: 3 },
  q5_0: { block: 32, bytes: 22, gguf: 6 },
  q5_1: { block: 32, bytes: 24, gguf: 7 },
  q2_k: { block: 256, bytes: 84, gguf: 10 },
  q3_k: { block: 256, bytes: 110, gguf: 11 },
  q4_k: { block: 256, bytes: 144, gguf: 12 },
  q5_k: { block: 256, bytes: 176, gguf: 13 },
  q6_k: { block: 256, bytes: 210, gguf: 14 },
  iq4_nl: { block: 32, bytes: 18, gguf: 20 },
  iq4_xs: { block: 256, bytes: 136, gguf: 23 },
  int4: { block: 1, bytes: 0, gguf: null },
  int8: { block: 1, bytes: 1, gguf: null },
} as const
export type WeightFormat = keyof typeof formatTable
export const weightFormats = Object.keys(formatTable) as readonly WeightFormat[]

/**
 * How the bytes of a part are arranged, [N rows, K columns]; everything but 'rows' is repacked into rows on loading.
 * - rows: one row after the other. int4: byte [n, k/2], the even k in the low nibble, each group padded to `size`
 *   columns; scales [N, ceil(K/size)]; zeros one value per scale, packed like the data (rows padded to whole bytes, or
 *   not at all: the length tells).
 * - columns: the transposed matrix [K, N]; int4 nibbles run along N without padding; scales and zeros [K/size, N].
 * - awq: int32 qweight [K, N/8], qzeros [K/size, N/8], scales [K/size, N]; column 8c+j in nibble {0,4,1,5,2,6,3,7}[j].
 * - gptq, gptq_v2: int32 qweight [K/8, N], qzeros [K/size, N/8], scales [K/size, N]; nibble p is row 8r+p, or column
 *   8c+p of the zeros, which gptq stores less one.
 */
export const weightPackings = ['rows', 'columns', 'awq', 'gptq', 'gptq_v2'] as const
export type WeightPacking = (typeof weightPackings)[number]

/**
 * Zero points of int4 and int8: one for all groups, packed as the data are, floats of the scales' type (HQQ), or floats that are
 * added, q * scale + offset (MLX).
 */
export const zeroTypes = ['none', 'packed', 'float', 'offset'] as const
export type ZeroType = (typeof zeroTypes)[number]
