import { exactly, type NdArray } from '../../support/ndarray.js'
import type { OperandsOf, Reference } from '../signature.js'
import { descending, softmaxOf } from './reduce.js'

const mask32 = 0xffffffffn

/** Philox4x32-10 (Salmon et al., SC11): four random words from a counter of four words and a key of two. */
export function philox(counter: readonly number[], key: readonly number[]): number[] {
  let [c0, c1, c2, c3] = counter.map(BigInt)
  let [k0, k1] = key.map(BigInt)
  for (let round = 0; round < 10; round++) {
    const p0 = c0 * 0xd2511f53n
    const p1 = c2 * 0xcd9e8d57n
    ;[c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & mask32, (p0 >> 32n) ^ c3 ^ k1, p0 & mask32]
    k0 = (k0 + 0x9e3779b9n) & mask32
    k1 = (k1 + 0xbb67ae85n) & mask32
  }
  return [c0, c1, c2, c3].map(Number)
}

/** Raw logits less what the history takes from them. */
function penalised(logits: Float64Array, history: Float64Array, params: Float64Array): Float64Array {
  const [, , , , repeat, frequency, presence] = params
  const counts = new Map<number, number>()
  for (const id of history) {
    if (id >= 0 && id < logits.length) counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  const result = Float64Array.from(logits)
  for (const [id, count] of counts) {
    const divided = result[id] > 0 ? result[id] / repeat : result[id] * repeat
    const repeated = repeat === 0 ? result[id] : divided
    result[id] = repeated - count * frequency - presence
  }
  return result
}

interface Candidate {
  readonly id: number
  readonly logit: number
  readonly probability: number
}

/** Softmax over the topK largest, largest first, ties by id. */
function candidatesOf(logits: Float64Array, topK: number): Candidate[] {
  const kept = descending(logits).slice(0, topK > 0 ? topK : logits.length)
  const probabilities = softmaxOf(Float64Array.from(kept, (id) => logits[id]))
  return kept.map((id, i) => ({ id, logit: logits[id], probability: probabilities[i] }))
}

const cumulative = (candidates: readonly Candidate[]): number[] => {
  let sum = 0
  return candidates.map(({ probability }) => {
    sum += probability
    return sum
  })
}

const distance = (border: number) => (value: number) => Math.abs(value - border)

/** What one row of the call is picked from. */
const rowOf = (operands: OperandsOf<'sample'>, row: number): Record<keyof OperandsOf<'sample'>, Float64Array> => {
  const part = ({ data, shape }: NdArray) => {
    const width = shape[1] ?? 1
    return data.subarray(row * width, (row + 1) * width)
  }
  const { logits, params, seeds, position, histories } = operands
  return {
    logits: part(logits),
    params: part(params),
    seeds: part(seeds),
    position: part(position),
    histories: part(histories),
  }
}

export interface Draw {
  readonly id: number
  /** How far the nearest decision is from going the other way; a test with less than 1e-6 would test rounding. */
  readonly margin: number
}

/**
 * The order that every backend follows:
 * 1. penalties on the raw logits, for each distinct id 0 .. V-1 of history: times or by repeatPenalty (0 or 1: off) where
 *    the logit is not or is above 0, then less count * frequencyPenalty and presencePenalty;
 * 2. temperature 0: the first of the largest; else divide by it;
 * 3. topK largest, equal ones by index; 4. softmax over them, likeliest first;
 * 5. topP: the shortest prefix whose sum reaches it (0: the likeliest, >= 1: off); 6. minP: those of at least minP times the likeliest;
 * 7. renormalise, and walk the sums until one exceeds u, the first Philox word times 2^-32.
 */
export function draw(operands: OperandsOf<'sample'>, row = 0): Draw {
  const { params, logits, seeds, position, histories } = rowOf(operands, row)
  const [temperature, topK, topP, minP] = params
  const changed = penalised(logits, histories, params)
  if (temperature === 0) {
    const [first, second] = candidatesOf(changed, 2)
    const tied = second === undefined || second.logit === first.logit
    return { id: first.id, margin: tied ? 1 : first.logit - second.logit }
  }
  const scaled = changed.map((logit) => logit / temperature)
  const all = candidatesOf(scaled, 0)
  let candidates = candidatesOf(scaled, topK)
  let margin = 1
  const keepNearest = (distances: readonly number[]) => {
    margin = distances.reduce((least, value) => Math.min(least, value), margin)
  }

  if (topP < 1) {
    const sums = cumulative(candidates)
    keepNearest(sums.map(distance(topP)))
    const last = sums.findIndex((sum) => sum >= topP)
    candidates = candidates.slice(0, last < 0 ? candidates.length : last + 1)
  }
  if (minP > 0) {
    const most = candidates[0].probability
    const least = minP * most
    const below = candidates.map(({ probability }) => probability).filter((probability) => probability < most)
    keepNearest(below.map(distance(least)))
    candidates = candidates.filter(({ probability }) => probability >= least)
  }

  const sums = cumulative(candidates)
  const total = sums[sums.length - 1]
  const u = philox([position[0], 0, 0, 0], [...seeds])[0] / 2 ** 32
  // the last sum is 1 whatever it rounds to
  keepNearest(sums.slice(0, -1).map((sum) => Math.abs(sum / total - u)))
  const walked = sums.findIndex((sum) => sum / total > u)
  const { id, logit } = candidates[walked < 0 ? candidates.length - 1 : walked]
  // a neighbour in the order that rounding could put on the other side; equal logits are ordered by id everywhere
  keepNearest(all.map((other) => Math.abs(other.logit - logit)).filter((gap) => gap > 0))
  return { id, margin }
}

export const sample: Reference<'sample'> = (operands) => {
  const { logits, histories } = operands
  const [rows] = logits.shape
  const width = histories.shape[1]
  const rings = Float64Array.from(histories.data)
  const ids = Array.from({ length: rows }, (_, row) => draw(operands, row).id)
  const logprobs = ids.map((id, row) => {
    const { logits, position } = rowOf(operands, row)
    rings[row * width + (position[0] % width)] = id
    const top = logits.reduce((a, b) => Math.max(a, b))
    return logits[id] - top - Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0))
  })
  return {
    id: exactly('int32', [rows], ids),
    logprob: exactly('float32', [rows], logprobs),
    histories: { ...histories, data: rings },
  }
}
