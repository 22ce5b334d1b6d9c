import type { Random } from '../support/random.js'
import { mutateJson } from './json.js'
import { mutateMessage } from './protobuf.js'

/** Numbers that counts, offsets and lengths go wrong at. */
const edges = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xffffn,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
]

type Mutation = (bytes: Uint8Array, at: number, random: Random) => Uint8Array

const splice = (bytes: Uint8Array, from: number, to: number, insert: Uint8Array) =>
  new Uint8Array(Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(to)]))

function overwrite(bytes: Uint8Array, at: number, values: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  copy.set(values.subarray(0, copy.length - at), at)
  return copy
}

/** A word of 1, 2, 4 or 8 bytes, little endian. */
function word(value: bigint, random: Random): Uint8Array {
  const bytes = new Uint8Array(BigUint64Array.of(BigInt.asUintN(64, value)).buffer)
  return bytes.subarray(0, 2 ** random.integer(0, 3))
}

const mutations: readonly Mutation[] = [
  // a bit
  (bytes, at, random) => overwrite(bytes, at, Uint8Array.of(bytes[at]! ^ (1 << random.integer(0, 7)))),
  // a byte
  (bytes, at, random) => overwrite(bytes, at, Uint8Array.of(random.integer(0, 255))),
  // a word: an edge, or a little more or less than what is there
  (bytes, at, random) => overwrite(bytes, at, word(edges[random.integer(0, edges.length - 1)]!, random)),
  (bytes, at, random) => overwrite(bytes, at, word(BigInt(bytes[at]! + random.integer(-2, 2)), random)),
  // a digit of a number in JSON
  (bytes, at, random) => {
    const digit = bytes.findIndex((byte, i) => i >= at && byte >= 0x30 && byte <= 0x39)
    return digit < 0 ? bytes : splice(bytes, digit, digit + 1, Buffer.from(String(random.integer(-9, 99999))))
  },
  // a piece lost, doubled, or moved from elsewhere
  (bytes, at, random) => splice(bytes, at, at + random.integer(1, 64), new Uint8Array()),
  (bytes, at, random) => splice(bytes, at, at, bytes.subarray(at, at + random.integer(1, 64))),
  (bytes, at, random) => {
    const from = random.integer(0, bytes.length - 1)
    return overwrite(bytes, at, bytes.slice(from, from + random.integer(1, 64)))
  },
  // the end lost
  (bytes, at) => bytes.slice(0, at),
]

/** Three quarters of all changes of bytes lie within the first `head`. */
function mutateBytes(bytes: Uint8Array, head: number, random: Random): Uint8Array {
  const reach = random.uniform() < 0.75 ? Math.min(head, bytes.length) : bytes.length
  return mutations[random.integer(0, mutations.length - 1)]!(bytes, random.integer(0, reach - 1), random)
}

const json = (bytes: Uint8Array, random: Random): Uint8Array =>
  new TextEncoder().encode(JSON.stringify(mutateJson(JSON.parse(new TextDecoder().decode(bytes)), random)))

/** Changes what a file says, and leaves the form in which it says it. */
function mutateMeaning(name: string, bytes: Uint8Array, head: number, random: Random): Uint8Array {
  if (name.endsWith('.json')) return json(bytes, random)
  if (name.endsWith('.onnx')) return mutateMessage(bytes, random)
  if (!name.endsWith('.safetensors')) return mutateBytes(bytes, head, random)
  const header = json(bytes.subarray(8, head), random)
  const length = new Uint8Array(BigUint64Array.of(BigInt(header.length)).buffer)
  return splice(bytes, 0, head, new Uint8Array(Buffer.concat([length, header])))
}

/** A change or several, half of the time of what the file says and else of its bytes. `head` bytes describe the rest. */
export function mutate(name: string, bytes: Uint8Array, head: number, random: Random): Uint8Array {
  if (random.uniform() < 0.5) return mutateMeaning(name, bytes, head, random)
  let result = bytes
  for (let left = random.integer(1, 3); left > 0 && result.length > 0; left--)
    result = mutateBytes(result, head, random)
  return result
}
