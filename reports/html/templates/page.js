// Puts the page together and keeps its parts in step.

const OP_COLUMNS = [
  { label: "#", value: (op) => op.number, format: formatInteger },
  { label: "op", text: true, value: (op) => op.label, open: (op) => select(op.index) },
  ...(data.ops.some((op) => op.kind === "kernel")
    ? [{ label: "kind", text: true, value: (op) => op.kind, title: "kernel: launches of one kernel, outside any range" }]
    : []),
  { label: "calls", value: (op) => op.calls, format: formatInteger, title: "Calls that were profiled; figures are the median call's" },
  { label: "phase", text: true, value: (op) => op.phase },
  { label: "batch", value: (op) => op.batch, format: formatInteger },
  {
    label: "length",
    value: (op) => op.seq_len,
    format: formatInteger,
    title: "Decode: tokens in the KV cache; prefill: new tokens",
  },
  { label: "time", value: (op) => op.time_ns, format: formatTime, title: "Of the median call" },
  ...(data.ops.some((op) => known(op.share))
    ? [{ label: "share", value: (op) => op.share, format: formatPercent, title: "Of the layer's time" }]
    : []),
  { label: "DRAM", value: (op) => op.dram_bytes, format: formatBytes, title: "Bytes read and written, counted" },
  { label: "FLOPs", value: (op) => op.flop_count, format: formatFlops, title: "Executed, counted" },
  {
    label: "AI form.",
    value: (op) => op.formula?.arithmetic_intensity,
    format: formatNumber,
    title: "Arithmetic intensity by formula",
  },
  {
    label: "AI meas.",
    value: (op) => op.arithmetic_intensity,
    format: formatNumber,
    title: "Arithmetic intensity from counters",
  },
  {
    label: "work ratio",
    value: (op) => op.work_ratio,
    format: formatNumber,
    title: "FLOPs executed / FLOPs by formula",
  },
  { label: "byte ratio", value: (op) => op.byte_ratio, format: formatNumber, title: "Bytes moved / bytes by formula" },
  { label: "achieved", value: (op) => op.measured_on.achieved_flop_per_s, format: formatFlopRate },
  {
    label: "bandwidth",
    value: (op) => op.measured_on.achieved_dram_bytes_per_s,
    format: formatByteRate,
    title: "DRAM bytes / time",
  },
  {
    label: "of roof",
    value: (op) => op.measured_on.roof_fraction,
    format: formatPercent,
    title: "Of the profiled GPU",
  },
  {
    label: "headroom",
    value: (op) => op.headroom_ns,
    format: formatTime,
    title: "Time x (1 - fraction of the roof), never below 0",
  },
  { label: "bound", text: true, value: (op) => op.measured_on.bound, title: "On the profiled GPU" },
  { label: "on target", text: true, value: (op) => op.bound, title: "Bound on the target GPU" },
  { label: "precision", text: true, value: precisionLabel, title: "The pipe with most of the FLOPs" },
  {
    label: "findings",
    value: (op) => op.findings.length,
    format: formatInteger,
    hover: (op) => op.findings.map((f) => f.kind).join(", "),
  },
];
const FINDING_COLUMNS = [
  { label: "severity", text: true, value: (f) => f.severity },
  { label: "kind", text: true, value: (f) => f.kind },
  { label: "op", text: true, value: (f) => f.row?.label ?? f.op, open: (f) => f.row && select(f.row.index) },
  { label: "what", text: true, value: (f) => f.message },
  { label: "what to do", text: true, value: (f) => f.hint },
];
const OPTIONS = [
  ["formula", "formula points"],
  ["intervals", "AI intervals"],
  ["ran", "roofs of the profiled GPU (dotted: measured)"],
  ["levels", "L2 and L1 levels"],
  ["numbers", "numbers"],
];

const isSelected = (op) => op.index === state.selected;
const opsTable = makeTable(document.getElementById("ops-table"), OP_COLUMNS, { isSelected });
const allKernelColumns = [
  { label: "op", text: true, value: (k) => k.op.label, open: (k) => select(k.op.index) },
  ...KERNEL_COLUMNS,
];
const kernelsTable = makeTable(document.getElementById("kernels-table"), allKernelColumns);
const findingsTable = makeTable(document.getElementById("findings-table"), FINDING_COLUMNS);

