"use strict";
// From a text to feature rows, how far they lie outside the domain, and their scores. Nothing here needs a document.

class Fault extends Error {}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const SLACK = 1e-5;  // rows may have been rounded to 6 decimals

// The names of a text's columns, and its rows: texts or numbers. In a `log` of libvmaf, names are libvmaf's.
function tableOf(text) {
  const content = text.replace(/^\uFEFF/, "").trim();
  if (!content) throw new Fault("there are no rows: paste some, or choose a file");
  const table = "{[".includes(content[0]) ? ofJson(content) : content[0] === "<" ? ofXml(content) : ofCsv(content);
  if (!table.rows.length) throw new Fault("there are names, and no rows below them");
  return table;
}

function ofJson(text) {
  let content;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new Fault(`the JSON cannot be read: ${error.message}`);
  }
  if (content?.pairs) throw new Fault(`there are ${content.pairs.length} pairs: give one of the logs in \`pairs\``);
  const frames = Array.isArray(content) ? content : content?.frames;
  if (!Array.isArray(frames)) throw new Fault("the JSON has no list `frames`, as libvmaf's log has");
  return ofObjects(frames.map(one => one?.metrics ?? one), !Array.isArray(content));
}

function ofXml(text) {
  const frames = [...new DOMParser().parseFromString(text, "text/xml").querySelectorAll("frame")];
  if (!frames.length) throw new Fault("the XML has no `frame`, as libvmaf's log has");
  return ofObjects(frames.map(one => Object.fromEntries([...one.attributes].map(a => [a.name, a.value]))), true);
}

function ofObjects(objects, log) {
  const wrong = objects.findIndex(one => typeof one !== "object" || one === null);
  if (wrong >= 0) throw new Fault(`row ${wrong + 1} is no object with a value for each name`);
  const known = new Set();
  for (const one of objects) for (const name in one) known.add(name);
  const names = [...known];
  return { names, log, rows: objects.map(one => names.map(name => one[name])) };
}

function ofCsv(text) {
  const lines = text.split(/\r\n|\r|\n/).map((line, n) => [line, n + 1]).filter(([line]) => line.trim());
  const header = lines[0][0], often = mark => header.split(mark).length;
  const mark = [",", ";", "\t"].reduce((best, one) => often(one) > often(best) ? one : best);
  const names = cells(header, mark);
  if (names.every(name => NUMBER.test(name)))
    throw new Fault("line 1 has numbers and no names: put the names of the columns above them");
  const rows = lines.slice(1).map(([line, n]) => {
    const found = cells(line, mark);
    if (found.length !== names.length)
      throw new Fault(`line ${n} has ${found.length} cells, and line 1 has ${names.length} names`);
    return found;
  });
  return { names, rows, log: names[0] === "Frame" };
}

function cells(line, mark) {
  if (!line.includes('"')) return line.split(mark).map(cell => cell.trim());
  const found = [""];
  let quoted = false;
  for (let n = 0; n < line.length; n++) {
    if (line[n] === '"' && quoted && line[n + 1] === '"') found[found.length - 1] += line[n++];
    else if (line[n] === '"') quoted = !quoted;
    else if (line[n] === mark && !quoted) found.push("");
    else found[found.length - 1] += line[n];
  }
  return found.map(cell => cell.trim());
}

// The places of a model's features among the names. In libvmaf's logs `adm2` is a feature of floats, and the one of
// integers is `integer_adm2`; elsewhere `adm2` is the one of integers.
function placesOf(features, { names, log }) {
  return features.map(({ name, column }) => {
    const known = log ? [column] : column.startsWith("integer_") ? [name, column] : [name];
    const chosen = known.find(one => names.includes(one));
    if (chosen === undefined) {
      const there = names.filter(Boolean);
      throw new Fault(`no column ${known.join(" or ")}; there are ${there.slice(0, 40).join(", ")}`);
    }
    if (names.indexOf(chosen) !== names.lastIndexOf(chosen)) throw new Fault(`two columns are called ${chosen}`);
    return names.indexOf(chosen);
  });
}

