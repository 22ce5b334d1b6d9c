import { roundHalfEven } from '../../support/floats.js'
import { exactly, type NdArray } from '../../support/ndarray.js'
import type { Reference } from '../signature.js'

// The MatMulNBits layout: two nibbles a byte, low first; each row of blocks and of zeros fills whole bytes.

const nibble = (bytes: ArrayLike<number>, row: number, rowBytes: number, at: number): number =>
  (bytes[row * rowBytes + (at >> 1)] >> (at % 2 ? 4 : 0)) & 15

interface Int4Matrix {
  readonly b: NdArray
  readonly scales: NdArray
  readonly zeros?: NdArray
}

/** [N, columns] values of a 4-bit matrix. */
export function int4Values({ b, scales, zeros }: Int4Matrix, columns: number, blockSize: number): Float64Array {
  const [rows, blocks] = b.shape
  const values = new Float64Array(rows * columns)
  for (let n = 0; n < rows; n++) {
    for (let k = 0; k < columns; k++) {
      const block = Math.floor(k / blockSize)
      const q = nibble(b.data, n, (blocks * blockSize) / 2, k)
      const zero = zeros ? nibble(zeros.data, n, Math.ceil(blocks / 2), block) : 8
      values[n * columns + k] = (q - zero) * scales.data[n * blocks + block]
    }
  }
  return values
}

export const dequantize: Reference<'dequantize'> = ({ b, scales, zeros }, { columns, blockSize }) => ({
  y: exactly(
    scales.dtype,
    [b.shape[0], columns],
    int4Values({ b, scales, ...(zeros && { zeros }) }, columns, blockSize),
  ),
})

/** Scale and zero of one block; a block of zeros has scale 0, and asymmetric zero 0. */
function gridOf(block: Float64Array, symmetric: boolean): { scale: number; zero: number } {
  if (symmetric) {
    const extreme = block.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0)
    return { scale: extreme / -8, zero: 8 }
  }
  const low = Math.min(0, ...block)
  const scale = (Math.max(0, ...block) - low) / 15
  return { scale, zero: scale === 0 ? 0 : roundHalfEven(-low / scale) }
}

const levelOf = (value: number, { scale, zero }: { scale: number; zero: number }): number =>
  Math.min(Math.max(scale === 0 ? zero : roundHalfEven(value / scale) + zero, 0), 15)

export const quantize: Reference<'quantize'> = ({ x }, { blockSize, symmetric }) => {
  const [rows, columns] = x.shape
  const blocks = Math.ceil(columns / blockSize)
  const zeroBytes = Math.ceil(blocks / 2)
  const b = new Uint8Array((rows * blocks * blockSize) / 2)
  const scales = new Float64Array(rows * blocks)
  const zeros = new Uint8Array(rows * zeroBytes)
  for (let n = 0; n < rows; n++) {
    for (let i = 0; i < blocks; i++) {
      const block = new Float64Array(blockSize)
      block.set(x.data.subarray(n * columns + i * blockSize, n * columns + Math.min((i + 1) * blockSize, columns)))
      const grid = gridOf(block, symmetric)
      const at = n * blocks + i
      scales[at] = grid.scale
      zeros[n * zeroBytes + (i >> 1)] |= grid.zero << (i % 2 ? 4 : 0)
      block.forEach((value, j) => {
        b[(at * blockSize + j) >> 1] |= levelOf(value, grid) << (j % 2 ? 4 : 0)
      })
    }
  }
  return {
    b: exactly('uint8', [rows, blocks, blockSize / 2], b),
    scales: exactly(x.dtype, [rows, blocks], scales),
    zeros: exactly('uint8', [rows, zeroBytes], zeros),
  }
}
