// The chosen op and the chosen case in the page's address, `#op=...&case=...`: a link opens what was seen.

const sameName = (op) => OPS.filter((other) => other.case === op.case && other.label === op.label);

function linkOf() {
  const words = [];
  const op = OPS[state.selected];
  if (op) {
    words.push(["op", op.label], ["case", caseOf(op).title]);
    const place = sameName(op).indexOf(op);
    if (place) words.push(["nth", place + 1]);
    if (state.case !== null) words.push(["only", 1]);
  } else if (state.case !== null) words.push(["case", data.cases[state.case].title]);
  return words.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&");
}

function writeLink() {
  const words = linkOf();
  if (words === location.hash.slice(1)) return;
  history.replaceState(null, "", words ? `#${words}` : location.pathname + location.search);
}

// Takes over what an address says; what it does not name stays as it is.
function readLink() {
  const words = new URLSearchParams(location.hash.slice(1));
  const number = data.cases.findIndex((one) => one.title === words.get("case"));
  const found = OPS.filter((op) => op.label === words.get("op") && (number < 0 || op.case === number));
  const op = found[(Number(words.get("nth")) || 1) - 1] || found[0];
  if (number >= 0) openCases.add(number);
  if (number >= FIRST_CASES) everyCase = true;
  if (number >= 0 && (!words.has("op") || words.has("only"))) state.case = number;
  if (op) state.selected = op.index;
  return Boolean(op) || number >= 0;
}
