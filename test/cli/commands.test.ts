import { readdirSync, readFileSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { kvBytesPerToken } from '../../lib/cli/sizes.js'
import { variantOf } from '../../lib/cli/variant.js'
import type { ModelConfig } from '../../lib/formats/source.js'
import { type GoldenPrompt, goldenPrompts, largestError, standardDeviation, tinyPhi3 } from '../support/models.js'
import { sharedData, temporaryFolder } from '../support/shared.js'
import { lophi, lophiJson, startLophi } from './run.js'

// What each command gives: the keys are a contract, the numbers come from the golden checkpoints and the tiny model.

const folder = await temporaryFolder()
const golden = sharedData('golden')
const question = 'What is 27 + 48?'
const answer = '27 + 48 = 75'

interface Answer {
  text: string | null
  ids: number[]
  promptTokens: number
  generatedTokens: number
  stopReason: string
}
interface Logits {
  positions: number
  vocab: number
  top: { id: number; logit: number }[][]
}

const lines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('run', () => {
  test('--json gives one object with what was generated and how fast', () => {
    const result = lophiJson(['run', tinyPhi3, '-p', question])
    expect(result).toMatchObject({
      text: answer,
      ids: expect.any(Array),
      promptTokens: 14,
      generatedTokens: 14,
      stopReason: 'eos',
      prefillTokensPerSecond: expect.any(Number),
      decodeTokensPerSecond: expect.any(Number),
    })
    // the id that ended the text is one of them
    expect((result.ids as number[]).at(-1)).toBe(2055)
  })

  test('--stream gives a line per token, then the object', () => {
    const { stdout, stderr, status } = lophi(['run', tinyPhi3, '-p', question, '--json', '--stream'])
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    const tokens = lines(stdout)
    const result = tokens.pop() as Answer
    for (const token of tokens)
      expect(token).toEqual({ text: expect.any(String), id: expect.any(Number), logprob: expect.any(Number) })
    expect(tokens.map(({ id }) => id)).toEqual(result.ids)
    expect(tokens.map(({ text }) => text).join('')).toBe(answer)
    for (const { logprob } of tokens) expect(logprob).toBeLessThanOrEqual(0)
  })

  test('for people: text on stdout, one line about it on stderr', () => {
    const { stdout, stderr, status } = lophi(['run', tinyPhi3, '-p', question])
    expect({ stdout, status }).toEqual({ stdout: `${answer}\n`, status: 0 })
    expect(stderr).toMatch(/^\[prompt 14 tokens, .* tokens\/s \| answer 14 tokens, .* tokens\/s \| eos \| cpu\]\n$/)
  })

  test('-p - reads the prompt from stdin, without the newline at its end', () => {
    expect(lophiJson(['run', tinyPhi3, '-p', '-'], { input: `${question}\n` })).toMatchObject({
      text: answer,
      promptTokens: 14,
    })
  })

  test('--ids gives the text of the same ids; --raw and --system change the prompt', () => {
    const { ids } = lophiJson<{ ids: number[] }>(['tokenize', tinyPhi3, question, '--chat'])
    expect(lophiJson(['run', tinyPhi3, '--ids', ids.join(',')])).toMatchObject({ text: answer })
    const raw = lophiJson<{ ids: number[] }>(['tokenize', tinyPhi3, question])
    const start = ['run', tinyPhi3, '-p', question, '--max-tokens', '1']
    expect(lophiJson([...start, '--raw'])).toMatchObject({ promptTokens: raw.ids.length })
    const { promptTokens } = lophiJson<Answer>([...start, '--system', 'You are a pirate.'])
    expect(promptTokens).toBeGreaterThan(ids.length)
  })

  test('--max-tokens, --stop and --ignore-eos end the text as they say', () => {
    const start = ['run', tinyPhi3, '-p', question]
    expect(lophiJson([...start, '--max-tokens', '3'])).toMatchObject({ generatedTokens: 3, stopReason: 'length' })
    expect(lophiJson([...start, '--max-tokens', '0'])).toMatchObject({ text: '', ids: [], stopReason: 'length' })
    expect(lophiJson([...start, '--stop', ' =', 'zebra'])).toMatchObject({ text: '27 + 48', stopReason: 'stop' })
    expect(lophiJson([...start, '--ignore-eos', '--max-tokens', '20'])).toMatchObject({
      generatedTokens: 20,
      stopReason: 'length',
    })
    expect(lophiJson([...start, '--context', '16', '--ignore-eos'])).toMatchObject({ stopReason: 'length' })
  })

  test('--seed makes sampling repeatable', () => {
    const sample = (seed: string) =>
      lophiJson<Answer>(
        ['run', tinyPhi3, '-p', 'Tell me a story.', '--temperature', '1', '--top-k', '40', '--top-p'].concat([
          '0.95',
          '--min-p',
          '0.01',
          '--repeat-penalty',
          '1.1',
          '--max-tokens',
          '32',
          '--seed',
          seed,
        ]),
      ).ids
    expect(sample('7')).toEqual(sample('7'))
    expect(sample('7')).not.toEqual(sample('8'))
  })

  test('every way to hold the cache and to multiply gives the same sure answer', () => {
    for (const options of [
      ['--kv', 'f32'],
      ['--kv', 'f16'],
      ['--activations', 'f32'],
      ['--activations', 'int8'],
    ])
      expect(lophiJson(['run', tinyPhi3, '-p', question, '--device', 'cpu', ...options])).toMatchObject({
        text: answer,
      })
  })

  test('a window hides the question', () => {
    const windowed = lophiJson<Answer>(['run', tinyPhi3, '-p', question, '--window', '1', '--max-tokens', '14'])
    expect(windowed.text).not.toBe(answer)
    for (const window of ['0', '2048'])
      expect(lophiJson(['run', tinyPhi3, '-p', question, '--window', window])).toMatchObject({ text: answer })
  })

  test.skipIf(golden === null)('without a tokenizer text is null, and people get ids to paste', () => {
    const args = ['run', join(golden as string, 'mha'), '--ids', '1,2,3', '--max-tokens', '6', '--ignore-eos']
    const result = lophiJson<Answer>(args)
    expect(result).toMatchObject({ text: null, generatedTokens: 6, promptTokens: 3 })
    expect(lophi(args).stdout).toBe(`${result.ids.join(',')}\n`)
    const [token] = lines(lophi([...args, '--json', '--stream']).stdout)
    expect(token).toEqual({ text: null, id: result.ids[0], logprob: expect.any(Number) })
  })

  test.skipIf(golden === null)('--longrope planned has the long factors from the start', async () => {
    const model = join(golden as string, 'longrope')
    const { ids } = (await goldenPrompts(model)).find(({ name }) => name === 'short') as GoldenPrompt
    const args = ['logits', model, '--ids', ids.join(','), '--top', '1']
    const switched = lophiJson<Logits>(args).top[0]?.[0]?.logit
    const planned = lophiJson<Logits>([...args, '--longrope', 'planned']).top[0]?.[0]?.logit
    expect(planned).toEqual(expect.any(Number))
    expect(planned).not.toBe(switched)
  })
})

describe('chat --json', () => {
  test('takes a message per line and gives an object per line; the conversation goes on', () => {
    const input = ['{"content":"My name is Tom."}', '', '{"role":"user","content":"What is my name?"}'].join('\n')
    const { stdout, stderr, status } = lophi(['chat', tinyPhi3, '--json'], { input })
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    const [first, second] = lines(stdout) as [Answer, Answer]
    expect(second).toMatchObject({ text: 'Your name is Tom.', stopReason: 'eos', generatedTokens: second.ids.length })
    expect(second.promptTokens).toBeGreaterThan(first.promptTokens + first.generatedTokens)
    expect(Object.keys(second)).toEqual(
      expect.arrayContaining(['text', 'ids', 'prefillTokensPerSecond', 'decodeTokensPerSecond']),
    )
  })

  test('has lines that end at newlines and nowhere else', () => {
    const input = '{"content":"Hi!\u2028\u2029\u0085"}\r\n{"content":"Hi!"}'
    const { stdout, status } = lophi(['chat', tinyPhi3, '--json', '--max-tokens', '1'], { input })
    expect([lines(stdout).length, status]).toEqual([2, 0])
  })

  test.each(['hello', '{"content":1}', '{"role":"system","content":"x"}', '[]', 'null'])(
    'a line that is no message ends it: %s',
    (line) => {
      const { stdout, stderr, status } = lophi(['chat', tinyPhi3, '--json', '--max-tokens', '1'], {
        input: `{"content":"hi"}\n${line}\n`,
      })
      expect(status).toBe(1)
      expect(lines(stdout)).toHaveLength(1)
      expect(JSON.parse(stderr)).toMatchObject({
        error: { code: 'ERR_ARGUMENT', message: expect.stringContaining('line 2') },
      })
    },
  )
})

describe('chat with lines from a pipe', () => {
  test.each([
    ['/quit', [], 0],
    ['no message', ['--json'], 1],
  ])('%s ends it although stdin stays open', async (line, flags, expected) => {
    const { child, ended } = startLophi(['chat', tinyPhi3, ...flags])
    child.stdin.write(`${line}\n`)
    const { stdout, status } = await ended
    expect({ stdout, status }).toEqual({ stdout: '', status: expected })
  })

  test('/rewind and /reset take turns back, /quit ends', () => {
    const input = [
      'My name is Tom.',
      'hello',
      '/rewind',
      'What is my name?',
      '/reset',
      '/rewind 9',
      '/foo',
      '/quit',
      'hi',
    ]
    const { stdout, stderr, status } = lophi(['chat', tinyPhi3], { input: input.join('\n') })
    expect(status).toBe(0)
    const answers = stdout.trimEnd().split('\n')
    expect(answers).toHaveLength(3)
    expect(answers[2]).toBe('Your name is Tom.')
    expect(stderr).toContain('/rewind takes a number of turns, 0 to 0')
    expect(stderr).toContain('there are /rewind [n], /reset and /quit')
  })

  test('a message that does not fit is refused, and the conversation goes on', () => {
    const input = `${'word '.repeat(40)}\n${question}\n`
    const { stdout, stderr, status } = lophi(['chat', tinyPhi3, '--context', '40'], { input })
    expect({ stdout, status }).toEqual({ stdout: `${answer}\n`, status: 0 })
    expect(stderr).toContain('(ERR_CONTEXT_OVERFLOW)')
  })
})

describe.skipIf(golden === null)('logits', () => {
  const model = join(golden ?? '', 'gqa')

  test('--out holds every position as float32; top agrees with it', async () => {
    const { ids, logits } = (await goldenPrompts(model)).find(({ name }) => name === 'odd') as GoldenPrompt
    const out = join(folder, 'logits.bin')
    const bound = 1e-4 * standardDeviation(logits)
    for (const more of [[], ['--chunk', '1'], ['--chunk', '7']]) {
      const args = ['logits', model, '--ids', ids.join(','), '--all', '--top', '3', '--out', out, ...more]
      const { positions, vocab, top } = lophiJson<Logits>(args)
      expect({ positions, vocab }).toEqual({ positions: ids.length, vocab: 320 })
      const bytes = readFileSync(out)
      const actual = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
      expect(largestError(actual, logits)).toBeLessThan(bound)
      top.forEach((row, position) => {
        const all = [...actual.subarray(position * vocab, (position + 1) * vocab)]
        const best = all.map((logit, id) => ({ id, logit })).toSorted((a, b) => b.logit - a.logit || a.id - b.id)
        expect(row).toEqual(best.slice(0, 3))
      })
    }
    expect((await readdir(folder)).filter((name) => name.includes('.part'))).toEqual([])
  })

  test('the last position and five ids are the default', () => {
    const { positions, vocab, top } = lophiJson<Logits>(['logits', model, '--ids', '1,2,3'])
    expect({ positions, vocab, rows: top.length, ids: top[0]?.length }).toEqual({
      positions: 1,
      vocab: 320,
      rows: 1,
      ids: 5,
    })
    const { stdout, stderr } = lophi(['logits', model, '--ids', '1,2,3'])
    expect(stdout).toMatch(/^2: \d+ \(\S+\)( {2}\d+ \(\S+\)){4}\n$/)
    expect(stderr).toBe('')
  })
})

describe('tokenize', () => {
  test('gives ids and their pieces', () => {
    expect(lophiJson(['tokenize', tinyPhi3, 'What is <|user|>']).pieces).toEqual(['▁What', '▁is', '▁', '<|user|>'])
    const { ids, pieces } = lophiJson<{ ids: number[]; pieces: string[] }>(['tokenize', tinyPhi3, question, '--chat'])
    expect(ids).toHaveLength(14)
    expect(pieces[0]).toBe('<|user|>')
    expect(pieces.at(-1)).toBe('<|assistant|>')
  })

  test('--no-special takes role tokens for text, in a chat also', () => {
    for (const more of [[], ['--chat']]) {
      const { ids } = lophiJson<{ ids: number[] }>(['tokenize', tinyPhi3, 'a<|assistant|>b', '--no-special', ...more])
      const special = lophiJson<{ ids: number[] }>(['tokenize', tinyPhi3, 'a<|assistant|>b', ...more])
      const roles = (list: number[]) => list.filter((id) => id === 2049).length
      expect(roles(special.ids) - roles(ids)).toBe(1)
    }
  })

  test('--decode gives back the text', () => {
    const { ids } = lophiJson<{ ids: number[] }>(['tokenize', tinyPhi3, question])
    expect(lophiJson(['tokenize', tinyPhi3, '--decode', ids.join(',')])).toEqual({ text: question })
    expect(lophi(['tokenize', tinyPhi3, '--decode', ids.join(',')])).toEqual({
      stdout: `${question}\n`,
      stderr: '',
      status: 0,
    })
  })

  test('- reads the text from stdin; a text may begin with a dash', () => {
    const { ids } = lophiJson<{ ids: number[] }>(['tokenize', tinyPhi3, '-'], { input: `${question}\n` })
    expect(ids).toEqual(lophiJson(['tokenize', tinyPhi3, question]).ids)
    const { stdout, status } = lophi(['tokenize', tinyPhi3, '--json', '--', '--json'])
    expect(status).toBe(0)
    expect(JSON.parse(stdout).pieces.join('')).toBe('▁--json')
  })

  const trained = sharedData('tiny-phi3')
  test.skipIf(trained === null)('a folder, its weights and its tokenizer.json have the same tokenizer', async () => {
    const expected = lophiJson(['tokenize', tinyPhi3, question, '--chat'])
    for (const path of ['', 'model.safetensors', 'tokenizer.json'])
      expect(lophiJson(['tokenize', join(trained as string, path), question, '--chat'])).toEqual(expected)
    const alone = join(folder, 'tokenizer.json')
    await writeFile(alone, readFileSync(join(trained as string, 'tokenizer.json')))
    for (const path of [folder, alone])
      expect(lophiJson(['tokenize', path, question])).toEqual(lophiJson(['tokenize', tinyPhi3, question]))
  })

  const vocabulary = sharedData('ggml-vocab-phi-3/ggml-vocab-phi-3.gguf')
  test.skipIf(vocabulary === null)('a GGUF file with a vocabulary alone will do', () => {
    expect(lophiJson(['tokenize', vocabulary as string, 'Hello world'])).toEqual({
      ids: [1, 15043, 3186],
      pieces: ['<s>', '▁Hello', '▁world'],
    })
  })
})

describe('inspect', () => {
  const tensorBytes = (tensors: { shape: number[] }[], bytesPerValue: number) =>
    tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, bytesPerValue), 0)

  test('of a GGUF file', () => {
    const report = lophiJson(['inspect', tinyPhi3])
    expect(report).toMatchObject({
      format: 'gguf',
      architecture: 'phi3',
      variant: 'custom',
      config: { hiddenSize: 256, numHiddenLayers: 4, numKeyValueHeads: 2, headDim: 64, vocabSize: 2112 },
      tokenizer: { kind: 'gguf', vocabSize: 2112, eosIds: [2048, 2055], chatTemplate: true },
      window: { size: null, rule: 'j <= i', source: 'phi3.attention.sliding_window' },
      memory: { weightsBytes: expect.any(Number), kvBytesPerToken: { f16: 2048, f32: 4096 } },
    })
    const tensors = report.tensors as { name: string; shape: number[]; dtype: string }[]
    expect(tensors).toContainEqual({ name: 'token_embd.weight', shape: [2112, 256], dtype: 'Q8_0' })
    const { weightsBytes, at, device } = report.memory as {
      weightsBytes: number
      at: Record<string, number>
      device: unknown
    }
    expect(at).toMatchObject({
      contextLength: 2048,
      kv: 'f16',
      weightsBytes,
      kvBytes: 2048 * 2048,
      rotaryBytes: 2048 * 64 * 4,
    })
    expect(at.totalBytes).toBe(weightsBytes + 2048 * 2048 + at.rotaryBytes! + at.activationBytes!)
    expect(device).toBe(null)

    const groups = report.quantization as { group: string; dtype: string; tensors: number; bytes: number }[]
    expect(groups.map(({ group, dtype, tensors: count }) => `${group} ${dtype} ${count}`).toSorted()).toEqual([
      'attention Q8_0 8',
      'embedding Q8_0 1',
      'head Q8_0 1',
      'mlp Q8_0 8',
      'norm F32 9',
    ])
    expect(groups.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(weightsBytes)
    const [file] = readdirSync(tinyPhi3).filter((name) => name.endsWith('.gguf'))
    expect(weightsBytes).toBeLessThan(readFileSync(join(tinyPhi3, file as string)).length)
  })

  test.skipIf(golden === null)('of safetensors, with a window and a tied head', () => {
    const windowed = lophiJson(['inspect', join(golden as string, 'window'), '--context', '100', '--kv', 'f32'])
    expect(windowed).toMatchObject({
      format: 'safetensors',
      architecture: 'Phi3ForCausalLM',
      tokenizer: null,
      window: { size: 16, rule: 'i - 16 < j <= i', source: 'config.json sliding_window' },
    })
    const {
      weightsBytes,
      kvBytesPerToken: perToken,
      at,
    } = windowed.memory as {
      weightsBytes: number
      kvBytesPerToken: { f32: number }
      at: object
    }
    expect(weightsBytes).toBe(tensorBytes(windowed.tensors as { shape: number[] }[], 2))
    expect(at).toMatchObject({ contextLength: 100, kv: 'f32', kvBytes: 100 * perToken.f32 })

    const tied = lophiJson(['inspect', join(golden as string, 'partial-tied')])
    expect(tied).toMatchObject({ config: { tieWordEmbeddings: true, ropeScaling: { type: 'longrope' } } })
    // counted once, though embedding and head are two weights of the model
    expect(tied.memory).toMatchObject({ weightsBytes: tensorBytes(tied.tensors as { shape: number[] }[], 2) })
  })

  test('sets the memory against a device that is named, and only then needs a binary', () => {
    const { memory } = lophiJson(['inspect', tinyPhi3, '--device', 'cpu'])
    expect(memory).toMatchObject({ device: { id: 'cpu', memoryBytes: expect.any(Number), fits: true } })
    const { stderr, status } = lophi(['inspect', tinyPhi3, '--device', 'cuda:99'])
    expect(status).toBe(1)
    expect(stderr).toContain('ERR_DEVICE_ABSENT')
  })

  test.skipIf(golden === null)('of a model that does not run says why, with exit code 0', () => {
    const model = join(golden as string, 'mha', 'expected.safetensors')
    expect(lophiJson(['inspect', model])).toMatchObject({ supported: false, reason: expect.any(String), config: null })
    expect(lophi(['inspect', model]).stdout).toMatch(/^not supported/m)
  })

  test('for people: facts, groups, and the tensors when asked for', () => {
    const { stdout, stderr, status } = lophi(['inspect', tinyPhi3])
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    expect(stdout).toMatch(/^architecture +phi3, custom$/m)
    expect(stdout).not.toContain('token_embd.weight')
    expect(lophi(['inspect', tinyPhi3, '--tensors']).stdout).toContain('token_embd.weight  Q8_0 [2112, 256]')
  })

  const mini = { hiddenSize: 3072, intermediateSize: 8192, numHiddenLayers: 32, numAttentionHeads: 32 }
  const medium = { hiddenSize: 5120, intermediateSize: 17920, numHiddenLayers: 40, numAttentionHeads: 40 }
  const rope = (first: number, last: number) => ({ ropeScaling: { longFactor: [first, 2, last] } })
  test.each([
    ['mini-4k', { ...mini, numKeyValueHeads: 32, vocabSize: 32064, headDim: 96, ropeScaling: null }, 393216],
    ['mini-128k', { ...mini, numKeyValueHeads: 32, vocabSize: 32064, headDim: 96, ...rope(1.03, 64.76) }, 393216],
    [
      '3.5-mini',
      { ...mini, numKeyValueHeads: 32, vocabSize: 32064, headDim: 96, ...rope(1.0800000429153442, 64.83999633789062) },
      393216,
    ],
    ['medium-4k', { ...medium, numKeyValueHeads: 10, vocabSize: 32064, headDim: 128, ropeScaling: null }, 204800],
    ['medium-128k', { ...medium, numKeyValueHeads: 10, vocabSize: 32064, headDim: 128, ...rope(1, 2) }, 204800],
    [
      'phi-4-mini',
      { ...mini, numAttentionHeads: 24, numKeyValueHeads: 8, vocabSize: 200064, headDim: 128, ...rope(1, 2) },
      131072,
    ],
    ['phi-4', { ...medium, numKeyValueHeads: 10, vocabSize: 100352, headDim: 128, ropeScaling: null }, 204800],
    ['custom', { ...mini, numKeyValueHeads: 32, vocabSize: 32000, headDim: 96, ropeScaling: null }, 393216],
  ])('%s is told by its sizes, and so is its cache', (variant, sizes, bytes) => {
    const config = sizes as unknown as ModelConfig
    expect(variantOf(config)).toBe(variant)
    expect(kvBytesPerToken(config, 'float16')).toBe(bytes)
    expect(kvBytesPerToken(config, 'float32')).toBe(2 * bytes)
  })
})

