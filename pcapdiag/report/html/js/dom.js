"use strict";
/* Elements from data: texts become text nodes, never markup. */
(() => {
  function filled(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === false || value === null || value === undefined) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? "" : String(value));
    }
    for (const child of children.flat(Infinity)) {
      if (child === null || child === undefined || child === false) continue;
      node.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
    return node;
  }

  pcapdiag.el = (tag, attributes, ...children) =>
    filled(document.createElement(tag), attributes, children);
  pcapdiag.say = (text) => {
    document.getElementById("status").textContent = text;
  };
})();
