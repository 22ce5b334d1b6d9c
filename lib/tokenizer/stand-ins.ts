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

type RenderMessages = (messages: readonly ChatMessage[]) => string

// private-use characters around the index of a message stand for its content while the template runs
const standIn = (index: number) => `\ue000${index}\ue001`
const standInPattern = /\ue000(\d+)\ue001/

/** Messages whose text is a stand-in. White space around it stays, so that a template which trims still trims. */
export function standIns(messages: readonly ChatMessage[], replaced = (_index: number) => true): ChatMessage[] {
  return messages.map(({ role, content }, index) => {
    const core = content.trim()
    return { role, content: core === '' || !replaced(index) ? content : content.replace(core, () => standIn(index)) }
  })
}

export function hasStandIn(rendered: string, index: number): boolean {
  return rendered.includes(standIn(index))
}

/** What the template writes, texts.length = slots.length + 1, and the messages whose contents it puts in between. */
interface Frame {
  readonly texts: string[]
  readonly slots: number[]
}

function frameOf(rendered: string): Frame {
  const parts = rendered.split(standInPattern)
  return {
    texts: parts.filter((_, at) => at % 2 === 0),
    slots: parts.filter((_, at) => at % 2 === 1).map(Number),
  }
}

function fill({ texts, slots }: Frame, values: readonly string[]): RenderedChat {
  const contents: TextRange[] = []
  let text = texts[0] as string
  slots.forEach((_, at) => {
    const start = text.length
    text += values[at] as string
    if (text.length > start) contents.push({ start, end: text.length })
    text += texts[at + 1] as string
  })
  return { text, contents }
}

/**
 * The text of a conversation, and which of it is not the template's own. The template is rendered with stand-ins to see
 * where it puts contents. Where it changes some, every other message is rendered as it is between the stand-ins of its
 * neighbours, and what then stands between the template's own texts is what it made of the content.
 */
export function renderMarked(render: RenderMessages, messages: readonly ChatMessage[]): RenderedChat {
  const text = render(messages)
  const frame = frameOf(render(standIns(messages)))
  const values = frame.slots.map((index) => messages[index]?.content.trim() ?? standIn(index))
  const passed = fill(frame, values)
  if (passed.text === text) return passed
  for (const parity of [0, 1]) {
    const mixed = frameOf(render(standIns(messages, (index) => index % 2 !== parity)))
    takeChanged(frame, mixed, values, (index) => index % 2 === parity)
  }
  const changed = fill(frame, values)
  return changed.text === text ? changed : guarded(text, frame)
}

/**
 * Reads from `mixed`, in which only the slots that are not `wanted` are left, what fills the others. Several in a row
 * become one, with the text between them, unless their contents passed unchanged.
 */
function takeChanged(
  { texts, slots }: Frame,
  mixed: Frame,
  values: string[],
  wanted: (index: number) => boolean,
): void {
  let segment = 0
  for (let begin = 0; begin <= slots.length; begin++) {
    let end = begin
    while (end < slots.length && wanted(slots[end] as number)) end++
    if (slots[end] !== mixed.slots[segment]) return
    const between = mixed.texts[segment++] as string
    const part = { texts: texts.slice(begin, end + 1), slots: slots.slice(begin, end) }
    if (fill(part, values.slice(begin, end)).text !== between && end > begin) {
      const [before, after] = [texts[begin] as string, texts[end] as string]
      const fits = between.length >= before.length + after.length
      if (!fits || !between.startsWith(before) || !between.endsWith(after)) return
      values.splice(begin, end - begin, between.slice(before.length, between.length - after.length))
      slots.splice(begin, end - begin, slots[begin] as number)
      texts.splice(begin + 1, end - begin - 1)
      end = begin + 1
    }
    begin = end
  }
}

/** Where it cannot be told what is whose, only what the template opens and ends every text with is its own. */
function guarded(text: string, { texts }: Frame): RenderedChat {
  const opening = texts[0] as string
  const ending = texts.at(-1) as string
  let start = 0
  while (start < opening.length && text[start] === opening[start]) start++
  let end = text.length
  while (end > start && text.length - end < ending.length && text[end - 1] === ending.at(end - text.length - 1)) end--
  return { text, contents: start < end ? [{ start, end }] : [] }
}
