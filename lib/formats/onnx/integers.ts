import { inMemory } from '../in-memory.js'
import type { OnnxModel, OnnxTensor } from './graph.js'

/** `model` with its integer constants read: sizes and group indices. */
export async function integersInMemory(model: OnnxModel): Promise<OnnxModel> {
  const tensors = await inMemory(model.path, model.graph.constants.values(), isInteger)
  return { ...model, graph: { ...model.graph, constants: new Map(tensors.map((tensor) => [tensor.name, tensor])) } }
}

function isInteger({ dtype }: OnnxTensor): boolean {
  return dtype === 'int32' || dtype === 'int64'
}
