// What the pointer shows of an op, and the ring around the chosen one.

function hoverLines(op) {
  const lines = [caseOf(op).title];
  if (state.place === "there") {
    lines.push(
      `AI ${formatNumber(op.target_intensity)} useful, ${formatNumber(op.arithmetic_intensity)} executed`,
      `attainable ${formatFlopRate(op.target_attainable_flop_per_s)}, extrapolated`,
      `at least ${formatTime(op.target_least_ns)}, ${op.target_bound || "unknown"}-bound`,
    );
    return lines;
  }
  const rates = [op.measured_on_achieved_flop_per_s, op.measured_on_achieved_dram_bytes_per_s];
  lines.push(
    ...timeWords(op).map(([name, value]) => `${formatTime(value)} by ${name}`),
    `AI ${formatNumber(op.arithmetic_intensity)} measured, ${formatNumber(op.formula_arithmetic_intensity)} by formula`,
    `${formatFlopRate(rates[0])}, ${formatByteRate(rates[1])}`,
    `${formatBytes(op.dram_bytes)}, ${formatFlops(op.flop_count)}`,
    `${formatPercent(op.of_roof)} of ${op.measured_on_gpu}'s roof, ${boundHere(op)}-bound, headroom ${formatTime(op.headroom_ns)}`,
  );
  if (op.findings.length) lines.push([...new Set(op.findings.map((f) => f.kind))].join(", "));
  return lines;
}

function showHover(event) {
  const op = OPS[event.points[0]?.customdata];
  if (!op) return;
  const box = document.getElementById("hover");
  const lines = hoverLines(op).map((line) => element("div", {}, line));
  box.replaceChildren(element("strong", {}, `${op.number} ${op.label}`), ...lines);
  box.hidden = false;
  const { clientX = 0, clientY = 0 } = event.event || {};
  const left = Math.min(clientX + 14, innerWidth - box.offsetWidth - 8);
  const above = clientY + 14 + box.offsetHeight > innerHeight;
  box.style.left = `${Math.max(4, left)}px`;
  box.style.top = `${above ? Math.max(4, clientY - 14 - box.offsetHeight) : clientY + 14}px`;
}

function hideHover() {
  document.getElementById("hover").hidden = true;
}

// An element of its own over the picture: choosing another op draws nothing anew.
function placeRing() {
  const ring = document.getElementById("ring");
  const point = PLACES[state.place].byOp.get(state.selected);
  const axes = document.getElementById("plot")._fullLayout;
  ring.hidden = true;
  if (!point || !axes || !passing.has(point.op)) return;
  const { xaxis, yaxis } = axes;
  const [x, y] = [xaxis.d2p(point.x), yaxis.d2p(point.y)];
  if (!(x >= 0 && x <= xaxis._length && y >= 0 && y <= yaxis._length)) return;
  const size = markerSize(point.op) + 10;
  ring.hidden = false;
  ring.style.width = ring.style.height = `${size}px`;
  ring.style.left = `${xaxis._offset + x - size / 2}px`;
  ring.style.top = `${yaxis._offset + y - size / 2}px`;
}
