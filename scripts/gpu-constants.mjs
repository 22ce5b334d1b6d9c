// node scripts/gpu-constants.mjs FOLDER: compiles test/gpu/constants.cu into FOLDER/constants.<arch>.cubin for every GPU that
// its constants.py may meet.
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { nvrtc } from './nvrtc.mjs'

const architectures = ['sm_80', 'sm_86', 'sm_89', 'sm_90', 'sm_100', 'sm_120']

const [folder] = process.argv.slice(2)
if (!folder) {
  console.error('usage: node scripts/gpu-constants.mjs FOLDER')
  process.exit(1)
}
mkdirSync(folder, { recursive: true })
const { compile } = nvrtc()
const source = fileURLToPath(new URL('../test/gpu/constants.cu', import.meta.url))
for (const arch of architectures) await compile(source, arch, `${folder}/constants.${arch}.cubin`)
