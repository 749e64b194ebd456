"use strict";
// Claims by kernels. Rows that say the same on all kernels are folded, and rows are drawn as they come into view.
(() => {
  const { claims, columns, pages, options } = site.index;
  const form = document.getElementById("filters");
  const body = document.getElementById("rows");
  const box = document.getElementById("matrix");
  const glyphs = { h: "✓", d: "≠", u: "○", b: "–", x: "!", "-": "·" };
  const batch = 80;
  const rows = claims.map((claim) => {
    const [id, says, page, letters, flags, families] = claim;
    const cells = letters.split(" ");
    const topic = id.split("/")[1];
    return {
      claim, id, says, page, topic, cells, families, flags,
      text: `${says} ${id} ${pages[page][1]}`.toLowerCase(),
      words: new Set(`${id} ${says}`.match(/\w+/g)),
      alike: new Set(cells.filter((cell) => cell !== "-" && cell !== "b")).size < 2 && !(flags & 1),
      html: "",
    };
  });
  let plan = [];
  let drawn = 0;
  let at = -1;
  const open = new Set();

  const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const cell = (letters, column) =>
    `<td title="${escape(column[0])}: ${[...letters].map((one) => site.words[one]).join(", ")}">` +
    [...letters].map((one) => `<span class="cell ${one}" aria-hidden="true">${glyphs[one]}</span>`).join("") +
    `<span class="off">${[...letters].map((one) => site.words[one]).join(", ")}</span></td>`;

  function html(row) {
    return (row.html ||=
      `<tr class="row"><th scope="row"><a href="${escape(site.address(row.claim))}">${escape(row.says || row.id)}</a></th>` +
      `${row.cells.map((letters, place) => cell(letters, columns[place])).join("")}</tr>`);
  }

  function asked() {
    const values = Object.fromEntries(new FormData(form));
    return Object.fromEntries(Object.entries(values).filter(([, value]) => value));
  }

  function fits(want) {
    const parts = (want.q || "").toLowerCase().split(/\s+/).filter(Boolean);
    const page = want.page ? pages.findIndex((one) => one[0] === want.page) : -1;
    const kernel = want.kernel ? columns.findIndex((one) => one[0] === want.kernel) : -1;
    return (row) =>
      (page < 0 || row.page === page) &&
      (!want.option || row.words.has(want.option)) &&
      (!want.family || row.families.includes(want.family)) &&
      (!want.changed || row.flags & 2) &&
      (!want.wrong || row.flags & 1) &&
      (!want.verdict || (kernel < 0 ? row.cells.some((one) => one.includes(want.verdict)) : row.cells[kernel].includes(want.verdict))) &&
      (kernel < 0 || want.verdict || row.cells[kernel] !== "-") &&
      parts.every((part) => row.text.includes(part));
  }

  function filter() {
    const want = asked();
    const found = rows.filter(fits(want));
    document.getElementById("count").textContent = `${found.length} of ${rows.length} claims`;
    plan = [];
    let last = null;
    let fold = null;
    const end = () => { if (fold) { plan.push(fold); fold = null; } };
    for (const row of found) {
      const key = `${row.page}/${row.topic}`;
      if (key !== last) { end(); plan.push({ topic: row }); last = key; }
      if (row.alike && !want.all && !want.q && !open.has(key)) {
        fold ??= { key, rows: [] };
        fold.rows.push(row);
      } else plan.push({ row });
    }
    end();
    body.replaceChildren();
    drawn = 0;
    at = -1;
    box.scrollTop = 0;
    draw();
    const address = new URLSearchParams(want).toString();
    if (address !== location.hash.slice(1)) history.replaceState(null, "", `#${address}`);
  }

  function draw(all = false) {
    const until = all ? plan.length : Math.min(plan.length, drawn + batch);
    let text = "";
    for (; drawn < until; drawn++) {
      const one = plan[drawn];
      if (one.row) text += html(one.row);
      else if (one.topic) {
        const option = options.includes(one.topic.topic);
        const name = escape(one.topic.topic);
        const title = option ? `<a href="option/${name}.html">${name}</a>` : name;
        text += `<tr class="topic"><th scope="rowgroup">${title} <small class="quiet">${escape(pages[one.topic.page][1])}</small></th><td colspan="${columns.length}"></td></tr>`;
      } else {
        const words = new Set(one.rows.flatMap((row) => row.cells.flatMap((letters) => [...letters])).filter((letter) => letter !== "-"));
        const same = words.size === 1 && words.has("h") ? "hold on every kernel" : "say the same on every kernel that answered";
        text += `<tr class="fold"><th scope="row"><button type="button" data-key="${escape(one.key)}">▸ ${one.rows.length} ${same}</button></th><td colspan="${columns.length}"></td></tr>`;
      }
    }
    body.insertAdjacentHTML("beforeend", text);
  }

  function restore() {
    const want = new URLSearchParams(location.hash.slice(1));
    for (const field of form.elements) {
      if (!field.name) continue;
      if (field.type === "checkbox") field.checked = want.get(field.name) === "1";
      else field.value = want.get(field.name) ?? "";
    }
    filter();
  }

  function move(step) {
    const links = [...body.querySelectorAll("tr.row")];
    if (!links.length) return;
    links[at]?.classList.remove("at");
    at = Math.min(links.length - 1, Math.max(0, at + step));
    links[at].classList.add("at");
    links[at].querySelector("a").focus({ preventScroll: true });
    links[at].scrollIntoView({ block: "nearest" });
    if (at > links.length - 5) draw();
  }

  const choice = (name, values) => {
    for (const [value, title] of values) form.elements[name].append(new Option(title, value));
  };
  choice("page", pages.map((page) => [page[0], page[1]]));
  choice("family", [...new Set(rows.flatMap((row) => row.families))].sort().map((one) => [one, one]));
  choice("kernel", columns.map((one) => [one[0], one[1] ? `Linux ${one[0]}` : one[0]]));
  document.getElementById("options").append(...options.map((one) => new Option(one, one)));
  document.getElementById("head").innerHTML =
    `<tr><th scope="col">Claim</th>${columns.map((one) => `<th scope="col">${escape(one[0])}</th>`).join("")}</tr>`;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { open.clear(); filter(); }));
  body.addEventListener("click", (event) => {
    const key = event.target.dataset?.key;
    if (key) { const top = box.scrollTop; const had = drawn; open.add(key); filter(); while (drawn < had) draw(); box.scrollTop = top; }
  });
  box.addEventListener("scroll", () => {
    if (box.scrollTop + box.clientHeight > box.scrollHeight - 1200 && drawn < plan.length) draw();
  });
  addEventListener("hashchange", restore);
  addEventListener("beforeprint", () => draw(true));
  document.addEventListener("keydown", (event) => {
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "j") move(1);
    if (event.key === "k") move(-1);
  });
  restore();
})();
