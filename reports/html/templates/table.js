// A table that sorts by the column that is clicked; unknown values stay last either way.

const ROWS_AT_FIRST = 300;

function compareCells(a, b, up) {
  if (!known(a) || !known(b)) return known(b) - known(a);
  const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  return up ? order : -order;
}

// columns: {label, title, value(row), format(value), open(row), text: true for words}
function makeTable(container, columns, options = {}) {
  const table = { container, columns, rows: [], sort: null, up: true, all: false, ...options };
  table.update = (rows) => {
    table.rows = rows;
    drawTable(table);
  };
  return table;
}

function sortedRows(table) {
  if (table.sort === null) return table.rows;
  const { value } = table.columns[table.sort];
  return [...table.rows].sort((a, b) => compareCells(value(a), value(b), table.up));
}

function sortBy(table, index) {
  // Numbers come largest first, words from A.
  const again = table.sort === index;
  table.up = again ? !table.up : Boolean(table.columns[index].text);
  table.sort = index;
  drawTable(table);
  table.container.querySelectorAll("thead button")[index].focus();
}

function drawTable(table) {
  const rows = sortedRows(table);
  const shown = table.all ? rows : rows.slice(0, ROWS_AT_FIRST);
  const body = element("tbody", {}, ...shown.map((row) => tableRow(table, row)));
  const made = element("table", {}, element("thead", {}, tableHead(table)), body);
  const parts = [element("div", { class: "scroll" }, made)];
  if (!rows.length) parts.push(element("p", { class: "quiet" }, "nothing to show"));
  if (shown.length < rows.length) {
    const more = () => {
      table.all = true;
      drawTable(table);
    };
    parts.push(element("button", { type: "button", onclick: more }, `show all ${rows.length}`));
  }
  table.container.replaceChildren(...parts);
}

function tableHead(table) {
  const cells = table.columns.map((column, index) => {
    const sorted = table.sort === index;
    const mark = sorted ? (table.up ? " ▲" : " ▼") : "";
    const button = element(
      "button",
      { type: "button", title: column.title, onclick: () => sortBy(table, index) },
      column.label + mark,
    );
    const order = sorted ? (table.up ? "ascending" : "descending") : "none";
    return element("th", { scope: "col", class: column.text ? "text" : null, "aria-sort": order }, button);
  });
  return element("tr", {}, ...cells);
}

function tableRow(table, row) {
  const cells = table.columns.map((column) => {
    const value = column.value(row);
    const text = (column.format || formatText)(value);
    const content = column.open
      ? element("button", { type: "button", class: "link", onclick: () => column.open(row) }, text)
      : text;
    return element(
      "td",
      { class: column.text ? "text" : null, title: column.hover ? column.hover(row) : null },
      content,
    );
  });
  const chosen = table.isSelected && table.isSelected(row);
  return element("tr", { class: chosen ? "chosen" : null }, ...cells);
}
