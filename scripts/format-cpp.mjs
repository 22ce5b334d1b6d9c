// node scripts/format-cpp.mjs [--check]: .clang-format over native/, test/simt/ and scripts/, generated files left out.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { format } from '@wasm-fmt/clang-format'

const root = new URL('..', import.meta.url)
const check = process.argv.includes('--check')
const style = readFileSync(new URL('.clang-format', root), 'utf8')
const sources = ['native', 'test/simt', 'scripts'].flatMap((folder) =>
  readdirSync(new URL(folder, root), { recursive: true })
    .filter((file) => /\.(cpp|h|inl|cu|cuh)$/.test(file) && !file.includes('.gen.'))
    .map((file) => `${folder}/${file.replaceAll('\\', '/')}`),
)

let different = 0
for (const source of sources.sort()) {
  const file = new URL(source, root)
  const text = readFileSync(file, 'utf8')
  const formatted = format(text, source, style)
  if (formatted === text) continue
  different++
  console.log(check ? `${source}: not formatted` : source)
  if (!check) writeFileSync(file, formatted)
}
if (check && different > 0) {
  console.error(
    `${different} of ${sources.length} C++ files differ from .clang-format; \`npm run format\` rewrites them`,
  )
  process.exit(1)
}
