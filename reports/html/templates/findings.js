// Findings: one line for each kind with its count, opened on demand.

const SEVERITIES = ["warning", "doubtful", "info"];
const FINDINGS_AT_ONCE = 50;

function findingGroups(findings) {
  const groups = new Map();
  for (const finding of findings) {
    const key = `${finding.severity}: ${finding.kind}`;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(finding);
  }
  const rank = (group) => SEVERITIES.indexOf(group[0].severity);
  return [...groups.values()].sort((a, b) => rank(a) - rank(b) || b.length - a.length);
}

// A kind that stands once is told as it is; several are a line that opens.
function findingList(findings, withOps) {
  return element("div", { class: "findings" }, ...findingGroups(findings).map((group) => findingGroup(group, withOps)));
}

function findingGroup(group, withOps) {
  const { severity, kind } = group[0];
  const head = element("strong", { class: severity }, `${severity}: ${kind}`);
  if (group.length === 1) return element("div", { class: "finding" }, head, " ", ...findingWords(group[0], withOps));
  const list = element("ul");
  const box = element("details", { "data-kind": kind }, element("summary", {}, head, ` × ${group.length}`), list);
  box.addEventListener("toggle", () => {
    if (box.open && !list.children.length) addFindings(list, group, withOps);
  });
  return box;
}

function addFindings(list, group, withOps) {
  const start = list.children.length;
  const next = group.slice(start, start + FINDINGS_AT_ONCE);
  list.append(...next.map((finding) => element("li", {}, ...findingWords(finding, withOps))));
  const rest = group.length - start - next.length;
  if (!rest) return;
  const more = element("button", { type: "button" }, `${rest} more`);
  more.addEventListener("click", () => {
    more.remove();
    addFindings(list, group, withOps);
  });
  list.after(more);
}

function findingWords(finding, withOps) {
  const op = known(finding.row) ? OPS[finding.row] : null;
  const name = op ? `${op.label}, ${shortCase(op)}` : finding.op;
  const words = [finding.message];
  if (finding.hint) words.push(element("span", { class: "quiet" }, ` ${finding.hint}`));
  if (!withOps || !name) return words;
  const shown = op ? element("button", { type: "button", class: "link", onclick: () => chooseOp(op) }, name) : name;
  return [shown, ": ", ...words];
}

function showFindings(ops) {
  const filtered = ops.length < OPS.length;
  const passing = new Set(ops.map((op) => op.index));
  const shown = FINDINGS.filter((f) => (known(f.row) ? passing.has(f.row) : !filtered));
  const box = document.getElementById("findings-list");
  const open = new Set([...box.querySelectorAll("details[open]")].map((d) => d.dataset.kind));
  box.replaceChildren(shown.length ? findingList(shown, true) : element("p", { class: "quiet" }, "none"));
  for (const details of box.querySelectorAll("details")) details.open = open.has(details.dataset.kind);
}
