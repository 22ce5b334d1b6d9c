import { existsSync } from 'node:fs'
import { basename, extname, resolve } from 'node:path'
import { stderr } from 'node:process'
import { type Command, InvalidArgumentError } from 'commander'
import type { Server } from '../serve/server.js'
import { count } from './arguments.js'
import { addModelOptions, type ModelFlags, openModel } from './model-options.js'
import { modelArgument } from './model-path.js'
import { exitCodes, note, printJson } from './output.js'

interface ServeFlags extends ModelFlags {
  readonly host: string
  readonly port: number
  readonly apiKey?: string
  readonly maxQueue?: number
}

export function addServe(program: Command): void {
  const command = program
    .command('serve')
    .description("serve a model by OpenAI's interface over HTTP")
    .argument('<model>', modelArgument)
    .option('--host <address>', 'the address to listen on; 0.0.0.0 for whoever reaches this machine', '127.0.0.1')
    .option('--port <n>', 'the port; 0 for any that is free', port, 8080)
    .option('--api-key <key>', 'what clients must send; without one whoever reaches the port is served')
    .option('--max-queue <n>', 'requests that may wait (default: 256)', count(0))
  addModelOptions(command).action(serve)
}

async function serve(path: string, flags: ServeFlags): Promise<void> {
  const { createServer } = await import('../serve/server.js')
  await using model = await openModel(path, flags)
  await using server = createServer(model, {
    modelName: nameOf(path),
    ...(flags.apiKey === undefined ? {} : { apiKey: flags.apiKey }),
    ...(flags.maxQueue === undefined ? {} : { maxQueue: flags.maxQueue }),
    onRequest: (line) => stderr.write(`${JSON.stringify(line)}\n`),
  })
  const url = await server.listen({ host: flags.host, port: flags.port })
  const ended = drainOnSignal(server)
  if (flags.json) printJson({ url })
  else note(`serving ${server.modelName} at ${url}/v1`)
  if (flags.apiKey === undefined && !/^(127\.|::1$|localhost$)/.test(flags.host))
    note('whoever reaches this port is served: --api-key is not given')
  await ended
}

/** A file or folder goes by its own name, a model of the hub by its whole one. */
function nameOf(path: string): string {
  return existsSync(path) ? basename(resolve(path), extname(path)) : path
}

/** The first SIGTERM or Ctrl+C lets what is under way be answered; the second ends the process at once. */
function drainOnSignal(server: Server): Promise<void> {
  let draining: Promise<void> | undefined
  return new Promise((resolve, reject) => {
    const onSignal = () => {
      if (draining) process.exit(exitCodes.interrupted)
      draining = server.drain()
      draining.then(resolve, reject)
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
}

function port(text: string): number {
  const value = count(0)(text)
  if (value < 2 ** 16) return value
  throw new InvalidArgumentError('It must be a port, 0 to 65535.')
}
