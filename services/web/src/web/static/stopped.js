// The banner and the grey of a page that hears nothing: nothing on it may look alive.

import { clock, duration, now } from "./time.js";

const banner = document.querySelector(".stopped");
const zone = document.querySelector(".clock time").dataset.zone;

// A time of day with its zone.
export function timeOfDay(seconds) {
  return `${clock(seconds, zone)} ${banner.dataset.zone}`;
}

export function isStopped() {
  return !banner.hidden;
}

// `quietMs`: for how long nothing was heard.
export function stop(quietMs) {
  banner.querySelector(".long").textContent = duration(quietMs / 1000);
  if (isStopped()) return;
  banner.querySelector(".when").textContent = timeOfDay(now() - quietMs / 1000);
  banner.hidden = false;
  document.body.classList.add("frozen");
  for (const age of document.querySelectorAll("[data-at]")) age.textContent = clock(Number(age.dataset.at), zone);
}

export function goOn() {
  banner.hidden = true;
  document.body.classList.remove("frozen");
}
