/** Options of the commands that run a model. */
import { type Command, Option } from 'commander'
import type { DeviceName } from '../device.js'
import type { LoadModelOptions, Model, WindowOption } from '../generate/model.js'
import { count, window } from './arguments.js'
import { addCommonOptions, type CommonFlags } from './common-options.js'
import { addHubOptions, type HubFlags, modelPath } from './model-path.js'
import { note } from './output.js'
import { progressBar } from './progress.js'

export interface ModelFlags extends CommonFlags, HubFlags {
  readonly context?: number
  readonly kv: keyof typeof kvTypes
  readonly window: WindowOption
  readonly longrope: 'switch' | 'planned'
  readonly activations: 'auto' | 'f32' | 'int8'
}

const kvTypes = { auto: 'auto', f16: 'float16', f32: 'float32' } as const
const kvChoices = Object.keys(kvTypes)

export function addModelOptions(command: Command): Command {
  return addHubOptions(addCommonOptions(command, 'auto, cpu, cuda:N or dml:N; a name never falls back'))
    .option(
      '--context <n>',
      'tokens that prompt and answer may take together (default: what the model was made for)',
      count(1),
    )
    .addOption(
      new Option('--kv <type>', 'type of the KV cache; auto: f16 for weights of up to 8 bits, else f32')
        .choices(kvChoices)
        .default('auto'),
    )
    .option(
      '--window <keys>',
      "keys that a query sees: 'model' as it was trained, 'graph' as its ONNX graph says, or a number; 0 = all",
      window,
      'model',
    )
    .addOption(
      new Option(
        '--longrope <when>',
        'a LongRoPE model past its original context: recompute the cache, or decide once by --context',
      )
        .choices(['switch', 'planned'])
        .default('switch'),
    )
    .addOption(
      new Option('--activations <type>', 'of matrix products; auto: int8 where the file allows it, else f32')
        .choices(['auto', 'f32', 'int8'])
        .default('auto'),
    )
}

/** Loads the model that the flags describe, with a progress bar. `device`: an open one instead of the flag's. */
export async function openModel(
  model: string,
  flags: ModelFlags,
  { signal, device = flags.device as DeviceName }: Pick<LoadModelOptions, 'signal' | 'device'> = {},
): Promise<Model> {
  // here and not above: help, versions and files must work where no binary loads
  const { loadModel } = await import('../generate/model.js')
  const path = await modelPath(model, flags, { device, signal })
  const bar = progressBar('loading')
  try {
    const loaded = await loadModel(path, {
      device,
      kvType: kvTypes[flags.kv],
      window: flags.window,
      longrope: flags.longrope,
      activations: flags.activations,
      ...(flags.context === undefined ? {} : { context: flags.context }),
      ...(signal ? { signal } : {}),
      onProgress: ({ done, total }) => bar.update(done, total),
    })
    for (const text of loaded.source.notes) note(text)
    return loaded
  } finally {
    bar.stop()
  }
}
