import { Template } from '@huggingface/jinja'
import { ArgumentError, FormatError, UnsupportedModelError } from '../errors.js'
import type { TextRange } from './added-tokens.js'

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** A rendered conversation; `contents` are the ranges that messages fill, without white space around them. */
export interface RenderedChat {
  readonly text: string
  readonly contents: readonly TextRange[]
}

type Render = (messages: readonly ChatMessage[], addGenerationPrompt: boolean) => string

const roles = ['system', 'user', 'assistant']

function checkMessages(messages: readonly ChatMessage[]): void {
  if (!Array.isArray(messages)) throw new ArgumentError('ERR_ARGUMENT', 'chat: messages must be an array')
  messages.forEach((message, index) => {
    if (!roles.includes(message?.role)) {
      throw new ArgumentError(
        'ERR_ARGUMENT',
        `chat: messages[${index}].role must be system, user or assistant, but is ${JSON.stringify(message?.role)}`,
      )
    }
    if (typeof message.content !== 'string') {
      throw new ArgumentError(
        'ERR_ARGUMENT',
        `chat: messages[${index}].content must be a string, but is of type ${typeof message.content}`,
      )
    }
  })
}

const plainForm: Render = (messages, addGenerationPrompt) =>
  messages.map(({ role, content }) => `<|${role}|>\n${content}<|end|>\n`).join('') +
  (addGenerationPrompt ? '<|assistant|>\n' : '')

// that of Jinja's sandbox, in which Hugging Face renders templates
const maxRange = 100_000

/** Jinja's range, which gives no more than the memory holds. */
function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second]
  const count = Math.max(Math.ceil((stop - start) / step), 0)
  if (count <= maxRange) return Array.from({ length: count }, (_, i) => start + i * step)
  throw new Error(`range() must give at most ${maxRange} numbers, but gives ${count}`)
}

/** The library keeps `range` from being a variable of render, but not from being assigned in the template. */
function parseTemplate(source: string): Template {
  const template = new Template(source)
  template.parsed.body.unshift(...new Template('{% set range = bounded_range %}').parsed.body)
  return template
}

function templateForm(source: string, variables: Readonly<Record<string, string>>): Render {
  let template: Template | undefined
  return (messages, addGenerationPrompt) => {
    try {
      template ??= parseTemplate(source)
    } catch (error) {
      throw new FormatError('chat template', error instanceof Error ? error.message : String(error))
    }
    try {
      const plain = messages.map(({ role, content }) => ({ role, content }))
      const given = { ...variables, messages: plain, add_generation_prompt: addGenerationPrompt }
      return template.render({ ...given, bounded_range: range })
    } catch (error) {
      throw new ArgumentError(
        'ERR_ARGUMENT',
        `chat template: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }
}

// private-use characters around the index of a message stand for its content while the template runs
const standIn = (index: number) => `\ue000${index}\ue001`
const standInPattern = /\ue000(\d+)\ue001/g

/** Messages whose text is a stand-in. White space around it stays, so that a template which trims still trims. */
function standIns(messages: readonly ChatMessage[]): ChatMessage[] {
  return messages.map(({ role, content }, index) => {
    const core = content.trim()
    return { role, content: core === '' ? content : content.replace(core, standIn(index)) }
  })
}

/** Which system messages are missing from the text that `render` makes, or all where it refuses them. */
function droppedSystem(render: Render, messages: readonly ChatMessage[]): ReadonlySet<number> {
  const system = messages.flatMap(({ role, content }, index) =>
    role === 'system' && content.trim() !== '' ? [index] : [],
  )
  if (system.length === 0) return new Set()
  let rendered: string
  try {
    rendered = render(standIns(messages), true)
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error
    return new Set(system)
  }
  return new Set(system.filter((index) => !rendered.includes(standIn(index))))
}

/** Puts system messages that the template drops in front of the next user turn, with an empty line between. */
function keepSystem(render: Render, messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const dropped = droppedSystem(render, messages)
  if (dropped.size === 0) return messages
  const kept: ChatMessage[] = []
  let waiting: string[] = []
  messages.forEach((message, index) => {
    if (dropped.has(index)) waiting.push(message.content)
    else if (message.role === 'user') {
      kept.push({ role: 'user', content: [...waiting, message.content].join('\n\n') })
      waiting = []
    } else kept.push(message)
  })
  if (waiting.length > 0) {
    throw new ArgumentError(
      'ERR_ARGUMENT',
      'chat: messages must have a user turn after the system message, which the template drops',
    )
  }
  return kept
}

export interface ChatFormat {
  text(messages: readonly ChatMessage[], addGenerationPrompt: boolean): string
  /** Also says where the contents are; refuses a template that changes them by more than trimming. */
  marked(messages: readonly ChatMessage[], addGenerationPrompt: boolean): RenderedChat
}

/** `knows` says whether a text is a token of the vocabulary. */
export function chatFormat(
  template: string | null,
  variables: Readonly<Record<string, string>>,
  knows: (token: string) => boolean,
): ChatFormat {
  const render = template === null ? plainForm : templateForm(template, variables)

  function prepare(messages: readonly ChatMessage[]): readonly ChatMessage[] {
    checkMessages(messages)
    if (template === null && !['<|system|>', '<|user|>', '<|assistant|>', '<|end|>'].every(knows)) {
      throw new UnsupportedModelError(
        'chat: the model has no chat template, and its vocabulary lacks the tokens of the plain form',
      )
    }
    return keepSystem(render, messages)
  }

  return {
    text: (messages, addGenerationPrompt) => render(prepare(messages), addGenerationPrompt),
    marked(messages, addGenerationPrompt) {
      const prepared = prepare(messages)
      const contents: TextRange[] = []
      let text = ''
      let copied = 0
      const rendered = render(standIns(prepared), addGenerationPrompt)
      for (const match of rendered.matchAll(standInPattern)) {
        text += rendered.slice(copied, match.index)
        const start = text.length
        text += prepared[Number(match[1])]?.content.trim() ?? match[0]
        if (text.length > start) contents.push({ start, end: text.length })
        copied = match.index + match[0].length
      }
      text += rendered.slice(copied)
      if (text !== render(prepared, addGenerationPrompt)) {
        throw new UnsupportedModelError(
          'chat: contents cannot be encoded literally, because the chat template changes them',
        )
      }
      return { text, contents }
    },
  }
}
