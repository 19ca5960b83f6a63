// The roofline: roofs, formula points, measured points, and the levels of the memory hierarchy.

const TOUCH = matchMedia("(pointer: coarse)").matches;
const COLOR_SCHEME = matchMedia("(prefers-color-scheme: dark)");

const isDark = () => (document.documentElement.dataset.theme || (COLOR_SCHEME.matches ? "dark" : "light")) === "dark";
const pipeColor = (pipe) => data.pipes[pipe][isDark() ? "dark_color" : "color"];

// More than these would take seconds: the rest are dots, in one path for each pipe.
const MARKED = 200;

const PLACES = { here: pointsOf("here"), there: pointsOf("there") };

function pointsOf(name) {
  const points = rowsOf(data.points[name], lengthOf(data.points[name])).map(
    ({ row, x, y, pipe, other_x, other_y }) => ({
      op: OPS[row],
      x,
      y,
      pipe,
      other: known(other_x) ? [other_x, other_y] : null,
    }),
  );
  // Of most headroom first: these are drawn in full.
  points.sort((a, b) => (b.op.headroom_ns ?? -1) - (a.op.headroom_ns ?? -1));
  return { points, byOp: new Map(points.map((point) => [point.op.index, point])) };
}

// Roofs of a tab, the best known first: it is solid, the others dashed.
function roofSets() {
  const found = new Map();
  const add = (spec, dash) => spec && !found.has(spec.name) && found.set(spec.name, [spec, dash]);
  for (const set of data.sets) {
    if (state.place === "there") add(set.target, "solid");
    else if (set.measured) add(set.measured, "solid");
    else add({ ...set.gpu, name: `${set.gpu.name}, datasheet` }, "solid");
  }
  for (const set of data.sets) {
    if (state.place === "here" && set.measured && state.show.sheet)
      add({ ...set.gpu, name: `${set.gpu.name}, datasheet` }, "dash");
  }
  return [...found.values()];
}

const ALWAYS = { here: ["tensor_bf16"], there: ["tensor_fp4", "tensor_fp8", "tensor_bf16"] };
const usedPipes = () => {
  const used = new Set([...ALWAYS[state.place], ...PLACES[state.place].points.map((point) => point.pipe)]);
  return Object.keys(data.pipes).filter((pipe) => used.has(pipe));
};

const RANGES = {};
function axisRange() {
  return (RANGES[state.place] ??= madeRange());
}

function madeRange() {
  const { points } = PLACES[state.place];
  const specs = roofSets().map(([spec]) => spec);
  const pipes = usedPipes();
  const pick = (values) => values.filter((v) => v > 0);
  const x = pick(points.flatMap((p) => [p.x, p.op.arithmetic_intensity_lower, p.other?.[0]]));
  const y = pick(points.flatMap((p) => [p.y, p.other?.[1]]));
  const ridges = pick(specs.flatMap((s) => pipes.map((pipe) => s.ridge_points[pipe])));
  const peaks = pick(specs.flatMap((s) => pipes.map((pipe) => s.peak_flop_per_s[pipe])));
  const least = (values, from) => values.reduce((a, b) => Math.min(a, b), from);
  const most = (values, from) => values.reduce((a, b) => Math.max(a, b), from);
  const top = most(peaks, most(y, 1e12));
  return { x: [least(x, 0.2) / 1.5, most(x, most(ridges, 10)) * 3], y: [least(y, top / 1e3) / 2, top * 1.9] };
}

function roofTraces(spec, dash) {
  const solid = dash === "solid";
  const pipes = usedPipes().filter((pipe) => spec.peak_flop_per_s[pipe]);
  const [low, high] = axisRange().x;
  const several = roofSets().filter(([, style]) => style === "solid").length > 1;
  const whose = several ? `${spec.name} ` : "";
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
    text: ["", plotText(`${whose}${data.pipes[pipe].label} ${formatFlopRate(spec.peak_flop_per_s[pipe])}`)],
    textfont: { size: 10, color: pipeColor(pipe) },
  }));
  // A GPU without a known bandwidth has no slope, and its peaks reach over the whole width.
  return spec.dram_bytes_per_s ? [memory, ...compute] : compute;
}

// The area grows with the share of the layer's time, where that is known.
const markerSize = (op) => (known(op.layer_share) ? 6 + 34 * Math.sqrt(op.layer_share) : 10);

function measuredTraces(points) {
  return usedPipes().map((pipe) => {
    // Small points last, so that none hides behind a large one.
    const own = points.filter((p) => p.pipe === pipe).sort((a, b) => markerSize(b.op) - markerSize(a.op));
    return {
      name: data.pipes[pipe].label,
      showlegend: own.length > 0,
      hoverinfo: "none",
      meta: { measured: pipe },
      mode: state.show.numbers ? "markers+text" : "markers",
      textposition: "top center",
      text: state.show.numbers ? own.map((p) => String(p.op.number)) : "",
      customdata: own.map((p) => p.op.index),
      x: own.map((p) => p.x),
      y: own.map((p) => p.y),
      textfont: { size: 10, color: pipeColor(pipe) },
      marker: {
        color: pipeColor(pipe),
        symbol: data.pipes[pipe].symbol,
        size: own.map((p) => markerSize(p.op)),
        opacity: 0.8,
        line: { color: theme("page"), width: 1 },
      },
    };
  });
}

