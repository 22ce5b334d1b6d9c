import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { refer } from '../../lib/hub/cache.js'
import {
  isModelName,
  listVariants,
  locateModel,
  type PullOptions,
  type PullPlan,
  type PullProgress,
  pullModel,
} from '../../lib/hub/index.js'
import { chooseVariant, variantsOf } from '../../lib/hub/variants.js'
import { random } from '../support/random.js'
import { temporaryFolder } from '../support/shared.js'
import { blobName, commit, type HubServer, startHub } from './server.js'

// Models by name, against a hub on this machine.

const folder = await temporaryFolder()
const id = 'org/tiny'
const token = 'hf_secret'

function noise(seed: number, length: number): Buffer {
  const { uint32 } = random(seed)
  return Buffer.from(Uint8Array.from({ length }, () => uint32() & 255))
}
const data = noise(1, 700_000)
const packages = {
  'README.md': 'about',
  'cpu/cpu-int4-rtn-block-32/genai_config.json': '{"own":1}',
  'cpu/cpu-int4-rtn-block-32/model.onnx': noise(2, 500),
  'cpu/cpu-int4-rtn-block-32/model.onnx.data': noise(3, 20_000),
  'cpu/cpu-int4-rtn-block-32-acc-level-4/genai_config.json': '{}',
  'cpu/cpu-int4-rtn-block-32-acc-level-4/notes.md': 'not needed',
  'cpu/cpu-int4-rtn-block-32-acc-level-4/tokenizer.json': '{"model":{}}',
  'cpu/cpu-int4-rtn-block-32-acc-level-4/model.onnx': noise(4, 500),
  'cpu/cpu-int4-rtn-block-32-acc-level-4/model.onnx.data': data,
  'cuda/cuda-fp16/genai_config.json': '{}',
  'cuda/cuda-fp16/model.onnx': noise(5, 500),
}
const best = 'cpu-int4-rtn-block-32-acc-level-4'

