/** Lifetimes of tensors: everything made inside a scope goes when it ends, but for what it returns. */
import type { Tensor } from './tensor.js'

/** Innermost scope last. Per environment, because each worker has its own module. */
const scopes: Set<Tensor>[] = []

/** Called by every new tensor. */
export function register(tensor: Tensor): void {
  scopes.at(-1)?.add(tensor)
}

/** Takes a tensor out of the scopes, so that it outlives them. */
export function keep<T extends Tensor>(tensor: T): T {
  for (const made of scopes) made.delete(tensor)
  return tensor
}

/** Whether a tensor belongs to the innermost scope. */
export function madeHere(tensor: Tensor): boolean {
  return scopes.at(-1)?.has(tensor) ?? false
}

/** Calls `visit` for every tensor in a value: a tensor, or arrays and plain objects of such. */
export function eachTensor(value: unknown, visit: (tensor: Tensor) => void): void {
  if (value === null || typeof value !== 'object') return
  if ('native' in value && 'dtype' in value) visit(value as Tensor)
  else for (const part of Object.values(value)) eachTensor(part, visit)
}

/**
 * Runs `fn` and disposes every tensor made inside, except those in what it returns. Those belong to the enclosing
 * scope, if there is one. `fn` must not be async: tensors made after an `await` would belong to another scope.
 */
export function scope<T>(fn: () => T): T {
  const made = new Set<Tensor>()
  scopes.push(made)
  let result: T | undefined
  try {
    result = fn()
    return result
  } finally {
    scopes.splice(scopes.indexOf(made), 1)
    eachTensor(result, (tensor) => {
      if (made.delete(tensor)) register(tensor)
    })
    for (const tensor of made) tensor.dispose()
  }
}
