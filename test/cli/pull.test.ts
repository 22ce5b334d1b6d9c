import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadModel } from '../../lib/generate/model.js'
import { blobName, commit, startHub } from '../hub/server.js'
import { tinyPhi3 } from '../support/models.js'
import { temporaryFolder } from '../support/shared.js'
import { type Outcome, startLophi } from './run.js'

// The command line with models by name, against a hub on this machine that serves the model of the repository.

const folder = await temporaryFolder()
const file = 'tiny-phi3-q8_0.gguf'
const model = readFileSync(join(tinyPhi3, file))
const id = 'org/tiny'
const server = await startHub({
  [id]: { 'README.md': 'about', 'tiny-phi3-Q8_0.gguf': model, 'tiny-phi3-f32.gguf': 'not needed' },
  'org/odd': { 'a.gguf': 'a', 'b.gguf': 'b' },
})
afterAll(() => server[Symbol.asyncDispose]())

let caches = 0
const newCache = () => join(folder, `cache${caches++}`)
const environment = (cache: string) => ({
  HF_ENDPOINT: server.endpoint,
  HF_HUB_CACHE: cache,
  HF_HUB_OFFLINE: '',
  HF_TOKEN: '',
  HF_TOKEN_PATH: join(folder, 'no-token'),
})
function lophi(args: string[], cache: string, more: Record<string, string> = {}): Promise<Outcome> {
  const { child, ended } = startLophi(args, { env: { ...environment(cache), ...more } })
  child.stdin.end()
  return ended
}

describe('pull', () => {
  test('--json gives one object; stderr says what was chosen and what is downloaded', async () => {
    const cache = newCache()
    const { stdout, stderr, status } = await lophi(['pull', id, '--json', '--device', 'cpu'], cache)
    const path = join(cache, 'models--org--tiny/snapshots', commit, 'tiny-phi3-Q8_0.gguf')
    expect({ status, ...JSON.parse(stdout) }).toEqual({
      status: 0,
      id,
      revision: commit,
      variant: 'q8_0',
      path,
      files: [{ path: 'tiny-phi3-Q8_0.gguf', bytes: model.length, cached: false }],
      bytes: model.length,
      downloadedBytes: model.length,
    })
    expect(stderr).toBe(
      `${id}: q8_0, the first choice for cpu of 2 variants (lophi pull ${id} --list)\n${id}: downloading 4.3 MiB of 4.3 MiB (q8_0)\n`,
    )
    expect(readFileSync(path).equals(model)).toBe(true)

    const again = await lophi(['pull', id, '--variant', 'Q8_0'], cache)
    expect(again).toEqual({ stdout: `${path}\n`, stderr: '', status: 0 })
  })

  test('--list shows variants and sizes and downloads nothing', async () => {
    const cache = newCache()
    const { stdout, stderr, status } = await lophi(['pull', id, '--list'], cache)
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    expect(stdout).toMatch(/^q8_0 +gguf +4\.3 MiB {2}tiny-phi3-Q8_0\.gguf$/m)
    const json = JSON.parse((await lophi(['pull', id, '--list', '--json'], cache)).stdout)
    expect(json).toMatchObject({
      id,
      revision: commit,
      variants: [{ name: 'q8_0', bytes: model.length }, { name: 'f32' }],
    })
    expect(existsSync(cache)).toBe(false)
  })

  test.each([
    ['a path', ['pull', './x'], 'ERR_ARGUMENT', 'org/name'],
    ['several variants of which none is known to be best', ['pull', 'org/odd'], 'ERR_ARGUMENT', ': a, b'],
    ['a model that is not there', ['run', 'org/none', '-p', 'x'], 'ERR_DOWNLOAD', 'org/none'],
    ['a variant of a path', ['inspect', tinyPhi3, '--variant', 'q8_0'], 'ERR_ARGUMENT', 'is a path'],
    ['a path that looks like no name', ['run', 'org/none.gguf', '-p', 'x'], 'ERR_FILE', 'ENOENT'],
  ])('%s is one line on stderr', async (_, args, code, words) => {
    const { stdout, stderr, status } = await lophi(args, newCache())
    expect({ stdout, status }).toEqual({ stdout: '', status: 1 })
    expect(stderr).toMatch(new RegExp(`^error: .*\\(${code}\\)\n$`))
    expect(stderr).toContain(words)
  })

  test.each([
    ['inspect', [], 1], // where the device is absent
    ['tokenize', ['hello'], 0],
    ['convert', [join(folder, 'variant.gguf'), '--type', 'f16'], 0],
  ])('%s takes the variant that is best for --device', async (command, args, expected) => {
    const { stderr, status } = await lophi([command, id, ...args, '--device', 'cuda:9'], newCache())
    expect(stderr).toContain(`${id}: q8_0, the first choice for cuda of 2 variants`)
    expect(status).toBe(expected)
  })

  test('ends with 130 at Ctrl+C, and the next one resumes', async () => {
    const cache = newCache()
    server.faults.push({ match: 'cdn', stallAfter: 1_000_000 })
    const { child, ended } = startLophi(['pull', id, '--variant', 'q8_0'], { env: environment(cache) })
    const blobs = join(cache, 'models--org--tiny/blobs')
    const partial = () =>
      existsSync(blobs) && readdirSync(blobs).find((file) => file.startsWith(`${blobName(model)}.lophi.incomplete`))
    const received = () => {
      const file = partial()
      return file ? readFileSync(join(blobs, file)).length : 0
    }
    await expect.poll(received, { timeout: 20_000 }).toBeGreaterThan(0)
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ status: 130, stderr: expect.stringContaining('ERR_ABORTED') })
    server.seen.length = 0
    const { stderr, status } = await lophi(['pull', id, '--variant', 'q8_0'], cache)
    expect({ stderr, status }).toEqual({
      stderr: expect.stringMatching(/downloading 3\.\d MiB of 4\.3 MiB/),
      status: 0,
    })
    expect(server.seen.at(-1)?.headers.range).toMatch(/^bytes=\d+-$/)
  })

  test('of two processes at once downloads once, and both succeed', async () => {
    const cache = newCache()
    server.seen.length = 0
    const outcomes = await Promise.all([1, 2].map(() => lophi(['pull', id, '--variant', 'q8_0'], cache)))
    expect(outcomes.map(({ status }) => status)).toEqual([0, 0])
    expect(server.seen.filter(({ host }) => host === 'cdn')).toHaveLength(1)
  })
})

