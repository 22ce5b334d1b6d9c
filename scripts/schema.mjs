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
}

/** dtypes that the schema allows an op's first operand: "float[..., C]" -> float's; of a weight those that it is read as. */
export function dtypesOf(schema, op) {
  const [spec = ''] = Object.values(schema[op]?.in ?? {})
  const word = /^\w+/.exec(spec)?.[0]
  const dtypes = classes[word === 'weight' ? 'float' : word]
  if (!dtypes) throw new Error(`${op} has no dtypes in the schema to make instances of a kernel for`)
  return dtypes
}
