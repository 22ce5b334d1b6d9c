export type Shape = readonly number[]

export const sizeOf = (shape: Shape): number => shape.reduce((product, dim) => product * dim, 1)

/** Elements between neighbours of each axis, row-major. */
export const stridesOf = (shape: Shape): number[] => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)))

export const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

/** Every index of a shape in row-major order. The array is reused. */
export function* indicesOf(shape: Shape): Generator<readonly number[]> {
  const index = shape.map(() => 0)
  for (let left = sizeOf(shape); left > 0; left--) {
    yield index
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] += 1
      if (index[axis] < shape[axis]) break
      index[axis] = 0
    }
  }
}

export const offsetOf = (index: readonly number[], strides: readonly number[]): number =>
  index.reduce((offset, at, axis) => offset + at * strides[axis], 0)

/** NumPy's rule: align at the last axis, 1 stretches. */
export function broadcastShapes(shapes: readonly Shape[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length))
  return Array.from({ length: rank }, (_, axis) => {
    const dims = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1)
    return dims.find((dim) => dim !== 1) ?? 1
  })
}

/** Strides that walk `shape` as if it were `target`: 0 along stretched axes. */
export function broadcastStrides(shape: Shape, target: Shape): number[] {
  const missing = target.length - shape.length
  const strides = stridesOf(shape)
  return target.map((_, axis) => (axis < missing || shape[axis - missing] === 1 ? 0 : strides[axis - missing]))
}

/** A shape seen from one axis: [outer, length, inner]. */
export function aroundAxis(shape: Shape, axis: number): { outer: number; length: number; inner: number } {
  const at = axisOf(axis, shape.length)
  return { outer: sizeOf(shape.slice(0, at)), length: shape[at], inner: sizeOf(shape.slice(at + 1)) }
}

/** `shape` with the dims of one axis replaced. */
export function withAxis(shape: Shape, axis: number, dims: Shape): number[] {
  const at = axisOf(axis, shape.length)
  return [...shape.slice(0, at), ...dims, ...shape.slice(at + 1)]
}
