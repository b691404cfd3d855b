"use strict";
// Values of a frame under the pointer or at the slider, and the pictures in full size. Everything else needs no script.
const DATA = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";

function timeCode(frame, fps) {
  const all = Math.round(frame * 1000 / fps), two = n => String(n).padStart(2, "0");
  return `${two(Math.floor(all / 3600000))}:${two(Math.floor(all / 60000) % 60)}:${two(Math.floor(all / 1000) % 60)}.${String(all % 1000).padStart(3, "0")}`;
}

function mark(svg, name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  svg.append(made);
  return made;
}

document.querySelectorAll("section[data-block]").forEach(section => {
  const data = DATA[section.dataset.block];
  const box = section.querySelector(".frame"), slider = box.querySelector("input"), output = box.querySelector("output");
  const texts = [...section.querySelectorAll(".values b")];
  const plots = [...section.querySelectorAll(".plot")].map(plot => {
    const svg = plot.querySelector("svg"), [left, right, top, bottom, low, high] = data.where[plot.dataset.where];
    const cursor = mark(svg, "line", { class: "cursor", y1: top, y2: bottom, visibility: "hidden" });
    const x = frame => left + (frame * data.unit - low) / (high - low) * (right - left);
    const move = event => {
      const box = svg.getBoundingClientRect(), at = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
      show(Math.round((low + (at - left) / (right - left) * (high - low)) / data.unit));
    };
    svg.addEventListener("pointermove", move);
    svg.addEventListener("pointerdown", move);
    return { cursor, x };
  });
  function show(frame) {
    frame = Math.min(Math.max(frame, 0), Number(slider.max));
    slider.value = frame;
    output.textContent = `frame ${frame}` + (data.fps ? `, ${timeCode(frame, data.fps)}` : "");
    slider.setAttribute("aria-valuetext", output.textContent);
    texts.forEach((text, n) => {
      const value = data.values[n][frame], low = data.low[n];
      text.textContent = value === undefined ? "ended" : value.toFixed(3) +
        (low && low[frame] !== null ? ` [${low[frame].toFixed(3)}, ${data.high[n][frame].toFixed(3)}]` : "");
    });
    plots.forEach(({ cursor, x }) => {
      cursor.setAttribute("x1", x(frame));
      cursor.setAttribute("x2", x(frame));
      cursor.setAttribute("visibility", "visible");
    });
  }
  box.hidden = false;
  slider.addEventListener("input", () => show(Number(slider.value)));
});

const dialog = document.querySelector("dialog"), large = dialog.querySelector("img");
const turns = [...dialog.querySelectorAll("[data-turn]")];
let shown = [], place = 0;

function turn(to) {
  place = (to + shown.length) % shown.length;
  large.src = shown[place].src;
  large.alt = shown[place].alt;
  dialog.querySelector(".which").textContent = shown[place].alt;
  turns.forEach((button, n) => button.setAttribute("aria-pressed", n === place));
}

document.querySelectorAll(".three").forEach(three => {
  const pictures = [...three.querySelectorAll("img")];
  three.querySelectorAll("button").forEach((button, n) => button.addEventListener("click", () => {
    shown = pictures;
    turn(n);
    dialog.showModal();
  }));
});
turns.forEach((button, n) => button.addEventListener("click", () => turn(n)));
large.addEventListener("click", () => turn(place === 0 ? 1 : 0));
dialog.addEventListener("keydown", event => {
  if (event.key === "ArrowRight") turn(place + 1);
  else if (event.key === "ArrowLeft") turn(place - 1);
  else return;
  event.preventDefault();
});
