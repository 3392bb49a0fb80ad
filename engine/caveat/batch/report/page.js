"use strict";
// Tables sort by a click on a head, the rule table is searched; without this script both stay readable.
(() => {
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.v !== undefined ? Number(cell.dataset.v) : cell.textContent.trim();
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en");

  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-label", `sort by ${head.textContent.trim()}`);
      head.append("\u00a0", button);
      head.addEventListener("click", () => {
        const numeric = body.rows.length > 0 && body.rows[0].cells[column].dataset.v !== undefined;
        const first = numeric && column > 0 ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const order = head.getAttribute("aria-sort") === first ? other : first;
        heads.forEach((one) => one.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const rows = [...body.rows].map((row) => [value(row, column), row]);
        rows.sort((a, b) => sign * compare(a[0], b[0]));
        body.append(...rows.map((pair) => pair[1]));
      });
    });
  }

  const table = document.getElementById("rule-table");
  if (table) {
    const rows = [...table.tBodies[0].rows];
    const find = document.getElementById("find");
    const grade = document.getElementById("grade");
    const found = document.getElementById("found");
    const word = (row) => row.cells[0].textContent.trim();
    for (const name of new Set(rows.map(word))) grade.add(new Option(name, name));
    const filter = () => {
      const wanted = find.value.trim().toLowerCase().split(/\s+/);
      let count = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        const fits = wanted.every((part) => text.includes(part)) && (!grade.value || word(row) === grade.value);
        row.hidden = !fits;
        count += fits;
      }
      found.textContent = count === rows.length ? "" : `${count} of ${rows.length} rules shown`;
    };
    find.addEventListener("input", filter);
    grade.addEventListener("change", filter);
    document.querySelector(".tools").hidden = false;
  }

  // On paper nothing can be opened.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((one) => (one.open = true));
  });
  addEventListener("afterprint", () => closed.forEach((one) => (one.open = false)));
})();
