"use strict";
// Search, on every page. What it searches is loaded when somebody begins to.
site.load = (name) => {
  site.loading ??= {};
  return (site.loading[name] ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = site.root + name;
    script.onload = done;
    script.onerror = () => failed(new Error(`${name} cannot be loaded`));
    document.head.append(script);
  }));
};
site.way = (kernel) => kernel[2].split(":")[0];
site.address = (claim) => claim[7] || `claim/${claim[0]}.html`;

(() => {
  const input = document.getElementById("search");
  const list = document.getElementById("found");
  const most = 12;
  // What questions are made of beside the thing that is asked for.
  const filling = new Set(
    ("a about an and are as at be between by can changed commit did do does exact for from get gets give gives has have how i in into is it its " +
      "kernel kernels linux me my no not of on or really say says set so that the then there this to what when where which who why will with wrong you")
      .split(" "));
  let entries = null;
  let series = null;
  let known = null;
  let at = -1;
  let shown = "";

  function prepare() {
    const { claims, options, pages, kernels } = site.index;
    entries = [];
    // rank: what is about the whole thing comes before a single claim of it, and what a document says before what none does
    const add = (title, address, about, text, rank, id = "") =>
      entries.push({ title, address, about, text: text.toLowerCase(), name: title.toLowerCase(), id: id.toLowerCase(), rank });
    for (const name of options) add(name, `option/${name}.html`, "option", name, 0);
    const where = new Map();
    for (const claim of claims)
      for (const errno of claim[6]) {
        if (!where.has(errno)) where.set(errno, new Set());
        where.get(errno).add(pages[claim[2]].slice(0, 2).join(" "));
      }
    for (const errno of [...where.keys()].sort()) add(errno, `errors.html#${errno}`, "error: when it comes", `${errno} ${[...where.get(errno)].join(" ")}`, 0);
    for (const [page, title, address] of pages) if (address) add(title, address, "document, sentence by sentence", `${title} ${page}`, 1);
    add("What changed between kernels", "changes.html", "", "what changed between kernels, changes", 1);
    add("Compare two kernels", "compare.html", "or a run of your own", "compare two kernels, a run of my own", 1);
    add("Where the documentation is wrong", "findings.html", "", "where the documentation is wrong, findings", 1);
    add("Kernels that answered", "kernels.html", "and what was blocked there", "which kernels answered, blocked", 1);
    for (const claim of claims) add(claim[1] || claim[0], site.address(claim), claim[4] & 1 ? `${claim[0]} · not so on the newest kernel` : claim[0], `${claim[1]} ${claim[0]}`, (claim[4] & 1 ? 2 : 3) + (pages[claim[2]][2] ? 0 : 2), claim[0]);
    series = new Map();
    for (const kernel of kernels)
      for (const name of [kernel[3], kernel[1], kernel[2]]) {
        const key = name.toLowerCase();
        if (!series.has(key)) series.set(key, kernel);
      }
    known = new Map(options.map((name) => [name.toLowerCase(), name]));
  }

  const linux = (kernel) => (kernel[4] ? `Linux ${kernel[3]}` : kernel[3]);
  const link = (page, values) => `${page}#${new URLSearchParams(values)}`;

  // Answers to questions that name kernels.
  function* onKernels(kernels, parts) {
    const [kernel, other] = kernels;
    if (!kernel) return;
    if (other) {
      const [a, b] = alike(kernel, other);
      yield { title: `Compare ${linux(kernel)} and ${linux(other)}`, address: link("compare.html", { a: a[0], b: b[0] }), about: "what changed" };
    }
    const option = parts.map((part) => known.get(part)).find(Boolean);
    if (option) yield { title: `${option} on ${linux(kernel)}`, address: link("matrix.html", { option, kernel: kernel[3] }), about: "its claims there" };
    if (parts.includes("blocked")) yield { title: `What is blocked on ${linux(kernel)}, and why`, address: `kernels.html#blocked-${kernel[0]}`, about: "" };
    const letter = Object.keys(site.words).find((one) => parts.includes(site.words[one])) ?? (parts.length ? null : "d");
    if (letter) yield { title: `What ${letter === "h" || letter === "d" ? "" : "is "}${site.words[letter]} on ${linux(kernel)}`, address: link("matrix.html", { verdict: letter, kernel: kernel[3] }), about: "" };
  }

  function find(asked) {
    const all = asked.toLowerCase().split(/\s+/).map((part) => part.replace(/^["'(]+|[?!,;:."']+$/g, "")).filter(Boolean);
    const telling = all.filter((part) => !filling.has(part));
    const parts = telling.length ? telling : all;
    const kernels = [...new Map(parts.map((part) => series.get(part)).filter(Boolean).map((one) => [one[3], one])).values()];
    const rest = kernels.length ? parts.filter((part) => !series.has(part)) : parts;
    const first = [...onKernels(kernels, rest)];
    if (!rest.length) return first;
    let found = [];
    let best = 1;
    for (const entry of entries) {
      let met = 0;
      let fit = 0;
      for (const part of rest) {
        if (!entry.text.includes(part)) continue;
        met += 1;
        if (entry.name === part) fit += 4;
        else if (entry.name.startsWith(part) && entry.rank < 2) fit += 2;
        else if (entry.id.includes(part)) fit += 1;
      }
      if (met < best) continue;
      if (met > best) { best = met; found = []; }
      found.push([fit, entry]);
    }
    if (/\b(not so|wrong|differs?|untrue)\b/i.test(asked))
      found = found.map(([fit, one]) => [fit, one.address.startsWith("document/") ? { ...one, address: `${one.address}#differs` } : one]);
    found.sort((a, b) => b[0] - a[0] || a[1].rank - b[1].rank);
    return [...first, ...found.slice(0, most).map((one) => one[1])];
  }

  // Of runs of two series, those that were made the same way: these were asked the same claims.
  function alike(one, other) {
    const of = (kernel) => site.index.kernels.filter((run) => run[3] === kernel[3]);
    for (const a of of(one)) for (const b of of(other)) if (site.way(a) === site.way(b)) return [a, b];
    return [one, other];
  }

  function show() {
    list.replaceChildren();
    at = -1;
    input.removeAttribute("aria-activedescendant");
    const asked = input.value.trim();
    shown = asked;
    const found = asked && entries ? find(asked) : [];
    found.forEach((one, place) => {
      const line = document.createElement("a");
      line.href = site.root + one.address;
      line.id = `found-${place}`;
      line.setAttribute("role", "option");
      line.setAttribute("aria-selected", "false");
      line.tabIndex = -1;
      line.textContent = one.title;
      if (one.about) {
        const small = document.createElement("small");
        small.textContent = ` ${one.about}`;
        line.append(small);
      }
      list.append(line);
    });
    list.hidden = found.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    if (found.length) choose(0);
  }

  function choose(place) {
    const lines = list.children;
    if (!lines.length) return;
    lines[at]?.setAttribute("aria-selected", "false");
    at = (place + lines.length) % lines.length;
    lines[at].setAttribute("aria-selected", "true");
    // Within the list: the page itself is not to move.
    if (lines[at].offsetTop < list.scrollTop) list.scrollTop = lines[at].offsetTop;
    const below = lines[at].offsetTop + lines[at].offsetHeight - list.clientHeight;
    if (below > list.scrollTop) list.scrollTop = below;
    input.setAttribute("aria-activedescendant", lines[at].id);
  }

  function hide() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
  }

  async function ready() {
    if (entries) return;
    if (!site.index) await site.load("data/index.js");
    if (!entries) prepare();
  }

  input.addEventListener("focus", () => ready().then(() => input.value && show()));
  input.addEventListener("input", () => ready().then(show));
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(at + 1);
    else if (event.key === "ArrowUp") choose(at - 1);
    else if (event.key === "Escape") { hide(); return; }
    else return;
    event.preventDefault();
  });
  input.form.addEventListener("submit", (event) => {
    event.preventDefault();
    ready().then(() => {
      if (!input.value.trim()) return;
      if (shown !== input.value.trim()) show();
      const line = list.children[Math.max(at, 0)];
      hide();
      location.href = line ? line.href : `${site.root}matrix.html#q=${encodeURIComponent(input.value.trim())}`;
    });
  });
  document.addEventListener("click", (event) => {
    if (!input.form.contains(event.target)) hide();
    else if (list.contains(event.target)) hide(); // the place that it leads to may be on this page
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      input.focus();
    }
  });
})();
