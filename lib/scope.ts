/** Lifetimes of tensors: everything made inside a scope goes when it ends, but for what it returns. */
import { ArgumentError } from './errors.js'

/** What a scope must know of a tensor. */
export interface Scoped {
  readonly native: unknown
  readonly dtype: unknown
  dispose(): void
}

/** Innermost scope last. Per environment, because each worker has its own module. */
const scopes: Set<Scoped>[] = []

/** Called by every new tensor. */
export function register(tensor: Scoped): void {
  scopes.at(-1)?.add(tensor)
}

/** Takes a tensor out of the scopes, so that it outlives them. */
export function keep<T extends Scoped>(tensor: T): T {
  for (const made of scopes) made.delete(tensor)
  return tensor
}

/** Whether a tensor belongs to the innermost scope. */
export function madeHere(tensor: Scoped): boolean {
  return scopes.at(-1)?.has(tensor) ?? false
}

/** Calls `visit` for every tensor in a value: a tensor, or arrays and plain objects of such. */
function eachTensor(value: unknown, visit: (tensor: Scoped) => void, seen: Set<object>): void {
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value) || seen.has(value)) return
  seen.add(value)
  if ('native' in value && 'dtype' in value) visit(value as Scoped)
  else for (const part of Object.values(value)) eachTensor(part, visit, seen)
}

/** Nothing that is awaited: `fn` would go on after its scope has ended. */
type Settled<T> = T extends PromiseLike<unknown> ? never : T

/**
 * Runs `fn` and disposes every tensor made inside, except those in what it returns. Those belong to the enclosing
 * scope, if there is one. `fn` must not be async: tensors made after an `await` would belong to another scope.
 */
export function scope<T>(fn: () => T & Settled<T>): T {
  const made = new Set<Scoped>()
  scopes.push(made)
  let result: T | undefined
  try {
    result = fn()
    if (isThenable(result)) {
      result.then(undefined, () => {}) // it fails on tensors that are gone: what is wrong is said here
      result = undefined
      throw new ArgumentError('ERR_ARGUMENT', 'scope: fn must return at once, but it returned a promise')
    }
    return result
  } finally {
    scopes.splice(scopes.indexOf(made), 1)
    eachTensor(
      result,
      (tensor) => {
        if (made.delete(tensor)) register(tensor)
      },
      new Set(),
    )
    for (const tensor of made) tensor.dispose()
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
