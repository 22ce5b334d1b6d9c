import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { convert } from '../../lib/convert/index.js'
import type { ConvertOptions } from '../../lib/convert/types.js'
import type { Device } from '../../lib/device.js'
import { type ErrorCode, LophiError } from '../../lib/errors.js'
import { openSource } from '../../lib/formats/index.js'
import { openTokenizer } from '../../lib/formats/tokenizer-source.js'
import { loadModel } from '../../lib/generate/model.js'
import { createTokenizer, type Tokenizer } from '../../lib/tokenizer/index.js'
import { type Random, random } from '../support/random.js'
import type { Specimen } from './corpus.js'
import { mutate } from './mutate.js'

export type Outcome = 'ran' | ErrorCode

/**
 * What a damaged file may lead to. Templates refuse conversations, and contexts get too short, by ERR_ARGUMENT; an
 * operand that a kernel refuses is found too late, and so is a size that no memory holds.
 */
const refusals: readonly ErrorCode[] = [
  'ERR_FORMAT',
  'ERR_FILE',
  'ERR_MODEL_UNSUPPORTED',
  'ERR_TOKENIZER_MISSING',
  'ERR_ARGUMENT',
  'ERR_OUT_OF_RANGE',
]

/** Bytes that no file of this size needs. */
const most = 512 * 2 ** 20

/**
 * Changes one file of a specimen by `seed`, and opens and runs what comes out. Whatever it is, either it runs or an
 * error of ours says why not; anything else throws, and the files stay in `folder` for a look.
 */
export async function attempt(specimen: Specimen, seed: number, folder: string, device: Device): Promise<Outcome> {
  const source = random(seed)
  const target = specimen.targets[source.integer(0, specimen.targets.length - 1)]!
  await mkdir(folder, { recursive: true })
  for (const [name, bytes] of specimen.files) {
    const changed = name === target ? mutate(name, bytes, specimen.heads.get(name)!, source) : bytes
    await writeFile(join(folder, name), changed)
  }
  const before = process.resourceUsage().maxRSS
  const outcome = await run(specimen, folder, source, device)
  const taken = (process.resourceUsage().maxRSS - before) * 1024
  if (taken > most) throw new Error(`memory must stay below ${most} bytes, but grew by ${taken}`)
  await rm(folder, { recursive: true })
  return outcome
}

async function run({ kind, open }: Specimen, folder: string, source: Random, device: Device): Promise<Outcome> {
  const path = join(folder, open)
  try {
    if (kind === 'tokenizer') useTokenizer(await tokenizerAt(path))
    else await useModel(path, join(folder, 'converted'), source, device)
    return 'ran'
  } catch (error) {
    if (error instanceof LophiError && refusals.includes(error.code)) return error.code
    throw error
  }
}

async function tokenizerAt(path: string): Promise<Tokenizer> {
  const { source, vocabSize } = await openTokenizer(path)
  return createTokenizer(source, vocabSize === null ? {} : { vocabSize })
}

function useTokenizer(tokenizer: Tokenizer): void {
  tokenizer.decode(tokenizer.encode(' ab  a<|end|>b\u00e9\n'))
  tokenizer.encodeChat([{ role: 'user', content: 'a b' }])
}

const targets: readonly ConvertOptions[] = [
  { to: 'gguf', type: 'f16' },
  { to: 'gguf', type: 'q8_0' },
  { to: 'safetensors', type: 'f32' },
  { to: 'onnx', type: 'int4' },
]

async function useModel(path: string, converted: string, source: Random, device: Device): Promise<void> {
  await using model = await loadModel(path, { device, context: 4 })
  await model.logits([1, 2, 3])
  if (model.tokenizer) useTokenizer(model.tokenizer)
  if (source.uniform() > 0.1) return
  const options = targets[source.integer(0, targets.length - 1)]!
  await mkdir(converted)
  const output = join(converted, `model.${options.to}`)
  await convert(path, output, options)
  await openSource(output)
}