describe('bench', () => {
  test('gives a row per prompt and depth, with the spread and the bytes that were read', () => {
    const args = [
      'bench',
      tinyPhi3,
      '--prompt',
      '4,300',
      '--depth',
      '0,8',
      '--gen',
      '3',
      '--reps',
      '2',
      '--threads',
      '1',
    ]
    const report = lophiJson([...args, '--kv', 'f32'])
    const rate = { tokensPerSecond: expect.any(Number), min: expect.any(Number), max: expect.any(Number) }
    const decoded = { gbPerSecond: expect.any(Number), shareOfBandwidth: expect.any(Number) }
    // every weight but the embedding, of which one row; keys and values of 4 layers, 2 heads of 64 in float32
    const row = 256 * (34 / 32)
    const { weightsBytes } = lophiJson(['inspect', tinyPhi3]).memory as { weightsBytes: number }
    const weights = weightsBytes - 2111 * row
    expect(report).toMatchObject({
      load: { ms: expect.any(Number), extraBytes: expect.any(Number) },
      prefill: [
        { tokens: 4, ...rate },
        { tokens: 300, ...rate },
      ],
      decode: [
        { depth: 0, ...rate, ...decoded, bytesPerToken: weights },
        { depth: 8, ...rate, ...decoded, bytesPerToken: weights + 8 * 4096 },
      ],
      device: { id: 'cpu', name: expect.any(String), bandwidthGBs: expect.any(Number) },
      peakRssBytes: expect.any(Number),
    })
    const { prefill, decode, device, peakRssBytes } = report as {
      prefill: { tokensPerSecond: number; min: number; max: number }[]
      decode: {
        tokensPerSecond: number
        min: number
        max: number
        bytesPerToken: number
        gbPerSecond: number
        shareOfBandwidth: number
      }[]
      device: { bandwidthGBs: number }
      peakRssBytes: number
    }
    for (const { tokensPerSecond, min, max } of [...prefill, ...decode]) {
      expect(min).toBeGreaterThan(0)
      expect(tokensPerSecond).toBeGreaterThanOrEqual(min)
      expect(tokensPerSecond).toBeLessThanOrEqual(max)
    }
    for (const { tokensPerSecond, bytesPerToken, gbPerSecond, shareOfBandwidth } of decode) {
      expect(gbPerSecond).toBeCloseTo((tokensPerSecond * bytesPerToken) / 1e9, 9)
      expect(shareOfBandwidth).toBeCloseTo(gbPerSecond / device.bandwidthGBs, 9)
    }
    expect(peakRssBytes).toBeGreaterThan(weightsBytes)
  })

  test.skipIf(golden === null)('a tied head is read whole; a window bounds what is read of the cache', () => {
    const options = ['--prompt', '4', '--depth', '20', '--gen', '2', '--reps', '1']
    const read = (model: string) =>
      (lophiJson(['bench', join(golden as string, model), ...options]).decode as [{ bytesPerToken: number }])[0]
        .bytesPerToken
    const inspected = (model: string) =>
      lophiJson(['inspect', join(golden as string, model)]) as unknown as {
        config: ModelConfig
        memory: { weightsBytes: number; kvBytesPerToken: { f32: number } }
      }
    const tied = inspected('partial-tied')
    expect(read('partial-tied')).toBe(
      tied.memory.weightsBytes + 2 * tied.config.hiddenSize + 20 * tied.memory.kvBytesPerToken.f32,
    )
    const windowed = inspected('window')
    const { vocabSize, hiddenSize } = windowed.config
    expect(read('window')).toBe(
      windowed.memory.weightsBytes - 2 * (vocabSize - 1) * hiddenSize + 16 * windowed.memory.kvBytesPerToken.f32,
    )
  })

  test('for people: a table on stdout', () => {
    const { stdout, stderr, status } = lophi([
      'bench',
      tinyPhi3,
      '--prompt',
      '4',
      '--depth',
      '4',
      '--gen',
      '2',
      '--reps',
      '1',
    ])
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    expect(stdout).toMatch(/^prefill 4 .*\ndecode @4 .* of the copy speed\npeak memory /m)
  })
})

