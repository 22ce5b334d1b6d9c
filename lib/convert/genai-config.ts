import type { ModelConfig } from '../formats/source.js'

/** genai_config.json for a package whose graph stands in `filename`. */
export function genaiConfig(config: ModelConfig, filename: string) {
  return {
    model: {
      type: 'phi3',
      vocab_size: config.vocabSize,
      context_length: config.maxPositionEmbeddings,
      bos_token_id: config.bosTokenId ?? undefined,
      eos_token_id: config.eosTokenIds,
      pad_token_id: config.padTokenId ?? config.eosTokenIds[0],
      decoder: {
        session_options: { provider_options: [] },
        filename,
        head_size: config.headDim,
        hidden_size: config.hiddenSize,
        num_attention_heads: config.numAttentionHeads,
        num_hidden_layers: config.numHiddenLayers,
        num_key_value_heads: config.numKeyValueHeads,
        inputs: {
          input_ids: 'input_ids',
          attention_mask: 'attention_mask',
          past_key_names: 'past_key_values.%d.key',
          past_value_names: 'past_key_values.%d.value',
        },
        outputs: {
          logits: 'logits',
          present_key_names: 'present.%d.key',
          present_value_names: 'present.%d.value',
        },
      },
    },
    search: {
      do_sample: false,
      max_length: config.maxPositionEmbeddings,
      min_length: 0,
      num_beams: 1,
      past_present_share_buffer: true,
      repetition_penalty: 1,
      temperature: 1,
      top_k: 50,
      top_p: 1,
    },
  }
}
