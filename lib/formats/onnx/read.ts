import { FormatError, OutOfMemoryError, UnsupportedModelError } from '../../errors.js'
import { openFile } from '../file.js'
import { type AttributeContext, readAttribute, readConstant } from './attribute.js'
import { externalData } from './external.js'
import { checkFlow, labelOf } from './flow.js'
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './graph.js'
import {
  AttributeProto,
  DimensionProto,
  decoderOf,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  OperatorSetIdProto,
  StringStringEntryProto,
  TensorShapeProto,
  TensorTypeProto,
  TypeProto,
  ValueInfoProto,
} from './proto.js'
import { dtypeOf, readTensor, type TensorContext } from './tensor.js'

interface GraphContext extends TensorContext {
  /** Functions of the model, as domain:name. */
  readonly functions: ReadonlySet<string>
}

// protobuf's own limit
const maxFile = 2 ** 31 - 1
// an If within an If is already unheard of
const maxDepth = 8

/** Reads the graph of an ONNX file. Tensors that lie in files of external data are only measured. */
export async function readOnnx(path: string): Promise<OnnxModel> {
  const bytes = await readWhole(path)
  const external = externalData(path)
  const model = readModel(path, bytes, external)
  await external.check()
  return model
}

async function readWhole(path: string): Promise<Uint8Array> {
  await using file = await openFile(path)
  if (file.size > maxFile) throw new FormatError(path, `must have less than 2 GiB, but has ${file.size} bytes`)
  return await file.read(0, file.size).catch((error) => {
    if (error instanceof RangeError) throw new OutOfMemoryError(`${path}: no memory for its ${file.size} bytes`)
    throw error
  })
}

function readModel(path: string, bytes: Uint8Array, external: TensorContext['external']): OnnxModel {
  const decode = decoderOf(path)
  const model = decode(ModelProto, bytes)
  if (model.graph === undefined) throw new FormatError(path, 'must be an ONNX model, but has no graph')
  const functions = model.functions.map((message) => {
    const { domain, name = '' } = decode(FunctionProto, message)
    return functionKey(domain, name)
  })
  const graph = readGraph({ path, decode, external, functions: new Set(functions) }, model.graph)
  checkFlow(path, graph)

  const opsets = model.opsetImport.map((message) => {
    const { domain, version = 0n } = decode(OperatorSetIdProto, message)
    return [canonical(domain), Number(version)] as const
  })
  const metadata = model.metadataProps.map((message) => {
    const { key = '', value = '' } = decode(StringStringEntryProto, message)
    return [key, value] as const
  })
  return {
    path,
    irVersion: Number(model.irVersion ?? 0n),
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(' '),
    opsets: new Map(opsets),
    metadata: new Map(metadata),
    graph,
  }
}

function readGraph(context: GraphContext, message: Uint8Array, depth = 0): OnnxGraph {
  const { path, decode } = context
  if (depth > maxDepth)
    throw new UnsupportedModelError(`${path}: graphs must nest at most ${maxDepth} deep, but these nest deeper`)
  const graph = decode(GraphProto, message)
  if (graph.sparseInitializer.length > 0) {
    throw new UnsupportedModelError(`${path}: the graph has sparse initializers, which are not supported`)
  }
  const constants = new Map<string, OnnxTensor>()
  const add = (tensor: OnnxTensor) => {
    if (tensor.name === '') throw new FormatError(path, 'an initializer must have a name, but has none')
    if (constants.has(tensor.name))
      throw new FormatError(path, `value ${tensor.name} must be made once, but is made twice`)
    constants.set(tensor.name, tensor)
  }
  for (const initializer of graph.initializer) add(readTensor(context, initializer))
  const inputs = graph.input.map((value) => readValue(context, value)).filter(({ name }) => !constants.has(name))
  const nodes = graph.node.flatMap((node) => {
    const read = readNode(context, node, depth)
    if ('opType' in read) return read
    add(read)
    return []
  })
  return { nodes, constants, inputs, outputs: graph.output.map((value) => readValue(context, value)) }
}

/** A node, or the tensor that a Constant is. */
function readNode(context: GraphContext, message: Uint8Array, depth: number): OnnxNode | OnnxTensor {
  const { path, decode } = context
  const { input: inputs, output: outputs, name = '', opType = '', attribute, domain } = decode(NodeProto, message)
  const node = labelOf({ name, opType })
  if (context.functions.has(functionKey(domain, opType))) {
    throw new UnsupportedModelError(`${path}: ${node} calls a function of the model, which is not supported`)
  }
  const own: AttributeContext = { ...context, node, graph: (nested) => readGraph(context, nested, depth + 1) }
  const fields = attribute.map((one) => decode(AttributeProto, one))
  if (opType === 'Constant' && canonical(domain) === '') {
    const [value] = fields
    if (value === undefined || fields.length > 1 || outputs.length !== 1 || outputs[0] === '') {
      const problem = `must have one attribute and one output, but has ${fields.length} and ${outputs.length}`
      throw new FormatError(path, `${node}: ${problem}`)
    }
    return readConstant(own, value, outputs[0]!)
  }
  const attributes: OnnxNode['attributes'] = new Map(fields.map((one) => [one.name ?? '', readAttribute(own, one)]))
  if (attributes.size < fields.length)
    throw new FormatError(path, `${node}: attributes must differ in name, but do not`)
  return { name, opType, domain: canonical(domain), inputs, outputs, attributes }
}

function readValue({ decode }: GraphContext, message: Uint8Array): OnnxValue {
  const { name = '', type } = decode(ValueInfoProto, message)
  const { tensorType } = type ? decode(TypeProto, type) : {}
  if (!tensorType) return { name, dtype: null, shape: null }
  const { elemType, shape } = decode(TensorTypeProto, tensorType)
  return { name, dtype: dtypeOf(elemType), shape: shape ? decode(TensorShapeProto, shape).dim.map(extent) : null }

  function extent(dimension: Uint8Array): number | string | null {
    const { dimValue, dimParam } = decode(DimensionProto, dimension)
    if (dimParam) return dimParam
    const value = Number(dimValue ?? -1n)
    return value >= 0 ? value : null
  }
}

/** 'ai.onnx' is another name of ONNX's own domain. */
function canonical(domain = ''): string {
  return domain === 'ai.onnx' ? '' : domain
}

function functionKey(domain: string | undefined, name: string): string {
  return `${canonical(domain)}:${name}`
}
