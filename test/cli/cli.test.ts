import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { abortOnInterrupt } from '../../lib/cli/signal.js'
import { errorCodes } from '../../lib/errors.js'
import { tinyPhi3 } from '../support/models.js'
import { sharedData, temporaryFolder } from '../support/shared.js'
import { lophi, lophiJson, startLophi } from './run.js'

// What holds for every command: streams, exit codes, errors, signals. No terminal is involved.

const commands = ['run', 'chat', 'logits', 'tokenize', 'inspect', 'devices', 'doctor', 'bench', 'convert', 'serve']
const version = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version as string
const folder = await temporaryFolder()
const golden = sharedData('golden')

describe('help', () => {
  test('--version prints the version of the package', () => {
    expect(lophi(['--version'])).toEqual({ stdout: `${version}\n`, stderr: '', status: 0 })
  })

  test('--help lists every command, on stdout', () => {
    const { stdout, stderr, status } = lophi(['--help'])
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'))
  })

  const modelOptions = ['--context <n>', '--kv <type>', '--window <keys>', '--longrope <when>', '--activations <type>']
  test.each(commands)('%s --help has --json and --device, and where a model runs, its options', (command) => {
    const { stdout, stderr, status } = lophi([command, '--help'])
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    const more = ['run', 'chat', 'logits', 'bench', 'serve'].includes(command) ? modelOptions : []
    for (const option of ['--json', '--device <id>', ...more]) expect(stdout).toContain(`\n  ${option} `)
  })

  test('no command at all is a wrong command line, and shows the help on stderr', () => {
    const { stdout, stderr, status } = lophi([])
    expect({ stdout, status }).toEqual({ stdout: '', status: 2 })
    expect(stderr).toContain('Usage: lophi')
  })
})

describe('a wrong command line is one line on stderr and exit code 2', () => {
  test.each([
    ['unknown command', ['nosuch'], 'nosuch'],
    ['unknown option', ['run', tinyPhi3, '-p', 'x', '--bogus'], '--bogus'],
    ['missing model', ['run'], 'model'],
    ['one argument too many', ['devices', 'x'], 'arguments'],
    ['no prompt', ['run', tinyPhi3], '-p'],
    ['two prompts', ['run', tinyPhi3, '-p', 'x', '--ids', '1'], '--ids'],
    ['a system message without a template', ['run', tinyPhi3, '-p', 'x', '--raw', '--system', 'y'], '--raw'],
    ['ids that are no numbers', ['logits', tinyPhi3, '--ids', '1,two'], '--ids'],
    ['an empty id', ['logits', tinyPhi3, '--ids', '1,,2'], '--ids'],
    ['no ids', ['logits', tinyPhi3], '--ids'],
    ['a temperature below 0', ['run', tinyPhi3, '-p', 'x', '--temperature', '-1'], 'temperature must be from 0'],
    ['a temperature that is no number', ['run', tinyPhi3, '-p', 'x', '--temperature', 'hot'], '--temperature'],
    ['a fraction of a token', ['run', tinyPhi3, '-p', 'x', '--max-tokens', '1.5'], '--max-tokens'],
    ['a seed beyond 2^53', ['run', tinyPhi3, '-p', 'x', '--seed', '99999999999999999'], '--seed'],
    ['another type of cache', ['run', tinyPhi3, '-p', 'x', '--kv', 'f8'], 'f8'],
    ['another window', ['run', tinyPhi3, '-p', 'x', '--window', 'half'], '--window'],
    ['text and ids to decode', ['tokenize', tinyPhi3, 'x', '--decode', '1'], '--decode'],
    ['nothing to tokenize', ['tokenize', tinyPhi3], '--decode'],
    ['no type to convert to', ['convert', tinyPhi3, 'out.gguf'], '--type'],
    ['an unknown type to convert to', ['convert', tinyPhi3, 'out.gguf', '--type', 'q9'], 'q9'],
    ['a type that the container lacks', ['convert', tinyPhi3, 'out.onnx', '--type', 'q8_0'], 'f32, f16, int4'],
    ['a folder for no container', ['convert', tinyPhi3, 'out', '--type', 'f16'], 'to must be given'],
    ['a block without int4', ['convert', tinyPhi3, 'out.gguf', '--type', 'q4_0', '--block', '32'], 'int4'],
  ])('%s', (_, args, word) => {
    const { stdout, stderr, status } = lophi(args)
    expect({ stdout, status }).toEqual({ stdout: '', status: 2 })
    expect(stderr).toMatch(/^error: .*\(ERR_ARGUMENT\)\n$/)
    expect(stderr).toContain(word)
  })

  test('as JSON with --json', () => {
    const { stdout, stderr, status } = lophi(['run', tinyPhi3, '--json'])
    expect({ stdout, status }).toEqual({ stdout: '', status: 2 })
    expect(JSON.parse(stderr)).toEqual({ error: { code: 'ERR_ARGUMENT', message: expect.stringContaining('-p') } })
  })
})

