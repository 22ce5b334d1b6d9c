import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/shared.js'

// The tarball as npm would publish it, unpacked into an empty CommonJS project. Its dependencies are links to the checkout's,
// and its binary is the checkout's too (LOPHI_PREBUILD), so nothing is downloaded. `npm test` has built dist/ before.

const checkout = fileURLToPath(new URL('../..', import.meta.url))
const manifest = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'))
const consumer = realpathSync(await temporaryFolder())
const installed = join(consumer, 'node_modules/lophi')
let packed: string[] = []

function run(command: string, args: string[], cwd: string): { stdout: string; stderr: string; status: number | null } {
  const { stdout, stderr, status } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, LOPHI_PREBUILD: checkout, NODE_OPTIONS: '' },
    shell: process.platform === 'win32' && command === 'npm',
  })
  return { stdout, stderr, status }
}

function consume(file: string, source: string): string {
  writeFileSync(join(consumer, file), source)
  const { stdout, stderr, status } = run(process.execPath, [file], consumer)
  // Nothing on stderr: Node prints no ExperimentalWarning for the ES modules that `require` loads.
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  return stdout.trim()
}

beforeAll(() => {
  const pack = run(
    'npm',
    ['pack', '--ignore-scripts', '--json', '--loglevel=error', '--pack-destination', consumer],
    checkout,
  )
  expect(pack.status, pack.stderr).toBe(0)
  const [{ filename, files }] = JSON.parse(pack.stdout) as [{ filename: string; files: { path: string }[] }]
  packed = files.map((file) => file.path)
  mkdirSync(installed, { recursive: true })
  expect(run('tar', ['-xzf', filename, '-C', installed, '--strip-components=1'], consumer)).toMatchObject({ status: 0 })
  for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
    const link = join(consumer, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(checkout, 'node_modules', name), link, 'junction')
  }
  writeFileSync(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', private: true }))
})

describe('the published package', () => {
  test('holds every file that package.json names, and the sources to compile it', () => {
    const entries = [manifest.exports['.'], manifest.exports['./server']]
    for (const file of [
      manifest.main,
      manifest.types,
      ...entries.flatMap((entry) => [...Object.values(entry.import), ...Object.values(entry.require)]),
      ...Object.values(manifest.bin),
      'LICENSE',
      'CMakeLists.txt',
      'binding.gyp',
      'cmake/isa.cmake',
      'native/addon.cpp',
      'scripts/build.mjs',
      'scripts/sources.mjs',
      'scripts/embed-hlsl.mjs',
      'scripts/gyp/common.gypi',
    ])
      expect(packed).toContain(String(file).replace(/^\.\//, ''))
    expect(packed.some((file) => file.startsWith('models/tiny-phi3/'))).toBe(true)
  })

  test('holds no build folder, test or development file', () => {
    const foreign = /^(build|test|coverage|examples|node_modules|\.)|\.tgz$/
    expect(packed.filter((file) => foreign.test(file))).toEqual([])
  })

  test('installs without running a script', () => {
    expect(Object.keys(manifest.scripts).filter((name) => /^(pre|post)?install$/.test(name))).toEqual([])
    // npm would run node-gyp on its own where it sees a binding.gyp
    expect(manifest.gypfile).toBe(false)
  })

  test('loads by import and by require, and both give the same objects', () => {
    const names = consume('names.mjs', "import * as lophi from 'lophi'\nconsole.log(Object.keys(lophi).sort().join())")
    expect(names.split(',')).toEqual(expect.arrayContaining(['listDevices', 'openDevice', 'LophiError']))
    expect(consume('names.cjs', "console.log(Object.keys(require('lophi')).sort().join())")).toBe(names)
    expect(
      consume(
        'same.mjs',
        `import { createRequire } from 'node:module'
         import * as imported from 'lophi'
         const required = createRequire(import.meta.url)('lophi')
         console.log(Object.keys(imported).filter((name) => imported[name] !== required[name]).length)`,
      ),
    ).toBe('0')
  })

  test('has the server at lophi/server, by import and by require, over the same objects', () => {
    const names = consume(
      'server.mjs',
      "import * as server from 'lophi/server'\nconsole.log(Object.keys(server).sort().join())",
    )
    expect(names.split(',')).toContain('Scheduler')
    expect(consume('server.cjs', "console.log(Object.keys(require('lophi/server')).sort().join())")).toBe(names)
    const model = join(installed, 'models/tiny-phi3')
    const script = `import { loadModel, LophiError } from 'lophi'
      import { Scheduler } from 'lophi/server'
      const model = await loadModel(${JSON.stringify(model)}, { device: 'cpu' })
      const scheduler = new Scheduler(model)
      try { scheduler.submit([]) } catch (error) { console.log(error instanceof LophiError) }
      console.log(await scheduler.submit([{ role: 'user', content: 'What is 27 + 48?' }]).readAll())
      await scheduler.close()
      await model.dispose()`
    expect(consume('answer.mjs', script)).toBe('true\n27 + 48 = 75')
  })

  test('works from a CommonJS script', () => {
    const script = "require('lophi').listDevices().then(({ devices }) => console.log(devices.map((d) => d.id).join()))"
    expect(consume('devices.cjs', script).split(',')).toContain('cpu')
  })

  test('has types for ES modules and for CommonJS', () => {
    const body = `async function first(): Promise<string> {
      const { devices } = await listDevices()
      const device: string | undefined = devices[0]?.id
      // @ts-expect-error an id is a string, so the types are not \`any\`
      const wrong: number | undefined = devices[0]?.id
      return device ?? String(wrong)
    }
    export const failed = first().catch((error: unknown) => (error instanceof LophiError ? error.code : undefined))
    `
    writeFileSync(join(consumer, 'esm.mts'), `import { LophiError, listDevices } from 'lophi'\n${body}`)
    writeFileSync(join(consumer, 'cjs.cts'), `import { LophiError, listDevices } from 'lophi'\n${body}`)
    const serving = `export const scheduler = (model: Model): Scheduler => new Scheduler(model, { maxQueue: 3 })
    // @ts-expect-error a queue is counted
    export const wrong = (model: Model): Scheduler => new Scheduler(model, { maxQueue: '3' })
    `
    const imports = "import type { Model } from 'lophi'\nimport { Scheduler } from 'lophi/server'\n"
    for (const file of ['serve.mts', 'serve.cts']) writeFileSync(join(consumer, file), `${imports}${serving}`)
    writeFileSync(
      join(consumer, 'require.cts'),
      `import lophi = require('lophi')\nexport const list = lophi.listDevices\n`,
    )
    const tsc = join(checkout, 'node_modules/typescript/bin/tsc')
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--lib',
      'es2023,esnext.disposable',
    ]
    const result = run(
      process.execPath,
      [tsc, ...options, '--types', 'node', 'esm.mts', 'cjs.cts', 'serve.mts', 'serve.cts', 'require.cts'],
      consumer,
    )
    expect(result).toEqual({ stdout: '', stderr: '', status: 0 })
  })
})
