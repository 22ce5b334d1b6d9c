#!/usr/bin/env node
import { Command } from 'commander'
import { addBench } from './bench.js'
import { addChat } from './chat.js'
import { addConvert } from './convert.js'
import { addDevices } from './devices.js'
import { addDoctor } from './doctor.js'
import { addInspect } from './inspect.js'
import { addLogits } from './logits.js'
import { guardOutput, reportError, usageError } from './output.js'
import { addPull } from './pull.js'
import { addRun } from './run.js'
import { addServe } from './serve.js'
import { addTokenize } from './tokenize.js'
import { packageVersion } from './version.js'

const program = new Command('lophi')
  .description('Runs Phi-3 models. MODEL is a file, a folder, or org/name on the Hugging Face Hub.')
  .version(packageVersion())
  .exitOverride()
  .configureOutput({ outputError: usageError })
  .addHelpText(
    'after',
    `
Examples:
  lophi run models/tiny-phi3 -p "What is 27 + 48?"
  lophi run MODEL -p - --json < prompt.txt
  lophi chat MODEL --system "You are a pirate."
  lophi serve MODEL --port 8080
  lophi pull microsoft/Phi-3-mini-4k-instruct-onnx --list
  lophi convert FOLDER model.gguf --type q8_0
  lophi convert model.gguf FOLDER --to onnx --type int4

Exit codes: 0, 1 where something failed, 2 for a wrong command line, 130 after Ctrl+C.
Environment: LOPHI_CPU_ISA (instruction set of the cpu), LOPHI_LOG=debug (stack traces),
HF_HOME, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE (models by name).
\`lophi COMMAND --help\` has the options of a command.`,
  )
for (const add of [
  addRun,
  addChat,
  addServe,
  addPull,
  addLogits,
  addTokenize,
  addInspect,
  addDevices,
  addDoctor,
  addBench,
  addConvert,
])
  add(program)

guardOutput()
await program.parseAsync().catch(reportError)
