// Times that go on by themselves: the clock at the top, and the age of each value. The server's clock counts, not ours.

const SECOND = 1000;
const language = document.documentElement.lang;
const ENDS = language === "id"
  ? [["tahun"], ["hari"], ["jam"], ["menit"], ["detik"]]
  : [["year", "years"], ["day", "days"], ["hour", "hours"], ["minute", "minutes"], ["second", "seconds"]];
const SIZES = [31557600, 86400, 3600, 60, 1];

let ahead = 0; // of our clock, in milliseconds

export function serverSays(now) {
  ahead = Date.now() - now * SECOND;
}

export function now() {
  return (Date.now() - ahead) / SECOND;
}

// A time in one unit, rounded down, as view/numbers.py says it.
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const unit = SIZES.findIndex((size) => whole >= size);
  const at = unit < 0 ? SIZES.length - 1 : unit;
  const count = Math.floor(whole / SIZES[at]);
  return `${count} ${count === 1 ? ENDS[at][0] : ENDS[at].at(-1)}`;
}

export function clock(seconds, zone) {
  return new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit" })
    .format(new Date(seconds * SECOND));
}

function tick() {
  const at = now();
  const shown = document.querySelector(".clock time");
  if (shown) shown.querySelector(".hms").textContent = clock(at, shown.dataset.zone);
  if (document.body.classList.contains("frozen")) return;
  for (const age of document.querySelectorAll("[data-at]")) {
    const text = duration(at - Number(age.dataset.at));
    if (age.textContent !== text) age.textContent = text;
  }
}

const first = document.querySelector(".clock time");
if (first) serverSays(Number(first.dataset.now));
setInterval(tick, SECOND);
