/** The architectures that this version runs. */
import type { Blueprint } from './blueprint.js'
import { phi3 } from './phi3.js'
import { unsupportedArchitecture } from './unsupported.js'

export const architectures: readonly Blueprint[] = [phi3]

/** The blueprint of the name that a file of `container` gives; throws where none is of this version. */
export function blueprintOf(
  known: readonly Blueprint[],
  container: keyof Blueprint['called'],
  name: string,
  file: string,
): Blueprint {
  const found = known.find(({ called }) => called[container].includes(name))
  if (found) return found
  const names = known.flatMap(({ called }) => called[container])
  throw unsupportedArchitecture(file, name, names)
}
