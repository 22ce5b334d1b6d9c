// Writes prebuilds/<platform>-<arch>/lophi[.libc].node, stripped, under the names that node-gyp-build looks for.
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import prebuildify from 'prebuildify'

const root = fileURLToPath(new URL('..', import.meta.url))
// prebuildify moves what it finds in <cwd>/build/Release: it works here, not in the checkout's own build/.
const cwd = `${root}build/prebuild`
mkdirSync(cwd, { recursive: true })

await promisify(prebuildify)({
  name: 'lophi',
  cwd,
  out: root,
  napi: true,
  strip: process.platform !== 'win32',
  tagLibc: process.platform === 'linux',
  nodeGyp: `node ${JSON.stringify(`${root}scripts/cmake-as-gyp.mjs`)}`,
  shell: true,
})
const folder = `${root}prebuilds/${process.platform}-${process.arch}`
if (!existsSync(folder)) throw new Error(`${folder}: prebuildify wrote nothing`)
console.log(`${folder}: ${readdirSync(folder).join(' ')}`)
