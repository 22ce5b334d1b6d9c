/** The models that a repository holds, told by the names of its files, and which of them serves a device best. */
import { ArgumentError } from '../errors.js'
import type { HubFile } from './listing.js'

export interface Variant<F extends HubFile = HubFile> {
  /** What --variant takes: an ONNX folder, a GGUF type, a file name without its extension. */
  readonly name: string
  readonly format: 'onnx' | 'gguf' | 'safetensors'
  /** The file or folder to open, relative to the repository; '' is its root. */
  readonly path: string
  readonly files: readonly F[]
  readonly bytes: number
  /** Files that the names of the others announce: parts and shards. */
  readonly missing: number
}

export type Backend = 'cpu' | 'cuda' | 'dml'

const folderOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf('/')))
const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1)

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group) group.push(item)
    else groups.set(keyOf(item), [item])
  }
  return groups
}

const modelExtension = /\.(gguf|onnx|safetensors)$/
const splitParts = /-(\d{5})-of-(\d{5})(?=\.(gguf|safetensors)$)/
/** Config, tokenizer and chat template, of any format. */
const isCompanion = (name: string) =>
  /\.(json|jinja)$/.test(name) ? !name.endsWith('.index.json') : name === 'merges.txt' || name === 'vocab.txt'

export function variantsOf<F extends HubFile>(files: readonly F[]): Variant<F>[] {
  const folders = groupBy(files, ({ path }) => folderOf(path))
  const root = folders.get('') ?? []
  const found = [...folders].flatMap(([folder, inside]) => [
    ...ggufIn(inside),
    ...onnxIn(folder, inside, root),
    ...safetensorsIn(folder, inside),
  ])
  return distinct(found).sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** The format's word, or the folder's, is a name as long as one variant has it; then the path without its extension is. */
function distinct<F extends HubFile>(variants: Variant<F>[]): Variant<F>[] {
  const named = groupBy(variants, ({ name }) => name)
  return variants.map((variant) =>
    named.get(variant.name)?.length === 1
      ? variant
      : { ...variant, name: variant.path.replace(splitParts, '').replace(modelExtension, '') || '.' },
  )
}

function variant<F extends HubFile>(of: Omit<Variant<F>, 'bytes'>): Variant<F> {
  return { ...of, bytes: of.files.reduce((sum, { size }) => sum + size, 0) }
}

function missingParts(files: readonly HubFile[]): number {
  const [, , count] = splitParts.exec(files[0]?.path ?? '') ?? []
  return count === undefined ? 0 : Math.max(0, Number(count) - files.length)
}

const ggufType = /(?:^|[-._])((?:i?q|tq)\d\w*|bf16|fp?16|fp?32)$/i

function ggufIn<F extends HubFile>(files: readonly F[]): Variant<F>[] {
  // mmproj: a vision encoder; imatrix: statistics for quantising
  const models = files.filter(({ path }) => path.endsWith('.gguf') && !/mmproj|imatrix/i.test(nameOf(path)))
  const groups = groupBy(models, ({ path }) => path.replace(splitParts, ''))
  return [...groups].map(([path, parts]) => {
    parts.sort((a, b) => (a.path < b.path ? -1 : 1))
    const stem = nameOf(path).replace(/\.gguf$/, '')
    return variant({
      name: ggufType.exec(stem)?.[1]?.toLowerCase() ?? stem,
      format: 'gguf',
      path: parts[0]!.path,
      files: parts,
      missing: missingParts(parts),
    })
  })
}

/** A package of ONNX Runtime GenAI is its folder; without genai_config.json each graph is a model of its own. */
function onnxIn<F extends HubFile>(folder: string, files: readonly F[], root: readonly F[]): Variant<F>[] {
  const graphs = files.filter(({ path }) => path.endsWith('.onnx'))
  const isData = (name: string) => /\.data$|_data(_\d+)?$/.test(name)
  if (graphs.length > 0 && files.some(({ path }) => nameOf(path) === 'genai_config.json')) {
    const needed = files.filter(
      ({ path }) => path.endsWith('.onnx') || isData(nameOf(path)) || isCompanion(nameOf(path)),
    )
    return [variant({ name: nameOf(folder) || 'onnx', format: 'onnx', path: folder, files: needed, missing: 0 })]
  }
  const companions = [...files, ...(folder === '' ? [] : root)].filter(({ path }) => isCompanion(nameOf(path)))
  return graphs.map((graph) => {
    const data = files.filter(({ path }) => path.startsWith(graph.path) && isData(path))
    const name = nameOf(graph.path).replace(/\.onnx$/, '')
    return variant({ name, format: 'onnx', path: graph.path, files: [graph, ...data, ...companions], missing: 0 })
  })
}

export const shardIndex = 'model.safetensors.index.json'

function safetensorsIn<F extends HubFile>(folder: string, files: readonly F[]): Variant<F>[] {
  const whole = files.find(({ path }) => nameOf(path) === 'model.safetensors')
  const index = files.find(({ path }) => nameOf(path) === shardIndex)
  const weights = whole ? [whole] : files.filter(({ path }) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(nameOf(path)))
  if (!whole && !index) return []
  const companions = files.filter(({ path }) => isCompanion(nameOf(path)))
  return [
    variant({
      name: nameOf(folder) || 'safetensors',
      format: 'safetensors',
      path: whole?.path ?? folder,
      files: [...(whole || !index ? [] : [index]), ...weights, ...companions],
      missing: whole ? 0 : missingParts(weights),
    }),
  ]
}

/** The best first. What is not named is never chosen among several. */
const ggufOrder = [
  ...['q4_k_m', 'q4_0', 'q4', 'q4_k_s', 'q4_1', 'q5_k_m', 'q5_k_s', 'q5_0', 'q5_1', 'q6_k', 'q8_0'],
  ...['iq4_nl', 'iq4_xs', 'q3_k_m', 'bf16', 'f16', 'fp16', 'f32', 'fp32'],
]
const onnxOrder: Record<Backend, RegExp[]> = {
  cpu: [/cpu.*int4.*acc-level-4/, /cpu.*int4/, /cpu/, /int4.*acc-level-4/, /int4/, /q4/],
  cuda: [/cuda.*int4/, /gpu.*int4/, /cuda/, /gpu/, /int4/, /q4/],
  dml: [/(directml|dml).*int4/, /gpu.*int4/, /directml|dml/, /gpu/, /int4/, /q4/],
}
const formats = ['gguf', 'onnx', 'safetensors'] as const

/** Smaller is better; Infinity: no opinion. */
function rank({ format, name, path }: Variant, backend: Backend): number {
  const order = format === 'gguf' ? ggufOrder.indexOf(name) : onnxOrder[backend].findIndex((kind) => kind.test(path))
  if (format === 'safetensors') return 1000 * formats.indexOf(format)
  return order < 0 ? Number.POSITIVE_INFINITY : 1000 * formats.indexOf(format) + order
}

/** The variant that is asked for, the only one, or the best for a backend; an error that lists them where none is. */
export function chooseVariant<F extends HubFile>(
  id: string,
  variants: readonly Variant<F>[],
  { variant: wanted, backend }: { readonly variant?: string | undefined; readonly backend: Backend },
): Variant<F> {
  const fail = (must: string) =>
    new ArgumentError('ERR_ARGUMENT', `${id}: ${must}: ${variants.map(({ name }) => name).join(', ')}`)
  if (wanted !== undefined) {
    const found = findVariant(variants, wanted)
    if (!found) throw fail(`variant must name one of these, but is ${wanted}`)
    return found
  }
  if (variants.length === 1) return variants[0]!
  const ranks = variants.map((variant) => rank(variant, backend))
  const best = ranks.reduce((best, rank, i) => (rank < ranks[best]! ? i : best), 0)
  if (ranks[best] === Number.POSITIVE_INFINITY)
    throw fail('variant must be given, as none of these is known to be best')
  return variants[best]!
}

/** The one variant that goes by a name; undefined where none or several do. */
export function findVariant<F extends HubFile>(
  variants: readonly Variant<F>[],
  wanted: string,
): Variant<F> | undefined {
  const found = variants.filter((variant) => isNamed(variant, wanted))
  return found.length === 1 ? found[0] : undefined
}

function isNamed({ name, path, files }: Variant, wanted: string): boolean {
  const isModel = (file: HubFile) => modelExtension.test(file.path)
  const paths = [path, ...files.filter(isModel).map((file) => file.path)].flatMap((own) => [own, nameOf(own)])
  const names = [name, ...paths, ...paths.map((own) => own.replace(modelExtension, ''))]
  return names.some((own) => own.toLowerCase() === wanted.toLowerCase())
}
