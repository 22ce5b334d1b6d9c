import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor } from '../../lib/formats/onnx/graph.js'
import { random } from '../support/random.js'

// Graphs changed in memory: what computes the same and must match, and what does not and must be refused.

export type Model = Pick<OnnxModel, 'path' | 'graph'>

export interface NodeInit {
  readonly opType: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, number | string | readonly number[]>>
  readonly domain?: string
}

export function node({ opType, inputs, outputs, attributes = {}, domain = '' }: NodeInit): OnnxNode {
  const of = (value: number | string | readonly number[]): OnnxAttribute => {
    if (typeof value === 'string') return { type: 'string', value }
    if (typeof value !== 'number') return { type: 'ints', value }
    return { type: Number.isInteger(value) ? 'int' : 'float', value }
  }
  const entries = Object.entries(attributes).map(([name, value]) => [name, of(value)] as const)
  return { name: `new ${outputs[0]}`, opType, domain, inputs, outputs, attributes: new Map(entries) }
}

/** An int64 constant. */
export function ints(name: string, ...values: number[]): OnnxTensor {
  const data = new Uint8Array(BigInt64Array.from(values, BigInt).buffer)
  return { name, shape: [values.length], dtype: 'int64', data }
}

export function floats(name: string, shape: readonly number[], value = 1): OnnxTensor {
  const count = shape.reduce((product, extent) => product * extent, 1)
  return { name, shape, dtype: 'float32', data: new Uint8Array(new Float32Array(count).fill(value).buffer) }
}

/** A graph under change. */
export class Editor {
  readonly path: string
  nodes: OnnxNode[]
  readonly constants: Map<string, OnnxTensor>
  inputs: OnnxGraph['inputs']
  outputs: OnnxGraph['outputs']

  constructor({ path, graph }: Model) {
    this.path = path
    this.nodes = [...graph.nodes]
    this.constants = new Map(graph.constants)
    this.inputs = graph.inputs
    this.outputs = graph.outputs
  }

  get model(): Model {
    const { path, nodes, constants, inputs, outputs } = this
    return { path, graph: { nodes, constants, inputs, outputs } }
  }

  all(opType: string): OnnxNode[] {
    return this.nodes.filter((each) => each.opType === opType)
  }
  maker(value: string): OnnxNode {
    return this.nodes.find(({ outputs }) => outputs.includes(value))!
  }
  add(...inits: NodeInit[]): void {
    this.nodes.push(...inits.map(node))
  }
  constant(tensor: OnnxTensor): string {
    this.constants.set(tensor.name, tensor)
    return tensor.name
  }
  input(name: string): string {
    if (!this.inputs.some((input) => input.name === name))
      this.inputs = [...this.inputs, { name, dtype: 'int64', shape: null }]
    return name
  }
  replace(old: OnnxNode, ...inits: (NodeInit | OnnxNode)[]): void {
    const made = inits.map((init) => ('name' in init ? init : node(init)))
    this.nodes = this.nodes.flatMap((each) => (each === old ? made : [each]))
  }
  /** `old` with another operand. */
  setInput(old: OnnxNode, index: number, value: string): void {
    const inputs = [...old.inputs, ...new Array<string>(Math.max(0, index - old.inputs.length)).fill('')]
    inputs[index] = value
    this.replace(old, { ...old, inputs })
  }
  setAttribute(old: OnnxNode, name: string, value: number | string | readonly number[]): void {
    const [attribute] = node({
      opType: '',
      inputs: [],
      outputs: [''],
      attributes: { [name]: value },
    }).attributes.values()
    this.replace(old, { ...old, attributes: new Map(old.attributes).set(name, attribute!) })
  }
  /** Puts nodes between a value and its readers: `between` is given both ends. */
  after(value: string, between: (from: string, to: string) => NodeInit | readonly NodeInit[]): void {
    const raw = `${value} before`
    const old = this.maker(value)
    this.replace(old, { ...old, outputs: old.outputs.map((output) => (output === value ? raw : output)) })
    this.add(...[between(raw, value)].flat())
  }
}

export function edited(model: Model, edit: (editor: Editor) => void): Model {
  const editor = new Editor(model)
  edit(editor)
  return editor.model
}

/** Every value and node under another name, nodes and constants in another order. */
export function scrambled(model: Model, seed: number): Model {
  const { integer } = random(seed)
  const shuffled = <T>(list: Iterable<T>): T[] => {
    const items = [...list]
    for (let i = items.length - 1; i > 0; i--) {
      const j = integer(0, i)
      ;[items[i], items[j]] = [items[j]!, items[i]!]
    }
    return items
  }
  const names = new Map<string, string>([['', '']])
  const rename = (name: string): string => {
    if (!names.has(name)) names.set(name, `v${integer(0, 999)}_${names.size}`)
    return names.get(name)!
  }
  const graphOf = ({ nodes, constants, inputs, outputs }: OnnxGraph): OnnxGraph => ({
    nodes: shuffled(nodes).map((each) => ({
      ...each,
      name: `n${integer(0, 10 ** 9)}`,
      inputs: each.inputs.map(rename),
      outputs: each.outputs.map(rename),
      attributes: new Map(
        shuffled(each.attributes).map(([name, attribute]) => [
          name,
          attribute.type === 'graph' ? { type: 'graph', value: graphOf(attribute.value) } : attribute,
        ]),
      ),
    })),
    constants: new Map(
      shuffled(constants).map(([name, tensor]) => [rename(name), { ...tensor, name: rename(tensor.name) }]),
    ),
    inputs: inputs.map((input) => ({ ...input, name: rename(input.name) })),
    outputs: outputs.map((output) => ({ ...output, name: rename(output.name) })),
  })
  return { path: model.path, graph: graphOf(model.graph) }
}
