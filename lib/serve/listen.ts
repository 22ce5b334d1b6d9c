import { createServer, type RequestListener, type Server } from 'node:http'

/** Limits of connections: a header must be whole in 10 s, a request in 30 s, and an idle connection goes after 5 s. */
const limits = {
  maxHeaderSize: 16 * 2 ** 10,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
}

/** An HTTP server that listens. What is no HTTP is answered with a status and closed. */
export function listenOn(
  listener: RequestListener,
  { host, port, maxConnections }: { host: string; port: number; maxConnections: number },
): Promise<Server> {
  const server = createServer(limits, listener)
  server.maxConnections = maxConnections
  server.maxHeadersCount = 100
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}
