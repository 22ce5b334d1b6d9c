import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { fromBits } from '../support/floats.js'

/** An input of a graph, as ONNX Runtime describes it. */
type Input = Extract<InferenceSession['inputMetadata'][number], { isTensor: true }>

/** Logits [V] after every id. */
export type Rows = Float32Array[]

/** ONNX Runtime's decode loop over one package: what it gives as present.* goes back as past_key_values.*. */
export class Runtime {
  readonly #session: InferenceSession
  readonly #headSize: number
  #past = new Map<string, Tensor>()
  #length = 0

  private constructor(session: InferenceSession, headSize: number) {
    this.#session = session
    this.#headSize = headSize
  }

  static async open(path: string): Promise<Runtime> {
    // the products of dequantised weights keep their activations as they are
    const extra = { session: { qdq_matmulnbits_accuracy_level: '0' } }
    const session = await InferenceSession.create(path, { intraOpNumThreads: 2, logSeverityLevel: 3, extra })
    const genai = JSON.parse(await readFile(join(dirname(path), 'genai_config.json'), 'utf8'))
    return new Runtime(session, genai.model.decoder.head_size)
  }

  async append(ids: readonly number[]): Promise<Rows> {
    this.#length += ids.length
    const inputs = this.#session.inputMetadata.filter((input): input is Input => input.isTensor)
    const results = await this.#session.run(
      Object.fromEntries(inputs.map((input) => [input.name, this.#feed(input, ids)])),
    )
    for (const name of this.#session.outputNames)
      if (name.startsWith('present.'))
        this.#past.set(name.replace('present', 'past_key_values'), results[name] as Tensor)
    const values = floats(results.logits as Tensor)
    const width = values.length / ids.length
    return ids.map((_, row) => values.subarray(row * width, (row + 1) * width))
  }

  release(): Promise<void> {
    return this.#session.release()
  }

  #feed({ name, type, shape }: Input, ids: readonly number[]): Tensor {
    const first = this.#length - ids.length
    if (name === 'input_ids') return integers(type, ids)
    if (name === 'attention_mask') return integers(type, Array(this.#length).fill(1))
    if (name === 'position_ids')
      return integers(
        type,
        ids.map((_, i) => first + i),
      )
    const past = this.#past.get(name)
    if (past) return past
    if (!name.startsWith('past_key_values.'))
      throw new Error(`the graph must take what decoders take, but takes ${name}`)
    const [, heads, , size] = shape
    const none = type === 'float16' ? new Uint16Array() : new Float32Array()
    return new Tensor(type, none, [1, Number(heads), 0, typeof size === 'number' ? size : this.#headSize])
  }
}

function integers(type: Tensor.Type, values: readonly number[]): Tensor {
  const data = type === 'int64' ? BigInt64Array.from(values, BigInt) : Int32Array.from(values)
  return new Tensor(type, data, [1, values.length])
}

function floats({ type, data }: Tensor): Float32Array {
  if (type === 'float32') return data as Float32Array
  return Float32Array.from(data as Uint16Array, (bits) => fromBits('float16', bits))
}