describe('what goes wrong is one line on stderr and exit code 1', () => {
  async function write(name: string, bytes: string | Buffer): Promise<string> {
    const path = join(folder, name)
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, bytes)
    return path
  }

  function expectError(args: string[], code: string, word: string): void {
    const { stdout, stderr, status } = lophi(args)
    expect({ stdout, status }).toEqual({ stdout: '', status: 1 })
    expect(stderr).toMatch(new RegExp(`^error: .*\\(${code}\\)\n$`))
    expect(stderr).toContain(word)
    expect(Object.keys(errorCodes)).toContain(code)
  }

  test('as JSON with --json', () => {
    const { stdout, stderr, status } = lophi(['inspect', join(folder, 'none.gguf'), '--json'])
    expect({ stdout, status }).toEqual({ stdout: '', status: 1 })
    expect(JSON.parse(stderr)).toEqual({ error: { code: 'ERR_FILE', message: expect.stringContaining('none.gguf') } })
  })

  test('names in it do not drive the terminal', () => {
    const name = 'a\x1b]0;pwned\x07\x1b[2J\x9b31m'
    const { stderr } = lophi(['inspect', join(folder, name)])
    expect(stderr).toContain('a\\x1b]0;pwned\\x07\\x1b[2J\\x9b31m')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
    const json = lophi(['inspect', join(folder, name), '--json']).stderr
    // biome-ignore lint/suspicious/noControlCharactersInRegex: as above
    expect(json).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
    expect(JSON.parse(json).error.message).toContain(name)
  })

  test('a path that does not exist', () => {
    expectError(['run', join(folder, 'none.gguf'), '-p', 'x'], 'ERR_FILE', 'ENOENT')
    expectError(['tokenize', join(folder, 'none.gguf'), 'x'], 'ERR_FILE', 'ENOENT')
  })

  test('a folder without a model', async () => {
    await write('empty/notes.txt', 'nothing')
    expectError(['inspect', join(folder, 'empty')], 'ERR_FILE', 'holds none')
  })

  test('a file that is no model', async () => {
    const path = await write('letters.gguf', 'these are letters')
    expectError(['run', path, '-p', 'x'], 'ERR_FORMAT', 'letters.gguf')
    expectError(['tokenize', path, 'x'], 'ERR_FORMAT', 'letters.gguf')
  })

  test('a model cut short', async () => {
    const [name] = (await readdir(tinyPhi3)).filter((file) => file.endsWith('.gguf'))
    const bytes = readFileSync(join(tinyPhi3, name as string))
    const path = await write('short.gguf', bytes.subarray(0, bytes.length - 1000))
    expectError(['run', path, '-p', 'x'], 'ERR_FORMAT', 'must end within the file')
    expectError(['convert', path, join(folder, 'out.gguf'), '--type', 'f16'], 'ERR_FORMAT', 'must end within the file')
  })

  test('a device that is not there', () => {
    for (const device of ['cuda:9', 'toaster']) {
      expectError(['run', tinyPhi3, '-p', 'x', '--device', device], 'ERR_DEVICE_ABSENT', device)
      expectError(['devices', '--device', device], 'ERR_DEVICE_ABSENT', device)
    }
  })

  test('ids outside the vocabulary', () => {
    expectError(['run', tinyPhi3, '--ids', '1,2112'], 'ERR_OUT_OF_RANGE', '2112')
    expectError(['logits', tinyPhi3, '--ids', '1,2112'], 'ERR_OUT_OF_RANGE', '2112')
    expectError(['tokenize', tinyPhi3, '--decode', '1,2112'], 'ERR_OUT_OF_RANGE', '2112')
  })

  test('a prompt longer than the context', () => {
    expectError(['run', tinyPhi3, '--ids', '1,2,3,4,5', '--context', '4'], 'ERR_CONTEXT_OVERFLOW', '4')
    expectError(['bench', tinyPhi3, '--prompt', '64', '--context', '32'], 'ERR_CONTEXT_OVERFLOW', '--prompt')
    expectError(
      ['bench', tinyPhi3, '--prompt', '8', '--depth', '28', '--context', '32'],
      'ERR_CONTEXT_OVERFLOW',
      '--gen',
    )
  })

  test('a context larger than the model was made for', () => {
    expectError(['run', tinyPhi3, '--ids', '1', '--context', '4096'], 'ERR_ARGUMENT', '2048')
  })

  test.skipIf(golden === null)('text for a model without a tokenizer', () => {
    const model = join(golden as string, 'mha')
    expectError(['run', model, '-p', 'x'], 'ERR_TOKENIZER_MISSING', 'ids')
    expectError(['chat', model], 'ERR_TOKENIZER_MISSING', 'tokenizer')
    expectError(['tokenize', model, 'x'], 'ERR_TOKENIZER_MISSING', 'tokenizer.json')
  })

  test('an output in a folder that does not exist', () => {
    const nowhere = join(folder, 'nowhere', 'file')
    expectError(['logits', tinyPhi3, '--ids', '1', '--out', nowhere], 'ERR_FILE', 'ENOENT')
    expectError(['convert', tinyPhi3, `${nowhere}.gguf`, '--type', 'f16'], 'ERR_FILE', 'ENOENT')
  })

  test('LOPHI_LOG=debug, and nothing else, adds the stack', () => {
    const args = ['inspect', join(folder, 'none.gguf')]
    expect(lophi(args).stderr).not.toContain('    at ')
    expect(lophi(args, { env: { LOPHI_LOG: 'debug' } }).stderr).toMatch(/^error: .*\n[\s\S]*\n {4}at /)
  })
})

