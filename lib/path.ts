import { env } from 'node:process'
import { ArgumentError } from './errors.js'
import { native } from './native.js'

/** A place in the program and the places inside it. */
interface Place {
  readonly id: number
  readonly name: string
  readonly inner: Map<string, Place>
  /** Numbers of the lines that call ops here, by their stacks. */
  readonly lines: Map<string, number>
}

let current: Place = { id: 0, name: '', inner: new Map(), lines: new Map() }
/** Whether what fails later tells which line of the script had called it. */
const tracing = env.LOPHI_LOG === 'debug'
/** Models call ops some twenty functions deep. */
const mostFrames = 50

/**
 * Names the place where `fn` calls ops: `path('layer.7', () => path('mlp', ...))` makes `layer.7.mlp`. Plans list it with
 * their calls, and errors say it. Names are kept for the life of the process: name places of a program, not requests.
 * `fn` must not be async.
 */
export function path<T>(name: string, fn: () => T): T {
  if (typeof name !== 'string' || name === '')
    throw new ArgumentError('ERR_ARGUMENT', `path: name must be a word, but it is ${JSON.stringify(name)}`)
  const outer = current
  current = outer.inner.get(name) ?? enter(outer, name)
  try {
    const result = fn()
    if (result instanceof Promise)
      throw new ArgumentError('ERR_ARGUMENT', `path: fn must return at once, but in ${name} it is async`)
    return result
  } finally {
    current = outer
  }
}

/** The number of the place that a call made now belongs to. For the package's own use. */
export function currentPath(): number {
  return tracing ? line() : current.id
}

function line(): number {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = mostFrames
  const here = { stack: '' }
  Error.captureStackTrace(here, currentPath)
  Error.stackTraceLimit = stackTraceLimit
  const stack = here.stack.slice(here.stack.indexOf('\n') + 1)
  const known = current.lines.get(stack)
  if (known !== undefined) return known
  const id = native.internPath(current.name, stack)
  current.lines.set(stack, id)
  return id
}

function enter(outer: Place, name: string): Place {
  const full = outer.name ? `${outer.name}.${name}` : name
  const place = { id: native.internPath(full, ''), name: full, inner: new Map(), lines: new Map() }
  outer.inner.set(name, place)
  return place
}
