// node scripts/sources.mjs FOLDER...: the sources below native/FOLDER, for binding.gyp. isa_<name>.cpp files that need flags of
// their own are left out, since they are targets of their own there.
import { readdirSync } from 'node:fs'

const ownTarget = /(^|\/)isa_(avx\w+)\.cpp$/
const root = new URL('..', import.meta.url)

for (const folder of process.argv.slice(2)) {
  const sources = readdirSync(new URL(`native/${folder}`, root), { recursive: true })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.cpp') && !ownTarget.test(file))
  for (const file of sources.sort()) console.log(`native/${folder}/${file}`)
}
