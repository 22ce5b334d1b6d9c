// How texts are cut into words before bytes merge. A file's own expression is never run: one that backtracks without end
// would hold the thread. Those below are known by their text, and take time in line with the text's length.

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const spaces = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`
const cl100kWith = (digits: string) =>
  String.raw`${contractions}|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|${spaces}`
const upper = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
const lower = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
const gpt2Words = String.raw` ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

/** As tokenizer.json publishes them; Phi-4 and Llama 3 have cl100k, Phi-4-mini o200k. */
export const patterns = {
  gpt2: `'(?:[sdmt]|ll|ve|re)|${gpt2Words}`,
  cl100k: cl100kWith(String.raw`\p{N}{1,3}`),
  qwen2: cl100kWith(String.raw`\p{N}`),
  o200k: [
    String.raw`[^\r\n\p{L}\p{N}]?${upper}*${lower}+${contractions}?`,
    String.raw`[^\r\n\p{L}\p{N}]?${upper}+${lower}*${contractions}?`,
    String.raw`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${spaces}`,
  ].join('|'),
} as const

const published: readonly string[] = [...Object.values(patterns), `'s|'t|'re|'ve|'m|'ll|'d|${gpt2Words}`]

/** A published expression in JavaScript's dialect; null for any other. */
export function wordPattern(text: string): RegExp | null {
  if (!published.includes(text)) return null
  // without regard to case also means the long s; \s means White_Space, which in JavaScript it does not
  const contraction = "(?:'[sS\u017f]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
  const own = text
    .replaceAll(contractions, contraction)
    .replaceAll(String.raw`\s`, String.raw`\p{White_Space}`)
    .replaceAll(String.raw`\S`, String.raw`\P{White_Space}`)
  return new RegExp(own, 'gu')
}
