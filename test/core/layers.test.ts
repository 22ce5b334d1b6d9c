import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { describe, expect, test } from 'vitest'

// Who may import whom. A module of lib/ is its first path segment: ops/index.ts and ops/schema.ts are both `ops`.

/** From the bottom up: a row may import itself and the rows above it. */
const chain = [
  ['native'],
  ['path'],
  // A device makes tensors and weights, and these know their device (as a type): one layer.
  ['device', 'tensor', 'scope', 'weight', 'weight-rows'],
  ['ops'],
  ['record', 'kernels', 'nn', 'sampler', 'profile'],
  ['models'],
  ['convert'],
  ['generate', 'session'],
  ['serve'],
  ['cli', 'index'],
]
/** Pure data and error classes: for everybody, and they import nothing but each other. */
const base = ['errors', 'dtype', 'options', 'fields']
/** They know no tensor: themselves and `base` only. Everything above `native` may use them. */
const leaves = ['architectures', 'formats', 'tokenizer', 'hub']
/** The types in which a file speaks to the tokenizer and the model, and to native code, which reads its weights. */
const contract = ['formats/source.js', 'formats/description.js']
/** Their types name each other, as they are one layer: a device makes tensors, and a tensor names its device. */
const oneLayer = ['device.ts', 'tensor.ts', 'weight.ts']

/** Folders of native/ and what each may include besides itself; addon.cpp is `addon`. */
const folders: Record<string, string[]> = {
  addon: ['napi', 'core'],
  napi: ['core'],
  cpu: ['core'],
  cuda: ['core'],
  dml: ['core'],
  core: [],
}
const backends = ['cpu', 'cuda', 'dml']

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"])\/\/.*$/gm, '$1')
}

const rank = (name: string) => chain.findIndex((row) => row.includes(name))

function mayImport(from: string, to: string): boolean {
  if (from === to || base.includes(to)) return true
  if (base.includes(from) || leaves.includes(from)) return false
  if (leaves.includes(to)) return rank(from) > rank('native')
  return rank(to) >= 0 && rank(to) <= rank(from)
}

interface Import {
  readonly specifier: string
  /** Relative to lib/. */
  readonly path: string
  /** Gone when the program runs. */
  readonly type: boolean
}

