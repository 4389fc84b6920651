"use strict";
// Draws the figures when they come into view, and lets the table and the figures speak of the same
// trials: one may be marked, and brushes of the parallel coordinates choose rows of the table.
(() => {
  const byId = (id) => document.getElementById(id);
  const figures = new Map(JSON.parse(byId("figures").textContent).map((each) => [each.name, each]));
  const drawn = new Map();
  // A page of several searches has no table of trials, and nothing to mark.
  const table = byId("trials-table");
  const body = table?.tBodies[0];
  const rows = [...(body?.rows ?? [])];
  const rowOf = new Map(rows.map((row) => [row.dataset.trial, row]));
  const darkness = matchMedia("(prefers-color-scheme: dark)");
  const config = { displaylogo: false, responsive: true, displayModeBar: false };
  let marked = null;
  let brushed = null;
  let printing = false;

  // The plots

  const colour = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  // On paper a plot gets a width of its own: it would wait for the window to change.
  function themed(layout, box) {
    const text = printing ? "#000000" : colour("text");
    const line = printing ? "#cccccc" : colour("line");
    const page = printing ? "#ffffff" : colour("page");
    const themedLayout = {
      margin: { l: 55, r: 15, t: 30, b: 45 },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
      uirevision: "kept",
      hovermode: "closest",
      ...layout,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: text, size: 12 },
      hoverlabel: { bgcolor: page, bordercolor: line, font: { color: text } },
      autosize: true,
    };
    if (printing && box) themedLayout.width = box.clientWidth;
    for (const axis of ["xaxis", "yaxis"]) {
      const lines = { gridcolor: line, linecolor: line, zerolinecolor: line };
      themedLayout[axis] = { ...layout[axis], ...lines };
    }
    return themedLayout;
  }

  const isParallel = (figure) => figure.data[0]?.type === "parcoords";
  // The axis of the trials' numbers comes first until the reader moves an axis.
  let trialsAxis = null;
  // By the axes, the values of all trials: of very many, some have no line.
  const valuesOf = new Map();

  function hasWebGL() {
    try {
      return Boolean(document.createElement("canvas").getContext("webgl"));
    } catch {
      return false;
    }
  }

  function draw(name) {
    const figure = figures.get(name);
    const box = byId(`plot-${name}`);
    if (!figure || drawn.has(name)) return;
    if (isParallel(figure) && !hasWebGL()) {
      box.textContent = "This browser has no WebGL, which this plot needs; the values are in the table.";
      box.classList.add("no-webgl");
      box.style.height = "auto";
      figures.delete(name);
      return;
    }
    drawn.set(name, box);
    Plotly.newPlot(box, withMark(figure), themed(figure.layout, box), config);
    box.on("plotly_click", (event) => {
      const trial = event.points.map((point) => point.customdata).find((each) => each != null);
      if (trial != null) mark(String(trial));
    });
    if (isParallel(figure)) {
      [trialsAxis] = box.data[0].dimensions;
      box.data[0].dimensions.forEach((axis, place) => {
        valuesOf.set(axis, [...axis.values, ...(figure.undrawn[place] ?? [])]);
      });
      box.on("plotly_restyle", () => brush(box.data[0].dimensions));
      markParallel(box);
    }
  }

  function redraw() {
    for (const [name, box] of drawn) {
      const figure = figures.get(name);
      const { font, width } = themed({}, box);
      if (isParallel(figure)) Plotly.relayout(box, { "font.color": font.color, width, autosize: true });
      else Plotly.react(box, withMark(figure), themed(figure.layout, box), config);
    }
  }

  // The traces of a figure, and the points of the marked trial once more above them.
  function withMark(figure) {
    if (marked === null || isParallel(figure)) return figure.data;
    const above = [];
    for (const trace of figure.data) {
      const places = [];
      (trace.customdata ?? []).forEach((trial, place) => {
        if (String(trial) === marked) places.push(place);
      });
      if (places.length) above.push(overlay(trace, places));
    }
    return [...figure.data, ...above];
  }

  function overlay(trace, places) {
    const pick = (values) => places.map((place) => values[place]);
    const strong = printing ? "#000000" : colour("text");
    const common = { type: trace.type, x: pick(trace.x), y: pick(trace.y), name: "marked" };
    Object.assign(common, { showlegend: false, hoverinfo: "skip" });
    if (trace.type === "bar") {
      const marker = { color: strong };
      return { ...common, base: pick(trace.base), orientation: trace.orientation, marker };
    }
    const marker = { size: 16, symbol: "circle-open", color: strong, line: { width: 3 } };
    return { ...common, mode: trace.mode, marker, line: { color: strong, width: 4 } };
  }

  // The marked trial

  function mark(trial) {
    const before = rowOf.get(marked);
    before?.classList.remove("marked");
    before?.querySelector(".mark").setAttribute("aria-pressed", "false");
    marked = trial === marked || !rowOf.has(trial) ? null : trial;
    byId("marked").hidden = marked === null;
    byId("marked-text").textContent = marked === null ? "" : `Trial ${marked} is marked. `;
    const row = rowOf.get(marked);
    if (row) {
      row.classList.add("marked");
      row.querySelector(".mark").setAttribute("aria-pressed", "true");
    }
    show();
    if (row) {
      const box = table.parentElement;
      const top = row.offsetTop - table.tHead.offsetHeight;
      const isSeen = top >= box.scrollTop && row.offsetTop + row.offsetHeight <= box.scrollTop + box.clientHeight;
      if (!isSeen) box.scrollTop = top;
    }
    for (const [name, box] of drawn) {
      const figure = figures.get(name);
      if (isParallel(figure)) markParallel(box);
      else Plotly.react(box, withMark(figure), themed(figure.layout, box), config);
    }
  }

  // In the parallel coordinates the marked trial is a brush of the axis of the trials' numbers.
  function markParallel(box) {
    const range = marked === null ? null : [[Number(marked) - 0.5, Number(marked) + 0.5]];
    if (range === null && !trialsAxis.constraintrange) return;
    const place = box.data[0].dimensions.indexOf(trialsAxis);
    Plotly.restyle(box, { [`dimensions[${place}].constraintrange`]: range }, [0]);
  }

  // The table

  function brush(dimensions) {
    const limits = dimensions
      .filter((each) => each.constraintrange?.length && (marked === null || each !== trialsAxis))
      .map((each) => {
        const ranges = each.constraintrange;
        return { values: valuesOf.get(each), ranges: Array.isArray(ranges[0]) ? ranges : [ranges] };
      });
    brushed = limits.length === 0 ? null : new Set();
    valuesOf.get(trialsAxis).forEach((trial, line) => {
      const passes = ({ values, ranges }) =>
        values[line] != null && ranges.some(([low, high]) => values[line] >= low && values[line] <= high);
      if (brushed !== null && limits.every(passes)) brushed.add(String(trial));
    });
    show();
  }

  function show() {
    const tests = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean).map(test);
    let count = 0;
    for (const row of rows) {
      const text = tests.length ? row.textContent.toLowerCase() : "";
      const isChosen = brushed === null || brushed.has(row.dataset.trial);
      const isShown = isChosen && tests.every((passes) => passes(row, text));
      row.hidden = !isShown && row.dataset.trial !== marked;
      count += isShown;
    }
    byId("count").textContent = `${count} of ${rows.length} trials`;
  }

  // Whether a row passes a word of the filter: it has the word, or fulfils a condition such as
  // lr<0.01 or status=failed, whose name is that of a column.
  function test(word) {
    const [, name, sign, value] = word.match(/^(.+?)(<=|>=|!=|==?|<|>)(.*)$/) ?? [];
    const heads = name === undefined ? [] : [...table.tHead.rows[0].cells];
    const place = heads.findIndex((head) => head.textContent.toLowerCase() === name);
    if (place < 0) return (_, text) => text.includes(word);
    // It is being written.
    if (value === "") return () => true;
    const wanted = Number(value);
    const isSame = (found) =>
      typeof found === "number" ? found === wanted : (found ?? "-").toLowerCase() === value;
    const passes = {
      "<": (found) => found < wanted,
      "<=": (found) => found <= wanted,
      ">": (found) => found > wanted,
      ">=": (found) => found >= wanted,
      "=": isSame,
      "==": isSame,
      "!=": (found) => !isSame(found),
    }[sign];
    const isOrdered = sign[0] === "<" || sign[0] === ">";
    return (row) => {
      const found = key(row.cells[place]);
      return (!isOrdered || typeof found === "number") && passes(found);
    };
  }

  function sort(head) {
    const place = head.cellIndex;
    const order = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const each of table.tHead.rows[0].cells) each.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const keys = new Map(rows.map((row) => [row, key(row.cells[place])]));
    const sorted = [...rows].sort((one, other) => compare(keys.get(one), keys.get(other), sign));
    body.append(...sorted);
  }

  function key(cell) {
    if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
    return cell.textContent === "-" ? null : cell.textContent;
  }

  // Numbers before texts, and what is missing last in both orders.
  function compare(one, other, sign) {
    if (one === null || other === null) return (one === null) - (other === null);
    if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
    return sign * (typeof one === "number" ? one - other : one.localeCompare(other));
  }

  function chooseColumns() {
    for (const head of table.tHead.rows[0].cells) {
      if (head.cellIndex === 0) continue;
      const label = document.createElement("label");
      const box = document.createElement("input");
      box.type = "checkbox";
      box.checked = true;
      box.addEventListener("change", () => {
        for (const row of table.rows) row.cells[head.cellIndex].hidden = !box.checked;
      });
      label.append(box, ` ${head.textContent}`);
      byId("columns").append(label);
    }
  }

  function clear() {
    byId("filter").value = "";
    brushed = null;
    for (const [name, box] of drawn) {
      if (!isParallel(figures.get(name))) continue;
      const ranges = box.data[0].dimensions.map((_, i) => [`dimensions[${i}].constraintrange`, null]);
      Plotly.restyle(box, Object.fromEntries(ranges), [0]);
      markParallel(box);
    }
    show();
  }

  function listen() {
    table.tHead.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) sort(button.closest("th"));
    });
    body.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row && getSelection().isCollapsed) mark(row.dataset.trial);
    });
    for (const button of document.querySelectorAll("[data-mark]")) {
      button.addEventListener("click", () => mark(button.dataset.mark));
    }
    byId("filter").addEventListener("input", show);
    byId("clear").addEventListener("click", clear);
    byId("unmark").addEventListener("click", () => mark(marked));
    chooseColumns();
    show();
  }

  darkness.addEventListener("change", redraw);
  const print = (isPrinting) => () => {
    printing = isPrinting;
    document.documentElement.classList.toggle("printing", printing);
    for (const content of document.querySelectorAll(".scroll > *")) content.style.zoom = "";
    for (const name of [...figures.keys()]) draw(name);
    redraw();
    if (printing) document.querySelectorAll(".scroll > *").forEach(fit);
    else for (const box of drawn.values()) Plotly.Plots.resize(box);
  };
  // What needs more room than the paper has is printed smaller.
  function fit(content) {
    const room = content.parentElement.clientWidth;
    if (content.offsetWidth > room) content.style.zoom = room / content.offsetWidth;
  }
  addEventListener("beforeprint", print(true));
  addEventListener("afterprint", print(false));

  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        watcher.unobserve(entry.target);
        draw(entry.target.id.slice("plot-".length));
      }
    },
    { rootMargin: "500px" },
  );
  for (const name of figures.keys()) watcher.observe(byId(`plot-${name}`));
  if (table) listen();
})();
