import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// Runs the built command line in processes of their own, without a terminal.

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
if (!existsSync(main)) throw new Error(`${main} is missing: npm run build:ts`)

export interface Outcome {
  readonly stdout: string
  readonly stderr: string
  readonly status: number | null
}

interface Options {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
}

function environment(more: Options['env'] = {}): NodeJS.ProcessEnv {
  const { LOPHI_CPU_ISA: _, LOPHI_LOG: __, ...rest } = process.env
  return { ...rest, ...more }
}

export function lophi(args: readonly string[], { input = '', env }: Options = {}): Outcome {
  const { stdout, stderr, status } = spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
    input,
    env: environment(env),
    maxBuffer: 2 ** 26,
  })
  return { stdout, stderr, status }
}

/** The one JSON object that a command prints; stderr must be empty and the exit code 0. */
export function lophiJson<T = Record<string, unknown>>(args: readonly string[], options: Options = {}): T {
  const { stdout, stderr, status } = lophi([...args, '--json'], options)
  if (stderr !== '' || status !== 0) throw new Error(`lophi ${args.join(' ')}: exit code ${status}, ${stderr}`)
  return JSON.parse(stdout)
}

/** A running command; `ended` resolves with everything it has printed. */
export function startLophi(
  args: readonly string[],
  { env }: Options = {},
): { child: ChildProcessWithoutNullStreams; ended: Promise<Outcome> } {
  const child = spawn(process.execPath, [main, ...args], { env: environment(env) })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve({ stdout, stderr, status }))
  })
  return { child, ended }
}
