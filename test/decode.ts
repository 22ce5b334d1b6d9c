import type { WeightFormat } from '../lib/formats/source.js'
import { fromBits } from './floats.js'

// Values of rows in GGUF's formats, by way of the formats' definitions: the reverse of lib/convert/encode.ts.

const bytesPerBlock: Partial<Record<WeightFormat, number>> = { q8_0: 34, q4_0: 18, q4_1: 20, q5_0: 22, q5_1: 24 }

export function decode(format: WeightFormat, bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const size = bytesPerBlock[format]
  if (size === undefined) return decodeFloats(format, view)
  const half = (at: number) => fromBits('float16', view.getUint16(at, true))
  const out = new Float32Array((bytes.length / size) * 32)
  for (let block = 0; block * size < bytes.length; block++) {
    const at = block * size
    const shifted = format.endsWith('_1')
    const bits = format.startsWith('q5') ? 5 : 4
    const d = half(at)
    const m = shifted ? half(at + 2) : 0
    const fifths = bits === 5 ? view.getUint32(at + size - 20, true) : 0
    for (let i = 0; i < 32; i++) {
      const pair = bytes[at + size - 16 + (i % 16)]!
      const level = (i < 16 ? pair & 15 : pair >> 4) | (((fifths >>> i) & 1) << 4)
      const q = format === 'q8_0' ? view.getInt8(at + 2 + i) : shifted ? level : level - 2 ** (bits - 1)
      out[32 * block + i] = Math.fround(d * q) + m
    }
  }
  return out
}

function decodeFloats(format: WeightFormat, view: DataView): Float32Array {
  if (format === 'float32')
    return Float32Array.from({ length: view.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true))
  if (format !== 'float16' && format !== 'bfloat16') throw new Error(`decode: ${format} is not written by lophi`)
  return Float32Array.from({ length: view.byteLength / 2 }, (_, i) => fromBits(format, view.getUint16(2 * i, true)))
}
