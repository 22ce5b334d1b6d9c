import { bfloat16ToFloat32, float16ToFloat32 } from '../../../dtype.js'
import { openFile } from '../../file.js'
import type { RotaryCache, WeightDescription } from '../../source.js'

// float16 keeps 11 bits, bfloat16 8
const tolerance = 2 ** -7
// below it float16 loses bits
const least = 2 ** -13

/**
 * The base of a rotary cache without rope scaling, where no config.json tells it: 10000 if the angles of position 1,
 * base^(-2i/R), agree with it; else what the last of them gives, to two digits where that agrees.
 */
export async function ropeThetaOf({ cos, sin }: RotaryCache): Promise<number> {
  const [c, s] = await Promise.all([row(cos, 1), row(sin, 1)])
  const half = c.length
  const angles = c.map((x, i) => Math.atan2(s[i]!, x))
  const last = angles.findLastIndex((angle, i) => i > 0 && angle >= least)
  const measured = last > 0 ? angles[last]! ** (-half / last) : 10000
  const agrees = (base: number) =>
    angles.every((angle, i) => {
      const wanted = base ** (-i / half)
      return wanted < least || Math.abs(angle / wanted - 1) <= tolerance
    })
  return [10000, Number(measured.toPrecision(2))].find(agrees) ?? measured
}

/** One row of a table as numbers. */
async function row({ shape, parts: [part] }: WeightDescription, index: number): Promise<number[]> {
  const { data, format } = part!
  const columns = shape.at(-1)!
  const size = format === 'float32' ? 4 : 2
  const [offset, bytes] = [index * columns * size, columns * size]
  let view: Uint8Array
  if (data instanceof Uint8Array) view = data.subarray(offset, offset + bytes)
  else {
    await using file = await openFile(data.file)
    view = await file.read(data.offset + offset, bytes)
  }
  const { buffer } = new Uint8Array(view)
  if (format === 'float32') return [...new Float32Array(buffer)]
  return [...(format === 'float16' ? float16ToFloat32 : bfloat16ToFloat32)(new Uint16Array(buffer))]
}
