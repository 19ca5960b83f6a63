// Puts the page together and keeps its parts in step.

const LETTERS_MS = 90;
const PICTURE_MS = 220;
const OPTIONS = [
  // [key, label, of the profiled GPU alone]
  ["formula", "hollow points", false],
  ["intervals", "AI intervals", true],
  ["sheet", "datasheet roofs (dashed)", true],
  ["levels", "L2 and L1 levels", true],
  ["numbers", "numbers", false],
];

const tableIn = (id, columns, options) => makeTable(document.getElementById(id), columns, { name: id, ...options });
const opsTable = tableIn("ops-table", OP_COLUMNS, { label: "Ops, measured", watched: true, choose: chooseOp });
const kernelsTable = tableIn("kernels-table", ALL_KERNEL_COLUMNS, {
  label: "Kernels",
  watched: true,
  lazy: true,
  choose: (kernel) => chooseOp(kernel.op),
  key: (kernel) => kernel.op.index,
});
const targetTable = tableIn("target-table", TARGET_COLUMNS, { label: "Ops, extrapolated", choose: chooseOp });

let shown = [];
let passing = new Set();
const drawSoon = debounced(() => updateRoofline(shown), PICTURE_MS);

function update(later = false) {
  shown = shownOps();
  passing = new Set(shown);
  updateAnswer(shown);
  opsTable.update(shown);
  if (state.place === "there") showTarget();
  kernelsTable.update(shown.flatMap((op) => op.kernel_rows));
  showFindings(shown);
  showDetails(passing);
  document.getElementById("count").textContent = `${shown.length} of ${OPS.length} ops`;
  if (later) drawSoon();
  else updateRoofline(shown);
}

function showTarget() {
  targetTable.update(shown);
  const lines = data.cases
    .filter((one, number) => known(one.target_least_ns) && shown.some((op) => op.case === number))
    .map((one) => element("li", {}, `${one.title}: at least ${formatTime(one.target_least_ns)} ${one.summed}`));
  document.getElementById("target-cases").replaceChildren(...lines);
}

function chooseOp(op) {
  select(op.index);
}

function select(index) {
  state.selected = index;
  showDetails(passing);
  for (const table of TABLES) showChosen(table);
  placeRing();
  writeLink();
}

function showCase(number) {
  state.case = number;
  if (number !== null) openCases.add(number);
  update();
  writeLink();
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
      "aria-pressed": chosen.has(value),
      "data-filter": filter.key,
      onclick: toggle,
    };
    return element("button", attributes, String(value));
  });
  return element("fieldset", {}, element("legend", {}, filter.label), ...buttons);
}

function buildFilters() {
  const groups = FILTERS.filter((f) => f.always || filterValues(f).length > 1).map(filterGroup);
  const typed = debounced(() => update(true), LETTERS_MS);
  const find = (event) => {
    state.search = event.currentTarget.value;
    typed();
  };
  const search = element("input", {
    type: "search",
    id: "search",
    placeholder: "op or kernel",
    "aria-label": "Search ops and kernels by name",
    oninput: find,
  });
  const reset = () => {
    resetFilters();
    buildFilters();
    update();
    writeLink();
    document.getElementById("reset").focus();
  };
  const last = element(
    "fieldset",
    {},
    element("legend", {}, "Name"),
    search,
    element("button", { type: "button", id: "reset", onclick: reset }, "All"),
    element("span", { id: "count", class: "quiet", role: "status" }),
  );
  document.getElementById("filters").replaceChildren(...groups, last);
}

function buildOptions() {
  const boxes = OPTIONS.map(([key, label, hereOnly]) => {
    const change = (event) => {
      state.show[key] = event.currentTarget.checked;
      drawRoofline(shown);
    };
    const box = element("input", { type: "checkbox", id: `show-${key}`, checked: state.show[key], onchange: change });
    return element("label", { class: hereOnly ? "here-only" : null }, box, ` ${label}`);
  });
  document.getElementById("options").replaceChildren(...boxes);
}

