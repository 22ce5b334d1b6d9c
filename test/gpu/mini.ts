// node test/gpu/mini.js FORMAT... --folder DIR --out FILE: for each format writes a synthetic Phi-3-mini of full size, compares its
// logits on cuda:0 with the CPU's, and times load, prefill and decode with `lophi bench`. The results are written after each.
// Formats: those of test/support/synthetic.ts.
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadModel } from '../../lib/index.js'
import { standardDeviation } from '../support/models.js'
import { type Mixture, mixtureNames, writeSynthetic } from '../support/synthetic.js'
import { randomRecords } from './random-weights.js'

const sizes = { layers: 32, hidden: 3072, inner: 8192, heads: 32, groups: 32, vocab: 32064, context: 4096 }

const { values, positionals } = parseArgs({
  options: {
    folder: { type: 'string', default: '/tmp' },
    out: { type: 'string' },
    device: { type: 'string', default: 'cuda:0' },
    layers: { type: 'string', default: '32' },
    bench: { type: 'string', default: '--prompt 128,512,2048 --depth 0,2048,3968 --gen 64' },
  },
  allowPositionals: true,
})
sizes.layers = Number(values.layers)
const ids = Array.from({ length: 40 }, (_, i) => (i * 7919 + 13) % sizes.vocab)

async function logits(path: string, device: string): Promise<Float32Array> {
  await using model = await loadModel(path, { device: device as 'cpu', activations: 'f32', context: 256 })
  return model.logits(ids)
}

/** Tokens per second of `generate`, several steps in flight; the first run is not counted. */
async function generated(path: string, device: string): Promise<number> {
  await using model = await loadModel(path, { device: device as 'cpu', context: 512 })
  let rate = 0
  for (const maxTokens of [16, 256]) {
    const text = model.generate(ids, { maxTokens, ignoreEos: true })
    for await (const _ of text);
    rate = ((text.ids.length - 1) / text.decodeTime) * 1000
  }
  return rate
}

mkdirSync(values.folder, { recursive: true })
const results: object[] = []
for (const quant of positionals as Mixture[]) {
  if (!mixtureNames.includes(quant))
    throw new Error(`FORMAT must be one of ${mixtureNames.join(' ')}, but it is ${quant}`)
  const path = join(values.folder, `mini-${quant}.gguf`)
  const seconds = async <T>(work: () => Promise<T>): Promise<readonly [T, number]> => {
    const start = performance.now()
    const result = await work()
    return [result, (performance.now() - start) / 1000]
  }
  const [, writing] = await seconds(() => writeSynthetic(path, quant, sizes, randomRecords))
  const result: Record<string, unknown> = { format: quant, fileBytes: statSync(path).size, writing }
  results.push(result)
  const save = () => {
    console.log(JSON.stringify(result))
    if (values.out) writeFileSync(values.out, JSON.stringify(results, null, 1))
  }
  try {
    const [here, loading] = await seconds(() => logits(path, values.device))
    const [expected] = await seconds(() => logits(path, 'cpu'))
    const worst = here.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0)
    Object.assign(result, {
      loading,
      worstLogit: worst / standardDeviation(expected),
      sameBest: here.indexOf(Math.max(...here)) === expected.indexOf(Math.max(...expected)),
    })
    save()
    result.generatedPerSecond = await generated(path, values.device)
    save()
    const cli = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url))
    const args = [cli, 'bench', path, '--device', values.device, '--json', ...values.bench.split(' ')]
    const { stdout, stderr, status } = spawnSync(execPath, args, { encoding: 'utf8' })
    result.bench = status === 0 ? JSON.parse(stdout) : stderr
  } catch (error) {
    result.error = String(error)
  }
  save()
  rmSync(path)
}
