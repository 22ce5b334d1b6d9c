/** Texts of the Phi family's tokens that end a turn; files often name only one of them. */
export const turnEnds: readonly string[] = ['<|end|>', '<|endoftext|>', '<|im_end|>']
