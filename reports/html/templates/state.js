// The page's data, what the filters let through, and the op that was chosen.

const data = JSON.parse(document.getElementById("data").textContent);

// Rows over columns: a column is a list, distinct values with an index per row, or null where all are unknown.
function rowsOf(columns, count) {
  class Row {
    constructor(index) {
      this.index = index;
    }
  }
  for (const [name, column] of Object.entries(columns)) {
    const get = Array.isArray(column)
      ? function () {
          return column[this.index];
        }
      : column
        ? function () {
            return column.distinct[column.index[this.index]];
          }
        : () => null;
    Object.defineProperty(Row.prototype, name, { get });
  }
  return Array.from({ length: count }, (_, index) => new Row(index));
}

function lengthOf(columns) {
  const column = Object.values(columns).find((c) => c);
  return column ? (column.index || column).length : 0;
}

const OPS = rowsOf(data.ops, lengthOf(data.ops));
const KERNELS = rowsOf(data.kernels, lengthOf(data.kernels));
const FINDINGS = rowsOf(data.findings, lengthOf(data.findings));

function joinRows() {
  let first = 0;
  for (const op of OPS) {
    op.number = op.index + 1;
    op.kernel_rows = KERNELS.slice(first, (first += op.kernel_count));
    for (const kernel of op.kernel_rows) kernel.op = op;
    op.findings = [];
  }
  for (const finding of FINDINGS) if (known(finding.row)) OPS[finding.row].findings.push(finding);
}
joinRows();

const caseOf = (op) => data.cases[op.case];
const boundHere = (op) => op.measured_on_bound || "unknown";
const starred = (op, name) => (op.counted ? name : `${name} *`);
const severalCaches = new Set(OPS.map((op) => op.cache)).size > 1;

const NARROW = matchMedia("(max-width: 600px)");

// A case in a narrow column: `decode b64 4096`, `d b64 4096` on a phone.
function shortCase(op) {
  const parts = [
    NARROW.matches ? op.phase?.[0] : op.phase,
    op.batch && `b${op.batch}`,
    op.seq_len,
    severalCaches && op.cache,
  ];
  return parts.filter(Boolean).join(" ") || caseOf(op).title;
}

function precisionLabel(op) {
  return op.pipe ? data.pipes[op.pipe].label : data.no_pipe;
}

// A filter shows a button per value; those marked `always` stand there even with one value.
const FILTERS = [
  { key: "phase", label: "Phase", value: (op) => op.phase || "unknown", always: true },
  { key: "batch", label: "Batch", value: (op) => op.batch ?? "unknown", always: true },
  { key: "seq_len", label: "Length", value: (op) => op.seq_len ?? "unknown" },
  { key: "kind", label: "Rows", value: (op) => op.kind },
  { key: "cache", label: "Cache", value: (op) => op.cache || "unknown" },
  { key: "report", label: "Report", value: (op) => op.report },
  { key: "bound", label: "Bound", value: boundHere, always: true },
  { key: "precision", label: "Precision", value: precisionLabel, always: true },
];

const state = {
  chosen: Object.fromEntries(FILTERS.map((filter) => [filter.key, new Set()])),
  search: "",
  case: null,
  selected: null,
  place: "here",
  show: { formula: true, intervals: true, sheet: true, levels: false, numbers: false },
};

function filterValues(filter) {
  const values = [...new Set(OPS.map(filter.value))];
  const numeric = (v) => (typeof v === "number" ? v : Infinity);
  return values.sort((a, b) => numeric(a) - numeric(b) || String(a).localeCompare(String(b)));
}

// In lower case, once: the search reads it for every letter.
function searchText(op) {
  if (op.search_text === undefined) {
    const kernels = new Set(op.kernel_rows.map((k) => k.kernel_demangled_name || k.kernel_name));
    op.search_text = [op.label, caseOf(op).title, op.report, ...kernels].join("\n").toLowerCase();
  }
  return op.search_text;
}

// No value chosen in a filter lets everything through.
function shownOps() {
  const word = state.search.toLowerCase();
  const active = FILTERS.filter((filter) => state.chosen[filter.key].size);
  return OPS.filter(
    (op) =>
      (state.case === null || op.case === state.case) &&
      active.every((filter) => state.chosen[filter.key].has(filter.value(op))) &&
      (!word || searchText(op).includes(word)),
  );
}

function resetFilters() {
  for (const chosen of Object.values(state.chosen)) chosen.clear();
  state.search = "";
  state.case = null;
}
