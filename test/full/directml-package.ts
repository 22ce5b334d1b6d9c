import { createHash } from 'node:crypto'
import { copyFile, mkdir, open, readdir, rename, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readOnnx } from '../../lib/formats/onnx/read.js'

// Microsoft's Phi-3-mini-4k-instruct int4 AWQ package for DirectML is here without its weights. These are made up: the
// graph, the shapes and the zero points are real, so that its published size and a known sha256 come out.

const dataBytes = 2_131_292_928
const sha256 = 'eac22a69dd863efad7999d096286bbb2dcc32cd8fda6c3c4f0650bfc59d7c65f'
const chunk = 2 ** 24

/** The lowbias32 hash. */
function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}

const bits = new Uint32Array(1)
const float = new Float32Array(bits.buffer)
/** float16 bits of a value of at most 1, rounded to nearest even. */
function half(value: number): number {
  const magnitude = Math.abs(value)
  const sign = value < 0 ? 0x8000 : 0
  if (magnitude < 2 ** -14) {
    const units = magnitude * 2 ** 24
    const down = Math.floor(units)
    const rest = units - down
    return sign | (down + (rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? 1 : 0))
  }
  float[0] = magnitude
  const u = bits[0]!
  return sign | (((u + 0xfff + ((u >>> 13) & 1)) >>> 13) - (112 << 10))
}

interface Stored {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: string
  readonly offset: number
  readonly bytes: number
}

/** Fills `words` (values `first`.. of the tensor) with what stands for the weights. */
function fill(
  { name, shape, dtype, offset }: Stored,
  first: number,
  words: Uint32Array | Uint16Array | Uint8Array,
): void {
  const seed = offset / 64 + first
  if (words instanceof Uint8Array) words.fill(0x78)
  else if (dtype === 'uint8') for (let i = 0; i < words.length; i++) words[i] = mix((seed + i) >>> 0)
  else if (shape.length === 2 && shape[1] === 3072)
    for (let i = 0; i < words.length; i++)
      words[i] = half(Math.fround(Math.fround(mix((seed + i) >>> 0)) / 2 ** 32 - 0.5) * 2)
  else if (name.endsWith('_scale'))
    words.fill(half(shape[1] === 64 ? 0.001 : shape[0] === 16384 ? 0.006 : shape[0] === 32064 ? 0.004 : 0.002))
  else words.fill(half(1))
}

async function writeData(model: string, path: string): Promise<void> {
  await using file = await open(path, 'w+')
  await file.truncate(dataBytes) // so that the reader finds every range within the file
  const { graph } = await readOnnx(model)
  const stored = [...graph.constants.values()].flatMap(({ name, shape, dtype, data }): Stored[] =>
    'file' in data && data.file.endsWith('.data')
      ? [{ name, shape, dtype, offset: data.offset, bytes: data.bytes }]
      : [],
  )
  stored.sort((a, b) => a.offset - b.offset)
  const hash = createHash('sha256')
  const buffer = new ArrayBuffer(chunk)
  for (const tensor of stored) {
    const View = tensor.dtype !== 'uint8' ? Uint16Array : tensor.name.endsWith('_zp') ? Uint8Array : Uint32Array
    for (let at = 0; at < tensor.bytes; at += chunk) {
      const bytes = new Uint8Array(buffer, 0, Math.min(chunk, tensor.bytes - at))
      fill(tensor, at / View.BYTES_PER_ELEMENT, new View(buffer, 0, bytes.length / View.BYTES_PER_ELEMENT))
      hash.update(bytes)
      await file.write(bytes, 0, bytes.length, tensor.offset + at)
    }
  }
  const found = hash.digest('hex')
  if (found !== sha256) throw new Error(`${path}: sha256 must be ${sha256}, but is ${found}`)
}

/** The folder of the package with weights, made once and kept outside the repository. `source`: the real files. */
export async function directmlPackage(source: string): Promise<string> {
  const models = process.env.LOPHI_BENCH_MODELS ?? join(tmpdir(), 'lophi-models')
  const folder = join(models, 'phi3-mini-directml-int4')
  await mkdir(folder, { recursive: true })
  for (const name of await readdir(source)) await copyFile(join(source, name), join(folder, name))
  const data = join(folder, 'model.onnx.data')
  if ((await stat(data).catch(() => null))?.size === dataBytes) return folder
  // the reader wants the name that the graph gives; the finished file alone keeps it
  const part = join(folder, 'part')
  await mkdir(part, { recursive: true })
  await copyFile(join(source, 'model.onnx'), join(part, 'model.onnx'))
  await writeData(join(part, 'model.onnx'), join(part, 'model.onnx.data'))
  await rename(join(part, 'model.onnx.data'), data)
  return folder
}
