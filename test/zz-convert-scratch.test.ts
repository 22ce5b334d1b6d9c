import { test } from 'vitest'
import { readdirSync, existsSync } from 'node:fs'
import { reportOf } from '../lib/cli/report.js'
const d = '/work/shared/data/'
const list = [...readdirSync(d + 'golden').filter((n) => n !== 'README.md').map((n) => d + 'golden/' + n), ...readdirSync(d + 'onnx').filter((n) => n !== 'README.md').map((n) => d + 'onnx/' + n), d + 'tiny-phi3', d + 'ggml-vocab-phi-3/ggml-vocab-phi-3.gguf', ...readdirSync(d + 'tiny-phi3-onnx').filter((n) => n !== 'README.md').map((n) => d + 'tiny-phi3-onnx/' + n), d + 'phi3-mini-directml-int4', d + 'phi3-mini-directml-int4/model.onnx', d + 'golden/mha/expected.safetensors', '/work/main/models/tiny-phi3']
test('all', async () => {
  for (const path of list) {
    const t = performance.now()
    try {
      const r = await reportOf(path, { kv: 'f16', device: null })
      console.log((performance.now() - t).toFixed(0) + ' ms', path.slice(18), r.supported, r.reason, r.format, r.architecture, r.variant, r.quantization.map(({ group, dtype, groupSize, zeroPoints, packing, bitsPerWeight }) => `${group} ${dtype} ${groupSize ?? ''} ${zeroPoints ? 'z' : ''} ${packing ?? ''} ${bitsPerWeight}`).join('; '), JSON.stringify(r.window), JSON.stringify(r.rope), JSON.stringify(r.memory), JSON.stringify(r.tokenizer))
    } catch (e) { console.log('ERROR', path, String(e)) }
  }
}, 100000)
