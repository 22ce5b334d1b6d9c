import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { convert } from '../../lib/convert/index.js'
import { smallConfig, writeCheckpoint } from '../formats.files.js'
import { sharedData } from '../shared.js'

/** A small valid model. */
export interface Specimen {
  readonly name: string
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Those that are changed. */
  readonly targets: readonly string[]
  /** How much of a file describes the rest; all where absent. */
  readonly heads: ReadonlyMap<string, number>
  /** What to open: a file, or '' for the folder. */
  readonly open: string
}

async function specimen(name: string, folder: string, open = ''): Promise<Specimen> {
  const files = new Map<string, Uint8Array>()
  for (const file of await readdir(folder)) {
    if (file.startsWith('expected') || file.endsWith('.md')) continue
    files.set(file, await readFile(join(folder, file)))
  }
  const targets = [...files.keys()].filter((file) => !file.endsWith('.data'))
  const heads = [...files].map(([file, bytes]): [string, number] => [file, headOf(file, bytes)])
  return { name, files, targets, heads: new Map(heads), open }
}

function headOf(file: string, bytes: Uint8Array): number {
  if (file.endsWith('.safetensors')) return 8 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
  return file.endsWith('.gguf') ? Math.min(bytes.length, 4096) : bytes.length
}

/** One specimen per form; those of shared/data where it is there. */
export async function corpus(folder: string): Promise<Specimen[]> {
  const at = async (name: string) => {
    await mkdir(join(folder, name), { recursive: true })
    return join(folder, name)
  }
  const checkpoint = await at('safetensors')
  await writeCheckpoint(checkpoint, smallConfig)
  const list = [await specimen('safetensors', checkpoint)]
  for (const type of ['f16', 'q8_0', 'q4_0', 'q5_1'] as const) {
    const target = await at(`gguf-${type}`)
    await convert(checkpoint, join(target, 'model.gguf'), { type })
    list.push(await specimen(`gguf-${type}`, target, 'model.gguf'))
  }
  for (const type of ['f32', 'int4'] as const) {
    const target = join(folder, `onnx-${type}`)
    await convert(checkpoint, target, { type, to: 'onnx' })
    list.push(await specimen(`onnx-${type}`, target))
  }
  const published = ['golden/awq-gemm-g32', 'golden/gptq-act-order-g32', 'onnx/cpu-int4-qdq', 'onnx/dml-int4-longrope']
  for (const path of published) {
    const shared = sharedData(path)
    if (shared) list.push(await specimen(path, shared))
  }
  return list
}
