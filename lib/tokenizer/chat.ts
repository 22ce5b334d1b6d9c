import { ArgumentError, UnsupportedModelError } from '../errors.js'
import { type ChatMessage, hasStandIn, type RenderedChat, renderMarked, standIns } from './stand-ins.js'
import { readTemplate } from './template.js'

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

function templateForm(source: string, variables: Readonly<Record<string, string>>): Render {
  const render = readTemplate(source)
  return (messages, addGenerationPrompt) => {
    const plain = messages.map(({ role, content }) => ({ role, content }))
    const characters = plain.reduce((sum, { content }) => sum + content.length, 0)
    // without tools and documents these are none, which is not the same as not defined
    const bound = { tools: null, documents: null, messages: plain, add_generation_prompt: addGenerationPrompt }
    return render({ ...variables, ...bound }, { messages: plain.length, characters })
  }
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
  return new Set(system.filter((index) => !hasStandIn(rendered, index)))
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
  /** Also says where the contents are, or what the template made of them. */
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
    marked: (messages, addGenerationPrompt) =>
      renderMarked((prepared) => render(prepared, addGenerationPrompt), prepare(messages)),
  }
}
