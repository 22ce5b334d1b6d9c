import { convert, exactly, type NdArray, ndarray } from '../../support/ndarray.js'
import { aroundAxis, axisOf, indicesOf, offsetOf, stridesOf, withAxis } from '../indexing.js'
import type { Reference } from '../signature.js'

/** The slices `picked` of an axis, in that order. */
function pick(x: NdArray, axis: number, picked: ArrayLike<number>): number[] {
  const { outer, length, inner } = aroundAxis(x.shape, axis)
  const data = []
  for (let o = 0; o < outer; o++) {
    for (let p = 0; p < picked.length; p++) {
      for (let i = 0; i < inner; i++) data.push(x.data[(o * length + picked[p]) * inner + i])
    }
  }
  return data
}

export const gather: Reference<'gather'> = ({ x, indices }, { axis }) => ({
  y: exactly(x.dtype, withAxis(x.shape, axis, indices.shape), pick(x, axis, indices.data)),
})

export const slice: Reference<'slice'> = ({ x }, { axis, start, end }) => {
  const length = x.shape[axisOf(axis, x.shape.length)]
  const bound = (at: number): number => (at < 0 ? at + length : at)
  const picked = Array.from({ length: bound(end) - bound(start) }, (_, i) => bound(start) + i)
  return { y: exactly(x.dtype, withAxis(x.shape, axis, [picked.length]), pick(x, axis, picked)) }
}

export const concat: Reference<'concat'> = ({ xs }, { axis }) => {
  const parts = xs.map((x) => ({ x, ...aroundAxis(x.shape, axis) }))
  const data = []
  for (let o = 0; o < parts[0].outer; o++) {
    for (const { x, length, inner } of parts) {
      for (let i = 0; i < length * inner; i++) data.push(x.data[o * length * inner + i])
    }
  }
  const length = parts.reduce((total, part) => total + part.length, 0)
  return { y: exactly(xs[0].dtype, withAxis(xs[0].shape, axis, [length]), data) }
}

export const transpose: Reference<'transpose'> = ({ x }, { permutation }) => {
  const strides = stridesOf(x.shape)
  const shape = permutation.map((axis) => x.shape[axis])
  const walk = permutation.map((axis) => strides[axis])
  return {
    y: exactly(
      x.dtype,
      shape,
      Array.from(indicesOf(shape), (index) => x.data[offsetOf(index, walk)]),
    ),
  }
}

export const copy: Reference<'copy'> = ({ x }) => ({ y: exactly(x.dtype, x.shape, x.data) })

export const cast: Reference<'cast'> = ({ x }, { dtype }) => ({
  y: exactly(
    dtype,
    x.shape,
    x.data.map((value) => convert(dtype, value)),
  ),
})

export const zeros: Reference<'zeros'> = (_, { shape, dtype }) => ({ y: ndarray(dtype, shape, () => 0) })

export const full: Reference<'full'> = (_, { shape, value, dtype }) => ({ y: ndarray(dtype, shape, () => value) })

export const arange: Reference<'arange'> = (_, { count, start, step, dtype }) => ({
  y: ndarray(dtype, [count], (index) => start + index * step),
})
