// The live view in a browser: shows what the server tells, at most once a second, and sends what is asked for.
"use strict";

const $ = (id) => document.getElementById(id);
const words = document.body.dataset;
const base = new URL("./", location.href);
const SILENT_MS = 6000; // without a first event a proxy holds the stream back: then it is asked for
const POLL_MS = 2000;

let stream = null;
let poll = 0;
let watchdog = 0;
let chosen = "";
let shown = {};
let drawn = {};

function setText(id, text) {
  const node = $(id);
  if (node.textContent !== text) node.textContent = text;
}

function show(id, yes) {
  $(id).hidden = !yes;
}

function make(tag, text, kind) {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  if (kind) node.className = kind;
  return node;
}

function changed(name, value) {
  const text = JSON.stringify(value);
  if (drawn[name] === text) return false;
  drawn[name] = text;
  return true;
}

function draw(id, svg) {
  if (!changed(id, svg)) return;
  const node = $(id);
  node.replaceChildren();
  if (!svg) return;
  const parsed = new DOMParser().parseFromString(svg, "text/html").querySelector("svg");
  if (parsed) node.append(document.importNode(parsed, true));
}

function showRaces(told) {
  show("pick", told.races.length > 0);
  if (changed("races", [told.races, told.name])) {
    $("races").replaceChildren(...told.races.map((name) => new Option(name, name, false, name === told.name)));
  }
}

function showTable(race) {
  show("table-section", Boolean(race.rows));
  if (!race.rows || !changed("table", [race.columns, race.rows])) return;
  const heads = ["", ...race.columns].map((column) => make("th", column));
  heads.forEach((head) => (head.scope = "col"));
  $("columns").replaceChildren(...heads);
  $("rows").replaceChildren(...race.rows.flatMap((row) => makeRows(row, race.columns)));
}

function makeRows(row, columns) {
  const line = make("tr", "", "method");
  const head = make("th");
  head.scope = "row";
  head.append(make("span", "", `dot b${row.number}`), make("bdi", row.title), make("small", row.status));
  line.append(head);
  row.cells.forEach((cell, place) => {
    const box = make("td");
    box.dataset.label = columns[place];
    box.append(make("b", cell.figure), ...cell.below.map((text) => make("small", text)));
    line.append(box);
  });
  const failures = row.failures.map((text) => {
    const failure = make("tr", "", "failure");
    const box = make("td", text);
    box.colSpan = columns.length + 1;
    failure.append(box);
    return failure;
  });
  return [line, ...failures];
}

function showAsked(race, busy) {
  const answers = race.answers || [];
  show("ask-section", answers.length > 0);
  show("ask-waits", busy && answers.length > 0);
  if (!changed("asked", [race.asked, answers])) return;
  $("asked").replaceChildren(...race.asked.map((one) => makeAsked(one, answers)));
}

function makeAsked(one, answers) {
  const box = make("div", "", "question card");
  box.append(make("h3", one.question));
  if (one.status) box.append(make("p", one.status, one.ended ? "error" : "muted"));
  const grid = make("div", "", "answers");
  for (const answer of answers) {
    const text = one.texts[answer.name];
    if (text === undefined) continue;
    const part = make("div", "", `answer a${answer.number}`);
    const isWhole = one.done.includes(answer.name);
    part.append(make("h4", answer.title), make("p", text + (isWhole || one.ended ? "" : " …")));
    grid.append(part);
  }
  if (grid.childNodes.length) box.append(grid);
  return box;
}

function showReport(race, name) {
  show("report-section", race.report);
  const address = race.report ? new URL(`races/${encodeURIComponent(name)}/report.html`, base).href : "";
  if (!changed("report", address)) return;
  $("report").src = address || "about:blank";
  $("report-link").href = address || "#";
}

