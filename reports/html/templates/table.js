// A table of any length: only the rows in view are drawn. It sorts by the column that is clicked; unknown stays last.
// columns: {label, title, width in ch, value(row), format(value), open(row), hover(row), mark(row), text, class}
// The last column takes what room is left. One element has the focus, the table itself, so that no redrawing loses it.

const OVERSCAN = 8;
const HIGHEST = 620; // Pixels, as table.css has it.
const DRAWN_WHOLE = 60; // So short a table is drawn at once.
const WORDS = new Intl.Collator("en");
const TABLES = new Set();
// Those `watched` are drawn anew when the page is scrolled to them; those `lazy` for the first time, too.
const IN_VIEW = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const table = [...TABLES].find((t) => t.scroll === target);
      if (!table) continue;
      table.lazy = !isIntersecting;
      if (isIntersecting && table.stale) drawRows(table, true);
    }
  },
  { rootMargin: "300px" },
);

function compareCells(a, b, up) {
  if (!known(a) || !known(b)) return known(b) - known(a);
  const order = typeof a === "number" && typeof b === "number" ? a - b : WORDS.compare(String(a), String(b));
  return up ? order : -order;
}

function makeTable(container, columns, options = {}) {
  const table = { columns, rows: [], order: [], sort: null, up: true, first: 0, last: 0, drawn: [], count: 0 };
  Object.assign(table, { key: (row) => row.index }, options);
  const head = element("tr", { "aria-rowindex": 1 }, ...columns.map((column, index) => headCell(table, column, index)));
  table.body = element("tbody");
  const widths = columns.map((c) => c.size || `calc(${c.width || 10}ch + 16px)`);
  const cols = widths.map((width, i) => element("col", i < columns.length - 1 ? { style: `width: ${width}` } : {}));
  table.grid = element(
    "table",
    { role: "grid", tabindex: 0, "aria-label": table.label, style: `min-width: calc(${widths.join(" + ")})` },
    element("colgroup", {}, ...cols),
    element("thead", {}, head),
    table.body,
  );
  table.scroll = element("div", { class: "scroll" }, table.grid);
  table.empty = element("p", { class: "quiet" }, "nothing to show");
  container.replaceChildren(table.scroll, table.empty);
  table.scroll.addEventListener("scroll", () => requestAnimationFrame(() => drawRows(table)), { passive: true });
  table.grid.addEventListener("keydown", (event) => moveByKey(table, event));
  table.body.addEventListener("click", (event) => clickRow(table, event));
  table.update = (rows) => {
    table.rows = rows;
    reorder(table);
  };
  for (const old of TABLES) if (!old.grid.isConnected) TABLES.delete(old);
  TABLES.add(table);
  if (table.watched) IN_VIEW.observe(table.scroll);
  return table;
}

function headCell(table, column, index) {
  const button = element(
    "button",
    { type: "button", title: column.title, onclick: () => sortBy(table, index) },
    column.label,
  );
  return element("th", { scope: "col", class: cellClass(column), "aria-sort": "none" }, button);
}

const cellClass = (column) => [column.text ? "text" : "", column.class || ""].join(" ").trim() || null;

function sortBy(table, index) {
  // Numbers come largest first, words from A.
  table.up = table.sort === index ? !table.up : Boolean(table.columns[index].text);
  table.sort = index;
  [...table.grid.tHead.rows[0].cells].forEach((cell, i) => {
    const order = i !== index ? "none" : table.up ? "ascending" : "descending";
    cell.setAttribute("aria-sort", order);
    cell.firstChild.textContent = table.columns[i].label + (i !== index ? "" : table.up ? " ▲" : " ▼");
  });
  table.scroll.scrollTop = 0;
  reorder(table);
}

function reorder(table) {
  table.order = table.rows;
  if (table.sort !== null) {
    const { value } = table.columns[table.sort];
    const keyed = table.rows.map((row) => [value(row), row]);
    table.order = keyed.sort((a, b) => compareCells(a[0], b[0], table.up)).map(([, row]) => row);
  }
  table.grid.setAttribute("aria-rowcount", table.order.length + 1);
  table.empty.hidden = table.order.length > 0;
  drawRows(table, true);
}

const rowHeight = () => parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));