function importsOf(file: string, text: string): Import[] {
  const pattern = /(?:\b(import|export)\s+(type\s)?[^'"()]*?\bfrom|\b(?:import|require))\s*\(?\s*['"](\.[^'"]*)['"]/g
  return [...text.matchAll(pattern)].map(([, , type, specifier = '']) => ({
    specifier,
    path: posix.join(posix.dirname(file), specifier),
    type: type !== undefined,
  }))
}

/** Files that import each other, by whatever way round: each once, with what is next on its way. */
function circles(sources: readonly (readonly [file: string, source: string])[], wanted: (each: Import) => boolean) {
  const next = new Map(
    sources.map(([file, source]) => [
      file,
      importsOf(file, withoutComments(source))
        .filter(wanted)
        .map(({ path }) => path.replace(/\.([cm]?)js$/, '.$1ts')),
    ]),
  )
  const reached = (from: string) => {
    const found = new Set<string>()
    const open = [...(next.get(from) ?? [])]
    for (let file = open.pop(); file !== undefined; file = open.pop()) {
      if (found.has(file)) continue
      found.add(file)
      for (const further of next.get(file) ?? []) open.push(further)
    }
    return found
  }
  const from = new Map([...next.keys()].map((file) => [file, reached(file)]))
  return [...next].flatMap(([file, imports]) =>
    imports.filter((to) => from.get(to)?.has(file)).map((to) => `${file} -> ${to}`),
  )
}

/** `file` is relative to lib/. */
function checkTypeScript(file: string, source: string): string[] {
  const text = withoutComments(source)
  const moduleOf = (path: string) => path.split('/')[0]?.replace(/\.[cm]?[jt]s$/, '') ?? ''
  const from = moduleOf(file)
  const found: string[] = []
  if (![...base, ...leaves, ...chain.flat()].includes(from))
    found.push(`lib/${file}: ${from} has no place in test/core/layers.test.ts`)
  if (from !== 'native' && text.includes('node-gyp-build'))
    found.push(`lib/${file}: only native.ts knows node-gyp-build`)
  for (const { specifier, path } of importsOf(file, text)) {
    if (path.startsWith('..')) found.push(`lib/${file}: ${specifier} leaves lib/`)
    else if (contract.includes(path) && [...leaves, 'native'].includes(from)) continue
    // formats read blueprints, which are data
    else if (from === 'formats' && moduleOf(path) === 'architectures') continue
    else if (!mayImport(from, moduleOf(path))) found.push(`lib/${file}: ${from} must not import ${moduleOf(path)}`)
  }
  return found
}

/** `file` is relative to native/. Includes are rooted there ("core/plan.h") or relative to the file. */
function checkCpp(file: string, source: string): string[] {
  const text = withoutComments(source)
  const from = file === 'addon.cpp' ? 'addon' : (file.split('/')[0] ?? '')
  const allowed = folders[from]
  if (!allowed) return [`native/${file}: ${from} has no place in test/core/layers.test.ts`]
  const isRegistry = /^core\/registry\.\w+$/.test(file)
  const found: string[] = []
  for (const [, header = ''] of text.matchAll(/^\s*#\s*include\s*[<"]([^>"]+)[>"]/gm)) {
    if (/^(napi|napi-inl|node_api|js_native_api)(_types)?\.h$/.test(header)) {
      if (from !== 'napi' && from !== 'addon')
        found.push(`native/${file}: only napi/ and addon.cpp include <${header}>`)
      continue
    }
    const rooted = header.split('/')[0] ?? ''
    const path = rooted in folders ? header : posix.join(posix.dirname(file), header)
    if (path.startsWith('..')) found.push(`native/${file}: ${header} leaves native/`)
    const to = path.split('/')[0] ?? ''
    if (!(to in folders) || to === from || allowed.includes(to)) continue
    if (!(isRegistry && backends.includes(to))) found.push(`native/${file}: ${from} must not include ${to}`)
  }
  const named = backends.filter((backend) => new RegExp(`\\b${backend}\\s*::`).test(text))
  if (from === 'core' && !isRegistry && named.length > 0)
    found.push(`native/${file}: only core/registry names a backend, but this names ${named.join(', ')}`)
  return found
}

function files(folder: string, pattern: RegExp): [file: string, source: string][] {
  const root = new URL(`../../${folder}/`, import.meta.url)
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => pattern.test(file))
    .map((file) => [file, readFileSync(new URL(file, root), 'utf8')])
}

describe('layers', () => {
  test('every import of lib/ points downwards', () => {
    const sources = files('lib', /\.[cm]?ts$/)
    expect(sources.length).toBeGreaterThan(0)
    expect(sources.flatMap(([file, source]) => checkTypeScript(file, source))).toEqual([])
  })

  test('no file of lib/ imports itself by way of others', () => {
    const sources = files('lib', /\.[cm]?ts$/)
    expect(circles(sources, ({ type }) => !type)).toEqual([])
    const ofTypes = circles(sources, () => true)
    const excepted = (circle: string) => circle.split(' -> ').every((file) => oneLayer.includes(file))
    expect(ofTypes.filter((circle) => !excepted(circle))).toEqual([])
    expect(ofTypes.filter(excepted)).not.toEqual([])
  })

  test('a circle is found, also by way of a third file and of types', () => {
    const sources = [
      ['a.ts', "import { b } from './b.js'"],
      ['b.ts', "import { type C } from './of/c.js'\nimport { d } from './d.js'"],
      ['of/c.ts', "export type {\n  A,\n} from '../a.js'"],
      ['d.ts', "// import { a } from './a.js'"],
    ] as const
    expect(circles(sources, () => true)).toEqual(['a.ts -> b.ts', 'b.ts -> of/c.ts', 'of/c.ts -> a.ts'])
    expect(circles(sources, ({ type }) => !type)).toEqual([])
  })

  test('every include of native/ points to core', () => {
    const sources = files('native', /\.(cpp|h|inl|cu|cuh|hlsl|hlsli)$/)
    expect(sources.length).toBeGreaterThan(0)
    expect(sources.flatMap(([file, source]) => checkCpp(file, source))).toEqual([])
  })

  test.each([
    ['ops/index.ts', "import { generate } from '../generate.js'", 'ops must not import generate'],
    ['device.ts', "import type { Model } from './generate/model.js'", 'device must not import generate'],
    ['nn/linear.ts', "export * from '../models/phi3.js'", 'nn must not import models'],
    ['architectures/phi3.ts', "import { Phi3 } from '../models/phi3.js'", 'architectures must not import models'],
    ['architectures/phi3.ts', "import { a } from '../formats/fields.js'", 'architectures must not import formats'],
    [
      'tokenizer/index.ts',
      "import { phi3 } from '../architectures/phi3.js'",
      'tokenizer must not import architectures',
    ],
    ['formats/gguf.ts', "import { ops } from '../ops/index.js'", 'formats must not import ops'],
    ['formats/gguf.ts', "const t = await import('../tokenizer/gguf.js')", 'formats must not import tokenizer'],
    ['tokenizer/gguf.ts', "import { native } from '../native.js'", 'tokenizer must not import native'],
    ['hub/pull.ts', "import { openSource } from '../formats/index.js'", 'hub must not import formats'],
    ['formats/gguf.ts', "import { encode } from '../convert/encode.js'", 'formats must not import convert'],
    ['models/phi3.ts', "import { convert } from '../convert/index.js'", 'models must not import convert'],
    ['native.ts', "import { open } from './formats/open.js'", 'native must not import formats'],
    ['errors.ts', "import './device.js'", 'errors must not import device'],
    ['tensor.ts', "import x from '../scripts/x.js'", '../scripts/x.js leaves lib/'],
    ['device.ts', "const load = require('node-gyp-build')", 'only native.ts knows node-gyp-build'],
    ['misc.ts', '', 'misc has no place'],
  ])('a violation in lib/%s is found: %s', (file, source, violation) => {
    expect(checkTypeScript(file, source).join()).toContain(violation)
  })

  test.each([
    ['cli/main.ts', "import { loadModel } from '../index.js'\nimport { a } from './run.js'"],
    ['models/phi3.ts', "import { rmsNorm } from '../nn/rms-norm.js'\nimport type { A } from '../formats/source.js'"],
    ['formats/gguf/config.ts', "import { architectures } from '../../architectures/index.js'"],
    ['tokenizer/gguf.ts', "import type { TokenizerSource } from '../formats/source.js'"],
    ['native.ts', "import { A } from './errors.js'\nrequire('node-gyp-build')"],
    ['ops/index.ts', "// import '../generate.js'\n/* node-gyp-build */ import { schema } from './schema.js'"],
  ])('what is allowed in lib/%s passes', (file, source) => {
    expect(checkTypeScript(file, source)).toEqual([])
  })

  test.each([
    ['core/plan.cpp', '#include "cpu/pool.h"', 'core must not include cpu'],
    ['core/plan.cpp', '#  include "../cpu/pool.h"', 'core must not include cpu'],
    ['core/plan.cpp', 'auto b = cuda::backend();', 'only core/registry names a backend, but this names cuda'],
    ['core/registry.cpp', '#include "napi/device.h"', 'core must not include napi'],
    ['cpu/ops/add.cpp', '#include "cuda/driver.h"', 'cpu must not include cuda'],
    ['cpu/ops/add.cpp', '#include "../../napi/run.h"', 'cpu must not include napi'],
    ['cpu/backend.cpp', '#include <napi.h>', 'only napi/ and addon.cpp include <napi.h>'],
    ['core/error.h', '#include <node_api.h>', 'only napi/ and addon.cpp include <node_api.h>'],
    ['napi/run.cpp', '#include "cpu/pool.h"', 'napi must not include cpu'],
    ['napi/run.cpp', '#include "../../test/x.h"', 'leaves native/'],
    ['metal/backend.cpp', '', 'metal has no place'],
  ])('a violation in native/%s is found: %s', (file, source, violation) => {
    expect(checkCpp(file, source).join()).toContain(violation)
  })

  test.each([
    ['addon.cpp', '#include <napi.h>\n#include "napi/device.h"\n#include "core/error.h"'],
    ['napi/run.cpp', '#include <napi.h>\n#include "promise.h"\n#include "core/check.h"'],
    ['cpu/ops/add.cpp', '#include <vector>\n#include "core/call.h"\n#include "cpu/context.h"\n#include "../pool.h"'],
    ['core/registry.cpp', '#include "cpu/backend.h"\nauto list = {cpu::backend};'],
    ['core/plan.cpp', '// cpu::backend\n#include "core/plan.h"'],
  ])('what is allowed in native/%s passes', (file, source) => {
    expect(checkCpp(file, source)).toEqual([])
  })
})
