const units = { k: 1e3, M: 1e6, G: 1e9, T: 1e12, ms: 0.001, min: 60, h: 3600, d: 86400 };
// Of "24 of 90", the first number counts.
const number = text => [...text.split(" of ")[0].replace(/,/g, "").matchAll(/([\d.]+)\s*(ms|min|[kMGThd])?/g)]
  .reduce((sum, [, digits, unit]) => sum + digits * (units[unit] ?? 1), 0) * (text.includes("-") ? -1 : 1);
for (const head of document.querySelectorAll("thead th")) {
  const button = document.createElement("button");
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const is_number = head.classList.contains("n");
    const was = head.getAttribute("aria-sort");
    const order = was ? (was === "descending" ? "ascending" : "descending") : (is_number ? "descending" : "ascending");
    head.parentNode.querySelectorAll("[aria-sort]").forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", order);
    const body = head.closest("table").tBodies[0];
    const text = row => row.cells[head.cellIndex].textContent;
    const compare = (a, b) => is_number ? number(text(a)) - number(text(b)) : text(a).localeCompare(text(b));
    const sign = order === "descending" ? -1 : 1;
    [...body.rows].sort((a, b) => sign * compare(a, b)).forEach(row => body.append(row));
  });
}
// The address has the part of the page that is read, and its period: a choice and a reload keep both.
const periods = [...document.querySelectorAll("[name=period]")];
const suffix = /(?:^#?|-)(today|days7|days30|month)$/;
let part = "";
addEventListener("scroll", () => {
  const line = document.querySelector("nav").getBoundingClientRect().bottom + 40;
  const above = head => head.offsetParent && head.getBoundingClientRect().top <= line;
  part = [...document.querySelectorAll("main h2[id]")].filter(above).at(-1)?.id ?? "";
}, { passive: true });
for (const period of periods) {
  period.addEventListener("change", () => {
    const name = part.replace(suffix, "");
    const there = [`${name}-${period.value}`, name].find(id => document.getElementById(id)?.offsetParent);
    location.replace(`#${name && there || period.value}`);
  });
}
const show = () => {
  const [, chosen] = location.hash.match(suffix) ?? [];
  const target = document.getElementById(location.hash.slice(1));
  // A part without a period is of all days, or of the whole page and then visible anyway.
  const is_whole = !location.hash || target && !target.offsetParent;
  const period = periods.find(period => period.value === chosen) ?? (is_whole ? periods[0] : undefined);
  if (period && !period.checked) {
    period.checked = true;
    target?.scrollIntoView();
  }
};
addEventListener("hashchange", show);
show();
