import { byteCharacters } from './byte-characters.js'

/** How pieces become text. */
export type Decoding =
  /** `mark` stands for a space, `<0xNN>` for a byte; `strip` leading spaces of the whole text are dropped. */
  | { readonly kind: 'sentencepiece'; readonly mark: string; readonly strip: number }
  /** Every character of a piece stands for one byte (GPT-2's table). */
  | { readonly kind: 'byteLevel' }

/** Takes one piece at a time and gives the text that is certain so far; `end` gives what was held back. */
export interface PieceDecoder {
  push(piece: string): string
  end(): string
}

export function pieceDecoder(decoding: Decoding): PieceDecoder {
  return decoding.kind === 'byteLevel' ? byteLevelDecoder() : sentencePieceDecoder(decoding.mark, decoding.strip)
}

const replacement = '\ufffd'
const bytePiece = /^<0x([0-9A-Fa-f]{2})>$/

/** Length of the UTF-8 sequence that `byte` opens, 0 where it opens none. */
function sequenceLength(byte: number): number {
  if (byte < 0x80) return 1
  if (byte < 0xc2 || byte > 0xf4) return 0
  return byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
}

/** Bytes to text, a character as soon as it is complete; an invalid byte gives one U+FFFD. */
function byteDecoder() {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let pending: number[] = []

  function character(bytes: number[]): string | null {
    try {
      return utf8.decode(Uint8Array.from(bytes))
    } catch {
      return null
    }
  }

  /** Takes what is decided from the front of `pending`. */
  function take(): string {
    let text = ''
    while (pending.length > 0) {
      const length = sequenceLength(pending[0] as number)
      const broken = length === 0 || pending.slice(1, length).some((byte) => byte >> 6 !== 0b10)
      if (!broken && pending.length < length) break
      const decoded = broken ? null : character(pending.slice(0, length))
      text += decoded ?? replacement
      pending = pending.slice(decoded === null ? 1 : length)
    }
    return text
  }

  return {
    push(byte: number): string {
      pending.push(byte)
      return take()
    },
    end(): string {
      const text = replacement.repeat(pending.length)
      pending = []
      return text
    },
  }
}

function sentencePieceDecoder(mark: string, strip: number): PieceDecoder {
  const bytes = byteDecoder()
  let left = strip

  function emit(text: string): string {
    while (left > 0 && text !== '') {
      if (!text.startsWith(' ')) left = 0
      else {
        text = text.slice(1)
        left--
      }
    }
    return text
  }

  return {
    push(piece: string): string {
      const byte = bytePiece.exec(piece)
      if (byte) return emit(bytes.push(Number.parseInt(byte[1] as string, 16)))
      return emit(bytes.end() + piece.replaceAll(mark, ' '))
    },
    end: () => emit(bytes.end()),
  }
}

const byteOfCharacter: ReadonlyMap<string, number> = new Map(byteCharacters.map((character, byte) => [character, byte]))

function byteLevelDecoder(): PieceDecoder {
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  return {
    push(piece: string): string {
      const bytes = Array.from(piece, (character) => byteOfCharacter.get(character))
      // an added token may hold characters outside the table, such as a space: it stands for itself
      const whole = bytes.every((byte) => byte !== undefined)
      return utf8.decode(whole ? Uint8Array.from(bytes as number[]) : new TextEncoder().encode(piece), { stream: true })
    },
    end: () => utf8.decode(),
  }
}
