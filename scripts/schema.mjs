// The op schema for scripts that generate code.
import { readFileSync } from 'node:fs'
import ts from 'typescript'

/** The table of lib/ops/schema.ts, without a build. */
export async function readSchema() {
  const source = readFileSync(new URL('../lib/ops/schema.ts', import.meta.url), 'utf8')
  const { outputText } = ts.transpileModule(source, { compilerOptions: { module: 'esnext', target: 'es2023' } })
  const { schema } = await import(`data:text/javascript,${encodeURIComponent(outputText)}`)
  return schema
}

/** rmsNorm -> rms_norm, Q8_0 -> q8_0 */
export const snake = (name) => name.replace(/(?<=[a-z0-9])[A-Z]/g, (c) => `_${c}`).toLowerCase()
export const pascal = (name) => name[0].toUpperCase() + name.slice(1)

/** The schema's dtype classes, in the order of core/dtype.h. */
export const classes = {
  float: ['float32', 'float16', 'bfloat16'],
  number: ['float32', 'float16', 'bfloat16', 'int32'],
  any: ['float32', 'float16', 'bfloat16', 'int8', 'uint8', 'int4', 'uint4', 'int32', 'uint32'],
}

/**
 * dtypes that the schema allows an op: those of its first operand of several, "float[..., C]" -> float's; of a weight those
 * that it is read as; of what is made from attributes alone those of the attribute.
 */
export function dtypesOf(schema, op) {
  const { in: operands = {}, attrs = {} } = schema[op] ?? {}
  const words = Object.values(operands).map((spec) => /^\w+/.exec(spec)?.[0])
  const word = words.map((name) => (name === 'weight' ? 'float' : name)).find((name) => classes[name])
  const dtypes = classes[word ?? (attrs.dtype && 'any')]
  if (!dtypes) throw new Error(`${op} has no dtypes in the schema to make instances of a kernel for`)
  return dtypes
}
