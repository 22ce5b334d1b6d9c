import { createHash } from 'node:crypto'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

// A hub on this machine: the endpoints that models are downloaded through, with a second server in the place of the CDN.

export const commit = 'c0ffee'.padEnd(40, '0')

interface Seen {
  readonly host: 'hub' | 'cdn'
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

/** What the next requests whose address contains `match` get instead of their answer; used up one by one. */
interface Fault {
  readonly match: string
  /** An answer without a file. */
  readonly status?: number
  readonly headers?: Record<string, string>
  /** The connection ends after so many bytes of the body. */
  readonly cutAfter?: number
  /** Nothing is sent after so many bytes, and the connection stays open. */
  readonly stallAfter?: number
  /** The bytes are another file's. */
  readonly content?: Buffer
  readonly etag?: string
}

export interface HubServer extends AsyncDisposable {
  readonly endpoint: string
  readonly seen: Seen[]
  readonly faults: Fault[]
  /** By org/name, then path; what has at least `lfsFrom` bytes is served by the CDN. */
  readonly repositories: Map<string, Map<string, Buffer>>
  /** Entries that are added to every list as they are. */
  readonly forged: unknown[]
  /** A token that every request to the hub must carry. */
  token: string | null
  pageSize: number
}

const lfsFrom = 10_000
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const gitSha1 = (bytes: Buffer) => createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
export const blobName = (bytes: Buffer) => (bytes.length >= lfsFrom ? sha256(bytes) : gitSha1(bytes))

export async function startHub(repositories: Record<string, Record<string, Buffer | string>>): Promise<HubServer> {
  const state = {
    seen: [] as Seen[],
    faults: [] as Fault[],
    forged: [] as unknown[],
    token: null as string | null,
    pageSize: 1000,
    repositories: new Map(
      Object.entries(repositories).map(([id, files]) => [
        id,
        new Map(Object.entries(files).map(([path, bytes]) => [path, Buffer.from(bytes as Buffer)])),
      ]),
    ),
  }
  const contents = () => [...state.repositories.values()].flatMap((files) => [...files.values()])

  const cdn = createServer((request, response) => {
    const fault = see('cdn', request)
    const bytes = contents().find((bytes) => request.url === `/cdn/${sha256(bytes)}?signed`)
    if (bytes) send(request, response, bytes, `cdn-${sha256(bytes)}`, fault)
    else refuse(response, 404)
  })
  const cdnAddress = await listen(cdn)

  const hub = createServer((request, response) => {
    const fault = see('hub', request)
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://hub')
    if (fault?.status) return refuse(response, fault.status, fault.headers)
    if (state.token !== null && request.headers.authorization !== `Bearer ${state.token}`)
      return refuse(response, 401, { 'x-error-code': 'GatedRepo' })
    const [, api, id = '', rest = ''] = /^(\/api\/models)?\/([^/]+\/[^/]+)\/(.*)$/.exec(pathname) ?? []
    const files = state.repositories.get(id)
    if (!files) return refuse(response, 401, { 'x-error-code': 'RepoNotFound' })
    if (rest.startsWith('revision/')) {
      const known = ['main', 'v2', commit].includes(decodeURIComponent(rest.slice('revision/'.length)))
      return known
        ? json(response, { _id: '1', id, sha: commit })
        : refuse(response, 404, { 'x-error-code': 'RevisionNotFound' })
    }
    if (api && rest === `tree/${commit}`)
      return list(response, files, Number(searchParams.get('cursor') ?? 0), pathname)
    const [, path = ''] = /^resolve\/[^/]+\/(.*)$/.exec(rest) ?? []
    const bytes = files.get(decodeURIComponent(path))
    if (!bytes) return refuse(response, 404, { 'x-error-code': 'EntryNotFound' })
    if (bytes.length < lfsFrom) return send(request, response, bytes, gitSha1(bytes), fault)
    response.writeHead(302, {
      'x-repo-commit': commit,
      location: `${cdnAddress}/cdn/${sha256(bytes)}?signed`,
      'x-linked-etag': `"${sha256(bytes)}"`,
    })
    response.end()
  })
  const endpoint = await listen(hub)

  function see(host: Seen['host'], { url = '', headers }: IncomingMessage): Fault | undefined {
    state.seen.push({ host, url, headers })
    const at = state.faults.findIndex(({ match }) => `${host}${url}`.includes(match))
    return at < 0 ? undefined : state.faults.splice(at, 1)[0]
  }

  function list(response: ServerResponse, files: Map<string, Buffer>, from: number, pathname: string): void {
    const entries = [...files].map(([path, bytes]) => ({
      type: 'file',
      path,
      size: bytes.length,
      oid: gitSha1(bytes),
      ...(bytes.length < lfsFrom ? {} : { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } }),
    }))
    const all = [{ type: 'directory', path: 'docs', size: 0, oid: commit }, ...entries, ...state.forged]
    const to = from + state.pageSize
    if (to < all.length) response.setHeader('link', `<${endpoint}${pathname}?cursor=${to}>; rel="next"`)
    json(response, all.slice(from, to))
  }

  return Object.assign(state, {
    endpoint,
    async [Symbol.asyncDispose]() {
      for (const server of [hub, cdn]) {
        server.closeAllConnections()
        server.close()
      }
    },
  })
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
}

function refuse(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, headers).end()
}

/** A file, or the range that is asked for, if If-Range names what it has. */
function send(
  request: IncomingMessage,
  response: ServerResponse,
  file: Buffer,
  tag: string,
  fault: Fault = { match: '' },
) {
  if (fault.status) return refuse(response, fault.status, fault.headers)
  const etag = `"${fault.etag ?? tag}"`
  const { range, 'if-range': condition = etag } = request.headers
  const [, first] = (condition === etag && /^bytes=(\d+)-$/.exec(range ?? '')) || []
  const start = Number(first ?? 0)
  const bytes = (fault.content ?? file).subarray(start)
  const ranged = first === undefined ? {} : { 'content-range': `bytes ${start}-${file.length - 1}/${file.length}` }
  response.writeHead(first === undefined ? 200 : 206, {
    etag,
    'x-repo-commit': commit,
    'content-length': bytes.length,
    ...ranged,
  })
  const limit = fault.cutAfter ?? fault.stallAfter
  if (limit === undefined) return response.end(bytes)
  response.write(bytes.subarray(0, limit), () => {
    if (fault.cutAfter !== undefined) response.socket?.end()
  })
}
