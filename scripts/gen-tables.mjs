// Writes native/core/tables.gen.h: the lists that JavaScript and native code share, from lib/dtype.ts and
// lib/formats/weight-formats.ts. Run by `npm run gen`.
import { readFileSync, writeFileSync } from 'node:fs'
import ts from 'typescript'

const root = new URL('..', import.meta.url)
async function load(file) {
  const source = readFileSync(new URL(file, root), 'utf8')
  const { outputText } = ts.transpileModule(source, { compilerOptions: { module: 'esnext', target: 'es2023' } })
  return import(`data:text/javascript,${encodeURIComponent(outputText)}`)
}
const { dtypes, bitsOf } = await load('lib/dtype.ts')
const { formatTable, weightPackings, zeroTypes } = await load('lib/formats/weight-formats.ts')

/** 'q4_0' -> 'kQ4_0', 'iq4_nl' -> 'kIq4Nl': digits keep their underscore. */
const constant = (word) => `k${word.replace(/(^|_)([a-z])/g, (_, _underscore, letter) => letter.toUpperCase())}`
const list = (words) => words.map((word) => JSON.stringify(word)).join(', ')

function table(name, comment, words) {
  return `// ${comment}
enum class ${name} : uint8_t { ${words.map(constant).join(', ')} };
inline constexpr const char* k${name}Names[] = {${list(words)}};
inline constexpr int k${name}Count = ${words.length};
constexpr const char* name_of(${name} value) { return k${name}Names[static_cast<int>(value)]; }
`
}

const formats = Object.entries(formatTable)
writeFileSync(
  new URL('native/core/tables.gen.h', root),
  `// Generated from lib/dtype.ts and lib/formats/weight-formats.ts by npm run gen; do not edit.
// clang-format off
#pragma once
#include <cstdint>

namespace lophi {

${table('DType', '4-bit types hold two elements a byte, low nibble first.', dtypes)}
constexpr int bits_of(DType dtype) {
  constexpr int kBits[] = {${dtypes.map((dtype) => bitsOf[dtype]).join(', ')}};
  return kBits[static_cast<int>(dtype)];
}

${table(
  'WeightFormat',
  'What each looks like is said in lib/formats/weight-formats.ts.',
  formats.map(([name]) => name),
)}
// How a row of K values lies in memory: K / block units of \`bytes\` bytes. int4 and int8 have groups of any size instead.
struct FormatInfo {
  int block;  // values per unit; K must be a multiple
  int bytes;  // bytes per unit
};
constexpr FormatInfo info_of(WeightFormat format) {
  constexpr FormatInfo kInfos[] = {${formats.map(([, { block, bytes }]) => `{${block}, ${bytes}}`).join(', ')}};
  return kInfos[static_cast<int>(format)];
}

${table('WeightPacking', 'What each looks like is said in lib/formats/weight-formats.ts.', weightPackings)}
${table('ZeroType', 'Zero points of int4 and int8.', zeroTypes)}
}  // namespace lophi
`,
)
