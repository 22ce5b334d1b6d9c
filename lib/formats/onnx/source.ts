import { dirname } from 'node:path'
import type { Blueprint, SizeName } from '../../architectures/blueprint.js'
import { phi3 } from '../../architectures/phi3.js'
import { FormatError, UnsupportedModelError } from '../../errors.js'
import { type Companions, companionJson, companionsIn } from '../companions.js'
import { fieldsOf } from '../fields.js'
import { type GenaiConfig, readGenaiConfig } from '../genai-config.js'
import { configFromHuggingFace, type ReadConfig } from '../hf-config.js'
import { inMemory } from '../in-memory.js'
import type { ModelConfig, SourceTensor, WeightSource, WindowRule, WindowRules } from '../source.js'
import { stopIds } from '../stop-ids.js'
import { huggingFaceTokenizerSource } from '../tokenizer-source.js'
import type { OnnxModel, OnnxTensor } from './graph.js'
import { floatFormat } from './match/constants.js'
import { type GraphFacts, type Match, matchPhi3 } from './match/index.js'
import { ropeThetaOf } from './match/rope-theta.js'
import { readOnnx } from './read.js'

/** What finds a model in a graph, by the name of its blueprint. A graph without a config is taken for the first. */
const matchers: Readonly<Record<string, typeof matchPhi3>> = { [phi3.name]: matchPhi3 }

/** Opens an ONNX graph with the companions beside it; every one of them may be absent. */
export async function openOnnx(path: string, known: readonly Blueprint[]): Promise<Omit<WeightSource, 'notes'>> {
  const companions = await companionsIn(dirname(path))
  const { graph, metadata } = await readOnnx(path).then(integersInMemory)
  const genai = await readGenaiConfig(companions, known)
  const generation = await companionJson(companions, 'generation_config.json')
  const read = await companionConfig(companions, generation, genai, known)
  const own = read?.config ?? null
  const blueprint = read?.blueprint ?? genai?.blueprint ?? phi3
  const matcher = matchers[blueprint.name]
  if (!matcher) throw new UnsupportedModelError(`${path}: ${blueprint.title} is not read from graphs by this version`)
  const match = matcher({ path, graph })
  if (genai) checkGenai(genai, match.facts)
  if (own) checkOwn(companions.get('config.json')!, blueprint, own, match)
  const window = windowRules(own, match)
  return {
    format: 'onnx',
    path,
    blueprint,
    config: await configOf(path, match, own, genai, generation, window.model),
    weights: match.weights,
    rotary: { short: match.rotary.short, long: match.rotary.long },
    window,
    allowsInt8: match.allowsInt8,
    tensors: [...graph.constants].map(([name, tensor]) => sourceTensor(name, tensor)),
    metadata,
    companions,
    tokenizer: await huggingFaceTokenizerSource(companions),
  }
}

/** `model` with its integer constants read: sizes and group indices. */
export async function integersInMemory(model: OnnxModel): Promise<OnnxModel> {
  const tensors = await inMemory(model.path, model.graph.constants.values(), isInteger)
  return { ...model, graph: { ...model.graph, constants: new Map(tensors.map((tensor) => [tensor.name, tensor])) } }
}

function isInteger({ dtype }: OnnxTensor): boolean {
  return dtype === 'int32' || dtype === 'int64'
}

function sourceTensor(name: string, tensor: OnnxTensor): SourceTensor {
  const { shape, dtype, data } = tensor
  return { name, shape, dtype, format: floatFormat(tensor), data }
}

/** config.json of the model that the graph was made of. */
async function companionConfig(
  companions: Companions,
  generation: unknown,
  genai: GenaiConfig | null,
  known: readonly Blueprint[],
): Promise<ReadConfig | null> {
  const json = await companionJson(companions, 'config.json')
  if (json === null) return null
  const beside = { generation, genaiEos: genai?.eosTokenIds }
  return configFromHuggingFace(json, companions.get('config.json')!, beside, known)
}

/** Refuses a file whose sizes are not those of the graph. */
function checkSizes(file: string, sizes: Readonly<Record<string, readonly [own: number, graph: number]>>): void {
  for (const [key, [own, graph]] of Object.entries(sizes))
    if (own !== graph) throw new FormatError(file, `${key} must be ${graph} as in the graph, but is ${own}`)
}

function checkGenai({ path, blueprint, sizes }: GenaiConfig, facts: GraphFacts): void {
  for (const [name, own] of Object.entries(sizes) as [SizeName, number][])
    if (name !== 'maxPositionEmbeddings')
      checkSizes(path, { [blueprint.fields[name].genai!.replace('.', '')]: [own, facts[name]] })
}

function checkOwn(file: string, { fields }: Blueprint, own: ModelConfig, { facts, rotary }: Match): void {
  for (const name of Object.keys(fields) as SizeName[])
    if (name !== 'maxPositionEmbeddings') checkSizes(file, { [fields[name].huggingface]: [own[name], facts[name]] })
  checkSizes(file, { 'rotary dimensions': [own.rotaryDim, facts.rotaryDim] })
  if (own.ropeScaling && rotary.original !== null)
    checkSizes(file, {
      original_max_position_embeddings: [own.originalMaxPositionEmbeddings, rotary.original],
    })
}

/** What the model was trained with stands in config.json; without it the graph is all that is known. */
function windowRules(own: ModelConfig | null, { window: size, windowOrigin: origin }: Match): WindowRules {
  const model: WindowRule = own
    ? { size: own.slidingWindow, origin: 'config.json sliding_window' }
    : { size, origin: `${origin}, for lack of a config.json` }
  return { model, graph: { size, origin } }
}

async function configOf(
  path: string,
  { facts, rotary }: Match,
  own: ModelConfig | null,
  genai: GenaiConfig | null,
  generation: unknown,
  window: WindowRule,
): Promise<ModelConfig> {
  // there are no angles beyond the last row of a cache
  const rows = (rotary.long ?? rotary.short).cos.shape[0]!
  const positions = Math.min(genai?.sizes.maxPositionEmbeddings ?? own?.maxPositionEmbeddings ?? rows, rows)
  const none = fieldsOf(path, () => undefined)
  const companions = { generation, genaiEos: genai?.eosTokenIds }
  const known = generation !== null || genai !== null
  return {
    ...facts,
    architecture: own?.architecture ?? 'Phi3ForCausalLM',
    ropeTheta: own?.ropeTheta ?? (await ropeThetaOf(rotary.short)),
    ropeScaling: own?.ropeScaling ?? null,
    maxPositionEmbeddings: positions,
    originalMaxPositionEmbeddings: rotary.original ?? own?.originalMaxPositionEmbeddings ?? positions,
    slidingWindow: window.size,
    bosTokenId: own?.bosTokenId ?? genai?.bosTokenId ?? null,
    eosTokenIds: own?.eosTokenIds ?? (known ? stopIds(none, companions, facts.vocabSize) : []),
    padTokenId: own?.padTokenId ?? genai?.padTokenId ?? null,
  }
}
