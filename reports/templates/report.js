"use strict";
(() => {
  const form = document.getElementById("filter");
  const text = document.getElementById("text");
  const rows = [...document.querySelectorAll("tr.row")].map((row) => ({
    row,
    words: row.dataset.words.split(" "),
    text: `${row.id} ${row.querySelector("th").textContent}`.toLowerCase(),
  }));

  function filter() {
    const asked = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = [...form.querySelectorAll("input:checked")].map((box) => box.value);
    let shown = 0;
    for (const one of rows) {
      const fits = asked.every((part) => one.text.includes(part))
        && (chosen.length === 0 || chosen.some((word) => one.words.includes(word)));
      one.row.hidden = !fits;
      shown += fits;
    }
    hideEmpty();
    document.getElementById("shown").textContent = `${shown} of ${rows.length} claims`;
    document.getElementById("none").hidden = shown > 0;
  }

  function hideEmpty() {
    let page = null;
    for (const body of document.querySelectorAll("main > table > tbody")) {
      if (body.className === "page") {
        page = body;
        page.hidden = true;
      } else {
        body.hidden = !body.querySelector("tr.row:not([hidden])");
        page.hidden = page.hidden && body.hidden;
      }
    }
  }

  function openTarget() {
    const row = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (row && row.matches("tr.row")) {
      row.querySelector("details").open = true;
      row.scrollIntoView();
    }
  }

  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", openTarget);
  filter();
  openTarget();
})();
