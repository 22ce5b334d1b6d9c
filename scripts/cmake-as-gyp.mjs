// Stands in for node-gyp under prebuildify: builds as `npm run build:native` does, whatever gyp's options say (--target means
// something else to CMake), and puts a copy where prebuildify takes it from, <cwd>/build/Release.
import { cpSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

await import('./build.mjs')
cpSync(fileURLToPath(new URL('../build/Release/lophi.node', import.meta.url)), 'build/Release/lophi.node')
