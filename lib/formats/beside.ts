/** What stands beside models and is none: adapters, importance matrices, encoders of images. */
import { basename, dirname, join } from 'node:path'
import { namesIn } from './companions.js'
import { readGguf } from './gguf/read.js'
import type { GgufValue } from './source.js'

const whatTypesAre: ReadonlyMap<GgufValue, string> = new Map([
  ['adapter', 'a LoRA adapter, which this version does not apply'],
  ['imatrix', 'an importance matrix, which serves quantising alone'],
  ['mmproj', 'an encoder of images, which this version does not run'],
])

/** What a GGUF file is by its `general.type`; null where it is a model. */
export function otherThanModel(metadata: ReadonlyMap<string, GgufValue>): string | null {
  if (metadata.get('general.architecture') === 'clip') return whatTypesAre.get('mmproj')!
  const type = metadata.get('general.type') ?? 'model'
  return type === 'model' ? null : (whatTypesAre.get(type) ?? `of general.type ${type}`)
}

export const adapterFile = 'adapter_model.safetensors'
export const isAdapter = ({ name }: { readonly name: string }) => /\.lora_(A|B|embedding_A|embedding_B)\b/.test(name)
export const whatAdaptersAre = whatTypesAre.get('adapter')!

/** Those of the .gguf files `names` in `folder` that are models; what cannot be read is left for its reader to tell. */
export async function ggufModels(folder: string, names: readonly string[]): Promise<string[]> {
  const models: string[] = []
  for (const name of names) if ((await describe(join(folder, name))) === null) models.push(name)
  return models
}

const describe = (path: string): Promise<string | null> =>
  readGguf(path).then(
    ({ metadata }) => otherThanModel(metadata),
    () => null,
  )

/** A line on each file beside the model at `path` that one might expect to count, and does not. */
export async function notesBeside(path: string): Promise<string[]> {
  const folder = dirname(path)
  const notes: string[] = []
  for (const name of await namesIn(folder)) {
    if (name === basename(path)) continue
    const file = join(folder, name)
    if (name === adapterFile || name === 'adapter_model.bin') notes.push(`${file} is ${whatAdaptersAre}`)
    else if (/imatrix.*\.dat$|\.imatrix$/.test(name)) notes.push(`${file} is ${whatTypesAre.get('imatrix')}`)
    // names tell which headers are worth reading
    else if (/(lora|adapter|imatrix|mmproj).*\.gguf$/i.test(name)) {
      const what = await describe(file)
      if (what !== null) notes.push(`${file} is ${what}`)
    }
  }
  return notes
}
