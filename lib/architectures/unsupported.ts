import { UnsupportedModelError } from '../errors.js'

const small = 'block-sparse attention, LayerNorm with biases, gegelu and muP scaling'
const experts = 'a mixture of 16 experts with SparseMixer routing, and LayerNorm with biases'
const parallel = 'parallel attention and MLP, and LayerNorm with biases'
const image = 'an image encoder'
const imageAndSpeech = 'image and speech encoders with LoRA adapters'

/** What others of the Phi family need beyond the dense one, by the names of config.json, genai_config.json and GGUF. */
const missing: ReadonlyMap<string, string> = new Map([
  ['Phi3SmallForCausalLM', small],
  ['phi3small', small],
  ['PhiMoEForCausalLM', experts],
  ['PhimoeForCausalLM', experts],
  ['phimoe', experts],
  ['Phi3VForCausalLM', image],
  ['phi3v', image],
  ['Phi4MMForCausalLM', imageAndSpeech],
  ['Phi4MultimodalForCausalLM', imageAndSpeech],
  ['phi4mm', imageAndSpeech],
  ['Phi4FlashForCausalLM', 'state-space layers and differential attention'],
  ['PhiForCausalLM', parallel],
  ['phi', parallel],
  ['phi2', parallel],
  // under these names GGUF pairs the dimensions 2i and 2i + 1, so its rows of q and k are permuted
  ['llama', 'rotary embedding of adjacent pairs'],
])

/** For a model of another architecture: names what it needs, or at least itself, and what this version runs. */
export function unsupportedArchitecture(
  file: string,
  architecture: string,
  supported: readonly string[],
): UnsupportedModelError {
  const needs = missing.get(architecture)
  const reason = needs
    ? `${architecture} needs ${needs}, which this version lacks`
    : `architecture ${architecture} is not supported`
  return new UnsupportedModelError(`${file}: ${reason}; it runs ${supported.join(', ')}`)
}