// Each dot is a line too short to see with round ends (page.css): one element for all of a pipe.
function dotTraces(points, marked) {
  const told = new Set(marked.map((point) => point.pipe));
  return usedPipes().flatMap((pipe) => {
    const own = points.filter((p) => p.pipe === pipe);
    if (!own.length) return [];
    return {
      mode: "lines",
      hoverinfo: "none",
      name: data.pipes[pipe].label,
      showlegend: !told.has(pipe),
      meta: { dots: pipe },
      x: own.flatMap((p) => [p.x, p.x * 1.0005, null]),
      y: own.flatMap((p) => [p.y, p.y, null]),
      customdata: own.flatMap((p) => [p.op.index, p.op.index, null]),
      line: { color: pipeColor(pipe), width: 6, simplify: false },
      opacity: 0.55,
    };
  });
}

const quietLine = (x, y, more = {}) => ({
  x,
  y,
  mode: "lines",
  hoverinfo: "skip",
  showlegend: false,
  line: { color: theme("quiet"), width: 0.8, simplify: false, ...more },
});

function intervalTrace(points) {
  const wide = points.filter(({ op }) => op.arithmetic_intensity / op.arithmetic_intensity_lower > 1.1);
  const x = wide.flatMap(({ op }) => [op.arithmetic_intensity_lower, op.arithmetic_intensity, null]);
  return {
    ...quietLine(
      x,
      wide.flatMap((p) => [p.y, p.y, null]),
      { width: 3 },
    ),
    opacity: 0.4,
  };
}

// The formula's work on the profiled GPU; on the target, what was executed.
function otherTraces(points) {
  const placed = points.filter((p) => p.other);
  const points2 = {
    name: state.place === "here" ? "formula" : "executed",
    mode: "markers",
    hoverinfo: "none",
    meta: { formula: true },
    x: placed.map((p) => p.other[0]),
    y: placed.map((p) => p.other[1]),
    customdata: placed.map((p) => p.op.index),
    marker: { symbol: "circle-open", size: 7, color: theme("quiet"), line: { width: 1.2 } },
  };
  const x = placed.flatMap((p) => [p.other[0], p.x, null]);
  return [
    quietLine(
      x,
      placed.flatMap((p) => [p.other[1], p.y, null]),
    ),
    points2,
  ];
}

function levelTraces(points) {
  const levels = [
    ["arithmetic_intensity_l2", "L2", "line-ns-open"],
    ["arithmetic_intensity_l1_fill", "L1 fill", "x-thin-open"],
  ];
  const reach = (p) => [p.x, ...levels.map(([key]) => p.op[key])].filter((v) => v > 0);
  const x = points.flatMap((p) => [Math.min(...reach(p)), Math.max(...reach(p)), null]);
  const line = quietLine(
    x,
    points.flatMap((p) => [p.y, p.y, null]),
    { dash: "dot", width: 1 },
  );
  const marks = levels.map(([key, name, symbol]) => {
    const own = points.filter((p) => p.op[key] > 0);
    return {
      name: `AI against ${name} bytes`,
      mode: "markers",
      hoverinfo: "none",
      customdata: own.map((p) => p.op.index),
      showlegend: own.length > 0,
      x: own.map((p) => p.op[key]),
      y: own.map((p) => p.y),
      marker: { symbol, size: 9, color: own.map((p) => pipeColor(p.pipe)), line: { width: 1.6 } },
    };
  });
  return [line, ...marks];
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
      range: log(axisRange().x),
      title: { text: "arithmetic intensity, FLOP per DRAM byte" },
      exponentformat: "none",
    },
    yaxis: { ...axis, range: log(axisRange().y), title: { text: "FLOP/s" } },
    font: { family: "system-ui, sans-serif", size: 12, color: theme("text") },
    paper_bgcolor: theme("panel"),
    plot_bgcolor: theme("panel"),
    hovermode: "closest",
    uirevision: state.place,
    dragmode: TOUCH ? false : "zoom",
    hoverlabel: { align: "left", bgcolor: theme("page"), bordercolor: theme("quiet"), font: { color: theme("text") } },
    margin: { l: 62, r: 14, t: 12, b: 46 },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", itemsizing: "constant" },
  };
}

function drawRoofline(ops) {
  const wanted = new Set(ops);
  const drawn = PLACES[state.place].points.filter((point) => wanted.has(point.op));
  const marked = drawn.slice(0, MARKED);
  const dots = drawn.slice(MARKED);
  const here = state.place === "here";
  const traces = [
    ...roofSets().flatMap(([spec, dash]) => roofTraces(spec, dash)),
    ...dotTraces(dots, marked),
    ...(here && state.show.levels ? levelTraces(marked) : []),
    ...(here && state.show.intervals ? [intervalTrace(marked)] : []),
    ...(state.show.formula ? otherTraces(marked) : []),
    ...measuredTraces(marked),
  ];
  sayDrawn(ops, drawn, dots);
  const config = {
    responsive: true,
    displaylogo: false,
    scrollZoom: !TOUCH,
    doubleClick: "reset",
    // Named one by one: what else there is sends the picture to a service.
    modeBarButtons: [["toImage"], ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
    toImageButtonOptions: { filename: "roofline", scale: 2 },
  };
  return Plotly.react("plot", traces, layout(), config);
}

function sayDrawn(ops, drawn, dots) {
  const rest = ops.length - drawn.length;
  const words = [`${drawn.length} op${drawn.length === 1 ? "" : "s"} drawn`];
  if (dots.length) words.push(`the ${MARKED} with most headroom in full, the others as dots`);
  if (rest) words.push(`${rest} without FLOPs or counters have no place on log axes and stand in the table`);
  document.getElementById("not-drawn").textContent = words.join("; ");
  const where = state.place === "here" ? `${names("gpu")}, measured` : `${names("target")}, extrapolated`;
  document
    .getElementById("plot")
    .setAttribute("aria-label", `Roofline of ${drawn.length} ops on ${where}; the tables hold the same figures`);
}
