import { mkdir, readFile, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { ArgumentError, DownloadError } from '../errors.js'
import { checkOptions, type OptionNames } from '../options.js'
import { fetchBlob, partialBytes } from './blob.js'
import { type RepositoryCache, refer, repositoryCache, sizeOf } from './cache.js'
import type { Connection } from './http.js'
import { type HubFile, isSafePath, listRepository, type RemoteFile } from './listing.js'
import { type HubSettings, hubSettings } from './settings.js'
import { type Backend, chooseVariant, findVariant, shardIndex, type Variant, variantsOf } from './variants.js'

export interface PullOptions {
  /** A folder, a GGUF type or a file name; default: the best for `backend`. */
  readonly variant?: string | undefined
  /** Branch, tag or commit; default main. */
  readonly revision?: string | undefined
  /** What the model is to run on; default cpu. */
  readonly backend?: Backend | undefined
  readonly signal?: AbortSignal | undefined
  /** Before the first byte. */
  readonly onPlan?: ((plan: PullPlan) => void) | undefined
  readonly onProgress?: ((progress: PullProgress) => void) | undefined
  readonly retryMs?: number | undefined
  readonly stallMs?: number | undefined
}

export interface PullPlan {
  readonly id: string
  readonly variant: Variant
  /** How many variants there were to choose from; 1 where the caller named one. */
  readonly among: number
  readonly backend: Backend
  /** Bytes that are not in the cache. */
  readonly downloadBytes: number
}

export interface PullProgress {
  readonly file: string
  readonly done: number
  readonly total: number
}

export interface PullResult {
  readonly id: string
  /** The commit. */
  readonly revision: string
  readonly variant: string
  /** The file or folder to open. */
  readonly path: string
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly cached: boolean }[]
  readonly bytes: number
  readonly downloadedBytes: number
}

const pullOptions: OptionNames<PullOptions> = {
  variant: true,
  revision: true,
  backend: true,
  signal: true,
  onPlan: true,
  onProgress: true,
  retryMs: true,
  stallMs: true,
}

/** Downloads what is missing of a model, after asking the hub what its revision is now. Offline: finds it in the cache. */
export async function pullModel(id: string, options: PullOptions = {}): Promise<PullResult> {
  checkOptions('pullModel', options, pullOptions)
  const settings = await settingsFor(options)
  if (settings.offline) return (await findCached(id, settings, options)) ?? (await failOffline(id, settings, options))
  return download(id, settings, options)
}

/** A model from the cache as it is there; what is not there is downloaded. */
export async function locateModel(id: string, options: PullOptions = {}): Promise<PullResult> {
  checkOptions('locateModel', options, pullOptions)
  const settings = await settingsFor(options)
  const cached = await findCached(id, settings, options)
  if (cached) return cached
  return settings.offline ? failOffline(id, settings, options) : download(id, settings, options)
}

export async function listVariants(
  id: string,
  options: PullOptions = {},
): Promise<{ revision: string; variants: Variant[] }> {
  checkOptions('listVariants', options, pullOptions)
  const settings = await settingsFor(options)
  const { revision = 'main' } = options
  if (!settings.offline) {
    const { commit, files } = await listRepository(connectionOf(id, settings, options), revision)
    return { revision: commit, variants: variantsOf(files) }
  }
  const cache = repositoryCache(settings.cache, id)
  const commit = await cache.commitOf(revision)
  if (commit === null) return failOffline(id, settings, options)
  return { revision: commit, variants: variantsOf(await cache.files(commit)) }
}

/** A revision names a file below refs/. */
async function settingsFor({ revision = 'main' }: PullOptions): Promise<HubSettings> {
  if (isSafePath(revision)) return hubSettings()
  throw new ArgumentError(
    'ERR_ARGUMENT',
    `revision must be a branch, tag or commit, but is ${JSON.stringify(revision)}`,
  )
}

function connectionOf(id: string, settings: HubSettings, { signal, retryMs, stallMs }: PullOptions): Connection {
  return { id, endpoint: settings.endpoint, token: settings.token, signal, retryMs, stallMs }
}

