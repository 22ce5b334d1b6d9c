/** What goes where: results to stdout, everything else to stderr. With --json stdout has one object per line and nothing else. */
import { argv, env, stderr, stdout } from 'node:process'
import { inspect } from 'node:util'
import { CommanderError } from 'commander'
import { AbortedError } from '../errors.js'

export const exitCodes = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** Whether the command line asks for JSON; also known where it could not be parsed. */
function wantsJson(): boolean {
  const end = argv.indexOf('--')
  return argv.slice(2, end < 0 ? undefined : end).includes('--json')
}

/** Control characters, which a terminal obeys, as their escapes: names in a file are whatever somebody put there. */
export function printable(text: string, kept = '\t'): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (control) =>
    kept.includes(control) ? control : `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

export function printJson(value: unknown): void {
  stdout.write(`${jsonLine(value)}\n`)
}

/** JSON escapes the lower half of what a terminal obeys. */
function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(/[\x7f-\x9f]/g, (control) => `\\u00${control.charCodeAt(0).toString(16)}`)
}

/** One line of a result for people. */
export function print(line: string): void {
  stdout.write(`${printable(line)}\n`)
}

/** Text of a model as it comes: another program gets it as it is. */
export function printText(text: string): void {
  stdout.write(stdout.isTTY ? printable(text, '\t\n') : text)
}

/** A line beside the result. */
export function note(line: string): void {
  stderr.write(`${printable(line, '\t\n')}\n`)
}

export function errorLine(code: string, message: string): string {
  if (wantsJson()) return `${jsonLine({ error: { code, message } })}\n`
  // the code ends the first line; where binaries were looked for takes several
  return `error: ${printable(message, '\t\n').replace(/\n|$/, ` (${code})$&`)}\n`
}

/** How commander tells of a wrong command line: one line, suggestions included. */
export function usageError(text: string, write: (text: string) => void): void {
  const message = text.replace(/^error: /, '').trim()
  write(errorLine('ERR_ARGUMENT', message.replaceAll('\n', ' ')))
}

export function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : 'ERR_INTERNAL'
}

/** Says what went wrong, in one line, and sets the exit code. */
export function reportError(error: unknown): void {
  if (error instanceof CommanderError) {
    // commander has printed the error, or the help that was asked for
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    return
  }
  process.exitCode = error instanceof AbortedError ? exitCodes.interrupted : exitCodes.failed
  stderr.write(errorLine(codeOf(error), error instanceof Error ? error.message : String(error)))
  if (env.LOPHI_LOG === 'debug') stderr.write(`${inspect(error)}\n`)
}

/** A reader that left ends the command quietly; what nobody caught becomes one line. */
export function guardOutput(): void {
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.ok)
    reportError(error)
    process.exit()
  })
  stderr.on('error', () => {})
  process.on('uncaughtException', (error) => {
    reportError(error)
    process.exit()
  })
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** Three digits, as rates are read. */
export function formatNumber(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
