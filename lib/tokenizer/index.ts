import { ArgumentError } from '../errors.js'
import { type TokenizerSource, turnEnds } from '../formats/source.js'
import { chatFormat } from './chat.js'
import { pieceDecoder } from './detokenizer.js'
import { rewriteGguf } from './gguf.js'
import { readPipeline } from './huggingface.js'
import type { ChatMessage } from './stand-ins.js'

export type { ChatMessage }

export interface EncodeOptions {
  /** Whether added tokens written in the text are recognised (default true); false encodes them as ordinary pieces. */
  special?: boolean
  /** Default: the package's own flag. */
  addBos?: boolean
  /** Ids at most; a text that needs more is refused (ERR_CONTEXT_OVERFLOW), and a far longer one before it is encoded. */
  limit?: number
}

export interface DecodeOptions {
  /** Leaves special tokens out (default true). */
  skipSpecial?: boolean
}

export interface ChatOptions {
  /** Opens the assistant's turn (default true). */
  addGenerationPrompt?: boolean
}

export interface EncodeChatOptions extends ChatOptions {
  /** Whether added tokens written in the contents are recognised (default true); those of the template always are. */
  special?: boolean
  /** As in `encode`. */
  limit?: number
}

/** Text of one id at a time; the parts together equal `decode` of the whole list. */
export interface TokenStream {
  push(id: number): string
  /** What was held back: bytes that no character came of, each as U+FFFD. */
  end(): string
}

export interface Tokenizer {
  /** Ids count to here, padding included. */
  readonly vocabSize: number
  readonly bosId: number | null
  /** Tokens that end a text or a turn, ascending. */
  readonly eosIds: readonly number[]
  encode(text: string, options?: EncodeOptions): number[]
  /**
   * Ids that are no token decode to ''. A byte that is part of no UTF-8 character gives one U+FFFD; unlike in Hugging
   * Face's decoder, whole characters beside it survive, since a stream has already given them.
   */
  decode(ids: Iterable<number>, options?: DecodeOptions): string
  stream(options?: DecodeOptions): TokenStream
  /** The text of an id as the vocabulary has it; '' for padding. */
  piece(id: number): string
  idOf(token: string): number | null
  /** Whether decoding skips the id. */
  isSpecial(id: number): boolean
  /**
   * The conversation as the model's own template writes it, or in Phi-3's plain form where it has none. A system
   * message that the template drops or refuses goes in front of the next user turn, with an empty line between.
   */
  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatOptions): string
  /** Ids of the conversation, with the BOS that the template writes; a GGUF that asks for one has it in any case, once. */
  encodeChat(messages: readonly ChatMessage[], options?: EncodeChatOptions): number[]
}

/** A lone surrogate is no character: U+FFFD, one unit long like it. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd')
}

function checkText(text: string): void {
  if (typeof text === 'string') return
  throw new ArgumentError('ERR_ARGUMENT', `encode: text must be a string, but is of type ${typeof text}`)
}

function checkId(id: number): void {
  if (Number.isSafeInteger(id) && id >= 0) return
  throw new ArgumentError('ERR_OUT_OF_RANGE', `decode: id must be an integer of 0 or more, but is ${String(id)}`)
}

/** `vocabSize` is the model's: it may have more rows than the tokenizer has tokens, and tokens without a row are none. */
export function createTokenizer(source: TokenizerSource, options: { vocabSize?: number } = {}): Tokenizer {
  const rewritten = source.kind === 'gguf' ? rewriteGguf(source.metadata) : { ...source, eotId: null, size: 0 }
  const pipeline = readPipeline(rewritten.tokenizer, rewritten.config, options.vocabSize ?? Number.POSITIVE_INFINITY)
  const { vocabulary, bosId, namedTokens } = pipeline
  const vocabSize = options.vocabSize ?? Math.max(rewritten.size, vocabulary.size)

  const idOf = (token: string): number | null => vocabulary.ids.get(token) ?? null
  const isSpecial = (id: number): boolean => vocabulary.special.has(id)
  const ends = turnEnds.map(idOf)
  const eosIds = [...new Set([pipeline.eosId, rewritten.eotId, ...ends])]
    .filter((id) => id !== null)
    .toSorted((a, b) => a - b)
  const chat = chatFormat(source.chatTemplate, namedTokens, (token) => vocabulary.ids.has(token))

  function stream({ skipSpecial = true }: DecodeOptions = {}): TokenStream {
    const decoder = pieceDecoder(pipeline.decoding)
    return {
      push(id) {
        checkId(id)
        const piece = vocabulary.pieces.get(id)
        return piece === undefined || (skipSpecial && isSpecial(id)) ? '' : decoder.push(piece)
      },
      end: () => decoder.end(),
    }
  }

  return {
    vocabSize,
    bosId,
    eosIds,
    encode(text, { special = true, addBos = pipeline.addBos, limit } = {}) {
      checkText(text)
      const valid = wellFormed(text)
      const literal = special || valid === '' ? [] : [{ start: 0, end: valid.length }]
      const ids = pipeline.encode(valid, literal, limit)
      if (!addBos) return ids
      if (bosId === null)
        throw new ArgumentError('ERR_ARGUMENT', 'encode: addBos must be false, but the tokenizer has no BOS')
      return [bosId, ...ids]
    },
    decode(ids, decodeOptions) {
      const parts = stream(decodeOptions)
      let text = ''
      for (const id of ids) text += parts.push(id)
      return text + parts.end()
    },
    stream,
    piece(id) {
      checkId(id)
      return vocabulary.pieces.get(id) ?? ''
    },
    idOf,
    isSpecial,
    applyChatTemplate: (messages, { addGenerationPrompt = true } = {}) => chat.text(messages, addGenerationPrompt),
    encodeChat(messages, { addGenerationPrompt = true, special = true, limit } = {}) {
      const { text, contents } = special
        ? { text: chat.text(messages, addGenerationPrompt), contents: [] }
        : chat.marked(messages, addGenerationPrompt)
      const ids = pipeline.encode(wellFormed(text), contents, limit)
      // llama.cpp's rule for GGUF; elsewhere a conversation has the BOS that its template writes
      const addBos = source.kind === 'gguf' && pipeline.addBos
      return addBos && bosId !== null && ids[0] !== bosId ? [bosId, ...ids] : ids
    },
  }
}
