// The page's data, what the filters let through, and the op that was chosen.

const data = JSON.parse(document.getElementById("data").textContent);
data.ops.forEach((op, index) => {
  op.index = index;
  op.number = index + 1;
});

const boundHere = (op) => op.measured_on.bound || "unknown";

// A filter shows a button per value; those marked `always` stand there even with one value.
const FILTERS = [
  { key: "phase", label: "Phase", value: (op) => op.phase || "unknown", always: true },
  { key: "batch", label: "Batch", value: (op) => op.batch ?? "unknown", always: true },
  { key: "seq_len", label: "Length", value: (op) => op.seq_len ?? "unknown" },
  { key: "kind", label: "Rows", value: (op) => op.kind },
  { key: "cache", label: "Cache", value: (op) => op.cache || "unknown" },
  { key: "report", label: "Report", value: (op) => op.report },
  { key: "bound", label: "Bound", value: boundHere, always: true },
  { key: "precision", label: "Precision", value: (op) => precisionLabel(op), always: true },
];

const state = {
  chosen: Object.fromEntries(FILTERS.map((filter) => [filter.key, new Set()])),
  search: "",
  selected: null,
  show: { formula: true, intervals: true, ran: true, levels: false, numbers: false },
};

function precisionLabel(op) {
  return op.pipe ? data.pipes[op.pipe].label : data.no_pipe;
}

function filterValues(filter) {
  const values = [...new Set(data.ops.map(filter.value))];
  const numeric = (v) => (typeof v === "number" ? v : Infinity);
  return values.sort((a, b) => numeric(a) - numeric(b) || String(a).localeCompare(String(b)));
}

// No value chosen in a filter lets everything through.
function passes(op) {
  const words = `${op.label} ${op.case_title} ${op.kernel_rows.map((k) => k.kernel_demangled_name).join(" ")}`;
  if (state.search && !words.toLowerCase().includes(state.search.toLowerCase())) return false;
  return FILTERS.every((filter) => {
    const chosen = state.chosen[filter.key];
    return chosen.size === 0 || chosen.has(filter.value(op));
  });
}

const shownOps = () => data.ops.filter(passes);

const isDrawn = (op) => op.arithmetic_intensity > 0 && op.measured_on.achieved_flop_per_s > 0 && op.pipe;

function resetFilters() {
  for (const chosen of Object.values(state.chosen)) chosen.clear();
  state.search = "";
}

// Findings of the ops that are shown, and those that belong to no row.
function shownFindings(ops) {
  const own = ops.flatMap((op) => op.findings.map((finding) => ({ ...finding, row: op })));
  return [...own, ...data.findings.map((finding) => ({ ...finding, row: null }))];
}
