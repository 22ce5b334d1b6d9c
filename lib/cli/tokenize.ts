import { stdin } from 'node:process'
import type { Command } from 'commander'
import { ArgumentError } from '../errors.js'
import { loadTokenizer } from '../generate/load-tokenizer.js'
import type { Tokenizer } from '../tokenizer/index.js'
import { counts } from './arguments.js'
import { addCommonOptions, type CommonFlags, noDevice } from './common-options.js'
import { addHubOptions, type HubFlags, modelPath } from './model-path.js'
import { print, printJson, printText } from './output.js'
import { readText } from './stdin.js'

interface TokenizeFlags extends CommonFlags, HubFlags {
  readonly chat?: true
  readonly special: boolean
  readonly decode?: number[]
}

export function addTokenize(program: Command): void {
  const command = program
    .command('tokenize')
    .description('token ids of a text, or the text of ids; reads no weights')
    .argument('<model>', 'a model file or folder, org/name, tokenizer.json, or a GGUF file with a vocabulary alone')
    .argument('[text]', "the text; '-' reads it from stdin; write -- before a text that begins with a dash")
    .option('--chat', "the text as a user's message in the model's chat template")
    .option('--no-special', 'role tokens that stand in the text are plain text')
    .option('--decode <ids>', 'the text of ids: 1,2,3', counts(0))
  addCommonOptions(addHubOptions(command), noDevice).action(tokenize)
}

async function tokenize(
  model: string,
  text: string | undefined,
  flags: TokenizeFlags,
  command: Command,
): Promise<void> {
  if ((text === undefined) === (flags.decode === undefined))
    command.error('error: either a text or --decode must be given')
  const tokenizer = await loadTokenizer(await modelPath(model, flags))
  if (flags.decode) return decode(tokenizer, flags.decode, flags)
  const given = text === '-' ? await readText(stdin) : (text as string)
  const { special } = flags
  const ids = flags.chat
    ? tokenizer.encodeChat([{ role: 'user', content: given }], { special })
    : tokenizer.encode(given, { special })
  const pieces = ids.map((id) => tokenizer.piece(id))
  if (flags.json) return printJson({ ids, pieces })
  print(ids.join(','))
  ids.forEach((id, i) => void print(`${String(id).padStart(8)}  ${JSON.stringify(pieces[i])}`))
}

function decode(tokenizer: Tokenizer, ids: readonly number[], flags: TokenizeFlags): void {
  const outside = ids.find((id) => id >= tokenizer.vocabSize)
  if (outside !== undefined)
    throw new ArgumentError(
      'ERR_OUT_OF_RANGE',
      `decode: an id must be below the vocabulary of ${tokenizer.vocabSize}, but it is ${outside}`,
    )
  const text = tokenizer.decode(ids)
  if (flags.json) printJson({ text })
  else printText(`${text}\n`)
}
