// Keeps a page up to date: whenever the server says that figures changed, its content is fetched again and put in the
// place of the old. Without this script the page is the same, and stands still.
(() => {
  "use strict";
  const PAUSE_MS = 500;
  const main = () => document.getElementById("content");
  let busy = false, again = false;

  const mark = (on) => {
    for (const own of document.querySelectorAll(".live")) {
      own.textContent = on ? own.dataset.on : own.dataset.off;
      own.classList.toggle("on", on);
    }
  };

  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        const content = fresh.getElementById("content");
        if (content && !main().contains(document.activeElement)) main().replaceWith(content);
        mark(source.readyState === EventSource.OPEN);
      }
    } catch {
      mark(false);
    }
    setTimeout(() => {
      busy = false;
      if (again) { again = false; refresh(); }
    }, PAUSE_MS);
  };

  const source = new EventSource("/live");
  source.addEventListener("open", () => mark(true));
  source.addEventListener("error", () => mark(false));
  source.addEventListener("figures", refresh);
})();