describe('a model by name', () => {
  const cache = newCache()
  const question = 'What is 27 + 48?'
  const answer = '27 + 48 = 75'

  test('is downloaded, run, and found in the cache without a network', async () => {
    const first = await lophi(['run', id, '-p', question, '--variant', 'q8_0'], cache)
    expect(first).toMatchObject({ stdout: `${answer}\n`, status: 0 })
    expect(first.stderr).toContain('downloading 4.3 MiB')
    const offline = await lophi(['run', id, '-p', question, '--json'], cache, { HF_HUB_OFFLINE: '1' })
    expect({ ...offline, stdout: JSON.parse(offline.stdout) }).toMatchObject({
      stdout: { text: answer },
      stderr: '',
      status: 0,
    })
  })

  test.each([
    ['tokenize', [id, 'x', '--json'], 'ids'],
    ['inspect', [id, '--json'], 'config'],
    ['logits', [id, '--ids', '1', '--json'], 'top'],
    ['bench', [id, '--prompt', '4', '--depth', '4', '--gen', '2', '--reps', '1', '--json'], 'decode'],
  ])('serves %s', async (command, args, key) => {
    const { stdout, status } = await lophi([command, ...args], cache, { HF_HUB_OFFLINE: '1' })
    expect({ status, [key]: JSON.parse(stdout)[key] }).toEqual({ status: 0, [key]: expect.anything() })
  })

  test('serves chat', async () => {
    const { child, ended } = startLophi(['chat', id], { env: environment(cache) })
    child.stdin.end(`${question}\n`)
    await once(child, 'exit')
    expect((await ended).stdout).toBe(`${answer}\n`)
  })

  test('serves loadModel, which tells how far the download is', async () => {
    const saved = { ...process.env }
    Object.assign(process.env, environment(newCache()))
    try {
      const stages = new Map<string, number>()
      await using loaded = await loadModel(id, {
        device: 'cpu',
        variant: 'q8_0',
        revision: 'v2',
        onProgress: ({ stage, done }) => stages.set(stage, done),
      })
      expect(loaded.source.path).toContain(commit)
      expect(stages).toEqual(
        new Map([
          ['download', model.length],
          ['load', loaded.config.numHiddenLayers],
        ]),
      )
    } finally {
      process.env = saved
    }
  })

  test('that the cache lacks is an error offline that says how to get it', async () => {
    const { stderr, status } = await lophi(['run', 'org/odd', '-p', 'x'], cache, { HF_HUB_OFFLINE: '1' })
    expect(status).toBe(1)
    expect(stderr).toMatch(/HF_HUB_OFFLINE is set.*lophi pull org\/odd; no file or folder .* \(ERR_DOWNLOAD\)\n$/)
  })

  test('gives way to a folder of the same name', () => {
    expect(readdirSync(tinyPhi3)).toContain(file)
    return expect(lophi(['inspect', 'models/tiny-phi3', '--json'], newCache())).resolves.toMatchObject({ status: 0 })
  })
})
