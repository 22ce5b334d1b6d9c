import { describe, expect, test } from 'vitest'
import { errorOf } from '../../lib/errors.js'
import { type ErrorCode, errorCodes, FormatError, LophiError, openDevice } from '../../lib/index.js'

describe('an error', () => {
  test.each(Object.keys(errorCodes) as ErrorCode[])('of code %s is of one class, with its message', (code) => {
    const error = errorOf(code, 'what it says')
    expect(error).toBeInstanceOf(LophiError)
    expect(error).toMatchObject({ code, message: 'what it says', name: error.constructor.name })
    expect(error.constructor).not.toBe(LophiError)
  })

  test('of a file is a FormatError that names it, whichever side notices', async () => {
    const device = await openDevice('cpu')
    const of = (file: string, offset: number) => () =>
      device.weight({ format: 'float32', shape: [1, 4], parts: { data: { file, offset, bytes: 16 } } })
    for (const [make, code, file] of [
      [of('/nonexistent', 0), 'ERR_FILE', '/nonexistent'],
      [of(import.meta.filename, 2 ** 40), 'ERR_FORMAT', import.meta.filename],
    ] as const) {
      try {
        make()
        expect.fail('must be refused')
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
        expect(error).toMatchObject({ code, file })
        expect((error as Error).message.startsWith(`${file}: `)).toBe(true)
        expect((error as Error).message.indexOf(file, 1)).toBe(-1)
      }
    }
    await device.dispose()
  })
})
