"use strict";
/* Light, dark, or what the system says; kept where the browser lets a file keep anything. */
(() => {
  const NAME = "pcapdiag-theme";
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function kept() {
    try {
      return localStorage.getItem(NAME);
    } catch {
      return null;
    }
  }

  function keep(theme) {
    try {
      localStorage.setItem(NAME, theme);
    } catch {
      /* Then it lasts as long as the page. */
    }
  }

  const current = () =>
    document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");

  function label() {
    const button = document.querySelector("[data-does=theme]");
    button.textContent = current() === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `${button.textContent} colours`);
  }

  function toggle() {
    const theme = current() === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    keep(theme);
    label();
  }

  function begin() {
    const theme = kept();
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
    label();
    dark.addEventListener("change", label);
  }

  pcapdiag.theme = { begin, toggle };
})();
