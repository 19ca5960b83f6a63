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

const sheet = (gpu) => ({ ...gpu, name: `${gpu.name}, datasheet` });

// Roofs of a tab, the best known first: it is solid, the others dashed.
function roofSets() {
  const found = new Map();
  const add = (spec, dash) => spec && !found.has(spec.name) && found.set(spec.name, [spec, dash]);
  for (const set of data.sets) {
    if (state.place === "there") add(set.target, "solid");
    else if (set.measured) add(set.measured, "solid");
    else add(sheet(set.gpu), "solid");
    if (state.place === "here") set.others.forEach((other) => add(sheet(other), "solid"));
  }
  for (const set of data.sets) {
    if (state.place === "here" && set.measured && state.show.sheet)
      add(sheet(set.gpu), "dash");
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

function measuredTraces(points, dots) {
  const dotted = new Set(dots.map((point) => point.pipe));
  return usedPipes().map((pipe) => {
    // Small points last, so that none hides behind a large one.
    const own = points.filter((p) => p.pipe === pipe).sort((a, b) => markerSize(b.op) - markerSize(a.op));
    return {
      name: data.pipes[pipe].label,
      uid: `measured-${pipe}`,
      showlegend: own.length > 0 || dotted.has(pipe),
      hoverinfo: "none",
      meta: { measured: pipe },
      mode: state.show.numbers ? "markers+text" : "markers",
      textposition: "top center",
      text: state.show.numbers ? own.map((p) => String(p.op.number)) : "",
      customdata: own.map((p) => p.op.index),
      // A point without a place where there is none: plotly forgets a trace without points, also in the legend.
      x: own.length ? own.map((p) => p.x) : [null],
      y: own.length ? own.map((p) => p.y) : [null],
      textfont: { size: 10, color: pipeColor(pipe) },
      marker: {
        color: pipeColor(pipe),
        symbol: data.pipes[pipe].symbol,
        size: own.length ? own.map((p) => markerSize(p.op)) : 10,
        opacity: 0.8,
        line: { color: theme("page"), width: 1 },
      },
    };
  });
}

// What the pointer finds of the dots, which `dotShapes` draws: nothing is drawn of a trace of this mode.
function dotTraces(dots) {
  return usedPipes().map((pipe) => {
    const own = dots.filter((p) => p.pipe === pipe);
    return {
      mode: "none",
      hoverinfo: "none",
      showlegend: false,
      uid: `dots-${pipe}`,
      meta: { dots: pipe },
      x: own.map((p) => p.x),
      y: own.map((p) => p.y),
      customdata: own.map((p) => p.op.index),
      marker: { color: pipeColor(pipe), size: 6, opacity: 0.55, line: { width: 0 } },
    };
  });
}

// The picture to download has no style sheet, which rounds the dots on the page: there they are markers.
const DOWNLOAD = {
  name: "toImage",
  title: "Download picture",
  icon: Plotly.Icons.camera,
  click: (plot) => Plotly.downloadImage(pictureOf(plot), pictureSize(plot)),
};

function pictureOf(plot) {
  const traces = plot.data.map((trace) => (trace.meta?.dots ? { ...trace, mode: "markers" } : trace));
  return { data: traces, layout: plot.layout };
}

function pictureSize(plot) {
  return { filename: "roofline", format: "png", scale: 2, width: plot.clientWidth, height: plot.clientHeight };
}

// The formula's work on the profiled GPU; on the target, what was executed.
function otherTrace(points) {
  const placed = points.filter((p) => p.other);
  return {
    name: state.place === "here" ? "formula" : "executed",
    uid: "other",
    mode: "markers",
    hoverinfo: "none",
    meta: { formula: true },
    x: placed.map((p) => p.other[0]),
    y: placed.map((p) => p.other[1]),
    customdata: placed.map((p) => p.op.index),
    marker: { symbol: "circle-open", size: 7, color: theme("quiet"), line: { width: 1.2 } },
  };
}

const LEVELS = [
  ["arithmetic_intensity_l2", "L2", "line-ns-open"],
  ["arithmetic_intensity_l1_fill", "L1 fill", "x-thin-open"],
];

function levelTraces(points) {
  return LEVELS.map(([key, name, symbol]) => {
    const own = points.filter((p) => p.op[key] > 0);
    return {
      name: `AI against ${name} bytes`,
      uid: key,
      mode: "markers",
      hoverinfo: "none",
      customdata: own.map((p) => p.op.index),
      showlegend: own.length > 0,
      x: own.map((p) => p.op[key]),
      y: own.map((p) => p.y),
      marker: { symbol, size: 9, color: own.map((p) => pipeColor(p.pipe)), line: { width: 1.6 } },
    };
  });
}

function layout(shapes) {
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
    shapes,
    hovermode: "closest",
    uirevision: state.place,
    dragmode: TOUCH ? false : "zoom",
    hoverlabel: { align: "left", bgcolor: theme("page"), bordercolor: theme("quiet"), font: { color: theme("text") } },
    margin: { l: 62, r: 14, t: 12, b: 46 },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", itemsizing: "constant" },
  };
}

// What a click in the legend of this tab has hidden, by uid; plotly hides the trace, and no shape.
function hiddenInLegend() {
  const plot = document.getElementById("plot");
  const traces = plot.layout?.uirevision === state.place ? plot.data : [];
  return new Set(traces.filter((trace) => trace.visible === "legendonly").map((trace) => trace.uid));
}

let lastDrawn = null;

// Draws nothing where the same points are drawn already, unless what they look like has changed.
function updateRoofline(ops) {
  const drawn = drawnOf(ops);
  const same = drawn.length === lastDrawn?.length && drawn.every((point, at) => point === lastDrawn[at]);
  if (!same) return drawRoofline(ops);
  sayDrawn(ops, drawn);
  placeRing();
}

function drawnOf(ops) {
  const wanted = new Set(ops);
  return PLACES[state.place].points.filter((point) => wanted.has(point.op));
}

function drawRoofline(ops) {
  const drawn = drawnOf(ops);
  lastDrawn = drawn;
  const marked = drawn.slice(0, MARKED);
  const dots = drawn.slice(MARKED);
  const { formula, intervals, levels } = state.show;
  const here = state.place === "here";
  const hidden = hiddenInLegend();
  const seen = (points) => points.filter((point) => !hidden.has(`measured-${point.pipe}`));
  const traces = [
    ...roofSets().flatMap(([spec, dash]) => roofTraces(spec, dash)),
    ...dotTraces(seen(dots)),
    ...(here && levels ? levelTraces(marked) : []),
    ...(formula ? [otherTrace(marked)] : []),
    ...measuredTraces(marked, dots),
  ];
  const shapes = [
    ...dotShapes(seen(dots)),
    levelShape(here && levels ? seen(marked) : []),
    intervalShape(here && intervals ? seen(marked) : []),
    otherShape(formula && !hidden.has("other") ? seen(marked) : []),
  ];
  sayDrawn(ops, drawn);
  const config = {
    responsive: true,
    displaylogo: false,
    scrollZoom: !TOUCH,
    doubleClick: "reset",
    // Named one by one: what else there is sends the picture to a service.
    modeBarButtons: [[DOWNLOAD], ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
  };
  return Plotly.react("plot", traces, layout(shapes), config);
}

function sayDrawn(ops, drawn) {
  const rest = ops.length - drawn.length;
  const words = [`${drawn.length} op${drawn.length === 1 ? "" : "s"} drawn`];
  if (drawn.length > MARKED) words.push(`the ${MARKED} with most headroom in full, the others as dots`);
  if (rest) words.push(`${rest} without FLOPs or counters have no place on log axes and stand in the table`);
  document.getElementById("not-drawn").textContent = words.join("; ");
  const where = state.place === "here" ? `${names("gpu")}, measured` : `${names("target")}, extrapolated`;
  document
    .getElementById("plot")
    .setAttribute("aria-label", `Roofline of ${drawn.length} ops on ${where}; the tables hold the same figures`);
}
