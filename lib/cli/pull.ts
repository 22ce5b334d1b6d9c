import type { Command } from 'commander'
import type { DeviceName } from '../device.js'
import { ArgumentError } from '../errors.js'
import { backendOf } from '../generate/find-model.js'
import type { Variant } from '../hub/index.js'
import { isModelName } from '../hub/name.js'
import { addCommonOptions, type CommonFlags } from './common-options.js'
import { addHubOptions, type HubFlags, notePlan } from './model-path.js'
import { formatBytes, print, printJson } from './output.js'
import { downloadBar } from './progress.js'
import { abortOnInterrupt } from './signal.js'

interface PullFlags extends CommonFlags, HubFlags {
  readonly list?: true
}

export function addPull(program: Command): void {
  const command = program
    .command('pull')
    .description('download a model into the cache of the Hugging Face libraries, or bring it up to date')
    .argument('<name>', 'org/name on the Hugging Face Hub')
    .option('--list', 'list the variants with their sizes; downloads nothing')
  addCommonOptions(addHubOptions(command), 'what the model is to run on: decides among variants').action(pull)
}

async function pull(id: string, { variant, revision, ...flags }: PullFlags): Promise<void> {
  if (!isModelName(id)) throw new ArgumentError('ERR_ARGUMENT', `pull: name must be org/name, but is ${id}`)
  const { listVariants, pullModel } = await import('../hub/index.js')
  const signal = abortOnInterrupt()
  if (flags.list) {
    const { revision: commit, variants } = await listVariants(id, { revision, signal })
    if (flags.json) return printJson({ id, revision: commit, variants: variants.map(summaryOf) })
    for (const { name, format, bytes, path } of variants)
      print(`${name.padEnd(44)} ${format.padEnd(12)}${formatBytes(bytes).padStart(10)}  ${path || '.'}`)
    return
  }
  const backend = await backendOf(flags.device as DeviceName)
  const bar = downloadBar()
  try {
    const options = { variant, revision, backend, signal, onPlan: notePlan, onProgress: bar.onProgress }
    const result = await pullModel(id, options)
    bar.stop()
    if (flags.json) return printJson(result)
    print(result.path)
  } finally {
    bar.stop()
  }
}

function summaryOf({ name, format, path, bytes, files }: Variant) {
  return { name, format, path, bytes, files: files.map((file) => ({ path: file.path, bytes: file.size })) }
}
