/** What stands beside weights in the form of Hugging Face: config, tokenizer and chat template. */
import { join } from 'node:path'
import type { Blueprint, SizeName } from '../architectures/blueprint.js'
import { tokenizerNames } from '../formats/companions.js'
import { longRopeAttentionFactor } from '../formats/config-checks.js'
import { readText } from '../formats/json.js'
import type { ModelConfig, TokenizerSource, WeightSource } from '../formats/source.js'
import { rewriteGguf } from '../tokenizer/gguf.js'
import { jsonFile, type OutputFile, textFile } from './output.js'

/** config.json and generation_config.json; `dtype` as in transformers: 'float16'. */
export function configFiles(folder: string, { blueprint, config, weights }: WeightSource, dtype: string): OutputFile[] {
  const { eosTokenIds: eos } = config
  const generation = {
    bos_token_id: config.bosTokenId,
    eos_token_id: eos.length === 1 ? eos[0] : eos,
    pad_token_id: config.padTokenId,
  }
  const tied = weights.head === weights.embed
  return [
    jsonFile(join(folder, 'config.json'), {
      ...modelConfig(blueprint, config, dtype),
      tie_word_embeddings: tied,
      ...generation,
    }),
    jsonFile(join(folder, 'generation_config.json'), { _from_model_config: true, ...generation }),
  ]
}

function modelConfig({ name, called, fields, epsilon, own, required }: Blueprint, config: ModelConfig, dtype: string) {
  const { headDim, rotaryDim, hiddenSize, numAttentionHeads } = config
  const sizes = Object.entries(fields).filter(
    ([size]) => size !== 'headDim' || headDim * numAttentionHeads !== hiddenSize,
  )
  return {
    architectures: [called.huggingface[0]],
    model_type: name,
    torch_dtype: dtype,
    ...required,
    ...Object.fromEntries(sizes.map(([size, { huggingface }]) => [huggingface, config[size as SizeName]])),
    ...Object.fromEntries(Object.entries(own ?? {}).map(([size, field]) => [field.huggingface, config.own![size]])),
    ...(rotaryDim === headDim ? {} : { partial_rotary_factor: rotaryDim / headDim }),
    [epsilon.huggingface]: config.rmsNormEps,
    rope_theta: config.ropeTheta,
    rope_scaling: ropeScaling(config),
    original_max_position_embeddings: config.originalMaxPositionEmbeddings,
    sliding_window: config.slidingWindow,
    use_cache: true,
  }
}

/** transformers wants these three keys alone where its own attention factor is meant. */
function ropeScaling({ ropeScaling: scaling, maxPositionEmbeddings, originalMaxPositionEmbeddings }: ModelConfig) {
  if (!scaling) return null
  const factor = longRopeAttentionFactor(maxPositionEmbeddings, originalMaxPositionEmbeddings)
  const isUsual = Math.abs(scaling.attentionFactor - factor) < 1e-6
  return {
    type: 'longrope',
    short_factor: scaling.shortFactor,
    long_factor: scaling.longFactor,
    ...(isUsual ? {} : { attention_factor: scaling.attentionFactor }),
  }
}

/** The tokenizer's files: copied where the source has them, written from the vocabulary of a GGUF file. */
export async function tokenizerFiles(folder: string, { companions, tokenizer }: WeightSource): Promise<OutputFile[]> {
  if (tokenizer === null) return []
  if (tokenizer.kind === 'gguf') return rewrittenTokenizer(folder, tokenizer)
  const files: OutputFile[] = []
  for (const name of tokenizerNames) {
    const from = companions.get(name)
    if (from === undefined) continue
    const bytes = await readText(from)
    files.push({ path: join(folder, name), bytes: bytes.length, data: () => [bytes] })
  }
  return files
}

function rewrittenTokenizer(
  folder: string,
  { metadata, chatTemplate }: Extract<TokenizerSource, { kind: 'gguf' }>,
): OutputFile[] {
  const { tokenizer, config } = rewriteGguf(metadata)
  const isByteLevel = metadata.get('tokenizer.ggml.model') === 'gpt2'
  const tokenizerClass = isByteLevel ? 'GPT2TokenizerFast' : 'LlamaTokenizerFast'
  const files = [
    jsonFile(join(folder, 'tokenizer.json'), {
      version: '1.0',
      truncation: null,
      padding: null,
      ...(tokenizer as object),
    }),
    jsonFile(join(folder, 'tokenizer_config.json'), { tokenizer_class: tokenizerClass, ...config }),
  ]
  if (chatTemplate !== null) files.push(textFile(join(folder, 'chat_template.jinja'), chatTemplate))
  return files
}
