/** Who makes a value and who reads it. Nothing here looks at names or at the order of nodes. */
import { FormatError, UnsupportedModelError } from '../../errors.js'
import { labelOf } from './flow.js'
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxTensor } from './graph.js'

/** TensorProto.DataType of the types that a Cast may go to without changing what a Phi-3 computes. */
const floatTypes = [1, 10, 11, 16]

/**
 * A graph whose Identity nodes and Casts between float types are gone: their readers read what they read. Op types of
 * domains other than ONNX's and com.microsoft carry their domain, so that they match no pattern.
 */
export class Dataflow {
  readonly path: string
  readonly graph: OnnxGraph
  readonly nodes: readonly OnnxNode[]
  /** The value that a name is another name of. */
  readonly resolve: (name: string) => string
  readonly #producers = new Map<string, OnnxNode>()
  readonly #consumers = new Map<string, OnnxNode[]>()
  readonly #inputs: ReadonlySet<string>

  constructor({ path, graph }: Pick<OnnxModel, 'path' | 'graph'>) {
    this.path = path
    this.graph = graph
    this.#inputs = new Set(graph.inputs.map(({ name }) => name))
    const aliases = graph.nodes.filter(isAlias)
    const sources = new Map(aliases.map(({ outputs, inputs }) => [outputs[0], inputs[0]]))
    const root = resolver(sources)
    for (const { opType, outputs } of aliases)
      if (opType === 'Cast' && this.#isInteger(root(outputs[0]))) sources.delete(outputs[0])
    this.resolve = resolver(sources)
    const rest = graph.nodes.filter(({ outputs }) => !sources.has(outputs[0]))
    this.nodes = rest.map((node) => this.#canonical(node))
    for (const node of this.nodes) {
      for (const output of node.outputs) this.#producers.set(output, node)
      for (const input of new Set(node.inputs)) {
        const readers = this.#consumers.get(input)
        if (readers) readers.push(node)
        else this.#consumers.set(input, [node])
      }
    }
  }

  producer(value: string): OnnxNode | undefined {
    return this.#producers.get(value)
  }
  consumers(value: string): readonly OnnxNode[] {
    return this.#consumers.get(value) ?? []
  }
  constant(value: string): OnnxTensor | undefined {
    return this.graph.constants.get(value)
  }
  isInput(value: string): boolean {
    return this.#inputs.has(value)
  }
  isOutput(value: string): boolean {
    return this.graph.outputs.some(({ name }) => this.resolve(name) === value)
  }

  /** The value above a short run of nodes of these op types, by way of their first inputs. */
  above(value: string, ...opTypes: readonly string[]): string {
    let at = value
    for (let step = 0; step < 16; step++) {
      const node = this.producer(at)
      if (!node || !opTypes.includes(node.opType)) break
      at = node.inputs[0]
    }
    return at
  }

  /** An integer attribute. */
  integer(node: OnnxNode, name: string, fallback?: number): number {
    const value = this.number(node, name, fallback)
    if (Number.isSafeInteger(value)) return value
    throw this.malformed(node, `attribute ${name} must be an integer, but is ${value}`)
  }
  number(node: OnnxNode, name: string, fallback?: number): number {
    const attribute = node.attributes.get(name)
    if (attribute === undefined && fallback !== undefined) return fallback
    if (attribute?.type === 'int' || attribute?.type === 'float') return attribute.value
    throw this.malformed(node, `attribute ${name} must be a number, but is ${attribute?.type ?? 'missing'}`)
  }

  /** Refuses attributes that are not in `known`, and values of those that do not equal the number or text given there. */
  onlyAttributes(node: OnnxNode, known: Readonly<Record<string, number | string | null>>): void {
    for (const [name, attribute] of node.attributes) {
      const wanted = Object.hasOwn(known, name) ? known[name] : undefined
      if (wanted === undefined) throw this.unsupported(node, `has the attribute ${name}, which is not supported`)
      if (wanted !== null && attribute.value !== wanted) {
        const actual = typeof attribute.value === 'object' ? attribute.type : attribute.value
        throw this.unsupported(node, `attribute ${name} must be ${wanted}, but is ${actual}`)
      }
    }
  }

  /** Refuses operands from the given one on. */
  noInputs(node: OnnxNode, from: number, what: string): void {
    const index = node.inputs.findIndex((input, i) => i >= from && input !== '')
    if (index >= 0) throw this.unsupported(node, `input ${index} (${what}) is not supported`)
  }

  /** An intact graph that has something this package does not compute. */
  unsupported(node: OnnxNode, problem: string): UnsupportedModelError {
    return new UnsupportedModelError(`${this.path}: ${labelOf(node)}: ${problem}`)
  }
  /** Sizes or attributes that contradict each other. */
  malformed(node: OnnxNode, problem: string): FormatError {
    return new FormatError(this.path, `${labelOf(node)}: ${problem}`)
  }
  /** `value`, an operand of `reader`, does not come from where it should. */
  unexpected(reader: OnnxNode, operand: string, must: string, value: string): UnsupportedModelError {
    return this.unsupported(reader, `${operand} must be ${must}, but is ${this.describe(value)}`)
  }
  describe(value: string): string {
    if (value === '') return 'absent'
    const node = this.producer(value)
    if (node) return `made by ${labelOf(node)}`
    return `${this.constant(value) ? 'the constant' : 'the graph input'} ${value}`
  }

  /** Whether a value is an integer constant, whose Cast to a float stays. */
  #isInteger(value: string): boolean {
    const dtype = this.constant(value)?.dtype
    return dtype !== undefined && !dtype.includes('float')
  }

  #canonical(node: OnnxNode): OnnxNode {
    const opType = node.domain === '' || node.domain === 'com.microsoft' ? node.opType : `${node.domain}.${node.opType}`
    return { ...node, opType, inputs: node.inputs.map((input) => this.resolve(input)) }
  }
}

/** Follows names to the first that has no source. Remembers where chains end, so that a long one is walked once. */
function resolver(sources: ReadonlyMap<string, string>): (name: string) => string {
  const known = new Map(sources)
  return (name) => {
    let first = name
    for (let above = known.get(first); above !== undefined; above = known.get(first)) first = above
    for (let at = name; at !== first; ) {
      const next = known.get(at)!
      known.set(at, first)
      at = next
    }
    return first
  }
}

function isAlias({ opType, domain, inputs, outputs, attributes }: OnnxNode): boolean {
  if (domain !== '' || !inputs[0] || !outputs[0]) return false
  const to = attributes.get('to')?.value
  return opType === 'Identity' || (opType === 'Cast' && typeof to === 'number' && floatTypes.includes(to))
}
