// The package for a machine without npm: lib/ and test/ compiled, the addon, and vitest's runner without its bundler, whose binaries
// are those of the host. `node runner.mjs FILE...` in it runs compiled test files.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Writes to `into` what `addon` needs around it. Throws where TypeScript does not compile. */
export function writePackage(into, addon) {
  const options = ['--noEmit', 'false', '--outDir', into, '--rootDir', '.', '--declaration', 'false']
  const { status, error } = spawnSync('node_modules/.bin/tsc', ['-p', 'test', ...options], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error(error?.message ?? `tsc ended with ${status}`)

  const release = join(into, 'build/Release')
  mkdirSync(release, { recursive: true })
  copyFileSync(addon, join(release, 'lophi.node'))
  // `import 'vitest'` finds this before the real one
  const vitest = join(into, 'node_modules/vitest')
  mkdirSync(vitest, { recursive: true })
  copyFileSync(join(root, 'test/bare/vitest.mjs'), join(vitest, 'index.js'))
  writeFileSync(join(vitest, 'package.json'), '{ "name": "vitest", "type": "module", "main": "index.js" }\n')
  writeFileSync(join(into, 'package.json'), '{ "name": "lophi", "version": "0.0.0", "type": "module" }\n')
  copyFileSync(join(root, 'test/bare/runner.mjs'), join(into, 'runner.mjs'))
}
