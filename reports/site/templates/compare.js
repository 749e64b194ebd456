"use strict";
// Two kernels side by side. Answers are loaded for the two that are asked; a run of the user's own stays here.
(() => {
  const { claims, kernels, schema } = site.index;
  const form = document.getElementById("pair");
  const table = document.getElementById("differences");
  const said = document.getElementById("said");
  const answers = new Map();
  const names = new Map(kernels.map((kernel) => [kernel[0], `${kernel[1]} (${kernel[2]})`]));
  const letters = Object.fromEntries(Object.entries(site.words).map(([letter, word]) => [word.toUpperCase(), letter]));
  const largest = 64 * 1024 * 1024;

  site.answers = (name, values) => answers.set(name, values);

  const text = (value) => (typeof value === "string" ? value : JSON.stringify(value).replaceAll(",", ", "));
  const known = (stem) => (answers.has(stem) ? Promise.resolve() : site.load(`data/run/${stem}.js`));

  // A float is a time that was measured and never twice the same.
  const measured = (value) => typeof value === "number" && !Number.isInteger(value);
  function moved(one, other) {
    const found = [];
    for (const name of new Set([...Object.keys(one), ...Object.keys(other)])) {
      if (measured(one[name]) && measured(other[name])) continue;
      if (JSON.stringify(one[name]) !== JSON.stringify(other[name])) found.push(name);
    }
    return found;
  }

  function element(tag, className, content = "") {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.textContent = content;
    return made;
  }

  function cellOf(letter, values, names) {
    const cell = element("td");
    cell.append(element("span", `chip ${site.words[letter]}`, site.words[letter]));
    const list = element("dl", "seen");
    for (const name of names) {
      if (!Object.hasOwn(values, name)) continue;
      const line = element("div");
      line.append(element("dt", "", name), element("dd", "", text(values[name])));
      list.append(line);
    }
    if (list.children.length) cell.append(list);
    return cell;
  }

  // The kinds of change, in the order in which a person wants to see them.
  const kinds = [
    [(one, other) => one === "h" && other === "d", "Held before, differs now"],
    [(one, other) => one === "d" && other === "h", "Differed before, holds now"],
    [(one, other) => one === "u" && other !== "u", "Nothing was said of the kernel before"],
    [(one, other) => one !== "u" && other === "u", "Nothing is said of the kernel any more"],
    [(one, other) => one !== other, "Could be tried on one of them only"],
    [() => true, "The same verdict, other values"],
  ];

  function draw(a, b) {
    const [before, after] = [answers.get(a), answers.get(b)];
    const groups = kinds.map(([, title]) => ({ title, rows: [] }));
    let same = 0;
    let changed = 0;
    for (const claim of claims) {
      const [one, other] = [before[claim[0]], after[claim[0]]];
      if (!one || !other) continue;
      const values = moved(one[1] ?? {}, other[1] ?? {});
      if (one[0] === other[0] && !(form.elements.values.checked && values.length)) { same += 1; continue; }
      changed += 1;
      const row = element("tr");
      const head = element("th");
      head.scope = "row";
      const link = element("a", "", claim[1] || claim[0]);
      link.href = site.address(claim);
      head.append(link);
      row.append(head, cellOf(one[0], one[1] ?? {}, values), cellOf(other[0], other[1] ?? {}, values));
      groups[kinds.findIndex(([fits]) => fits(one[0], other[0]))].rows.push(row);
    }
    const head = element("thead");
    const line = element("tr");
    for (const title of ["Claim", names.get(a), names.get(b)]) {
      const cell = element("th", "", title);
      cell.scope = "col";
      line.append(cell);
    }
    head.append(line);
    const bodies = groups.filter((group) => group.rows.length).map((group) => {
      const body = element("tbody");
      const title = element("tr", "group");
      const cell = element("th", "", `${group.title}: ${group.rows.length}`);
      cell.colSpan = 3;
      cell.scope = "rowgroup";
      title.append(cell);
      body.append(title, ...group.rows);
      return body;
    });
    table.replaceChildren(head, ...bodies);
    document.getElementById("count").textContent =
      changed + same ? `${changed} changed, ${same} the same` : "No claim was answered by both.";
  }

  function compare() {
    const [a, b] = [form.elements.a.value, form.elements.b.value];
    Promise.all([known(a), known(b)]).then(
      // Another may have been chosen while these were loaded.
      () => { if (form.elements.a.value === a && form.elements.b.value === b) draw(a, b); },
      (error) => { said.textContent = `${error.message}.`; },
    );
    const want = new URLSearchParams({ a, b, ...(form.elements.values.checked ? { values: "1" } : {}) }).toString();
    if (want !== location.hash.slice(1)) history.replaceState(null, "", `#${want}`);
  }

  function offer(stem) {
    for (const name of ["a", "b"])
      if (![...form.elements[name].options].some((one) => one.value === stem)) form.elements[name].append(new Option(names.get(stem), stem));
  }

  function series(header) {
    const debian = /Debian (\d+\.\d+)/.exec(header.version ?? "");
    const plain = /^(\d+\.\d+)/.exec(header.release ?? "");
    return header.implementation === "Linux" ? (debian ?? plain)?.[1] : header.implementation;
  }

  // Of a run file what is compared; throws what a person is to read where it is none.
  function parse(content) {
    const own = Object.create(null);
    let header = null;
    let broken = 0;
    let lines = 0;
    for (const line of content.split("\n")) {
      if (!line.trim()) continue;
      lines += 1;
      let one;
      try { one = JSON.parse(line); } catch { broken += 1; continue; }
      if (one?.kind === "header") header ??= one;
      else if (one?.kind === "answer" && typeof one.claim === "string" && Object.hasOwn(letters, one.verdict))
        own[one.claim] = [letters[one.verdict], one.observations && typeof one.observations === "object" ? one.observations : {}];
    }
    const run = "a run is the JSON lines that the suite writes into build/runs";
    if (!lines) throw new Error("is empty");
    if (broken === lines) throw new Error(`is no JSON lines: ${run}`);
    if (!header) throw new Error(`has no header, so it is no run: ${run}`);
    if (header.schema !== schema) throw new Error(`has schema ${text(header.schema ?? null)}, and this page reads schema ${schema}: run the suite of the same version`);
    const answered = Object.keys(own).length;
    if (!answered) throw new Error("has a header and no answer: the suite was ended before its first test");
    return { own, header, broken, answered };
  }

  function take(name, content) {
    let run;
    try { run = parse(content); } catch (error) { said.textContent = `${name} ${error.message}.`; return; }
    const { own, header, broken, answered } = run;
    const stem = `own:${name}`;
    answers.set(stem, own);
    names.set(stem, `${String(header.release)} (yours: ${name})`);
    offer(stem);
    const here = series(header);
    const reference = kernels.find((kernel) => kernel[3] === here) ?? kernels.findLast((kernel) => kernel[4]) ?? kernels[0];
    if (!reference) { said.textContent = "No kernel is here to compare it with."; return; }
    form.elements.a.value = reference[0];
    form.elements.b.value = stem;
    const ids = new Set(claims.map((claim) => claim[0]));
    const unknown = Object.keys(own).filter((id) => !ids.has(id)).length;
    said.textContent = `${name}: ${answered} answers, compared with ${names.get(reference[0])}` +
      `${reference[3] === here ? "" : `, since no run of ${String(here ?? "its kernel")} is here`}.` +
      `${unknown ? ` ${unknown} are of claims that are not here.` : ""}${broken ? ` ${broken} lines could not be read.` : ""}`;
    compare();
  }

  function read(file) {
    if (!file) { said.textContent = "What was dropped is no file."; return; }
    if (file.size > largest) { said.textContent = `${file.name} is larger than any run: 64 MiB at most.`; return; }
    file.text().then((content) => take(file.name, content), () => { said.textContent = `${file.name} cannot be read.`; });
  }

  function restore() {
    const want = new URLSearchParams(location.hash.slice(1));
    const linux = kernels.filter((kernel) => kernel[4]);
    const of = linux.length > 1 ? linux : kernels;
    const pair = [of[0], of.findLast((kernel) => site.way(kernel) === site.way(of[0]) && kernel !== of[0]) ?? of[of.length - 1]];
    ["a", "b"].forEach((name, place) => {
      form.elements[name].value = names.has(want.get(name)) ? want.get(name) : pair[place][0];
    });
    form.elements.values.checked = want.get("values") === "1";
    compare();
  }

  for (const [stem] of kernels) offer(stem);
  form.addEventListener("input", compare);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("swap").addEventListener("click", () => {
    [form.elements.a.value, form.elements.b.value] = [form.elements.b.value, form.elements.a.value];
    compare();
  });
  document.getElementById("file").addEventListener("change", (event) => {
    if (event.target.files.length) read(event.target.files[0]);
    event.target.value = ""; // so that the same file, run anew, can be chosen again
  });
  const drop = document.getElementById("drop");
  for (const name of ["dragover", "dragleave", "drop"])
    document.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop") read(event.dataTransfer.files[0]);
    });
  addEventListener("hashchange", restore);
  if (kernels.length) restore();
})();
