// Keys of a page with a grid of pictures. Looks at the page anew at every key, so that no redraw can make it stale.
(() => {
  if (window.loupeKeys) return;
  window.loupeKeys = true;
  const TILE = '[class*="st-key-tile-"]';
  const OPEN = '[class*="st-key-open-"] button';
  const ACTS = { l: '[class*="st-key-thumb-up-"] button', d: '[class*="st-key-thumb-down-"] button' };
  const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
  // What makes use of letters or arrows itself.
  const TYPING = 'input, textarea, select, [contenteditable="true"], [role="textbox"], [role="combobox"], ' +
    '[role="slider"], [role="listbox"], [role="menu"], [role="radiogroup"], [role="tablist"], [role="application"]';
  let last = { name: "", place: 0 }; // the tile that was chosen last: where to go on when a redraw took it away

  const tiles = () => [...document.querySelectorAll(TILE)].filter((tile) => tile.querySelector(OPEN));
  const nameOf = (tile) => [...tile.classList].find((name) => name.startsWith("st-key-tile-")) || "";

  function choose(all, tile) {
    if (!tile) return;
    last = { name: nameOf(tile), place: all.indexOf(tile) };
    tile.querySelector(OPEN).focus({ preventScroll: true });
    tile.scrollIntoView({ block: "nearest" });
  }

  function beside(all, from, key) {
    const place = all.indexOf(from);
    if (key === "ArrowLeft") return all[place - 1];
    if (key === "ArrowRight") return all[place + 1];
    const here = from.getBoundingClientRect();
    const sign = key === "ArrowDown" ? 1 : -1;
    const ways = all.map((tile) => {
      const there = tile.getBoundingClientRect();
      return { tile, rows: sign * (there.top - here.top), aside: Math.abs(there.left - here.left) };
    }).filter((way) => way.rows > 4);
    ways.sort((a, b) => (Math.abs(a.rows - b.rows) > 4 ? a.rows - b.rows : a.aside - b.aside));
    return ways[0]?.tile;
  }

  function start(all) {
    const again = all.find((tile) => nameOf(tile) === last.name);
    if (again) return again;
    if (last.name && all[last.place]) return all[last.place];
    return all.find((tile) => tile.getBoundingClientRect().top >= 0) || all[0];
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.closest(TYPING) || document.querySelector('[role="dialog"]')) return; // a dialog closes with Esc itself
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "/") {
      const box = document.querySelector(".st-key-words input");
      if (box) { event.preventDefault(); box.focus(); box.select(); }
      return;
    }
    const all = tiles();
    if (!all.length) return;
    const chosen = target.closest(TILE);
    const loose = target === document.body || target === document.documentElement;
    if (ARROWS.includes(key) && (chosen || loose || target.closest('[data-testid="stMain"]') === target)) {
      event.preventDefault();
      choose(all, chosen ? beside(all, chosen, key) : start(all));
    } else if (key in ACTS && !event.repeat) {
      const tile = chosen || (loose && last.name && all.find((one) => nameOf(one) === last.name));
      const button = tile && tile.querySelector(ACTS[key]);
      if (button) { event.preventDefault(); choose(all, tile); button.click(); }
    } else if (key === "Escape" && chosen) {
      document.activeElement.blur();
    }
  });
})();
