import { randomFillSync } from 'node:crypto'
import { formatTable, type WeightFormat } from '../../lib/formats/weight-formats.js'
import { toBits } from '../support/floats.js'

/** Where the scales of a record stand, as float16, and what they are, so that weights have a deviation of 0.02 or so. */
const scales: Readonly<Partial<Record<WeightFormat, readonly (readonly [at: number, value: number])[]>>> = {
  q4_0: [[0, 0.02 / 4.6]],
  q8_0: [[0, 0.02 / 74]],
  q4_k: [
    [0, 0.02 / (37 * 4.6)],
    [2, (0.02 * 7.5) / (37 * 4.6)],
  ],
  q5_k: [
    [0, 0.02 / (37 * 9.2)],
    [2, (0.02 * 15.5) / (37 * 9.2)],
  ],
  q6_k: [[208, 0.02 / (74 * 18.5)]],
}

const pools = new Map<WeightFormat, Uint8Array>()
/** Some 64 MiB of random records. */
function pool(format: WeightFormat): Uint8Array {
  const known = pools.get(format)
  if (known) return known
  const { bytes } = formatTable[format]
  const data = randomFillSync(new Uint8Array(Math.floor(2 ** 26 / bytes) * bytes))
  if (format === 'float16') {
    // magnitudes 2^-7 to 2^-5
    const halves = new Uint16Array(data.buffer)
    for (let i = 0; i < halves.length; i++) halves[i] = (halves[i]! & 0x87ff) | 0x2000
  }
  const view = new DataView(data.buffer)
  for (const [at, value] of scales[format] ?? [])
    for (let i = at; i < data.length; i += bytes) view.setUint16(i, toBits('float16', value), true)
  pools.set(format, data)
  return data
}

/** Records from a random one of the pool on. */
export function* randomRecords(format: WeightFormat, bytes: number): Generator<Uint8Array> {
  const data = pool(format)
  const record = formatTable[format].bytes
  let at = Math.floor((Math.random() * data.length) / record) * record
  for (let left = bytes; left > 0; at = 0) {
    const piece = data.subarray(at, Math.min(data.length, at + left))
    left -= piece.length
    yield piece
  }
}
