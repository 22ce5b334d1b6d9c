import { readFileSync } from 'node:fs'
import ts from 'typescript'

/** The table of lib/ops/schema.ts, without a build. */
export async function readSchema() {
  const source = readFileSync(new URL('../lib/ops/schema.ts', import.meta.url), 'utf8')
  const { outputText } = ts.transpileModule(source, { compilerOptions: { module: 'esnext', target: 'es2023' } })
  const { schema } = await import(`data:text/javascript,${encodeURIComponent(outputText)}`)
  return schema
}