describe('convert', () => {
  test('writes a file that answers like its source, and replaces one only with --force', async () => {
    const out = join(folder, 'converted.gguf')
    const args = ['convert', tinyPhi3, out, '--type', 'f16']
    const result = lophiJson(args)
    expect(result).toMatchObject({
      input: tinyPhi3,
      output: out,
      type: 'f16',
      bytes: readFileSync(out).length,
      kept: [],
    })
    expect(lophiJson(['run', out, '-p', question])).toMatchObject({ text: answer })

    const { stdout, stderr, status } = lophi([...args.slice(0, -1), 'q8_0'])
    expect({ stdout, status }).toEqual({ stdout: '', status: 1 })
    expect(stderr).toMatch(/^error: .*--force.*\(ERR_FILE\)\n$/)
    expect(readFileSync(out).length).toBe(result.bytes)
    const forced = lophi([...args.slice(0, -1), 'q8_0', '--force'])
    expect({ stderr: forced.stderr, status: forced.status }).toEqual({ stderr: '', status: 0 })
    expect(forced.stdout).toContain('q8_0')
    expect(readFileSync(out).length).toBeLessThan(result.bytes as number)
  })

  test.skipIf(golden === null)('reads safetensors and takes models without a tokenizer', () => {
    const out = join(folder, 'golden.gguf')
    lophiJson(['convert', join(golden as string, 'mha'), out, '--type', 'f32'])
    const args = ['--ids', '1,2,3', '--top', '3']
    expect(lophiJson(['logits', out, ...args])).toEqual(lophiJson(['logits', join(golden as string, 'mha'), ...args]))
  })
})
