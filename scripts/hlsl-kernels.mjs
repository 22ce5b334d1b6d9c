// The kernels of native/dml/ops/*.hlsl. A file names its instances in a line of its own, macros and their values:
//   // instances: OP<op> TYPE<dtype>     op: every macro of the file that is called like an op of the schema
//   // instances: TYPE<dtype> ZEROS<0 1>   dtype: those that the schema allows the file's op, by the names of common.hlsli
//   // instances: CACHE<float32 int8>   as many dtypes
//   // instances: once                   the file as it is
//   // instances: made with weights      none here: a weight asks for what its form needs (dml/shader.h)
// `npm run gen` numbers them for the host.
import { readdirSync, readFileSync } from 'node:fs'
import { classes, dtypesOf, pascal, snake } from './schema.mjs'

const folder = new URL('../native/dml/ops/', import.meta.url)

const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())

/** Of a class, or of a list. */
function dtypesNamed(axis) {
  const words = axis.split(' ')
  return classes[axis] ?? (words.every((word) => classes.any.includes(word)) ? words : null)
}

function valuesOf(axis, source, schema, op) {
  if (axis === 'op') {
    const ops = new Map(Object.keys(schema).map((name) => [snake(name).toUpperCase(), name]))
    const rows = [...source.matchAll(/^#define (\w+)\(/gm)].map(([, name]) => name).filter((name) => ops.has(name))
    return rows.map((name) => ({ value: name, op: ops.get(name), test: `op == Op::k${pascal(ops.get(name))}` }))
  }
  const dtypes = axis === 'dtype' ? dtypesOf(schema, op) : dtypesNamed(axis)
  if (dtypes) return dtypes.map((dtype) => ({ value: dtype.toUpperCase(), dtype }))
  return axis.split(' ').map((value) => ({ value }))
}

/** [{ file, macros: [name], instances: [{ defines: [[name, value]], tests }] }] of every file, in the order of their numbers. */
export function hlslKernels(schema) {
  const files = readdirSync(folder).filter((file) => file.endsWith('.hlsl'))
  return files.sort().flatMap((name) => {
    const file = name.slice(0, -'.hlsl'.length)
    const source = readFileSync(new URL(name, folder), 'utf8')
    const line = /^\/\/ instances: (.+)$/m.exec(source)?.[1]
    if (!line) throw new Error(`native/dml/ops/${name} must have a line "// instances: ...", but it has none`)
    if (line === 'made with weights') return []
    const macros = [...line.matchAll(/(\w+)<([\w ]+)>/g)].map(([, macro, axis]) => ({ macro, axis }))
    let instances = [{ defines: [], tests: [], op: camel(file) }]
    for (const { macro, axis } of macros)
      instances = instances.flatMap((instance) =>
        valuesOf(axis, source, schema, instance.op).map(({ value, op, dtype }) => ({
          defines: [...instance.defines, [macro, value]],
          tests: [...instance.tests, testOf(macro, axis, { value, op, dtype })],
          op: op ?? instance.op,
        })),
      )
    return { file, macros, instances }
  })
}

function testOf(macro, axis, { value, op, dtype }) {
  if (axis === 'op') return `op == Op::k${pascal(op)}`
  return `${snake(macro)} == ${dtype ? `DType::k${pascal(dtype)}` : value}`
}

/** native/dml/shaders.gen.h: numbers of instances by what their macros mean. */
export function hlslHeader(schema) {
  const kernels = hlslKernels(schema)
  const rows = kernels.flatMap(({ file, instances }) =>
    instances.map(
      ({ defines }) => `    {"${file}", {${defines.map(([name, value]) => `{"${name}", "${value}"}`).join(', ')}}},`,
    ),
  )
  const most = Math.max(...kernels.map(({ macros }) => macros.length))
  let number = 0
  const functions = kernels.map(({ file, macros, instances }) => {
    const parameters = macros.map(({ macro, axis }) =>
      axis === 'op' ? 'Op op' : `${axis === 'dtype' || dtypesNamed(axis) ? 'DType' : 'int'} ${snake(macro)}`,
    )
    const lines = instances.map(({ tests }) =>
      tests.length > 0 ? `  if (${tests.join(' && ')}) return ${number++};` : `  return ${number++};`,
    )
    return [
      `constexpr int ${file}_shader(${parameters.join(', ')}) {`,
      ...lines,
      ...(macros.length > 0 ? ['  return -1;'] : []),
      '}',
      '',
    ].join('\n')
  })
  return `// Generated from native/dml/ops/*.hlsl and lib/ops/schema.ts by npm run gen; do not edit.
// clang-format off
#pragma once
#include "core/ops.gen.h"

namespace lophi::dml {

inline constexpr int kMaxDefines = ${most};
struct ShaderDefine {
  const char* name;  // null behind the last
  const char* value;
};
struct ShaderInstance {
  const char* file;
  ShaderDefine defines[kMaxDefines + 1];
};
inline constexpr ShaderInstance kShaders[] = {
${rows.join('\n')}
};
inline constexpr int kShaderCount = ${rows.length};

// The number of an instance; -1 where there is none.
${functions.join('\n')}
}  // namespace lophi::dml
`
}
