/** Far above every published model; products of two of these stay exact. */
export const limits = {
  width: 2 ** 20,
  layers: 2 ** 12,
  heads: 2 ** 12,
  headDim: 2 ** 12,
  vocab: 2 ** 24,
  positions: 2 ** 30,
} as const
