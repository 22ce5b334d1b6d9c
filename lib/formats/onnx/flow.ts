import { FormatError } from '../../errors.js'
import type { OnnxGraph, OnnxNode } from './graph.js'

/** How errors call a node. */
export function labelOf({ name, opType }: Pick<OnnxNode, 'name' | 'opType'>): string {
  return name === '' ? `a node ${opType}` : `node ${name} (${opType})`
}

/** Every value has one maker, is made before it is read, and is made at all. */
export function checkFlow(path: string, graph: OnnxGraph): void {
  for (const [value, reader] of captured(path, graph)) {
    throw new FormatError(path, `value ${value}, which ${reader} reads, must be made somewhere, but is not`)
  }
}

/** What a graph reads of the graph around it: values, each with a reader. Order of nodes does not matter. */
function captured(path: string, { nodes, constants, inputs, outputs }: OnnxGraph): Map<string, string> {
  /** The node that makes a value; null: it is there from the beginning. */
  const makers = new Map<string, number | null>()
  const make = (value: string, maker: number | null) => {
    if (makers.has(value)) throw new FormatError(path, `value ${value} must be made once, but is made twice`)
    makers.set(value, maker)
  }
  for (const value of constants.keys()) make(value, null)
  for (const { name } of inputs) make(name, null)
  for (const [i, node] of nodes.entries()) for (const value of node.outputs) if (value !== '') make(value, i)

  const free = new Map<string, string>()
  const waiting = nodes.map(() => 0)
  const readers: number[][] = nodes.map(() => [])
  for (const [i, node] of nodes.entries()) {
    for (const value of valuesRead(path, node)) {
      const maker = makers.get(value)
      if (maker === undefined) free.set(value, labelOf(node))
      else if (maker !== null) {
        readers[maker]!.push(i)
        waiting[i]!++
      }
    }
  }
  for (const { name } of outputs) if (!makers.has(name)) free.set(name, 'an output of the graph')

  const ready = [...nodes.keys()].filter((i) => waiting[i] === 0)
  for (let i = ready.pop(); i !== undefined; i = ready.pop()) {
    for (const reader of readers[i]!) if (--waiting[reader]! === 0) ready.push(reader)
  }
  const stuck = nodes[waiting.findIndex((count) => count > 0)]
  if (stuck) throw new FormatError(path, `nodes must not form a cycle, but ${labelOf(stuck)} lies on one or behind one`)
  return free
}

function valuesRead(path: string, node: OnnxNode): Set<string> {
  const values = new Set(node.inputs)
  for (const attribute of node.attributes.values()) {
    if (attribute.type === 'graph') for (const value of captured(path, attribute.value).keys()) values.add(value)
  }
  values.delete('')
  return values
}
