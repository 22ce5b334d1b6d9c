import { stdin, stdout } from 'node:process'
import { type Command, Option } from 'commander'
import { AbortedError } from '../errors.js'
import type { Token } from '../generate/token-reader.js'
import type { ChatMessage } from '../tokenizer/index.js'
import { counts } from './arguments.js'
import { addGenerateOptions, answerOf, type GenerateFlags, generateOptions, noteAnswer } from './generate-options.js'
import { addModelOptions, type ModelFlags, openModel } from './model-options.js'
import { modelArgument } from './model-path.js'
import { exitCodes, printJson, printText } from './output.js'
import { generationBar } from './progress.js'
import { abortOnInterrupt } from './signal.js'
import { readText } from './stdin.js'

interface RunFlags extends ModelFlags, GenerateFlags {
  readonly prompt?: string
  readonly ids?: number[]
  readonly raw?: true
  readonly stream?: true
}

export function addRun(program: Command): void {
  const command = program
    .command('run')
    .description('answer one prompt')
    .argument('<model>', modelArgument)
    .option('-p, --prompt <text>', "the prompt; '-' reads it from stdin")
    .addOption(
      new Option('--ids <list>', 'the prompt as token ids: 1,2,3').argParser(counts(0)).conflicts(['prompt', 'system']),
    )
    .addOption(new Option('--raw', 'continue the text itself: no chat template').conflicts('system'))
  addModelOptions(addGenerateOptions(command))
    .option('--stream', 'with --json: one { text, id, logprob } per line while it runs, then the object')
    .action(run)
}

async function run(path: string, flags: RunFlags, command: Command): Promise<void> {
  const prompt = await promptOf(flags, command)
  const signal = abortOnInterrupt()
  await using model = await openModel(path, flags, { signal })
  const bar = generationBar()
  const generation = model.generate(prompt, {
    ...generateOptions(flags),
    signal,
    onProgress: bar.onProgress,
  })
  try {
    for await (const token of generation) {
      bar.stop()
      show(token, flags, model.tokenizer !== null, generation.ids.length > 1)
    }
  } catch (error) {
    if (!(error instanceof AbortedError)) throw error
    process.exitCode = exitCodes.interrupted
  } finally {
    bar.stop()
    if (!flags.json && generation.ids.length > 0) stdout.write('\n')
  }
  const answer = answerOf(generation, model)
  if (flags.json) printJson(answer)
  else noteAnswer(answer)
}

async function promptOf(flags: RunFlags, command: Command): Promise<string | number[] | ChatMessage[]> {
  if (flags.ids) return flags.ids
  if (flags.prompt === undefined) command.error('error: one of -p and --ids must be given')
  const content = flags.prompt === '-' ? await readText(stdin) : flags.prompt
  if (flags.raw) return content
  const system: ChatMessage[] = flags.system === undefined ? [] : [{ role: 'system', content: flags.system }]
  return [...system, { role: 'user', content }]
}

/** Text as it comes; without a tokenizer the ids, so that they can be pasted into --ids. */
function show({ text, id, logprob }: Token, flags: RunFlags, hasText: boolean, isLater: boolean): void {
  if (!flags.json) printText(hasText ? text : `${isLater ? ',' : ''}${id}`)
  else if (flags.stream) printJson({ text: hasText ? text : null, id, logprob })
}
