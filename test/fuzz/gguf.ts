import { tensorTypes } from '../../lib/formats/gguf/read.js'
import {
  buildGguf,
  checkpointShapes,
  ggufString,
  ggufUint32,
  smallConfig,
  type TensorFields,
} from '../formats/files.js'
import { random } from '../support/random.js'

// A GGUF model of the block formats that nothing here writes: 2 layers, each matrix of another type.

const config = { ...smallConfig, hidden_size: 256, intermediate_size: 256 }

const names: Readonly<Record<string, readonly [name: string, type: string]>> = {
  'model.embed_tokens': ['token_embd', 'Q2_K'],
  'model.norm': ['output_norm', 'F32'],
  lm_head: ['output', 'Q6_K'],
  'model.layers.0.input_layernorm': ['blk.0.attn_norm', 'F32'],
  'model.layers.0.self_attn.qkv_proj': ['blk.0.attn_qkv', 'Q4_K'],
  'model.layers.0.self_attn.o_proj': ['blk.0.attn_output', 'Q5_K'],
  'model.layers.0.post_attention_layernorm': ['blk.0.ffn_norm', 'F32'],
  'model.layers.0.mlp.gate_up_proj': ['blk.0.ffn_up', 'Q3_K'],
  'model.layers.0.mlp.down_proj': ['blk.0.ffn_down', 'Q6_K'],
  'model.layers.1.input_layernorm': ['blk.1.attn_norm', 'F32'],
  'model.layers.1.self_attn.qkv_proj': ['blk.1.attn_qkv', 'IQ4_XS'],
  'model.layers.1.self_attn.o_proj': ['blk.1.attn_output', 'IQ4_NL'],
  'model.layers.1.post_attention_layernorm': ['blk.1.ffn_norm', 'F32'],
  'model.layers.1.mlp.gate_up_proj': ['blk.1.ffn_up', 'Q4_1'],
  'model.layers.1.mlp.down_proj': ['blk.1.ffn_down', 'Q5_0'],
}

const pairs: [string, number, Uint8Array][] = [
  ggufString('general.architecture', 'phi3'),
  ggufUint32('phi3.context_length', config.max_position_embeddings),
  ggufUint32('phi3.embedding_length', config.hidden_size),
  ggufUint32('phi3.feed_forward_length', config.intermediate_size),
  ggufUint32('phi3.block_count', config.num_hidden_layers),
  ggufUint32('phi3.attention.head_count', config.num_attention_heads),
  ggufUint32('phi3.attention.head_count_kv', config.num_key_value_heads),
  ggufUint32('phi3.attention.sliding_window', config.sliding_window),
  ['phi3.attention.layer_norm_rms_epsilon', 6, new Uint8Array(Float32Array.of(1e-5).buffer)],
]

function typeOf(name: string): [number: number, bytesPerRow: (columns: number) => number] {
  const [number, { block, bytes }] = Object.entries(tensorTypes).find(([, type]) => type.name === name)!
  return [Number(number), (columns) => (columns / block) * bytes]
}

/** The model in `count` parts, by file name. */
export function blockModel(count: number): Map<string, Uint8Array> {
  const source = random(7)
  const tensors = checkpointShapes(config).map(([key, shape]) => {
    const [name, typeName] = names[key.slice(0, -'.weight'.length)]!
    const [type, bytesPerRow] = typeOf(typeName)
    const bytes = bytesPerRow(shape.at(-1)!) * (shape.length === 2 ? shape[0]! : 1)
    return { name: `${name}.weight`, extents: shape.toReversed(), type, bytes }
  })
  const files = new Map<string, Uint8Array>()
  for (let part = 0; part < count; part++) {
    let offset = 0
    const own = tensors
      .filter((_, i) => i % count === part)
      .map(({ bytes, ...tensor }): TensorFields => {
        const fields = { ...tensor, offset }
        offset += Math.ceil(bytes / 32) * 32
        return fields
      })
    const split: [string, number, Uint8Array][] = [
      ['split.no', 2, Uint8Array.of(part, 0)],
      ['split.count', 2, Uint8Array.of(count, 0)],
      ggufUint32('split.tensors.count', tensors.length),
    ]
    const described = part === 0 ? pairs : []
    const bytes = buildGguf({
      pairs: count > 1 ? [...described, ...split] : described,
      tensors: own,
      dataBytes: offset,
    })
    // any bytes are blocks; these keep the scales below 1
    for (let i = bytes.length - offset; i < bytes.length; i++) bytes[i] = source.integer(0, 0x3b)
    files.set(count > 1 ? `model-0000${part + 1}-of-0000${count}.gguf` : 'model.gguf', bytes)
  }
  return files
}