async function cachedVariants(id: string, { cache }: HubSettings, revision = 'main') {
  const repository = repositoryCache(cache, id)
  const commit = await repository.commitOf(revision)
  if (commit === null) return { repository, commit, variants: [] }
  const files = await repository.files(commit)
  const variants = variantsOf(files)
  const isHere = await Promise.all(variants.map((variant) => isWhole(repository.snapshot(commit), variant, files)))
  return { repository, commit, variants: variants.filter((_, i) => isHere[i]) }
}

/** Whether a snapshot with these files has all of a variant. Others fill it file by file, and may stop after any. */
async function isWhole(snapshot: string, variant: Variant, files: readonly HubFile[]): Promise<boolean> {
  const index = indexOf(variant)
  if (!index || index.size > maxIndexBytes) return variant.missing === 0
  const shards = shardPaths(index, await readFile(join(snapshot, index.path), 'utf8'))
  return shards.every((shard) => files.some(({ path }) => path === shard))
}

async function findCached(id: string, settings: HubSettings, options: PullOptions): Promise<PullResult | null> {
  const { repository, commit, variants } = await cachedVariants(id, settings, options.revision)
  const { variant: wanted, backend = 'cpu', onPlan } = options
  if (commit === null || variants.length === 0) return null
  if (wanted !== undefined && !findVariant(variants, wanted)) return null
  const variant = chooseVariant(id, variants, { variant: wanted, backend })
  onPlan?.(planOf(id, variant, variants, options, 0))
  return resultOf(id, commit, variant, repository, new Set(), 0)
}

async function failOffline(id: string, settings: HubSettings, { variant, revision }: PullOptions): Promise<never> {
  const { variants } = await cachedVariants(id, settings, revision)
  const what = [variant && `variant ${variant}`, revision && `revision ${revision}`].filter(Boolean).join(' of ')
  const there = variants.length > 0 ? ` (there: ${variants.map(({ name }) => name).join(', ')})` : ''
  const command = ['lophi pull', id, variant && `--variant ${variant}`, revision && `--revision ${revision}`]
  throw new DownloadError(
    `${id}: ${what || 'a model'} must be in the cache ${settings.cache}, as HF_HUB_OFFLINE is set, but is not${there}; unset it, or run where there is a network: ${command.filter(Boolean).join(' ')}`,
  )
}

async function download(id: string, settings: HubSettings, options: PullOptions): Promise<PullResult> {
  const { revision = 'main', backend = 'cpu', onPlan } = options
  const connection = connectionOf(id, settings, options)
  const repository = repositoryCache(settings.cache, id)
  const { commit, files } = await listRepository(connection, revision)
  const fetched = new Set<HubFile>()
  let downloadedBytes = 0
  const fetchFile = async (file: RemoteFile, onProgress: (done: number) => void = () => {}) => {
    const bytes = await fetchBlob(connection, {
      file,
      url: `${settings.endpoint}/${id}/resolve/${commit}/${file.path.split('/').map(encodeURIComponent).join('/')}`,
      target: repository.blob(file.hash),
      lock: repository.lock(file.hash),
      onProgress,
    })
    if (bytes > 0) fetched.add(file)
    downloadedBytes += bytes
  }

  const variants = variantsOf(files)
  if (variants.length === 0)
    throw new DownloadError(`${id}: must hold an ONNX, GGUF or safetensors model, but none of its files is one`)
  const chosen = chooseVariant(id, variants, { variant: options.variant, backend })
  const variant = await withShards(id, chosen, files, repository, fetchFile)
  if (variant.missing > 0)
    throw new DownloadError(`${id}: ${variant.name} must be whole, but the repository lacks ${variant.missing} parts`)

  const isHere = await Promise.all(variant.files.map((file) => isCached(repository, commit, file)))
  const pending = variant.files.filter((_, i) => !isHere[i])
  const missing = await Promise.all(pending.map((file) => missingBytes(repository, file)))
  const downloadBytes = missing.reduce((sum, bytes) => sum + bytes, 0)
  onPlan?.(planOf(id, variant, variants, options, downloadBytes))
  await checkSpace(id, settings.cache, downloadBytes)

  const total = pending.reduce((sum, { size }) => sum + size, 0)
  let before = 0
  for (const file of pending) {
    await fetchFile(file, (done) => options.onProgress?.({ file: file.path, done: before + done, total }))
    before += file.size
  }
  // all links at the end: a variant that a snapshot shows is whole
  for (const { path, size, hash } of variant.files) {
    const pointer = join(repository.snapshot(commit), path)
    if ((await sizeOf(pointer)) !== size) await refer(pointer, repository.blob(hash))
  }
  await repository.setCommit(revision, commit)
  return resultOf(id, commit, variant, repository, fetched, downloadedBytes)
}

