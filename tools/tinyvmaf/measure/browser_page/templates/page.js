// What the page shows of the rows that it was given.
const MODELS = JSON.parse(document.getElementById("data").textContent), SHOWN = 20, MOST_BYTES = 2e8;
const by = id => document.getElementById(id), SVG = "http://www.w3.org/2000/svg";
let text = "", called = "", result = null, waiting = 0;

function made(name, attributes = {}, content = "", space = null) {
  const element = space ? document.createElementNS(space, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = content;
  return element;
}

const model = () => MODELS[by("model").selectedIndex];

function show() {
  result = null;
  by("fault").textContent = "";
  const one = model();
  by("about").replaceChildren(...Object.entries({
    "stands in for": one.teacher, "ONNX file": `${one.bytes.toLocaleString("en")} bytes`, sha256: one.sha256,
    features: one.features.map(feature => feature.name).join(", "),
  }).map(([title, value]) => {
    const line = made("div");
    line.append(made("dt", {}, title), made("dd", {}, value));
    return line;
  }));
  if (text.trim()) {
    try {
      result = scored(one, text);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      by("fault").textContent = called ? `${called}: ${error.message}` : error.message;
    }
  }
  by("result").hidden = !result;
  if (result) showResult(one);
}

function showResult(one) {
  const { columns, scores, stddev, why } = result, far = [...why.keys()].filter(r => why[r]);
  by("pooled").replaceChildren(...Object.entries({ rows: scores.length, ...pooled(scores) }).map(([title, value]) => {
    const line = made("div");
    line.append(made("dt", {}, title), made("dd", {}, title === "rows" ? value.toLocaleString("en") : value.toFixed(6)));
    return line;
  }));
  by("columns").textContent = `Columns taken: ${columns.join(", ")}.`;
  by("domain").textContent = !one.domain ? "The domain of these features is not known." : far.length
    ? `${far.length.toLocaleString("en")} of ${scores.length.toLocaleString("en")} rows are outside the domain, where nothing is promised of ${one.id}.`
    : "All rows are inside the domain.";
  by("domain").className = far.length ? "warned" : "";
  by("chart").replaceChildren(chart(scores, stddev, why));
  const worst = [...scores.keys()].sort((a, b) => scores[a] - scores[b] || a - b).slice(0, SHOWN);
  const listed = [...new Set([...worst, ...far.slice(0, SHOWN)])];
  by("listed").textContent = (scores.length > worst.length ? `The ${worst.length} lowest scores` : "Scores, the lowest first") +
    (far.length ? ", and rows outside the domain" : "");
  const titles = ["row", "score", ...(stddev ? ["stddev"] : []), "domain"];
  by("head").replaceChildren(...titles.map((title, k) => made("th", { scope: "col", ...(k < titles.length - 1 ? { class: "n" } : {}) }, title)));
  by("rows").replaceChildren(...listed.map(r => {
    const line = made("tr", why[r] ? { class: "far" } : {});
    const cells = [r + 1, scores[r].toFixed(6), ...(stddev ? [stddev[r].toFixed(6)] : []), why[r] || "inside"];
    line.append(...cells.map((cell, k) => made("td", { "data-label": titles[k], ...(k < cells.length - 1 ? { class: "n" } : {}) }, cell)));
    return line;
  }));
  by("stddev").hidden = !stddev;
}

// Scores over rows. A column of pixels shows its lowest and its highest score.
function chart(scores, stddev, why) {
  const wide = Math.max(by("chart").clientWidth, 240), high = 240, left = 40, bottom = 24, top = 8, count = scores.length;
  let [low, most] = [0, 100];
  for (const score of scores) [low, most] = [Math.min(low, score), Math.max(most, score)];
  const x = r => left + (wide - left - 8) * (count > 1 ? r / (count - 1) : 0.5);
  const y = score => top + (high - top - bottom) * (most - score) / (most - low);
  const svg = made("svg", { class: "chart", viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": `score of ${count} rows` }, "", SVG);
  for (let tick = 0; tick <= most; tick += 20)
    svg.append(made("line", { class: "grid-line", x1: left, x2: wide - 8, y1: y(tick), y2: y(tick) }, "", SVG),
      made("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, tick, SVG));
  svg.append(made("text", { x: left, y: high - 6 }, "row 1", SVG));
  if (count > 1) svg.append(made("text", { x: wide - 8, y: high - 6, "text-anchor": "end" }, `row ${count}`, SVG));
  const groups = Math.min(count, 800), line = [], over = [], under = [], marks = [];
  for (let g = 0; g < groups; g++) {
    const from = Math.floor(g * count / groups), to = Math.floor((g + 1) * count / groups);
    let [least, largest] = [from, from], far = -1;
    for (let r = from; r < to; r++) {
      if (scores[r] < scores[least]) least = r;
      if (scores[r] > scores[largest]) largest = r;
      if (why[r]) far = r;
    }
    const two = [...new Set([Math.min(least, largest), Math.max(least, largest)])];
    line.push(...two.map(r => `${x(r).toFixed(2)},${y(scores[r]).toFixed(2)}`));
    if (stddev) for (const r of two) {
      over.push(`${x(r).toFixed(2)},${y(Math.min(most, scores[r] + 1.96 * stddev[r])).toFixed(2)}`);
      under.unshift(`${x(r).toFixed(2)},${y(Math.max(low, scores[r] - 1.96 * stddev[r])).toFixed(2)}`);
    }
    if (far >= 0) marks.push(made("circle", { class: "far", cx: x(far).toFixed(2), cy: y(scores[far]).toFixed(2), r: 3.5 }, "", SVG));
  }
  if (stddev) svg.append(made("polygon", { class: "band", points: [...over, ...under].join(" ") }, "", SVG));
  svg.append(count > 1 ? made("polyline", { class: "line", points: line.join(" ") }, "", SVG)
    : made("circle", { class: "dot", cx: x(0), cy: y(scores[0]), r: 4 }, "", SVG), ...marks);
  return svg;
}

function asCsv() {
  const { doubles, scores, stddev, why } = result, names = model().features.map(one => one.name), width = names.length;
  const lines = [...scores.keys()].map(r => [r + 1, ...doubles.subarray(r * width, (r + 1) * width), scores[r],
    ...(stddev ? [stddev[r]] : []), `"${why[r]}"`].join(","));
  return [["row", ...names, model().id, ...(stddev ? ["stddev"] : []), "outside_domain"].join(","), ...lines].join("\n") + "\n";
}

function asJson() {
  const { doubles, scores, stddev, why } = result, one = model(), width = one.features.length;
  const rows = [...scores.keys()].map(r => ({
    ...Object.fromEntries(one.features.map((feature, f) => [feature.name, doubles[r * width + f]])),
    score: scores[r], ...(stddev ? { stddev: stddev[r] } : {}), outside_domain: why[r],
  }));
  return JSON.stringify({ model: one.id, sha256: one.sha256, teacher: one.teacher, pooled: pooled(scores), rows }, null, 2) + "\n";
}

async function copy(content, what) {
  const box = by("copied");
  box.value = content;
  box.hidden = false;
  try {
    await navigator.clipboard.writeText(content);
    by("said").textContent = `${what} is copied`;
  } catch {
    box.select();
    by("said").textContent = `the browser does not let a page copy: ${what} is selected below`;
  }
}

async function take(file) {
  if (!file) return;
  called = file.name;
  by("text").value = text = "";
  try {
    if (file.size > MOST_BYTES) throw new Error(`it has more than ${MOST_BYTES / 1e6} MB, so it is no table of features`);
    text = await file.text();
  } catch (error) {
    show();
    by("fault").textContent = `${file.name}: ${error.message}`;
    return;
  }
  by("text").placeholder = `${file.name}, ${file.size.toLocaleString("en")} bytes`;
  show();
}

by("model").append(...MODELS.map(one => made("option", {}, `${one.id} (${one.teacher})`)));
by("model").addEventListener("change", show);
by("text").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => { text = by("text").value; called = ""; show(); }, 150);
});
by("file").addEventListener("change", event => take(event.target.files[0]));
document.addEventListener("dragover", event => event.preventDefault());
document.addEventListener("drop", event => { event.preventDefault(); take(event.dataTransfer.files[0]); });
addEventListener("resize", () => result && by("chart").replaceChildren(chart(result.scores, result.stddev, result.why)));
by("csv").addEventListener("click", () => copy(asCsv(), "CSV"));
by("json").addEventListener("click", () => copy(asJson(), "JSON"));
show();
