(function () {
  "use strict";
  const field = document.getElementById("find"), order = document.getElementById("order");
  const said = document.getElementById("found"), all = [...document.querySelectorAll("details.feature")];
  const groups = [...document.querySelectorAll(".group")];
  const declared = new Map(groups.map((group) => [group, [...group.querySelectorAll("details.feature")]]));
  function find() {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const one of all) {
      const fits = words.every((word) => one.dataset.find.includes(word));
      one.hidden = !fits;
      count += fits;
    }
    for (const group of groups) group.hidden = !group.querySelector("details.feature:not([hidden])");
    said.textContent = count.toLocaleString("en") + " of " + all.length.toLocaleString("en");
  }
  const together = document.createElement("div");
  together.className = "group";
  groups[groups.length - 1]?.after(together);
  function sort() {
    const rows = [...all];
    if (order.value === "name") rows.sort((a, b) => a.dataset.name.localeCompare(b.dataset.name));
    if (order.value === "importance") rows.sort((a, b) => b.dataset.importance - a.dataset.importance);
    if (order.value) together.append(...rows);
    else for (const group of groups) group.append(...declared.get(group));
    find();
  }
  field.addEventListener("input", find);
  order.addEventListener("change", sort);
  field.closest(".finder").hidden = false;
  addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== field) { event.preventDefault(); field.focus(); }
  });
  function open() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.matches("details.feature")) target.open = true;
  }
  addEventListener("hashchange", open);
  open();
})();