function showHeadline(text) {
  if (!changed("headline", text)) return;
  const [, before, within] = text.match(/^([^(]*[^( ]) (\(.*\))$/) || ["", text, ""];
  $("headline").replaceChildren(before, " ", make("span", within, "interval"));
}

function showRace(race, name, busy) {
  show("race", true);
  setText("state", race.state_text);
  $("state").dataset.state = race.state;
  show("stop", race.can_stop);
  if (!race.can_stop) $("stop").disabled = false;
  setText("trouble", race.error || race.trouble);
  show("trouble", Boolean(race.error || race.trouble));
  if (changed("banners", race.banners || [])) {
    $("banners").replaceChildren(...(race.banners || []).map((one) => {
      const banner = make("p", "", "banner");
      const text = make("span", one.text);
      if (one.command) text.append(" ", make("code", one.command));
      banner.append(make("b", one.label), text);
      return banner;
    }));
  }
  setText("now", race.now);
  show("now-card", Boolean(race.now));
  show("share", race.share !== null);
  $("share").value = race.share || 0;
  show("verdict", Boolean(race.headline));
  showHeadline(race.headline || "");
  setText("total", race.total || "");
  setText("rounds", race.rounds || "");
  draw("interval", race.interval);
  draw("losses", race.losses);
  draw("memory", race.memory);
  show("losses-card", Boolean(race.losses));
  show("memory-card", Boolean(race.memory));
  show("charts", Boolean(race.losses || race.memory));
  show("go-on", Boolean(race.go_on));
  setText("go-on-command", race.go_on);
  showTable(race);
  showAsked(race, busy);
  showReport(race, name);
  setText("said", race.said);
  show("said-box", Boolean(race.said));
}

function showAll(told) {
  shown = told;
  show("lost", false);
  showRaces(told);
  show("nothing", !told.race);
  if (told.race) showRace(told.race, told.name, told.busy);
  else {
    show("race", false);
    show("stop", false);
    setText("state", "");
    if (changed("first", told.races.length)) $("new-box").open = told.races.length === 0;
  }
}

function lose() {
  setText("lost", words.lost);
  show("lost", true);
}

function address(what) {
  const url = new URL(what, base);
  if (chosen) url.searchParams.set("race", chosen);
  return url;
}

function listen() {
  hush();
  stream = new EventSource(address("events"));
  stream.onmessage = (event) => {
    clearTimeout(watchdog);
    showAll(JSON.parse(event.data));
  };
  stream.onerror = lose;
  watchdog = setTimeout(askAgain, SILENT_MS);
}

async function askAgain() {
  hush();
  try {
    showAll(await (await fetch(address("state"))).json());
  } catch {
    lose();
  }
  poll = setTimeout(askAgain, POLL_MS);
}

function hush() {
  if (stream) stream.close();
  stream = null;
  clearTimeout(watchdog);
  clearTimeout(poll);
}

function choose(name) {
  chosen = name;
  drawn = {};
  history.replaceState(null, "", name ? `#${encodeURIComponent(name)}` : "#");
  listen();
}

async function send(what, value = {}) {
  const answer = await fetch(new URL(what, base), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(value),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  return told;
}

// Do what a button asks for: it cannot be pressed twice meanwhile, and what is refused is said beside it.
async function act(button, error, work) {
  setText(error, "");
  button.disabled = true;
  const label = button.textContent;
  button.textContent = words.waits;
  try {
    await work();
  } catch (problem) {
    setText(error, problem.message);
  } finally {
    button.disabled = false;
    button.textContent = label;
  }
}

function readForm() {
  const given = new FormData($("form"));
  const form = { methods: given.getAll("methods") };
  for (const name of ["model", "data", "held_out", "epochs", "out", "more"]) form[name] = given.get(name);
  return form;
}

let spelling = 0;
async function spell() {
  const number = (spelling += 1);
  try {
    const told = await send("command", readForm());
    if (number !== spelling) return;
    setText("command", told.command);
    setText("goes-on", words.goesOn);
    show("goes-on", told.goes_on);
    setText("start-error", "");
  } catch (problem) {
    if (number === spelling) setText("start-error", problem.message);
  }
}

function showPreview(told) {
  show("preview-box", true);
  setText("preview-line", told.line);
  $("preview-notes").replaceChildren(...told.notes.map((note) => make("li", note)));
  $("examples").replaceChildren(...told.examples.map((example) => {
    const box = make("div", "", "example");
    box.append(make("small", example.source));
    const text = make("p");
    for (const piece of example.pieces) {
      const kind = `${piece.trained ? "trained" : "context"}${piece.special ? " special" : ""}`;
      text.append(make(piece.trained ? "mark" : "span", piece.text, kind));
    }
    box.append(text);
    return box;
  }));
}

function showPlan(told) {
  show("plan-box", true);
  $("plan-lines").replaceChildren(...[...told.lines, told.whole].map((line) => make("li", line)));
}

const here = () => `races/${encodeURIComponent(shown.name)}/`;

$("races").addEventListener("change", (event) => choose(event.target.value));
$("form").addEventListener("input", spell);
$("preview").addEventListener("click", (event) =>
  act(event.target, "form-error", async () => showPreview(await send("preview", readForm()))));
$("plan").addEventListener("click", (event) =>
  act(event.target, "form-error", async () => showPlan(await send("plan", readForm()))));
$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  act($("start"), "start-error", async () => {
    const told = await send("start", readForm());
    $("new-box").open = false;
    choose(told.name);
    window.scrollTo(0, 0);
  });
});
$("go-on-button").addEventListener("click", (event) =>
  act(event.target, "go-on-error", () => send(`${here()}go-on`)));
$("stop").addEventListener("click", async () => {
  $("stop").disabled = true;
  try {
    await send(`${here()}stop`);
    setText("state", words.stopping);
  } catch (problem) {
    setText("trouble", problem.message);
    show("trouble", true);
    $("stop").disabled = false;
  }
});
$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = $("question").value;
  act($("ask").querySelector("button"), "ask-error", async () => {
    await send(`${here()}ask`, { question });
    $("question").value = "";
  });
});
$("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("ask").requestSubmit();
  }
});
$("new-box").addEventListener("toggle", () => $("new-box").open && spell());
// A tab that nobody sees asks for nothing: whatever is read is read beside a race that is timed.
document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));

function readHash() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

choose(readHash());