describe('without a binary', () => {
  const env = { LOPHI_PREBUILD: join(folder, 'no-package'), PREBUILDS_ONLY: '1' }

  test('what needs no device works', () => {
    expect(lophi(['--help'], { env }).status).toBe(0)
    expect(lophiJson(['inspect', tinyPhi3], { env })).toMatchObject({ format: 'gguf' })
    expect(lophiJson(['tokenize', tinyPhi3, 'hi'], { env })).toMatchObject({ ids: expect.any(Array) })
  })

  test('the rest says where it looked', () => {
    const { stdout, stderr, status } = lophi(['devices'], { env })
    expect({ stdout, status }).toEqual({ stdout: '', status: 1 })
    expect(stderr).toMatch(/^error: .* \(ERR_BINARY_MISSING\)\n/)
    expect(stderr).toContain('no-package')
  })

  test('doctor reports that as its result', () => {
    const { stdout, stderr, status } = lophi(['doctor', '--json'], { env })
    expect({ stderr, status }).toEqual({ stderr: '', status: 1 })
    expect(JSON.parse(stdout)).toMatchObject({
      works: false,
      problem: { code: 'ERR_BINARY_MISSING' },
      binary: null,
      cpu: null,
      devices: [],
      absent: [{ backend: 'cpu' }],
      environment: { LOPHI_PREBUILD: env.LOPHI_PREBUILD },
    })
  })
})

