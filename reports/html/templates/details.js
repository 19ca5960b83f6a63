// Everything about one op: its numbers, formula, findings and kernels.

const KERNEL_COLUMNS = [
  { label: "launch", value: (k) => k.launch_id, format: formatInteger },
  { label: "kernel", text: true, value: (k) => k.kernel_name, hover: (k) => k.kernel_demangled_name },
  { label: "grid", text: true, value: (k) => formatShape(k.grid) },
  { label: "block", text: true, value: (k) => formatShape(k.block) },
  { label: "time", value: (k) => k.duration_ns, format: formatTime, title: "Under ncu" },
  { label: "DRAM read", value: (k) => k.dram_read_bytes, format: formatBytes },
  { label: "DRAM write", value: (k) => k.dram_write_bytes, format: formatBytes },
  { label: "L2", value: (k) => k.l2_bytes, format: formatBytes, title: "Between L2 and the SMs" },
  { label: "FLOPs", value: (k) => k.flop_count, format: formatFlops },
  { label: "AI", value: (k) => k.arithmetic_intensity, format: formatNumber },
  { label: "MUFU", value: (k) => k.mufu_count, format: (v) => formatSi(v, ""), title: "Special-function results" },
  { label: "occupancy", value: (k) => k.achieved_occupancy, format: formatPercent, title: "Achieved" },
  { label: "theoretical", value: (k) => k.theoretical_occupancy, format: formatPercent, title: "Theoretical occupancy" },
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

function measuredFacts(op) {
  const pipes = Object.entries(op.flop_by_pipe).filter(([, count]) => count);
  const spread = (key, format) => `${format(op.spread[key]?.min)} to ${format(op.spread[key]?.max)}`;
  return facts("Measured, one call (the median)", [
    [op.time_source === "nsys" ? "time, nsys" : "time, ncu", formatTime(op.time_ns)],
    ...(op.time_source === "nsys" ? [["time, ncu", formatTime(op.duration_ns)]] : []),
    ...(known(op.share) ? [["share of the layer", formatPercent(op.share)]] : []),
    [`${op.calls} call${op.calls === 1 ? "" : "s"}`, spread("duration_ns", formatTime)],
    ...(op.layers.length ? [["layers", op.layers.join(", ")]] : []),
    ["DRAM read, write", `${formatBytes(op.dram_read_bytes)}, ${formatBytes(op.dram_write_bytes)}`],
    ["L2, L1 fill", `${formatBytes(op.l2_bytes)}, ${formatBytes(op.l1_fill_bytes)}`],
    ["FLOPs", formatFlops(op.flop_count)],
    ...pipes.map(([pipe, count]) => [`  ${data.pipes[pipe]?.label || pipe}`, formatFlops(count)]),
    ["AI, DRAM", formatNumber(op.arithmetic_intensity)],
    ["AI if all stores reached DRAM", formatNumber(op.arithmetic_intensity_lower)],
    [
      "AI, L2 and L1 fill",
      `${formatNumber(op.arithmetic_intensity_l2)}, ${formatNumber(op.arithmetic_intensity_l1_fill)}`,
    ],
  ]);
}

function placementFacts(op) {
  const set = data.sets[op.set];
  const here = op.measured_on;
  return [
    facts(`On ${here.gpu}, the profiled GPU`, [
      ["bound", formatText(here.bound)],
      ["achieved", `${formatFlopRate(here.achieved_flop_per_s)}, ${formatByteRate(here.achieved_dram_bytes_per_s)}`],
      ["attainable", formatFlopRate(here.attainable_flop_per_s)],
      ["of the roof", formatPercent(here.roof_fraction)],
      ["of the roof at its clock", formatPercent(here.roof_fraction_at_clock)],
      ["headroom", formatTime(op.headroom_ns)],
      ["SM clock", formatSi(here.sm_clock_hz, "Hz")],
    ]),
    facts(`On ${set.target.name}${set.projected ? " (extrapolated)" : ""}`, [
      ["bound", formatText(op.bound)],
      ["ridge point", formatNumber(op.ridge_point)],
      ["attainable", formatFlopRate(op.attainable_flop_per_s)],
    ]),
  ];
}

function formulaFacts(op) {
  if (!op.formula) return facts("Formula", [["", "none for this op"]]);
  const shape = Object.entries(op.formula.shape)
    .map(([key, value]) => `${key} ${value}`)
    .join(", ");
  return facts(`Formula: ${op.formula.name}`, [
    ["", formatText(op.formula_words)],
    ["shape", shape],
    ["FLOPs", formatFlops(op.formula.flop_count)],
    ["DRAM bytes", formatBytes(op.formula.dram_bytes)],
    ["AI", formatNumber(op.formula.arithmetic_intensity)],
    ["measured / formula, work", formatNumber(op.work_ratio)],
    ["measured / formula, bytes", formatNumber(op.byte_ratio)],
    ["bound by formula", formatText(op.formula.bound)],
  ]);
}

function findingItem(finding) {
  const head = element("strong", { class: finding.severity }, `${finding.severity}: ${finding.kind}`);
  const hint = finding.hint ? [element("span", { class: "quiet" }, ` ${finding.hint}`)] : [];
  return element("li", {}, head, ` ${finding.message}`, ...hint);
}

function showDetails() {
  const panel = document.getElementById("details");
  const op = data.ops[state.selected];
  if (!op) {
    panel.replaceChildren(
      element(
        "p",
        { class: "quiet" },
        "Click an op, here or in the tables, for its kernels, counters, findings and formula.",
      ),
    );
    return;
  }
  const kernels = element("div", { id: "op-kernels" });
  const findings = op.findings.length
    ? element("ul", {}, ...op.findings.map(findingItem))
    : element("p", { class: "quiet" }, "none");
  panel.replaceChildren(
    element("h2", {}, `${op.number} ${op.label}`),
    element("p", { class: "quiet" }, op.case_title),
    element("p", { class: "quiet" }, op.nvtx_path.join(" / ")),
    element("div", { class: "columns" }, measuredFacts(op), ...placementFacts(op), formulaFacts(op)),
    element("h3", {}, "Findings"),
    findings,
    element("h3", {}, "Kernels"),
    kernels,
  );
  makeTable(kernels, KERNEL_COLUMNS).update(op.kernel_rows);
  panel.scrollTop = 0;
}
