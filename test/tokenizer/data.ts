import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readGguf } from '../../lib/formats/gguf/read.js'
import type { TokenizerSource } from '../../lib/formats/source.js'
import { createTokenizer, type Tokenizer } from '../../lib/tokenizer/index.js'
import type { Random } from '../support/random.js'
import { sharedData } from '../support/shared.js'

export function readJson(path: string) {
  return JSON.parse(readFileSync(path, 'utf8'))
}

function folder(name: string): TokenizerSource | null {
  const path = sharedData(name)
  if (path === null) return null
  const config = readJson(join(path, 'tokenizer_config.json'))
  return {
    kind: 'huggingface',
    tokenizer: readJson(join(path, 'tokenizer.json')),
    config,
    chatTemplate: config.chat_template,
  }
}

async function vocabulary(): Promise<TokenizerSource | null> {
  const path = sharedData('ggml-vocab-phi-3/ggml-vocab-phi-3.gguf')
  if (path === null) return null
  const { metadata } = await readGguf(path)
  return { kind: 'gguf', metadata, chatTemplate: String(metadata.get('tokenizer.chat_template')) }
}

const open = (source: TokenizerSource | null): Tokenizer | null => source && createTokenizer(source)

/** Role tokens swallow the white space after them. */
export const earlySource = folder('phi3-mini-directml-int4')
/** They do not, and BOS is asked for. */
export const lateSource = folder('phi3-vision-tokenizer')
export const ggufSource = await vocabulary()
export const tinySource = folder('tiny-phi3')

export const early = open(earlySource)
export const late = open(lateSource)
export const gguf = open(ggufSource)
export const tiny = open(tinySource)

export const all = Object.entries({ early, late, gguf, tiny }).flatMap(([name, tokenizer]) =>
  tokenizer ? [{ name, tokenizer }] : [],
)

const words = [
  'Hello',
  ' world',
  'the ',
  '\n',
  '\t',
  '  ',
  'é',
  '日本語',
  '🦙',
  '안녕',
  'a1b2',
  '...',
  '====',
  '\ufeff',
  '\u0085',
  '<|',
  '|>',
  '\u0301',
]

/** Text of everyday and awkward words; no role token. */
export function randomText(random: Random, most = 12): string {
  const word = () =>
    random.uniform() < 0.2
      ? String.fromCodePoint(random.integer(0x21, 0xd7ff))
      : words[random.integer(0, words.length - 1)]
  return Array.from({ length: random.integer(1, most) }, word).join('')
}
