import { ArgumentError } from './errors.js'
import { native } from './native.js'

/** A place in the program and the places inside it. */
interface Place {
  readonly id: number
  readonly name: string
  readonly inner: Map<string, Place>
}

let current: Place = { id: 0, name: '', inner: new Map() }

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
  return current.id
}

function enter(outer: Place, name: string): Place {
  const full = outer.name ? `${outer.name}.${name}` : name
  const place = { id: native.internPath(full), name: full, inner: new Map() }
  outer.inner.set(name, place)
  return place
}
