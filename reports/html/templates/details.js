// Everything about one op: its numbers, formula, findings and kernels.

const KERNEL_COLUMNS = [
  { label: "launch", width: 7, value: (k) => k.launch_id, format: formatInteger },
  { label: "kernel", width: 34, text: true, value: (k) => k.kernel_name, hover: (k) => k.kernel_demangled_name },
  { label: "grid", width: 13, text: true, value: (k) => formatShape(k.grid) },
  { label: "block", width: 11, text: true, value: (k) => formatShape(k.block) },
  { label: "time", value: (k) => k.duration_ns, format: formatTime, title: "Under ncu" },
  { label: "DRAM read", value: (k) => k.dram_read_bytes, format: formatBytes },
  { label: "DRAM write", value: (k) => k.dram_write_bytes, format: formatBytes },
  { label: "L2", value: (k) => k.l2_bytes, format: formatBytes, title: "Between L2 and the SMs" },
  { label: "FLOPs", value: (k) => k.flop_count, format: formatFlops },
  { label: "AI", value: (k) => k.arithmetic_intensity, format: formatNumber },
  { label: "MUFU", value: (k) => k.mufu_count, format: (v) => formatSi(v, ""), title: "Special-function results" },
  { label: "occupancy", value: (k) => k.achieved_occupancy, format: formatPercent, title: "Achieved" },
  {
    label: "theoretical",
    value: (k) => k.theoretical_occupancy,
    format: formatPercent,
    title: "Theoretical occupancy",
  },
  { label: "registers", value: (k) => k.registers_per_thread, format: formatInteger, title: "Per thread" },
  { label: "shared", value: (k) => k.shared_memory_per_block_bytes, format: formatBytes, title: "Per block" },
  { label: "waves", value: (k) => k.waves_per_sm, format: formatNumber, title: "Waves per SM" },
  { label: "SM clock", value: (k) => k.sm_clock_hz, format: (v) => formatSi(v, "Hz") },
  { label: "passes", value: (k) => k.replay_passes, format: formatInteger },
];

function facts(title, rows) {
  // A row without a name is a sentence.
  const pairs = rows.flatMap(([name, value]) =>
    name ? [element("dt", {}, name), element("dd", {}, value)] : [element("dd", { class: "words" }, value)],
  );
  return element("div", { class: "facts" }, element("h3", {}, title), element("dl", {}, ...pairs));
}

const ROOFS = { measured: "measured", shipped: "measured, another GPU", datasheet: "the datasheet's" };

// What each time is: ncu's and nsys' differ.
function timeWords(op) {
  const words = [];
  if (known(op.nsys_union_ns)) words.push(["nsys, union of its kernels", op.nsys_union_ns]);
  if (known(op.duration_ns)) words.push(["ncu, sum of its kernels", op.duration_ns]);
  return words;
}

function measuredFacts(op) {
  const pipes = Object.keys(data.pipes).filter((pipe) => op[`${pipe}_flop_count`]);
  return facts("Measured, one call (the median)", [
    ...timeWords(op).map(([name, value]) => [name, formatTime(value)]),
    ["share of the layer", formatPercent(op.layer_share)],
    [
      `ncu, ${op.calls} call${op.calls === 1 ? "" : "s"}`,
      `${formatTime(op.duration_ns_min)} to ${formatTime(op.duration_ns_max)}`,
    ],
    ...(op.layers?.length ? [["layers", op.layers.join(", ")]] : []),
    ["DRAM read, write", `${formatBytes(op.dram_read_bytes)}, ${formatBytes(op.dram_write_bytes)}`],
    ["L2, L1 fill", `${formatBytes(op.l2_bytes)}, ${formatBytes(op.l1_fill_bytes)}`],
    ["FLOPs", formatFlops(op.flop_count)],
    ...pipes.map((pipe) => [`  ${data.pipes[pipe].label}`, formatFlops(op[`${pipe}_flop_count`])]),
    ["AI, DRAM", formatNumber(op.arithmetic_intensity)],
    ["AI if all stores reached DRAM", formatNumber(op.arithmetic_intensity_lower)],
    [
      "AI, L2 and L1 fill",
      `${formatNumber(op.arithmetic_intensity_l2)}, ${formatNumber(op.arithmetic_intensity_l1_fill)}`,
    ],
  ]);
}

