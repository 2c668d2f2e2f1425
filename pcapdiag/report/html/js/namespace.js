"use strict";
/* The page's only global. Every file adds to it; none reaches into another's insides. */
window.pcapdiag = { figures: {} };
