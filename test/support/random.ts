/** A stream of numbers that depends on the seed alone. */
export interface Random {
  /** 0 .. 2^32 - 1 */
  uint32(): number
  /** [0, 1) */
  uniform(): number
  /** Mean 0, variance 1. */
  normal(): number
  /** low .. high, both included. */
  integer(low: number, high: number): number
}

/** SFC32 (Doty-Humphrey); normals by Box and Muller. */
export function random(seed: number): Random {
  let a = 0
  let b = 0
  let c = seed | 0
  let counter = 1
  const uint32 = () => {
    const sum = (a + b + counter++) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let i = 0; i < 12; i++) uint32()
  const uniform = () => uint32() / 2 ** 32
  return {
    uint32,
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    integer: (low, high) => low + Math.floor(uniform() * (high - low + 1)),
  }
}

/** FNV-1a: the seed of a case is the hash of its name, so that adding a case moves no other. */
export function seedOf(name: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
