// A page that is not told what changes asks again every ten seconds, and says so when nobody answers.

import { goOn, stop } from "./stopped.js";

const EVERY_MS = 10000;
const QUIET_MS = 25000;

let heard = Date.now();

function replace(main, fresh) {
  const controls = "a, button, summary";
  const focused = [...main.querySelectorAll(controls)].indexOf(document.activeElement);
  const opened = [...main.querySelectorAll("details")].map((each) => each.open);
  main.replaceChildren(...fresh.childNodes);
  main.querySelectorAll("details").forEach((each, index) => { each.open = opened[index] ?? false; });
  if (focused >= 0) main.querySelectorAll(controls)[focused]?.focus();
}

async function again() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok && answer.status >= 500) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    replace(document.querySelector("main"), fresh.querySelector("main"));
    document.title = fresh.title;
    heard = Date.now();
    goOn();
  } catch {
    // No answer: the other timer says so.
  }
}

document.addEventListener("visibilitychange", again);
setInterval(again, EVERY_MS);
setInterval(() => {
  if (!document.hidden && Date.now() - heard > QUIET_MS) stop(Date.now() - heard);
}, 1000);
