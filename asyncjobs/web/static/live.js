// Keeps a page fresh: asks for the same address every two seconds, and puts what is new in place of what was, unless somebody is at it.
"use strict";
(() => {
  const EVERY = 2000, SLOWEST = 30000, SAID_FOR = 15000; // ms
  const html = { createHTML: (text) => text }; // our own page, from our own origin
  const policy = window.trustedTypes ? window.trustedTypes.createPolicy("asyncjobs", html) : html;
  let tag = "", wait = EVERY, failures = 0, timer = 0, seen = new Date();

  const address = new URL(location.href);
  for (const name of ["did", "n", "more"]) address.searchParams.delete(name); // what was done is said once
  history.replaceState(null, "", address);

  const main = () => document.querySelector("main");

  function isBusy() {
    const selection = getSelection();
    const fields = [...main().querySelectorAll("input, select")];
    return (selection && !selection.isCollapsed && main().contains(selection.anchorNode)) ||
      fields.some((field) => field === document.activeElement || field.checked !== field.defaultChecked ||
        (!["checkbox", "radio"].includes(field.type) && (field.matches("select") ? [...field.options].some((one) => one.selected !== one.defaultSelected) : field.value !== field.defaultValue)));
  }

  function nameOf(element) {
    return element && [element.localName, element.getAttribute("aria-label"), element.getAttribute("href"), element.textContent].join("|");
  }

  function put(fresh) {
    const old = main(), now = document.importNode(fresh, true), active = old.contains(document.activeElement) && document.activeElement;
    const open = new Set([...old.querySelectorAll("details[open] > summary")].map((one) => one.textContent));
    const closed = new Set([...old.querySelectorAll("details:not([open]) > summary")].map((one) => one.textContent));
    for (const summary of now.querySelectorAll("details > summary")) {
      if (open.has(summary.textContent)) summary.parentElement.open = true;
      if (closed.has(summary.textContent)) summary.parentElement.open = false;
    }
    const said = old.querySelector(".did");
    if (said && performance.now() < SAID_FOR) now.prepend(said);
    const across = [...old.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
    old.replaceWith(now);
    now.querySelectorAll(".scroll").forEach((box, place) => { box.scrollLeft = across[place] || 0; });
    offer();
    if (active) [...now.querySelectorAll(active.localName)].find((one) => nameOf(one) === nameOf(active))?.focus({ preventScroll: true });
  }

  function offer() { // what can't be done without a script
    for (const box of document.querySelectorAll("[data-every]")) box.hidden = false;
  }

  document.addEventListener("change", ({ target }) => {
    if (!target.matches("[data-every]")) return;
    for (const box of target.form.querySelectorAll(`[name="${target.dataset.every}"]`)) box.checked = target.checked;
  });

  function say(words, isLost) {
    const place = document.querySelector("[data-live]");
    if (!place) return;
    place.textContent = words;
    place.classList.toggle("bad", isLost);
  }

  async function look() {
    clearTimeout(timer);
    if (document.hidden) return; // until it is seen again
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html", "If-None-Match": tag }, cache: "no-store", redirect: "error" });
      if (answer.status === 200 && !isBusy()) {
        const page = new DOMParser().parseFromString(policy.createHTML(await answer.text()), "text/html");
        const fresh = page.querySelector("main");
        if (fresh && !isBusy()) {
          put(fresh);
          document.title = page.title;
          tag = answer.headers.get("ETag") || "";
        }
      } else if (answer.status !== 200 && answer.status !== 304) {
        throw new Error(String(answer.status));
      }
      failures = 0;
      wait = EVERY;
      seen = new Date();
      say("live, every 2 s", false);
    } catch {
      failures += 1;
      wait = Math.min(wait * 2, SLOWEST);
      if (failures >= 3) say(`not updating since ${seen.toLocaleTimeString()}: the server does not answer as it did`, true);
    }
    timer = setTimeout(look, wait);
  }

  if (main().hasAttribute("data-still")) {
    offer();
    return;
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  offer();
  say("live, every 2 s", false);
  timer = setTimeout(look, EVERY);
})();
