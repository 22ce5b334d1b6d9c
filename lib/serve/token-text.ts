import type { Token } from '../generate/token-reader.js'
import type { Tokenizer } from '../tokenizer/index.js'

/** The text of a token as it stands inside a text, and its bytes; null where they are no characters by themselves. */
export function tokenText(tokenizer: Tokenizer | null, id: number): { token: string; bytes: number[] | null } {
  if (!tokenizer) return { token: `${id}`, bytes: null }
  const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(tokenizer.piece(id))
  // behind another: at the beginning of a text a space would go
  const stream = tokenizer.stream({ skipSpecial: false })
  for (const before of tokenizer.encode('a', { addBos: false })) stream.push(before)
  const token = stream.push(id) + stream.end()
  if (byte) return { token, bytes: [Number.parseInt(byte[1] as string, 16)] }
  return { token, bytes: token.includes('\ufffd') ? null : [...Buffer.from(token)] }
}

/** Of a chat: a token with the likeliest in its place. */
export function chatLogprob(tokenizer: Tokenizer | null, { id, logprob, top = [] }: Token) {
  const of = (each: { readonly id: number; readonly logprob: number }) => ({
    ...tokenText(tokenizer, each.id),
    logprob: each.logprob,
  })
  return { ...of({ id, logprob }), top_logprobs: top.map(of) }
}
