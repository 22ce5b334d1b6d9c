import { cpSync, existsSync, readdirSync, renameSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type LoadModelOptions, loadModel, type Model } from '../../lib/index.js'
import { temporaryFolder } from '../support/shared.js'

// What happens to the file of a model that is loaded.

const tinyPhi3 = fileURLToPath(new URL('../../models/tiny-phi3', import.meta.url))
const prompt = [{ role: 'user' as const, content: 'What is 25 + 76?' }]
const answer = '25 + 76 = 101'
const changed = (reason: string) => ({
  code: 'ERR_FILE',
  message: expect.stringMatching(`changed since it was loaded${reason}`),
})

async function loaded(options: LoadModelOptions = {}): Promise<{ model: Model; file: string }> {
  const folder = join(await temporaryFolder(), 'model')
  cpSync(tinyPhi3, folder, { recursive: true })
  const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.gguf'))!)
  return { model: await loadModel(folder, { device: 'cpu', ...options }), file }
}
const ask = (model: Model) => model.generate(prompt).readAll()

// Windows lets nobody write to a file that is mapped
describe.skipIf(process.platform === 'win32')('a file that changes under its model', () => {
  test('fails the next generation where it was cut short', async () => {
    const { model, file } = await loaded()
    await using _ = model
    expect(await ask(model)).toBe(answer)
    await model.device.sync() // a step ahead of the answer may still be under way
    truncateSync(file, 4096)
    await expect(ask(model)).rejects.toMatchObject(changed(': it had \\d+ bytes and has 4096'))
    await expect(model.session().send('Hi!').readAll()).rejects.toMatchObject(changed(''))
    await expect(model.logits([1, 2])).rejects.toMatchObject(changed(''))
  })

  test('fails the next generation where it was written to', async () => {
    const { model, file } = await loaded()
    await using _ = model
    utimesSync(file, new Date(), new Date(2001, 1, 1))
    await expect(ask(model)).rejects.toMatchObject(changed(''))
  })

  test('does no harm where it was copied into memory', async () => {
    const { model, file } = await loaded({ load: 'copy' })
    await using _ = model
    expect(model.device.memory().used).toBeGreaterThan(1e6)
    truncateSync(file, 4096)
    expect(await ask(model)).toBe(answer)
  })

  test('does no harm where another file takes its name', async () => {
    const { model, file } = await loaded()
    await using _ = model
    writeFileSync(`${file}.new`, 'another model')
    renameSync(`${file}.new`, file)
    expect(existsSync(file)).toBe(true)
    expect(await ask(model)).toBe(answer)
  })
})

test('load is map or copy', async () => {
  const options = { device: 'cpu', load: 'mapped' as 'map' } as const
  await expect(loadModel(tinyPhi3, options)).rejects.toMatchObject({
    code: 'ERR_ARGUMENT',
    message: expect.stringMatching('load must be map or copy'),
  })
})