function update() {
  const ops = shownOps();
  const drawn = ops.filter(isDrawn).length;
  drawRoofline(ops);
  opsTable.update(ops);
  kernelsTable.update(ops.flatMap((op) => op.kernel_rows.map((kernel) => ({ ...kernel, op }))));
  findingsTable.update(shownFindings(ops));
  document.getElementById("count").textContent = `${ops.length} of ${data.ops.length} rows`;
  const rest = ops.length - drawn;
  document.getElementById("not-drawn").textContent =
    `${drawn} row${drawn === 1 ? "" : "s"} drawn` +
    (rest ? `; ${rest} without FLOPs or counters have no place on log axes and stand in the table` : "");
}

function select(index) {
  state.selected = index;
  showDetails();
  opsTable.update(opsTable.rows);
  drawRoofline(shownOps());
  document.getElementById("details").scrollIntoView({ block: "nearest" });
}

function filterGroup(filter) {
  const chosen = state.chosen[filter.key];
  const buttons = filterValues(filter).map((value) => {
    const toggle = (event) => {
      if (!chosen.delete(value)) chosen.add(value);
      event.currentTarget.setAttribute("aria-pressed", chosen.has(value));
      update();
    };
    const attributes = {
      type: "button",
      class: "chip",
      "aria-pressed": "false",
      "data-filter": filter.key,
      onclick: toggle,
    };
    return element("button", attributes, String(value));
  });
  return element("fieldset", {}, element("legend", {}, filter.label), ...buttons);
}

function buildFilters() {
  const groups = FILTERS.filter((f) => f.always || filterValues(f).length > 1).map(filterGroup);
  const find = (event) => {
    state.search = event.currentTarget.value;
    update();
  };
  const search = element("input", {
    type: "search",
    id: "search",
    placeholder: "op or kernel",
    "aria-label": "Search",
    oninput: find,
  });
  const reset = () => {
    resetFilters();
    buildFilters();
    update();
  };
  const last = element(
    "fieldset",
    {},
    element("legend", {}, "Name"),
    search,
    element("button", { type: "button", id: "reset", onclick: reset }, "All"),
    element("span", { id: "count", class: "quiet" }),
  );
  document.getElementById("filters").replaceChildren(...groups, last);
}

function buildOptions() {
  const boxes = OPTIONS.map(([key, label]) => {
    const change = (event) => {
      state.show[key] = event.currentTarget.checked;
      drawRoofline(shownOps());
    };
    const box = element("input", { type: "checkbox", id: `show-${key}`, checked: state.show[key], onchange: change });
    return element("label", {}, box, ` ${label}`);
  });
  document.getElementById("options").replaceChildren(...boxes);
}

function buildHeading() {
  const unique = (values) => [...new Set(values)];
  const names = (role) => unique(data.sets.map((set) => set[role].name)).join(", ");
  const projected = data.sets.some((set) => set.projected);
  const title = `Roofline of ${names("target")}${projected ? `, measured on ${names("gpu")}` : ""}`;
  document.title = title;
  document.getElementById("title").textContent = title;
  const dates = unique(data.sets.map((set) => set.date)).join(", ");
  const skus = unique(data.sets.map((set) => set.gpu.sku)).join("; ");
  document.getElementById("subtitle").textContent = `${skus}; ${dates}; roofprof ${data.version}`;
  const notes = unique(data.sets.flatMap((set) => set.notes)).map((note) => element("li", {}, note));
  const sources = unique(
    data.sets.flatMap((set) => [set.gpu, set.target]).map((d) => `${d.name} (${d.sku}): ${d.source}`),
  );
  document
    .getElementById("sources")
    .replaceChildren(element("ul", {}, ...notes, ...sources.map((source) => element("li", {}, source))));
}

function buildTheme() {
  const button = document.getElementById("theme");
  const show = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-pressed", isDark());
    drawRoofline(shownOps());
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    show();
  });
  COLOR_SCHEME.addEventListener("change", show);
  show();
}

buildHeading();
buildFilters();
buildOptions();
showDetails();
buildTheme();
update();
document.getElementById("plot").on("plotly_click", (event) => {
  const index = event.points[0]?.customdata;
  if (known(index)) select(index);
});
