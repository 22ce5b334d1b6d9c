import { readFileSync } from 'node:fs'

// lib/cli and dist/cli lie equally deep in the package
const manifest = new URL('../../package.json', import.meta.url)

/** The version of the package. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}
