/** Options of run and chat, and the object that both give per answer. */
import type { Command } from 'commander'
import type { Generation } from '../generate/generation.js'
import type { Model } from '../generate/model.js'
import type { GenerateOptions } from '../generate/token-reader.js'
import { count, sampling } from './arguments.js'
import { formatNumber, note } from './output.js'

export interface GenerateFlags {
  readonly system?: string
  readonly maxTokens?: number
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly minP?: number
  readonly repeatPenalty?: number
  readonly seed?: number
  readonly stop?: string[]
  readonly ignoreEos?: true
}

export function addGenerateOptions(command: Command): Command {
  return command
    .option('--system <text>', 'system message')
    .option('--max-tokens <n>', 'tokens to generate at most (default: until the context is full)', count(0))
    .option(
      '--temperature <t>',
      '0 takes the likeliest token, 1 samples from the model (default: 0)',
      sampling('temperature'),
    )
    .option('--top-k <k>', 'sample among the k likeliest; 0 = all', sampling('topK'))
    .option('--top-p <p>', 'sample among the likeliest that add up to p', sampling('topP'))
    .option('--min-p <p>', 'sample among those at least p times as likely as the likeliest', sampling('minP'))
    .option('--repeat-penalty <x>', 'makes recent tokens less likely; 1 = off', sampling('repeatPenalty'))
    .option(
      '--seed <n>',
      'the same seed, prompt and device give the same text (default: a fresh one)',
      sampling('seed'),
    )
    .option('--stop <text...>', 'end before any of these texts; write it after the model')
    .option('--ignore-eos', "go on past the model's end-of-text tokens")
}

export function generateOptions(flags: GenerateFlags): GenerateOptions {
  const { maxTokens, temperature, topK, topP, minP, repeatPenalty, seed, stop, ignoreEos } = flags
  const options = { maxTokens, temperature, topK, topP, minP, repeatPenalty, seed, stop, ignoreEos }
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** The JSON object of an answer. */
export function answerOf(generation: Generation, { tokenizer, device }: Model) {
  const { text, ids, promptTokens, stopReason, prefillTokensPerSecond, decodeTokensPerSecond } = generation
  return {
    text: tokenizer ? text : null,
    ids,
    promptTokens,
    generatedTokens: ids.length,
    stopReason,
    prefillTokensPerSecond,
    decodeTokensPerSecond,
    device: device.id,
  }
}

/** The same in one line for people. */
export function noteAnswer({
  promptTokens,
  generatedTokens,
  stopReason,
  ...answer
}: ReturnType<typeof answerOf>): void {
  const rate = (tokensPerSecond: number) => `${formatNumber(tokensPerSecond)} tokens/s`
  const prompt = `prompt ${promptTokens} tokens, ${rate(answer.prefillTokensPerSecond)}`
  const decoded = `answer ${generatedTokens} tokens, ${rate(answer.decodeTokensPerSecond)}`
  note(`[${prompt} | ${decoded} | ${stopReason} | ${answer.device}]`)
}
