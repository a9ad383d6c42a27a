(() => {
  "use strict";
  const say = document.body.dataset;
  const button = (text, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", () => act(made));
    return made;
  };

  // Copy what a block of code holds; where the clipboard is shut, by a selection.
  const copy = async (block, made) => {
    try {
      await navigator.clipboard.writeText(block.textContent);
    } catch {
      getSelection().selectAllChildren(block);
      document.execCommand("copy");
      getSelection().removeAllRanges();
    }
    made.textContent = say.copied;
    setTimeout(() => { made.textContent = say.copy; }, 1500);
  };
  for (const block of document.querySelectorAll("pre")) {
    const frame = document.createElement("div");
    frame.className = "copyable";
    block.replaceWith(frame);
    frame.append(block, button(say.copy, made => copy(block, made)));
  }

  // Sort the rows of a table by a column; lines of failures stay below their row.
  const value = (row, place) => {
    const cell = row.cells[place];
    const number = cell && cell.dataset.value;
    return number ? Number(number) : cell ? cell.textContent.trim() : "";
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a.localeCompare(b);
  };
  const sort = (table, head, place) => {
    const rising = head.getAttribute("aria-sort") !== "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const body = table.tBodies[0], groups = [];
    for (const row of body.rows) {
      if (row.classList.contains("failure") && groups.length) groups.at(-1).push(row);
      else groups.push([row]);
    }
    groups.sort((a, b) => (rising ? 1 : -1) * compare(value(a[0], place), value(b[0], place)));
    body.append(...groups.flat());
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, place) => {
      const made = button(head.textContent, () => sort(table, head, place));
      made.title = `${say.sort}: ${head.textContent}`;
      head.replaceChildren(made);
    });
  }

  // Show the value of what is pointed at or touched in a chart, which is else a title of its own.
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const show = event => {
    const mark = event.target.closest && event.target.closest("svg.chart *, .race [data-tip]");
    const title = mark && (mark.dataset.tip || (mark.querySelector(":scope > title") || {}).textContent);
    tip.hidden = !title;
    if (!title) return;
    tip.textContent = title;
    const wide = document.documentElement.clientWidth;
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, wide - tip.offsetWidth - 8))}px`;
    tip.style.top = `${Math.max(8, event.clientY - tip.offsetHeight - 12)}px`;
  };
  document.addEventListener("pointermove", show);
  document.addEventListener("pointerdown", show);
  document.addEventListener("scroll", () => { tip.hidden = true; }, true);

  // Mark in the answers of a question the words in which they differ from the first method's.
  const MOST = 600;
  const words = text => text.match(/\s+|[^\s]+/g) || [];
  const common = (a, b) => {
    const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
    for (let i = a.length - 1; i >= 0; i--) {
      for (let j = b.length - 1; j >= 0; j--) {
        table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
      }
    }
    const kept = new Set();
    for (let i = 0, j = 0; i < a.length && j < b.length;) {
      if (a[i] === b[j]) { kept.add(j); i++; j++; }
      else if (table[i + 1][j] >= table[i][j + 1]) i++;
      else j++;
    }
    return kept;
  };
  const mark = (place, against) => {
    const own = words(place.textContent), kept = common(words(against), own);
    place.replaceChildren(...own.map((word, index) => {
      if (kept.has(index) || !word.trim()) return document.createTextNode(word);
      const marked = document.createElement("mark");
      marked.textContent = word;
      return marked;
    }));
  };
  for (const question of document.querySelectorAll(".question")) {
    const places = [...question.querySelectorAll(".answer:not(.ab) > p:not(.empty)")];
    const texts = places.map(place => place.textContent);
    if (places.length < 2 || new Set(texts).size < 2 || texts.some(text => words(text).length > MOST)) continue;
    let marked = false;
    const toggle = button(say.diff, made => {
      marked = !marked;
      made.setAttribute("aria-pressed", String(marked));
      made.textContent = marked ? say.same : say.diff;
      places.forEach((place, index) => {
        if (!marked) place.textContent = texts[index];
        else mark(place, texts[index ? 0 : 1]);
      });
    });
    question.append(toggle);
  }

  // What is folded is printed too.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of opened) one.open = false; });
  const reach = () => {
    const place = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let one = place; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
    const inside = place && place.querySelector(":scope > details");
    if (inside) inside.open = true;
  };
  addEventListener("hashchange", reach);
  reach();
})();
