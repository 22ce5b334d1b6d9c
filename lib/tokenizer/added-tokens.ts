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

/** Finds the longest token that begins at `index` of a text and ends by `limit`: in time that grows with its length. */
function longestMatch(tokens: readonly AddedToken[]) {
  const sorted = tokens.toSorted((a, b) => (a.content < b.content ? -1 : a.content > b.content ? 1 : 0))
  const content = (rank: number) => (sorted[rank] as AddedToken).content
  const opens = new Uint8Array(0x10000)
  for (const token of tokens) opens[token.content.charCodeAt(0)] = 1

  /** The first of the tokens low..high - 1, equal before `depth`, whose unit there is `unit` or more. */
  function firstFrom(unit: number, depth: number, low: number, high: number): number {
    while (low < high) {
      const middle = (low + high) >> 1
      if (content(middle).charCodeAt(depth) < unit) low = middle + 1
      else high = middle
    }
    return low
  }

  return (text: string, index: number, limit: number): AddedToken | undefined => {
    if (opens[text.charCodeAt(index)] === 0) return undefined
    let found: AddedToken | undefined
    let low = 0
    let high = sorted.length
    for (let depth = 0; index + depth < limit; depth++) {
      const unit = text.charCodeAt(index + depth)
      low = firstFrom(unit, depth, low, high)
      high = firstFrom(unit + 1, depth, low, high)
      if (low === high) break
      if (content(low).length === depth + 1) found = sorted[low]
      while (low < high && content(low).length === depth + 1) low++
    }
    return found
  }
}

/**
 * Splits a text on added tokens, leftmost and longest first. No token is matched where it would touch a range of
 * `literal` (ascending, disjoint).
 */
export function addedTokenSplitter(tokens: readonly AddedToken[]) {
  const match = longestMatch(tokens)

  return (text: string, literal: readonly TextRange[]): TextPart[] => {
    const parts: TextPart[] = []
    let begin = 0
    let nextLiteral = 0
    let index = 0
    while (index < text.length) {
      while (nextLiteral < literal.length && (literal[nextLiteral] as TextRange).end <= index) nextLiteral++
      const token = match(text, index, literal[nextLiteral]?.start ?? text.length)
      if (!token) {
        index++
        continue
      }
      const matchEnd = index + token.content.length
      const inWord = token.singleWord && (matchesAt(wordBefore, text, index) || matchesAt(wordHere, text, matchEnd))
      if (!inWord) {
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
