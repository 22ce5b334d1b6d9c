// tokenizer.json put together by hand, so that tests can bend each field.

import { patterns } from '../../lib/tokenizer/patterns.js'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export const token = (id: number, content: string, flags: Record<string, Json> = {}) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
  ...flags,
})

/** SentencePiece in tokenizer.json, with two tokens after its six pieces. */
export function sentencePiece(): { [key: string]: Json } {
  return {
    added_tokens: [token(0, '<unk>'), token(6, '<|end|>', { rstrip: true }), token(7, '<s>')],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      vocab: { '<unk>': 0, '▁': 1, a: 2, b: 3, ab: 4, '▁ab': 5 },
      merges: ['a b', '▁ ab'],
      unk_token: '<unk>',
      byte_fallback: true,
      fuse_unk: true,
      dropout: null,
    },
  }
}

/** Byte-level BPE as Phi-4 has it, over the 256 characters of GPT-2's table and two merges. */
export function byteLevel(): { [key: string]: Json } {
  const printable = (byte: number) => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad)
  let next = 0x100
  const alphabet = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++))
  const pieces = [...alphabet, 'Ġa', 'bc']
  return {
    added_tokens: [token(258, '<|end|>', { lstrip: true, rstrip: true }), token(259, 'two words', { special: false })],
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: patterns.cl100k }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false },
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges: [
        ['Ġ', 'a'],
        ['b', 'c'],
      ],
    },
  }
}