describe('devices and doctor', () => {
  const cpu = { id: 'cpu', backend: 'cpu', name: expect.any(String), memory: expect.any(Number) }

  test('devices lists the cpu', () => {
    const { devices, absent } = lophiJson<{ devices: unknown[]; absent: unknown[] }>(['devices'])
    expect(devices).toContainEqual(expect.objectContaining(cpu))
    for (const entry of absent) expect(entry).toEqual({ backend: expect.any(String), reason: expect.any(String) })
    expect(lophiJson(['devices', '--device', 'cpu'])).toMatchObject({ devices: [cpu] })
  })

  test('doctor computes on the cpu and tells what it runs on', () => {
    const diagnosis = lophiJson(['doctor'], { env: { LOPHI_CPU_ISA: 'scalar' } })
    expect(diagnosis).toMatchObject({
      works: true,
      checked: 'cpu',
      problem: null,
      devices: expect.arrayContaining([expect.objectContaining(cpu)]),
      versions: { lophi: version, node: process.versions.node, platform: process.platform, arch: process.arch },
      binary: expect.stringMatching(/\.node$/),
      cpu: { isa: 'scalar', available: expect.arrayContaining(['scalar']), threads: expect.any(Number) },
      environment: { LOPHI_CPU_ISA: 'scalar' },
    })
    for (const key of ['absent', 'advice']) expect(diagnosis[key]).toEqual(expect.any(Array))
  })

  test('doctor fails where the environment asks for the impossible, and says so', () => {
    const { stdout, stderr, status } = lophi(['doctor', '--json'], { env: { LOPHI_CPU_ISA: 'abacus' } })
    expect({ stderr, status }).toEqual({ stderr: '', status: 1 })
    expect(JSON.parse(stdout)).toMatchObject({
      works: false,
      problem: { code: 'ERR_ARGUMENT', message: expect.stringContaining('abacus') },
      advice: [{ backend: 'cpu', action: expect.stringContaining('LOPHI_CPU_ISA') }],
    })
  })

  test('doctor checks the device that is named', () => {
    const { stdout, status } = lophi(['doctor', '--device', 'cuda:9', '--json'])
    expect(status).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      works: false,
      checked: 'cuda:9',
      problem: { code: 'ERR_DEVICE_ABSENT' },
    })
  })

  test('for people the result is on stdout, too', () => {
    for (const command of ['devices', 'doctor']) {
      const { stdout, stderr, status } = lophi([command])
      expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
      expect(stdout).toContain('cpu')
    }
  })
})

/** Some seconds of text, a line of JSON per token: more than a pipe holds. */
const endless = ['run', tinyPhi3, '-p', 'Tell me a story.', '--ignore-eos', '--json', '--stream']

describe('ends before its time', () => {
  test('a reader that leaves ends the command quietly', async () => {
    const { child, ended } = startLophi(endless)
    await once(child.stdout, 'data')
    child.stdout.destroy()
    const { stderr, status } = await ended
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  })

  test.skipIf(process.platform === 'win32')('Ctrl+C stops run, which still gives its result', async () => {
    const { child, ended } = startLophi(endless)
    await once(child.stdout, 'data')
    child.kill('SIGINT')
    const { stdout, stderr, status } = await ended
    expect({ stderr, status }).toEqual({ stderr: '', status: 130 })
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const result = lines.pop()
    expect(result).toMatchObject({ stopReason: 'aborted', generatedTokens: lines.length })
    expect(result.ids).toEqual(lines.map(({ id }) => id))
    expect(result.text).toBe(lines.map(({ text }) => text).join(''))
  })

  test.skipIf(process.platform === 'win32')('Ctrl+C stops run for people with what there is', async () => {
    const { child, ended } = startLophi(['run', tinyPhi3, '-p', 'Tell me a story.', '--ignore-eos'])
    await once(child.stdout, 'data')
    child.kill('SIGINT')
    const { stdout, stderr, status } = await ended
    expect(status).toBe(130)
    expect(stdout).toMatch(/^\S.*\n$/s)
    expect(stderr).toMatch(/^\[.*\| aborted \| cpu\]\n$/)
  })

  test.skipIf(process.platform === 'win32')('Ctrl+C stops what has no partial result with an error', async () => {
    // the process interrupts itself as soon as it listens
    const hook = `process.on('newListener', (name) => name === 'SIGINT' && setImmediate(process.kill, process.pid, name))`
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}` }
    const { ended } = startLophi(['bench', tinyPhi3, '--reps', '1000000', '--json'], { env })
    const { stdout, stderr, status } = await ended
    expect({ stdout, status }).toEqual({ stdout: '', status: 130 })
    expect(JSON.parse(stderr)).toEqual({ error: { code: 'ERR_ABORTED', message: expect.any(String) } })
  })

  describe('the second Ctrl+C', () => {
    afterEach(() => vi.restoreAllMocks())

    test('ends the process at once', () => {
      const before = process.listeners('SIGINT')
      const exit = vi.spyOn(process, 'exit').mockImplementation((() => undefined) as () => never)
      const signal = abortOnInterrupt()
      const [interrupt] = process.listeners('SIGINT').filter((listener) => !before.includes(listener))
      expect(interrupt).toBeDefined()
      process.removeListener('SIGINT', interrupt as NodeJS.SignalsListener)
      interrupt?.('SIGINT')
      expect(signal.aborted).toBe(true)
      expect(exit).not.toHaveBeenCalled()
      interrupt?.('SIGINT')
      expect(exit).toHaveBeenCalledWith(130)
    })
  })
})
