// Draws the points of a layout with plotly; shows the picture under the pointer; tells Python what was lassoed or clicked.
// Coordinates and names are fetched by address, so that no redraw of the page sends them again.

const SHAPES = ["circle", "diamond", "square", "cross", "x"];  // a second sign beside the colour: five colours, then again
const FLAT_MOST = 5000;   // points that a browser without WebGL can draw
const CHOSEN_MOST = 1000; // points of a lasso that are sent; the count is always of all
const NARROW_PX = 640, LEGEND_LINE_PX = 19;

const fetched = new Map();   // address -> promise of its content
const states = new WeakMap(); // place on the page -> what is drawn there
let script = null;

export default function (component) {
  const root = component.parentElement.querySelector(".loupe-map");
  const state = states.get(root) || { turn: 0, picture: null, chosen: null };
  states.set(root, state);
  state.component = component;
  draw(root, state).catch((error) => say(root, `The map could not be drawn: ${error.message}`));
  return () => {
    if (state.plot && window.Plotly) window.Plotly.purge(state.plot);
    state.watcher?.disconnect();
  };
}

async function draw(root, state) {
  const data = state.component.data;
  const turn = ++state.turn;
  leave(root, state); // what was under the pointer may lie elsewhere now
  const [Plotly, coordinates] = await Promise.all([plotly(data.plotly), floats(data.points)]);
  if (turn !== state.turn) return; // a newer one is on its way
  const theme = themeOf(root);
  const webgl = hasWebgl();
  if (data.dims === 3 && !webgl) return say(root, "This browser has no WebGL, which the 3-D view needs. Choose a 2-D view.");
  const shown = webgl ? data.n : Math.min(data.n, FLAT_MOST);
  say(root, shown < data.n ? `This browser has no WebGL: ${shown} of ${data.n} points are drawn.` : "");
  if (state.chosen && state.chosen.points !== data.layout) state.chosen = null;
  const { traces, indices } = tracesOf(data, coordinates, theme, state, shown, webgl, isNarrow(root));
  state.indices = indices;
  state.plot = root.querySelector(".loupe-map-plot");
  state.plot.style.height = isNarrow(root) ? `${root.clientWidth + LEGEND_LINE_PX * (data.groups.length + 3)}px` : ""; // the legend lies below
  await Plotly.react(state.plot, traces, layoutOf(data, theme, root), {
    responsive: true, displaylogo: false, displayModeBar: isNarrow(root) || "hover", scrollZoom: true, doubleClick: "reset+autosize",
    modeBarButtons: [data.dims === 3 ? ["orbitRotation", "pan3d", "zoom3d", "resetCameraDefault3d"]
      : ["lasso2d", "select2d", "pan2d", "zoom2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
  });
  if (!state.listening) listen(root, state);
  root.dataset.drawn = data.points; // what tests and measurements wait for
  root.dataset.count = String(shown);
}

function tracesOf(data, xyz, theme, state, shown, webgl, narrow) {
  const flat = data.dims === 2;
  const type = flat ? (webgl ? "scattergl" : "scatter") : "scatter3d";
  const codes = bytes(data.codes);
  const first = data.captions_from;
  const rows = data.groups.map(() => []);
  for (let i = 0; i < Math.min(first, shown); i++) rows[codes[i]].push(i);
  const size = pointSize(shown, flat) * (narrow ? 0.75 : 1);
  const traces = [];
  const indices = []; // of each trace, the points it holds
  const add = (which, trace) => {
    indices.push(which);
    traces.push({ type, mode: "markers", hoverinfo: "none", ...columns(which, xyz, data.dims), ...trace });
  };
  // The legend's signs are full, however pale the points are: a trace without points speaks for each group.
  const group = (which, name, legendrank, marker) => {
    const ghost = Object.fromEntries(axes(data.dims).map((axis) => [axis, [null]]));
    add([], { ...ghost, name, legendrank, legendgroup: String(legendrank), hoverinfo: "skip", marker: { ...marker, opacity: 1 } });
    add(which, {
      name, legendgroup: String(legendrank), showlegend: false, marker,
      ...(flat && state.chosen ? { selectedpoints: within(which, state.chosen.set) } : {}),
      ...(flat ? { unselected: { marker: { opacity: 0.12 } } } : {}),
    });
  };
  // What the legend has no room for lies beneath all the others, and stands below them in the legend.
  const order = data.groups.map((group, code) => [group, code]).sort(([a], [b]) => b.other - a.other);
  order.forEach(([{ name, count, other }, code]) => group(rows[code], `${short(name)} (${count.toLocaleString("en")})`, other ? 1100 : 1000 + code, {
    size: size * (flat ? 1 : 0.8), color: other ? theme.faint : theme.palette[code % theme.palette.length],
    symbol: flat ? SHAPES[Math.floor(code / 5) % SHAPES.length] : ["circle", "diamond"][Math.floor(code / 5) % 2],
    opacity: opacityOf(data, shown), line: { width: 0 },
  }));
  if (first < shown) {
    const captions = Array.from({ length: shown - first }, (_, i) => first + i);
    group(captions, `Captions (${(data.n - first).toLocaleString("en")})`, 1200, {
      size: flat ? size + 1 : size * 0.7, color: theme.faint, symbol: flat ? "cross-thin-open" : "cross", opacity: opacityOf(data, shown) / 2,
    });
  }
  if (data.question) question(data, xyz, theme, flat, add);
  return { traces, indices };
}

function question(data, xyz, theme, flat, add) {
  const at = data.question.at;
  const hits = data.question.hits;
  const path = axes(data.dims).map((axis, d) => [axis, hits.flatMap((hit) => [at[d], xyz[hit * data.dims + d], null])]);
  const always = flat ? { unselected: { marker: { opacity: 1 } } } : {};
  add([], { ...Object.fromEntries(path), mode: "lines", hoverinfo: "skip", showlegend: false,
            line: { color: theme.text, width: flat ? 1 : 2 }, opacity: 0.6 });
  add(hits, { name: `Its ${hits.length} hits`, legendrank: 901, ...always,
              marker: { color: theme.text, symbol: "circle-open", size: flat ? 11 : 7, line: { color: theme.text, width: 1.5 } } });
  add([], { ...Object.fromEntries(axes(data.dims).map((axis, d) => [axis, [at[d]]])), name: "Your question", legendrank: 900,
            hoverinfo: "skip", mode: "markers+text", text: [short(data.question.text)], textposition: "top center",
            textfont: { color: theme.text, size: 13 },
            ...(flat ? { unselected: { marker: { opacity: 1 }, textfont: { color: theme.text } } } : {}),
            marker: { size: flat ? 15 : 9, color: theme.text, symbol: flat ? "star" : "diamond", line: { color: theme.ground, width: 1.5 } } });
}

function layoutOf(data, theme, root) {
  const narrow = isNarrow(root);
  const axis = (title) => ({
    title: { text: title, font: { size: 12, color: theme.quiet } }, showticklabels: false, zeroline: false, showline: false,
    gridcolor: theme.line, showbackground: false, showspikes: false,
  });
  const titles = data.axes;
  return {
    autosize: true, uirevision: data.points, hovermode: "closest", hoverdistance: 12,
    dragmode: data.dims === 3 ? "orbit" : narrow ? "pan" : "lasso",
    margin: { l: 8, r: 8, t: 28, b: 8 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: theme.font, color: theme.text, size: 13 },
    legend: { itemsizing: "constant", tracegroupgap: 0, bgcolor: "rgba(0,0,0,0)", ...(narrow ? { orientation: "h", y: -0.02, yanchor: "top", x: 0, font: { size: 11 } } : {}) },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: theme.quiet, activecolor: theme.accent },
    newselection: { line: { color: theme.accent, width: 1.5 } },
    ...(data.dims === 3
      ? { scene: { camera: { eye: { x: 1.15, y: 1.15, z: 0.9 } }, xaxis: axis(titles[0]), yaxis: axis(titles[1]), zaxis: axis(titles[2]), aspectmode: "data" } }
      : { xaxis: axis(titles[0]), yaxis: { ...axis(titles[1]), scaleanchor: "x" } }),
  };
}

function listen(root, state) {
  state.listening = true;
  const tip = root.querySelector(".loupe-map-tip");
  const where = (event) => state.indices[event.points[0].curveNumber]?.[event.points[0].pointNumber];
  state.plot.on("plotly_hover", (event) => {
    const index = where(event);
    if (index !== undefined) show(root, state, tip, index, event.event);
  });
  state.plot.on("plotly_unhover", () => leave(root, state));
  root.addEventListener("pointerleave", () => leave(root, state));
  state.plot.on("plotly_click", (event) => {
    const index = where(event);
    if (index !== undefined) state.component.setTriggerValue("opened", { layout: state.component.data.layout, index });
  });
  state.plot.on("plotly_selected", (event) => {
    const found = event ? new Set(event.points.map((p) => state.indices[p.curveNumber]?.[p.pointNumber]).filter((i) => i !== undefined)) : new Set();
    choose(state, found);
  });
  state.plot.on("plotly_deselect", () => choose(state, new Set()));
}

function choose(state, found) {
  const layout = state.component.data.layout;
  if (!found.size && !state.chosen) return;
  state.chosen = found.size ? { points: layout, set: found } : null;
  const sorted = [...found].sort((a, b) => a - b);
  state.component.setStateValue("lasso", { layout, count: found.size, indices: sorted.slice(0, CHOSEN_MOST) });
}

function leave(root, state) {
  state.under = null;
  root.querySelector(".loupe-map-tip").hidden = true;
}

async function show(root, state, tip, index, pointer) {
  state.under = index;
  const box = root.getBoundingClientRect();
  const x = Math.min(Math.max((pointer?.clientX ?? box.left) - box.left + 14, 0), Math.max(box.width - 190, 0));
  const below = (pointer?.clientY ?? box.top) - box.top;
  const about = await json(`${state.component.data.point}${index}`);
  if (state.under !== index || !about) return;
  const image = tip.querySelector("img");
  if (image.getAttribute("src") !== about.thumbnail) image.src = about.thumbnail;
  image.alt = about.title;
  tip.querySelector("span").textContent = about.title;
  tip.hidden = false;
  tip.style.left = `${x}px`;
  tip.style.top = `${below > box.height / 2 ? Math.max(below - tip.offsetHeight - 14, 0) : below + 14}px`;
}

// -- small things

function plotly(url) {
  script ??= new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(window.Plotly);
    const element = document.createElement("script");
    element.src = url;
    element.onload = () => resolve(window.Plotly);
    element.onerror = () => { script = null; reject(new Error("plotly's script did not arrive")); };
    document.head.append(element);
  });
  return script;
}

