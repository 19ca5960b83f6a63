// The columns of the tables of all ops: as measured on the profiled GPU, and on the target.

const caseColumn = {
  label: "case",
  text: true,
  class: "stick second",
  size: "var(--case)",
  value: shortCase,
  hover: (op) => caseOf(op).title,
};

const OP_COLUMNS = [
  opColumn((op) => starred(op, op.label)),
  caseColumn,
  { label: "#", width: 4, value: (op) => op.number, format: formatInteger, title: "In the order of the launches" },
  {
    label: "time",
    width: 8,
    value: (op) => op.time_ns,
    format: formatTime,
    title: "Of the median call: nsys' union of the op's kernels where a trace was joined, else ncu's sum",
  },
  { label: "share", width: 7, value: (op) => op.layer_share, format: formatPercent, title: "Of the layer's time" },
  {
    label: "of roof",
    width: 8,
    value: (op) => op.of_roof,
    format: formatPercent,
    title: "Of the profiled GPU's best roofs known",
  },
  {
    label: "headroom",
    width: 9,
    value: (op) => op.headroom_ns,
    format: formatTime,
    title: "Time x (1 - of roof), never below 0",
  },
  { label: "bound", width: 8, text: true, value: (op) => op.measured_on_bound, title: "On the profiled GPU" },
  { label: "achieved", width: 13, value: (op) => op.measured_on_achieved_flop_per_s, format: formatFlopRate },
  {
    label: "bandwidth",
    width: 10,
    value: (op) => op.measured_on_achieved_dram_bytes_per_s,
    format: formatByteRate,
    title: "DRAM bytes / time",
  },
  {
    label: "DRAM",
    width: 8,
    value: (op) => op.dram_bytes,
    format: formatBytes,
    title: "Bytes read and written, counted",
  },
  { label: "FLOPs", width: 12, value: (op) => op.flop_count, format: formatFlops, title: "Executed, counted" },
  {
    label: "AI form.",
    width: 8,
    value: (op) => op.formula_arithmetic_intensity,
    format: formatNumber,
    title: "Arithmetic intensity by formula",
  },
  {
    label: "AI meas.",
    width: 9,
    value: (op) => op.arithmetic_intensity,
    format: formatNumber,
    title: "Arithmetic intensity from counters",
  },
  {
    label: "work ratio",
    width: 10,
    value: (op) => op.work_ratio,
    format: formatNumber,
    title: "FLOPs executed / FLOPs by formula",
  },
  {
    label: "byte ratio",
    width: 9,
    value: (op) => op.byte_ratio,
    format: formatNumber,
    title: "Bytes moved / bytes by formula",
  },
  { label: "phase", width: 8, text: true, value: (op) => op.phase },
  { label: "batch", width: 6, value: (op) => op.batch, format: formatInteger },
  {
    label: "length",
    width: 7,
    value: (op) => op.seq_len,
    format: formatInteger,
    title: "Decode: tokens in the KV cache; prefill: new tokens",
  },
  { label: "precision", width: 16, text: true, value: precisionLabel, title: "The pipe with most of the FLOPs" },
  {
    label: "findings",
    width: 8,
    value: (op) => op.findings.length,
    format: formatInteger,
    hover: (op) => op.findings.map((f) => f.kind).join(", "),
  },
];

const TARGET_COLUMNS = [
  opColumn((op) => starred(op, op.label)),
  caseColumn,
  {
    label: "AI meas.",
    width: 9,
    value: (op) => op.arithmetic_intensity,
    format: formatNumber,
    title: "Executed FLOPs / DRAM bytes, measured",
  },
  {
    label: "AI useful",
    width: 9,
    value: (op) => op.target_intensity,
    format: formatNumber,
    title: "The formula's FLOPs / measured DRAM bytes",
  },
  { label: "bound", width: 8, text: true, value: (op) => op.target_bound, title: "On the target" },
  { label: "attainable", width: 13, value: (op) => op.target_attainable_flop_per_s, format: formatFlopRate },
  {
    label: "least time",
    width: 10,
    value: (op) => op.target_least_ns,
    format: formatTime,
    title: "By the target's roofs, and by what an empty kernel takes",
  },
  {
    label: "by",
    width: 8,
    text: true,
    value: (op) => (known(op.target_least_ns) ? (op.target_by_launch ? "launch" : "roof") : null),
  },
];

const ALL_KERNEL_COLUMNS = [
  { ...opColumn((kernel) => kernel.op.label), mark: () => [] },
  { ...caseColumn, value: (kernel) => shortCase(kernel.op), hover: (kernel) => caseOf(kernel.op).title },
  ...KERNEL_COLUMNS,
];
