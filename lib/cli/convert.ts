import { access } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { FormatError } from '../errors.js'
import { type ConvertType, convert, convertTypes } from '../formats/convert.js'
import { addCommonOptions, type CommonFlags, noDevice } from './model-options.js'
import { formatBytes, print, printJson } from './output.js'
import { progressBar } from './progress.js'
import { abortOnInterrupt } from './signal.js'

interface ConvertFlags extends CommonFlags {
  readonly type: ConvertType
  readonly force?: true
}

export function addConvert(program: Command): void {
  const command = program
    .command('convert')
    .description('write a model as one GGUF file')
    .argument('<in>', 'a model file, or the folder of one')
    .argument('<out>', 'the GGUF file to write')
    .addOption(new Option('--type <type>', 'of the matrices').choices(convertTypes).makeOptionMandatory())
    .option('--force', 'replace <out> where it exists')
  addCommonOptions(command, noDevice).action(run)
}

async function run(input: string, output: string, { type, force, json }: ConvertFlags): Promise<void> {
  const exists = await access(output).then(
    () => true,
    () => false,
  )
  if (exists && !force)
    throw new FormatError(output, 'must not exist, but does; --force replaces it', undefined, 'ERR_FILE')
  const signal = abortOnInterrupt()
  const bar = progressBar('writing', 'bytes')
  try {
    const result = await convert(input, output, { type, signal, onProgress: bar.update })
    bar.stop()
    if (json) return printJson(result)
    print(`${result.output}: ${result.type}, ${result.tensors} tensors, ${formatBytes(result.bytes)}`)
    for (const { name, dtype, reason } of result.kept) print(`kept as ${dtype}: ${name}: ${reason}`)
  } finally {
    bar.stop()
  }
}