function remembered(url, read) {
  if (!fetched.has(url)) {
    if (fetched.size > 400) fetched.delete(fetched.keys().next().value);
    fetched.set(url, fetch(url).then(read).catch((error) => { fetched.delete(url); throw error; }));
  }
  return fetched.get(url);
}

function floats(url) {
  return remembered(url, async (answer) => {
    if (!answer.ok) throw new Error("a newer layout has taken its place; it appears in a moment");
    return new Float32Array(await answer.arrayBuffer());
  });
}

const isNarrow = (root) => root.clientWidth < NARROW_PX;
const json = (url) => remembered(url, (answer) => (answer.ok ? answer.json() : null)).catch(() => null);
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const axes = (dims) => ["x", "y", "z"].slice(0, dims);
// Plotly reads its texts as HTML with links.
const short = (text) => (text.length > 28 ? `${text.slice(0, 27)}…` : text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
// Beside a question the points step back; in three dimensions they would hide it.
const opacityOf = (data, shown) => (data.question ? (data.dims === 3 ? 0.2 : 0.45) : shown > 5000 ? 0.7 : 0.85);
const pointSize = (count, flat) => (count > 20000 ? 3 : count > 5000 ? 4 : count > 500 ? 6 : 9) * (flat ? 1 : 0.7);

function columns(which, xyz, dims) {
  return Object.fromEntries(axes(dims).map((axis, d) => {
    const column = new Float32Array(which.length);
    for (let i = 0; i < which.length; i++) column[i] = xyz[which[i] * dims + d];
    return [axis, column];
  }));
}

function within(which, set) {
  const found = [];
  which.forEach((index, place) => { if (set.has(index)) found.push(place); });
  return found;
}

function hasWebgl() {
  try { return Boolean(document.createElement("canvas").getContext("webgl")); } catch { return false; }
}

function themeOf(root) {
  const style = getComputedStyle(root);
  const value = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
  const ground = value("--st-background-color", "#ffffff");
  const text = value("--st-text-color", "#182124");
  const palettes = states.get(root).component.data.palettes;
  return {
    ground, text, accent: value("--st-primary-color", "#0b6e6e"), line: value("--st-border-color", "#dfe6e6"),
    quiet: mix(text, ground, 0.35), faint: mix(text, ground, 0.62), font: value("--st-font", "sans-serif"),
    palette: bright(ground) > 0.5 ? palettes.light : palettes.dark,
  };
}

function rgb(color) {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  canvas.fillStyle = color;
  return [1, 3, 5].map((i) => parseInt(canvas.fillStyle.slice(i, i + 2), 16));
}

const bright = (color) => rgb(color).reduce((sum, part) => sum + part, 0) / 765;
const mix = (a, b, share) => `rgb(${rgb(a).map((part, i) => Math.round(part * (1 - share) + rgb(b)[i] * share)).join(",")})`;

function say(root, text) {
  const place = root.querySelector(".loupe-map-word");
  place.textContent = text;
  place.hidden = !text;
}
