// The kernels of native/cuda/ops/*.cu. A file names its instances in a line of its own, a template and its axes:
//   // instances: Binary<op, dtype>      op: every struct of the file that is called like an op of the schema
//   // instances: RmsNorm<dtype>         dtype: those that the schema allows the op, see dtypesOf
//   // instances: Linear<Q8_0 Q4_0, dtype>   words: structs of the file or of a header that it includes
//   // instances: Linear<form = Q8_0 Q4_0, rows = One Eight>   words of several axes: each has a name; lines of one template add up
//   // instances: LinearFew<WeightForm = Q4 Q5>   an axis with a capital letter: its words are one enum for all templates that have it
// From it come the extern "C" functions of each (for NVRTC and the emulator) and their numbers for the host (npm run gen).
import { readdirSync, readFileSync } from 'node:fs'
import { dtypesOf, pascal, snake } from './schema.mjs'

const native = new URL('../native/', import.meta.url)
const folder = new URL('cuda/ops/', native)

/** The C++ types of common.cuh by dtype. */
const types = {
  float32: 'float',
  float16: 'Half',
  bfloat16: 'Bfloat',
  int8: 'i8',
  uint8: 'u8',
  int4: 'Int4',
  uint4: 'Uint4',
  int32: 'int',
  uint32: 'unsigned',
}

