import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { random } from '../support/random.js'

// Model files put together by hand, field by field, so that tests can bend each one.

export const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer)
export const u64 = (value: number | bigint) => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer)
export const text = (value: string) => {
  const bytes = new TextEncoder().encode(value)
  return join8(u64(bytes.length), bytes)
}
export function join8(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

export interface TensorFields {
  name: string
  /** As in the file: the contiguous axis first. */
  extents: (number | bigint)[]
  axes?: number
  type: number
  offset: number | bigint
}
export interface GgufFields {
  magic?: string
  version?: number
  tensorCount?: number | bigint
  pairCount?: number | bigint
  /** Key, type number and bytes of the value. */
  pairs?: [key: string, type: number, value: Uint8Array][]
  tensors?: TensorFields[]
  alignment?: number
  dataBytes?: number
}

/** A GGUF file of exactly these fields, right or wrong. */
export function buildGguf(fields: GgufFields): Uint8Array {
  const { pairs = [], tensors = [], alignment = 32 } = fields
  const head = join8(
    new TextEncoder().encode(fields.magic ?? 'GGUF'),
    u32(fields.version ?? 3),
    u64(fields.tensorCount ?? tensors.length),
    u64(fields.pairCount ?? pairs.length),
    ...pairs.flatMap(([key, type, value]) => [text(key), u32(type), value]),
    ...tensors.flatMap(({ name, extents, axes, type, offset }) => [
      text(name),
      u32(axes ?? extents.length),
      ...extents.map(u64),
      u32(type),
      u64(offset),
    ]),
  )
  const padding = (alignment - (head.length % alignment)) % alignment
  return join8(head, new Uint8Array(padding + (fields.dataBytes ?? 0)))
}

export const ggufString = (key: string, value: string): [string, number, Uint8Array] => [key, 8, text(value)]
export const ggufUint32 = (key: string, value: number): [string, number, Uint8Array] => [key, 4, u32(value)]

/** A safetensors file with this header (an object, or text as it is) and this many bytes of data. */
export function buildSafetensors(header: unknown, data: number | Uint8Array, length?: number | bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  return join8(u64(length ?? json.length), json, typeof data === 'number' ? new Uint8Array(data) : data)
}

/** config.json of a small model: 2 layers, 4 heads over 2 key/value heads of 16. */
export const smallConfig = {
  architectures: ['Phi3ForCausalLM'],
  attention_bias: false,
  bos_token_id: 1,
  eos_token_id: 2,
  hidden_act: 'silu',
  hidden_size: 64,
  intermediate_size: 96,
  max_position_embeddings: 128,
  num_attention_heads: 4,
  num_hidden_layers: 2,
  num_key_value_heads: 2,
  original_max_position_embeddings: 128,
  pad_token_id: 0,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  rope_scaling: null,
  sliding_window: 64,
  tie_word_embeddings: false,
  vocab_size: 80,
}
export type SmallConfig = typeof smallConfig

/** Names and shapes of a checkpoint as Hugging Face publishes it. `split`: q, k, v and gate, up apart. */
export function checkpointShapes(config: SmallConfig, split = false): [name: string, shape: number[]][] {
  const { hidden_size: width, intermediate_size: inner, vocab_size: vocab } = config
  const headDim = (config as { head_dim?: number }).head_dim ?? width / config.num_attention_heads
  const queries = config.num_attention_heads * headDim
  const keys = config.num_key_value_heads * headDim
  const list: [string, number[]][] = [['model.embed_tokens.weight', [vocab, width]]]
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const at = `model.layers.${i}`
    const qkv: [string, number[]][] = split
      ? [
          [`${at}.self_attn.q_proj.weight`, [queries, width]],
          [`${at}.self_attn.k_proj.weight`, [keys, width]],
          [`${at}.self_attn.v_proj.weight`, [keys, width]],
        ]
      : [[`${at}.self_attn.qkv_proj.weight`, [queries + 2 * keys, width]]]
    const gateUp: [string, number[]][] = split
      ? [
          [`${at}.mlp.gate_proj.weight`, [inner, width]],
          [`${at}.mlp.up_proj.weight`, [inner, width]],
        ]
      : [[`${at}.mlp.gate_up_proj.weight`, [2 * inner, width]]]
    list.push(
      [`${at}.input_layernorm.weight`, [width]],
      ...qkv,
      [`${at}.self_attn.o_proj.weight`, [width, queries]],
      [`${at}.post_attention_layernorm.weight`, [width]],
      ...gateUp,
      [`${at}.mlp.down_proj.weight`, [width, inner]],
    )
  }
  list.push(['model.norm.weight', [width]])
  if (!config.tie_word_embeddings) list.push(['lm_head.weight', [vocab, width]])
  return list
}

/** Writes config.json and model.safetensors (F32, seeded by name) into a folder; gives the values. */
export async function writeCheckpoint(
  folder: string,
  config: SmallConfig,
  { split = false, change = (_name: string, _values: Float32Array) => {} } = {},
): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>()
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  let offset = 0
  for (const [name, shape] of checkpointShapes(config, split)) {
    const count = shape.reduce((product, extent) => product * extent, 1)
    const source = random([...name].reduce((seed, character) => seed * 31 + character.charCodeAt(0), 7))
    const data = Float32Array.from({ length: count }, () => source.normal())
    change(name, data)
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + 4 * count] }
    offset += 4 * count
    values.set(name, data)
  }
  const data = join8(...[...values.values()].map((array) => new Uint8Array(array.buffer)))
  await writeFile(join(folder, 'model.safetensors'), buildSafetensors(header, data))
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
  return values
}