// The features of each row, as NumPy reads and rounds them: text to double, double to float32.
function valuesOf({ names, rows }, places) {
  const doubles = new Float64Array(rows.length * places.length), singles = new Float32Array(doubles.length);
  rows.forEach((row, r) => places.forEach((place, f) => {
    const cell = row[place], at = r * places.length + f;
    const where = `row ${r + 1}, column ${names[place]}`;
    if (typeof cell !== "number" && !(typeof cell === "string" && NUMBER.test(cell)))
      throw new Fault(`${where}: ${cell === undefined || cell === "" ? "there is no value" : `${JSON.stringify(cell).slice(0, 60)} is not a number`}`);
    doubles[at] = Number(cell);
    singles[at] = doubles[at];
    if (!Number.isFinite(singles[at])) throw new Fault(`${where}: ${cell} is larger than a float32`);
  }));
  return { doubles, singles };
}

// How far each feature of a row is beyond its limits: below 0 under the lower one, above 0 over the upper one.
function excess(domain, given) {
  const x = [...given], at = base => domain.features.findIndex(one => one.base === base);
  const vif = domain.vif.map(at), adm = at("adm2");
  if (adm >= 0 && vif.every(n => n >= 0) && [adm, ...vif].every(n => domain.features[n].amplifies)) {
    if (x[adm] > domain.admEnd) x[adm] = domain.admEnd;
    const ends = vif.map(n => Math.min(x[n], domain.vifEnd));
    if (x[adm] >= domain.admEnd || x[adm] + (ends[1] + ends[2] + ends[3]) / 3 >= domain.amplified)
      vif.forEach((n, k) => { x[n] = ends[k]; });
  }
  return domain.features.map(({ base, low, high }, n) => {
    const k = domain.vif.indexOf(base);
    if (k > 0 && vif[k - 1] >= 0) low = Math.max(low, Math.min(x[vif[k - 1]], 1) - domain.drop[k - 1]);
    if (base === "adm2" && vif[3] >= 0) {
      low = Math.max(low, x[vif[3]] - domain.below);
      high = Math.min(high, domain.above + domain.slope * x[vif[3]]);
    }
    return x[n] < low - SLACK ? x[n] - low : x[n] > high + SLACK ? x[n] - high : 0;
  });
}

// Why a row lies outside; empty inside.
function outside(model, row) {
  if (!model.domain) return "";
  return excess(model.domain, row).map((by, n) => [model.features[n].name, row[n], by]).filter(([, , by]) => by)
    .map(([name, value, by]) => `${name} ${Number(value.toPrecision(6))} is ${Number(Math.abs(by).toPrecision(4))} too ${by > 0 ? "high" : "low"}`).join(", ");
}

// The model's WebAssembly, once.
function instanceOf(model) {
  if (!model.instance) {
    const bytes = Uint8Array.from(atob(model.wasm), one => one.charCodeAt(0));
    model.instance = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  }
  return model.instance.exports;
}

// Each output of the model for float32 rows.
function scoresOf(model, singles) {
  const { memory, run } = instanceOf(model), floats = new Float32Array(memory.buffer);
  const width = model.features.length, many = model.outputs.length, behind = model.capacity * width;
  const count = singles.length / width, found = model.outputs.map(() => new Float32Array(count));
  for (let start = 0; start < count; start += model.capacity) {
    const rows = Math.min(model.capacity, count - start);
    floats.set(singles.subarray(start * width, (start + rows) * width));
    run(rows);
    found.forEach((output, k) => { for (let r = 0; r < rows; r++) output[start + r] = floats[behind + r * many + k]; });
  }
  return found;
}

// As libvmaf pools; its harmonic mean is that of score + 1.
function pooled(scores) {
  let sum = 0, inverse = 0, min = Infinity, max = -Infinity;
  for (const score of scores) {
    sum += score;
    inverse += 1 / (score + 1);
    min = Math.min(min, score);
    max = Math.max(max, score);
  }
  return { mean: sum / scores.length, "harmonic mean": scores.length / inverse - 1, min, max };
}

// All of it.
function scored(model, text) {
  const table = tableOf(text), places = placesOf(model.features, table);
  const { doubles, singles } = valuesOf(table, places), width = places.length;
  const [scores, stddev] = scoresOf(model, singles);
  const why = table.rows.map((_, r) => outside(model, doubles.subarray(r * width, (r + 1) * width)));
  return { columns: places.map(place => table.names[place]), doubles, scores, stddev, why };
}