/** The headers that a source includes, and those that they include: [{ name: 'cuda/common.cuh', text }]. */
export function headersOf(source, found = new Map()) {
  for (const [, name] of source.matchAll(/^#include "(cuda\/[\w./]+)"/gm)) {
    if (found.has(name)) continue
    found.set(name, readFileSync(new URL(name, native), 'utf8'))
    headersOf(found.get(name), found)
  }
  return [...found].map(([name, text]) => ({ name, text }))
}

/** [{ module, template, axes, kernels: [{ name, type, op, variants, dtype }] }] of every file, in the order of their numbers. */
export function cudaKernels(schema) {
  const ops = new Map(Object.keys(schema).map((op) => [pascal(op), op]))
  const files = readdirSync(folder).filter((file) => file.endsWith('.cu'))
  return files.sort().flatMap((file) => {
    const source = readFileSync(new URL(file, folder), 'utf8')
    const module = file.slice(0, -'.cu'.length)
    const lines = [...source.matchAll(/^\/\/ instances: (\w+)<([\w,= ]+)>$/gm)].map(([, template, list]) => {
      const axes = list.split(',').map((axis) => axis.trim())
      let kernels = [{ arguments: [], words: [], variants: {}, op: opOf(template) }]
      for (const axis of axes)
        kernels = kernels.flatMap((kernel) =>
          valuesOf(axis, kernel, source).map(({ argument, word, ...found }) => ({
            ...kernel,
            ...found,
            variants: { ...kernel.variants, ...found.variants },
            arguments: [...kernel.arguments, argument],
            words: [...kernel.words, word],
          })),
        )
      const prefix = axes.includes('op') ? [] : [snake(template)]
      return {
        module,
        template,
        axes,
        kernels: kernels.map(({ arguments: values, words, ...rest }) => ({
          name: [...prefix, ...words].join('_'),
          type: `${template}<${values.join(', ')}>`,
          // says how many threads its blocks have, and how many of them share a multiprocessor
          bounded: new RegExp(`struct ${template} {(?:(?!\\nstruct|\\n};)[\\s\\S])*kResident`).test(source),
          ...rest,
        })),
      }
    })
    return lines
      .filter(({ template }, i) => lines.findIndex((line) => line.template === template) === i)
      .map((line) => ({
        ...line,
        kernels: lines.filter(({ template }) => template === line.template).flatMap(({ kernels }) => kernels),
      }))
  })

  /** The op that a template is named after: matmul of MatmulRow. */
  function opOf(template) {
    const names = [...ops.keys()].filter((name) => template.startsWith(name)).sort((a, b) => b.length - a.length)
    return ops.get(names[0])
  }

  function valuesOf(axis, { op }, source) {
    if (axis === 'dtype') return dtypesOf(schema, op).map((dtype) => ({ argument: types[dtype], word: dtype, dtype }))
    const texts = [source, ...headersOf(source).map(({ text }) => text)]
    const structs = texts.flatMap((text) => [...text.matchAll(/^struct (\w+)/gm)].map(([, name]) => name))
    const { name: kind, words } = wordsOf(axis)
    const chosen = axis === 'op' ? structs.filter((name) => ops.has(name)) : words
    const missing = chosen.find((name) => !structs.includes(name))
    if (missing) throw new Error(`native/cuda/ops: instances name ${missing}, but there is no such struct`)
    return chosen.map((name) =>
      axis === 'op'
        ? { argument: name, word: snake(name), op: ops.get(name) }
        : { argument: name, word: snake(name), variants: { [kind]: name } },
    )
  }
}

/** An axis of words and its name. */
function wordsOf(axis) {
  const [, name = 'variant', words] = /^(?:(\w+) = )?(.+)$/.exec(axis)
  return { name, words: words.split(' ') }
}

const namesOf = (axes) => axes.filter((axis) => axis !== 'op' && axis !== 'dtype').map((axis) => wordsOf(axis).name)
const wordsIn = (kernels, name) => [...new Set(kernels.map(({ variants }) => variants[name]))]
/** An axis whose words mean the same in all templates. */
const isShared = (name) => /^[A-Z]/.test(name)

/** What a compiler gets behind the text of a .cu file. */
export function instances(templates) {
  return templates
    .flatMap(({ kernels }) => kernels)
    .map(({ name, type, bounded }) => {
      const head = bounded ? `using ${name}_type = ${type};\nBOUNDED_KERNEL(${name}, ${name}_type)` : `KERNEL(${name})`
      return `${head}(PARAMS(${type}::Params) p) { begin<${type}>(0); ${type}::run(p); }\n`
    })
    .join('')
}

/** native/cuda/kernels.gen.h: numbers of kernels by op, variant and dtype. */
export function cudaHeader(schema) {
  const templates = cudaKernels(schema)
  const all = templates.flatMap(({ module, kernels }) => kernels.map(({ name }) => `    {"${module}", "${name}"},`))
  let number = 0
  const functions = templates.map(({ template, axes, kernels }) => {
    const choices = namesOf(axes).map((name) => ({ name, words: wordsIn(kernels, name) }))
    const typeOf = (name) => (isShared(name) ? name : template + name[0].toUpperCase() + name.slice(1))
    const parameters = axes.map((axis) => {
      if (axis === 'op') return 'Op op'
      if (axis === 'dtype') return 'DType dtype'
      const { name } = wordsOf(axis)
      return `${typeOf(name)} ${snake(name)}`
    })
    const numbered = kernels.map((kernel) => ({ ...kernel, number: number++ }))
    return [
      ...choices
        .filter(({ name }) => !isShared(name))
        .map(({ name, words }) => `enum class ${typeOf(name)} { ${words.map((v) => `k${v}`).join(', ')} };`),
      `// of ${template}; -1 where there is none`,
      `constexpr int ${snake(template)}_kernel(${parameters.join(', ')}) {`,
      ...numbered.map(({ op, variants, dtype, number: at }) => {
        const terms = [
          ...(axes.includes('op') ? [`op == Op::k${pascal(op)}`] : []),
          ...Object.entries(variants).map(([name, word]) => `${snake(name)} == ${typeOf(name)}::k${word}`),
          ...(dtype ? [`dtype == DType::k${pascal(dtype)}`] : []),
        ]
        return `  if (${terms.join(' && ')}) return ${at};`
      }),
      '  return -1;',
      '}',
      '',
    ].join('\n')
  })
  const shared = new Set(templates.flatMap(({ axes }) => namesOf(axes).filter(isShared)))
  const enums = [...shared].map((name) => {
    const words = wordsIn(
      templates.flatMap(({ kernels }) => kernels.filter(({ variants }) => variants[name])),
      name,
    )
    return `enum class ${name} { ${words.map((v) => `k${v}`).join(', ')} };`
  })
  return `// Generated from native/cuda/ops/*.cu and lib/ops/schema.ts by npm run gen; do not edit.
// clang-format off
#pragma once
#include "core/ops.gen.h"

namespace lophi::cuda {

struct KernelName {
  const char* module;  // the file in ops/
  const char* name;
};
inline constexpr KernelName kKernels[] = {
${all.join('\n')}
};
inline constexpr int kKernelCount = ${all.length};

${enums.join('\n')}
${functions.join('\n')}
}  // namespace lophi::cuda
`
}
