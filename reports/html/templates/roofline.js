// The roofline: roofs, formula points, measured points, and the levels of the memory hierarchy.

const RANGE = axisRange();
const COLOR_SCHEME = matchMedia("(prefers-color-scheme: dark)");

const isDark = () => (document.documentElement.dataset.theme || (COLOR_SCHEME.matches ? "dark" : "light")) === "dark";
const pipeColor = (pipe) => data.pipes[pipe][isDark() ? "dark_color" : "color"];

function devices(role) {
  const found = new Map();
  for (const set of data.sets) {
    if (set[role] && (role !== "gpu" || set.projected)) found.set(set[role].name, set[role]);
  }
  return [...found.values()];
}

function usedPipes() {
  const used = new Set(["tensor_fp4", "tensor_fp8", "tensor_bf16", "fp32"]);
  data.ops.filter(isDrawn).forEach((op) => used.add(op.pipe));
  return Object.keys(data.pipes).filter((pipe) => used.has(pipe));
}

function axisRange() {
  const drawn = data.ops.filter(isDrawn);
  const pipes = usedPipes();
  const specs = [...devices("target"), ...devices("gpu")];
  const pick = (values) => values.filter((v) => v > 0);
  const x = pick(
    drawn.flatMap((op) => [op.arithmetic_intensity, op.arithmetic_intensity_lower, op.formula?.arithmetic_intensity]),
  );
  const ridges = pick(specs.flatMap((s) => pipes.map((pipe) => s.ridge_points[pipe])));
  const peaks = pick(specs.flatMap((s) => pipes.map((pipe) => s.peak_flop_per_s[pipe])));
  const y = pick(drawn.flatMap((op) => [op.measured_on.achieved_flop_per_s, op.useful_flop_per_s]));
  const top = Math.max(...peaks, ...y, 1e12);
  return {
    x: [Math.min(...x, 0.2) / 1.5, Math.max(...x, ...ridges, 10) * 3],
    y: [Math.min(...y, top / 1e3) / 2, top * 1.9],
  };
}

function roofTraces(spec, dash) {
  const solid = dash === "solid";
  const pipes = usedPipes().filter((pipe) => spec.peak_flop_per_s[pipe]);
  const [low, high] = RANGE.x;
  const line = { dash, width: solid ? 1.6 : 1 };
  const common = {
    mode: "lines",
    hoverinfo: "skip",
    showlegend: false,
    opacity: solid ? 1 : 0.6,
    meta: { roof: spec.name },
  };
  const top = Math.max(...pipes.map((pipe) => spec.ridge_points[pipe]), 0) || high;
  const memory = {
    ...common,
    x: [low, top],
    y: [low, top].map((x) => x * spec.dram_bytes_per_s),
    line: { ...line, color: theme("text") },
  };
  const compute = pipes.map((pipe) => ({
    ...common,
    x: [spec.ridge_points[pipe] ?? low, high],
    y: [spec.peak_flop_per_s[pipe], spec.peak_flop_per_s[pipe]],
    line: { ...line, color: pipeColor(pipe) },
    mode: solid ? "lines+text" : "lines",
    textposition: "top left",
    text: ["", plotText(`${spec.name} ${data.pipes[pipe].label} ${formatFlopRate(spec.peak_flop_per_s[pipe])}`)],
    textfont: { size: 10, color: pipeColor(pipe) },
  }));
  // A GPU without a known bandwidth has no slope, and its peaks reach over the whole width.
  return spec.dram_bytes_per_s ? [memory, ...compute] : compute;
}

function hoverText(op) {
  const lines = [
    `<b>${plotText(`${op.number} ${op.label}`)}</b>`,
    plotText(op.case_title),
    `AI ${formatNumber(op.arithmetic_intensity)} measured, ${formatNumber(op.formula?.arithmetic_intensity)} by formula`,
    `${formatFlopRate(op.measured_on.achieved_flop_per_s)}, ${formatByteRate(op.measured_on.achieved_dram_bytes_per_s)}`,
    `${formatTime(op.time_ns)}, ${formatBytes(op.dram_bytes)}, ${formatFlops(op.flop_count)}`,
    `${formatPercent(op.measured_on.roof_fraction)} of ${plotText(op.measured_on.gpu)}'s roof, ${boundHere(op)}-bound`,
  ];
  if (op.findings.length) lines.push(plotText([...new Set(op.findings.map((f) => f.kind))].join(", ")));
  return lines.join("<br>");
}

// The area grows with the share of the layer's time, where that is known.
const markerSize = (op) => (known(op.share) ? 6 + 34 * Math.sqrt(op.share) : 10);

function measuredTraces(ops) {
  return usedPipes().map((pipe) => {
    // Small points last, so that none hides behind a large one.
    const own = ops.filter((op) => op.pipe === pipe).sort((a, b) => markerSize(b) - markerSize(a));
    const wide = (op) => op.arithmetic_intensity_lower && op.arithmetic_intensity / op.arithmetic_intensity_lower > 1.1;
    return {
      name: data.pipes[pipe].label,
      showlegend: own.length > 0,
      hoverinfo: "text",
      meta: { measured: pipe },
      mode: state.show.numbers ? "markers+text" : "markers",
      textposition: "top center",
      text: own.map((op) => String(op.number)),
      hovertext: own.map(hoverText),
      customdata: own.map((op) => op.index),
      x: own.map((op) => op.arithmetic_intensity),
      y: own.map((op) => op.measured_on.achieved_flop_per_s),
      textfont: { size: 10, color: pipeColor(pipe) },
      marker: {
        color: pipeColor(pipe),
        symbol: data.pipes[pipe].symbol,
        size: own.map(markerSize),
        opacity: 0.8,
        line: { color: theme("page"), width: 1 },
      },
      error_x: {
        type: "data",
        symmetric: false,
        visible: state.show.intervals,
        width: 0,
        thickness: 2,
        color: pipeColor(pipe),
        array: own.map(() => 0),
        arrayminus: own.map((op) => (wide(op) ? op.arithmetic_intensity - op.arithmetic_intensity_lower : 0)),
      },
    };
  });
}

