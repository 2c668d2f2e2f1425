"use strict";
/* The data blocks: deflated JSON in base64. */
(() => {
  async function unpack(name) {
    const block = document.getElementById(`data-${name}`);
    if (!block) return null;
    const bytes = Uint8Array.from(atob(block.textContent), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  pcapdiag.unpack = unpack;
})();
