import { randomFillSync } from 'node:crypto'
import { formatTable, type WeightFormat } from '../../lib/formats/weight-formats.js'
import { scaled } from '../support/random-records.js'

const pools = new Map<WeightFormat, Uint8Array>()
/** Some 64 MiB of random records. */
function pool(format: WeightFormat): Uint8Array {
  const known = pools.get(format)
  if (known) return known
  const { bytes } = formatTable[format]
  const data = scaled(format, randomFillSync(new Uint8Array(Math.floor(2 ** 26 / bytes) * bytes)))
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