function formulaTraces(ops) {
  const placed = ops.filter((op) => op.formula?.arithmetic_intensity && op.useful_flop_per_s);
  const x = placed.flatMap((op) => [op.formula.arithmetic_intensity, op.arithmetic_intensity, null]);
  const y = placed.flatMap((op) => [op.useful_flop_per_s, op.measured_on.achieved_flop_per_s, null]);
  const line = {
    x,
    y,
    mode: "lines",
    hoverinfo: "skip",
    showlegend: false,
    line: { color: theme("quiet"), width: 0.8 },
  };
  const points = {
    name: "formula",
    mode: "markers",
    hoverinfo: "text",
    meta: { formula: true },
    x: placed.map((op) => op.formula.arithmetic_intensity),
    y: placed.map((op) => op.useful_flop_per_s),
    customdata: placed.map((op) => op.index),
    hovertext: placed.map(
      (op) =>
        `${plotText(op.label)}, formula: AI ${formatNumber(op.formula.arithmetic_intensity)}<br>` +
        `useful FLOPs in the measured time: ${formatFlopRate(op.useful_flop_per_s)}`,
    ),
    marker: { symbol: "circle-open", size: 7, color: placed.map((op) => pipeColor(op.pipe)), line: { width: 1.2 } },
  };
  return [line, points];
}

function levelTraces(ops) {
  const levels = [
    ["arithmetic_intensity_l2", "L2", "line-ns-open"],
    ["arithmetic_intensity_l1_fill", "L1 fill", "x-thin-open"],
  ];
  const reach = (op) =>
    ["arithmetic_intensity", ...levels.map(([key]) => key)].map((key) => op[key]).filter((v) => v > 0);
  const x = ops.flatMap((op) => [Math.min(...reach(op)), Math.max(...reach(op)), null]);
  const y = ops.flatMap((op) => [op.measured_on.achieved_flop_per_s, op.measured_on.achieved_flop_per_s, null]);
  const line = {
    x,
    y,
    mode: "lines",
    hoverinfo: "skip",
    showlegend: false,
    line: { color: theme("quiet"), width: 1, dash: "dot" },
  };
  const points = levels.map(([key, name, symbol]) => {
    const own = ops.filter((op) => op[key] > 0);
    return {
      name: `AI against ${name} bytes`,
      mode: "markers",
      hoverinfo: "text",
      customdata: own.map((op) => op.index),
      showlegend: own.length > 0,
      x: own.map((op) => op[key]),
      y: own.map((op) => op.measured_on.achieved_flop_per_s),
      hovertext: own.map((op) => `${plotText(op.label)}: AI ${formatNumber(op[key])} against ${name} bytes`),
      marker: { symbol, size: 9, color: own.map((op) => pipeColor(op.pipe)), line: { width: 1.6 } },
    };
  });
  return [line, ...points];
}

function selectionTrace(ops) {
  const op = ops.find((candidate) => candidate.index === state.selected);
  return {
    x: op ? [op.arithmetic_intensity] : [],
    y: op ? [op.measured_on.achieved_flop_per_s] : [],
    mode: "markers",
    hoverinfo: "skip",
    showlegend: false,
    meta: { selection: true },
    marker: {
      symbol: "circle-open",
      size: op ? markerSize(op) + 10 : 10,
      color: theme("accent"),
      line: { width: 2.5 },
    },
  };
}

function layout() {
  const log = (values) => values.map(Math.log10);
  const axis = {
    type: "log",
    gridcolor: theme("grid"),
    zeroline: false,
    exponentformat: "SI extended",
    linecolor: theme("grid"),
  };
  return {
    xaxis: {
      ...axis,
      range: log(RANGE.x),
      title: { text: "arithmetic intensity, FLOP per DRAM byte" },
      exponentformat: "none",
    },
    yaxis: { ...axis, range: log(RANGE.y), title: { text: "FLOP/s" } },
    font: { family: "system-ui, sans-serif", size: 12, color: theme("text") },
    paper_bgcolor: theme("panel"),
    plot_bgcolor: theme("panel"),
    hovermode: "closest",
    uirevision: "zoom",
    dragmode: "zoom",
    hoverlabel: { align: "left", bgcolor: theme("page"), bordercolor: theme("quiet"), font: { color: theme("text") } },
    margin: { l: 62, r: 14, t: 12, b: 46 },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", itemsizing: "constant" },
  };
}

function drawRoofline(ops) {
  const drawn = ops.filter(isDrawn);
  const traces = [
    ...devices("target").flatMap((spec) => roofTraces(spec, "solid")),
    ...(state.show.ran ? devices("gpu").flatMap((spec) => roofTraces(spec, "dash")) : []),
    ...(state.show.ran ? devices("measured").flatMap((spec) => roofTraces(spec, "dot")) : []),
    ...(state.show.levels ? levelTraces(drawn) : []),
    ...(state.show.formula ? formulaTraces(drawn) : []),
    ...measuredTraces(drawn),
    selectionTrace(drawn),
  ];
  const config = {
    responsive: true,
    displaylogo: false,
    scrollZoom: true,
    doubleClick: "reset",
    // Named one by one: what else there is sends the picture to a service.
    modeBarButtons: [["toImage"], ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
    toImageButtonOptions: { filename: "roofline", scale: 2 },
  };
  return Plotly.react("plot", traces, layout(), config);
}