function drawRows(table, anew = false) {
  const { scroll, order } = table;
  table.stale = table.lazy && !table.whole;
  if (table.stale) return;
  const height = rowHeight();
  const whole = table.whole || order.length <= DRAWN_WHOLE;
  const inView = Math.ceil(HIGHEST / height);
  const top = Math.floor(scroll.scrollTop / height);
  const start = Math.max(0, Math.min(top, order.length - inView) - OVERSCAN);
  const end = whole ? order.length : Math.min(order.length, start + inView + 2 * OVERSCAN);
  const first = whole ? 0 : start;
  if (!anew && Math.abs(first - table.first) < OVERSCAN / 2 && end - table.last < OVERSCAN / 2) return;
  const rows = order.slice(first, end);
  if (!standAlready(table, rows, first)) {
    Object.assign(table, { first, last: end, drawn: rows, count: order.length });
    const drawn = rows.map((row, i) => tableRow(table, row, first + i));
    const spacer = (count) => (count > 0 ? [spacerRow(table, count * height)] : []);
    table.body.replaceChildren(...spacer(first), ...drawn, ...spacer(order.length - end));
  }
  showChosen(table);
}

function standAlready(table, rows, first) {
  const { drawn, count, order } = table;
  if (table.first !== first || count !== order.length || drawn.length !== rows.length) return false;
  return rows.every((row, i) => row === drawn[i]);
}

function spacerRow(table, height) {
  const cell = element("td", { colspan: table.columns.length, style: `height: ${height}px; padding: 0` });
  return element("tr", { class: "spacer", "aria-hidden": "true" }, cell);
}

function tableRow(table, row, position) {
  const cells = table.columns.map((column) => {
    const value = column.value(row);
    const text = (column.format || formatText)(value);
    const open = column.open && column.open(row);
    const content = open ? element("button", { type: "button", class: "link", tabindex: -1 }, text) : text;
    const mark = column.mark ? column.mark(row) : [];
    const attributes = {
      class: cellClass(column),
      title: column.hover ? column.hover(row) : column.text ? text : null,
    };
    return element(
      column.heads ? "th" : "td",
      column.heads ? { ...attributes, scope: "row" } : attributes,
      content,
      ...mark,
    );
  });
  return element("tr", { "data-at": position, "aria-rowindex": position + 2 }, ...cells);
}

function showChosen(table) {
  if (!table.choose || table.stale) return;
  table.grid.removeAttribute("aria-activedescendant");
  for (const drawn of table.body.rows) {
    const row = table.order[drawn.dataset.at];
    const chosen = Boolean(row) && table.key(row) === state.selected;
    drawn.classList.toggle("chosen", chosen);
    drawn.removeAttribute("id");
    if (row) drawn.setAttribute("aria-selected", chosen);
    if (chosen && !table.grid.hasAttribute("aria-activedescendant")) {
      drawn.id = `${table.name}-chosen`;
      table.grid.setAttribute("aria-activedescendant", drawn.id);
    }
  }
}

function clickRow(table, event) {
  const drawn = event.target.closest("tr");
  const row = drawn && table.order[drawn.dataset.at];
  if (!row || !table.choose || !getSelection().isCollapsed) return;
  table.choose(row);
  table.grid.focus({ preventScroll: true });
}

function moveByKey(table, event) {
  if (!table.choose || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("thead")) return;
  const page = Math.max(1, Math.floor(table.scroll.clientHeight / rowHeight()) - 2);
  const end = table.order.length - 1;
  const at = table.order.findIndex((row) => table.key(row) === state.selected);
  const steps = {
    ArrowDown: at + 1,
    ArrowUp: at < 0 ? 0 : at - 1,
    PageDown: at + page,
    PageUp: at - page,
    Home: 0,
    End: end,
  };
  const next = event.key in steps ? steps[event.key] : event.key === "Enter" ? Math.max(at, 0) : null;
  if (next === null || end < 0) return;
  event.preventDefault();
  const place = Math.min(end, Math.max(0, next));
  bringIntoView(table, place);
  table.choose(table.order[place]);
}

function bringIntoView(table, place) {
  const { scroll } = table;
  const height = rowHeight();
  const head = table.grid.tHead.offsetHeight;
  const top = place * height;
  if (top < scroll.scrollTop) scroll.scrollTop = top;
  const bottom = top + height + head - scroll.clientHeight + 16;
  if (bottom > scroll.scrollTop) scroll.scrollTop = bottom;
  drawRows(table);
}

function drawWhole(whole) {
  for (const table of TABLES) {
    table.whole = whole;
    if (table.grid.isConnected) drawRows(table, true);
  }
}
addEventListener("beforeprint", () => drawWhole(true));
addEventListener("afterprint", () => drawWhole(false));
