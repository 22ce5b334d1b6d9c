/** Models by name: the options that go with one, and what is said about it before it is used. */
import type { Command } from 'commander'
import type { DeviceName } from '../device.js'
import { type LocateOptions, locate } from '../generate/find-model.js'
import type { PullPlan } from '../hub/index.js'
import type { CommonFlags } from './common-options.js'
import { formatBytes, note } from './output.js'
import { downloadBar } from './progress.js'

export interface HubFlags {
  readonly variant?: string
  readonly revision?: string
}

export const modelArgument = 'a model file, the folder of one, or org/name on the Hugging Face Hub'

export function addHubOptions(command: Command): Command {
  return command
    .option('--variant <name>', 'of org/name: a folder, a GGUF type or a file (default: the best for the device)')
    .option('--revision <name>', 'of org/name: a branch, tag or commit (default: main)')
}

/** The path of what a command was given: a name is looked up in the cache, then downloaded. --device decides among variants. */
export async function modelPath(
  model: string,
  { variant, revision, ...flags }: HubFlags & Pick<CommonFlags, 'device'>,
  { device = flags.device as DeviceName, signal }: Pick<LocateOptions, 'device' | 'signal'> = {},
): Promise<string> {
  const bar = downloadBar()
  try {
    return await locate(model, { variant, revision, device, signal, onPlan: notePlan, onProgress: bar.onProgress })
  } finally {
    bar.stop()
  }
}

/** Which variant was chosen and why, and what is about to be downloaded. */
export function notePlan({ id, variant, among, backend, downloadBytes }: PullPlan): void {
  if (among > 1)
    note(`${id}: ${variant.name}, the first choice for ${backend} of ${among} variants (lophi pull ${id} --list)`)
  if (downloadBytes > 0)
    note(`${id}: downloading ${formatBytes(downloadBytes)} of ${formatBytes(variant.bytes)} (${variant.name})`)
}