function placementFacts(op) {
  return facts(`On ${op.measured_on_gpu}, measured`, [
    ["bound", formatText(op.measured_on_bound)],
    [
      "achieved",
      `${formatFlopRate(op.measured_on_achieved_flop_per_s)}, ${formatByteRate(op.measured_on_achieved_dram_bytes_per_s)}`,
    ],
    ["of roof", formatPercent(op.of_roof)],
    ["headroom", formatTime(op.headroom_ns)],
    ["roofs", formatText(ROOFS[op.headroom_roof] || op.headroom_roof)],
    ["of the datasheet's", formatPercent(op.measured_on_roof_fraction)],
    ["at its own clock", formatPercent(op.measured_on_roof_fraction_at_clock)],
    ["SM clock", formatSi(op.measured_on_sm_clock_hz, "Hz")],
  ]);
}

function targetFacts(op) {
  const set = data.sets[op.set];
  if (!set.projected) return [];
  const rows = [
    ["bound", formatText(op.target_bound)],
    ["AI, useful", formatNumber(op.target_intensity)],
    ["attainable", formatFlopRate(op.target_attainable_flop_per_s)],
    ["least time", formatTime(op.target_least_ns) + (op.target_by_launch ? " (launch)" : "")],
  ];
  return [facts(`On ${set.target.name}, extrapolated`, rows)];
}

function formulaFacts(op) {
  if (!op.formula_name) return facts("Formula", [["", "none for this op"]]);
  const shape = Object.entries(op.formula_shape || {})
    .map(([key, value]) => `${key} ${value}`)
    .join(", ");
  return facts(`Formula: ${op.formula_name}`, [
    ["", formatText(data.formulas[op.formula_name])],
    ["", shape],
    ["FLOPs", formatFlops(op.formula_flop_count)],
    ["DRAM bytes", formatBytes(op.formula_dram_bytes)],
    ["AI", formatNumber(op.formula_arithmetic_intensity)],
    ["measured / formula, work", formatNumber(op.work_ratio)],
    ["measured / formula, bytes", formatNumber(op.byte_ratio)],
  ]);
}

function showDetails(passing) {
  const panel = document.getElementById("details");
  const op = OPS[state.selected];
  document.body.classList.toggle("has-chosen", Boolean(op));
  if (!op || !passing.has(op)) {
    const words = op
      ? `The chosen op, ${op.label}, is not among what the filters let through.`
      : "Choose an op, in the picture or in a table, for its counters, findings, formula and kernels.";
    panel.replaceChildren(...(op ? [detailButtons(op)] : []), element("p", { class: "quiet" }, words));
    return;
  }
  const kernels = element("div", { id: "op-kernels" });
  const findings = op.findings.length ? findingList(op.findings, false) : element("p", { class: "quiet" }, "none");
  panel.replaceChildren(
    detailButtons(op),
    element("h2", {}, `${op.number} ${op.label}`),
    element("p", {}, caseOf(op).title),
    element("p", { class: "quiet" }, (op.nvtx_path || []).join(" / ")),
    element(
      "p",
      {},
      element("strong", {}, "why "),
      formatText(op.why),
      element("strong", {}, "  try "),
      formatText(op.attempt),
    ),
    element("div", { class: "columns" }, measuredFacts(op), placementFacts(op), ...targetFacts(op), formulaFacts(op)),
    element("h3", {}, "Findings"),
    findings,
    element("h3", {}, "Kernels"),
    kernels,
  );
  makeTable(kernels, KERNEL_COLUMNS, { label: "Kernels of the op" }).update(op.kernel_rows);
  panel.scrollTop = 0;
}

function detailButtons(op) {
  const copy = element(
    "button",
    { type: "button", id: "copy", title: "Key c", onclick: () => copyRow(op) },
    "Copy row",
  );
  const close = element(
    "button",
    { type: "button", id: "close", title: "Key Esc", onclick: () => select(null) },
    "Close",
  );
  return element("div", { class: "buttons" }, copy, close);
}

// A row as one line of text: each heading with what stands under it.
function rowText(op) {
  const cells = OP_COLUMNS.filter((column) => !column.heads && known(column.value(op)) && column.label !== "#").map(
    (column) => `${column.label} ${(column.format || formatText)(column.value(op))}`,
  );
  return [
    starred(op, op.label),
    caseOf(op).title,
    ...cells,
    `why: ${op.why}`,
    ...(op.attempt ? [`try: ${op.attempt}`] : []),
  ].join("; ");
}

async function copyRow(op) {
  const text = rowText(op);
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without that permission: by way of a selection.
    const box = element("textarea", { readonly: true, class: "away" });
    const before = document.activeElement;
    box.value = text;
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
    before?.focus({ preventScroll: true });
  }
  say(`copied: ${text}`);
}
