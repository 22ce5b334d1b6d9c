// Rounding to nearest in 4 bits, as ONNX Runtime's default quantizer for MatMulNBits does, bit for bit: groups of
// consecutive columns, value = (q - zero) * scale. Symmetric: zero is 8 and the value of largest magnitude becomes
// level 0, so a scale may be negative. Asymmetric: the levels span the values and 0.

export interface Int4Rows {
  /** [rows, groups, size / 2]: the even column in the low nibble; what fills the last group of a row is 0. */
  readonly data: Uint8Array
  /** [rows, groups] */
  readonly scales: Float32Array
  /** [rows, ceil(groups / 2)], the even group in the low nibble, 8 beyond the last; null where symmetric. */
  readonly zeros: Uint8Array | null
}

const middle = 8
const top = 15

/** Rounds rows of `columns` finite values. */
export function quantizeInt4(values: Float32Array, columns: number, size: number, asymmetric: boolean): Int4Rows {
  const rows = values.length / columns
  const groups = Math.ceil(columns / size)
  const data = new Uint8Array((rows * groups * size) / 2)
  const scales = new Float32Array(rows * groups)
  const pairs = Math.ceil(groups / 2)
  const zeros = asymmetric ? new Uint8Array(rows * pairs).fill((middle << 4) | middle) : null
  for (let row = 0; row < rows; row++) {
    for (let group = 0; group < groups; group++) {
      const first = row * columns + group * size
      const end = Math.min(first + size, (row + 1) * columns)
      let smallest = Infinity
      let largest = -Infinity
      for (let i = first; i < end; i++) {
        const value = values[i]!
        if (value < smallest) smallest = value
        if (value > largest) largest = value
      }
      let scale: number
      let zero = middle
      if (zeros) {
        smallest = Math.min(smallest, 0)
        scale = Math.fround(Math.fround(Math.max(largest, 0) - smallest) / top)
        zero = scale === 0 ? 0 : Math.min(roundAway(Math.fround(-smallest / scale)), top)
        const shift = 4 * (group & 1)
        const pair = row * pairs + (group >> 1)
        zeros[pair] = (zeros[pair]! & ~(15 << shift)) | (zero << shift)
      } else scale = Math.fround((Math.abs(largest) > Math.abs(smallest) ? largest : smallest) / -middle)
      const index = row * groups + group
      scales[index] = scale
      const inverse = scale === 0 ? 0 : Math.fround(1 / scale)
      const at = (index * size) / 2
      for (let i = first, to = at; i < end; i += 2, to++) {
        const high = i + 1 < end ? level(values[i + 1]!, inverse, zero) : zero
        data[to] = level(values[i]!, inverse, zero) | (high << 4)
      }
    }
  }
  return { data, scales, zeros }
}

function level(value: number, inverse: number, zero: number): number {
  const x = Math.fround(Math.fround(value * inverse) + zero)
  return x <= 0 ? 0 : Math.min(roundAway(x), top)
}

/** Halves of positive numbers go up, as roundf's. */
function roundAway(x: number): number {
  return (x + 0.5) | 0
}
