// The lines and dots of the roofline that are no traces: thousands would each be an element of their own.

// Any number of lines as one element. What has no place on log axes is left out. Of no line, a path that draws nothing:
// plotly leaves a shape of this layer standing when it is taken away.
function linesShape(lines, line, more = {}) {
  const placed = lines.filter((ends) => ends.every((value) => value > 0));
  const path = placed.map(([x, y, x2, y2]) => `M${x},${y}L${x2},${y2}`).join("") || "M1,1";
  return { type: "path", path, line, layer: "between", ...more };
}

// Each dot is a line too short to see with round ends (parts.css).
function dotShapes(dots) {
  return Object.keys(data.pipes).map((pipe) => {
    const lines = dots.filter((p) => p.pipe === pipe).map((p) => [p.x, p.y, p.x * 1.0005, p.y]);
    return linesShape(lines, { color: pipeColor(pipe), width: 6 }, { opacity: 0.55 });
  });
}

function intervalShape(points) {
  const wide = points.filter(({ op }) => op.arithmetic_intensity / op.arithmetic_intensity_lower > 1.1);
  const lines = wide.map(({ op, y }) => [op.arithmetic_intensity_lower, y, op.arithmetic_intensity, y]);
  return linesShape(lines, { color: theme("quiet"), width: 3 }, { opacity: 0.4 });
}

function otherShape(points) {
  const lines = points.filter((p) => p.other).map((p) => [...p.other, p.x, p.y]);
  return linesShape(lines, { color: theme("quiet"), width: 0.8 });
}

function levelShape(points) {
  const lines = points.map((p) => {
    const reach = [p.x, ...LEVELS.map(([key]) => p.op[key])].filter((v) => v > 0);
    return [Math.min(...reach), p.y, Math.max(...reach), p.y];
  });
  return linesShape(lines, { color: theme("quiet"), dash: "dot", width: 1 });
}
