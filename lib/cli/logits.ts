import { randomUUID } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { fileError } from '../formats/file.js'
import { topLogits } from '../generate/token-reader.js'
import { count, counts } from './arguments.js'
import { addModelOptions, type ModelFlags, openModel } from './model-options.js'
import { modelArgument } from './model-path.js'
import { formatBytes, formatNumber, note, print, printJson } from './output.js'
import { progressBar } from './progress.js'
import { abortOnInterrupt } from './signal.js'

interface LogitsFlags extends ModelFlags {
  readonly ids: number[]
  readonly all?: true
  readonly top: number
  readonly out?: string
  readonly chunk?: number
}

export function addLogits(program: Command): void {
  const command = program
    .command('logits')
    .description('logits after token ids')
    .argument('<model>', modelArgument)
    .requiredOption('--ids <list>', 'token ids: 1,2,3', counts(0))
    .option('--all', 'every position, not only the last')
    .option('--top <n>', 'the n largest logits of each position', count(1), 5)
    .option('--out <file>', 'write all logits there: float32, little endian, [positions, vocab]')
    .option('--chunk <n>', 'tokens per pass; 1 feeds them one by one', count(1))
  addModelOptions(command).action(logits)
}

async function logits(path: string, flags: LogitsFlags): Promise<void> {
  const signal = abortOnInterrupt()
  await using model = await openModel(path, flags, { signal })
  const vocab = model.config.vocabSize
  const bar = progressBar('tokens')
  let values: Float32Array
  try {
    values = await model.logits(flags.ids, {
      all: flags.all ?? false,
      chunk: flags.chunk,
      signal,
      onProgress: ({ done, total }) => bar.update(done, total),
    })
  } finally {
    bar.stop()
  }
  const positions = values.length / vocab
  if (flags.out !== undefined) await replaceFile(flags.out, values)
  const top = Array.from({ length: positions }, (_, i) =>
    topLogits(values.subarray(i * vocab, (i + 1) * vocab), flags.top),
  )
  if (flags.json) return printJson({ positions, vocab, top })
  const first = flags.ids.length - positions
  top.forEach((row, i) => {
    print(`${first + i}: ${row.map(({ id, logit }) => `${id} (${formatNumber(logit)})`).join('  ')}`)
  })
  if (flags.out !== undefined) note(`${flags.out}: float32 [${positions}, ${vocab}], ${formatBytes(values.byteLength)}`)
}

/** Under another name until it is whole, so that nobody reads half a file. */
async function replaceFile(path: string, values: Float32Array): Promise<void> {
  const temporary = `${path}.${randomUUID()}.part`
  try {
    await writeFile(temporary, values, { flag: 'wx' })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw fileError(path, error)
  }
}
