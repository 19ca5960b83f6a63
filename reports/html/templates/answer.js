// What the page opens with: per case a line, and the ops that have most to win, with the reason and what to try.

const FIRST_CASES = 8;
const ANSWERS = new Map(); // case number -> its table, once it was opened
const openCases = new Set([0]);
const longCases = new Set();
let everyCase = data.cases.length <= FIRST_CASES + 2;

const ANSWER_COLUMNS = [
  { label: "#", width: 3, value: (op) => op.rank, format: formatInteger, title: "Most to win first" },
  opColumn((op) => starred(op, op.short_label)),
  { label: "µs", width: 7, value: (op) => op.time_ns, format: formatMicroseconds, title: "Of the median call" },
  { label: "share", width: 7, value: (op) => op.layer_share, format: formatPercent, title: "Of the layer's time" },
  { label: "of roof", width: 7, value: (op) => op.of_roof, format: formatPercent, title: "Of the best roofs known" },
  {
    label: "headroom",
    width: 9,
    value: (op) => op.headroom_ns,
    format: formatMicroseconds,
    title: "µs to win, by those",
  },
  { label: "why", width: 31, text: true, value: (op) => op.why },
  { label: "try", width: 30, text: true, value: (op) => op.attempt },
];

function opColumn(value) {
  const mark = (op) =>
    op.kind === "kernel"
      ? [" ", element("span", { class: "tag", title: "A kernel, not an op's range" }, "kernel")]
      : [];
  return { label: "op", text: true, class: "stick", size: "var(--op)", heads: true, value, open: () => true, mark };
}

function buildAnswer() {
  const box = document.getElementById("answer");
  const shown = everyCase ? data.cases : data.cases.slice(0, FIRST_CASES);
  const parts = shown.map((one, number) => caseBlock(one, number));
  if (!everyCase) {
    const more = () => {
      everyCase = true;
      buildAnswer();
      updateAnswer(shownOps());
    };
    parts.push(element("button", { type: "button", onclick: more }, `${data.cases.length - FIRST_CASES} more cases`));
  }
  const legend = [...new Set(data.sets.flatMap((set) => set.legend))];
  box.replaceChildren(...parts, ...legend.map((line) => element("p", { class: "quiet small" }, line)));
}

function caseBlock(one, number) {
  const [title, ...figures] = one.head;
  const toggle = () => {
    if (!openCases.delete(number)) openCases.add(number);
    updateAnswer(shownOps());
  };
  const spans = figures.map((words) => element("span", {}, words));
  const head = element(
    "button",
    { type: "button", class: "case", "aria-expanded": "false", "aria-controls": `case-${number}`, onclick: toggle },
    element("strong", {}, title),
    ...spans,
  );
  const alone = () => showCase(state.case === number ? null : number);
  const only = element(
    "button",
    { type: "button", class: "only", "aria-pressed": "false", onclick: alone },
    "only this case",
  );
  const heading = element("h2", { class: "case-head" }, head, ...(data.cases.length > 1 ? [only] : []));
  return element(
    "div",
    { class: "case-block", "data-case": number },
    heading,
    element("div", { id: `case-${number}` }),
  );
}

function updateAnswer(ops) {
  const passing = new Set(ops);
  for (const block of document.querySelectorAll(".case-block")) {
    const number = Number(block.dataset.case);
    const one = data.cases[number];
    const rows = one.rows.map((index) => OPS[index]).filter((op) => passing.has(op));
    const open = openCases.has(number) && rows.length > 0;
    block.hidden = !rows.length;
    block.querySelector(".case").setAttribute("aria-expanded", open);
    block.querySelector(".only")?.setAttribute("aria-pressed", state.case === number);
    const box = document.getElementById(`case-${number}`);
    box.hidden = !open;
    if (open) fillCase(box, number, rows);
  }
}

// What each collective sent and waited, as the terminal has it; nothing where one GPU was profiled.
function collectiveTable(one) {
  const [heads, ...rows] = one.collectives;
  if (!rows.length) return [];
  const cells = (tag, row) => element("tr", {}, ...row.map((text) => element(tag, {}, text)));
  const head = element("thead", {}, cells("th", heads));
  const body = element("tbody", {}, ...rows.map((row) => cells("td", row)));
  return [element("div", { class: "scroll" }, element("table", { class: "figures" }, head, body))];
}

function fillCase(box, number, rows) {
  const one = data.cases[number];
  if (!ANSWERS.has(number) || !ANSWERS.get(number).grid.isConnected) {
    const made = element("div");
    box.replaceChildren(made, element("p", { class: "more" }), ...collectiveTable(one));
    const options = { label: `What to optimise first: ${one.title}`, name: `answer-${number}`, choose: chooseOp };
    ANSWERS.set(number, makeTable(made, ANSWER_COLUMNS, options));
  }
  const all = rows.length === one.rows.length;
  const count = longCases.has(number) ? rows.length : all ? one.shown : Math.min(rows.length, 14);
  ANSWERS.get(number).update(rows.slice(0, count));
  const last = box.querySelector(".more");
  last.replaceChildren();
  if (one.shown >= one.rows.length && !longCases.has(number)) return;
  const toggle = () => {
    if (!longCases.delete(number)) longCases.add(number);
    fillCase(box, number, rows);
  };
  const { time_ns, layer_share, headroom_ns } = one.folded;
  const sums = `${formatMicroseconds(time_ns)} µs, ${formatPercent(layer_share)}, headroom ${formatMicroseconds(headroom_ns)} µs`;
  const rest = rows.length - count;
  if (rest > 0 || longCases.has(number)) {
    const words = longCases.has(number) ? "fewer" : `and ${rest} more ops${all ? `: ${sums}` : ""}`;
    last.append(element("button", { type: "button", class: "link", onclick: toggle }, words));
  }
}
