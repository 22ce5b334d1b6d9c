import type { Random } from '../support/random.js'

/** A field as it is encoded: its key, and what follows but for the length. */
interface Field {
  readonly key: number
  readonly payload: Uint8Array
}

const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 }

function encodeVarint(value: bigint): Uint8Array {
  const bytes: number[] = []
  for (let left = BigInt.asUintN(64, value); ; left >>= 7n) {
    if (left < 0x80n) return Uint8Array.from([...bytes, Number(left)])
    bytes.push(Number(left & 0x7fn) | 0x80)
  }
}

/** The fields of a message, whatever it is; null where the bytes are none. */
function decode(bytes: Uint8Array): Field[] | null {
  const fields: Field[] = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let unit = 1; at < bytes.length; unit *= 0x80) {
      const byte = bytes[at++]!
      value += (byte & 0x7f) * unit
      if (byte < 0x80) return value
    }
    return Number.NaN
  }
  while (at < bytes.length) {
    const key = varint()
    const wire = key % 8
    let begin = at
    if (wire === wireTypes.varint) varint()
    else if (wire === wireTypes.fixed64) at += 8
    else if (wire === wireTypes.fixed32) at += 4
    else if (wire === wireTypes.bytes) {
      const length = varint()
      begin = at
      at += length
    } else return null
    if (!(key >= 8 && at <= bytes.length)) return null
    fields.push({ key, payload: bytes.subarray(begin, at) })
  }
  return fields
}

function encode(fields: readonly Field[]): Uint8Array {
  const parts = fields.flatMap(({ key, payload }) => {
    const length = key % 8 === wireTypes.bytes ? [encodeVarint(BigInt(payload.length))] : []
    return [encodeVarint(BigInt(key)), ...length, payload]
  })
  return new Uint8Array(Buffer.concat(parts))
}

const edges = [-1n, 0n, 1n, 2n, 3n, 16n, 32n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 62n, -(2n ** 63n)]

/**
 * A message with one field, as likely near the root as far from it, removed, doubled, moved, or of another value; all
 * lengths around it fit again, so that the change reaches those who interpret the message.
 */
export function mutateMessage(bytes: Uint8Array, random: Random): Uint8Array {
  const fields = decode(bytes)
  if (!fields || fields.length === 0) return bytes
  const at = random.integer(0, fields.length - 1)
  const { key, payload } = fields[at]!
  if (key % 8 === wireTypes.bytes && random.uniform() < 0.8 && (decode(payload)?.length ?? 0) > 0) {
    fields[at] = { key, payload: mutateMessage(payload, random) }
    return encode(fields)
  }
  const alike = fields.filter((field) => field.key % 8 === key % 8)
  const other = alike[random.integer(0, alike.length - 1)]!
  switch (random.integer(0, 5)) {
    case 0:
      fields.splice(at, 1)
      break
    case 1:
      fields.splice(random.integer(0, fields.length), 0, fields[at]!)
      break
    case 2:
      fields.splice(random.integer(0, fields.length - 1), 0, ...fields.splice(at, 1))
      break
    case 3:
      fields[at] = { key, payload: other.payload }
      break
    case 4:
      fields[at] = { key: key + 8 * random.integer(-1, 1), payload }
      break
    default:
      fields[at] = { key, payload: valueFor(key % 8, payload, random) }
  }
  return encode(fields)
}

function valueFor(wire: number, payload: Uint8Array, random: Random): Uint8Array {
  if (wire === wireTypes.varint) return encodeVarint(edges[random.integer(0, edges.length - 1)]!)
  if (wire === wireTypes.bytes && random.uniform() < 0.5) return payload.subarray(0, random.integer(0, payload.length))
  const copy = payload.slice()
  if (copy.length > 0) copy[random.integer(0, copy.length - 1)] = random.integer(0, 255)
  return copy
}
