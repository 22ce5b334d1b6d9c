// Writes what follows from lib/ops/schema.ts: native/core/ops.gen.h, native/core/ops.gen.cpp and docs/ops.md, and with the
// kernels of the GPU backends native/cuda/kernels.gen.h and native/dml/shaders.gen.h. Run by `npm run gen`; CI fails when one is stale.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cudaHeader } from './cuda-kernels.mjs'
import { hlslHeader } from './hlsl-kernels.mjs'
import { pascal, readSchema, snake } from './schema.mjs'

const root = new URL('..', import.meta.url)
const schema = await readSchema()

/** What has not changed keeps its time, so that nothing is built anew for it. */
function write(path, text) {
  const file = new URL(path, root)
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text)
}

const quote = (text) => JSON.stringify(text)
const isWeight = (spec) => spec.startsWith('weight')
const isOptional = (spec) => spec.endsWith('?')
const isVariadic = (spec) => spec.endsWith('*')

/** 'int = 0' -> { type: 'int' }; 'dtype float' -> { type: 'dtype' }; 'f32 | int8 = f32' -> { type: 'choice', words: [...] } */
function attribute(spec) {
  const [left] = spec.split('=').map((part) => part.trim())
  return left.includes('|')
    ? { type: 'choice', words: left.split('|').map((w) => w.trim()) }
    : { type: left.split(' ')[0] }
}

const cpp = {
  int: { type: 'int64_t', read: (i) => `call.attributes[${i}].integer` },
  float: { type: 'double', read: (i) => `call.attributes[${i}].number` },
  bool: { type: 'bool', read: (i) => `call.attributes[${i}].integer != 0` },
  dtype: { type: 'DType', read: (i) => `static_cast<DType>(call.attributes[${i}].integer)` },
  ints: { type: 'std::span<const int64_t>', read: (i) => `call.attributes[${i}].integers` },
}

/** One struct per op: named references into a checked Call. */
function struct(name, entry) {
  const fields = []
  const inits = []
  const add = (type, field, init) => {
    fields.push(`  ${type} ${field};`)
    inits.push(`${field}(${init})`)
  }
  let view = 0
  let weight = 0
  for (const [operand, spec] of Object.entries(entry.in)) {
    const field = snake(operand)
    if (isWeight(spec)) add('const Weight&', field, `*call.weights[${weight++}]`)
    else if (isVariadic(spec)) add('std::span<const View>', field, `std::span(call.in).subspan(${view})`)
    else if (isOptional(spec)) add('const View*', field, `call.in[${view}].buffer ? &call.in[${view++}] : nullptr`)
    else add('const View&', field, `call.in[${view++}]`)
  }
  for (const [i, operand] of Object.keys(entry.out).entries()) add('const View&', snake(operand), `call.out[${i}]`)
  const enums = []
  Object.entries(entry.attrs).forEach(([attr, spec], i) => {
    const { type, words } = attribute(spec)
    if (type === 'choice') {
      enums.push(`  enum class ${pascal(attr)} { ${words.map((w) => `k${pascal(w)}`).join(', ')} };`)
      add(pascal(attr), snake(attr), `static_cast<${pascal(attr)}>(call.attributes[${i}].integer)`)
    } else add(cpp[type].type, snake(attr), cpp[type].read(i))
  })
  return [
    `struct ${pascal(name)} {`,
    ...enums,
    ...fields,
    `  explicit ${pascal(name)}(const Call& call)`,
    `      : ${inits.join(',\n        ')} {}`,
    '};',
  ].join('\n')
}

const names = Object.keys(schema)
const rows = (items, render) => `{${items.map(render).join(', ')}}`
const infos = names.map((name) => {
  const { in: inputs, out, attrs, requires, inPlace, fuses } = schema[name]
  const pair = ([key, spec]) => `{${quote(key)}, ${quote(spec)}}`
  const bind = (map) => rows(Object.entries(map), ([from, to]) => `{${quote(from)}, ${quote(to)}}`)
  const steps = (fuses ?? []).map((f) => `{${quote(f.op)}, ${bind(f.in)}, ${bind(f.out)}}`)
  return [
    `      {${quote(name)},`,
    `       ${rows(Object.entries(inputs), pair)},`,
    `       ${rows(Object.entries(attrs), pair)},`,
    `       ${rows(Object.entries(out), pair)},`,
    `       ${rows(requires ?? [], quote)},`,
    `       ${inPlace ? 'true' : 'false'},`,
    `       {${steps.join(', ')}}},`,
  ].join('\n')
})

write(
  'native/core/ops.gen.h',
  `// Generated from lib/ops/schema.ts by npm run gen; do not edit.
// clang-format off
#pragma once
#include "core/call.h"
#include "core/op.h"

namespace lophi {

enum class Op : uint16_t {
${names.map((name) => `  k${pascal(name)},`).join('\n')}
};
inline constexpr size_t kOpCount = ${names.length};

// Operands and attributes of a checked call by name.
namespace args {

${names.map((name) => struct(name, schema[name])).join('\n\n')}

}  // namespace args
}  // namespace lophi
`,
)

write(
  'native/core/ops.gen.cpp',
  `// Generated from lib/ops/schema.ts by npm run gen; do not edit.
// clang-format off
#include "core/op.h"

namespace lophi {

const std::vector<OpText>& schema_text() {
  static const std::vector<OpText> text = {
${infos.join('\n')}
  };
  return text;
}

}  // namespace lophi
`,
)

const cell = (text) => text.replaceAll('|', '\\|')
const table = names.map((name) => {
  const { doc, in: inputs, out, attrs, inPlace } = schema[name]
  const list = (map) =>
    Object.entries(map)
      .map(([key, spec]) => `\`${key}: ${spec}\``)
      .join('<br>') || '–'
  return `| **${name}**${inPlace ? ' ⟲' : ''}<br>${cell(doc)} | ${cell(list(inputs))} | ${cell(list(attrs))} | ${cell(list(out))} |`
})
write(
  'docs/ops.md',
  `<!-- Generated from lib/ops/schema.ts by npm run gen; do not edit. -->
# Ops

Call an op as \`ops.name({ ...operands, ...attributes, out? })\`; it enqueues and returns its outputs at once. The grammar of the columns
(dtype classes, symbolic dims, \`inout\`, \`?\` optional, \`*\` variadic) is explained at the head of lib/ops/schema.ts. ⟲ marks ops whose
output may be the very tensor of their first operand (\`out\`).

| op | operands | attributes | outputs |
|---|---|---|---|
${table.join('\n')}
`,
)

write('native/cuda/kernels.gen.h', cudaHeader(schema))
write('native/dml/shaders.gen.h', hlslHeader(schema))
