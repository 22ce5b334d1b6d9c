import type { Bound } from '../ops/cases.js'
import { roundoff, smallestNormal } from './floats.js'
import { convert, isFloat, type NdArray } from './ndarray.js'

const shown = 8

const largestOf = (data: Float64Array): number =>
  data.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0)

/** The error that `expected[index]` allows. */
function allowance({ dtype, data }: NdArray, bound: Bound): (expected: number) => number {
  if (bound === 'exact' || !isFloat(dtype)) return () => 0
  const { per, error, roundings = 1 } = bound
  const relative = error + roundings * roundoff[dtype]
  const least = { element: smallestNormal[dtype], unit: 1, tensor: largestOf(data) }[per]
  // results below the normal numbers of float32 may be flushed to 0
  return (expected) => relative * Math.max(least, Math.abs(expected)) + smallestNormal.float32
}

/** What tells `actual` from `expected`, which is not rounded yet; null where nothing does. */
export function differences(expected: NdArray, actual: NdArray, bound: Bound): string | null {
  const { dtype, shape } = expected
  if (actual.dtype !== dtype) return `dtype is ${actual.dtype}, but must be ${dtype}`
  if (actual.shape.join() !== shape.join()) return `shape is [${actual.shape}], but must be [${shape}]`

  const allowed = allowance(expected, bound)
  const lines: string[] = []
  let count = 0
  let worst = 0
  expected.data.forEach((value, index) => {
    const got = actual.data[index]
    const nearest = convert(dtype, value)
    const error = Math.abs(got - value)
    const same = got === nearest || (Number.isNaN(got) && Number.isNaN(nearest))
    if (same || (Number.isFinite(nearest) && error <= allowed(value))) return
    count += 1
    worst = Math.max(worst, error / Math.max(Math.abs(value), Number.MIN_VALUE))
    if (lines.length < shown)
      lines.push(`  [${index}] is ${got}, but must be ${nearest}, give or take ${allowed(value)}`)
  })
  if (count === 0) return null
  const limit = bound === 'exact' ? bound : JSON.stringify(bound)
  return [`${count} of ${expected.data.length} differ (bound ${limit}, worst relative error ${worst}):`, ...lines].join(
    '\n',
  )
}
