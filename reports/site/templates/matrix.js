"use strict";
// Claims by kernels. Rows that say the same on all kernels are folded, and rows are drawn as they come into view.
(() => {
  const { claims, columns, pages, options } = site.index;
  const form = document.getElementById("filters");
  const more = document.getElementById("more");
  const body = document.getElementById("rows");
  const box = document.getElementById("matrix");
  const batch = 18; // about what a screen shows
  const few = 40; // that many are read faster than unfolded
  const constants = new Set(options);
  const rows = claims.map((claim) => {
    const [id, says, page, letters, flags, families] = claim;
    const cells = letters.split(" ");
    return {
      claim, id, says, page, cells, families, flags,
      topic: id.split("/")[1],
      text: `${says} ${id} ${pages[page][1]}`.toLowerCase(),
      alike: new Set(cells.filter((cell) => cell !== "-" && cell !== "b")).size < 2 && !(flags & 1),
    };
  });
  let plan = [];
  let drawn = 0;
  let at = -1;
  let later = 0;
  const open = new Set();

  const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const cell = (letters, place) =>
    `<td${columns[place][1] ? "" : ' class="other"'}>` +
    [...letters].map((one) => `<i class="cell ${one === "-" ? "n" : one}">${site.words[one]} </i>`).join("") + "</td>";
  const cellsOf = (row) => row.cells.map(cell).join("");

  function rowHtml(row) {
    return (row.html ??=
      `<tr class="row"><th scope="row"><a href="${escape(site.address(row.claim))}">${escape(row.says || row.id)}</a></th>${cellsOf(row)}</tr>`);
  }

  // What is folded says the same in all its rows but where something was not asked.
  function foldedCells(folded) {
    return columns.map((_, place) => {
      const letters = new Set(folded.flatMap((row) => [...row.cells[place]]));
      const telling = [...letters].filter((one) => !"b-".includes(one));
      return telling.length ? telling.join("") : letters.has("b") ? "b" : "-";
    });
  }

  function topicHtml({ key, first, folded, whole }) {
    const option = constants.has(first.topic);
    const name = escape(first.topic);
    const title = option ? `<a href="option/${name}.html">${name}</a>` : name;
    const head = `${title} <small class="quiet">${escape(pages[first.page][1])}</small>`;
    const blank = `<td colspan="${columns.length}"></td>`;
    if (!folded.length) return `<tr class="topic"><th scope="rowgroup">${head}</th>${blank}</tr>`;
    const cells = foldedCells(folded);
    const holds = folded.every((row) => row.cells.every((letters) => "h-b".includes(letters)));
    const verb = holds ? (folded.length === 1 ? "holds" : "hold") : folded.length === 1 ? "says the same" : "say the same";
    const where = cells.includes("-") || cells.includes("b") ? "every kernel that answered" : "every kernel";
    const opened = open.has(key);
    const button = `<button type="button" data-key="${escape(key)}" aria-expanded="${opened}">${folded.length} ${verb} on ${where}</button>`;
    return `<tr class="topic"><th scope="rowgroup">${head} <span class="quiet">·</span> ${button}</th>${whole && !opened ? cells.map(cell).join("") : blank}</tr>`;
  }

  function asked() {
    return Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
  }

  function fits(want) {
    const parts = (want.q || "").toLowerCase().split(/\s+/).filter(Boolean);
    const page = want.page ? pages.findIndex((one) => one[0] === want.page) : -1;
    const kernel = want.kernel ? columns.findIndex((one) => one[0] === want.kernel) : -1;
    const option = want.option?.trim();
    const word = option && new RegExp(`\\b${option.replace(/\W/g, "\\$&")}${constants.has(option) ? "\\b" : ""}`, "i");
    return (row) =>
      (page < 0 || row.page === page) &&
      (!word || word.test(row.text)) &&
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
    const folds = !want.all && !want.q && found.length > few;
    document.getElementById("count").textContent = `${found.length} of ${rows.length} claims`;
    const chosen = Object.keys(want).filter((name) => name !== "q").length;
    more.firstElementChild.textContent = chosen ? `Filters (${chosen})` : "Filters";
    const topics = new Map();
    for (const row of found) {
      const key = `${row.page}/${row.topic}`;
      if (!topics.has(key)) topics.set(key, []);
      topics.get(key).push(row);
    }
    plan = [];
    for (const [key, members] of topics) {
      const folded = folds ? members.filter((row) => row.alike) : [];
      plan.push({ key, first: members[0], folded, whole: folded.length === members.length });
      const hidden = open.has(key) ? new Set() : new Set(folded);
      for (const row of members) if (!hidden.has(row)) plan.push({ row });
    }
    body.replaceChildren();
    box.scrollTop = 0; // while there is nothing to lay out
    drawn = 0;
    at = -1;
    if (!found.length) body.innerHTML = `<tr><td colspan="${columns.length + 1}" class="none">No claim is so. <button type="reset" form="filters">Clear the filters</button></td></tr>`;
    draw();
    clearTimeout(later);
    later = setTimeout(further, 150); // what is shown comes first
    const address = new URLSearchParams(want).toString();
    if (address !== location.hash.slice(1)) history.replaceState(null, "", address ? `#${address}` : location.pathname + location.search);
  }

  function draw(until = drawn + batch) {
    const last = Math.min(plan.length, until);
    let text = "";
    for (; drawn < last; drawn++) text += plan[drawn].row ? rowHtml(plan[drawn].row) : topicHtml(plan[drawn]);
    body.insertAdjacentHTML("beforeend", text);
  }

  function fold(key) {
    const [top, had] = [box.scrollTop, drawn];
    if (!open.delete(key)) open.add(key);
    filter();
    draw(had + batch);
    box.scrollTop = top;
    body.querySelector(`button[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
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
    const stops = body.querySelectorAll("tr.row a, tr.topic button");
    if (!stops.length) return;
    const here = [...stops].indexOf(document.activeElement);
    stops[at]?.closest("tr").classList.remove("at");
    at = Math.min(stops.length - 1, Math.max(0, (here < 0 ? at : here) + step));
    const row = stops[at].closest("tr");
    row.classList.add("at");
    stops[at].focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
    if (at > stops.length - 8) draw();
  }

  const choice = (name, values) => {
    for (const [value, title] of values) form.elements[name].append(new Option(title, value));
  };
  choice("page", pages.map((page) => [page[0], page[1]]));
  choice("family", [...new Set(rows.flatMap((row) => row.families))].sort().map((one) => [one, one]));
  choice("kernel", columns.map((one) => [one[0], one[1] ? `Linux ${one[0]}` : one[0]]));
  document.getElementById("options").append(...options.map((one) => new Option(one, one)));
  more.open = matchMedia("(min-width: 40rem)").matches;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { open.clear(); filter(); }));
  body.addEventListener("click", (event) => {
    const key = event.target.dataset?.key;
    if (key) fold(key);
  });
  const further = () => {
    if (drawn < plan.length && box.scrollTop + box.clientHeight > box.scrollHeight - 1200) draw(drawn + 3 * batch);
  };
  box.addEventListener("scroll", further, { passive: true });
  addEventListener("hashchange", restore);
  addEventListener("beforeprint", () => draw(Infinity));
  document.addEventListener("keydown", (event) => {
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "j") move(1);
    if (event.key === "k") move(-1);
  });
  restore();
})();
