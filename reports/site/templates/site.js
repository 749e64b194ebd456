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
site.address = (claim) => claim[7] || `claim/${claim[0]}.html`;
site.words = { h: "holds", d: "differs", u: "unclaimed", b: "blocked", x: "broken", "-": "not asked" };

(() => {
  const input = document.getElementById("search");
  const list = document.getElementById("found");
  const most = 12;
  let entries = null;
  let at = -1;

  function prepare() {
    const { claims, options, pages, kernels } = site.index;
    const newest = claims.map((claim) => claim[4] & 1);
    const all = [];
    for (const name of options) all.push([name, `option/${name}.html`, "option", 0]);
    const errnos = new Set(claims.flatMap((claim) => claim[6]));
    for (const errno of [...errnos].sort()) all.push([errno, `errors.html#${errno}`, "error: when it comes", 0]);
    for (const [page, title, address] of pages)
      if (address) all.push([`${title} ${page}`, address, "document, sentence by sentence", 0, title]);
    const series = new Map(kernels.map((kernel) => [kernel[3], kernel]));
    for (const [label, kernel] of series)
      all.push([`${kernel[4] ? "Linux " : ""}${label}`, `matrix.html#kernel=${encodeURIComponent(label)}&verdict=d`, "what differs there", 0]);
    const turns = claims.some((claim) => claim[4] & 2);
    if (turns) all.push(["changes between kernels", "changes.html", "", 0]);
    all.push(["compare two kernels", "compare.html", "", 0], ["where the documentation is wrong", "findings.html", "", 0]);
    claims.forEach((claim, place) => all.push([`${claim[1]} ${claim[0]}`, site.address(claim), claim[0], 1, claim[1], newest[place]]));
    entries = all.map((one) => [one[0].toLowerCase(), one]);
  }

  function find(asked) {
    const parts = asked.toLowerCase().split(/\s+/).filter(Boolean);
    const found = [];
    for (const [text, one] of entries) {
      if (!parts.every((part) => text.includes(part))) continue;
      const name = one[0].toLowerCase();
      const first = parts[0];
      const fit = name === parts.join(" ") ? 0 : name.startsWith(first) && !one[3] ? 1 : one[3] ? 3 : 2;
      found.push([fit, one]);
    }
    return found.sort((a, b) => a[0] - b[0]).slice(0, most).map((one) => one[1]);
  }

  function show() {
    list.replaceChildren();
    at = -1;
    input.removeAttribute("aria-activedescendant");
    const asked = input.value.trim();
    const found = asked && entries ? find(asked) : [];
    found.forEach((one, place) => {
      const link = document.createElement("a");
      link.href = site.root + one[1];
      link.id = `found-${place}`;
      link.setAttribute("role", "option");
      link.setAttribute("aria-selected", "false");
      link.tabIndex = -1;
      link.textContent = one[4] ?? one[0];
      if (one[2]) {
        const small = document.createElement("small");
        small.textContent = ` ${one[2]}${one[5] ? " · not so on the newest kernel" : ""}`;
        link.append(small);
      }
      list.append(link);
    });
    list.hidden = found.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    if (found.length) choose(0);
  }

  function choose(place) {
    const links = list.children;
    if (!links.length) return;
    links[at]?.setAttribute("aria-selected", "false");
    at = (place + links.length) % links.length;
    links[at].setAttribute("aria-selected", "true");
    links[at].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", links[at].id);
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
    else if (event.key === "Escape") { list.hidden = true; input.setAttribute("aria-expanded", "false"); return; }
    else return;
    event.preventDefault();
  });
  input.form.addEventListener("submit", (event) => {
    event.preventDefault();
    ready().then(() => {
      show();
      const link = list.children[Math.max(at, 0)];
      location.href = link ? link.href : `${site.root}matrix.html#q=${encodeURIComponent(input.value)}`;
    });
  });
  document.addEventListener("click", (event) => {
    if (!input.form.contains(event.target)) list.hidden = true;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      input.focus();
    }
  });
})();
