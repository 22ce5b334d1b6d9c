import { stderr, stdin, stdout } from 'node:process'
import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import { AbortedError, ArgumentError, LophiError } from '../errors.js'
import type { Model } from '../generate/model.js'
import type { Session } from '../generate/session.js'
import { addGenerateOptions, answerOf, type GenerateFlags, generateOptions, noteAnswer } from './generate-options.js'
import { addModelOptions, type ModelFlags, openModel } from './model-options.js'
import { modelArgument } from './model-path.js'
import { errorLine, exitCodes, note, printJson, printText } from './output.js'
import { generationBar } from './progress.js'
import { readLines } from './stdin.js'

interface ChatFlags extends ModelFlags, GenerateFlags {}

export function addChat(program: Command): void {
  const command = program
    .command('chat')
    .description('talk with a model; /rewind [n], /reset, /quit, Ctrl+C stops an answer, Ctrl+D ends')
    .argument('<model>', modelArgument)
  addModelOptions(addGenerateOptions(command)).action(chat)
}

/** What Ctrl+C does: stops the answer under way; a second time, or twice without one, it ends the process. */
function interruption(prompt: (() => void) | null) {
  let answer: AbortController | undefined
  let warned = false
  return {
    begin(): AbortSignal {
      warned = false
      answer = new AbortController()
      return answer.signal
    },
    end(): void {
      answer = undefined
    },
    interrupt(): void {
      if (answer && !answer.signal.aborted) answer.abort()
      else if (answer || warned || !prompt) process.exit(exitCodes.interrupted)
      else {
        warned = true
        note('\nCtrl+C once more, Ctrl+D or /quit ends')
        prompt()
      }
    },
  }
}

async function chat(path: string, flags: ChatFlags): Promise<void> {
  await using model = await openModel(path, flags)
  using session = model.session(flags.system === undefined ? {} : { system: flags.system })
  const interactive = stdin.isTTY && stderr.isTTY && !flags.json
  // made after the model is loaded: lines that come before somebody iterates are lost
  const terminal = interactive ? createInterface({ input: stdin, output: stderr, prompt: '> ' }) : null
  const prompt = terminal && (() => terminal.prompt())
  const interrupts = interruption(prompt)
  terminal?.on('SIGINT', interrupts.interrupt) // a terminal in raw mode sends no signal
  process.on('SIGINT', interrupts.interrupt)

  try {
    prompt?.()
    let number = 0
    for await (const line of terminal ?? readLines(stdin)) {
      number++
      const message = flags.json ? messageOf(line, number) : line
      if (!flags.json && message.trim() === '/quit') break
      if (message.trim() !== '' && (flags.json || !command(message, session)))
        await answer(message, { model, session, flags, interrupts })
      prompt?.()
    }
  } finally {
    terminal?.close() // an open stdin would keep the process alive
  }
}

/** A line of JSON: { "content": "…" }, with or without "role": "user". An empty line says nothing. */
function messageOf(line: string, number: number): string {
  if (line.trim() === '') return ''
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {}
  if (typeof value === 'object' && value !== null) {
    const { role = 'user', content } = value as { role?: unknown; content?: unknown }
    if (role === 'user' && typeof content === 'string') return content
  }
  throw new ArgumentError(
    'ERR_ARGUMENT',
    `chat: line ${number} must be { "role": "user", "content": "…" }, but it is ${line.length > 60 ? `${line.slice(0, 60)}…` : line}`,
  )
}

/** Carries out a line that begins with a slash; false for any other. */
function command(line: string, session: Session): boolean {
  if (!line.startsWith('/')) return false
  const said = session.messages.filter(({ role }) => role === 'user').length
  const [name, argument = '1', ...rest] = line.trim().split(/\s+/)
  const turns = name === '/reset' ? said : Number(argument)
  if ((name !== '/reset' && name !== '/rewind') || rest.length > 0) note('there are /rewind [n], /reset and /quit')
  else if (!(turns <= said) || !/^\d+$/.test(argument)) note(`/rewind takes a number of turns, 0 to ${said}`)
  else session.rewind(turns)
  return true
}

interface Conversation {
  readonly model: Model
  readonly session: Session
  readonly flags: ChatFlags
  readonly interrupts: ReturnType<typeof interruption>
}

async function answer(message: string, { model, session, flags, interrupts }: Conversation): Promise<void> {
  const signal = interrupts.begin()
  const bar = generationBar()
  try {
    const generation = session.send(message, { ...generateOptions(flags), signal, onProgress: bar.onProgress })
    try {
      for await (const { text } of generation) {
        bar.stop()
        if (!flags.json) printText(text)
      }
    } catch (error) {
      if (!(error instanceof AbortedError)) throw error
    } finally {
      bar.stop()
    }
    if (flags.json) return printJson(answerOf(generation, model))
    stdout.write('\n')
    noteAnswer(answerOf(generation, model))
    if (generation.stopReason === 'aborted') note('[taken back: the model does not remember this turn]')
  } catch (error) {
    // a person can shorten the conversation; a program gets the error as the end
    if (flags.json || !(error instanceof LophiError)) throw error
    stderr.write(errorLine(error.code, error.message))
  } finally {
    interrupts.end()
  }
}
