/** What a device lacks, and what it takes less of than the schema allows: the visible list of what is missing. By backend. */
interface Missing {
  readonly ops: readonly string[]
  /** Messages without the op: the ops that give them. */
  readonly calls: Readonly<Record<string, readonly string[]>>
}

export const missing: Readonly<Record<string, Missing>> = {
  cpu: { ops: [], calls: {} },
  cuda: {
    ops: [],
    calls: {},
  },
  dml: {
    ops: [],
    calls: {},
  },
}