/** A sharded variant with the files that its index names, whatever they are called. */
async function withShards(
  id: string,
  variant: Variant<RemoteFile>,
  files: readonly RemoteFile[],
  repository: RepositoryCache,
  fetchFile: (file: RemoteFile) => Promise<void>,
): Promise<Variant<RemoteFile>> {
  const index = indexOf(variant)
  if (!index) return variant
  if (index.size > maxIndexBytes)
    throw new DownloadError(`${id}: ${index.path} must have at most ${maxIndexBytes} bytes, but has ${index.size}`)
  await fetchFile(index)
  const shards = shardPaths(index, await readFile(repository.blob(index.hash), 'utf8')).map((shard) => {
    const file = files.find(({ path }) => path === shard)
    if (!file)
      throw new DownloadError(`${id}: ${index.path} names ${JSON.stringify(shard)}, which the repository lacks`)
    return file
  })
  const others = variant.files.filter(({ path }) => !path.endsWith('.safetensors'))
  const all = [...others, ...shards]
  return { ...variant, files: all, bytes: all.reduce((sum, { size }) => sum + size, 0), missing: 0 }
}

const maxIndexBytes = 64 * 2 ** 20

function indexOf<F extends HubFile>({ files }: Variant<F>): F | undefined {
  return files.find(({ path }) => path.endsWith(shardIndex))
}

/** The files that an index names; none where it is not one, which is for the reader to say. */
function shardPaths(index: HubFile, text: string): string[] {
  const folder = index.path.slice(0, -shardIndex.length)
  try {
    const { weight_map: map } = JSON.parse(text) as { weight_map: Record<string, string> }
    return [...new Set(Object.values(map))].map((name) => folder + name)
  } catch {
    return []
  }
}

/** Whether a file of a commit is there, as a blob or, where links are not possible, in the snapshot itself. */
async function isCached(repository: RepositoryCache, commit: string, { path, size, hash }: RemoteFile) {
  const places = [repository.blob(hash), join(repository.snapshot(commit), path)]
  const sizes = await Promise.all(places.map(sizeOf))
  return sizes.includes(size)
}

async function missingBytes(repository: RepositoryCache, { size, hash }: RemoteFile): Promise<number> {
  const there = await partialBytes(repository.blob(hash))
  return there > size ? size : size - there
}

async function checkSpace(id: string, folder: string, bytes: number): Promise<void> {
  await mkdir(folder, { recursive: true })
  const { bavail, bsize } = await statfs(folder)
  if (bytes <= bavail * bsize) return
  throw new DownloadError(
    `${id}: needs ${bytes} bytes of disk space, but ${folder} has ${bavail * bsize}; HF_HOME moves it`,
  )
}

function planOf(
  id: string,
  variant: Variant,
  variants: readonly Variant[],
  { variant: wanted, backend = 'cpu' }: PullOptions,
  downloadBytes: number,
): PullPlan {
  return { id, variant, among: wanted === undefined ? variants.length : 1, backend, downloadBytes }
}

function resultOf(
  id: string,
  commit: string,
  variant: Variant,
  repository: RepositoryCache,
  fetched: ReadonlySet<HubFile>,
  downloadedBytes: number,
): PullResult {
  return {
    id,
    revision: commit,
    variant: variant.name,
    path: join(repository.snapshot(commit), variant.path),
    files: variant.files.map((file) => ({ path: file.path, bytes: file.size, cached: !fetched.has(file) })),
    bytes: variant.bytes,
    downloadedBytes,
  }
}
