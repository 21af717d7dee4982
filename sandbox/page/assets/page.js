// Keeps the page current without losing what a person typed or opened.
// Everything works without this file too: forms post and the page reloads.
"use strict";

(() => {
  const served = new WeakMap(); // part -> its HTML as the server wrote it
  const open = new Map(); // "part/summary" -> whether the person opened it

  // The wording of relative times changes by itself; it is no reason to swap a part.
  const asServed = (part) => part.outerHTML.replace(/(<time [^>]*>)[^<]*/g, "$1");
  const parts = (root) => [...root.querySelectorAll("[data-live]")];
  const remember = () => parts(document).forEach((part) => served.set(part, asServed(part)));

  // A summary is known by its words up to a colon: what follows are counts that change.
  const label = (details) => details.id || details.querySelector("summary")?.textContent.split(":")[0].trim();
  const detailsKey = (details, part) => {
    const path = [];
    for (let at = details; at && part.contains(at); at = at.parentElement?.closest("details")) path.unshift(label(at));
    return part.id + "/" + path.join("/");
  };

  // What a person opened or closed stays so when its part is swapped.
  document.addEventListener("click", (event) => {
    const details = event.target.closest("summary")?.parentElement;
    const part = details?.closest("[data-live]");
    if (part) open.set(detailsKey(details, part), !details.open);
  });

  const restore = (part) => {
    for (const details of [part, ...part.querySelectorAll("*")].filter((element) => element.matches("details"))) {
      const state = open.get(detailsKey(details, part));
      if (state !== undefined) details.open = state;
    }
  };

  const swap = (old, fresh) => {
    const html = asServed(fresh);
    if (served.get(old) === html) return;
    const part = document.importNode(fresh, true);
    served.set(part, html);
    restore(part);
    old.replaceWith(part);
  };

  // A list's items come and go; every other part stays and changes.
  const syncList = (list, fresh) => {
    const wanted = new Map([...fresh.children].map((item) => [item.id, item]));
    for (const item of [...list.children]) if (!wanted.has(item.id)) item.remove();
    let previous = null;
    for (const [id, item] of wanted) {
      let present = list.querySelector(":scope > #" + CSS.escape(id));
      if (present) {
        swap(present, item);
        present = document.getElementById(id);
      } else {
        present = document.importNode(item, true);
        served.set(present, asServed(item));
      }
      const place = previous ? previous.nextElementSibling : list.firstElementChild;
      if (present !== place) list.insertBefore(present, place);
      previous = present;
    }
  };

  const show = (html) => {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    for (const list of document.querySelectorAll("[data-live-list]")) {
      const other = fresh.getElementById(list.id);
      if (other) syncList(list, other);
    }
    for (const part of parts(document)) {
      if (part.parentElement.hasAttribute("data-live-list")) continue;
      const other = fresh.getElementById(part.id);
      if (other) swap(part, other);
    }
    document.title = fresh.title;
    scrollers();
    tick();
  };

  // One request at a time; changes that come meanwhile cause one more.
  let busy = false;
  let again = false;
  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    do {
      again = false;
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (answer.ok) show(await answer.text());
      } catch { /* the server restarts; the event stream comes back and asks again */ }
    } while (again);
    busy = false;
  };

  // Short notes go away by themselves.
  let saying = 0;
  const say = (text) => {
    const toast = document.getElementById("toast");
    toast.textContent = text;
    clearTimeout(saying);
    saying = setTimeout(() => { toast.textContent = ""; }, 8000);
  };

  const sending = new WeakSet(); // forms whose answer has not come

  // Forms of the conversation are sent in place. The answer is the page itself.
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.hasAttribute("data-inline")) return;
    event.preventDefault();
    if (sending.has(form)) return; // Ctrl + Enter again, before the answer
    sending.add(form);
    const data = new URLSearchParams(new FormData(form));
    if (event.submitter?.name) data.set(event.submitter.name, event.submitter.value);
    const buttons = form.querySelectorAll("button");
    buttons.forEach((button) => { button.disabled = true; });
    try {
      const answer = await fetch(form.action, { method: "POST", body: data });
      const html = await answer.text();
      if (answer.ok) form.querySelectorAll("textarea").forEach((area) => { area.value = ""; });
      show(html);
      if (answer.ok && form.dataset.sent) say(form.dataset.sent);
    } catch {
      event.target.submit(); // no answer in place: let the browser do it and show why
    } finally {
      sending.delete(form);
      buttons.forEach((button) => { button.disabled = false; });
    }
  });

  // A suggestion fills the comment box.
  document.addEventListener("click", (event) => {
    const chip = event.target.closest("a[data-comment]");
    const box = document.querySelector("#comment textarea");
    if (!chip || !box) return;
    event.preventDefault();
    box.value = chip.dataset.comment;
    box.focus();
    box.scrollIntoView({ block: "center" });
  });

  // The menu closes as menus do.
  const menu = document.getElementById("person");
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form?.requestSubmit();
  });

  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];
  const relative = (seconds) => {
    for (const [unit, size] of units) {
      const count = Math.floor(seconds / size);
      if (count >= 1) return count + " " + unit + (count > 1 ? "s" : "") + " ago";
    }
    return "now";
  };
  const tick = () => {
    for (const time of document.querySelectorAll("time[data-relative]")) {
      const text = relative((Date.now() - Date.parse(time.dateTime)) / 1000);
      if (time.textContent !== text) time.textContent = text;
    }
  };

  // What is wider than the page is scrolled with the keyboard, too.
  const scrollers = () => {
    for (const wide of document.querySelectorAll(".markdown table, .markdown pre")) {
      if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
    }
  };

  remember();
  scrollers();
  tick();
  setInterval(tick, 15000);

  // A browser keeps few connections per server, so only a visible page listens.
  // The stream announces a change at its start: what was missed is read then.
  const address = document.body.dataset.events;
  let stream = null;
  const listen = () => {
    const wanted = address && document.visibilityState === "visible";
    if (wanted && !stream) {
      stream = new EventSource(address);
      stream.addEventListener("change", refresh);
    } else if (!wanted && stream) {
      stream.close();
      stream = null;
    }
  };
  document.addEventListener("visibilitychange", listen);
  listen();
})();
