// A page of incidents or of one place: asks for itself again when the server says that something changed, and every ten
// seconds; says so when nobody answers.

import { goOn, stop } from "./stopped.js";

const EVERY_MS = 10000;
const LEAST_MS = 500;
const QUIET_MS = 7000; // the server speaks every two seconds
const AGAIN_MS = 2000;

const main = document.querySelector("main");
let heard = Date.now();
let version = null;
let askedAt = Date.now();
let isAsking = false;
let isDue = false;

// What somebody writes must not be taken from under their hands.
function isWritten() {
  return [...main.querySelectorAll("input:not([type=hidden]), textarea, select")].some((field) =>
    field.tagName === "SELECT"
      ? field.selectedIndex > 0 && ![...field.options][field.selectedIndex].defaultSelected
      : field.value !== field.defaultValue || field === document.activeElement);
}

function replace(fresh) {
  const controls = "a, button, summary";
  const focused = [...main.querySelectorAll(controls)].indexOf(document.activeElement);
  const opened = [...main.querySelectorAll("details")].map((each) => each.open);
  main.replaceChildren(...fresh.childNodes);
  main.querySelectorAll("details").forEach((each, index) => { each.open = opened[index] ?? false; });
  if (focused >= 0) main.querySelectorAll(controls)[focused]?.focus();
}

async function again() {
  if (document.hidden || isAsking || isWritten()) return;
  isAsking = true;
  isDue = false;
  askedAt = Date.now();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.ok || answer.status === 404) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!isWritten()) replace(fresh.querySelector("main"));
      document.title = fresh.title;
    }
  } catch {
    // No answer: what listens says so.
  }
  isAsking = false;
}

function listen() {
  const source = new EventSource("/changes");
  source.onmessage = (event) => {
    heard = Date.now();
    goOn();
    if (version !== null && event.data !== version) isDue = true;
    version = event.data;
  };
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_MS);
  };
}

document.addEventListener("visibilitychange", again);
setInterval(() => {
  const since = Date.now() - askedAt;
  if (since >= EVERY_MS || (isDue && since >= LEAST_MS)) again();
}, LEAST_MS);
setInterval(() => {
  if (!document.hidden && Date.now() - heard > QUIET_MS) stop(Date.now() - heard);
}, 1000);
listen();