const unique = (values) => [...new Set(values)];
const devices = (role) => data.sets.flatMap((set) => (role === "gpu" ? [set.gpu, ...set.others] : [set[role]]));
const names = (role) => unique(devices(role).map((device) => device.name)).join(", ");

function buildTabs() {
  const projected = data.sets.some((set) => set.projected);
  const tabs = [["here", `On ${names("gpu")} (measured)`]];
  if (projected) tabs.push(["there", `The same ops on ${names("target")} (extrapolated)`]);
  const show = (place) => {
    state.place = place;
    for (const [key] of tabs) {
      const tab = document.getElementById(`tab-${key}`);
      tab.setAttribute("aria-selected", key === place);
      tab.tabIndex = key === place ? 0 : -1;
    }
    document.getElementById("picture").setAttribute("aria-labelledby", `tab-${place}`);
    document.getElementById("target").hidden = place !== "there";
    for (const label of document.querySelectorAll(".here-only")) label.hidden = place !== "here";
    if (place === "there") showTarget();
    drawRoofline(shown);
  };
  const turn = (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = tabs.find(([key]) => key !== state.place)?.[0];
    if (!other) return;
    show(other);
    document.getElementById(`tab-${other}`).focus();
  };
  const buttons = tabs.map(([key, words]) =>
    element(
      "button",
      {
        type: "button",
        role: "tab",
        id: `tab-${key}`,
        "aria-controls": "picture",
        "aria-selected": key === "here",
        tabindex: key === "here" ? 0 : -1,
        onclick: () => show(key),
      },
      words,
    ),
  );
  const list = document.getElementById("tabs");
  list.replaceChildren(...buttons);
  list.addEventListener("keydown", turn);
}

function buildHeading() {
  const title = `Roofline of ${names("gpu")}`;
  document.title = title;
  document.getElementById("title").textContent = title;
  const dates = unique(data.sets.map((set) => set.date)).join(", ");
  const skus = unique(devices("gpu").map((device) => device.sku)).join("; ");
  document.getElementById("subtitle").textContent = `${skus}; ${dates}; roofprof ${data.version}`;
  const notes = unique(data.sets.flatMap((set) => set.notes));
  const sources = unique(
    data.sets.flatMap((set) => [set.gpu, ...set.others, set.target]).map((d) => `${d.name} (${d.sku}): ${d.source}`),
  );
  const list = (lines) => element("ul", {}, ...lines.map((line) => element("li", {}, line)));
  const folded = (word, lines) =>
    lines.length > 1
      ? [element("details", {}, element("summary", {}, `${word} × ${lines.length}`), list(lines))]
      : [list(lines)];
  document.getElementById("sources").replaceChildren(...folded("notes", notes), list(sources));
}

function buildTheme() {
  const button = document.getElementById("theme");
  const show = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-pressed", isDark());
  };
  const change = () => {
    show();
    drawRoofline(shown);
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    change();
  });
  COLOR_SCHEME.addEventListener("change", change);
  show();
}

function listen() {
  addEventListener("hashchange", () => {
    if (location.hash.slice(1) === linkOf() || !readLink()) return;
    buildAnswer();
    update();
    showChosenRow();
  });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input[type=search]")) return;
    if (event.key === "Escape" && state.selected !== null) select(null);
    if (event.key === "c" && OPS[state.selected]) copyRow(OPS[state.selected]);
  });
  const plot = document.getElementById("plot");
  plot.on("plotly_click", (event) => {
    const index = event.points[0]?.customdata;
    if (known(index)) select(index);
  });
  plot.on("plotly_hover", showHover);
  plot.on("plotly_unhover", hideHover);
  plot.on("plotly_afterplot", placeRing);
  plot.on("plotly_restyle", () => drawRoofline(shown));
  plot.on("plotly_relayouting", () => placeRing());
}

// What a link names is in view in the table of ops.
function showChosenRow() {
  const at = opsTable.order.findIndex((op) => op.index === state.selected);
  if (at >= 0) bringIntoView(opsTable, at);
  writeLink();
}

const linked = readLink();
buildHeading();
buildFilters();
buildOptions();
buildTabs();
buildAnswer();
buildTheme();
update();
listen();
if (linked) showChosenRow();
