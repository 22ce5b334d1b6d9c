import { type Command, Option } from 'commander'
import {
  type BlockSize,
  blockSizes,
  type Container,
  type ConvertType,
  containerNames,
  containers,
  convertTypes,
  targetOf,
} from '../convert/types.js'
import { addCommonOptions, type CommonFlags, noDevice } from './common-options.js'
import { addHubOptions, type HubFlags, modelArgument, modelPath } from './model-path.js'
import { exitCodes, formatBytes, print, printJson } from './output.js'
import { progressBar } from './progress.js'
import { abortOnInterrupt } from './signal.js'

interface ConvertFlags extends CommonFlags, HubFlags {
  readonly type: ConvertType
  readonly to?: Container
  readonly block?: string
  readonly asymmetric?: true
  readonly force?: true
}

export function addConvert(program: Command): void {
  const command = program
    .command('convert')
    .description('write a model as a GGUF file, a safetensors checkpoint or an ONNX package')
    .argument('<in>', modelArgument)
    .argument('<out>', 'what to write: NAME.gguf, NAME.safetensors, NAME.onnx, or with --to a folder')
    .addOption(new Option('--type <type>', 'of the matrices').choices(convertTypes).makeOptionMandatory())
    .addOption(new Option('--to <container>', "default: by <out>'s ending").choices(containerNames))
    .addOption(
      new Option('--block <n>', 'int4: columns that share a scale (default: 32)').choices(blockSizes.map(String)),
    )
    .option('--asymmetric', 'int4: with zero points')
    .option('--force', 'replace files that exist')
    .addHelpText('after', `\nTypes:\n${typeLines()}`)
  addCommonOptions(addHubOptions(command), noDevice).action((input: string, output: string, flags: ConvertFlags) =>
    run(command, input, output, flags),
  )
}

function typeLines(): string {
  return Object.entries(containers)
    .map(([container, types]) => `  ${container.padEnd(12)}${types.join(' ')}`)
    .join('\n')
}

async function run(command: Command, input: string, output: string, flags: ConvertFlags): Promise<void> {
  const options = {
    type: flags.type,
    to: flags.to,
    block: flags.block === undefined ? undefined : (Number(flags.block) as BlockSize),
    asymmetric: flags.asymmetric,
    overwrite: flags.force ?? false,
  }
  try {
    targetOf(output, options)
  } catch (error) {
    command.error((error as Error).message, { exitCode: exitCodes.usage })
  }
  // here and not above: help must work where no binary loads
  const { convert } = await import('../convert/index.js')
  const signal = abortOnInterrupt()
  const path = await modelPath(input, flags, { signal })
  const bar = progressBar('writing', 'bytes')
  try {
    const result = await convert(path, output, { ...options, signal, onProgress: bar.update })
    bar.stop()
    if (flags.json) return printJson(result)
    print(`${result.output}: ${result.format} ${result.type}, ${result.tensors} tensors, ${formatBytes(result.bytes)}`)
    for (const { name, dtype, reason } of result.kept) print(`kept as ${dtype}: ${name}: ${reason}`)
  } finally {
    bar.stop()
  }
}
