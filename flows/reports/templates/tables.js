"use strict";
// Sorting and searching of tables that are there already. It adds no markup made of text: whatever
// is shown was escaped when the page was written, and rows are only moved and hidden.
(() => {
  const valueOf = (cell) => {
    const text = cell.dataset.value ?? cell.textContent.trim();
    const number = Number.parseFloat(text.replaceAll(",", "").replace(/^[<>]/, ""));
    return cell.classList.contains("n") ? (Number.isNaN(number) ? -Infinity : number) : text;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));

  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    for (const head of table.tHead.rows[0].cells) {
      if (!head.textContent.trim() || head.querySelector(".hidden")) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const first = head.classList.contains("n") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const order = head.getAttribute("aria-sort") === first ? other : first;
        for (const one of table.tHead.rows[0].cells) one.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const rows = [...body.rows].map((row) => [valueOf(row.cells[head.cellIndex]), row]);
        rows.sort((a, b) => sign * compare(a[0], b[0]));
        body.append(...rows.map(([, row]) => row));
      });
    }
  }

  for (const tool of document.querySelectorAll(".finder")) {
    const rows = [...document.getElementById(tool.dataset.table).tBodies[0].rows];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const words = tool.querySelector("input");
    const choices = [...tool.querySelectorAll("select")];
    const told = tool.querySelector("output");
    const find = () => {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      let found = 0;
      rows.forEach((row, number) => {
        const fits =
          wanted.every((word) => texts[number].includes(word)) &&
          choices.every((one) => !one.value || row.dataset[one.dataset.field] === one.value);
        row.hidden = !fits;
        found += fits;
      });
      told.textContent = `${found.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
    };
    words.addEventListener("input", find);
    for (const one of choices) one.addEventListener("change", find);
    tool.hidden = false;
    find();
  }
})();
