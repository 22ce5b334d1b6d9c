/** A token that is matched in the text itself, before the model sees it. */
export interface AddedToken {
  readonly id: number
  readonly content: string
  readonly singleWord: boolean
  /** Whether white space before (after) the token is part of it. */
  readonly lstrip: boolean
  readonly rstrip: boolean
  /** Matched in the normalised text instead of the raw one. */
  readonly normalized: boolean
  readonly special: boolean
}

/** UTF-16 offsets into a text, end exclusive. */
export interface TextRange {
  readonly start: number
  readonly end: number
}
export type TextPart = { readonly id: number } | TextRange

// Unicode White_Space as in the reference, which JavaScript's \s and trim are not: they have U+FEFF and lack U+0085.
const space = /\p{White_Space}/u
const spacesHere = /\p{White_Space}*/uy
const wordHere = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/uy
const wordBefore = /(?<=[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}])/uy

function matchesAt(pattern: RegExp, text: string, index: number): boolean {
  pattern.lastIndex = index
  return pattern.test(text)
}

function endOfSpaces(text: string, index: number): number {
  matchesAt(spacesHere, text, index)
  return spacesHere.lastIndex
}

function startOfSpaces(text: string, index: number, floor: number): number {
  // every White_Space character is one UTF-16 unit
  while (index > floor && space.test(text[index - 1] as string)) index--
  return index
}

/**
 * Splits a text on added tokens, leftmost and longest first. No token is matched where it would touch a range of
 * `literal` (ascending, disjoint).
 */
export function addedTokenSplitter(tokens: readonly AddedToken[]) {
  const byFirst = new Map<string, AddedToken[]>()
  for (const token of tokens.toSorted((a, b) => b.content.length - a.content.length)) {
    const first = token.content[0] as string
    const bucket = byFirst.get(first)
    if (bucket) bucket.push(token)
    else byFirst.set(first, [token])
  }

  return (text: string, literal: readonly TextRange[]): TextPart[] => {
    const parts: TextPart[] = []
    let begin = 0
    let nextLiteral = 0
    let index = 0
    while (index < text.length) {
      while (nextLiteral < literal.length && (literal[nextLiteral] as TextRange).end <= index) nextLiteral++
      const limit = literal[nextLiteral]?.start ?? text.length
      const token = byFirst
        .get(text[index] as string)
        ?.find((each) => index + each.content.length <= limit && text.startsWith(each.content, index))
      if (!token) {
        index++
        continue
      }
      const matchEnd = index + token.content.length
      const inWord = matchesAt(wordBefore, text, index) || matchesAt(wordHere, text, matchEnd)
      if (!(token.singleWord && inWord)) {
        const start = token.lstrip ? startOfSpaces(text, index, begin) : index
        if (begin < start) parts.push({ start: begin, end: start })
        parts.push({ id: token.id })
        begin = token.rstrip ? endOfSpaces(text, matchEnd) : matchEnd
      }
      index = matchEnd
    }
    if (begin < text.length) parts.push({ start: begin, end: text.length })
    return parts
  }
}
