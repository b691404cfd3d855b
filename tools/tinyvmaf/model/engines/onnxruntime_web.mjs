// A model in ONNX Runtime Web, served over stdin and stdout to tinyvmaf.model.engines.onnxruntime_web.
//
// Both ways a message is: header length (uint32 LE), body length (uint32 LE), header (JSON), body. The first message
// is {package, threads, optimisation} with the model as its body, every other one {rows, width} with float32 rows.
// Answers: {version, threads, input} then {outputs: [{type, dims}]} with their values, or {error}. It ends when stdin does.

import { createRequire } from "node:module";
import { writeSync } from "node:fs";

let session, ort;

async function load({ package: folder, threads, optimisation }, model) {
  ort = createRequire(`${folder}/package.json`)(folder);
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  const level = optimisation === "none" ? "disabled" : optimisation;
  session = await ort.InferenceSession.create(model, {
    executionProviders: ["wasm"], graphOptimizationLevel: level, executionMode: "sequential", logSeverityLevel: 3,
  });
  if (session.inputNames.length !== 1) throw new Error(`${session.inputNames.length} inputs`);
  return [{ version: ort.env.versions.web, threads: ort.env.wasm.numThreads }, Buffer.alloc(0)];
}

async function run({ rows, width }, body) {
  const values = new Float32Array(body.buffer.slice(body.byteOffset, body.byteOffset + body.length));
  const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", values, [rows, width]) };
  const found = await session.run(feeds);
  const outputs = session.outputNames.map((name) => found[name]);
  const bytes = outputs.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  return [{ outputs: outputs.map(({ type, dims }) => ({ type, dims })) }, Buffer.concat(bytes)];
}

function say(header, body) {
  const json = Buffer.from(JSON.stringify(header));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(json.length, 0);
  lengths.writeUInt32LE(body.length, 4);
  let whole = Buffer.concat([lengths, json, body]);
  while (whole.length) {
    try {
      whole = whole.subarray(writeSync(1, whole));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;  // the pipe is full: the other side is reading
    }
  }
}

async function* messages() {
  let waiting = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= 8) {
      const header = waiting.readUInt32LE(0), end = 8 + header + waiting.readUInt32LE(4);
      if (waiting.length < end) break;
      yield [JSON.parse(waiting.subarray(8, 8 + header)), waiting.subarray(8 + header, end)];
      waiting = waiting.subarray(end);
    }
  }
}

// Nothing but answers may reach stdout.
console.log = console.info = console.warn = console.error;
for await (const [header, body] of messages()) {
  try {
    say(...await (session ? run : load)(header, body));
  } catch (error) {
    say({ error: String(error?.message ?? error) }, Buffer.alloc(0));
  }
}
process.exit(0);  // worker threads of WebAssembly would keep it alive
