import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readSafetensors } from '../../lib/formats/safetensors/read.js'

// Packages of ONNX Runtime GenAI's model builder, with logits from a float64 pass over their dequantised weights.

/** Float32 arithmetic, as a fraction of the logits' standard deviation. */
export const float32Bound = 1e-4
/**
 * `exact` has its cos and sin from float64: rounded as the file's are, except in bfloat16. A file rounds float32 ones,
 * and the long tables of LongRoPE in float16 differ by a unit in one value of a thousand.
 */
export const tableBounds: Readonly<Record<string, number>> = {
  'cuda-int4-bf16': 3e-2,
  'cuda-fp16': 5e-4,
  'cuda-int4-rtn-block-32': 5e-4,
  'dml-int4-longrope': 5e-4,
}
export const packageNames = [
  'cpu-fp32',
  'cpu-int4-awq-block-32',
  'cpu-int4-awq-qdq',
  'cpu-int4-gptq',
  'cpu-int4-gptq-act-order',
  'cpu-int4-head96',
  'cpu-int4-k-quant-mixed',
  'cpu-int4-partial',
  'cpu-int4-qdq',
  'cpu-int4-rtn-asymmetric-block-128',
  'cpu-int4-rtn-block-32-acc-level-4',
  'cpu-int4-separate-qkv',
  'cpu-int4-shared-embeddings',
  'cpu-int4-window',
  'cpu-int8',
  'cuda-fp16',
  'cuda-int4-awq-block-128',
  'cuda-int4-bf16',
  'cuda-int4-rtn-block-32',
  'dml-fp16',
  'dml-int4',
  'dml-int4-awq-block-32',
  'dml-int4-longrope',
]

/** MatMulNBits with accuracy_level 4, as the builder writes for the CPU. */
export const allowsInt8 = (name: string): boolean => /^cpu-int[48]/.test(name) && !name.endsWith('qdq')

export interface Prompt {
  readonly name: string
  readonly ids: readonly number[]
  /** [T, V] */
  readonly exact: Float32Array
  /** What ONNX Runtime gives; absent where it has no kernel. */
  readonly ort: Float32Array | undefined
}

export async function promptsOf(folder: string): Promise<Prompt[]> {
  const path = join(folder, 'expected.safetensors')
  const { tensors } = await readSafetensors(path)
  const file = await readFile(path)
  const bytesOf = (name: string): ArrayBuffer | undefined => {
    const tensor = tensors.find((each) => each.name === name)
    if (!tensor) return undefined
    const begin = file.byteOffset + tensor.data.offset
    return file.buffer.slice(begin, begin + tensor.data.bytes) as ArrayBuffer
  }
  return ['short', 'long'].map((name) => {
    const ort = bytesOf(`${name}.ort`)
    return {
      name,
      ids: [...new Int32Array(bytesOf(`${name}.ids`)!)],
      exact: new Float32Array(bytesOf(`${name}.exact`)!),
      ort: ort && new Float32Array(ort),
    }
  })
}