let server: HubServer
let caches = 0
let cache: string
beforeEach(async () => {
  server = await startHub({ [id]: packages })
  cache = join(folder, `cache${caches++}`)
  for (const name of ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN', 'HF_HUB_OFFLINE']) vi.stubEnv(name, undefined)
  vi.stubEnv('HF_ENDPOINT', server.endpoint)
  vi.stubEnv('HF_HUB_CACHE', cache)
  vi.stubEnv('HF_TOKEN_PATH', join(folder, 'no-token'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await server[Symbol.asyncDispose]()
})

const pull = (options: PullOptions = {}) => pullModel(id, { variant: best, retryMs: 1, ...options })
const root = () => join(cache, 'models--org--tiny')
const blobs = () => readdirSync(join(root(), 'blobs')).sort()
const requests = (part: string) => server.seen.filter(({ host, url }) => `${host}${url}`.includes(part))

describe('a pull', () => {
  test('lays the files of the variant, and no others, into the cache as all Hugging Face libraries do', async () => {
    server.pageSize = 3
    const result = await pull()
    const names = ['genai_config.json', 'tokenizer.json', 'model.onnx', 'model.onnx.data']
    const paths = names.map((name) => `cpu/${best}/${name}` as keyof typeof packages)
    const bytes = paths.reduce((sum, path) => sum + packages[path].length, 0)
    expect(result).toEqual({
      id,
      revision: commit,
      variant: best,
      path: join(root(), 'snapshots', commit, 'cpu', best),
      files: paths.map((path) => ({ path, bytes: packages[path].length, cached: false })),
      bytes,
      downloadedBytes: bytes,
    })
    expect(readdirSync(result.path).sort()).toEqual([...names].sort())
    expect(blobs()).toEqual(paths.map((path) => blobName(Buffer.from(packages[path]))).sort())
    expect(readFileSync(join(root(), 'refs/main'), 'utf8')).toBe(commit)
    const pointer = join(result.path, 'model.onnx.data')
    expect(lstatSync(pointer).isSymbolicLink()).toBe(true)
    expect(readlinkSync(pointer)).toBe(join('../../../../blobs', blobName(data)))
    expect(readFileSync(pointer).equals(data)).toBe(true)
    expect(readdirSync(join(cache, '.locks/models--org--tiny'))).toEqual([])
  })

  test('a second time asks for the commit and downloads nothing', async () => {
    await pull()
    server.seen.length = 0
    const result = await pull()
    expect(result.downloadedBytes).toBe(0)
    expect(result.files.every(({ cached }) => cached)).toBe(true)
    expect(requests('resolve')).toEqual([])
  })

  test('shares contents that another variant or revision has', async () => {
    await pull()
    server.seen.length = 0
    const { files } = await pull({ variant: 'cuda-fp16', revision: 'v2' })
    // genai_config.json is the same in both
    expect(files.map(({ cached }) => cached)).toEqual([true, false])
    expect(readFileSync(join(root(), 'refs/v2'), 'utf8')).toBe(commit)
  })

  test('tells the plan before the first byte, and how far it is', async () => {
    const plans: PullPlan[] = []
    const seen: PullProgress[] = []
    const { bytes } = await pull({
      variant: undefined,
      onPlan: (plan) => plans.push(plan),
      onProgress: (progress) => seen.push(progress),
    })
    expect(plans).toMatchObject([{ id, among: 3, backend: 'cpu', downloadBytes: bytes, variant: { name: best } }])
    const done = seen.map((progress) => progress.done)
    expect(done).toEqual([...done].sort((a, b) => a - b))
    expect(seen.at(-1)).toEqual({ file: `cpu/${best}/model.onnx.data`, done: bytes, total: bytes })
  })

  test('takes links, hard links or copies, whichever the file system has', async () => {
    const blob = join(folder, 'blob')
    await writeFile(blob, 'content')
    const refused = () => Promise.reject(Object.assign(new Error('refused'), { code: 'EPERM' }))
    await refer(join(folder, 'a/copy'), blob, [refused, refused, copyFile])
    expect(await readFile(join(folder, 'a/copy'), 'utf8')).toBe('content')
    await expect(refer(join(folder, 'a/none'), blob, [refused])).rejects.toThrow('refused')
    expect(readdirSync(join(folder, 'a'))).toEqual(['copy'])
  })
})

describe('a download that breaks off', () => {
  test('goes on where the connection dropped, as often as bytes arrive', async () => {
    for (let i = 0; i < 8; i++) server.faults.push({ match: 'cdn', cutAfter: 20_000 })
    const result = await pull()
    expect(readFileSync(join(result.path, 'model.onnx.data')).equals(data)).toBe(true)
    const ranges = requests('cdn').map(({ headers }) => headers.range)
    expect(ranges).toHaveLength(9)
    expect(ranges[0]).toBeUndefined()
    expect(ranges[8]).toMatch(/^bytes=1[0-6]\d{4}-$/)
    expect(requests('cdn')[1]?.headers['if-range']).toBe(`"cdn-${blobName(data)}"`)
    expect(result.downloadedBytes).toBe(result.bytes)
  })

  test('starts again where the file behind the address has another etag', async () => {
    server.faults.push({ match: 'cdn', cutAfter: 50_000, etag: 'before' })
    const result = await pull()
    expect(requests('cdn')[1]?.headers).toMatchObject({ range: expect.any(String), 'if-range': '"before"' })
    expect(readFileSync(join(result.path, 'model.onnx.data')).equals(data)).toBe(true)
    expect(result.downloadedBytes).toBeGreaterThan(result.bytes)
  })

  test('and is given up stays for the next pull to resume', async () => {
    for (let i = 0; i < 6; i++) server.faults.push({ match: 'cdn', cutAfter: i === 0 ? 50_000 : 0 })
    server.faults.push({ match: 'cdn', cutAfter: 0 })
    await expect(pull()).rejects.toMatchObject({ code: 'ERR_DOWNLOAD', message: expect.stringContaining('6 times') })
    server.faults.length = 0
    server.seen.length = 0
    const result = await pull()
    expect(requests('cdn').map(({ headers }) => headers.range)).toEqual([expect.stringMatching(/^bytes=\d{4,5}-$/)])
    expect(readFileSync(join(result.path, 'model.onnx.data')).equals(data)).toBe(true)
  })

  test('is given up where it begins again each time and ends at the same place', async () => {
    for (let i = 0; i < 12; i++) server.faults.push({ match: 'cdn', cutAfter: 50_000, etag: `changed-${i}` })
    await expect(pull()).rejects.toThrow('6 times')
    expect(requests('cdn').length).toBeLessThan(9)
  })

  test('is aborted by its signal and resumed', async () => {
    const abort = new AbortController()
    server.faults.push({ match: 'cdn', stallAfter: 600_000 })
    const onProgress = ({ file, done }: { file: string; done: number }) => {
      if (file.endsWith('.data') && done > 200_000) abort.abort()
    }
    await expect(pull({ signal: abort.signal, onProgress })).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    expect(blobs()).toContain(`${blobName(data)}.lophi.incomplete`)
    expect(readdirSync(join(cache, '.locks/models--org--tiny'))).toEqual([])
    await pull()
    expect(requests('cdn').at(-1)?.headers.range).toMatch(/^bytes=\d+-$/)
    expect(blobs()).not.toContain(`${blobName(data)}.lophi.incomplete`)
  })

  test('is dropped and resumed where the server falls silent', async () => {
    server.faults.push({ match: 'cdn', stallAfter: 50_000 })
    const result = await pull({ stallMs: 200 })
    expect(requests('cdn')).toHaveLength(2)
    expect(readFileSync(join(result.path, 'model.onnx.data')).equals(data)).toBe(true)
  })

  test.each([
    ['503', { status: 503 }],
    ['429 with Retry-After', { status: 429, headers: { 'retry-after': '0' } }],
    ['500 of the CDN', { status: 500, match: 'cdn' }],
    ['503 of the list', { status: 503, match: '/tree/' }],
  ])('is tried again after %s', async (_, fault) => {
    server.faults.push({ match: 'resolve', ...fault })
    await expect(pull()).resolves.toMatchObject({ variant: best })
    expect(server.faults).toEqual([])
  })

  test('is not tried again where the server wants hours of pause', async () => {
    server.faults.push({ match: 'resolve', status: 429, headers: { 'retry-after': '7200' } })
    await expect(pull()).rejects.toMatchObject({ status: 429, message: expect.stringContaining('7200 s') })
  })
})

describe('what is not what the server announced', () => {
  test('is removed: ERR_CHECKSUM', async () => {
    server.faults.push({ match: 'cdn', content: noise(9, data.length) })
    await expect(pull()).rejects.toMatchObject({
      code: 'ERR_CHECKSUM',
      message: expect.stringContaining(blobName(data)),
    })
    expect(blobs().filter((name) => name.startsWith(blobName(data)))).toEqual([])
    expect(readdirSync(root())).not.toContain('refs')
    await expect(pull()).resolves.toMatchObject({ variant: best })
  })

  test('is found in small files too, whose hash is that of git', async () => {
    server.faults.push({ match: 'genai_config', content: Buffer.from('[]') })
    await expect(pull()).rejects.toMatchObject({ code: 'ERR_CHECKSUM', message: expect.stringContaining('git-sha1') })
  })

  test('is downloaded once more where a damaged part was resumed', async () => {
    await mkdir(join(root(), 'blobs'), { recursive: true })
    await writeFile(join(root(), 'blobs', `${blobName(data)}.lophi.incomplete`), noise(9, 30_000))
    const result = await pull()
    expect(requests('cdn').map(({ headers }) => headers.range)).toEqual(['bytes=30000-', undefined])
    expect(readFileSync(join(result.path, 'model.onnx.data')).equals(data)).toBe(true)
  })

  test('is cut off where there is more of it', async () => {
    server.faults.push({ match: 'cdn', content: noise(9, data.length * 2) })
    await expect(pull()).rejects.toThrow('the server sends more')
  })
})

describe('the token', () => {
  test.each([
    ['HF_TOKEN', async () => vi.stubEnv('HF_TOKEN', token)],
    [
      'the token file',
      async () => {
        await writeFile(join(folder, 'token'), `${token}\n`)
        vi.stubEnv('HF_TOKEN_PATH', join(folder, 'token'))
      },
    ],
  ])('of %s goes to the hub and not to the CDN', async (_, set) => {
    await set()
    server.token = token
    await pull()
    const sent = (host: string) => new Set(requests(host).map(({ headers }) => headers.authorization))
    expect(sent('hub')).toEqual(new Set([`Bearer ${token}`]))
    expect(sent('cdn')).toEqual(new Set([undefined]))
  })

  test('that is missing for a gated model is asked for, with the page of its licence', async () => {
    server.token = token
    await expect(pull()).rejects.toMatchObject({
      code: 'ERR_DOWNLOAD',
      status: 401,
      message: expect.stringMatching(new RegExp(`gated.*${server.endpoint}/${id}.*HF_TOKEN`)),
    })
  })

  test('never stands in an error', async () => {
    vi.stubEnv('HF_TOKEN', 'hf_\u00e9secret')
    await expect(pull()).rejects.toThrow(/^HF_TOKEN must be printable ASCII, but has other characters$/)
  })
})

describe('names and revisions that do not exist', () => {
  test.each([
    ['a repository', () => pullModel('org/none'), 401, 'org/none'],
    ['a revision', () => pull({ revision: 'v9' }), 404, 'this revision'],
  ])('%s', async (_, act, status, words) => {
    await expect(act()).rejects.toMatchObject({ code: 'ERR_DOWNLOAD', status, message: expect.stringContaining(words) })
  })

  test('a variant: the error lists those that there are', async () => {
    await expect(pull({ variant: 'q9' })).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringMatching(/but is q9: cpu-int4-rtn-block-32, .*cuda-fp16$/),
    })
  })

  test('a revision that is a path', async () => {
    await expect(pull({ revision: '../../evil' })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' })
  })

  test.each([
    ['in a circle', 'again', 'within 5 redirects'],
    ['away from http', 'ftp://evil/file', 'must redirect to an https address'],
  ])('a place: redirects that lead %s', async (_, location, words) => {
    for (let i = 0; i < 6; i++) server.faults.push({ match: 'hub/org/', status: 302, headers: { location } })
    await expect(pull()).rejects.toMatchObject({ code: 'ERR_DOWNLOAD', message: expect.stringContaining(words) })
  })

  test('a hub', async () => {
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:9')
    await expect(pull()).rejects.toMatchObject({ code: 'ERR_DOWNLOAD' })
    vi.stubEnv('HF_ENDPOINT', 'ftp://hub')
    await expect(pull()).rejects.toMatchObject({ code: 'ERR_ARGUMENT' })
  })
})

describe('the cache', () => {
  test('is enough for a name: no request is made', async () => {
    const { path } = await pull()
    server.seen.length = 0
    const plans: PullPlan[] = []
    await expect(locateModel(id, { onPlan: (plan) => plans.push(plan) })).resolves.toMatchObject({
      path,
      downloadedBytes: 0,
    })
    expect(plans).toMatchObject([{ among: 1, downloadBytes: 0 }])
    expect(server.seen).toEqual([])
  })

  test('is filled with a variant that it lacks', async () => {
    await pull()
    await expect(locateModel(id, { variant: 'cuda-fp16' })).resolves.toMatchObject({ variant: 'cuda-fp16' })
  })

  test('is all there is with HF_HUB_OFFLINE, and the error says what to do', async () => {
    await pull()
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    server.seen.length = 0
    await expect(locateModel(id)).resolves.toMatchObject({ variant: best })
    await expect(pullModel(id)).resolves.toMatchObject({ variant: best, downloadedBytes: 0 })
    await expect(listVariants(id)).resolves.toMatchObject({ variants: [{ name: best }] })
    await expect(locateModel(id, { variant: 'cuda-fp16' })).rejects.toMatchObject({
      code: 'ERR_DOWNLOAD',
      message: expect.stringMatching(
        /variant cuda-fp16 .*HF_HUB_OFFLINE.*there: .*lophi pull org\/tiny --variant cuda-fp16$/,
      ),
    })
    await expect(locateModel('org/other')).rejects.toMatchObject({ code: 'ERR_DOWNLOAD' })
    expect(server.seen).toEqual([])
  })

  test('of an aborted pull shows no variant', async () => {
    server.faults.push({ match: 'cdn', content: noise(9, data.length) })
    await expect(pull()).rejects.toThrow()
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    await expect(locateModel(id)).rejects.toMatchObject({ code: 'ERR_DOWNLOAD' })
  })

  test('takes two pulls of one model at once, and downloads it once', async () => {
    const results = await Promise.all([pull(), pull()])
    expect(results[0].path).toBe(results[1].path)
    expect(readFileSync(join(results[0].path, 'model.onnx.data')).equals(data)).toBe(true)
    expect(requests('cdn')).toHaveLength(1)
  })

  test('is left alone by a pull that was taken for dead, and whose server begins again', async () => {
    const abort = new AbortController()
    server.faults.push({ match: 'cdn', stallAfter: 100_000 })
    const slow = pull({ signal: abort.signal, stallMs: 1500 })
    slow.catch(() => {})
    await vi.waitFor(() => expect(blobs().join()).toContain(`${blobName(data)}.lophi.incomplete.`), 5000)
    await rm(join(cache, '.locks/models--org--tiny', `${blobName(data)}.lophi.lock`))
    const { path } = await pull()
    server.faults.push({ match: 'cdn', etag: 'another', stallAfter: 1000 })
    await vi.waitFor(() => expect(requests('cdn')).toHaveLength(3), 5000)
    await vi.waitFor(() => expect(server.faults).toEqual([]), 5000)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(readFileSync(join(path, 'model.onnx.data')).equals(data)).toBe(true)
    abort.abort()
    await slow.catch(() => {})
    expect(blobs().filter((name) => name.includes('incomplete'))).toEqual([])
  })

  test('resumes what a process that was killed left of it', async () => {
    await mkdir(join(root(), 'blobs'), { recursive: true })
    await writeFile(join(root(), 'blobs', `${blobName(data)}.lophi.incomplete.1`), data.subarray(0, 10_000))
    await writeFile(join(root(), 'blobs', `${blobName(data)}.lophi.incomplete.2`), data.subarray(0, 30_000))
    const { path } = await pull()
    expect(requests('cdn').map(({ headers }) => headers.range)).toEqual(['bytes=30000-'])
    expect(readFileSync(join(path, 'model.onnx.data')).equals(data)).toBe(true)
    expect(blobs().filter((name) => name.includes('incomplete'))).toEqual([])
  })

  test('is not held up by the lock of a process that died', async () => {
    const lock = join(cache, '.locks/models--org--tiny', `${blobName(data)}.lophi.lock`)
    await mkdir(dirname(lock), { recursive: true })
    const { hostname } = await import('node:os')
    await writeFile(lock, JSON.stringify({ host: hostname(), pid: 2 ** 30 }))
    await expect(pull()).resolves.toMatchObject({ variant: best })
  })
})

describe('a hostile list', () => {
  const entry = { type: 'file', size: 1, oid: 'a'.repeat(40) }
  test.each([
    '../evil.gguf',
    'a/../../evil.gguf',
    '/etc/evil.gguf',
    'a\\..\\evil.gguf',
    'C:evil.gguf',
    'a//evil.gguf',
    'evil.gguf\0.txt',
    '\u001b[2Jevil.gguf',
    'evil. ',
    7,
  ])('with the name %j is refused before anything is written', async (path) => {
    server.forged.push({ ...entry, path })
    await expect(pull()).rejects.toMatchObject({ code: 'ERR_DOWNLOAD', message: expect.stringContaining('inside') })
    expect(readdirSync(folder)).not.toContain('models--org--tiny')
    expect(() => readdirSync(root())).toThrow('ENOENT')
  })

  test.each([
    ['a hash that is a path', { oid: '../../evil' }, 'hash'],
    ['a size below 0', { size: -1 }, 'number of bytes'],
    ['a large file without a hash', { lfs: { size: 1, oid: 'none' } }, 'hash'],
    ['a size beyond the disk', { path: 'm.gguf', lfs: { size: 2 ** 52, oid: 'b'.repeat(64) } }, 'disk space'],
  ])('with %s is refused', async (_, fields, words) => {
    server.forged.push({ ...entry, path: 'm.gguf', ...fields })
    await expect(pull({ variant: 'm' })).rejects.toMatchObject({
      code: 'ERR_DOWNLOAD',
      message: expect.stringContaining(words),
    })
  })

  test('a shard outside the folder of its index is refused', async () => {
    const index = JSON.stringify({ weight_map: { a: '../model.safetensors' } })
    server.repositories.set('org/shards', new Map([['model.safetensors.index.json', Buffer.from(index)]]))
    await expect(pullModel('org/shards')).rejects.toThrow('which the repository lacks')
  })
})

describe('the shards of safetensors', () => {
  test('are those that the index names, with config and tokenizer', async () => {
    const files = {
      'config.json': '{}',
      'tokenizer.json': '{}',
      'model.safetensors.index.json':
        '{"weight_map":{"a":"part-a.safetensors","b":"part-b.safetensors","c":"part-a.safetensors"}}',
      'part-a.safetensors': 'a',
      'part-b.safetensors': 'b',
      'adapter.safetensors': 'no',
      'pytorch_model.bin': 'no',
    }
    server.repositories.set(
      'org/shards',
      new Map(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)])),
    )
    const { path } = await pullModel('org/shards')
    expect(readdirSync(path).sort()).toEqual(
      Object.keys(files)
        .filter((_, i) => i < 5)
        .sort(),
    )
    await expect(locateModel('org/shards')).resolves.toMatchObject({ path, downloadedBytes: 0 })
  })

  test.each([[[]], [['part-a.safetensors']]])('of which the cache has %j are completed', async (there: string[]) => {
    const shards = ['part-a.safetensors', 'part-b.safetensors']
    const index = JSON.stringify({ weight_map: { a: shards[0], b: shards[1] } })
    const files = new Map(shards.map((name) => [name, Buffer.from(name)]))
    files.set('model.safetensors.index.json', Buffer.from(index))
    server.repositories.set('org/shards', files)
    // as a download by another library that broke off
    const repository = join(cache, 'models--org--shards')
    const snapshot = join(repository, 'snapshots', commit)
    await mkdir(snapshot, { recursive: true })
    await mkdir(join(repository, 'refs'))
    await writeFile(join(repository, 'refs/main'), commit)
    for (const name of ['model.safetensors.index.json', ...there])
      await writeFile(join(snapshot, name), files.get(name)!)
    const { path } = await locateModel('org/shards')
    expect(readdirSync(path).sort()).toEqual([...files.keys()].sort())
  })
})

