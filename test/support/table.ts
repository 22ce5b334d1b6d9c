import type { OpName } from '../../lib/ops/schema.js'
import { cases } from '../ops/cases.js'
import { reference } from '../ops/reference.js'
import { withDefaults } from '../ops/signature.js'
import type { NdArray, Operand } from './ndarray.js'
import { type Random, random, seedOf } from './random.js'

// The tables without the types of one op, for loops over all of them.

export type AnyOperands = Readonly<Record<string, Operand>>
export type AnyAttributes = Readonly<Record<string, unknown>>

export interface AnyCase {
  readonly name: string
  readonly attributes: AnyAttributes
  readonly operands: (random: Random) => AnyOperands
}

type AnyReference = (operands: AnyOperands, attributes: AnyAttributes) => Readonly<Record<string, NdArray>>

export const casesOf = (op: OpName): readonly AnyCase[] => cases[op]

export const seedOfCase = (op: OpName, { name }: AnyCase): number => seedOf(`${op} ${name}`)

export const operandsOf = (op: OpName, opCase: AnyCase): AnyOperands => opCase.operands(random(seedOfCase(op, opCase)))

/** Outputs, and in-out operands as they stand afterwards. */
export function expectedOf(op: OpName, operands: AnyOperands, attributes: AnyAttributes): Record<string, NdArray> {
  const run = reference[op] as unknown as AnyReference
  return { ...run(operands, withDefaults(op, attributes as never)) }
}
