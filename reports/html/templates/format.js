// Numbers and elements for display. Text is only ever set as text.

const DASH = "—";
const PREFIXES = [
  [1e18, "E"],
  [1e15, "P"],
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
  [1, ""],
  [1e-3, "m"],
  [1e-6, "µ"],
  [1e-9, "n"],
];

function known(value) {
  return value !== null && value !== undefined;
}

function significant(value, digits = 3) {
  if (value === 0) return "0";
  const rounded = Number(value.toPrecision(digits));
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(rounded))));
  return rounded.toFixed(Math.min(decimals, 20));
}

// "1.23 TB/s" from 1.23e12 and "B/s".
function formatSi(value, unit) {
  if (!known(value)) return DASH;
  if (value === 0) return `0 ${unit}`.trim();
  const rounded = Math.abs(Number(value.toPrecision(3)));
  const [factor, prefix] = PREFIXES.find(([f]) => rounded >= f) || [1, ""];
  return `${significant(value / factor)} ${prefix}${unit}`.trim();
}

function formatNumber(value) {
  if (!known(value)) return DASH;
  const size = Math.abs(value);
  return size === 0 || (size >= 0.001 && size < 1e6) ? significant(value) : value.toPrecision(3);
}

function formatPercent(value) {
  if (!known(value)) return DASH;
  return `${Math.abs(value) < 0.1 ? significant(100 * value, 2) : (100 * value).toFixed(0)} %`;
}

function formatInteger(value) {
  return known(value) ? Math.round(value).toLocaleString("en-US") : DASH;
}

function formatText(value) {
  return known(value) && value !== "" ? String(value) : DASH;
}

// As the terminal does: three digits, whole from 100 µs on.
function formatMicroseconds(ns) {
  if (!known(ns)) return DASH;
  return ns >= 99950 ? formatInteger(ns / 1e3) : formatNumber(ns / 1e3);
}

const formatTime = (ns) => formatSi(known(ns) ? ns / 1e9 : null, "s");
const formatBytes = (value) => formatSi(value, "B");
const formatFlops = (value) => formatSi(value, "FLOP");
const formatFlopRate = (value) => formatSi(value, "FLOP/s");
const formatByteRate = (value) => formatSi(value, "B/s");
const formatShape = (sizes) => (known(sizes) ? sizes.join("×") : DASH);

// An element with attributes and children; strings among the children become text nodes.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick" || name === "oninput" || name === "onchange") made.addEventListener(name.slice(2), value);
    else if (name.startsWith("aria-") && known(value)) made.setAttribute(name, String(value));
    else if (known(value) && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

// Calls it once the calls have stopped for some milliseconds.
function debounced(call, milliseconds) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(call, milliseconds);
  };
}

function say(text) {
  document.getElementById("said").textContent = text;
}

// plotly reads a few tags and entities in its labels: a name must not be any of them.
function plotText(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

function theme(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