describe('variants', () => {
  const filesOf = (...paths: string[]) => paths.map((path) => ({ path, size: 10 }))
  const microsoft = filesOf(
    ...['cpu_and_mobile/cpu-int4-rtn-block-32', 'cpu_and_mobile/cpu-int4-rtn-block-32-acc-level-4', 'cuda/cuda-fp16']
      .concat('cuda/cuda-int4-rtn-block-32', 'directml/directml-int4-awq-block-128')
      .flatMap((folder) => ['genai_config.json', 'model.onnx', 'model.onnx.data'].map((name) => `${folder}/${name}`)),
  )
  const ggufs = filesOf(
    'P-Q2_K.gguf',
    'P-Q4_K_M.gguf',
    'P-Q8_0-00001-of-00002.gguf',
    'P-Q8_0-00002-of-00002.gguf',
    'P-f16.gguf',
  )

  test.each([
    ['a file and its type', filesOf('Phi-3-mini-4k-instruct-q4.gguf'), [['q4', 'Phi-3-mini-4k-instruct-q4.gguf', 1]]],
    ['parts together', ggufs.slice(2, 4), [['q8_0', 'P-Q8_0-00001-of-00002.gguf', 2]]],
    ['no vision encoder', filesOf('mmproj-f16.gguf', 'x.gguf'), [['x', 'x.gguf', 1]]],
    [
      'the same type twice by file',
      filesOf('a-q4_0.gguf', 'b-q4_0.gguf'),
      [
        ['a-q4_0', 'a-q4_0.gguf', 1],
        ['b-q4_0', 'b-q4_0.gguf', 1],
      ],
    ],
    [
      'an ONNX package at the root',
      filesOf('genai_config.json', 'm.onnx', 'm.onnx.data', 'README.md'),
      [['onnx', '', 3]],
    ],
    [
      'ONNX graphs with the config at the root',
      filesOf(
        'config.json',
        'onnx/model_q4.onnx',
        'onnx/model_q4.onnx_data',
        'onnx/model_q4.onnx_data_1',
        'onnx/model.onnx',
      ),
      [
        ['model', 'onnx/model.onnx', 2],
        ['model_q4', 'onnx/model_q4.onnx', 4],
      ],
    ],
    [
      'one safetensors file',
      filesOf('model.safetensors', 'config.json', 'x.bin'),
      [['safetensors', 'model.safetensors', 2]],
    ],
  ])('%s', (_, files, expected) => {
    expect(variantsOf(files).map(({ name, path, files }) => [name, path, files.length])).toEqual(expected)
  })

  test('a file split in parts of which one is missing is not whole', () => {
    expect(variantsOf(ggufs.slice(2, 3))).toMatchObject([{ name: 'q8_0', missing: 1 }])
  })

  test.each([
    ['cpu', microsoft, 'cpu-int4-rtn-block-32-acc-level-4'],
    ['cuda', microsoft, 'cuda-int4-rtn-block-32'],
    ['dml', microsoft, 'directml-int4-awq-block-128'],
    ['cpu', ggufs, 'q4_k_m'],
    ['cpu', ggufs.slice(2), 'q8_0'],
  ] as const)('the best for %s is chosen', (backend, files, name) => {
    expect(chooseVariant(id, variantsOf(files), { backend }).name).toBe(name)
  })

  test.each(['Q8_0', 'q8_0', 'P-Q8_0-00001-of-00002.gguf', 'p-q8_0-00002-of-00002'])(
    '%s names a GGUF file',
    (variant) => {
      expect(chooseVariant(id, variantsOf(ggufs), { variant, backend: 'cpu' }).name).toBe('q8_0')
    },
  )

  test('none is guessed where nothing speaks for one', () => {
    const variants = variantsOf(filesOf('a.gguf', 'b.gguf'))
    expect(() => chooseVariant(id, variants, { backend: 'cpu' })).toThrow('none of these is known to be best: a, b')
  })
})

describe('a name', () => {
  test.each(['microsoft/Phi-3-mini-4k-instruct-onnx', 'o/n', 'a.b/c_d'])('%s is one', (text) => {
    expect(isModelName(text)).toBe(true)
  })
  test.each([
    'model',
    './a/b',
    '/a/b',
    'a/b/c',
    '../b',
    'a/..',
    'a/b--c',
    'a/b.',
    'folder/model.gguf',
    'a\\b',
    'a /b',
    'a/b\n',
  ])('%j is none', (text) => {
    expect(isModelName(text)).toBe(false)
  })
})

test("files that Python's huggingface_hub left as copies are used", async () => {
  const { path } = await pull()
  const file = join(path, 'model.onnx.data')
  await rm(file)
  await writeFile(file, data)
  await rm(join(root(), 'blobs', blobName(data)))
  await expect(pull()).resolves.toMatchObject({ downloadedBytes: 0 })
})
