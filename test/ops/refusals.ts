/** What a device lacks, and what it takes less of than the schema allows: the visible list of what is missing. By backend. */
interface Missing {
  readonly ops: readonly string[]
  /** Messages without the op: the ops that give them. */
  readonly calls: Readonly<Record<string, readonly string[]>>
}

const onDml = (dtype: string) => `operands must be float32 or float16 on dml, but one is ${dtype}`

export const missing: Readonly<Record<string, Missing>> = {
  cpu: { ops: [], calls: {} },
  cuda: {
    ops: [],
    calls: {},
  },
  dml: {
    ops: 'addRmsNorm sum mean max argmax softmax topK concat slice transpose cast zeros full arange quantize dequantize'.split(
      ' ',
    ),
    calls: {
      [onDml('bfloat16')]: ['rmsNorm'],
      [onDml('int4')]: ['gather'],
      [onDml('int8')]: ['gather'],
      [onDml('uint4')]: ['gather'],
      [onDml('uint8')]: ['gather'],
      [onDml('uint32')]: ['gather'],
    },
  },
}
