// Keeps the overview as it is: what the server tells, and that it has stopped telling.

import { goOn, isStopped, stop, timeOfDay } from "./stopped.js";
import { now, serverSays } from "./time.js";

const QUIET_MS = 7000; // the server speaks every two seconds
const AGAIN_MS = 2000;

const main = document.querySelector("main[data-live]");
let source;
let heard = Date.now();
let testedAt = null;

function text(element, value) {
  if (element && element.textContent !== value) element.textContent = value;
}

function attribute(element, name, value) {
  if (element && element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

function mark(svg, name) {
  attribute(svg.querySelector("use"), "href", `#${name}`);
}

function element(html) {
  const template = document.createElement("template");
  template.innerHTML = html; // from our own server, where every value is escaped
  return template.content.firstElementChild;
}

function room(name) {
  return main.querySelector(`.room[data-room="${CSS.escape(name)}"]`);
}

function showVerdict(verdict, tally) {
  const box = main.querySelector(".verdict");
  box.className = `verdict ${verdict.level}`;
  mark(box.querySelector(".mark"), verdict.level);
  text(box.querySelector("h1"), verdict.head);
  text(box.querySelector("b.lead"), verdict.lead);
  text(box.querySelector(".more"), verdict.more);
  document.title = verdict.title;
  const counts = box.querySelector(".tally");
  counts.hidden = tally.length === 0;
  tally.forEach((count, index) => {
    const item = counts.children[index];
    text(item.querySelector(".count"), count);
    item.classList.toggle("none", count === "0" && index < 3);
  });
}

function showCanary(canary) {
  testedAt = canary.at;
  const line = main.querySelector(".canary");
  mark(line.querySelector(".mark"), canary.mark);
  text(line.querySelector(".said"), canary.text);
  const pulses = line.querySelector(".pulses");
  attribute(pulses, "aria-label", canary.described);
  attribute(pulses.querySelector("path"), "d", canary.path);
}

function showCauses(causes) {
  const list = main.querySelector(".causes");
  const before = [...list.children].map((item) => item.lastElementChild.textContent);
  if (before.length === causes.length && before.every((said, index) => said === causes[index])) return;
  list.replaceChildren(...causes.map((said) => {
    const item = list.nextElementSibling.content.firstElementChild.cloneNode(true);
    item.lastElementChild.textContent = said;
    return item;
  }));
}

function showValues(name, measures) {
  const boxes = room(name)?.querySelectorAll(".measure") ?? [];
  measures.forEach(([said, value, at, from, to, time, described], index) => {
    const box = boxes[index];
    if (!box) return;
    const shown = box.querySelector(".value");
    text(shown.querySelector(".number"), said);
    if (value !== null) attribute(shown, "value", value);
    const bar = box.querySelector(".bar");
    attribute(bar, "aria-label", described);
    const pointer = bar.querySelector(".now");
    if (pointer && at !== null) for (const end of ["x1", "x2"]) attribute(pointer, end, `${at}%`);
    const over = bar.querySelector(".over");
    if (over && from !== null) {
      attribute(over, "x1", `${from}%`);
      attribute(over, "x2", `${to}%`);
    }
    const age = box.querySelector(".age");
    if (time !== null) attribute(age, "data-at", time);
  });
  const oldest = Math.min(...measures.map((each) => each[5]).filter((time) => time !== null));
  const age = room(name)?.querySelector("footer .age");
  if (age && Number.isFinite(oldest)) attribute(age, "data-at", oldest);
}

function showRooms(rooms) {
  for (const [name, html] of Object.entries(rooms)) {
    const fresh = element(html);
    const known = room(name);
    if (known) {
      const had = known.contains(document.activeElement);
      known.replaceWith(fresh);
      if (had) fresh.querySelector("h3 a").focus();
    } else {
      main.querySelector(".rooms.calm").append(fresh);
    }
  }
}

function arrange([loud, calm]) {
  for (const [list, names] of [[".rooms.loud", loud], [".rooms.calm", calm]]) {
    const box = main.querySelector(list);
    names.forEach((name, index) => {
      const one = room(name);
      if (one && box.children[index] !== one) box.insertBefore(one, box.children[index] ?? null);
    });
    box.closest("section").hidden = names.length === 0;
  }
  const known = new Set([...loud, ...calm]);
  for (const one of main.querySelectorAll(".room")) if (!known.has(one.dataset.room)) one.remove();
  text(main.querySelector(".calm-count"), String(calm.length));
}

// Many places: a square for each. From our own server, where every value is escaped.
function showGroups(html) {
  const box = main.querySelector(".groups");
  box.innerHTML = html;
  box.closest("section").hidden = html === "";
  main.querySelector(".find").hidden = html === "";
}

function show(message) {
  serverSays(message.now);
  main.dataset.read = "yes";
  showVerdict(message.verdict, message.tally);
  showCanary(message.canary);
  showCauses(message.causes);
  if (message.rooms) showRooms(message.rooms);
  for (const [name, measures] of Object.entries(message.values ?? {})) showValues(name, measures);
  if (message.order) arrange(message.order);
  if (message.groups !== undefined) showGroups(message.groups);
  main.querySelector(".first-steps").hidden = message.places > 0;
}

function showStopped(quietMs) {
  const isFirst = !isStopped();
  stop(quietMs);
  if (!isFirst) return;
  document.title = main.dataset.lost;
  const box = main.querySelector(".verdict");
  const said = box.querySelector("h1").textContent;
  const when = timeOfDay(now() - quietMs / 1000);
  box.className = "verdict unknown";
  mark(box.querySelector(".mark"), "unknown");
  text(box.querySelector("h1"), main.dataset.unknown);
  text(box.querySelector("b.lead"), "");
  text(box.querySelector(".more"), main.dataset.last.replace("{when}", when).replace("{verdict}", said));
  box.querySelector(".tally").hidden = true;
  const canary = main.querySelector(".canary");
  mark(canary.querySelector(".mark"), "silent");
  const tested = testedAt === null ? "–" : timeOfDay(testedAt);
  text(canary.querySelector(".said"), main.dataset.tested.replace("{when}", tested));
}

function connect() {
  source?.close();
  source = new EventSource("/live");
  source.onmessage = (event) => {
    heard = Date.now();
    goOn();
    show(JSON.parse(event.data));
  };
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN_MS);
  };
}

setInterval(() => {
  const quiet = Date.now() - heard;
  if (quiet > QUIET_MS) {
    showStopped(quiet);
    // A connection that is open and says nothing is as good as none.
    if (quiet % (3 * QUIET_MS) < 1000 && source.readyState !== EventSource.CONNECTING) connect();
  }
}, 1000);
connect();
