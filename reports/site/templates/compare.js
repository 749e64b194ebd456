"use strict";
// Two kernels side by side. Answers are loaded for the two that are asked; a run of the user's own stays here.
(() => {
  const { claims, kernels } = site.index;
  const form = document.getElementById("pair");
  const table = document.getElementById("differences");
  const said = document.getElementById("said");
  const answers = new Map();
  const names = new Map(kernels.map((kernel) => [kernel[0], `${kernel[1]} (${kernel[2]})`]));
  const letters = { HOLDS: "h", DIFFERS: "d", BLOCKED: "b", BROKEN: "x" };
  const largest = 64 * 1024 * 1024;

  site.answers = (name, values) => answers.set(name, values);

  const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));
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

  function chip(letter) {
    const span = document.createElement("span");
    span.className = `chip ${site.words[letter]}`;
    span.textContent = site.words[letter];
    return span;
  }

  function cellOf(letter, values, changed) {
    const cell = document.createElement("td");
    cell.append(chip(letter));
    for (const name of changed) {
      const line = document.createElement("div");
      line.className = "meta";
      line.textContent = `${name} = ${name in values ? text(values[name]) : "not observed"}`;
      cell.append(line);
    }
    return cell;
  }

  function draw(a, b) {
    const [before, after] = [answers.get(a), answers.get(b)];
    const rows = [];
    let same = 0;
    for (const claim of claims) {
      const [one, other] = [before[claim[0]], after[claim[0]]];
      if (!one || !other) continue;
      const values = moved(one[1] ?? {}, other[1] ?? {});
      const verdict = one[0] !== other[0];
      if (!verdict && !(form.elements.values.checked && values.length)) { same += 1; continue; }
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      const link = document.createElement("a");
      link.href = site.address(claim);
      link.textContent = claim[1] || claim[0];
      head.append(link);
      row.append(head, cellOf(one[0], one[1] ?? {}, values), cellOf(other[0], other[1] ?? {}, values));
      rows.push([verdict ? 0 : 1, row]);
    }
    rows.sort((x, y) => x[0] - y[0]);
    table.innerHTML = "<thead><tr><th scope='col'>Claim</th><th scope='col'></th><th scope='col'></th></tr></thead>";
    const heads = table.querySelectorAll("th");
    heads[1].textContent = names.get(a);
    heads[2].textContent = names.get(b);
    const body = document.createElement("tbody");
    body.append(...rows.map((one) => one[1]));
    table.append(body);
    document.getElementById("count").textContent = `${rows.length} changed, ${same} the same`;
  }

  function compare() {
    const [a, b] = [form.elements.a.value, form.elements.b.value];
    Promise.all([known(a), known(b)]).then(() => draw(a, b), (error) => { said.textContent = error.message; });
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

  function take(name, content) {
    const own = {};
    let header = null;
    let broken = 0;
    for (const line of content.split("\n")) {
      if (!line.trim()) continue;
      let one;
      try { one = JSON.parse(line); } catch { broken += 1; continue; }
      if (one?.kind === "header") header = one;
      else if (one?.kind === "answer" && typeof one.claim === "string" && one.verdict in letters)
        own[one.claim] = [letters[one.verdict], typeof one.observations === "object" && one.observations ? one.observations : {}];
    }
    const answered = Object.keys(own).length;
    if (!header || header.schema !== 2 || !answered) {
      said.textContent = `${name} is no run of this suite: a run is the JSON lines (schema 2) that the suite writes into build/runs.`;
      return;
    }
    const stem = `own:${name}`;
    answers.set(stem, own);
    names.set(stem, `${String(header.release)} (yours: ${name})`);
    offer(stem);
    const here = series(header);
    const reference = kernels.find((kernel) => kernel[3] === here) ?? kernels[kernels.length - 1];
    form.elements.a.value = reference[0];
    form.elements.b.value = stem;
    const unknown = Object.keys(own).filter((id) => !claims.some((claim) => claim[0] === id)).length;
    said.textContent = `${name}: ${answered} answers, held against ${names.get(reference[0])}` +
      `${reference[3] === here ? "" : `, since no run of ${here} is here`}.` +
      `${unknown ? ` ${unknown} are of claims that are not here.` : ""}${broken ? ` ${broken} lines could not be read.` : ""}`;
    compare();
  }

  function read(file) {
    if (!file) return;
    if (file.size > largest) { said.textContent = `${file.name} is larger than any run: 64 MiB at most.`; return; }
    file.text().then((content) => take(file.name, content), () => { said.textContent = `${file.name} cannot be read.`; });
  }

  for (const [stem] of kernels) offer(stem);
  const want = new URLSearchParams(location.hash.slice(1));
  const linux = kernels.filter((kernel) => kernel[4]);
  const chosen = (name, other) => (names.has(want.get(name)) ? want.get(name) : other?.[0]);
  form.elements.a.value = chosen("a", linux[0] ?? kernels[0]);
  form.elements.b.value = chosen("b", linux[linux.length - 1] ?? kernels[0]);
  form.elements.values.checked = want.get("values") === "1";
  form.addEventListener("input", compare);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("swap").addEventListener("click", () => {
    [form.elements.a.value, form.elements.b.value] = [form.elements.b.value, form.elements.a.value];
    compare();
  });
  document.getElementById("file").addEventListener("change", (event) => read(event.target.files[0]));
  const drop = document.getElementById("drop");
  for (const name of ["dragover", "dragleave", "drop"])
    document.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop") read(event.dataTransfer.files[0]);
    });
  if (kernels.length) compare();
})();
