import { formatTable, type WeightFormat } from '../../lib/formats/weight-formats.js'
import { toBits } from './floats.js'
import { random } from './random.js'

/** What the values of random records deviate by. */
export const deviation = 0.02

/** Where the scales of a record stand, as float16, and what they are. */
const scales: Readonly<Partial<Record<WeightFormat, readonly (readonly [at: number, value: number])[]>>> = {
  q4_0: [[0, deviation / 4.6]],
  q8_0: [[0, deviation / 74]],
  q2_k: [
    [80, deviation / 13.9],
    [82, (1.5 * deviation) / 13.9],
  ],
  q3_k: [[108, deviation / (18.5 * 2.3)]],
  q4_k: [
    [0, deviation / (37 * 4.6)],
    [2, (deviation * 7.5) / (37 * 4.6)],
  ],
  q5_k: [
    [0, deviation / (37 * 9.2)],
    [2, (deviation * 15.5) / (37 * 9.2)],
  ],
  q6_k: [[208, deviation / (74 * 18.5)]],
  iq4_xs: [[0, deviation / (18.5 * 66)]],
}

/**
 * Makes weights of random records, in place. As many levels lie below zero as above it: a mean would add up over thousands of
 * columns, and the model would compute little else.
 */
export function scaled<T extends Uint8Array>(format: WeightFormat, data: T): T {
  const { bytes } = formatTable[format]
  if (format === 'q4_0')
    for (let i = 0; i < data.length; i++) {
      const byte = data[i]!
      data[i] = byte | (byte & 15 ? 0 : 8) | (byte >> 4 ? 0 : 0x80)
    }
  if (format === 'q8_0') for (let i = 0; i < data.length; i++) if (data[i] === 0x80) data[i] = 0
  if (format === 'float16' || format === 'bfloat16') {
    // magnitudes 2^-7 to 2^-5
    const halves = new Uint16Array(data.buffer, data.byteOffset, data.length / 2)
    const [keep, exponent] = format === 'float16' ? [0x87ff, 0x2000] : [0x80ff, 0x3c00]
    for (let i = 0; i < halves.length; i++) halves[i] = (halves[i]! & keep) | exponent
  }
  const view = new DataView(data.buffer, data.byteOffset, data.length)
  for (const [at, value] of scales[format] ?? [])
    for (let i = at; i < data.length; i += bytes) view.setUint16(i, toBits('float16', value), true)
  return data
}

/** A source of records that depends on the seed alone. */
export function seededRecords(seed: number): (format: WeightFormat, bytes: number) => Uint8Array[] {
  const { uint32 } = random(seed)
  return (format, bytes) => {
    const words = Uint32Array.from({ length: Math.ceil(bytes / 4) }, uint32)
    return [scaled(format, new Uint8Array(words.buffer, 0, bytes))]
  }
}
